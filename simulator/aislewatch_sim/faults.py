"""The faults that every twin can have: what happens to a frame on its way to whoever listens.

A twin gives each frame that it would send to :class:`Faults` and performs the acts that come back.
Nothing here knows a protocol, sleeps or touches a socket; the same dice give the same acts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Protocol

BURST_FRAMES = 8
GARBAGE_BYTES = 24
"""The most bytes of noise before a frame."""


class Fault(StrEnum):
    """What can happen to one frame; the value is its name on the command line."""

    CUT = "cut"
    GARBAGE = "garbage"
    FLIP = "flip"
    PARITY = "parity"
    SPLIT = "split"
    DRIP = "drip"
    MERGE = "merge"
    DELAY = "delay"
    SILENCE = "silence"
    STALE = "stale"
    DUPLICATE = "duplicate"
    BURST = "burst"
    ECHO = "echo"
    DROP = "drop"

    @property
    def meaning(self) -> str:
        """What it does, for people."""
        return _MEANINGS[self]


_MEANINGS = {
    Fault.CUT: "the frame ends in its middle, and its rest never comes",
    Fault.GARBAGE: "noise before the frame",
    Fault.FLIP: "one bit of the frame is turned over",
    Fault.PARITY: "the top bit of each byte says even parity, as on a line that is set wrongly",
    Fault.SPLIT: "each byte is written by itself",
    Fault.DRIP: "each byte is written by itself, with a pause before it",
    Fault.MERGE: "the frame is held back and sent in one piece with the next",
    Fault.DELAY: "the frame comes late",
    Fault.SILENCE: "the frame is never sent",
    Fault.STALE: "the frame before is sent in its place",
    Fault.DUPLICATE: "the frame is sent twice",
    Fault.BURST: f"the frame is sent {BURST_FRAMES} times at once",
    Fault.ECHO: "what was asked last is sent back before the frame",
    Fault.DROP: "the line is dropped in the middle of the frame",
}


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes, in one piece."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """Drop the line."""


Act = Send | Pause | HangUp


class Faults:
    """Decides what happens to each frame of one twin.

    Args:
        dice: decides which frames are hit, and where.
        chances: how probable each fault is for a frame, 0 to 1.
        late_s: how long a delayed frame is under way.
        drip_s: the pause before each byte of a dripping one.
    """

    def __init__(
        self,
        dice: Random,
        chances: Mapping[Fault, float] | None = None,
        *,
        late_s: float = 1.0,
        drip_s: float = 0.02,
    ) -> None:
        self._dice = dice
        self._chances = dict(chances or {})
        self._late_s = late_s
        self._drip_s = drip_s
        self._next: list[Fault] = []
        self._heard = b""
        self._before = b""
        self._held = b""

    def set(self, fault: Fault, chance: float) -> None:
        """Give a fault another chance from now on; 0 ends it."""
        self._chances[fault] = chance

    def strike(self, fault: Fault, frames: int = 1) -> None:
        """Have a fault hit so many of the coming frames, after those that were ordered before."""
        self._next += [fault] * frames

    def heard(self, data: bytes) -> None:
        """Take what was asked; an echo sends it back."""
        self._heard = data

    def sent(self, frame: bytes) -> list[Act]:
        """Give what is done in place of sending a frame."""
        fault = self._drawn()
        held, self._held = self._held, b""
        acts = [Send(held + frame)] if fault is None else self._struck(fault, held, frame)
        self._before = frame
        return [act for act in acts if not (isinstance(act, Send) and not act.data)]

    def _drawn(self) -> Fault | None:
        if self._next:
            return self._next.pop(0)
        for fault, chance in self._chances.items():
            if chance and self._dice.random() < chance:
                return fault
        return None

    def _struck(self, fault: Fault, held: bytes, frame: bytes) -> Sequence[Act]:
        whole = held + frame
        match fault:
            case Fault.CUT:
                return [Send(held + self._part(frame))]
            case Fault.DROP:
                return [Send(held + self._part(frame)), HangUp()]
            case Fault.SILENCE:
                return [Send(held)]
            case Fault.DELAY:
                return [Send(held), Pause(self._late_s), Send(frame)]
            case Fault.MERGE:
                self._held = whole
                return []
            case Fault.SPLIT:
                return [Send(bytes([byte])) for byte in whole]
            case Fault.DRIP:
                drops = [(Pause(self._drip_s), Send(bytes([byte]))) for byte in whole]
                return [act for drop in drops for act in drop]
            case _:
                return [Send(held + self._altered(fault, frame))]

    def _altered(self, fault: Fault, frame: bytes) -> bytes:
        match fault:
            case Fault.GARBAGE:
                return self._dice.randbytes(self._dice.randint(1, GARBAGE_BYTES)) + frame
            case Fault.FLIP:
                return _flipped(frame, self._dice.randrange(8 * len(frame)))
            case Fault.PARITY:
                return even_parity(frame)
            case Fault.STALE:
                return self._before or frame
            case Fault.DUPLICATE:
                return frame * 2
            case Fault.BURST:
                return frame * BURST_FRAMES
            case Fault.ECHO:
                return self._heard + frame
            case _:
                raise AssertionError(fault)

    def _part(self, frame: bytes) -> bytes:
        """Give the frame without its end."""
        return frame[: self._dice.randrange(len(frame))]


class Sink(Protocol):
    """The twin's end of a line."""

    async def write(self, data: bytes) -> None:
        """Write bytes; what nobody takes is lost."""
        ...

    async def hang_up(self) -> None:
        """Drop the line."""
        ...


async def perform(acts: Iterable[Act], sink: Sink) -> None:
    """Do on a line what :meth:`Faults.sent` says."""
    for act in acts:
        match act:
            case Send(data):
                await sink.write(data)
                # Lets the bytes go out by themselves: two writes in a row are one read.
                await asyncio.sleep(0)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case HangUp():
                await sink.hang_up()
                return


def even_parity(data: bytes) -> bytes:
    """Give 7-bit characters with even parity in their top bits, as an 8-bit line sees them.

    >>> even_parity(b"S1").hex()
    '53b1'
    """
    return bytes(byte & 0x7F | (byte & 0x7F).bit_count() % 2 << 7 for byte in data)


def _flipped(frame: bytes, bit: int) -> bytes:
    flipped = bytearray(frame)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)
