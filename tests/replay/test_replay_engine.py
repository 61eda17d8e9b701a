"""The engine on its ledger: however often it is killed, the chain is that of one quiet run."""

import asyncio
import itertools
import random
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from aislewatch.errors import LedgerError, LedgerFull, LedgerTooNew
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, Event, PosItem, RfidCrossing
from aislewatch.events.registry import type_of
from aislewatch.events.subjects import event_subject
from aislewatch.ledger import Head, Ledger, verify
from aislewatch.runtime.archive import ArchiveWriter
from aislewatch.runtime.archive_line import Archived
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.engine import EngineLoop
from aislewatch.runtime.replay import replay
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.store_engine import StoreEngine
from aislewatch.runtime.storefile import read_setup

S = 1_000_000
CLOCK = RecordingClock(1_700_000_000 * S)
FRESH = itertools.count()

RULE = """\
id: tag-leaves
title: A tag leaves and was not sold
status: live
owner: loss-prevention
severity: high
params: {back: 60s}
when: {event: rfid.crossing, as: exit, where: direction == 'out'}
match:
  - not_seen: pos.item
    same: [epc]
    window: params.back before exit to 5s after exit
incident:
  type: theft.exit
  about: {epc: exit.epc}
  points: 20
  because: "{exit.epc} left"
"""
STORE = """\
store: [s1, s2]
lateness: 2s
horizon: 1m
merge_window: 30s
rules: [tag-leaves.yml]
"""


def make_setup(folder: Path, *, back: str = "60s") -> Setup:
    folder.mkdir(exist_ok=True)
    (folder / "tag-leaves.yml").write_text(RULE)
    (folder / "store.yml").write_text(f"{STORE}params: {{tag-leaves: {{back: {back}}}}}\n")
    return read_setup(folder / "store.yml")


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return make_setup(tmp_path / "shop")


def messages_of(events: Iterable[Event], *, start: int = 1, step: int = 1) -> list[Archived]:
    return [
        Archived(
            start + at * step,
            event_subject(event.store, event.device, type_of(type(event))),
            Codec.encode(event),
        )
        for at, event in enumerate(events)
    ]


def shop_day(seed: int, *, seconds: int = 240, store: str = "s1") -> list[Event]:
    """A made-up day: crossings, sales, some of them late, some told twice; ends with its last tick.

    Sales of a minute ago come up to 20 s late, so that signals are raised and withdrawn again.
    """
    draw = random.Random(seed)
    events: list[tuple[float, Event]] = []
    for second in range(1, seconds):
        number = len(events)
        events.append(
            (
                second,
                ClockTick(id=f"clock/t/{second}", store=store, device="clock", time=second * S),
            )
        )
        if draw.random() < 0.3:
            crossing = RfidCrossing(
                id=f"gate/{number}",
                store=store,
                device="gate",
                time=second * S + draw.randrange(S),
                seq=number,
                epc=f"{draw.randrange(12):X}",
                direction=draw.choice(["in", "out", "out"]),
            )
            events.append((second + draw.random(), crossing))
            if draw.random() < 0.1:
                events.append((second + draw.random() * 4, crossing))
        if draw.random() < 0.3:
            time = max(0, second * S - draw.randrange(10 * S))
            sale = PosItem(
                id=f"pos/{number}",
                store=store,
                device="pos",
                time=time,
                seq=number,
                epc=f"{draw.randrange(12):X}",
            )
            events.append((second + draw.choice([0.5, 0.5, 20.0]), sale))
    events.sort(key=lambda pair: pair[0])
    final = ClockTick(
        id="clock/t/final", store=store, device="clock", time=(seconds + 30) * S, final=True
    )
    return [*(event for _, event in events), final]


