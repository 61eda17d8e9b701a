"""Replays of raw recordings: the store file's feeds, their clock ticking, every store its chain."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from aislewatch.errors import UsageError
from aislewatch.events.kinds import ClockTick, RfidCrossing
from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.recording import Refused, play
from aislewatch.runtime.replay import Progress, replay
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup
from aislewatch.runtime.ticking import RecordingTicks

DATA = Path(os.environ.get("AISLEWATCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
FIXTURES = Path(__file__).parents[2] / "fixtures"
CLOCK = RecordingClock(1)
S = 1_000_000

MAPPING = """\
mapping: gates
format: jsonl
zone: Europe/Amsterdam
time: at
store: "{shop}"
device: gate
cases:
  - name: crossing
    type: rfid.crossing
    fields: {epc: tag, direction: {value: out}}
"""
RULE = """\
id: tag-leaves
title: A tag leaves
status: live
owner: loss-prevention
severity: high
when: {event: rfid.crossing, as: exit, where: direction == 'out'}
incident:
  type: theft.exit
  about: {epc: exit.epc}
  points: 20
  because: "{exit.epc} left"
"""
STORE = """\
store: "*"
clock: {tick: 5s}
lateness: 2s
rules: [tag-leaves.yml]
data: rows
feeds:
  gates: {plugin: feed, config: {mapping: gates.yml, files: [$data/*.jsonl]}}
"""


def row(shop: str, at: str, tag: str = "E1") -> str:
    return json.dumps({"shop": shop, "at": f"2026-03-01T{at}", "tag": tag}) + "\n"


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return make(tmp_path)


def make(folder: Path, store: str = STORE, **rows: str) -> Setup:
    (folder / "rows").mkdir(exist_ok=True)
    written = rows or {"one": row("a", "12:00:03") + row("b", "12:00:04") + row("a", "12:00:31")}
    for name, text in written.items():
        (folder / f"rows/{name}.jsonl").write_text(text)
    (folder / "gates.yml").write_text(MAPPING)
    (folder / "tag-leaves.yml").write_text(RULE)
    (folder / "store.yml").write_text(store)
    return read_setup(folder / "store.yml")


def told(setup: Setup) -> list[tuple[str, str, int]]:
    start = 1_772_362_800 * S  # 2026-03-01T12:00:00+01:00
    return [
        (event.store, type(event).__name__, (event.time - start) // S)
        for event in play(setup)
        if isinstance(event, (ClockTick, RfidCrossing))
    ]


def test_each_store_s_own_events_wind_its_own_clock_on(setup: Setup) -> None:
    assert told(setup) == [
        ("a", "ClockTick", 0),
        ("a", "RfidCrossing", 3),
        ("b", "ClockTick", 0),
        ("b", "RfidCrossing", 4),
        ("a", "ClockTick", 30),
        ("a", "RfidCrossing", 31),
        ("a", "ClockTick", 31),
        ("b", "ClockTick", 4),
    ]


def test_an_older_event_moves_no_clock() -> None:
    ticks = RecordingTicks("s1", 5 * S, "boot")
    times: list[int | None] = []
    for time in (7, 3, 9, 12):
        event = RfidCrossing(id=f"g/{time}", store="s1", device="g", time=time * S, epc="E1")
        tick = ticks.before(event)
        times.append(tick.time // S if tick is not None else None)

    assert times == [5, None, None, 10]
    final = ticks.final()
    assert (final.id, final.time, final.final) == ("clock/boot/3", 12 * S, True)


def test_several_feeds_are_put_in_order_of_time(tmp_path: Path) -> None:
    store = STORE.replace("*.jsonl]}}", "one.jsonl]}}") + (
        "  more: {plugin: feed, config: {mapping: gates.yml, files: [$data/two.jsonl]}}\n"
    )
    setup = make(
        tmp_path,
        store,
        one=row("a", "12:00:03") + row("a", "12:00:20"),
        two=row("b", "12:00:01") + row("b", "12:00:11"),
    )
    crossings = [place for place in told(setup) if place[1] == "RfidCrossing"]
    assert [(store, second) for store, _, second in crossings] == [
        ("b", 1),
        ("a", 3),
        ("b", 11),
        ("a", 20),
    ]


def test_every_store_gets_a_sound_chain_of_its_own(setup: Setup, tmp_path: Path) -> None:
    seen: list[Progress] = []

    summary = replay(setup, None, tmp_path / "out.db", clock=CLOCK, on_progress=seen.append)

    assert {name: store.records["signal.raised"] for name, store in summary.stores.items()} == {
        "a": 2,
        "b": 1,
    }
    assert seen[-1].events == summary.events + summary.ticks
    with Ledger.read(tmp_path / "out.db") as ledger:
        for name, store in summary.stores.items():
            assert verify(ledger, name).sound
            assert ledger.head(name) == store.head


def test_one_file_is_played_in_place_of_those_that_the_store_file_names(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    setup = make(tmp_path)
    other = tmp_path_factory.mktemp("other") / "other.jsonl"
    other.write_text(row("c", "12:00:00"))

    assert list(replay(setup, other, tmp_path / "out.db", clock=CLOCK).stores) == ["c"]


def test_a_folder_of_recordings_stands_for_the_data_folder(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    make(tmp_path)
    other = tmp_path_factory.mktemp("other")
    (other / "day.jsonl").write_text(row("c", "12:00:00"))
    setup = read_setup(tmp_path / "store.yml", events=other)

    assert list(replay(setup, other, tmp_path / "out.db", clock=CLOCK).stores) == ["c"]


def test_what_is_no_event_is_counted_with_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    bad = '{"shop": "a"\n' + row("a", "12:00:05", tag="not hex") + row("a", "25:00:00")
    setup = make(tmp_path, one=row("a", "12:00:03") + bad + row("a", "12:00:09"))

    summary = replay(setup, None, tmp_path / "out.db", clock=CLOCK)

    assert summary.refused_count == 3
    assert summary.stores["a"].records["signal.raised"] == 2
    assert any("not hexadecimal" in group.reason for group in summary.refused)
    assert summary.rows == {
        **dict.fromkeys(("heartbeats", "banners", "repeats"), 0),
        "rows": 5,
        "told": 2,
        "refused": 3,
    }
    refused = [one for one in play(setup) if isinstance(one, Refused)]
    assert len(refused) == 3


def test_what_one_line_of_the_mapping_refuses_is_one_group_with_its_first_row(
    tmp_path: Path,
) -> None:
    tags = "".join(row("a", "12:00:05", tag=f"no hex {n}") for n in range(300))
    setup = make(tmp_path, one=row("a", "12:00:03") + tags)

    (group,) = replay(setup, None, tmp_path / "out.db", clock=CLOCK).refused

    assert (group.count, group.row) == (300, "one.jsonl:2")
    assert group.place.startswith("gates.yml:10")


def test_a_replay_that_is_broken_off_leaves_no_ledger_and_does_not_stand_in_the_next_ones_way(
    setup: Setup, tmp_path: Path
) -> None:
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(setup, None, tmp_path / "out.db", clock=CLOCK, on_progress=interrupt)
    assert not (tmp_path / "out.db").exists()
    assert not list(tmp_path.glob(".out.db*"))
    assert list(replay(setup, None, tmp_path / "out.db", clock=CLOCK).stores) == ["a", "b"]


def test_a_folder_of_recordings_is_played_and_nothing_else(tmp_path: Path) -> None:
    make(tmp_path, STORE.replace("*.jsonl", "one.jsonl"))
    other = tmp_path / "march [1]"
    other.mkdir()
    with pytest.raises(UsageError, match=r"no file there is called one\.jsonl"):
        read_setup(tmp_path / "store.yml", events=other)
    (other / "notes.txt").write_text("")
    (other / "march.jsonl").write_text(row("march", "12:00:00"))

    setup = read_setup(tmp_path / "store.yml", events=other)

    assert list(replay(setup, other, tmp_path / "out.db", clock=CLOCK).stores) == ["march"]


def test_a_file_that_may_be_of_either_feed_is_given_to_neither(tmp_path: Path) -> None:
    more = "  more: {plugin: feed, config: {mapping: gates.yml, files: [two.jsonl]}}\n"
    make(tmp_path, STORE.replace("*.jsonl", "one.jsonl") + more)
    (tmp_path / "two.jsonl").write_text("")
    other = tmp_path / "march"
    other.mkdir()
    (other / "march.jsonl").write_text(row("march", "12:00:00"))
    with pytest.raises(
        UsageError, match=r"march\.jsonl is a recording of feed 'gates' or of 'more'"
    ):
        read_setup(tmp_path / "store.yml", events=other)
    (other / "two.jsonl").write_text(row("march", "12:00:01"))
    feeds = read_setup(tmp_path / "store.yml", events=other).feeds
    assert [feeds[name].config["files"] for name in ("gates", "more")] == [
        [f"{other}/march.jsonl"],
        [f"{other}/two.jsonl"],
    ]


def test_a_row_that_does_not_say_its_store_is_refused_where_there_are_many(tmp_path: Path) -> None:
    setup = make(tmp_path, one=row("a", "12:00:03") + row("", "12:00:04"))
    summary = replay(setup, None, tmp_path / "out.db", clock=CLOCK)
    assert list(summary.stores) == ["a"]
    assert summary.refused_count == 1


def test_events_of_a_store_that_the_file_does_not_describe_are_counted(tmp_path: Path) -> None:
    setup = make(tmp_path, STORE.replace('store: "*"', "store: a"))
    summary = replay(setup, None, tmp_path / "out.db", clock=CLOCK)
    assert list(summary.stores) == ["a"]
    assert summary.strangers["b"] > 0


def test_a_ledger_that_holds_something_is_not_written_to(setup: Setup, tmp_path: Path) -> None:
    replay(setup, None, tmp_path / "out.db", clock=CLOCK)
    with pytest.raises(UsageError, match="holds records already"):
        replay(setup, None, tmp_path / "out.db", clock=CLOCK)


def test_nothing_to_replay_is_said(setup: Setup, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is nothing at"):
        replay(setup, tmp_path / "absent", tmp_path / "out.db", clock=CLOCK)
    wire = make(tmp_path, STORE.replace("files: [$data/*.jsonl]", "tcp: till:9100"))
    with pytest.raises(UsageError, match="has no files: its source is tcp"):
        replay(wire, None, tmp_path / "out.db", clock=CLOCK)


def third_party(name: str) -> Setup:
    if not (DATA / name).is_dir():
        pytest.skip(f"no third-party data at {DATA}; set AISLEWATCH_DATA")
    return read_setup(FIXTURES / name / "store.yml", data=DATA / name)


def test_the_alarms_of_53_shops_are_as_many_bursts_as_a_gap_of_a_minute_makes(
    tmp_path: Path,
) -> None:
    setup = third_party("nedap")

    summary = replay(setup, None, tmp_path / "out.db", clock=CLOCK)

    assert len(summary.stores) == 53
    total: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    with Ledger.read(tmp_path / "out.db") as ledger:
        for name, store in summary.stores.items():
            total.update(store.records)
            for record in ledger.records(name, types=["incident.opened", "incident.rescored"]):
                content = json.loads(record.payload)
                sizes[content["incident"]] = content["signals"]
    assert total["signal.raised"] == 26_563
    assert total["incident.opened"] == len(sizes) == 13_578
    least = [sum(size >= n for size in sizes.values()) for n in (3, 5, 10)]
    assert least == [1_837, 923, 357]
    assert max(sizes.values()) == 105
    assert summary.refused_count == 0
    # Each alarm is one event; each shop's gate says once that it is online.
    assert (summary.rows["rows"], summary.events - summary.states) == (26_563, 26_563)
    assert summary.states == 53


def test_a_session_is_replayed_to_the_same_heads_each_time(tmp_path: Path) -> None:
    setup = third_party("sentinel")
    heads = [
        replay(setup, None, tmp_path / f"{n}.db", clock=CLOCK).stores["sentinel"].head
        for n in range(2)
    ]
    assert heads[0] == heads[1]
    assert heads[0].position > 100


def test_any_script_is_replayed_by_its_name(tmp_path: Path) -> None:
    setup = third_party("rtsf")
    honest = DATA / "rtsf/DemoTestCase_1.json"
    summary = replay(setup, honest, tmp_path / "out.db", clock=CLOCK)
    assert summary.refused_count == 0
    assert "signal.raised" not in summary.stores["rtsf"].records
