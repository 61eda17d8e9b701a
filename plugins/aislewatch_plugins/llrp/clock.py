"""A reader's times put on the host's clock.

A message cannot arrive before what it tells of, so the least that the host's clock has been ahead
of a message's time within the last minutes is how far the reader's clock is behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aislewatch_plugins.llrp.reads import ReaderTime

_SECOND_US: Final = 1_000_000
_REESTIMATE_US: Final = 600 * _SECOND_US
_DELAY_MAX_US: Final = 60 * _SECOND_US
"""No report is under way for longer."""

_AGREE_US: Final = _SECOND_US
_WITNESSES: Final = 5
"""So many times in a row must agree before the reader's clock is believed to have jumped."""


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
        self._estimates: dict[bool, _Estimate] = {}

    @property
    def wrong_us(self) -> int:
        """How far the reader's clock is behind the host's; 0 within the tolerance."""
        estimate = self._estimates.get(False)
        behind_us = 0 if estimate is None else estimate.behind_us
        return behind_us if abs(behind_us) > self._tolerance_us else 0

    def on_host(self, time: ReaderTime, now_us: int) -> int:
        """Give the time in a message that has just come in microseconds since 1970 UTC."""
        behind_us = now_us - time.us
        estimate = self._estimates.get(time.uptime)
        if estimate is None:
            estimate = _Estimate(now_us, behind_us, behind_us)
            self._estimates[time.uptime] = estimate
        estimate.take(behind_us, now_us)
        at_us = time.us + (estimate.behind_us if time.uptime else self.wrong_us)
        possible = now_us - _DELAY_MAX_US <= at_us <= now_us + self._tolerance_us
        return at_us if possible else now_us


@dataclass(slots=True)
class _Estimate:
    """How far a clock is behind: the least of this stretch of time and of the one before."""

    began_us: int
    before_us: int
    least_us: int
    witnesses: int = 0
    testimony_us: int = 0

    @property
    def behind_us(self) -> int:
        return min(self.before_us, self.least_us)

    def take(self, behind_us: int, now_us: int) -> None:
        if -_AGREE_US <= behind_us - self.behind_us <= _DELAY_MAX_US:
            self.witnesses = 0
            if now_us - self.began_us >= _REESTIMATE_US:
                self.began_us, self.before_us, self.least_us = now_us, self.least_us, behind_us
            self.least_us = min(self.least_us, behind_us)
            return
        agrees = abs(behind_us - self.testimony_us) <= _AGREE_US
        self.witnesses = self.witnesses + 1 if agrees else 1
        self.testimony_us = behind_us
        if self.witnesses >= _WITNESSES:
            self.began_us, self.before_us, self.least_us = now_us, behind_us, behind_us
