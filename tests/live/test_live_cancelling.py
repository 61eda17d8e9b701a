"""A cancellation ends whoever waits for NATS, also where it arrives together with what they await.

`asyncio.wait_for` of Python 3.11 drops a cancellation that comes with the result, in a window of
one turn of the loop. So each case is tried at each of the turns around it.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from aislewatch.events.subjects import event_subject, store_filter
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_consumer import Consumer
from aislewatch.runtime.bus_message import EVENT_STREAM, Message
from aislewatch.runtime.bus_spool import Spool
from aislewatch.runtime.bus_spooling import SpoolingPublisher
from aislewatch.runtime.ending import end
from aislewatch.runtime.nats_link import BusAway, Delivery, Link
from aislewatch.runtime.nats_server import NatsServer

pytestmark = pytest.mark.live
TOKEN = "a-secret-of-this-test-run"
SUBJECT = event_subject("s1", "gate-1", "rfid.read")
TURNS = 8
CLOSES_S = 2.0


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats", token=TOKEN) as server:
        async with await Bus.connect(server.url, name="t", credentials=server.engine) as bus:
            await bus.ensure_streams()
        yield server


class Noisy(Link):
    """A link that says when something has come, right after who listens has it."""

    def __init__(self, server: NatsServer) -> None:
        super().__init__(server.url, name="noisy", credentials=server.engine)
        self.came: Callable[[], None] = lambda: None

    async def listen(
        self, subject: str, take: Callable[[Delivery], None]
    ) -> Callable[[], Awaitable[None]]:
        def both(delivery: Delivery) -> None:
            take(delivery)
            self.came()

        return await super().listen(subject, both)


def cancel_after(turns: int, task: "asyncio.Task[object]") -> None:
    """Cancel a task after so many turns of the loop."""
    if turns:
        asyncio.get_running_loop().call_soon(cancel_after, turns - 1, task)
    else:
        task.cancel()


@pytest.mark.parametrize("turns", range(TURNS))
async def test_a_loop_that_reads_ends_when_it_is_cancelled_as_a_message_comes(
    server: NatsServer, turns: int
) -> None:
    link = Noisy(server)
    link.start()
    await link.ready(10)
    consumer = Consumer(link, stream=EVENT_STREAM, subject_filter=store_filter("s1"), start_after=0)
    await consumer.open()
    assert await consumer.fetch(timeout_s=0.05) == []

    async def read_for_ever() -> None:
        while True:
            await consumer.fetch(timeout_s=30)

    reading = asyncio.create_task(read_for_ever())
    link.came = lambda: cancel_after(turns, reading)
    async with await Bus.connect(server.url, name="t", credentials=server.engine) as bus:
        await bus.publish_batch([Message(SUBJECT, "gate-1/1", b"1")])
        await asyncio.wait({reading}, timeout=10)
    cancelled = reading.cancelled()
    await end(reading)
    await consumer.close()
    await link.close()

    assert cancelled


@pytest.mark.parametrize("turns", range(TURNS))
async def test_waiting_for_a_connection_ends_when_it_is_cancelled_as_that_comes(
    server: NatsServer, turns: int
) -> None:
    waits: list[asyncio.Task[object]] = []
    link = Link(
        server.url,
        name="t",
        credentials=server.engine,
        on_reconnected=lambda: cancel_after(turns, waits[0]),
    )
    link.start()
    await link.ready(10)
    os.kill(server.pid, signal.SIGKILL)
    await server.ended()
    await server.stop()

    async def wait_for_ever() -> None:
        while True:
            try:
                await link.ready(30)
            except BusAway:
                continue
            await asyncio.sleep(0)

    # It has noticed the loss: else waiting would be over at once.
    while link.connected:
        await asyncio.sleep(0)
    waits.append(asyncio.create_task(wait_for_ever()))
    await server.start()
    await asyncio.wait(waits, timeout=20)
    cancelled = waits[0].cancelled()
    await end(*waits)
    await link.close()

    assert cancelled


async def test_a_link_to_a_server_that_has_stopped_answering_closes_in_time(
    server: NatsServer,
) -> None:
    link = Link(server.url, name="t", credentials=server.engine)
    link.start()
    await link.ready(10)
    consumer = Consumer(link, stream=EVENT_STREAM, subject_filter=store_filter("s1"), start_after=0)
    await consumer.open()
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for _ in range(40):  # More than the connection's buffers take.
            await link.publish(SUBJECT, bytes(1_000_000))
        assert link.pending_bytes()
        async with asyncio.timeout(CLOSES_S):
            await consumer.close()
            await link.close()
        assert not link.connected
    finally:
        os.kill(server.pid, signal.SIGCONT)


async def test_a_close_that_is_cancelled_disconnects_all_the_same(server: NatsServer) -> None:
    for turns in range(TURNS):
        link = Link(server.url, name="t", credentials=server.engine)
        link.start()
        await link.ready(10)
        closing = asyncio.create_task(link.close())
        cancel_after(1 + turns, closing)  # Cancelled before its first turn, it never began.
        await asyncio.wait({closing}, timeout=CLOSES_S)
        assert closing.done()
        assert not link.connected


async def test_a_publisher_that_is_ended_while_its_bus_is_away_lets_itself_be_cancelled(
    tmp_path: Path,
) -> None:
    async def publish_for_ever(spool: Spool) -> None:
        bus = await Bus.connect("nats://127.0.0.1:9", name="t", wait_s=None)
        async with bus, SpoolingPublisher(bus, spool) as publisher:
            while True:
                await publisher.publish([Message(SUBJECT, "gate-1/1", b"1")])
                await asyncio.sleep(0)

    for turns in range(TURNS):
        spool = Spool(tmp_path / f"{turns}.sqlite")
        publishing = asyncio.create_task(publish_for_ever(spool))
        cancel_after(3 * turns, publishing)
        await asyncio.wait({publishing}, timeout=CLOSES_S)
        assert publishing.cancelled()
        spool.close()
