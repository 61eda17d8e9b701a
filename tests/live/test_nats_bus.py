import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from aislewatch.errors import BusError
from aislewatch.events.subjects import escape, event_subject
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_consumer import Consumer, Received
from aislewatch.runtime.bus_message import Message
from aislewatch.runtime.bus_publish import BusFull, Receipt
from aislewatch.runtime.bus_streams import StreamLimits
from aislewatch.runtime.nats_config import Credentials
from aislewatch.runtime.nats_link import BusAway
from aislewatch.runtime.nats_server import NatsServer, find_server

pytestmark = pytest.mark.live
TOKEN = "a-secret-of-this-test-run"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    folder = tmp_path / "nats"
    async with NatsServer(folder, token=TOKEN, devices=[("s1", "gate-1")]) as server:
        yield server


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(server.url, name="test", credentials=server.engine) as bus:
        await bus.ensure_streams()
        yield bus


def events(
    first: int, last: int, *, store: str = "s1", device: str = "gate-1", size: int = 20
) -> list[Message]:
    subject = event_subject(store, device, "rfid.read")
    return [
        Message(subject, f"{escape(store)}/{device}/{i}", f"{i}".ljust(size).encode())
        for i in range(first, last)
    ]


def numbers(received: Sequence[Received]) -> list[int]:
    return [int(r.payload) for r in received]


async def fetch_until(consumer: Consumer, count: int) -> list[Received]:
    got: list[Received] = []
    while len(got) < count:
        got += await consumer.fetch(500, timeout_s=5)
    return got


async def fill(bus: Bus) -> None:
    for start in range(0, 10_000, 100):
        await bus.publish_batch(events(start, start + 100, size=500))


async def test_a_batch_offered_twice_is_stored_once(bus: Bus) -> None:
    first = await bus.publish_batch(events(0, 2500))
    again = await bus.publish_batch(events(0, 2500))

    assert first == Receipt(stored=2500, known=0)
    assert again == Receipt(stored=0, known=2500)
    assert numbers([m async for m in bus.read_all()]) == list(range(2500))


async def test_a_batch_known_in_part_ends_with_the_rest_stored_too(bus: Bus) -> None:
    await bus.publish_batch(events(3, 7))

    receipt = await bus.publish_batch(events(0, 10) + events(9, 10))

    assert receipt == Receipt(stored=6, known=5)
    stored = numbers([m async for m in bus.read_all()])
    assert stored == [3, 4, 5, 6, 0, 1, 2, 7, 8, 9]


async def test_a_hundred_thousand_events_are_fetched_in_order(bus: Bus) -> None:
    for start in range(0, 100_000, 5000):
        await bus.publish_batch(events(start, start + 5000))
    consumer = await bus.subscribe("s1", durable="engine", start_after=0)

    got: list[Received] = []
    while len(got) < 100_000:
        got += await consumer.fetch(500, timeout_s=5)
        await consumer.ack_through(got[-1].sequence)

    assert numbers(got) == list(range(100_000))
    assert [r.sequence for r in got] == list(range(1, 100_001))
    await consumer.close()


async def test_a_reader_resumes_exactly_where_its_database_left_off(
    bus: Bus, server: NatsServer
) -> None:
    await bus.publish_batch(events(0, 3000))
    async with await Bus.connect(server.url, name="crashes", credentials=server.engine) as crashing:
        before = await crashing.subscribe("s1", durable="engine", start_after=0)
        committed = await fetch_until(before, 700)
        await before.fetch(500)  # in hand, and neither committed nor acknowledged
        position = committed[-1].sequence

    after = await bus.subscribe("s1", durable="engine", start_after=position)

    assert numbers(await fetch_until(after, 3000 - position)) == list(range(position, 3000))
    assert after.position == 3000
    await after.close()


async def test_a_database_behind_the_acknowledgement_reads_again(bus: Bus) -> None:
    await bus.publish_batch(events(0, 100))
    consumer = await bus.subscribe("s1", durable="engine", start_after=0)
    await fetch_until(consumer, 100)
    await consumer.ack_through(100)
    await consumer.close()

    restored = await bus.subscribe("s1", durable="engine", start_after=40)

    assert numbers(await fetch_until(restored, 60)) == list(range(40, 100))
    await restored.close()


