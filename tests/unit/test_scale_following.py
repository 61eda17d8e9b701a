"""What settles on a checkout's scale, what steps on a shelf, and what is neither."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.errors import DeviceNotReady
from aislewatch_plugins.scale.reading import Reading, Trouble
from aislewatch_plugins.scale.settling import Patience, Settled, Settling
from aislewatch_plugins.scale.standing import UNSETTLED_US, Standing, State
from aislewatch_plugins.scale.steps import Feeling, Steps
from aislewatch_sim.scale.pan import Build, Pan

SECOND = 1_000_000
TENTH = 100_000


def reading(grams: float, stable: bool | None = True) -> Reading:
    return Reading(round(grams * 1000), 1_000, stable)


def told(following: Settling | Steps, readings: list[Reading], every_us: int = TENTH) -> list[int]:
    found = [following.take(at * every_us, one) for at, one in enumerate(readings)]
    return [one.weight_mg // 1000 for one in found if one is not None]


def test_a_weight_is_told_when_it_was_read_twice_and_then_not_again() -> None:
    settling = Settling(Patience())
    assert settling.take(0, reading(250)) is None
    assert settling.take(TENTH, reading(250)) == Settled(250_000, None)
    assert settling.take(2 * TENTH, reading(250)) is None


def test_a_single_reading_between_others_is_no_weight() -> None:
    readings = [reading(g) for g in (250, 250, 9250, 250, 250)]
    assert told(Settling(Patience()), readings) == [250]


def test_the_difference_is_to_what_was_told_before() -> None:
    settling = Settling(Patience())
    found = [settling.take(at, reading(g)) for at, g in enumerate((250, 250, 750, 750, 0, 0))]
    assert [one.delta_mg for one in found if one] == [None, 500_000, -750_000]


def test_what_the_scale_calls_unstable_counts_for_nothing() -> None:
    readings = [reading(250, False)] * 20 + [reading(250), reading(250, False), reading(250)]
    assert told(Settling(Patience()), readings) == []


def test_a_scale_without_a_word_for_it_must_be_still_for_a_while() -> None:
    settling = Settling(Patience(settle_us=SECOND))
    assert told(settling, [reading(250, None)] * 10) == []
    assert settling.take(SECOND, reading(251, None)) == Settled(251_000, None)


def test_unrest_without_a_word_for_it_begins_the_while_anew() -> None:
    readings = [reading(g, None) for g in [250] * 9 + [260] * 11]
    assert told(Settling(Patience(settle_us=SECOND)), readings) == [260]


def test_a_scale_between_two_figures_is_not_told_of_again_and_again() -> None:
    readings = [reading(g) for g in [250, 250, 251, 251] * 20]
    assert told(Settling(Patience()), readings) == [250]


def test_an_article_as_light_as_a_step_is_told_when_it_stays() -> None:
    readings = [reading(g) for g in [250] * 3 + [251] * 40]
    assert told(Settling(Patience(linger_us=2 * SECOND)), readings) == [250, 251]


def test_the_step_is_as_the_configuration_says_not_as_the_last_digit_does() -> None:
    readings = [reading(g) for g in [250, 250, 255, 255, 250, 250] * 5]
    assert told(Settling(Patience(step_mg=5_000)), readings) == [250]


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from([True, False, None])), max_size=60))
def test_steps_of_a_checkout_add_up_to_its_weight(shown: list[tuple[int, bool | None]]) -> None:
    settling = Settling(Patience(settle_us=2 * TENTH, linger_us=2 * TENTH))
    found = [settling.take(at * TENTH, reading(g, s)) for at, (g, s) in enumerate(shown)]
    settled = [one for one in found if one is not None]
    for before, after in pairwise(settled):
        assert after.delta_mg == after.weight_mg - before.weight_mg != 0
    assert all(one.delta_mg is None for one in settled[:1])


@dataclass(frozen=True)
class Happening:
    """At a second something is put down or taken (grams), or a hand rests there for a while."""

    at_s: float
    grams: float
    touch_s: float = 0.0


def followed(
    happenings: list[Happening],
    *,
    until_s: float,
    build: Build,
    least_g: float = 170.0,
    seed: int = 1,
) -> list[Settled]:
    """Have the shelf of the simulator stepped on, ten readings a second."""
    pan, steps = Pan(build, Random(seed)), Steps(Feeling(round(least_g * 1000)))
    for one in happenings:
        if one.touch_s:
            pan.touch(one.at_s, one.grams * 1000, one.touch_s)
        else:
            pan.put(one.at_s, one.grams * 1000)
    found: list[Settled] = []
    for tick in range(round(until_s * 10)):
        shown = pan.shown(tick / 10)
        settled = steps.take(tick * TENTH, Reading(shown.weight_mg, 1_000, shown.stable))
        if settled is not None:
            found.append(settled)
    return found


TREMBLING = Build(step_mg=1_000, noise_mg=1_500, drift_mg_per_h=60_000)


def test_a_pick_is_one_step_once_its_ringing_has_died_away() -> None:
    first, pick = followed([Happening(0, 3450), Happening(5, -345)], until_s=10, build=TREMBLING)
    assert first.delta_mg is None
    assert pick.delta_mg == pytest.approx(-345_000, abs=5_000)


def test_picks_that_follow_each_other_closely_are_one_step_of_both() -> None:
    happenings = [Happening(0, 3450), Happening(5, -345), Happening(5.3, -345)]
    _, both = followed(happenings, until_s=10, build=TREMBLING)
    assert both.delta_mg == pytest.approx(-690_000, abs=6_000)


@pytest.mark.parametrize("seed", range(5))
def test_a_hand_that_rests_on_the_shelf_is_no_step(seed: int) -> None:
    happenings = [Happening(0, 3450), Happening(5, 2000, touch_s=4)]
    found = followed(happenings, until_s=15, build=TREMBLING, seed=seed)
    assert len(found) == 1


def test_a_day_of_drift_is_no_step() -> None:
    build = Build(noise_mg=1_500, drift_mg_per_h=400_000)
    assert len(followed([Happening(0, 3450)], until_s=3_600, build=build)) == 1


def test_drift_before_a_pick_is_not_counted_with_it() -> None:
    build = Build(noise_mg=1_500, drift_mg_per_h=400_000)
    found = followed([Happening(0, 3450), Happening(1_800, -345)], until_s=1_810, build=build)
    assert [one.delta_mg for one in found[1:]] == [pytest.approx(-345_000, abs=10_000)]


@pytest.mark.parametrize("seed", range(3))
def test_of_many_picks_and_returns_none_is_missed_and_none_is_added(seed: int) -> None:
    dice = Random(seed)
    happenings, lies = [Happening(0, 20 * 345)], 20
    expected: list[int] = []
    for at in range(60):
        units = dice.choice([-3, -2, -1, 1, 2])
        units = units if 0 <= lies + units <= 30 else -units
        lies += units
        expected.append(units)
        happenings.append(Happening(5 + 4 * at, units * 345 * dice.gauss(1, 0.005)))
        if dice.random() < 0.3:
            happenings.append(Happening(5 + 4 * at, 800, touch_s=0.6))
    found = followed(happenings, until_s=260, build=TREMBLING, seed=seed)
    assert [round((one.delta_mg or 0) / 345_000) for one in found[1:]] == expected


def test_what_happened_in_a_gap_is_told_when_the_shelf_is_seen_again() -> None:
    steps = Steps(Feeling(100_000))
    for tick in range(10):
        steps.take(tick * TENTH, reading(1000))
    found = [steps.take(60 * SECOND + tick * TENTH, reading(500)) for tick in range(20)]
    (settled,) = [one for one in found if one is not None]
    assert (settled.delta_mg, settled.weight_mg) == (-500_000, 500_000)
    assert found.index(settled) == 8  # A whole window after the gap, not before.


def test_a_shelf_that_never_rests_is_told_nothing_of() -> None:
    readings = [reading(g) for g in [1000, 1400] * 50]
    assert told(Steps(Feeling(100_000)), readings) == []


@given(st.lists(st.integers(-5, 30), min_size=1, max_size=60), st.integers(0, 1000))
def test_steps_of_a_shelf_are_never_less_than_the_least(levels: list[int], seed: int) -> None:
    dice, steps = Random(seed), Steps(Feeling(50_000, drift_mg_per_s=0))
    found: list[Settled] = []
    for at, grams in enumerate(10 * level for level in levels for _ in range(12)):
        settled = steps.take(at * TENTH, reading(grams + dice.choice([-1, 0, 1])))
        if settled is not None:
            found.append(settled)
    assert found
    assert found[0].delta_mg is None
    assert all(abs(one.delta_mg or 0) >= 50_000 for one in found[1:])
    summed = found[0].weight_mg + sum(one.delta_mg or 0 for one in found)
    assert summed == found[-1].weight_mg


OVER = Trouble("overload", "too much")
MOVING = Trouble("moving", "it moves")


def test_a_trouble_is_told_when_it_lasts_and_its_end_when_there_is_a_weight() -> None:
    standing = Standing()
    assert standing.take(0, OVER) is None
    assert standing.take(1, OVER) == State("degraded", "overload", "too much")
    assert standing.take(2, OVER) is None
    assert standing.take(3, reading(250, False)) is None
    assert standing.take(4, reading(250)) == State("online")
    assert standing.take(5, reading(250)) is None


def test_a_broken_scale_has_failed() -> None:
    standing, broken = Standing(), Trouble("fault", "memory")
    standing.take(0, broken)
    assert standing.take(1, broken) == State("failed", "fault", "memory")


@pytest.mark.parametrize("unrest", [MOVING, reading(250, False), Trouble("busy", "")])
def test_only_a_scale_that_moves_for_very_long_is_degraded(unrest: Reading | Trouble) -> None:
    standing = Standing()
    assert standing.take(0, unrest) is None
    assert standing.take(UNSETTLED_US - 1, unrest) is None
    state = standing.take(UNSETTLED_US, unrest)
    assert state is not None
    assert (state.name, state.reason) == ("degraded", "unsettled")
    assert standing.take(UNSETTLED_US + 1, reading(250)) == State("online")


def test_unrest_that_is_interrupted_is_counted_anew() -> None:
    standing = Standing()
    standing.take(0, MOVING)
    standing.take(SECOND, reading(250))
    assert standing.take(UNSETTLED_US, MOVING) is None


def test_a_scale_that_rejects_every_question_is_not_ready() -> None:
    standing, rejected = Standing(), Trouble("rejected", "ES")
    for _ in range(9):
        assert standing.take(0, rejected) is None
    with pytest.raises(DeviceNotReady, match="protocol"):
        standing.take(0, rejected)
