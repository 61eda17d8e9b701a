"""What is refused while a run lasts: the dead letters that are new, a few of them whole."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Final

from aislewatch.errors import BusError
from aislewatch.runtime.bus_message import DEAD_LETTER_STREAM, DeadLetter, read_dead_letter
from aislewatch.runtime.nats_link import Link

WHOLE_MAX: Final = 5
"""Letters that are read at a time; a device gone mad writes thousands a second."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What was refused since the last look.

    Attributes:
        count: how much.
        letters: the first of it.
    """

    count: int
    letters: tuple[DeadLetter, ...]


class LetterTail:
    """Reads what is new in the stream of dead letters.

    Args:
        link: to NATS; the stream is there.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._seen = 0

    async def begin(self) -> None:
        """Leave out what is there already.

        Raises:
            BusError: NATS does not answer, or there is no stream.
        """
        self._seen = await self._last()

    async def new(self) -> Refused:
        """Give what came since the last look; raises as `begin` does."""
        first, last = self._seen + 1, await self._last()
        letters: list[DeadLetter] = []
        for sequence in range(first, min(last + 1, first + WHOLE_MAX)):
            answer = await self._link.api(f"STREAM.MSG.GET.{DEAD_LETTER_STREAM}", {"seq": sequence})
            if "error" not in answer:  # Else it has aged out meanwhile.
                letters.append(read_dead_letter(b64decode(answer["message"]["data"])))
        self._seen = last
        return Refused(last - first + 1, tuple(letters))

    async def _last(self) -> int:
        answer = await self._link.api(f"STREAM.INFO.{DEAD_LETTER_STREAM}", {})
        if "error" in answer:
            message = f"stream {DEAD_LETTER_STREAM}: {answer['error'].get('description')}"
            raise BusError(message)
        return int(answer["state"]["last_seq"])
