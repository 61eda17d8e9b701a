"""New rules on the way: the old decide up to one place in the log, the new from there on."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace as changed
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.errors import LedgerError, UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, Event, RfidCrossing, StoreReloaded
from aislewatch.events.registry import type_of
from aislewatch.events.subjects import CLOCK_DEVICE, event_subject
from aislewatch.ledger import Head, Ledger, verify
from aislewatch.runtime.archive import ArchiveWriter
from aislewatch.runtime.archive_line import Archived
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.replay import replay
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.setup_shelf import SetupShelf
from aislewatch.runtime.store_engine import StoreEngine
from aislewatch.runtime.storefile import read_setup

S = 1_000_000
SECONDS = 90
SIGNALS = SECONDS - 1 - 5 - 2
"""Each tag is new once, and what came within two seconds of the last tick is not decided yet."""
CLOCK = RecordingClock(1)
FRESH = itertools.count()

RULE = """\
id: seen-twice
title: A tag left twice
status: live
when: {event: rfid.crossing, as: exit}
match:
  - {seen: rfid.crossing, as: before, same: [epc], window: 30s before exit}
incident:
  type: theft.exit
  about: {epc: exit.epc}
  points: POINTS
  because: "{exit.epc} left twice"
"""


def setup_with(folder: Path, points: int, more: str = "") -> Setup:
    folder.mkdir(exist_ok=True)
    (folder / "seen-twice.yml").write_text(RULE.replace("POINTS", str(points)))
    (folder / "store.yml").write_text(f"store: s1\nrules: [seen-twice.yml]\n{more}")
    return read_setup(folder / "store.yml")


class Shop:
    """A stream of 90 seconds in which each of five tags leaves every five seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.old, self.new = setup_with(folder, 5), setup_with(folder, 9)
        self.shelf = SetupShelf(folder / "setups")
        self.shelf.put(self.old)
        self.shelf.put(self.new)
        self.events: list[Event] = []
        for second in range(SECONDS):
            self.events.append(
                ClockTick(id=f"c/{second}", store="s1", device=CLOCK_DEVICE, time=second * S)
            )
            self.events.append(
                RfidCrossing(
                    id=f"g/{second}",
                    store="s1",
                    device="gate",
                    time=second * S + 1,
                    epc=f"{second % 5:X}",
                )
            )

    def messages(self, reload_at: int | None, meaning: str = "") -> list[Archived]:
        events = list(self.events)
        if reload_at is not None:
            events.insert(
                reload_at,
                StoreReloaded(
                    id="c/reload",
                    store="s1",
                    device=CLOCK_DEVICE,
                    time=events[reload_at - 1].time,
                    meaning=meaning or self.new.meaning,
                ),
            )
        return [
            Archived(
                number,
                event_subject("s1", event.device, type_of(type(event))),
                Codec.encode(event),
            )
            for number, event in enumerate(events, start=1)
        ]

    def engine(self, ledger: Ledger, *, new: bool = False) -> StoreEngine:
        setup = self.new if new else self.old
        return StoreEngine(setup, "s1", ledger, snapshot_every=40, kept=self.shelf.get)

    def is_behind(self, ledger: Ledger, reload_at: int) -> bool:
        checkpoint = ledger.checkpoint("s1")
        return checkpoint is not None and checkpoint.position > reload_at

    def path(self) -> Path:
        return self.folder / f"{next(FRESH)}.db"


def take(engine: StoreEngine, messages: Sequence[Archived], until: int, size: int) -> Head:
    """Take messages up to a sequence, in batches."""
    left = [m for m in messages if engine.position < m.sequence <= until]
    for first in range(0, len(left), size):
        engine.take(engine.read(left[first : first + size]), recorded_us=1)
    return engine.head


def decided(path: Path) -> list[tuple[str, int]]:
    """Give what the chain says: each configuration and the centibans of each signal, in order."""
    found: list[tuple[str, int]] = []
    with Ledger.read(path) as reader:
        assert verify(reader, "s1").sound
        for record in reader.records("s1", types=["store.configured", "signal.raised"]):
            told = json.loads(record.payload)
            found.append((record.type, told.get("points_cb", 0)))
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


def test_up_to_the_place_the_old_rules_decide_and_from_there_on_the_new(shop: Shop) -> None:
    path = shop.path()
    with Ledger.open(path) as ledger:
        take(shop.engine(ledger), shop.messages(101), 181, 1000)
    told = decided(path)
    kinds = [kind for kind, _ in told]
    at = kinds.index("store.configured", 1)
    assert kinds.count("store.configured") == 2
    assert {points for _, points in told[1:at]} == {50}
    assert {points for _, points in told[at + 1 :]} == {90}
    assert len(told) - 2 == SIGNALS, "nothing is lost, nothing judged twice"
    assert at - 1 == 50 - 5 - 2, "what is held back at the place is the new rules' to decide"


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(
    reload_at=st.integers(1, 2 * SECONDS - 1),
    kills=st.lists(st.tuples(st.integers(1, 181), st.integers(1, 60), st.booleans()), max_size=4),
)
def test_killed_anywhere_around_a_reload_the_chain_is_that_of_one_quiet_run(
    shop: Shop, reload_at: int, kills: list[tuple[int, int, bool]]
) -> None:
    messages = shop.messages(reload_at)
    with Ledger.open(shop.path()) as ledger:
        quiet = take(shop.engine(ledger), messages, 181, 1000)
    path = shop.path()
    for until, size, _ in sorted(kills):
        with Ledger.open(path) as ledger:
            reloaded = shop.is_behind(ledger, reload_at)
            take(shop.engine(ledger, new=reloaded), messages, until, size)
    with Ledger.open(path) as ledger:
        reloaded = shop.is_behind(ledger, reload_at)
        assert take(shop.engine(ledger, new=reloaded), messages, 181, 50) == quiet


