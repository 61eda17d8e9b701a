"""Counts that are told when they have held still for a while, and again while they last. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Steady:
    """One count.

    Args:
        settle_us: a count must be the same for so long to be one.
        again_us: it is told again so often.
    """

    settle_us: int
    again_us: int
    _now: int | None = None
    _since_us: int = 0
    _told: int | None = None
    _told_us: int = 0

    def look(self, time_us: int, units: int) -> bool:
        """Take a count; tell whether it is to be told now."""
        if units != self._now:
            self._now, self._since_us = units, time_us
        if time_us - self._since_us < self.settle_us:
            return False
        if units == self._told and time_us - self._told_us < self.again_us:
            return False
        self._told, self._told_us = units, time_us
        return True

    def end(self) -> None:
        """Forget what was counted, as where the camera sees no longer."""
        self._now = self._told = None
