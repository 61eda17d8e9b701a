"""How far a device's clock is off, from messages that say their own time."""

from hypothesis import given
from hypothesis import strategies as st

from aislewatch.devices.clock import ClockWatch
from aislewatch.events.sensor import ClockSkew

SECOND = 1_000_000
DAY = 1_772_438_400 * SECOND


def watched(lags_s: list[float], *, prompt: bool = True, limit_s: float = 2) -> ClockSkew | None:
    watch = ClockWatch(int(limit_s * SECOND), prompt=prompt)
    for number, lag_s in enumerate(lags_s):
        now_us = DAY + number * SECOND
        watch.take(now_us - int(lag_s * SECOND), now_us)
    return watch.skew


def test_a_clock_that_has_told_nothing_is_neither_right_nor_wrong() -> None:
    assert watched([]) is None


def test_the_least_delay_is_how_far_the_clock_is_behind() -> None:
    skew = watched([5.3, 5.1, 9.0, 5.2])
    assert skew is not None
    assert skew == ClockSkew(-5_100_000, 2 * SECOND)
    assert skew.wrong
    assert str(skew) == "its clock is 5.1 s behind ours, and 2 s are allowed"


def test_a_turned_bit_in_one_time_moves_nothing() -> None:
    skew = watched([0.1, 0.1, -70_000, 0.1, 80_000, 0.1])
    assert skew is not None
    assert not skew.wrong


def test_a_clock_that_was_set_is_believed_when_five_agree() -> None:
    before, after = watched([0.1, *[-30.0] * 4]), watched([0.1, *[-30.0] * 5])
    assert before is not None
    assert after is not None
    assert (before.wrong, after.wrong) == (False, True)
    assert after.ahead_us == 30 * SECOND


def test_what_may_come_late_cannot_show_that_a_clock_is_behind() -> None:
    late, ahead = watched([3600.0, 3601.0], prompt=False), watched([-7.0], prompt=False)
    assert late == ClockSkew(0, 2 * SECOND)
    assert ahead is not None
    assert ahead.wrong


def test_of_many_clocks_the_one_that_is_furthest_off_is_told() -> None:
    watch = ClockWatch(2 * SECOND, told=True)
    for device, lag_s in (("till-1", 1), ("till-2", -9), ("till-3", 4)):
        watch.take(DAY - lag_s * SECOND, DAY, device)
    assert watch.skew == ClockSkew(9 * SECOND, 2 * SECOND, "till-2", told=True)
    assert str(watch.skew).startswith("the clock of till-2 is 9.0 s ahead of ours")


@given(
    st.integers(-86_400 * SECOND, 86_400 * SECOND),
    st.lists(st.integers(0, 50 * SECOND), min_size=1),
)
def test_of_a_steady_clock_the_skew_is_off_by_no_more_than_a_delay(
    behind_us: int, delays_us: list[int]
) -> None:
    watch = ClockWatch(SECOND)
    for number, delay_us in enumerate(delays_us):
        now_us = DAY + number * SECOND
        watch.take(now_us - behind_us - delay_us, now_us)
    assert watch.skew is not None
    off_us = -watch.skew.ahead_us - behind_us
    assert 0 <= off_us <= max(delays_us)
