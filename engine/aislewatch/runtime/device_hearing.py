"""What a device's plugin hears of others at its store: their events, from the log.

The server keeps how far a device has heard. So what others told while the device was down is heard
by its next life, and not by nobody: what is made of it then, its plugin says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from aislewatch.errors import BusError, EventRefused
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry, type_of
from aislewatch.events.subjects import heard_filter
from aislewatch.runtime.bus_consumer import CONSUMER_NOT_FOUND, Consumer
from aislewatch.runtime.bus_message import EVENT_STREAM
from aislewatch.runtime.nats_config import HEARINGS_MOST, hearing_consumer
from aislewatch.runtime.nats_link import BusAway, Link

if TYPE_CHECKING:
    from aislewatch.runtime.device import BusAccess

KEPT_S: Final = 7 * 86_400.0
"""So long after its last life it is known how far a device has heard; then it begins anew."""

_FETCH: Final = 100
_PAUSE_S: Final = 0.2


class StoreHearing:
    """Gives a plugin the events of its store; see `aislewatch.events.sensor.Hear`.

    Args:
        access: how to reach NATS; a device's own credentials do.
        store: whose events.
        device: who listens; its own events are not told to it.
        registry: the kinds of event of this installation.
    """

    def __init__(self, access: BusAccess, store: str, device: str, registry: Registry) -> None:
        self._access = access
        self._store = store
        self._device = device
        self._codec = Codec(registry)
        self._hearings = 0

    def __call__(self, *types: str) -> AsyncIterator[Event]:
        """Give each event of some types from where the last life stopped, without end.

        Raises:
            BusError: there are too many hearings.
        """
        assert types
        number, self._hearings = self._hearings, self._hearings + 1
        if number >= HEARINGS_MOST:
            message = f"a plugin hears its store at most {HEARINGS_MOST} times: name more types"
            raise BusError(message)
        return self._heard(hearing_consumer(self._store, self._device, number), types)

    async def _heard(self, name: str, types: tuple[str, ...]) -> AsyncGenerator[Event]:
        async with self._consumer(name, heard_filter(self._store, types)) as consumer:
            while True:
                for received in await consumer.fetch(_FETCH):
                    event = self._decoded(received.payload)
                    if event is not None and self._wanted(event, types):
                        yield event
                    # Whoever asks for the next one has taken this one.
                    await consumer.ack_through(received.sequence)

    def _wanted(self, event: Event, types: tuple[str, ...]) -> bool:
        return event.device != self._device and type_of(type(event)) in types

    def _decoded(self, payload: bytes) -> Event | None:
        try:
            return self._codec.decode(payload)
        except EventRefused:
            return None  # Of a kind that another installation knows; the engine says so.

    @asynccontextmanager
    async def _consumer(self, name: str, subjects: str) -> AsyncGenerator[Consumer]:
        """Read from where the last life stopped, or else from the log's present end on."""
        access = self._access
        who = f"{self._store}/{self._device}, hearing"
        link = Link(access.url, name=who, credentials=access.credentials)
        link.start()
        try:
            consumer = Consumer(
                link,
                stream=EVENT_STREAM,
                subject_filter=subjects,
                start_after=await _heard_up_to(link, name),
                durable=name,
                kept_s=KEPT_S,
                checks=False,
            )
            try:
                yield consumer
            finally:
                await consumer.close()
        finally:
            await link.close()


async def _heard_up_to(link: Link, name: str) -> int | None:
    """Give the last sequence number that was heard; None where that is not known.

    Waits for NATS as long as it is away.

    Raises:
        BusError: the server does not permit it.
    """
    while True:
        try:
            await link.ready(10.0)
            answer = await link.api(f"CONSUMER.INFO.{EVENT_STREAM}.{name}", {})
        except BusAway:
            await asyncio.sleep(_PAUSE_S)
            continue
        if "error" not in answer:
            return int(answer["ack_floor"]["stream_seq"])
        if answer["error"].get("err_code") == CONSUMER_NOT_FOUND:
            return None
        message = f"stream {EVENT_STREAM}: {answer['error'].get('description')}"
        raise BusError(message)
