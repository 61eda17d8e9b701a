"""New rules on the way: the old decide up to one place in the log, the new from there on."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace as changed
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.cli.app import main
from aislewatch.errors import LedgerError, UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, Event, ListChanged, RfidCrossing, StoreReloaded
from aislewatch.events.registry import type_of
from aislewatch.events.subjects import CLOCK_DEVICE, event_subject
from aislewatch.ledger import Head, Ledger, verify
from aislewatch.runtime.archive import ArchiveWriter
from aislewatch.runtime.archive_line import Archived
from aislewatch.runtime.as_it_was import RunPast
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.replay import replay
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.setup_history import SetupHistory
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


def setup_with(folder: Path, points: int, more: str = "", rule: str = RULE) -> Setup:
    folder.mkdir(exist_ok=True)
    (folder / "seen-twice.yml").write_text(rule.replace("POINTS", str(points)))
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


def test_an_engine_that_was_killed_goes_over_to_changed_files_where_the_log_says_so(
    shop: Shop,
) -> None:
    messages = shop.messages(81)
    with Ledger.open(shop.path()) as ledger:
        quiet = take(shop.engine(ledger), messages, 181, 1000)
    path = shop.path()
    with Ledger.open(path) as ledger:
        take(shop.engine(ledger), messages, 41, 41)
        engine = shop.engine(ledger)
        take(engine, messages, 61, 10)
    # Killed each time, and started with the new files, which the log names at its 82nd message.
    heads: list[Head] = []
    for until in (71, 101, 121, 181):
        with Ledger.open(path) as ledger:
            heads = [take(shop.engine(ledger, new=True), messages, until, 10)]
    told = decided(path)
    at = [kind for kind, _ in told].index("store.configured", 1)
    assert {points for _, points in told[1:at]} == {50}
    assert {points for _, points in told[at + 1 :]} == {90}
    assert len(told) - 2 == SIGNALS
    assert heads == [quiet]


def test_where_no_snapshot_can_be_read_all_is_decided_again_from_what_the_store_began_with(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = shop.messages(81)
    with Ledger.open(shop.path()) as ledger:
        quiet = take(shop.engine(ledger), messages, 181, 1000)
    path = shop.path()
    with Ledger.open(path) as ledger:
        take(shop.engine(ledger), messages, 121, 10)
    monkeypatch.setattr("aislewatch.runtime.store_engine.SNAPSHOT_FORMAT", "another")
    with Ledger.open(path) as ledger, pytest.raises(LedgerError, match="but its events now give"):
        take(shop.engine(ledger, new=True), messages, 121, 10)
    with Ledger.open(path) as ledger:
        engine = StoreEngine(shop.new, "s1", ledger, kept=shop.shelf.get, began=shop.old)
        assert take(engine, messages, 181, 10) == quiet


def test_an_engine_whose_old_rules_nobody_keeps_goes_by_those_at_hand_once_it_was_stopped(
    shop: Shop,
) -> None:
    path, messages = shop.path(), shop.messages(None)
    with Ledger.open(path) as ledger:
        engine = shop.engine(ledger)
        take(engine, messages, 61, 10)
        engine.save(recorded_us=1)
    with Ledger.open(path) as ledger:
        take(
            StoreEngine(shop.new, "s1", ledger, kept=SetupShelf(path / "no").get), messages, 180, 9
        )
    assert {points for _, points in decided(path)} == {0, 50, 90}


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


# As it was ---------------------------------------------------------------------------------------


def archived(shop: Shop, messages: Sequence[Archived]) -> Path:
    folder = shop.folder / f"archive-{next(FRESH)}"
    with ArchiveWriter(folder) as archive:
        for message in messages:
            archive.write(message)
    return folder


def past_of(shop: Shop) -> RunPast:
    """Have the shop's shelf be that of a run that began with the old rules."""
    SetupHistory(shop.shelf.folder).note(shop.old, 0)
    return RunPast(shop.folder)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None
)
@given(
    reload_at=st.integers(1, 2 * SECONDS - 1),
    kills=st.lists(st.tuples(st.integers(1, 181), st.integers(1, 60)), max_size=2),
)
def test_a_replay_as_it_was_gives_the_ledger_of_the_run(
    shop: Shop, reload_at: int, kills: list[tuple[int, int]]
) -> None:
    messages = shop.messages(reload_at)
    live, heads = shop.path(), list[Head]()
    for until, size in [*sorted(kills), (181, 1000)]:
        with Ledger.open(live) as ledger:
            heads = [take(shop.engine(ledger), messages, until, size)]
    out = shop.path()
    summary = replay(past_of(shop), archived(shop, messages), out, clock=CLOCK)
    assert [summary.stores["s1"].head] == heads
    assert summary.stores["s1"].reloads == (reload_at + 1,)
    assert decided(out) == decided(live)