async def test_one_store_is_read_without_the_other_in_the_streams_own_numbers(bus: Bus) -> None:
    for i in range(10):
        await bus.publish_batch(events(i, i + 1, store="s1") + events(i, i + 1, store="s.2 *"))
    consumer = await bus.subscribe("s.2 *", durable="engine", start_after=4)

    got = await fetch_until(consumer, 8)

    assert [r.sequence for r in got] == [6, 8, 10, 12, 14, 16, 18, 20]
    assert numbers(got) == list(range(2, 10))
    await consumer.close()


async def test_a_fetch_gives_what_is_there_and_waits_for_what_is_not(bus: Bus) -> None:
    consumer = await bus.subscribe("s1", durable="engine", start_after=0)
    assert await consumer.fetch(500, timeout_s=0.01) == []
    waiting = asyncio.create_task(consumer.fetch(500, timeout_s=60))

    await bus.publish_batch(events(0, 1))

    assert numbers(await waiting) == [0]
    await consumer.close()


async def test_a_stream_that_ends_before_the_checkpoint_is_not_the_one_that_was_read(
    bus: Bus,
) -> None:
    await bus.publish_batch(events(0, 10))

    with pytest.raises(BusError, match="ends at 10, but was read up to 11"):
        await bus.subscribe("s1", durable="engine", start_after=11)


async def test_a_second_engine_of_a_store_takes_over_and_the_first_is_told(bus: Bus) -> None:
    await bus.publish_batch(events(0, 10))
    first = await bus.subscribe("s1", durable="engine", start_after=0)
    await fetch_until(first, 10)

    second = await bus.subscribe("s1", durable="engine", start_after=0)

    with pytest.raises(BusError, match="somebody else reads as 'engine-s1'"):
        await first.fetch(500, timeout_s=20)
    assert numbers(await fetch_until(second, 10)) == list(range(10))
    await first.close()
    await second.close()


async def test_fetching_for_ever_without_acknowledging_is_said_not_stalled(bus: Bus) -> None:
    await bus.publish_batch(events(0, 10_500))
    consumer = await bus.subscribe("s1", durable="engine", start_after=0)

    with pytest.raises(BusError, match="fetched and not acknowledged"):
        await fetch_until(consumer, 10_500)
    await consumer.ack_through(consumer.position)

    assert numbers(await consumer.fetch(1))
    await consumer.close()


async def test_a_full_stream_takes_nothing_and_says_so(bus: Bus) -> None:
    await bus.ensure_streams(StreamLimits(max_bytes=200_000))
    with pytest.raises(BusFull, match="takes no more"):
        await fill(bus)
    with pytest.raises(BusFull, match="takes no more"):
        await bus.publish_batch(events(20_000, 20_001, size=50_000))

    kept = numbers([m async for m in bus.read_all()])
    assert kept == list(range(len(kept)))

    await bus.ensure_streams(StreamLimits(max_bytes=2_000_000))
    assert (await bus.publish_batch(events(len(kept), 1000, size=500))).known == 0
    assert numbers([m async for m in bus.read_all()]) == list(range(1000))


async def test_a_wrong_password_is_said_at_once(server: NatsServer) -> None:
    with pytest.raises(BusError, match=r"refuses user 'engine'.*[Aa]uthorization") as refusal:
        await Bus.connect(server.url, name="x", credentials=Credentials("engine", "guess"))

    assert not isinstance(refusal.value, BusAway)
    assert "guess" not in str(refusal.value)


async def test_nobody_gets_in_without_a_password(server: NatsServer) -> None:
    with pytest.raises(BusError, match=r"refuses user ''"):
        await Bus.connect(server.url, name="x")


async def test_a_server_that_is_not_there_is_said_with_its_address(tmp_path: Path) -> None:
    async with NatsServer(tmp_path, token=TOKEN) as server:
        url = server.url

    with pytest.raises(BusAway, match=url):
        await Bus.connect(url, name="x", wait_s=0.3)


@pytest.mark.parametrize(
    "url", ["", "nats://:4222", "nats://host:port", "http://host:1", "nats://me:secret@host:4222"]
)
async def test_an_address_that_is_none_is_said_at_once(url: str) -> None:
    with pytest.raises(BusError, match="nats://host:port") as refusal:
        await Bus.connect(url, name="x")

    assert "secret" not in str(refusal.value)