def test_an_engine_that_was_killed_goes_over_to_changed_files_where_its_chain_ends(
    shop: Shop,
) -> None:
    path = shop.path()
    messages = shop.messages(None)
    with Ledger.open(path) as ledger:
        take(shop.engine(ledger), messages, 41, 41)
        engine = shop.engine(ledger)
        take(engine, messages, 61, 10)
    for until in (101, 121, 180):  # Killed each time, and started with the new files.
        with Ledger.open(path) as ledger:
            take(shop.engine(ledger, new=True), messages, until, 10)
    told = decided(path)
    at = [kind for kind, _ in told].index("store.configured", 1)
    assert {points for _, points in told[1:at]} == {50}
    assert {points for _, points in told[at + 1 :]} == {90}
    assert len(told) - 2 == SIGNALS


def test_without_the_rules_that_it_had_a_killed_engine_says_what_is_wrong(shop: Shop) -> None:
    path = shop.path()
    with Ledger.open(path) as ledger:
        take(shop.engine(ledger), shop.messages(None), 61, 50)
        take(shop.engine(ledger), shop.messages(None), 71, 10)
    with (
        Ledger.open(path) as ledger,
        pytest.raises(LedgerError, match="Start once with what they were"),
    ):
        StoreEngine(shop.new, "s1", ledger, kept=SetupShelf(shop.folder / "empty").get)


def test_a_reload_to_rules_that_nobody_kept_is_refused_with_its_reason(shop: Shop) -> None:
    messages = shop.messages(101, "0" * 64)
    with Ledger.open(shop.path()) as ledger:
        engine = shop.engine(ledger)
        batch = engine.read(messages)
        (refusal,) = batch.refusals
        engine.take(batch, recorded_us=1)
        head = engine.head
    assert "the rules that were in force are not kept at" in refusal.reason
    with Ledger.open(shop.path()) as ledger:
        assert take(shop.engine(ledger), shop.messages(None), 180, 1000).hash == head.hash


def test_a_replay_decides_all_by_the_rules_at_hand_and_tells_the_reloads(shop: Shop) -> None:
    with ArchiveWriter(shop.folder / "archive") as archive:
        for message in shop.messages(101):
            archive.write(message)
    summary = replay(shop.new, shop.folder / "archive", shop.folder / "r.db", clock=CLOCK)
    assert summary.stores["s1"].reloads == (102,)
    assert {points for _, points in decided(shop.folder / "r.db") if points} == {90}
    with Ledger.open(shop.path()) as ledger:
        quiet = StoreEngine(shop.new, "s1", ledger)
        assert take(quiet, shop.messages(None), 180, 1000).hash == summary.stores["s1"].head.hash


def test_a_kept_setup_is_read_again_as_what_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "catalogue.csv").write_text("sku,weight\nA1,250\nA2,500\n")
    (folder / "macros.yml").write_text("outside: zone.kind == 'exit'\n")
    rule = RULE.replace("POINTS", "7").replace(
        "as: exit}", "as: exit, where: macros.outside and rssi > params.near or epc in lists.known}"
    )
    more = (
        "params: {seen-twice: {near: -55dBm}}\nlists: {known: [E1, E2]}\n"
        "zones: {gate: {kind: exit}}\ndevices: {gate-1: {zone: gate, sees: [rfid.crossing]}}\n"
        "products: {file: catalogue.csv, sku: sku, weight: {from: weight, unit: g}}\n"
        "priors: {theft: -20}\ncurrency: EUR\ntimezone: Asia/Colombo\n"
    )
    (folder / "seen-twice.yml").write_text(
        rule.replace("status:", "params: {near: -60dBm}\nstatus:")
    )
    (folder / "store.yml").write_text(f"store: [s1, s2]\nrules: [seen-twice.yml]\n{more}")
    setup = read_setup(folder / "store.yml")
    setup = changed(setup, rules=tuple(changed(rule, version=3) for rule in setup.rules))
    SetupShelf(tmp_path / "setups").put_in_force(0, setup)
    again = SetupShelf(tmp_path / "setups").in_force(0)
    assert (again.meaning, again.decided_by) == (setup.meaning, setup.decided_by)
    assert again.model == setup.model
    assert (again.rules[0].version, again.stores) == (3, ("s1", "s2"))
    assert again.settings("s1") == setup.settings("s1")
    (kept,) = (tmp_path / "setups").glob("*.json")
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"format":99}'])
def test_a_damaged_setup_is_never_taken_for_what_it_was(shop: Shop, damage: bytes) -> None:
    path = shop.folder / "setups" / f"{shop.old.meaning}.json"
    path.write_bytes(damage)
    with pytest.raises(UsageError, match="is damaged"):
        SetupShelf(path.parent).get(shop.old.meaning)
    path.write_bytes((path.parent / f"{shop.new.meaning}.json").read_bytes())
    with pytest.raises(UsageError, match="is damaged"):
        SetupShelf(path.parent).get(shop.old.meaning)


def test_what_a_version_tells_is_another_meaning_that_decides_alike(shop: Shop) -> None:
    (rule,) = shop.old.rules
    numbered = changed(shop.old, rules=(changed(rule, version=2),))
    assert numbered.meaning != shop.old.meaning
    assert numbered.decided_by == shop.old.decided_by
