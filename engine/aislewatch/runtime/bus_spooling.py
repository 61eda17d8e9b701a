"""Publishing that outlives NATS: straight to the bus while it answers, through a spool otherwise.

While something waits in the spool, everything new queues up behind it, so the order in which a
device saw things is the order in the stream. What was tried without an answer heads the spool; the
bus is asked what became of it before it is offered again (`Publisher.unstored`), so nothing is
stored twice however long NATS was away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Self

from aislewatch.errors import BusError
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_message import (
    BATCH_BYTES_MAX,
    BATCH_COUNT_MAX,
    Message,
    batches,
    distinct,
)
from aislewatch.runtime.bus_spool import Spool, SpoolDepth

_PAUSE_S_MIN, _PAUSE_S_MAX = 0.05, 5.0


class WhenFull(Enum):
    """What becomes of new events when the spool is full."""

    DROP_NEWEST = "drop-newest"
    """They are dropped and counted: a live sensor must not stand still."""

    BLOCK = "block"
    """`publish` waits for room: for sources that can wait, such as a file or a recording."""


@dataclass(frozen=True, slots=True)
class SpoolingState:
    """How publishing goes.

    Attributes:
        depth: what waits in the spool, and what it had no room for.
        last_error: why the latest attempt failed; empty after one that succeeded.
    """

    depth: SpoolDepth
    last_error: str


class SpoolingPublisher:
    """Publishes one device's messages, never losing what it took and never storing it twice.

    Use it as ``async with``. It owns neither the bus nor the spool.

    Args:
        bus: may be away, even at the start.
        spool: of this publisher alone.
        when_full: what to do when NATS is away for longer than the spool lasts.
        attempt_s: how long a direct attempt may take before the spool takes over.
        on_trouble: called with a sentence when the spool begins to fill or drops something.
    """

    def __init__(
        self,
        bus: Bus,
        spool: Spool,
        *,
        when_full: WhenFull = WhenFull.DROP_NEWEST,
        attempt_s: float = 5.0,
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        self._bus = bus
        self._spool = spool
        self._when_full = when_full
        self._attempt_s = attempt_s
        self._on_trouble = on_trouble
        self._turn = asyncio.Lock()  # publishes one after the other: their order is the events'
        self._waiting = asyncio.Event()  # something is in the spool
        self._emptied = asyncio.Event()
        self._room = asyncio.Event()  # something has left the spool
        self._drainer: asyncio.Task[None] | None = None
        # The last process may have ended between storing the head and removing it.
        self._unanswered = True
        self._last_error = ""

    async def __aenter__(self) -> Self:
        (self._waiting if self._spool.depth().events else self._emptied).set()
        self._drainer = asyncio.create_task(self._drain_for_ever(), name="spool drain")
        return self

    async def __aexit__(self, *_: object) -> None:
        drainer, self._drainer = self._drainer, None
        assert drainer is not None
        drainer.cancel()
        await asyncio.wait({drainer})  # Not itself: its cancellation and one of ours are two.
        if not drainer.cancelled():
            drainer.result()

    async def publish(self, messages: Sequence[Message]) -> int:
        """Have messages stored, on the bus or on disk; tells how many were taken.

        Fewer than offered only where the spool is full and the policy says to drop.

        Raises:
            BusError: neither the bus nor the disk takes them: the caller still has them.
        """
        assert self._drainer is not None, "use it as an async context"
        if self._drainer.done():
            self._drainer.result()  # a drain that broke says so here, not to nobody
        taken = 0
        async with self._turn:
            for batch in batches(distinct(messages)):
                taken += await self._publish_one_batch(batch)
        return taken

    async def drained(self) -> None:
        """Return when nothing waits in the spool."""
        await self._emptied.wait()

    def state(self) -> SpoolingState:
        """Tell how publishing goes."""
        return SpoolingState(self._spool.depth(), self._last_error)

    async def _publish_one_batch(self, batch: list[Message]) -> int:
        # The drain is idle while nothing waits, so this attempt has the bus to itself.
        if not self._waiting.is_set():
            try:
                await self._bus.publish_batch(batch, deadline_s=self._attempt_s)
            except BusError as error:
                self._unanswered = True
                self._note(f"events go to the spool: {error}")
            else:
                self._last_error = ""
                return len(batch)
        if self._when_full is WhenFull.DROP_NEWEST:
            taken = self._spool_away(batch)
            if taken < len(batch):
                self._note(f"the spool is full: {len(batch) - taken} events dropped")
            return taken
        rest = batch
        while rest:
            self._room.clear()
            fits = self._spool.room_for(rest)
            if fits:
                rest = rest[self._spool_away(rest[:fits]) :]
            else:
                await self._room.wait()
        return len(batch)

    def _spool_away(self, batch: Sequence[Message]) -> int:
        """Put messages on the disk; the loop waits for it, and while NATS is away it may."""
        taken = self._spool.append(batch)
        if taken:
            self._emptied.clear()
            self._waiting.set()
        return taken

    def _note(self, error: str) -> None:
        self._last_error = error
        if self._on_trouble is not None:
            self._on_trouble(error)

    async def _drain_for_ever(self) -> None:
        pause_s = _PAUSE_S_MIN
        while True:
            await self._waiting.wait()
            head = self._spool.head(BATCH_COUNT_MAX, BATCH_BYTES_MAX)
            try:
                await self._bus.ready(self._attempt_s)
                new = await self._bus.unstored(head) if self._unanswered else head
                await self._bus.publish_batch(new, deadline_s=self._attempt_s)
                self._spool.remove_head(head)
            except BusError as error:
                self._unanswered = True
                self._last_error = str(error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _PAUSE_S_MAX)
                continue
            pause_s = _PAUSE_S_MIN
            self._unanswered = False
            self._last_error = ""
            self._room.set()
            if self._spool.depth().events == 0:
                self._waiting.clear()
                self._emptied.set()
