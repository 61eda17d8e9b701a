"""The live engine of one store: fetch, decide, commit, and only then acknowledge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from aislewatch.events.sensor import Clock
from aislewatch.ledger import Head, Ledger
from aislewatch.runtime.archive_line import StreamMessage
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.store_engine import StoreEngine

DURABLE = "engine"
"""Name of the engine's consumer; with the store's, so that there is one engine a store."""

_BATCH = 1000
_WAIT_S = 0.25
_LAST_WAIT_S = 1.0
"""For what the server has stored and not yet sent, when told that no more will come."""


class Source(Protocol):
    """Where the messages of a store's events come from, in order; `bus_consumer.Consumer`."""

    @property
    def aged_out(self) -> int:
        """How many sequence numbers the stream no longer held when they were to be read."""
        ...

    async def fetch(self, count_max: int, timeout_s: float) -> Sequence[StreamMessage]:
        """Give the next messages; none after the timeout."""
        ...

    async def ack_through(self, sequence: int) -> None:
        """Hear that everything up to a sequence is committed."""
        ...

    def caught_up(self) -> bool:
        """Say whether everything that is known of was handed out."""
        ...

    async def close(self) -> None:
        """Hand out no more."""
        ...


class DeadLetters(Protocol):
    """Where what is no event is kept; `bus.Bus`."""

    async def dead_letter(
        self, store: str, device: str, reason: str, payload: bytes, *, place: str, msg_id: str
    ) -> None:
        """Keep a message, once for each ``msg_id``."""
        ...


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """How an engine is doing.

    Attributes:
        store: whose engine.
        position: the last sequence of the stream that was taken.
        head: of the store's chain.
        watermark: event time up to which everything is decided; -1 before the first tick.
        refused: messages that were no events, since the start.
        ended: the source was a recording, and all of it is in the ledger.
        caught_up: nothing is waiting to be read, as far as is known.
        aged_out: sequence numbers that the stream no longer held when they were to be read; events
            of the store may have been among them, and then they were never decided on.
    """

    store: str
    position: int
    head: Head
    watermark: int
    refused: int
    ended: bool
    caught_up: bool
    aged_out: int


class EngineLoop:
    """Runs one store's engine on a source of messages.

    A failure ends the loop: nothing of the batch was acknowledged, nothing half of it written. Make
    another from the ledger, see :func:`open_engine`.

    Args:
        engine: the store's, just made.
        source: gives what comes after ``engine.position``.
        dead_letters: takes what is no event.
        clock: says when records are written; no decision rests on it.
        batch_max: most messages of one transaction.
    """

    def __init__(
        self,
        engine: StoreEngine,
        source: Source,
        dead_letters: DeadLetters,
        clock: Clock,
        *,
        batch_max: int = _BATCH,
    ) -> None:
        self._engine = engine
        self._source = source
        self._dead_letters = dead_letters
        self._clock = clock
        self._batch_max = batch_max

    def status(self) -> EngineStatus:
        """Say how the engine is doing."""
        engine = self._engine
        return EngineStatus(
            store=engine.store,
            position=engine.position,
            head=engine.head,
            watermark=engine.watermark,
            refused=engine.refused,
            ended=engine.ended,
            caught_up=self._source.caught_up(),
            aged_out=self._source.aged_out,
        )

    async def turn(self, timeout_s: float = _WAIT_S) -> int:
        """Take one batch through fetch, decision, commit and acknowledgement.

        Returns:
            How many messages it was; none after the timeout.

        Raises:
            LedgerFull: there is no room on the disk.
            LedgerError: the ledger cannot be written, or holds other than is decided again.
            BusError: NATS takes no dead letter, or gives no messages.
        """
        messages = await self._source.fetch(self._batch_max, timeout_s)
        if not messages:
            return 0
        engine = self._engine
        # In a thread: the wait for the disk is where the next messages are received.
        batch = await asyncio.to_thread(engine.read, messages)
        for refusal in batch.refusals:
            if refusal.sequence > engine.committed:
                await self._dead_letters.dead_letter(
                    engine.store,
                    refusal.device,
                    refusal.reason,
                    refusal.payload,
                    place=refusal.place,
                    # Of the message, so that a batch that is taken again after a kill adds none.
                    msg_id=f"engine/{refusal.sequence}",
                )
        await asyncio.to_thread(engine.take, batch, recorded_us=self._clock.now_us())
        await self._source.ack_through(batch.position)
        return len(messages)

    async def run(self, stop: asyncio.Event, *, until_ended: bool = False) -> EngineStatus:
        """Take batches until told to stop, and then what is left of the stream.

        Args:
            stop: set it when nothing more will be published.
            until_ended: also stop by itself, once a recording has been read to its end.

        Returns:
            How things stood at the end, with everything in the ledger.

        Raises:
            LedgerError: as :meth:`turn`; nothing of the failed batch was acknowledged.
            BusError: as :meth:`turn`.
        """
        while True:
            # Asked before: what came while a turn found nothing was not looked for yet.
            over = stop.is_set() or (until_ended and self._engine.ended)
            taken = await self.turn(_LAST_WAIT_S if over else _WAIT_S)
            if over and not taken and self._source.caught_up():
                break
        await self.save()
        return self.status()

    async def save(self) -> None:
        """Keep a snapshot in the ledger, so that the next start goes on from here at once."""
        await asyncio.to_thread(self._engine.save, recorded_us=self._clock.now_us())

    async def close(self) -> None:
        """Let go of the source; the ledger is the caller's."""
        await self._source.close()


async def open_engine(
    bus: Bus,
    setup: Setup,
    store: str,
    ledger: Ledger,
    clock: Clock,
    kept: Callable[[str], Setup] | None = None,
    began: Setup | None = None,
) -> EngineLoop:
    """Make a store's engine where its ledger left off, reading from the bus.

    Args:
        bus: for what it reads, and for what is no event.
        setup: what to detect from where the ledger ends on.
        store: whose events.
        ledger: open for appending.
        clock: says when records are written.
        kept: gives a setup by its meaning; see `StoreEngine`.
        began: what the store began with; likewise.

    Raises:
        LedgerError: changed rules on a chain whose engine was killed, and the old are not kept.
        BusError: NATS is away, or its stream is not the one that the ledger was written from.
    """
    make = partial(StoreEngine, setup, store, ledger, kept=kept, began=began)
    engine = await asyncio.to_thread(make)
    consumer = await bus.subscribe(store, durable=DURABLE, start_after=engine.position)
    return EngineLoop(engine, consumer, bus, clock)
