"""A reader's times put on the host's clock, as far off as they are measured to be."""

from __future__ import annotations

from aislewatch.devices.clock import DELAY_MAX_US, Lag
from aislewatch.events.kinds import TimedBy
from aislewatch.events.sensor import ClockSkew
from aislewatch_plugins.llrp.reads import ReaderTime


class ReaderClock:
    """Puts the times of one reader right.

    Within the tolerance the reader's own times hold; a time since it was switched on is always
    moved. A single time that cannot be, as a turned bit makes it, moves nothing and is replaced by
    the time of its arrival.

    Args:
        tolerance_us: a clock that is further off is put right.
    """

    def __init__(self, tolerance_us: int) -> None:
        self._tolerance_us = tolerance_us
        self._lags: dict[bool, Lag] = {}

    @property
    def skew(self) -> ClockSkew | None:
        """How far the reader's clock is off; None until it has told its time of day."""
        lag = self._lags.get(False)
        if lag is None:
            return None
        return ClockSkew(-lag.behind_us, self._tolerance_us, told=True)

    def on_host(self, time: ReaderTime, now_us: int) -> tuple[int, TimedBy | None]:
        """Give the time in a message that has just come, and where it is from.

        Returns:
            Microseconds since 1970 UTC; and whether that is the reader's own (None), put right, or
            the time of arrival.
        """
        behind_us = now_us - time.us
        lag = self._lags.setdefault(time.uptime, Lag.first(behind_us, now_us))
        lag.take(behind_us, now_us)
        wrong = time.uptime or abs(lag.behind_us) > self._tolerance_us
        at_us = time.us + (lag.behind_us if wrong else 0)
        if not now_us - DELAY_MAX_US <= at_us <= now_us + self._tolerance_us:
            return now_us, "arrival"
        return at_us, "corrected" if wrong else None
