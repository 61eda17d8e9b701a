"""The engine on a real bus: what it decides live, a replay of the archive decides again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, Event, PosItem, RfidCrossing
from aislewatch.events.registry import type_of
from aislewatch.events.subjects import event_subject
from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.archive import export
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_message import Message, message_id
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.engine import EngineLoop, open_engine
from aislewatch.runtime.nats_server import NatsServer
from aislewatch.runtime.replay import replay
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.store_engine import SNAPSHOT_EVERY
from aislewatch.runtime.storefile import read_setup

pytestmark = pytest.mark.live
TOKEN = "a-secret-of-this-test-run"
S = 1_000_000
CLOCK = RecordingClock(1)

RULE = """\
id: tag-leaves
title: A tag leaves and was not sold
status: live
owner: loss-prevention
severity: high
when: {event: rfid.crossing, as: exit, where: direction == 'out'}
match:
  - not_seen: pos.item
    same: [epc]
    window: 60s before exit to 5s after exit
incident:
  type: theft.exit
  about: {epc: exit.epc}
  points: 20
  because: "{exit.epc} left"
"""


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with (
        NatsServer(tmp_path / "nats", token=TOKEN) as server,
        await Bus.connect(server.url, name="test", credentials=server.engine) as bus,
    ):
        await bus.ensure_streams()
        yield bus


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    (tmp_path / "tag-leaves.yml").write_text(RULE)
    (tmp_path / "store.yml").write_text('store: "*"\nrules: [tag-leaves.yml]\nhorizon: 1m\n')
    return read_setup(tmp_path / "store.yml")


def message(event: Event) -> Message:
    payload = Codec.encode(event)
    subject = event_subject(event.store, event.device, type_of(type(event)))
    return Message(subject, message_id(event.id, payload), payload)


def minutes(first: int, last: int, store: str = "s1") -> list[Event]:
    """Each second a tick and a crossing; every third tag is sold, every seventh sale comes late."""
    events: list[Event] = []
    for n in range(first * 60, last * 60):
        events.append(ClockTick(id=f"clock/t/{n}", store=store, device="clock", time=n * S))
        events.append(
            RfidCrossing(
                id=f"gate/{n}",
                store=store,
                device="gate",
                time=n * S,
                epc=f"{n:X}",
                direction="out",
            )
        )
        late = 20 if n % 7 == 0 else 0
        if n % 3 == 0 and n >= late:
            sold = n - late
            events.append(
                PosItem(id=f"pos/{n}", store=store, device="pos", time=sold * S, epc=f"{sold:X}")
            )
    return events


def last_tick(minute: int, store: str = "s1") -> Event:
    return ClockTick(
        id="clock/t/final", store=store, device="clock", time=minute * 60 * S, final=True
    )


async def publish(bus: Bus, events: list[Event]) -> None:
    await bus.publish_batch([message(event) for event in events])


async def turn_until(loop: EngineLoop, position: int) -> None:
    while loop.status().position < position:
        await loop.turn()


async def test_killed_and_resumed_on_the_bus_it_equals_a_replay_of_the_archive(
    bus: Bus, setup: Setup, tmp_path: Path
) -> None:
    await publish(bus, minutes(0, 3))
    await bus.publish_batch([Message("ev.s1.gate.rfid.crossing", "torn", b'{"id":')])
    await publish(bus, minutes(0, 1, "s2"))

    for minute in (3, 4):  # Each time it is killed with a minute behind its last snapshot.
        with Ledger.open(tmp_path / "live.db") as ledger:
            loop = await open_engine(bus, setup, "s1", ledger, CLOCK)
            await turn_until(loop, 400)
            await loop.save()
            await publish(bus, minutes(minute, minute + 1))
            await turn_until(loop, loop.status().position + 1)
            await loop.close()
            checkpoint = ledger.checkpoint("s1")
            assert checkpoint is not None
            assert 0 < checkpoint.snapshot_position < checkpoint.position
    with Ledger.open(tmp_path / "live.db") as ledger:
        loop = await open_engine(bus, setup, "s1", ledger, CLOCK)
        await publish(bus, [last_tick(6)])
        status = await loop.run(asyncio.Event(), until_ended=True)
        await loop.close()
        counted = ledger.counters("s1")

    await export(bus.read_all(), tmp_path / "archive")
    summary = replay(setup, tmp_path / "archive", tmp_path / "replay.db", clock=CLOCK)

    assert summary.stores["s1"].head == status.head
    assert summary.stores["s1"].records["signal.withdrawn"] > 0
    assert status.ended
    assert status.caught_up
    assert counted["refused"] == 1
    letters = [letter async for _, letter in bus.dead_letters("s1")]
    assert [(letter.device, letter.payload) for letter in letters] == [("gate", b'{"id":')]
    with Ledger.read(tmp_path / "live.db") as live, Ledger.read(tmp_path / "replay.db") as again:
        assert verify(live, "s1").sound
        assert live.counters("s1") == again.counters("s1")
        assert live.stores() == ["s1"]
        assert again.stores() == ["s1", "s2"]


async def test_told_to_stop_it_takes_all_that_was_published_and_saves_its_state(
    bus: Bus, setup: Setup, tmp_path: Path
) -> None:
    events = minutes(0, 5)
    stop = asyncio.Event()
    with Ledger.open(tmp_path / "live.db") as ledger:
        loop = await open_engine(bus, setup, "s1", ledger, CLOCK)
        running = asyncio.create_task(loop.run(stop))
        await publish(bus, events)
        stop.set()
        status = await running
        await loop.close()
        checkpoint = ledger.checkpoint("s1")

    assert status.position == len(events)
    assert not status.ended
    assert checkpoint is not None
    assert checkpoint.snapshot_position == checkpoint.position == len(events) < SNAPSHOT_EVERY
