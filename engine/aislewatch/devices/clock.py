"""How far a device's clock is from ours, measured from messages that say their own time.

A message cannot arrive before what it tells of, so the least that our clock has been ahead of a
message's time within the last minutes is how far the device's clock is behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aislewatch.events.sensor import ClockSkew

DELAY_MAX_US: Final = 60_000_000
"""No message of a line that stands is under way for longer."""

_REESTIMATE_US: Final = 600_000_000
_AGREE_US: Final = 1_000_000
_WITNESSES: Final = 5
"""So many times in a row must agree before a clock is believed to have jumped."""

_DEVICES_MAX: Final = 1_000


@dataclass(slots=True)
class Lag:
    """How far one clock is behind: the least of this stretch of time and of the one before.

    A single time that cannot be, as a turned bit makes it, moves nothing.

    Attributes:
        began_us: when this stretch began, by our clock.
        before_us: the least of the stretch before.
        least_us: the least of this one.
        witnesses: how many times in a row agreed on something else.
        testimony_us: what the last of them said.
    """

    began_us: int
    before_us: int
    least_us: int
    witnesses: int = 0
    testimony_us: int = 0

    @classmethod
    def first(cls, behind_us: int, now_us: int) -> Lag:
        """Begin with the first message."""
        return cls(now_us, behind_us, behind_us)

    @property
    def behind_us(self) -> int:
        """How far it is behind; negative where it is ahead."""
        return min(self.before_us, self.least_us)

    def take(self, behind_us: int, now_us: int) -> None:
        """Take a message: how far its time is behind ours, and when it came."""
        if -_AGREE_US <= behind_us - self.behind_us <= DELAY_MAX_US:
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


class ClockWatch:
    """Watches the clock of one device, or the clocks of many that speak over one line.

    Args:
        limit_us: a clock that is further off than this is wrong.
        prompt: messages come when they are made. Where they may come much later, as files and what
            was sent again do, only a clock that is ahead can be told from a delay.
        told: the plugin tells a wrong clock itself, as a state of its device.
    """

    def __init__(self, limit_us: int, *, prompt: bool = True, told: bool = False) -> None:
        self._limit_us = limit_us
        self._prompt = prompt
        self._told = told
        self._lags: dict[str, Lag] = {}

    def take(self, time_us: int, now_us: int, device: str = "") -> None:
        """Take a message.

        Args:
            time_us: when it was made, by the device's clock.
            now_us: when it came, by ours.
            device: whose, where many speak.
        """
        behind_us = now_us - time_us
        lag = self._lags.setdefault(device, Lag.first(behind_us, now_us))
        lag.take(behind_us, now_us)
        if len(self._lags) > _DEVICES_MAX:
            del self._lags[next(iter(self._lags))]

    @property
    def skew(self) -> ClockSkew | None:
        """How far the clock that is furthest off is from ours; None before any message."""
        ahead = {device: self._ahead_us(lag) for device, lag in self._lags.items()}
        if not ahead:
            return None
        device = max(ahead, key=lambda name: (abs(ahead[name]), name))
        return ClockSkew(ahead[device], self._limit_us, device, told=self._told)

    def _ahead_us(self, lag: Lag) -> int:
        return -lag.behind_us if self._prompt else max(0, -lag.behind_us)