@dataclass
class Listed:
    """Gives a list of messages as a bus does, in pieces of whatever size it likes."""

    messages: Sequence[Archived]
    after: int = 0
    sizes: random.Random = field(default_factory=lambda: random.Random(1))
    acknowledged: int = 0
    aged_out: int = 0

    async def fetch(self, count_max: int, timeout_s: float) -> Sequence[Archived]:
        left = [m for m in self.messages if m.sequence > self.after]
        given = left[: self.sizes.randint(1, min(count_max, 15))]
        if given:
            self.after = given[-1].sequence
        return given

    async def ack_through(self, sequence: int) -> None:
        self.acknowledged = sequence

    def caught_up(self) -> bool:
        return not any(m.sequence > self.after for m in self.messages)

    async def close(self) -> None:
        """Nothing to let go of."""


@dataclass
class Buried:
    letters: list[tuple[str, str, str, bytes, str, str]] = field(
        default_factory=list[tuple[str, str, str, bytes, str, str]]
    )

    async def dead_letter(
        self, store: str, device: str, reason: str, payload: bytes, *, place: str, msg_id: str
    ) -> None:
        self.letters.append((store, device, reason, payload, place, msg_id))


def loop_on(
    setup: Setup,
    ledger: Ledger,
    messages: Sequence[Archived],
    *,
    dead_letters: Buried | None = None,
    seed: int = 1,
    snapshot_every: int = 40,
) -> tuple[EngineLoop, Listed]:
    engine = StoreEngine(setup, "s1", ledger, snapshot_every=snapshot_every)
    source = Listed(messages, engine.position, random.Random(seed))
    return EngineLoop(engine, source, dead_letters or Buried(), CLOCK), source


async def to_the_end(loop: EngineLoop) -> Head:
    return (await loop.run(asyncio.Event(), until_ended=True)).head


def quiet_run(setup: Setup, messages: Sequence[Archived], path: Path) -> Head:
    """One run without any disturbance, everything in one batch."""
    with Ledger.open(path) as ledger:
        engine = StoreEngine(setup, "s1", ledger)
        return engine.take(engine.read(messages), recorded_us=1)


def types_in(path: Path) -> set[str]:
    with Ledger.read(path) as reader:
        return {record.type for record in reader.records("s1")}


def test_the_made_up_day_has_something_to_go_wrong_with(setup: Setup, tmp_path: Path) -> None:
    quiet_run(setup, messages_of(shop_day(1)), tmp_path / "quiet.db")

    assert {
        "store.configured",
        "signal.raised",
        "signal.withdrawn",
        "incident.opened",
        "incident.cleared",
        "event.late",
    } <= types_in(tmp_path / "quiet.db")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)
@given(seed=st.integers(0, 10_000), kills=st.lists(st.integers(1, 12), max_size=8))
async def test_killed_anywhere_and_resumed_it_ends_with_the_same_chain(
    setup: Setup, tmp_path: Path, seed: int, kills: list[int]
) -> None:
    number = next(FRESH)
    messages = messages_of(shop_day(seed), start=7, step=3)
    path = tmp_path / f"killed-{number}.db"

    for turns in kills:
        with Ledger.open(path) as ledger:
            loop, _ = loop_on(setup, ledger, messages, seed=turns)
            for _ in range(turns):
                await loop.turn()
    with Ledger.open(path) as ledger:
        loop, source = loop_on(setup, ledger, messages)
        head = await to_the_end(loop)
        counters = ledger.counters("s1")

    assert head == quiet_run(setup, messages, tmp_path / f"quiet-{number}.db")
    assert source.after == messages[-1].sequence
    with Ledger.read(tmp_path / f"quiet-{number}.db") as quiet:
        assert counters == quiet.counters("s1")
    with Ledger.read(path) as reader:
        assert verify(reader, "s1").sound


