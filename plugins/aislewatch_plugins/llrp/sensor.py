"""The LLRP plugin: a fixed RFID reader, such as a gate at the door, on its own protocol.

A life is one connection. When it breaks, falls silent or ends in the middle of a message, the life
ends and the host begins another: what was half understood is not carried over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import chain
from typing import ClassVar, Final

from pydantic import BaseModel

from aislewatch.devices.telling import hand_over
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.sensor import (
    Candidate,
    Descriptor,
    DeviceInfo,
    Emit,
    Health,
    Search,
    SensorContext,
    SensorPlugin,
)
from aislewatch_plugins.llrp.config import LlrpConfig, reader_address
from aislewatch_plugins.llrp.finding import find_readers
from aislewatch_plugins.llrp.handshake import ask_abilities, greet, set_up
from aislewatch_plugins.llrp.link import Link
from aislewatch_plugins.llrp.requests import Abilities
from aislewatch_plugins.llrp.telling import Teller

_LOOK_S: Final = 0.25
"""How often it is looked whether a passage is over."""

_SECOND_US: Final = 1_000_000


class Llrp(SensorPlugin):
    """One reader with its antennas."""

    Config: ClassVar[type[BaseModel]] = LlrpConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="llrp",
        title="An RFID reader that speaks LLRP: gates, shelves, portals",
        emits=("rfid.read", "rfid.crossing", "device.state"),
    )

    def __init__(self, config: LlrpConfig) -> None:
        self._config = config
        self._link: Link | None = None
        self._teller: Teller | None = None
        self._abilities = Abilities()
        self._context: SensorContext | None = None
        self._reading = False
        self._proved = False

    @classmethod
    def discover(cls, search: Search) -> AsyncIterator[Candidate]:
        """Look for readers at ``address=``: a host, or a network as 192.168.1.0/24."""
        return find_readers(search)

    async def probe(self) -> DeviceInfo:
        """Connect, ask what the reader can do, and leave; its work goes on untouched."""
        link: Link | None = None
        try:
            link = await self._connect()
            await greet(link)
            abilities = await ask_abilities(link)
        except (DeviceNotReady, DeviceMisconfigured) as error:
            return DeviceInfo(reachable=False, detail=str(error))
        finally:
            if link is not None:
                await link.part()
        detail = f"a reader with {abilities.antennas} antenna ports answers"
        return DeviceInfo(reachable=True, detail=detail, facts=abilities.facts)

    async def open(self, context: SensorContext) -> None:
        """Connect and have the reader read tags.

        Raises:
            DeviceNotReady: it does not answer, or another client has it.
            DeviceMisconfigured: it cannot do what is configured.
        """
        self._context = context
        self._teller = Teller(self._config, context)
        self._link = link = await self._connect()
        greeting = await greet(link)
        if greeting.time is not None:
            self._teller.clock.on_host(greeting.time, context.clock.now_us())
        self._abilities = await ask_abilities(link)
        await set_up(link, self._config, self._abilities)
        link.silence_s = self._config.silence_s
        self._proved = self._reading = True

    async def run(self, emit: Emit) -> None:
        """Read tags until cancelled.

        Raises:
            DeviceNotReady: the connection broke or fell silent, or the reader stopped.
        """
        link, teller, context = self._link, self._teller, self._context
        assert link is not None
        assert teller is not None
        assert context is not None
        look_s = min(_LOOK_S, self._config.gate.gap / _SECOND_US / 2)
        try:
            while not teller.over:
                came = await link.receive(look_s)
                now_us = context.clock.now_us()
                told = chain.from_iterable(teller.tell(one, now_us) for one in came)
                await hand_over(chain(told, teller.advance(now_us)), emit, context.device)
            raise DeviceNotReady(teller.over)
        except (DeviceNotReady, asyncio.CancelledError):
            # Whoever walked through a moment ago has done so, whatever became of the connection.
            self._reading = False
            now_us = context.clock.now_us()
            told = chain.from_iterable(teller.tell(one, now_us) for one in link.rest())
            await hand_over(chain(told, teller.close(now_us)), emit, context.device)
            raise

    async def close(self) -> None:
        """Say good-bye to the reader and hang up."""
        self._reading = False
        link, self._link = self._link, None
        if link is not None:
            await link.part()

    def health(self) -> Health:
        """Count messages, once the reader was told to read: that it greets proves little."""
        link, teller = self._link, self._teller
        if link is None or teller is None:
            return Health(connected=False, frames=0, refused=0, detail="not opened")
        strays = len(teller.gate.strays)
        detail = f"{link.messages} messages, {strays} stray tags"
        frames = link.messages if self._proved else 0
        return Health(self._reading, frames, teller.refused, detail, teller.clock.skew)

    def diagnostics(self) -> dict[str, object]:
        """Give what the reader said of itself, and what the gate's filter has left out."""
        teller = self._teller
        if teller is None:
            return {}
        skew = teller.clock.skew
        return {
            **self._abilities.facts,
            "reads_below_floor": teller.gate.weak,
            "passages_that_were_none": teller.gate.undecided,
            "stray_tags": teller.gate.strays,
            "clock_ahead_us": skew.ahead_us if skew is not None else None,
            "nonsense": self._link.nonsense if self._link is not None else 0,
        }

    async def _connect(self) -> Link:
        host, port, _ = reader_address(self._config.address)
        return await Link.connect(host, port)
