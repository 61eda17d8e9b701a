import asyncio
import os
import random
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from aislewatch.errors import BusError
from aislewatch.events.subjects import event_subject
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_consumer import Consumer
from aislewatch.runtime.bus_message import Message
from aislewatch.runtime.bus_spool import Spool
from aislewatch.runtime.bus_spooling import SpoolingPublisher, WhenFull
from aislewatch.runtime.bus_streams import StreamLimits
from aislewatch.runtime.nats_link import BusAway, Delivery, Link
from aislewatch.runtime.nats_server import NatsServer

pytestmark = pytest.mark.live
TOKEN = "a-secret-of-this-test-run"
SUBJECT = event_subject("s1", "gate-1", "rfid.read")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    folder = tmp_path / "nats"
    async with NatsServer(folder, token=TOKEN, devices=[("s1", "gate-1")]) as server:
        async with connected(server) as bus:
            await bus.ensure_streams()
        yield server


@asynccontextmanager
async def connected(
    server: NatsServer, *, url: str = "", on_reconnected: Callable[[], None] | None = None
) -> AsyncGenerator[Bus]:
    connecting = Bus.connect(
        url or server.url, name="test", credentials=server.engine, on_reconnected=on_reconnected
    )
    async with await connecting as bus:
        yield bus


def events(first: int, last: int, size: int = 20) -> list[Message]:
    return [
        Message(SUBJECT, f"gate-1/{i}", f"{i}".ljust(size).encode()) for i in range(first, last)
    ]


async def stored(server: NatsServer) -> list[int]:
    async with connected(server) as bus:
        return [int(m.payload) async for m in bus.read_all()]


async def publish_for_ever(bus: Bus) -> None:
    while True:
        await bus.publish_batch(events(0, 1), deadline_s=0.5)


async def kill(server: NatsServer) -> None:
    os.kill(server.pid, signal.SIGKILL)
    await server.ended()
    await server.stop()


class Proxy:
    """A TCP link that breaks after a number of bytes towards the server, drawn from a seed."""

    def __init__(self, target: int, seed: int) -> None:
        self.cuts = 0
        self.whole = False
        self._target = target
        self._random = random.Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        both = {writer, up_writer}
        self._writers |= both
        up = asyncio.create_task(
            self._pump(reader, up_writer, self._random.randint(2_000, 400_000))
        )
        down = asyncio.create_task(self._pump(up_reader, writer, 1 << 60))
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        for end in both:
            end.transport.abort()
        await asyncio.wait({up, down})
        self._writers -= both

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, budget: int
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(16_384):
                budget -= len(data)
                if budget < 0 and not self.whole:
                    self.cuts += 1
                    return  # these bytes, and maybe an answer, are lost
                writer.write(data)
                await writer.drain()


async def test_a_server_killed_while_publishing_loses_and_doubles_nothing(
    server: NatsServer,
) -> None:
    acknowledged = 0
    third = asyncio.Event()

    async def publish(bus: Bus) -> None:
        nonlocal acknowledged
        for start in range(0, 30_000, 300):
            await bus.publish_batch(events(start, start + 300), deadline_s=60)
            acknowledged = start + 300
            if acknowledged % 9_000 == 0:
                third.set()

    async with connected(server) as bus:
        publishing = asyncio.create_task(publish(bus))
        for _ in range(3):
            third.clear()
            await third.wait()
            sure = acknowledged
            await kill(server)
            await server.start()
            assert len(await stored(server)) >= sure
        await publishing

    assert await stored(server) == list(range(30_000))


