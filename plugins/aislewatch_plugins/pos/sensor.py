"""What all points of sale have in common as sensors: opened, run, counted and closed alike."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from aislewatch.devices.clock import ClockWatch
from aislewatch.devices.telling import Refusal, Told, hand_over
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady, MistakeError
from aislewatch.events.kinds import Event
from aislewatch.events.sensor import (
    ClockSkew,
    DeviceInfo,
    Emit,
    Health,
    SensorContext,
    SensorPlugin,
)
from aislewatch_plugins.pos.config import PosConfig
from aislewatch_plugins.pos.source import Source
from aislewatch_plugins.pos.teller import Teller
from aislewatch_plugins.pos.told import Counts, Found

KINDS = (
    "device.state",
    "pos.age_check",
    "pos.basket_close",
    "pos.basket_open",
    "pos.discount",
    "pos.drawer",
    "pos.item",
    "pos.no_sale",
    "pos.not_found",
    "pos.override",
    "pos.payment_start",
    "pos.refund",
    "pos.resume",
    "pos.sign_off",
    "pos.sign_on",
    "pos.suspend",
    "pos.tender",
    "pos.void",
    "shift.closed",
)
"""The types of event that a till can tell."""


class Desk:
    """One opening: what decoders find goes through here to the host.

    Attributes:
        context: of the opening.
        counts: what became of what came.
        teller: makes events of what was found.

    Raises:
        DeviceMisconfigured: a key for cards' pseudonyms is not there.
    """

    def __init__(self, context: SensorContext, config: PosConfig) -> None:
        self.context = context
        self.counts = Counts()
        keys = [part.read(context.folder) for part in config.card_keys]
        self.teller = Teller(context, config, self.counts, keys)
        self.emit: Emit | None = None
        # What a till tells may be under way for long; what it signs is posted at once.
        self._tills = ClockWatch(config.skew, prompt=False)
        self._senders = ClockWatch(config.skew)

    async def take(self, found: Iterable[Found]) -> tuple[int, int]:
        """Tell the host what was found; returns once it cannot be lost.

        Returns:
            How many of them became events, and how many were refused.
        """
        facts = list(found)
        told = self.teller.tell(facts)
        now_us = self.context.clock.now_us()
        for one in told:
            if isinstance(one, Event) and one.timed_by is None:
                self._tills.take(one.time, now_us, one.device)
        await self._hand_over(told)
        refused = sum(isinstance(one, Refusal) for one in told)
        return len(facts) - refused, refused

    async def lost(self) -> None:
        """Tell the host that the line to the tills broke."""
        await self._hand_over(self.teller.lost())

    def sent(self, time_us: int) -> None:
        """Take when a till says that it has sent what has just come."""
        self._senders.take(time_us, self.context.clock.now_us())

    @property
    def skew(self) -> ClockSkew | None:
        """How far the clock that is furthest off is from ours; None where none has told a time."""
        known = [one for one in (self._senders.skew, self._tills.skew) if one is not None]
        return max(known, key=lambda one: abs(one.ahead_us), default=None)

    async def _hand_over(self, told: Iterable[Told]) -> None:
        assert self.emit is not None
        await hand_over(told, self.emit, self.context.device)


class PosSensor(SensorPlugin):
    """A point of sale. A subclass says what it speaks and where from."""

    def __init__(self, config: PosConfig) -> None:
        self._settings = config
        self._source: Source | None = None
        self._desk: Desk | None = None

    @abstractmethod
    def _prepare(self, desk: Desk) -> Source:
        """Read what the configuration names and make the source; may block, runs in a thread.

        Raises:
            MistakeError: a file that a person wrote holds mistakes.
            DeviceMisconfigured: something is missing.
        """

    @abstractmethod
    def _where(self) -> str:
        """Say in a few words where its bytes come from."""

    def _secrets(self) -> Sequence[str]:
        """Name the places of its secrets, for diagnostics; never what is in them."""
        return ()

    @property
    def port(self) -> int | None:
        """The port that it listens on; None where it does not listen."""
        return self._source.port if self._source is not None else None

    async def probe(self) -> DeviceInfo:
        """Say where it waits; who will connect cannot be looked for."""
        return DeviceInfo(reachable=True, detail=f"waits at {self._where()}")

    async def open(self, context: SensorContext) -> None:
        """Read what the configuration names; connect, listen, or find the folder.

        Raises:
            DeviceNotReady: the address does not answer or is taken, the folder is away.
            DeviceMisconfigured: a file holds mistakes, a secret is missing.
        """
        try:
            desk = await asyncio.to_thread(Desk, context, self._settings)
            source = await asyncio.to_thread(self._prepare, desk)
        except MistakeError as error:
            raise DeviceMisconfigured(str(error)) from error
        self._desk, self._source = desk, source
        await source.open()

    async def run(self, emit: Emit) -> None:
        """Read the till until cancelled.

        Raises:
            DeviceNotReady: the link broke.
        """
        desk, source = self._desk, self._source
        assert desk is not None
        assert source is not None
        desk.emit = emit
        try:
            await source.run()
        except DeviceNotReady:
            await desk.lost()
            raise

    async def close(self) -> None:
        """Let go of the source."""
        source, self._source = self._source, None
        if source is not None:
            await source.close()

    def health(self) -> Health:
        """Count what was understood and what was refused."""
        connected = self._source is not None and self._source.connected
        if self._desk is None:
            return Health(connected=connected, frames=0, refused=0, detail="not opened")
        counts = self._desk.counts
        repeats = f", {counts.repeats} sent again" if counts.repeats else ""
        detail = f"{counts.events} events{repeats}"
        return Health(connected, counts.frames, counts.refusals, detail, self._desk.skew)

    def diagnostics(self) -> dict[str, object]:
        """Give the counts, the devices that have spoken, and where secrets are read from."""
        keys = [part.place for part in self._settings.card_keys]
        secrets = [*self._secrets(), *keys]
        found: dict[str, object] = {"source": self._where(), "secrets": secrets}
        if self._desk is not None:
            found |= {**asdict(self._desk.counts), "devices": self._desk.teller.devices}
        return found
