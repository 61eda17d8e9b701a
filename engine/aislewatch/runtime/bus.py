"""The bus: one connection to NATS with everything that Aislewatch does over it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Self

from aislewatch.events.subjects import (
    DEAD_LETTERS,
    EVENTS,
    dead_letter_filter,
    escape,
    store_filter,
)
from aislewatch.runtime.bus_consumer import Consumer, Received, read_through
from aislewatch.runtime.bus_message import (
    DEAD_LETTER_STREAM,
    EVENT_STREAM,
    DeadLetter,
    Message,
    dead_letter_message,
    read_dead_letter,
)
from aislewatch.runtime.bus_publish import Publisher, Receipt
from aislewatch.runtime.bus_streams import Durability, StreamLimits, ensure_streams, verify_durable
from aislewatch.runtime.nats_config import Credentials
from aislewatch.runtime.nats_link import Link

_PUBLISH_DEADLINE_S = 15.0


@dataclass(frozen=True, slots=True)
class BusState:
    """How the connection is.

    Attributes:
        connected: whether anything can be sent right now.
        connections: how many there were so far; more than 1 says that one was lost.
        last_error: the latest trouble in words; empty while there was none.
    """

    connected: bool
    connections: int
    last_error: str


class Bus:
    """One connection to NATS; use one a process (or event loop), as ``async with``.

    Publishing and reading are in whole batches at every hop. All deadlines are in seconds.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._publisher = Publisher(link)

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        name: str,
        credentials: Credentials | None = None,
        wait_s: float | None = 10.0,
        on_disconnected: Callable[[str], None] | None = None,
        on_reconnected: Callable[[], None] | None = None,
    ) -> Self:
        """Connect, and stay connected through everything until `close`.

        Args:
            url: ``nats://host:port``.
            name: who we are, in the server's listings: a plugin's or an engine's name.
            credentials: of the user that we are; none for a server that asks for none.
            wait_s: how long the first connection may take; None comes back at once and connects
                meanwhile, for a publisher that has a spool to fill.
            on_disconnected: called with the reason whenever the connection is lost.
            on_reconnected: called whenever it is back.

        Raises:
            BusAway: no connection within `wait_s`.
            BusError: the server refuses the credentials.
        """
        link = Link(
            url,
            name=name,
            credentials=credentials,
            on_disconnected=on_disconnected,
            on_reconnected=on_reconnected,
        )
        link.start()
        if wait_s is not None:
            try:
                await link.ready(wait_s)
            except BaseException:
                await link.close()
                raise
        return cls(link)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Send what is under way and disconnect."""
        await self._link.close()

    def state(self) -> BusState:
        """Tell how the connection is."""
        return BusState(self._link.connected, self._link.epoch, self._link.last_error)

    async def ready(self, wait_s: float) -> None:
        """Return when connected; raises as `connect` does."""
        await self._link.ready(wait_s)

    async def ensure_streams(self, limits: StreamLimits | None = None) -> None:
        """Create the streams or bring them to these limits; see `bus_streams.ensure_streams`."""
        await ensure_streams(self._link, limits or StreamLimits())

    async def verify_durable(self, system: Credentials | None) -> Durability:
        """Ask the server whether it syncs every write; see `bus_streams.verify_durable`."""
        return await verify_durable(self._link.url, system)

    async def publish_batch(
        self, messages: Sequence[Message], *, deadline_s: float = _PUBLISH_DEADLINE_S
    ) -> Receipt:
        """Store messages, each exactly once, in order; see `Publisher.publish`."""
        return await self._publisher.publish(messages, deadline_s)

    async def unstored(self, messages: Sequence[Message]) -> list[Message]:
        """Leave out what an unanswered attempt has stored; see `Publisher.unstored`."""
        return await self._publisher.unstored(messages)

    async def dead_letter(
        self,
        store: str,
        device: str,
        reason: str,
        payload: bytes,
        *,
        place: str = "",
        msg_id: str = "",
        deadline_s: float = _PUBLISH_DEADLINE_S,
    ) -> None:
        """Keep what a device sent that is no event; raises as `publish_batch` does.

        Without a `msg_id` each call is an occurrence of its own; see `dead_letter_message`.
        """
        msg_id = msg_id or self._link.new_inbox()
        letter = dead_letter_message(store, device, reason, payload, place=place, msg_id=msg_id)
        await self._publisher.publish([letter], deadline_s)

    async def subscribe(self, store: str, *, durable: str, start_after: int) -> Consumer:
        """Read a store's events after a sequence that the caller's database has committed.

        Args:
            store: whose events.
            durable: the reader's name: ``engine``. One reader of a name and store at a time.
            start_after: the last committed sequence; 0 for the stream's first event.

        Raises:
            BusAway: no answer.
            BusError: the stream is not there, or is not the one that was read before.
        """
        consumer = Consumer(
            self._link,
            stream=EVENT_STREAM,
            subject_filter=store_filter(store),
            start_after=start_after,
            durable=f"{escape(durable)}-{escape(store)}",
        )
        await consumer.open()
        return consumer

    async def read_all(self, store: str = "", *, after: int = 0) -> AsyncIterator[Received]:
        """Give all events after a sequence, in the stream's order, up to its present end.

        This is what the archive is made of. Without a store: those of every store.
        """
        consumer = Consumer(
            self._link,
            stream=EVENT_STREAM,
            subject_filter=store_filter(store) if store else f"{EVENTS}.>",
            start_after=after,
        )
        async for message in read_through(consumer):
            yield message

    async def dead_letters(
        self, store: str = "", *, after: int = 0
    ) -> AsyncIterator[tuple[int, DeadLetter]]:
        """Give a store's dead letters after a sequence, each with its own sequence.

        Without a store: those of every store.
        """
        consumer = Consumer(
            self._link,
            stream=DEAD_LETTER_STREAM,
            subject_filter=dead_letter_filter(store) if store else f"{DEAD_LETTERS}.>",
            start_after=after,
        )
        async for message in read_through(consumer):
            yield message.sequence, read_dead_letter(message.payload)
