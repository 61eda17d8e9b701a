"""What is wrong with a reader that reads all the same, and which of it is news."""

from __future__ import annotations

from typing import Final

from aislewatch.devices.telling import REFUSED_ROW

ANTENNA_LOST: Final = "antenna-lost"
READER_FAULT: Final = "reader-fault"
CLOCK_SKEW: Final = "clock-skew"
STRAY_TAG: Final = "stray-tag"

_WORST_FIRST: Final = (REFUSED_ROW, ANTENNA_LOST, READER_FAULT, STRAY_TAG, CLOCK_SKEW)


class Standing:
    """Remembers what is wrong; the worst of it is the reason that is told."""

    def __init__(self) -> None:
        self._wrong: dict[str, str] = {}
        self._told: str | None = None
        self._again = False

    @property
    def worst(self) -> tuple[str, str] | None:
        """Reason and detail of the worst that is wrong; None where nothing is."""
        reason = next((reason for reason in _WORST_FIRST if reason in self._wrong), None)
        return None if reason is None else (reason, self._wrong[reason])

    def set(self, reason: str, detail: str) -> None:
        """Note that something is wrong; what could not be read is news each time."""
        self._wrong[reason] = detail
        self._again = self._again or reason == REFUSED_ROW

    def clear(self, reason: str) -> None:
        """Note that it is not any more."""
        self._wrong.pop(reason, None)

    def news(self) -> bool:
        """Say whether the worst is another than when this was asked last."""
        worst = self.worst
        reason = None if worst is None else worst[0]
        news = reason != self._told or self._again
        self._told, self._again = reason, False
        return news
