from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from aislewatch.runtime.clock import RecordingClock, SystemClock, wall_us

instants = st.integers(min_value=0, max_value=2**53)


@given(wall=st.lists(instants, min_size=2))
def test_the_system_clock_never_goes_back_when_the_wall_clock_does(wall: list[int]) -> None:
    ticking: Iterator[int] = iter(wall)
    clock = SystemClock(lambda: next(ticking))

    given_times = [clock.now_us() for _ in wall[1:]]

    assert given_times == sorted(given_times)
    assert given_times[-1] == max(wall)


def test_the_wall_clock_counts_microseconds() -> None:
    year_2020, year_2200 = 1_577_836_800_000_000, 7_258_118_400_000_000

    assert year_2020 < wall_us() < year_2200


def test_a_recording_clock_passes_over_a_late_event() -> None:
    clock = RecordingClock(10)

    assert [clock.advance(t) for t in (20, 15, 30)] == [20, 20, 30]
    assert clock.now_us() == 30