@pytest.mark.parametrize("seed", range(3))
async def test_a_link_that_keeps_breaking_loses_and_doubles_nothing(
    server: NatsServer, seed: int
) -> None:
    print(f"seed {seed}")
    proxy = Proxy(server.port, seed)
    got: list[int] = []

    async def read(bus: Bus) -> None:
        consumer = await bus.subscribe("s1", durable="engine", start_after=0)
        while len(got) < 20_000:
            messages = await consumer.fetch(500, timeout_s=1)
            got.extend(int(m.payload) for m in messages)
            await consumer.ack_through(consumer.position)
        await consumer.close()

    async with (
        proxy.listening() as url,
        connected(server, url=url) as publishing,
        connected(server, url=url) as reading,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(read(reading))
        for start in range(0, 20_000, 1000):
            await publishing.publish_batch(events(start, start + 1000), deadline_s=60)
        proxy.whole = True

    assert proxy.cuts >= 2
    assert await stored(server) == list(range(20_000))
    assert got == list(range(20_000))


async def test_reading_goes_on_in_order_after_the_server_was_killed(server: NatsServer) -> None:
    async with connected(server) as bus:
        await bus.publish_batch(events(0, 10_000))
        consumer = await bus.subscribe("s1", durable="engine", start_after=0)
        got = [int(m.payload) for m in await consumer.fetch(500)]
        await kill(server)
        await server.start()
        while len(got) < 10_000:
            got += [int(m.payload) for m in await consumer.fetch(500)]
            await consumer.ack_through(consumer.position)
        await consumer.close()

    assert got == list(range(10_000))


class DroppingLink(Link):
    """A link whose client drops a delivery, as nats-py does when its buffer overflows."""

    def __init__(self, server: NatsServer, dropped: int) -> None:
        super().__init__(server.url, name="test", credentials=server.engine)
        self.dropped = dropped

    async def listen(
        self, subject: str, take: Callable[[Delivery], None]
    ) -> Callable[[], Awaitable[None]]:
        def take_most(delivery: Delivery) -> None:
            self.dropped -= 1
            if self.dropped != 0:
                take(delivery)

        return await super().listen(subject, take_most)


@pytest.mark.parametrize("dropped", [1, 700, 1000])
async def test_a_delivery_that_the_client_dropped_is_read_in_its_place(
    server: NatsServer, dropped: int
) -> None:
    async with connected(server) as bus:
        await bus.publish_batch(events(0, 1500))
    link = DroppingLink(server, dropped)
    link.start()
    await link.ready(10)
    consumer = Consumer(link, stream="EV", subject_filter="ev.s1.>", start_after=0, durable="d")
    await consumer.open()

    got: list[int] = []
    while len(got) < 1500:
        got += [int(m.payload) for m in await consumer.fetch(400)]

    assert link.dropped <= 0
    assert got == list(range(1500))
    await consumer.close()
    await link.close()


async def test_a_server_that_hangs_is_told_by_the_deadline_and_nothing_doubles_after_it(
    server: NatsServer,
) -> None:
    async with connected(server) as bus:
        os.kill(server.pid, signal.SIGSTOP)
        with pytest.raises(BusAway, match="1000 events are not stored in time"):
            await bus.publish_batch(events(0, 3000), deadline_s=0.3)
        os.kill(server.pid, signal.SIGCONT)
        await bus.publish_batch(events(0, 3000))

    assert await stored(server) == list(range(3000))


async def test_an_error_that_closes_the_client_for_good_does_not_close_the_bus(
    server: NatsServer, tmp_path: Path
) -> None:
    back = asyncio.Event()
    config = tmp_path / "nats/run/server.conf"
    right = config.read_text()
    async with connected(server, on_reconnected=back.set) as bus:
        config.write_text(right.replace(server.engine.password, "f" * 64))
        os.kill(server.pid, signal.SIGHUP)
        with pytest.raises(BusError):
            await publish_for_ever(bus)
        config.write_text(right)
        os.kill(server.pid, signal.SIGHUP)

        await back.wait()

        assert (await bus.publish_batch(events(0, 5), deadline_s=30)).stored >= 4
    assert await stored(server) == list(range(5))


async def test_spooled_events_follow_in_order_once_nats_is_back(
    server: NatsServer, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool.db")
    troubles: list[str] = []
    async with (
        connected(server) as bus,
        SpoolingPublisher(bus, spool, attempt_s=0.2, on_trouble=troubles.append) as publisher,
    ):
        for start in range(0, 5000, 100):
            if start in (1000, 3000):
                await kill(server)
            if start in (2000, 4000):
                await server.start()
            assert await publisher.publish(events(start, start + 100)) == 100
        await publisher.drained()
        state = publisher.state()
    spool.close()

    assert troubles
    assert (state.depth.events, state.depth.bytes, state.depth.dropped) == (0, 0, 0)
    assert await stored(server) == list(range(5000))


async def test_a_spool_outlives_its_process_and_a_start_without_nats(
    server: NatsServer, tmp_path: Path
) -> None:
    await kill(server)
    spool = Spool(tmp_path / "spool.db")
    url, who = server.url, server.engine
    async with await Bus.connect(url, name="test", credentials=who, wait_s=None) as bus:
        async with SpoolingPublisher(bus, spool, attempt_s=0.05) as publisher:
            assert await publisher.publish(events(0, 1500)) == 1500
        spool.close()

        spool = Spool(tmp_path / "spool.db")
        async with SpoolingPublisher(bus, spool, attempt_s=0.05) as publisher:
            assert publisher.state().depth.events == 1500
            await publisher.publish(events(1500, 2000))
            await server.start()
            await publisher.drained()
        spool.close()

    assert await stored(server) == list(range(2000))


async def test_an_answer_lost_longer_ago_than_ids_are_remembered_doubles_nothing(
    server: NatsServer, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool.db")
    async with connected(server) as bus:
        await bus.ensure_streams(StreamLimits(duplicate_window_s=0.1))
        await bus.publish_batch(events(0, 700))
        forgotten = False
        probes = 0
        while not forgotten:  # wait until the server has forgotten the ids
            probe = Message(event_subject("s2", "probe", "clock.tick"), "probe", b"0")
            forgotten = (await bus.publish_batch([probe])).stored == 1 and probes > 0
            probes += 1
        # As a process leaves it that ended after the attempt and before its answer.
        spool.append(events(0, 900))
        async with SpoolingPublisher(bus, spool) as publisher:
            await publisher.drained()
        kept = [int(m.payload) async for m in bus.read_all("s1")]
    spool.close()

    assert kept == list(range(900))


async def test_a_full_stream_leaves_events_in_the_spool_until_there_is_room(
    server: NatsServer, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool.db")
    async with connected(server) as bus, SpoolingPublisher(bus, spool) as publisher:
        await bus.ensure_streams(StreamLimits(max_bytes=100_000))
        for start in range(0, 1000, 100):
            await publisher.publish(events(start, start + 100, size=500))
        waiting = publisher.state()
        assert waiting.depth.events > 0
        assert "takes no more" in waiting.last_error

        await bus.ensure_streams(StreamLimits(max_bytes=10_000_000))
        await publisher.drained()
    spool.close()

    assert await stored(server) == list(range(1000))


async def test_a_full_spool_drops_the_newest_and_counts_them(
    server: NatsServer, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool.db", max_bytes=20_000)
    troubles: list[str] = []
    async with connected(server) as bus:
        await kill(server)
        publishing = SpoolingPublisher(bus, spool, attempt_s=0.05, on_trouble=troubles.append)
        async with publishing as publisher:
            taken = await publisher.publish(events(0, 1000))
            assert 0 < taken < 1000
            assert publisher.state().depth.dropped == 1000 - taken
            assert f"{1000 - taken} events dropped" in troubles[-1]
            await server.start()
            await publisher.drained()
    spool.close()

    assert await stored(server) == list(range(taken))
    reopened = Spool(tmp_path / "spool.db")
    assert reopened.depth().dropped == 1000 - taken
    reopened.close()


async def test_a_source_that_can_wait_waits_for_room_and_loses_nothing(
    server: NatsServer, tmp_path: Path
) -> None:
    spool = Spool(tmp_path / "spool.db", max_bytes=20_000)
    async with connected(server) as bus:
        await kill(server)
        blocking = SpoolingPublisher(bus, spool, attempt_s=0.05, when_full=WhenFull.BLOCK)
        async with blocking as publisher:
            publishing = asyncio.create_task(publisher.publish(events(0, 3000)))
            while publisher.state().depth.bytes < 19_000:
                await asyncio.sleep(0)
            assert not publishing.done()
            await server.start()
            assert await publishing == 3000
            await publisher.drained()
    spool.close()

    assert await stored(server) == list(range(3000))
