"""One opening of a scale: asked or listened to, followed, and told of.

Being open proves nothing: a device server takes connections for a scale that is switched off. So
the line is taken as lost when no frame has come for a while, whatever else comes over it.
"""

from __future__ import annotations

import asyncio
from collections import Counter

from aislewatch.errors import DeviceNotReady
from aislewatch.events.kinds import Event
from aislewatch.events.sensor import Clock, Emit
from aislewatch_plugins.scale.config import ScaleConfig
from aislewatch_plugins.scale.decoder import Decoder
from aislewatch_plugins.scale.links import Link
from aislewatch_plugins.scale.reading import Aside, Reading, Refused, Said
from aislewatch_plugins.scale.settling import Settling
from aislewatch_plugins.scale.standing import Standing
from aislewatch_plugins.scale.steps import Steps
from aislewatch_plugins.scale.teller import Teller

_SECOND = 1_000_000


class Session:
    """Follows one scale over one line.

    Args:
        config: the scale's.
        clock: tells when a reading came.
        device: its id.
        decoder: of its protocol.
        following: finds out what has settled.
        teller: makes events of it.

    Attributes:
        counts: of what came: readings, troubles, asides, refused, unanswered.
    """

    def __init__(
        self,
        config: ScaleConfig,
        clock: Clock,
        device: str,
        decoder: Decoder,
        following: Settling | Steps,
        teller: Teller,
    ) -> None:
        self.counts = Counter[str]()
        self._config = config
        self._clock = clock
        self._device = device
        self._decoder = decoder
        self._following = following
        self._teller = teller
        self._standing = Standing()

    @property
    def frames(self) -> int:
        """Frames that were understood."""
        return self.counts["readings"] + self.counts["troubles"] + self.counts["asides"]

    async def run(self, link: Link, emit: Emit) -> None:
        """Follow the scale until cancelled.

        Raises:
            DeviceNotReady: the line is gone, no weight comes, or the scale rejects what it is
                asked.
        """
        if self._config.asks:
            await self._ask(link, emit)
        else:
            await self._listen(link, emit)

    async def _ask(self, link: Link, emit: Emit) -> None:
        loop, decoder = asyncio.get_running_loop(), self._decoder
        every_s = self._config.every_us / _SECOND
        answer_s = self._config.answer / _SECOND
        heard_at = loop.time()
        while True:
            asked_at = loop.time()
            await link.write(decoder.request)
            answered = False
            while (wait_s := asked_at + (every_s if answered else answer_s) - loop.time()) > 0:
                data = await link.read(wait_s)
                if await self._take(decoder.feed(data), emit):
                    answered, heard_at = True, loop.time()
            if not answered:
                self.counts["unanswered"] += 1
                self._following.interrupt()
                # What has only begun by now is a broken answer's rest.
                await self._take(decoder.expire(), emit)
            self._see_that_it_speaks(link, loop.time() - heard_at)

    async def _listen(self, link: Link, emit: Emit) -> None:
        loop, decoder = asyncio.get_running_loop(), self._decoder
        if decoder.begin:
            await link.write(decoder.begin)
        heard_at = loop.time()
        silence_s = self._config.silence / _SECOND
        while True:
            data = await link.read(max(0.0, heard_at + silence_s - loop.time()))
            if await self._take(decoder.feed(data), emit):
                heard_at = loop.time()
            self._see_that_it_speaks(link, loop.time() - heard_at)

    def _see_that_it_speaks(self, link: Link, silent_s: float) -> None:
        if silent_s < self._config.silence / _SECOND:
            return
        what = f"{link.where} has sent no weight for {silent_s:.0f} s"
        if self.counts["refused"]:
            what += ", and what it sends makes no sense: look at the protocol and its line settings"
        raise DeviceNotReady(what)

    async def _take(self, said: list[Said], emit: Emit) -> bool:
        """Take what was said; give whether it was of a weight."""
        understood = False
        for one in said:
            if isinstance(one, Refused):
                self.counts["refused"] += 1
                place = f"byte {one.offset}"
                await emit.refused(one.raw, one.reason, place=place, device=self._device)
                continue
            understood = understood or not isinstance(one, Aside)
            events = self._events(one)
            if events:
                await emit.events(events)
        return understood

    def _events(self, said: Said) -> list[Event]:
        if isinstance(said, Aside | Refused):
            self.counts["asides"] += 1
            return []
        now_us = self._clock.now_us()
        state = self._standing.take(now_us, said)
        events = [self._teller.state(now_us, state)] if state is not None else []
        if isinstance(said, Reading):
            self.counts["readings"] += 1
            settled = self._following.take(now_us, said)
            if settled is not None:
                step_mg = self._config.step or said.digit_mg
                events += self._teller.settled(now_us, settled, step_mg)
        else:
            self.counts["troubles"] += 1
            self._following.interrupt()
        return events
