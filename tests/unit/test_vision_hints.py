"""What people do with goods, from what a detector says of each picture; and honest silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.detecting import Box, Detection
from aislewatch_plugins.vision.findings import Count, Doing, Finding, Item, Person
from aislewatch_plugins.vision.watching import Watcher

STEP_US = 100_000
SHELF = [[0.0, 0.0], [1.0, 0.0], [1.0, 0.25], [0.0, 0.25]]
FLOOR = [[0.0, 0.25], [1.0, 0.25], [1.0, 1.0], [0.0, 1.0]]
AT_SHELF = (0.5, 0.12)
SHOWN = (0.56, 0.5)


def at(label: str, place: tuple[float, float], size: float = 0.1, score: float = 0.9) -> Detection:
    (x, y), half = place, size / 2
    return Detection(label, score, Box(x - half, y - half, x + half, y + half))


def person(x: float = 0.5, y: float = 0.55) -> Detection:
    return at("person", (x, y), 0.3)


class Film:
    """Pictures of a camera, as its detector sees them."""

    def __init__(self, **config: Any) -> None:
        self.watcher = Watcher(
            VisionConfig.model_validate(
                {
                    "source": {"kind": "folder", "path": "."},
                    "key_file": "k",
                    "products": {"can": {}, "box": {}},
                    "zones": {
                        "A3": {"outline": SHELF, "use": "shelf"},
                        "aisle": {"outline": FLOOR},
                    },
                    **config,
                }
            )
        )
        self.time_us = 0
        self.found: list[Finding] = []

    def show(self, pictures: int, *detections: Detection) -> None:
        for _ in range(pictures):
            self.time_us += STEP_US
            self.found += self.watcher.look(self.time_us, detections)

    def carry(self, label: str, way: Sequence[tuple[float, float]], *others: Detection) -> None:
        """Move an article in a hand from place to place, a picture at each."""
        for place in way:
            self.show(1, at(label, place), at("hand", (place[0], place[1] + 0.06)), *others)

    def did(self) -> list[tuple[str, str | None, str | None]]:
        return [(one.action, one.zone, one.label) for one in self.found if isinstance(one, Doing)]

    def doing(self, action: str) -> Doing:
        (one,) = [f for f in self.found if isinstance(f, Doing) and f.action == action]
        return one


def between(a: tuple[float, float], b: tuple[float, float]) -> list[tuple[float, float]]:
    shares = [step / 8 for step in range(9)]
    return [(a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part) for part in shares]


def picked(film: Film) -> None:
    film.show(10, at("can", AT_SHELF))
    film.show(5, at("can", AT_SHELF), person())
    film.carry("can", between(AT_SHELF, SHOWN), person())
    film.show(10, at("can", SHOWN), at("hand", (SHOWN[0], SHOWN[1] + 0.06)), person())


def test_what_lay_on_a_shelf_and_is_in_hands_was_picked() -> None:
    film = Film()
    picked(film)
    assert film.did() == [("pick", "A3", "can")]
    pick = film.doing("pick")
    assert pick.track is not None
    assert 0.85 < pick.confidence <= 0.9
    # It is dated from when it left, not from when that was sure.
    assert 1_500_000 < pick.time_us < 2_400_000


def test_what_comes_into_view_in_a_hand_that_was_at_the_shelf_was_picked_less_surely() -> None:
    film = Film()
    film.show(5, person())
    film.show(3, person(), at("hand", AT_SHELF))
    film.carry("can", [SHOWN] * 10, person())
    assert film.did() == [("pick", "A3", "can")]
    assert film.doing("pick").confidence < 0.8


def test_what_was_brought_along_was_not_picked() -> None:
    film = Film()
    film.carry("can", [SHOWN] * 10, person())
    film.show(3, person(), at("can", SHOWN), at("hand", AT_SHELF))
    film.carry("can", [SHOWN] * 10, person())
    assert film.did() == []


def test_goods_that_lie_in_the_aisle_with_nobody_near_are_no_pick() -> None:
    film = Film()
    film.show(10, at("can", AT_SHELF))
    for place in between(AT_SHELF, (0.5, 0.6)):
        film.show(1, at("can", place))
    film.show(10, at("can", (0.5, 0.6)))
    assert film.did() == []


def test_what_is_put_back_is_a_return_once_no_hand_is_at_it() -> None:
    film = Film()
    picked(film)
    film.carry("can", between(SHOWN, AT_SHELF), person())
    film.carry("can", [AT_SHELF] * 10, person())
    assert film.did() == [("pick", "A3", "can")]
    film.show(10, at("can", AT_SHELF), at("hand", (0.5, 0.5)), person(0.9, 0.6))
    assert film.did() == [("pick", "A3", "can"), ("return", "A3", "can")]


def test_what_was_in_hands_and_is_seen_no_longer_though_the_person_is_was_put_away() -> None:
    film = Film()
    picked(film)
    film.show(30, person(), at("hand", (0.5, 0.5)))
    assert film.did() == [("pick", "A3", "can"), ("conceal", "aisle", "can")]
    conceal = film.doing("conceal")
    assert conceal.track == film.doing("pick").track
    assert 0.6 < conceal.confidence <= 0.9
    # When it was last seen.
    assert conceal.time_us == 3_400_000


def test_without_an_empty_hand_to_be_seen_it_is_less_sure() -> None:
    film = Film()
    picked(film)
    film.show(30, person())
    assert film.doing("conceal").confidence < 0.65


def test_a_turned_back_is_no_concealment_while_the_article_comes_back_in_time() -> None:
    film = Film()
    picked(film)
    film.show(12, person())
    film.carry("can", [SHOWN] * 20, person())
    film.show(5, at("can", SHOWN), at("hand", SHOWN), person())
    assert film.did() == [("pick", "A3", "can")]


def test_what_goes_into_the_shops_basket_is_not_concealed() -> None:
    film = Film()
    picked(film)
    film.show(40, person(), at("basket", SHOWN, 0.25))
    assert film.did() == [("pick", "A3", "can")]


def test_a_basket_that_stood_there_all_along_hides_goods_rightly_too() -> None:
    film = Film()
    film.show(5, at("can", AT_SHELF), at("basket", SHOWN, 0.25))
    picked(film)
    film.show(3, person(), at("can", SHOWN), at("hand", SHOWN), at("basket", SHOWN, 0.25))
    film.show(40, person(), at("basket", SHOWN, 0.25))
    assert "conceal" not in {action for action, _, _ in film.did()}


def test_who_leaves_with_what_they_hold_has_concealed_nothing() -> None:
    film = Film()
    picked(film)
    for n in range(10):
        x = 0.5 + 0.06 * n
        film.show(1, person(x), at("can", (x + 0.06, 0.5)), at("hand", (x + 0.06, 0.56)))
    film.show(40)
    assert film.did() == [("pick", "A3", "can")]


def test_what_vanishes_at_the_pictures_edge_may_have_left_it() -> None:
    film = Film()
    film.carry("can", between((0.5, 0.6), (0.06, 0.6)), person(0.2, 0.6))
    film.carry("can", [(0.06, 0.6)] * 10, person(0.2, 0.6))
    film.show(40, person(0.2, 0.6), at("hand", (0.3, 0.7)))
    assert film.did() == []


def test_a_hint_that_is_not_sure_enough_is_not_told() -> None:
    film = Film(hints={"sure": 0.95})
    picked(film)
    assert film.did() == []


def test_a_blind_camera_forgets_so_that_nothing_is_made_of_the_gap() -> None:
    film = Film()
    picked(film)
    film.watcher.end()
    film.show(40, person(), at("hand", (0.5, 0.5)))
    assert film.did() == [("pick", "A3", "can")]


def test_each_of_two_people_did_what_they_did() -> None:
    film = Film()
    other = person(0.12, 0.6)
    film.show(10, at("can", AT_SHELF), other)
    film.show(5, at("can", AT_SHELF), person(), other)
    film.carry("can", between(AT_SHELF, SHOWN), person(), other)
    film.carry("can", [SHOWN] * 10, person(), other)
    film.show(30, person(), at("hand", (0.5, 0.5)), other)
    nearer = {
        one.track for one in film.found if isinstance(one, Person) and one.time_us > 1_000_000
    }
    assert film.doing("pick").track == film.doing("conceal").track
    first = next(one.track for one in film.found if isinstance(one, Person))
    assert film.doing("pick").track != first
    assert first in nearer


class TestPeople:
    def test_who_comes_into_a_zone_is_told_and_again_while_they_stay(self) -> None:
        film = Film(again="2s")
        film.show(3, person(0.5, 0.0))  # The feet are in the shelf's zone, which is no floor.
        film.show(50, person(0.5, 0.5))
        told = [one for one in film.found if isinstance(one, Person)]
        assert [one.zone for one in told] == ["aisle"] * 3
        assert [one.dwell_us for one in told] == [0, 2_000_000, 4_000_000]
        assert {one.role for one in told} == {None}

    def test_who_stays_for_long_loiters_once(self) -> None:
        film = Film(zones={"aisle": {"outline": FLOOR, "loiter": "3s"}})
        film.show(100, person())
        assert film.did() == [("loiter", "aisle", None)]

    def test_roles_are_told_where_the_detector_tells_them(self) -> None:
        film = Film(labels={"staff": ["waistcoat"]})
        film.show(5, person(0.2), at("waistcoat", (0.8, 0.5), 0.3))
        roles = {one.role for one in film.found if isinstance(one, Person)}
        assert roles == {"customer", "staff"}

    def test_without_zones_the_whole_view_is_one(self) -> None:
        film = Film(zones={})
        film.show(5, person(0.5, 0.9))
        (told,) = [one for one in film.found if isinstance(one, Person)]
        assert told.zone is None

    def test_people_are_counted_once_the_count_holds_still(self) -> None:
        film = Film(again="60s")
        film.show(20, person(0.2))
        film.show(20, person(0.2), person(0.8))
        film.show(2, person(0.2))
        film.show(20, person(0.2), person(0.8))
        film.show(30)
        counts = [one.units for one in film.found if isinstance(one, Count)]
        assert counts == [1, 2, 0]


KIOSK = {"scan": {"outline": [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]], "use": "kiosk"}}


class TestKiosk:
    def test_an_article_is_recognised_once_for_as_long_as_it_is_there(self) -> None:
        film = Film(zones=KIOSK)
        film.show(60, at("can", (0.5, 0.5)))
        (item,) = [one for one in film.found if isinstance(one, Item)]
        assert (item.label, item.zone) == ("can", "scan")
        assert item.confidence == pytest.approx(0.9)

    def test_an_article_beside_the_kiosk_is_none_of_its(self) -> None:
        film = Film(zones=KIOSK)
        film.show(20, at("can", (0.1, 0.5)))
        assert [one for one in film.found if isinstance(one, Item)] == []

    def test_one_that_is_taken_away_and_comes_back_is_another(self) -> None:
        film = Film(zones=KIOSK)
        film.show(10, at("can", (0.5, 0.5)))
        film.show(20)
        film.show(10, at("can", (0.5, 0.5)))
        assert len([one for one in film.found if isinstance(one, Item)]) == 2

    def test_what_lies_there_is_counted(self) -> None:
        film = Film(zones=KIOSK, again="60s")
        film.show(20, at("can", (0.4, 0.5)))
        film.show(20, at("can", (0.4, 0.5)), at("can", (0.7, 0.5)), at("box", (0.6, 0.7)))
        counts = [one.units for one in film.found if isinstance(one, Count) and one.what == "items"]
        assert counts == [1, 3]

    def test_whose_hand_brings_it_is_told(self) -> None:
        film = Film(zones=KIOSK)
        film.carry("can", between((0.1, 0.9), (0.5, 0.5)), person(0.5, 0.7))
        (item,) = [one for one in film.found if isinstance(one, Item)]
        assert item.track is not None


shares = st.floats(0.05, 0.95, allow_nan=False)
things = st.builds(
    at,
    st.sampled_from(["person", "hand", "can", "box", "basket", "cat"]),
    st.tuples(shares, shares),
    st.floats(0.02, 0.4),
    st.floats(0, 1),
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 8), st.lists(things, max_size=5)), max_size=15))
def test_whatever_is_seen_findings_are_of_their_time_and_bounded(
    film_of: list[tuple[int, list[Detection]]],
) -> None:
    film, again = Film(), Film()
    for pictures, detections in film_of:
        film.show(pictures, *detections)
        again.show(pictures, *reversed(detections))
    assert film.found == again.found
    for one in film.found:
        assert 0 < one.time_us <= film.time_us
        if not isinstance(one, Count):
            assert 0 <= one.confidence <= 1
        if isinstance(one, Doing):
            assert one.confidence >= 0.4


def names_of(thing: Any) -> list[str]:
    """Give the names of an object's attributes."""
    return [*getattr(thing, "__slots__", ()), *getattr(thing, "__dict__", {})]


def kept(thing: Any, seen: set[int] | None = None) -> int:
    """Count all entries of all containers that hang on something of ours."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, str | bytes):
        return 0
    seen.add(id(thing))
    inner: list[Any] = []
    if hasattr(thing, "values"):
        inner = list(thing.values())
    elif hasattr(thing, "__iter__"):
        inner = list(thing)
    elif type(thing).__module__.startswith("aislewatch_plugins"):
        inner = [getattr(thing, name) for name in names_of(thing)]
    return len(inner) + sum(kept(one, seen) for one in inner)


def test_a_day_of_people_leaves_nothing_behind() -> None:
    film = Film()
    after: list[int] = []
    for _ in range(20):
        film.show(4, person())
        film.show(4, person(), at("hand", AT_SHELF))
        film.carry("can", [SHOWN] * 10, person())
        film.show(10, person(), at("hand", (0.5, 0.5)))
        film.show(60)
        after.append(kept(film.watcher))
    assert max(after) == after[0]
