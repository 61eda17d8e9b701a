"""Time, asked for in this module alone: everything else is handed a `Clock`.

Instants are integer microseconds since 1970-01-01 UTC, as in every event. A clock never goes
backwards: the machine's own does (NTP steps it, an operator sets it), and a tick that is earlier
than the one before would have to be explained by everybody who reads the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Something that knows what time it is."""

    def now_us(self) -> int:
        """Give the time in microseconds UTC; never less than what was given before."""
        ...


def wall_us() -> int:
    """Give the machine's wall clock in microseconds UTC, which may step in either direction."""
    return time.time_ns() // 1000


class SystemClock:
    """The machine's clock, held where it is while the machine's steps back.

    Args:
        source: the wall clock in microseconds; tests hand in one that steps.
    """

    def __init__(self, source: Callable[[], int] = wall_us) -> None:
        self._source = source
        self._latest = source()

    def now_us(self) -> int:
        """Give the wall clock's time, or the latest given one if the wall clock is behind it."""
        self._latest = max(self._latest, self._source())
        return self._latest


class RecordingClock:
    """The time of a recording, which passes as its events are played; also the clock of tests.

    Args:
        start_us: the time before the first event.
    """

    def __init__(self, start_us: int = 0) -> None:
        self._now = start_us

    def now_us(self) -> int:
        """Give the latest time that the recording has reached."""
        return self._now

    def advance(self, time_us: int) -> int:
        """Move on to a time and give the time it now is.

        A recording holds late events: a time that has passed leaves the clock where it is.
        """
        self._now = max(self._now, time_us)
        return self._now
