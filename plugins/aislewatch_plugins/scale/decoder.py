"""What all protocols have in common: bytes in, words out, whatever the bytes are.

A protocol is a subclass that declares how it is asked and framed, and reads one frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from aislewatch_plugins.scale.framing import Frame, Framer
from aislewatch_plugins.scale.reading import Refused, Said

Parity = Literal["none", "even", "odd"]


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How a serial line is set.

    Attributes:
        baud: bits per second.
        bits: of a character, 7 or 8.
        parity: how the bit behind them is made.
        stop_bits: 1 or 2.
    """

    baud: int = 9600
    bits: int = 8
    parity: Parity = "none"
    stop_bits: int = 1


class Decoder(ABC):
    """One opening of a line in one protocol; pure.

    Attributes:
        line: the factory setting of the scales that speak it.
        request: asks for the weight of this moment; empty where the scale speaks by itself.
        begin: has the scale speak by itself from now on; empty where it cannot be told to.
        end: has it stop again.
        pause_us: the least time from one request to the next.
    """

    line: ClassVar[LineSettings] = LineSettings()
    request: bytes = b""
    begin: bytes = b""
    end: bytes = b""
    pause_us: ClassVar[int] = 0

    def __init__(self, framer: Framer) -> None:
        self._framer = framer

    def feed(self, data: bytes) -> list[Said]:
        """Take what came, in pieces of any size; give what it says."""
        return [said for frame in self._framer.feed(data) for said in self._told(frame)]

    def expire(self) -> list[Said]:
        """Give up on a frame that has begun: the rest of it is overdue."""
        frames = self._framer.expire()
        return [said for frame in frames for said in self._noise(frame, "a frame was cut off")]

    @abstractmethod
    def read(self, raw: bytes) -> Said | None:
        """Read one frame.

        Returns:
            What it says; None where it is to be passed over, such as an empty line.

        Raises:
            ValueError: it is none; a sentence.
        """

    def _told(self, frame: Frame) -> list[Said]:
        if not frame.whole:
            return self._noise(frame, "these bytes are no frame")
        try:
            said = self.read(frame.raw)
        except ValueError as error:
            return self._noise(frame, str(error))
        return [said] if said is not None else []

    def _noise(self, frame: Frame, reason: str) -> list[Said]:
        # An adapter that echoes sends our own words back; nobody has to look at those.
        if self.request and not frame.raw.replace(self.request, b"").strip(b"\r\n"):
            return []
        return [Refused(frame.raw, reason, frame.offset)]