async def test_what_aged_out_before_it_was_read_is_counted(bus: Bus) -> None:
    await bus.ensure_streams(StreamLimits(max_age_s=1, duplicate_window_s=0.5))
    await bus.publish_batch(events(0, 10))
    while [m async for m in bus.read_all()]:
        pass

    late = await bus.subscribe("s1", durable="engine", start_after=4)

    assert late.aged_out == 6
    await late.close()


async def test_a_device_publishes_its_own_subjects_and_no_other(
    server: NatsServer, bus: Bus
) -> None:
    credentials = server.device("s1", "gate-1")
    async with await Bus.connect(server.url, name="gate-1", credentials=credentials) as device:
        own = events(0, 1200)
        assert (await device.publish_batch(own)).stored == 1200
        assert await device.unstored(own[-3:] + events(1200, 1202)) == events(1200, 1202)
        await device.dead_letter("s1", "gate-1", "not JSON", b"{")

        with pytest.raises(BusError, match=r"not permitted.*ev\.s1\.gate-2") as refusal:
            await device.publish_batch(events(0, 1, device="gate-2"))
        assert not isinstance(refusal.value, BusAway)
        with pytest.raises(BusError, match="not permitted"):
            await device.publish_batch(events(0, 5, device="gate-2"))
        with pytest.raises(BusError, match="not permitted"):
            await device.ensure_streams()

    assert numbers([m async for m in bus.read_all()]) == list(range(1200))


async def test_dead_letters_keep_the_bytes_the_reason_and_the_place(bus: Bus) -> None:
    await bus.dead_letter("s1", "gate 1", "weight is no number", b"\xff\x00{", place="$.weight_mg")
    await bus.dead_letter("s1", "gate 1", "weight is no number", b"\xff\x00{", place="$.weight_mg")
    await bus.dead_letter("s1", "gate 1", "too long", b"x" * 2_000_000, msg_id="17")
    await bus.dead_letter("s1", "gate 1", "too long", b"x" * 2_000_000, msg_id="17")
    await bus.dead_letter("s2", "gate 1", "another store's", b"")

    letters = [letter async for _, letter in bus.dead_letters("s1")]

    assert [(d.device, d.reason, d.place) for d in letters] == [
        ("gate 1", "weight is no number", "$.weight_mg"),
        ("gate 1", "weight is no number", "$.weight_mg"),
        ("gate 1", "too long", ""),
    ]
    assert letters[0].payload == b"\xff\x00{"
    assert (len(letters[2].payload), letters[2].size) == (600_000, 2_000_000)


async def test_the_embedded_server_proves_that_it_syncs_every_write(
    bus: Bus, server: NatsServer
) -> None:
    assert (await bus.verify_durable(server.system)).proved


async def test_a_server_that_does_not_sync_every_write_is_refused(tmp_path: Path) -> None:
    lax = tmp_path / "lax-server"
    lax.write_text(
        "#!/bin/sh\n"
        'sed -i.bak "s/sync_interval: always/sync_interval: "120s"/" "$2"\n'
        f'exec "{find_server()}" "$@"\n'
    )
    lax.chmod(0o755)
    async with (
        NatsServer(tmp_path / "nats", token=TOKEN, program=lax) as server,
        await Bus.connect(server.url, name="test", credentials=server.engine) as bus,
    ):
        with pytest.raises(BusError, match=r"up to 120 s before it syncs.*sync_interval: always"):
            await bus.verify_durable(server.system)
        unknown = await bus.verify_durable(None)

    assert not unknown.proved
    assert "sync_interval: always" in unknown.sentence


async def test_a_disk_too_small_for_the_stream_is_told_with_what_it_takes(bus: Bus) -> None:
    with pytest.raises(BusError, match=r"too little room .* may grow to 1073741824.0 GiB"):
        await bus.ensure_streams(StreamLimits(max_bytes=1 << 60))


async def test_a_publish_that_no_stream_takes_is_told_after_the_deadline(
    server: NatsServer,
) -> None:
    async with await Bus.connect(server.url, name="test", credentials=server.engine) as bus:
        with pytest.raises(BusAway, match="2 events are not stored in time: nobody"):
            await bus.publish_batch(events(0, 2), deadline_s=0.2)