def test_lists_are_as_they_were_whether_files_or_people_changed_them(shop: Shop) -> None:
    rule = RULE.replace("as: exit}", "as: exit, where: epc in lists.known}")
    shop.old, shop.new = (
        setup_with(shop.folder, 5, f"lists: {{known: [{members}]}}\n", rule)
        for members in ("'0', '1'", "'0', '2'")
    )
    for setup in (shop.old, shop.new):
        shop.shelf.put(setup)
    put_on = ListChanged(
        id="desk/1",
        store="s1",
        device="desk",
        time=shop.events[60].time,
        list_name="known",
        member="3",
        change="add",
    )
    shop.events.insert(61, put_on)
    messages, live = shop.messages(101), shop.path()
    with Ledger.open(live) as ledger:
        head = take(shop.engine(ledger), messages, 182, 1000)
    archive, out = archived(shop, messages), shop.path()
    assert replay(past_of(shop), archive, out, clock=CLOCK).stores["s1"].head == head
    told = {
        name: summary.records["signal.raised"]
        for name, decides in (("now", shop.new), ("then", past_of(shop)))
        for summary in replay(decides, archive, shop.path(), clock=CLOCK).stores.values()
    }
    assert told["now"] != told["then"]
    with Ledger.read(out) as reader:
        signals = [json.loads(one.payload) for one in reader.records("s1", types=["signal.raised"])]
    seen = {dict(signal["about"])["epc"] for signal in signals}
    assert seen == {"0", "1", "2", "3"}


def test_how_it_was_is_asked_for_without_any_store_file(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = shop.messages(101)
    with Ledger.open(shop.path()) as ledger:
        head = take(shop.engine(ledger), messages, 181, 1000)
    past_of(shop)
    (shop.folder / "store.yml").unlink()
    words = ["--events", str(archived(shop, messages)), "--out", str(shop.path())]
    assert main(["replay", "--as-it-was", str(shop.folder), *words, "--json"]) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["as_it_was"] is True
    assert (told["stores"]["s1"]["head"], told["stores"]["s1"]["reloads"]) == (
        head.hash.hex(),
        [102],
    )
    assert "s1: the run went over to other rules 1 time on the way, and so did this replay" in err
    for more, said in (
        ([], "name the store file"),
        (["--as-it-was", str(shop.folder)], "goes with --events"),
        (["--as-it-was", str(shop.folder / "none"), *words], "no run has kept its rules there"),
    ):
        assert main(["replay", *more]) == 2
        assert said in capsys.readouterr().err


def test_rules_that_are_gone_are_named_with_where_the_run_went_over_to_them(shop: Shop) -> None:
    past, archive, out = past_of(shop), archived(shop, shop.messages(101)), shop.path()
    gone = shop.folder / "setups" / f"{shop.new.meaning}.json"
    gone.unlink()
    with pytest.raises(UsageError) as told:
        replay(past, archive, out, clock=CLOCK)
    assert str(gone) in str(told.value)
    assert "these are the rules which s1 went over to at 102" in str(told.value)
    assert not out.exists()
    shop.shelf.put(shop.new)
    (shop.folder / "setups" / f"{shop.old.meaning}.json").unlink()
    with pytest.raises(UsageError, match="these are the rules which s1 began with at 1,"):
        replay(RunPast(shop.folder), archive, out, clock=CLOCK)


def test_how_it_was_is_known_of_a_run_alone(shop: Shop) -> None:
    with pytest.raises(UsageError, match="does not tell by which rules the run began"):
        RunPast(shop.folder)
    with pytest.raises(UsageError, match="no run has kept its rules there"):
        RunPast(shop.folder / "elsewhere")
    recording = shop.folder / "recording.csv"
    recording.write_text("a,b\n")
    with pytest.raises(UsageError, match="is no archive"):
        replay(past_of(shop), recording, shop.path(), clock=CLOCK)


def test_stores_that_the_run_did_not_have_are_passed_over(shop: Shop) -> None:
    strange = [
        Archived(message.sequence + 1000, message.subject.replace("s1", "s2"), message.payload)
        for message in shop.messages(None)
    ]
    archive = archived(shop, [*shop.messages(None), *strange])
    summary = replay(past_of(shop), archive, shop.path(), clock=CLOCK)
    assert summary.strangers == {"s2": len(strange)}
    assert list(summary.stores) == ["s1"]


def test_a_store_begins_with_what_was_in_force_when_it_was_first_heard_of(shop: Shop) -> None:
    any_store = [changed(one, stores=()) for one in (shop.old, shop.new)]
    history = SetupHistory(shop.folder / "other")
    assert history.latest("s1") is None
    for setup, after in ((any_store[0], 0), (any_store[0], 7), (any_store[1], 9), (shop.old, 20)):
        history.note(setup, after)
    assert [one.after for one in history.entries()] == [0, 9, 20], "the second said nothing new"

    def begin(store: str, sequence: int) -> str:
        found = history.beginning(store, sequence)
        return found.meaning if found is not None else ""

    assert [begin("s9", n) for n in (1, 9, 10, 30)] == [
        *(one.meaning for one in (any_store[0], any_store[0], any_store[1], any_store[1])),
    ]
    assert begin("s1", 21) == shop.old.meaning
    latest = history.latest("s1")
    assert latest is not None
    assert latest.after == 20
    named = SetupHistory(shop.folder / "third")
    named.note(shop.old, 50)
    found = named.beginning("s1", 3)
    assert found is not None, "its first messages were left for what came to be"
    assert named.beginning("s2", 60) is None
    (shop.folder / "third" / "history.jsonl").write_bytes(b"{")
    with pytest.raises(UsageError, match="is damaged"):
        named.entries()


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
