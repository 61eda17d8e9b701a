"""The twin of one scale: a pan that anybody can look at, and a conversation for each line to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aislewatch_sim.faults import Faults, perform
from aislewatch_sim.ports import Link
from aislewatch_sim.scale.pan import Pan
from aislewatch_sim.scale.voices import (
    LOOK_S,
    MtSics,
    Nci,
    Speaker,
    Toledo8217,
    Voice,
    and_18,
    and_standard,
    cas_22,
    plain_line,
)

VOICES: dict[str, Callable[[Pan], Voice]] = {
    "mt-sics": MtSics,
    "toledo-8217": Toledo8217,
    "toledo-8217-lb": lambda pan: Toledo8217(pan, pounds=True),
    "nci": Nci,
    "nci-lb": lambda pan: Nci(pan, pounds=True),
    "cas": lambda pan: Speaker(pan, cas_22),
    "and": lambda pan: Speaker(pan, and_18),
    "and-standard": lambda pan: Speaker(pan, and_standard),
    "lines": lambda pan: Speaker(pan, plain_line),
}
"""What a twin can speak, by name."""

SEVEN_BITS = frozenset({"toledo-8217", "toledo-8217-lb", "nci", "nci-lb"})
"""Those whose scales leave the factory with 7 bits and even parity."""


class ScaleTwin:
    """A scale.

    Args:
        pan: what lies on it.
        protocol: a name of `VOICES`.
        faults: what happens to its frames.
    """

    def __init__(self, pan: Pan, protocol: str, faults: Faults) -> None:
        self._pan = pan
        self._make = VOICES[protocol]
        self._faults = faults

    async def serve(self, link: Link) -> None:
        """Talk to whoever is at the other end, until it is gone."""
        voice, turn = self._make(self._pan), asyncio.Lock()
        speaking = asyncio.create_task(self._speak(voice, link, turn))
        loop = asyncio.get_running_loop()
        try:
            while data := await link.read():
                self._faults.heard(data)
                await self._send(voice.hear(data, loop.time()), link, turn)
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    async def _speak(self, voice: Voice, link: Link, turn: asyncio.Lock) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            await self._send(voice.look(loop.time()), link, turn)

    async def _send(self, frames: list[bytes], link: Link, turn: asyncio.Lock) -> None:
        async with turn:  # A frame that drips is not interrupted by the next.
            for frame in frames:
                await perform(self._faults.sent(frame), link)
