"""What labels say of a rule: intervals that hold their estimate and grow tighter, or a plain no."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.authoring.backtest_figures import LABELS_MIN, Suggestion, points_of, suggest, wilson

COUNTS = st.integers(0, 2_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))
CASES = COUNTS.filter(lambda counts: counts[1] > 0)


@given(counts=CASES)
def test_an_interval_of_a_share_holds_the_share_and_stays_between_none_and_all(
    counts: tuple[int, int],
) -> None:
    found = wilson(*counts)
    assert found is not None
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.low < found.high


@given(counts=CASES, times=st.integers(2, 20))
def test_more_of_the_same_labels_make_both_intervals_tighter(
    counts: tuple[int, int], times: int
) -> None:
    right, of = counts
    few, many = wilson(right, of), wilson(right * times, of * times)
    assert few is not None
    assert many is not None
    assert many.high - many.low < few.high - few.low
    # None of many is less sure a ratio than none of few: half a case weighs ever more there.
    if not 0 < right < of:
        return
    some = points_of(right, of, of - right, of)
    more = points_of(right * times, of * times, (of - right) * times, of * times)
    assert some is not None
    assert more is not None
    assert more.high - more.low < some.high - some.low


@given(losses=CASES, honest=CASES)
def test_points_lie_in_their_interval_and_turn_round_when_the_sides_are_swapped(
    losses: tuple[int, int], honest: tuple[int, int]
) -> None:
    found, swapped = points_of(*losses, *honest), points_of(*honest, *losses)
    assert found is not None
    assert swapped is not None
    assert found.low < found.estimate < found.high
    assert isclose(found.estimate, -swapped.estimate, abs_tol=2e-6)
    assert isclose(found.low, -swapped.high, abs_tol=2e-6)


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [
        (0, 10, 0, 0.277533),
        (5, 10, 0.236593, 0.763407),
        (10, 10, 0.722467, 1),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_wilson_gives_the_published_intervals(right: int, of: int, low: float, high: float) -> None:
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I: 81/263.
    found = wilson(right, of)
    assert found is not None
    assert isclose(found.low, low, abs_tol=5e-5)
    assert isclose(found.high, high, abs_tol=5e-5)


def test_ten_times_the_odds_are_about_ten_points() -> None:
    found = points_of(9_000, 10_000, 900, 10_000)
    assert found is not None
    assert isclose(found.estimate, 10, abs_tol=0.01)


def test_nothing_has_no_share_and_one_sort_of_case_no_points() -> None:
    assert wilson(0, 0) is None
    assert points_of(0, 0, 3, 4) is None
    assert points_of(3, 4, 0, 0) is None


def test_few_labels_give_an_interval_and_suggest_nothing() -> None:
    found = suggest(0, LABELS_MIN - 10, LABELS_MIN - 10, 0, 9)
    assert isinstance(found, Suggestion)
    assert found.points.low > 0
    assert not found.change
    assert "29 labels are too few to suggest a change (at least 30)" in found.says
    enough = suggest(0, LABELS_MIN - 10, LABELS_MIN - 10, 0, 10)
    assert isinstance(enough, Suggestion)
    assert enough.change


def test_points_inside_the_interval_are_left_alone() -> None:
    found = suggest(15, 45, 50, 1, 50)
    assert isinstance(found, Suggestion)
    assert not found.change
    assert found.says == (
        "labels suggest +15 (95 %: +8 to +22), the file says +15: no contradiction"
    )


def test_labels_of_nothing_but_hits_say_nothing_of_points() -> None:
    assert "label some that it spared" in str(suggest(10, 40, 40, 20, 20))
    assert str(suggest(10, 0, 0, 1, 20)).startswith("no labelled losses")
    assert str(suggest(10, 3, 3, 0, 0)).startswith("no labelled honest cases")
