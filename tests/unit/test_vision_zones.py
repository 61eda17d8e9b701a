"""Zones: whoever stands on a border does not come and go, and time spent is never negative."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import assume, given
from hypothesis import strategies as st

from aislewatch.devices.outline import distance, inside
from aislewatch_plugins.vision.zones import Zones

LEFT = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
RIGHT = [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0)]
DENTED = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5), (0.0, 1.0)]

shares = st.floats(0, 1, allow_nan=False)
points = st.tuples(shares, shares)


@given(points)
def test_parts_of_a_view_leave_nothing_out_and_share_nothing(point: tuple[float, float]) -> None:
    assume(point[0] < 1 and point[1] < 1)
    assert inside(point, LEFT) != inside(point, RIGHT)


@given(points, st.integers(0, 4))
def test_where_an_outline_begins_and_which_way_it_goes_means_nothing(
    point: tuple[float, float], start: int
) -> None:
    assume(distance(point, DENTED) > 1e-9)
    turned = [*DENTED[start:], *DENTED[:start]]
    assert inside(point, turned) == inside(point, DENTED) == inside(point, turned[::-1])
    assert math.isclose(distance(point, turned), distance(point, DENTED), abs_tol=1e-12)


@given(points, points)
def test_nobody_gets_further_from_an_outline_than_they_walk(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    assert abs(distance(one, DENTED) - distance(other, DENTED)) <= math.dist(one, other) + 1e-9


@given(st.lists(st.dictionaries(st.integers(1, 3), points, max_size=3), max_size=20))
def test_stays_begin_and_end_in_pairs(walk: Sequence[dict[int, tuple[float, float]]]) -> None:
    zones = Zones({"left": LEFT, "dented": DENTED}, margin=0.05)
    open_ones: set[tuple[int, str]] = set()
    for picture, where in enumerate(walk):
        entered, left = zones.look(picture * 100_000, where)
        for stay in entered:
            assert (stay.track, stay.zone) not in open_ones
            open_ones.add((stay.track, stay.zone))
        for stay in left:
            open_ones.remove((stay.track, stay.zone))
            assert stay.dwell_us >= 0
        assert {(stay.track, stay.zone) for stay in zones.stays} == open_ones
        for track, point in where.items():
            for zone, outline in (("left", LEFT), ("dented", DENTED)):
                if inside(point, outline):
                    assert (track, zone) in open_ones
                elif distance(point, outline) > 0.05:
                    assert (track, zone) not in open_ones


def test_who_trembles_on_a_border_stays_one_stay() -> None:
    zones = Zones({"left": LEFT}, margin=0.02)
    changes = 0
    for picture in range(50):
        x = 0.49 if picture % 2 else 0.51
        entered, left = zones.look(picture * 100_000, {1: (x, 0.5)})
        changes += len(entered) + len(left)
    assert changes == 1
    (stay,) = zones.stays
    assert stay.dwell_us == 4_800_000


def test_a_stay_ends_with_its_track() -> None:
    zones = Zones({"left": LEFT, "right": RIGHT}, margin=0.0)
    zones.look(0, {1: (0.2, 0.5), 2: (0.8, 0.5)})
    assert [stay.zone for stay in zones.forget(1)] == ["left"]
    assert zones.forget(1) == []
    assert [stay.track for stay in zones.stays] == [2]


def test_there_is_no_inside_in_a_dent() -> None:
    assert not inside((0.5, 0.9), DENTED)
    assert inside((0.5, 0.4), DENTED)
