"""How a scale is: which of its troubles last long enough to be told, and when they are over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aislewatch.errors import DeviceNotReady
from aislewatch_plugins.scale.reading import Reading, Trouble

UNSETTLED_US = 60_000_000
"""Longer than bagging an article takes: something rests against the scale, or it is broken."""

_IN_A_ROW = 2
_REJECTED_MOST = 10

StateName = Literal["online", "degraded", "failed"]


@dataclass(frozen=True, slots=True)
class State:
    """A state to tell.

    Attributes:
        name: of ``device.state``.
        reason: in one word.
        detail: in a sentence.
    """

    name: StateName
    reason: str = ""
    detail: str = ""


class Standing:
    """Follows the troubles of one scale."""

    def __init__(self) -> None:
        self._word = ""
        self._since_us = 0
        self._count = 0
        self._told = ""

    def take(self, time_us: int, said: Reading | Trouble) -> State | None:
        """Take what the scale said.

        Returns:
            Its state, if it is news.

        Raises:
            DeviceNotReady: it rejects what it is asked, again and again: it speaks another
                protocol, or somebody stands in its menu.
        """
        unrest = isinstance(said, Reading) and said.stable is False
        word = said.word if isinstance(said, Trouble) else "moving" if unrest else ""
        if word != self._word:
            self._word, self._since_us, self._count = word, time_us, 0
        self._count += 1
        if not word:
            told, self._told = self._told, ""
            return State("online") if told else None
        if word == "rejected" and self._count >= _REJECTED_MOST:
            detail = said.detail if isinstance(said, Trouble) else ""
            message = f"the scale rejects what it is asked ({detail}): look at the protocol"
            raise DeviceNotReady(message)
        state = self._lasting(word, said, time_us)
        if state is None or self._told == state.reason:
            return None
        self._told = state.reason
        return state

    def _lasting(self, word: str, said: Reading | Trouble, time_us: int) -> State | None:
        if word in {"moving", "busy"}:
            if time_us - self._since_us < UNSETTLED_US:
                return None
            seconds = UNSETTLED_US // 1_000_000
            return State("degraded", "unsettled", f"the scale has not settled for {seconds} s")
        if word == "rejected" or self._count < _IN_A_ROW:
            return None
        assert isinstance(said, Trouble)
        # Out of its range a scale still tells on which side; a broken one sees nothing.
        return State("failed" if word == "fault" else "degraded", word, said.detail)
