"""The arithmetic of suspicion, figure by figure."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.detect.scoring import Contribution, level, probability_ppm, score_cb

HOUR = 3_600_000_000


def one(
    points: int,
    rule: str = "r",
    time: int = 0,
    half_life_us: int | None = None,
    family: str | None = None,
) -> Contribution:
    return Contribution(time, f"{rule}/{time}", rule, points, half_life_us, family)


def test_repeats_of_one_rule_count_one_a_half_a_quarter() -> None:
    assert [score_cb(0, [one(100, time=t) for t in range(n)], 9) for n in range(1, 5)] == [
        100,
        150,
        175,
        187,
    ]


def test_repeats_are_counted_in_the_order_of_time_whatever_order_they_are_given_in() -> None:
    items = [one(100, time=2), one(40, time=1), one(8, time=0)]
    assert score_cb(0, items, 2) == 8 + 20 + 25
    assert score_cb(0, items[::-1], 2) == 8 + 20 + 25


def test_different_rules_count_in_full_and_negative_points_speak_for_innocence() -> None:
    assert score_cb(-300, [one(200, "a"), one(130, "b"), one(-150, "c")], 0) == -120


def test_of_a_family_only_the_largest_rule_counts() -> None:
    items = [one(200, "a", family="exit"), one(120, "b", family="exit"), one(50, "c")]
    assert score_cb(0, items, 0) == 250
    assert score_cb(0, [one(20, "a", family="f"), one(-90, "b", family="f")], 0) == -90


def test_points_halve_in_their_half_life_and_never_grow() -> None:
    item = one(200, half_life_us=4 * HOUR)
    hours = (0, 4, 8, 12, 40 * 4, 41 * 4)
    assert [score_cb(0, [item], h * HOUR) for h in hours] == [200, 100, 50, 25, 0, 0]
    assert score_cb(0, [one(200, time=10, half_life_us=HOUR)], 5) == 200


@pytest.mark.parametrize(("points", "after"), [(45, 22), (47, 24), (-45, -22), (-47, -24)])
def test_a_half_is_exactly_a_half_and_goes_to_the_even(points: int, after: int) -> None:
    assert score_cb(0, [one(points, half_life_us=HOUR)], HOUR) == after


@given(st.integers(-5000, 5000), st.integers(0, 50 * HOUR), st.integers(1, 10 * HOUR))
def test_decay_is_right_to_the_last_digit(points: int, age: int, half_life: int) -> None:
    with localcontext() as context:
        context.prec = 80
        exact = Decimal(points) * Decimal(2) ** -(Decimal(age) / Decimal(half_life))
        expected = 0 if age // half_life > 40 else round(exact)
    assert score_cb(0, [one(points, half_life_us=half_life)], age) == expected


@given(st.lists(st.tuples(st.integers(-400, 400), st.sampled_from("abc")), max_size=12))
def test_without_decay_a_score_is_a_sum_of_fractions(items: list[tuple[int, str]]) -> None:
    total = 0
    for rule in "abc":
        mine = [points for points, of in items if of == rule]
        total += sum(int(Fraction(points, 2**n)) for n, points in enumerate(mine))
    given_ = [one(points, rule, time) for time, (points, rule) in enumerate(items)]
    assert score_cb(7, given_, 99) == 7 + total


@pytest.mark.parametrize(
    ("score", "name"),
    [
        (-1, "noted"),
        (0, "even-odds"),
        (99, "even-odds"),
        (100, "likely"),
        (199, "likely"),
        (200, "near-certain"),
    ],
)
def test_levels_begin_at_their_least_score(score: int, name: str) -> None:
    assert level(score) == name


def test_ten_decibans_make_ten_times_the_odds() -> None:
    assert [probability_ppm(cb) for cb in (-100, 0, 100, 200)] == [90909, 500000, 909091, 990099]
