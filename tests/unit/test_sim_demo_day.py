"""The demo's simulated morning: the same for a seed, and understood rightly for every seed."""

import heapq
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from aislewatch.cli.cases import CaseBook
from aislewatch.cli.demo_check import Score, compare
from aislewatch.devices.telling import Refusal
from aislewatch.events.epc import decode_epc
from aislewatch.events.kinds import Event
from aislewatch.events.record import Record
from aislewatch.ledger import StoredRecord
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup
from aislewatch.runtime.ticking import RecordingTicks
from aislewatch_plugins.feed.mapper import Mapper
from aislewatch_plugins.feed.recording import read_mapping
from aislewatch_plugins.feed.rows import row_of_line
from aislewatch_sim.demo.day import ENDS_S, Day, make_day
from aislewatch_sim.demo.devices import BEGINS
from aislewatch_sim.demo.goods import make_unit, read_articles

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "simulator" / "aislewatch_sim" / "demo" / "shop"
SEEDS = range(12)


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    folder = tmp_path_factory.mktemp("demo") / "shop"
    copytree(SHOP, folder)
    copytree(ROOT / "rules", folder / "rules")
    return read_setup(folder / "store.yml")


def as_sent(setup: Setup, day: Day) -> Iterator[Event | Refusal]:
    """Give what the links tell in the order in which it is sent, the kiosk's rows ticking."""
    mappers: dict[str, Mapper] = {}
    for link in day.lines:
        mapping = read_mapping(setup.folder / f"{link}.mapping.yml", setup.registry)
        mappers[link] = Mapper(mapping.plan({}, {}), feed=link, store="corner-shop", session="1")
    clock = RecordingTicks("corner-shop", setup.tick_us, "recording")
    links = [
        [(line.at_s, link, number, line.data) for number, line in enumerate(lines, start=1)]
        for link, lines in day.lines.items()
    ]
    for _, link, number, data in heapq.merge(*links):
        mapper = mappers[link]
        for told in mapper.tell(mapper.place(row_of_line(data, number))):
            if link == "kiosk" and isinstance(told, Event):
                tick = clock.before(told)
                if tick is not None:
                    yield tick
            yield told
    yield clock.final()


def understand(setup: Setup, day: Day) -> tuple[Score, list[Record], list[Refusal]]:
    told = list(as_sent(setup, day))
    records = setup.core("corner-shop").step(one for one in told if isinstance(one, Event))
    book = CaseBook()
    none = bytes(32)
    for position, record in enumerate(records, start=1):
        place = (record.store, position, record.stream, 1, record.type, record.version)
        if record.type.startswith(("incident.", "signal.")):
            book.take(StoredRecord(*place, record.time, record.time, record.payload, none, none))
    refused = [one for one in told if isinstance(one, Refusal)]
    return compare(day.planted, book.cases.values()), records, refused


def test_the_same_seed_gives_the_same_day_to_the_byte() -> None:
    assert make_day(7) == make_day(7)


def test_another_seed_gives_another_day() -> None:
    assert make_day(7).lines != make_day(8).lines


def test_every_link_sends_in_order_and_within_the_day() -> None:
    for lines in make_day(3).lines.values():
        sent = [line.at_s for line in lines]
        assert sent == sorted(sent)
        assert 0 <= sent[0] <= sent[-1] <= ENDS_S


def test_the_links_speak_lines_of_json_but_for_the_damaged_one() -> None:
    damaged = 0
    for lines in make_day(3).lines.values():
        for line in lines:
            assert b"\n" not in line.data
            try:
                json.loads(line.data)
            except ValueError:
                damaged += 1
    assert damaged == make_day(3).refused == 1


def test_the_tags_are_read_as_what_they_are_on() -> None:
    for article in read_articles().values():
        unit = make_unit(article, 123_456, 0.0)
        tag = decode_epc(unit.epc) if unit.epc else None
        assert (tag is not None) is article.tagged
        if tag is not None:
            assert (tag.gtin, tag.serial) == (article.gtin, "123456")


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_planted_is_found_and_nothing_else(setup: Setup, seed: int) -> None:
    day = make_day(seed)
    score, _, refused = understand(setup, day)
    assert score.verdict == f"{len(day.planted)} of {len(day.planted)} planted found, 0 false"
    assert len(refused) == day.refused


def test_the_crashed_till_is_reported_and_nobody_is_pointed_at_for_it(setup: Setup) -> None:
    _, records, _ = understand(setup, make_day(1))
    types = [(record.type, json.loads(record.payload)) for record in records]
    states = [told["event"]["state"] for type_, told in types if type_ == "device.state"]
    assert "failed" in states
    undecided = [told for type_, told in types if type_ == "judgement.undecided"]
    assert [told["rule"] for told in undecided] == ["scan-avoidance"]
    assert "kiosk-1-till was failed (software-crash)" in undecided[0]["because"]


def test_the_paid_coat_sets_off_an_alarm_that_its_late_sale_takes_back(setup: Setup) -> None:
    day = make_day(1)
    score, records, _ = understand(setup, day)
    coat = next(planted for planted in day.planted if planted.explained)
    case = next(case for planted, case in score.found if planted is coat)
    taken_back = next(moment for moment in case.life if moment.what == "withdrawn")
    assert (taken_back.time_us - case.opened_us) / 1e6 > 60
    late = [json.loads(record.payload) for record in records if record.type == "event.late"]
    assert taken_back.other in [told["event"]["id"] for told in late]


def test_a_morning_without_the_thief_misses_the_theft(setup: Setup) -> None:
    day = make_day(1)
    epc = day.planted[1].about["epc"][0].encode()
    gate = [line for line in day.lines["gate"] if epc not in line.data]
    score, _, _ = understand(setup, replace(day, lines={**day.lines, "gate": gate}))
    assert [planted.what for planted in score.missed] == ["a jacket out of the door"]
    assert score.verdict == "7 of 8 planted found, 0 false"
    assert not score.right


def test_a_theft_that_was_not_planted_counts_as_false(setup: Setup) -> None:
    day = make_day(1)
    score, _, _ = understand(setup, replace(day, planted=day.planted[2:]))
    assert len(score.false) == 2
    assert not score.right


def test_the_day_begins_when_london_shows_utc(setup: Setup) -> None:
    first = next(one for one in as_sent(setup, make_day(1)) if isinstance(one, Event))
    assert first.time == int(BEGINS.timestamp()) * 1_000_000
