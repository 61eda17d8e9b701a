"""What a device's plugin hears of others at its store: their events, from the log, from now on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aislewatch.errors import EventRefused
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry, type_of
from aislewatch.events.subjects import heard_filter
from aislewatch.runtime.bus_consumer import Consumer
from aislewatch.runtime.bus_message import EVENT_STREAM
from aislewatch.runtime.nats_link import BusAway, Link
from aislewatch.runtime.stream_marks import last_sequence

if TYPE_CHECKING:
    from aislewatch.runtime.device import BusAccess

_FETCH: Final = 100
_PAUSE_S: Final = 0.2


class StoreHearing:
    """Gives a plugin the events of its store; see `aislewatch.events.sensor.Hear`.

    Args:
        access: how to reach NATS.
        store: whose events.
        device: who listens; its own events are not told to it.
        registry: the kinds of event of this installation.
    """

    def __init__(self, access: BusAccess, store: str, device: str, registry: Registry) -> None:
        self._access = access
        self._store = store
        self._device = device
        self._codec = Codec(registry)

    def __call__(self, *types: str) -> AsyncIterator[Event]:
        """Give each event of some types from now on, in the order of the log, without end."""
        assert types
        return self._heard(types)

    async def _heard(self, types: tuple[str, ...]) -> AsyncGenerator[Event]:
        async with self._consumer(heard_filter(self._store, types)) as consumer:
            while True:
                for received in await consumer.fetch(_FETCH):
                    event = self._decoded(received.payload)
                    if event is None or event.device == self._device:
                        continue
                    if type_of(type(event)) in types:
                        yield event

    def _decoded(self, payload: bytes) -> Event | None:
        try:
            return self._codec.decode(payload)
        except EventRefused:
            return None  # Of a kind that another installation knows; the engine says so.

    @asynccontextmanager
    async def _consumer(self, subjects: str) -> AsyncGenerator[Consumer]:
        """Read from the log's present end on."""
        access = self._access
        name = f"{self._store}/{self._device}, hearing"
        link = Link(access.url, name=name, credentials=access.credentials)
        link.start()
        try:
            end = await _end_of(link, self._store)
            consumer = Consumer(link, stream=EVENT_STREAM, subject_filter=subjects, start_after=end)
            try:
                yield consumer
            finally:
                await consumer.close()
        finally:
            await link.close()


async def _end_of(link: Link, store: str) -> int:
    """Give where the store's events end; waits for NATS as long as it is away."""
    while True:
        try:
            await link.ready(10.0)
            return await last_sequence(link, store)
        except BusAway:
            await asyncio.sleep(_PAUSE_S)