async def test_live_equals_a_replay_of_the_archive(setup: Setup, tmp_path: Path) -> None:
    messages = messages_of(shop_day(5))
    with Ledger.open(tmp_path / "live.db") as ledger:
        loop, _ = loop_on(setup, ledger, messages)
        head = await to_the_end(loop)
    with ArchiveWriter(tmp_path / "archive") as archive:
        for message in messages:
            archive.write(message)

    summary = replay(setup, tmp_path / "archive", tmp_path / "replay.db", clock=CLOCK)

    assert summary.stores["s1"].head == head
    with Ledger.read(tmp_path / "live.db") as live, Ledger.read(tmp_path / "replay.db") as again:
        assert [replace(r, recorded=0) for r in live.records("s1")] == [
            replace(r, recorded=0) for r in again.records("s1")
        ]
        assert live.counters("s1") == again.counters("s1")


async def test_what_is_no_event_is_buried_once_and_counted(setup: Setup, tmp_path: Path) -> None:
    messages = messages_of(shop_day(2))
    subject = "ev.s1.gate.rfid.crossing"
    stranger = replace(shop_day(2)[-1], store="s2")
    messages[10] = Archived(11, subject, b'{"id": "x", ')
    messages[20] = Archived(21, subject, b'{"type":"rfid.sneeze"}')
    messages[30] = Archived(31, subject, Codec.encode(stranger))
    messages[31] = Archived(32, "ev.s1.odd", b"\xff")
    buried = Buried()

    for turns in (1, 2, 3, 100):
        with Ledger.open(tmp_path / "live.db") as ledger:
            loop, _ = loop_on(setup, ledger, messages, dead_letters=buried, snapshot_every=50)
            for _ in range(turns):
                await loop.turn()

    with Ledger.read(tmp_path / "live.db") as reader:
        counted = reader.counters("s1")
    assert [(letter[1], letter[3], letter[5]) for letter in buried.letters] == [
        ("gate", b'{"id": "x", ', "engine/11"),
        ("gate", b'{"type":"rfid.sneeze"}', "engine/21"),
        ("gate", Codec.encode(stranger), "engine/31"),
        ("", b"\xff", "engine/32"),
    ]
    assert buried.letters[0][2].startswith("not JSON")
    assert "came as one of device 'gate' of store 's1'" in buried.letters[2][2]
    assert counted["refused"] == 4
    assert counted["events"] == len(messages) - 4


async def test_a_letter_that_cannot_be_buried_holds_everything_back(
    setup: Setup, tmp_path: Path
) -> None:
    class Away(Buried):
        async def dead_letter(
            self, store: str, device: str, reason: str, payload: bytes, *, place: str, msg_id: str
        ) -> None:
            raise ConnectionError

    messages = [Archived(1, "ev.s1.gate.rfid.crossing", b"{")]
    with Ledger.open(tmp_path / "live.db") as ledger:
        loop, source = loop_on(setup, ledger, messages, dead_letters=Away())
        with pytest.raises(ConnectionError):
            await loop.turn()
        assert source.acknowledged == 0
        assert ledger.checkpoint("s1") is None


async def test_a_full_disk_stops_the_engine_with_nothing_acknowledged(
    setup: Setup, tmp_path: Path
) -> None:
    """The disk is full in the middle of a commit, and later has room again."""
    messages = messages_of(shop_day(3))
    path = tmp_path / "live.db"
    with Ledger.open(path) as ledger:
        writer = ledger._writer  # pyright: ignore[reportPrivateUsage]  # The disk under it is to fill.
        pages = writer.exec_driver_sql("PRAGMA page_count").scalar_one() + 6
        writer.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        writer.rollback()
        loop, source = loop_on(setup, ledger, messages)
        with pytest.raises(LedgerFull, match=r"s1: there is no room .* once there is room"):
            await to_the_end(loop)
        held = ledger.checkpoint("s1")
        assert source.acknowledged == (held.position if held is not None else 0)
        assert source.acknowledged < source.after
        with pytest.raises(AssertionError, match="made anew"):
            await loop.turn()

    with Ledger.open(path) as ledger:
        loop, _ = loop_on(setup, ledger, messages)
        head = await to_the_end(loop)
    assert head == quiet_run(setup, messages, tmp_path / "quiet.db")


