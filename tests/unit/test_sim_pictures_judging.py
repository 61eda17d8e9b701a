"""How a detector is judged: hits, false finds and misses, and from where on it is sure enough."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch_sim.pictures.canvas import Extent
from aislewatch_sim.pictures.figures import LABELS
from aislewatch_sim.pictures.judging import Find, finds, hits, shared, tallied
from aislewatch_sim.pictures.scenes import Truth, scene
from aislewatch_sim.pictures.targets import targets

HERE, THERE = Extent(0.0, 0.0, 0.5, 0.5), Extent(0.5, 0.5, 1.0, 1.0)
NEAR = Extent(0.0, 0.0, 0.5, 0.4)


def test_a_thing_is_hit_once_and_by_its_own_label() -> None:
    found = [Find("can", 0.9, NEAR), Find("can", 0.8, HERE), Find("box", 0.7, THERE)]
    assert hits(found, [Truth("can", HERE), Truth("can", THERE)]) == [True, False, False]


def test_what_shares_too_little_is_no_hit() -> None:
    assert hits([Find("can", 0.9, Extent(0.0, 0.0, 0.5, 0.24))], [Truth("can", HERE)]) == [False]


def test_an_answer_as_it_is_taught_is_read_without_a_fault() -> None:
    seen = 0
    for seed in range(40):
        truths = scene(seed, 90, 120).truths
        taught = targets(truths)
        sure = [one for one in finds(taught.peaks, taught.boxes) if one.score > 0.999]
        assert all(hits(sure, truths))
        seen += len(sure)
    # Two of one label whose middles share a cell are one.
    assert seen > 0.95 * sum(len(scene(seed, 90, 120).truths) for seed in range(40))


def test_of_two_finds_of_one_thing_the_surer_is_kept() -> None:
    taught = targets([Truth("box", HERE)])
    [row, column] = np.argwhere(taught.peaks[..., 3] == 1)[0]
    taught.peaks[..., 3] = 0
    taught.peaks[row, column - 1, 3] = 0.9
    taught.peaks[row, column + 1, 3] = 0.8
    assert [one.score for one in finds(taught.peaks, taught.boxes)] == [pytest.approx(0.9)]


def test_a_tally_tells_precision_and_recall_and_where_they_are_best_together() -> None:
    truths = [Truth("can", HERE), Truth("can", THERE)]
    found = [
        Find("can", 0.9, HERE),
        Find("can", 0.6, THERE),
        Find("can", 0.4, Extent(0.5, 0.0, 1.0, 0.5)),
    ]
    tally = tallied([(found, truths), ([], [])])["can"]
    assert tally.there == 2
    assert tally.shares(0.8) == (1.0, 0.5)
    assert tally.shares(0.6) == (1.0, 1.0)
    assert tally.shares(0.0) == (2 / 3, 1.0)
    assert tally.best_score() == 0.6


def test_who_finds_nothing_is_told_so_and_not_divided_by() -> None:
    tallies = tallied([([], [Truth("can", HERE)])])
    assert set(tallies) == set(LABELS)
    assert tallies["can"].shares(0.5) == (0.0, 0.0)
    assert tallies["box"].there == 0
    assert 0 < tallies["can"].best_score() < 1


edges = st.floats(0, 1, width=32)


@st.composite
def extents(draw: st.DrawFn) -> Extent:
    left, right = sorted((draw(edges), draw(edges)))
    top, bottom = sorted((draw(edges), draw(edges)))
    return Extent(left, top, right, bottom)


@given(extents(), extents())
def test_what_two_boxes_share_is_a_share_and_the_same_from_both_sides(
    one: Extent, other: Extent
) -> None:
    assert shared(one, other) == pytest.approx(shared(other, one))
    assert 0.0 <= shared(one, other) <= 1.0 + 1e-9