async def test_stopped_in_order_it_goes_on_under_other_rules_and_the_chain_says_so(
    setup: Setup, tmp_path: Path
) -> None:
    messages = messages_of(shop_day(4))
    with Ledger.open(tmp_path / "live.db") as ledger:
        loop, _ = loop_on(setup, ledger, messages[:150])
        stop = asyncio.Event()
        stop.set()
        await loop.run(stop)

    other = make_setup(tmp_path / "shop", back="30s")
    with Ledger.open(tmp_path / "live.db") as ledger:
        loop, source = loop_on(other, ledger, messages)
        assert source.after == 150
        await to_the_end(loop)
        configured = [r.position for r in ledger.records("s1", types=["store.configured"])]

    assert len(configured) == 2
    assert configured[0] == 1


async def test_killed_it_refuses_other_rules_and_says_how_to_go_on(
    setup: Setup, tmp_path: Path
) -> None:
    messages = messages_of(shop_day(4))
    with Ledger.open(tmp_path / "live.db") as ledger:
        loop, source = loop_on(setup, ledger, messages, snapshot_every=100)
        while source.acknowledged < 130:
            await loop.turn()

    other = make_setup(tmp_path / "shop", back="30s")
    with (
        Ledger.open(tmp_path / "live.db") as ledger,
        pytest.raises(LedgerError, match=r"s1: the engine was stopped before .* Start once with"),
    ):
        loop_on(other, ledger, messages)


async def test_a_stream_that_says_otherwise_than_before_is_noticed(
    setup: Setup, tmp_path: Path
) -> None:
    """No snapshot is there, so that all is decided again: with other events, or fewer."""
    messages = messages_of(shop_day(6))
    with Ledger.open(tmp_path / "live.db") as ledger:
        loop, _ = loop_on(setup, ledger, messages, snapshot_every=0)
        while await loop.turn():
            pass
    silent = [m for m in messages if b"clock.tick" in m.payload or m is messages[-1]]
    for others in (messages_of(shop_day(7))[: len(messages)], silent):
        with Ledger.open(tmp_path / "live.db") as ledger:
            loop, _ = loop_on(setup, ledger, others)
            said = r"s1: (record|the chain) .* are not what they were"
            with pytest.raises(LedgerError, match=said):
                await to_the_end(loop)


async def test_a_snapshot_of_another_format_counts_for_nothing(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = messages_of(shop_day(8))
    with Ledger.open(tmp_path / "live.db") as ledger:
        loop, source = loop_on(setup, ledger, messages)
        while source.acknowledged < 150:
            await loop.turn()
    monkeypatch.setattr("aislewatch.runtime.store_engine.SNAPSHOT_FORMAT", "later")
    with Ledger.open(tmp_path / "live.db") as ledger:
        loop, source = loop_on(setup, ledger, messages)
        assert source.after == 0
        assert await to_the_end(loop) == quiet_run(setup, messages, tmp_path / "quiet.db")


async def test_a_ledger_of_a_later_version_is_left_alone(setup: Setup, tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    Ledger.open(path).close()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(LedgerTooNew, match="newer Aislewatch"):
        replay(setup, None, path, clock=CLOCK)
    assert path.read_bytes() == before


async def test_stores_share_a_stream_and_a_ledger_and_nothing_else(
    setup: Setup, tmp_path: Path
) -> None:
    first, second = shop_day(1), shop_day(2, store="s2")
    mixed = messages_of(sorted([*first, *second], key=lambda event: event.time))
    with ArchiveWriter(tmp_path / "archive") as archive:
        for message in mixed:
            archive.write(message)

    summary = replay(setup, tmp_path / "archive", tmp_path / "both.db", clock=CLOCK)

    alone = [message for message in mixed if message.subject.startswith("ev.s1.")]
    assert summary.stores["s1"].head == quiet_run(setup, alone, tmp_path / "alone.db")
    assert list(summary.stores) == ["s1", "s2"]
    assert summary.events + summary.ticks == len(mixed)
