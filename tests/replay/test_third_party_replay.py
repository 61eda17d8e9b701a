"""The third-party sessions, replayed with the shipped rules, against what an attentive person says.

The data is not part of this project: the tests find it beside the checkout or skip.
"""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from aislewatch.events.kinds import ClockTick, Event
from aislewatch.ledger import Ledger, StoredRecord, verify
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.recording import play
from aislewatch.runtime.replay import ReplaySummary, replay
from aislewatch.runtime.storefile import read_setup

DATA = Path(os.environ.get("AISLEWATCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
FIXTURES = Path(__file__).parents[2] / "fixtures"
CLOCK = RecordingClock(1)
MG_PER_POUND = 453_592.37
COLOMBO = ZoneInfo("Asia/Colombo")


def needs(name: str) -> Path:
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"the third-party data is not at {folder}")
    return folder


def replayed(name: str, out: Path, data: Path | None = None) -> ReplaySummary:
    return replay(read_setup(FIXTURES / name / "store.yml", data=data), None, out, clock=CLOCK)


def records(out: Path, *types: str) -> Iterator[tuple[StoredRecord, dict[str, Any]]]:
    with Ledger.read(out) as ledger:
        for store in ledger.stores():
            assert verify(ledger, store).sound
            for record in ledger.records(store, types=list(types) or None):
                yield record, json.loads(record.payload)


def anchor_of(signal: dict[str, Any]) -> dict[str, Any]:
    (anchor,) = (event for event in signal["evidence"] if event["id"] == signal["anchor"])
    return dict(anchor)


# Sentinel --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needs("sentinel")
    out = tmp_path_factory.mktemp("sentinel") / "ledger.db"
    replayed("sentinel", out)
    return out


@pytest.mark.parametrize(
    ("kind", "rule", "sku"),
    [
        ("scanner_avoidance", "scan-avoidance", "sku"),
        ("barcode_switching", "barcode-switch", "actual_sku"),
        ("weight_discrepancy", "weight-mismatch", "sku"),
    ],
)
def test_the_checkout_session_gives_every_planted_loss_and_no_other(
    sentinel: Path, kind: str, rule: str, sku: str
) -> None:
    truth = json.loads((DATA / "sentinel" / "truth.json").read_text())[kind]
    found: list[tuple[str, str, str]] = []
    for _, signal in records(sentinel, "signal.raised"):
        if signal["rule"] == rule:
            event = anchor_of(signal)
            at = datetime.fromtimestamp(event["time"] / 1e6, COLOMBO).replace(tzinfo=None)
            found.append((event["lane"], at.isoformat(), event["sku"]))
    assert sorted(found) == sorted((t["station_id"], t["timestamp"], t[sku]) for t in truth)


def test_nothing_of_the_checkout_session_is_withdrawn_undecided_or_refused(sentinel: Path) -> None:
    types = Counter(record.type for record, _ in records(sentinel))
    assert not types["signal.withdrawn"] + types["judgement.undecided"] + types["event.refused"]


def test_crashes_are_device_states_and_no_loss_rests_on_them(sentinel: Path) -> None:
    states: dict[str, list[tuple[str, str]]] = {}
    for _, content in records(sentinel, "device.state"):
        event = content["event"]
        at = datetime.fromtimestamp(event["time"] / 1e6, COLOMBO).strftime("%H:%M:%S")
        states.setdefault(event["device"], []).append((at, event["state"]))
    for device, failed, back in (
        ("SCC1", "16:54:10", "16:56:00"),
        ("SCC3", "17:33:00", "17:36:30"),
    ):
        assert (failed, "failed") in states[device]
        assert states[device][states[device].index((failed, "failed")) + 1] == (back, "online")
    types = {signal["type"].partition(".")[0] for _, signal in records(sentinel, "signal.raised")}
    assert types == {"theft", "fraud", "operations", "stock"}


def test_queues_and_stock_losses_are_incidents_of_their_own(sentinel: Path) -> None:
    rules = Counter(signal["rule"] for _, signal in records(sentinel, "signal.raised"))
    assert rules["long-queue"] == 117
    assert rules["stock-loss"] == 12
    for _, incident in records(sentinel, "incident.opened", "incident.rescored"):
        assert incident["type"].partition(".")[0] in {"theft", "fraud", "operations", "stock"}


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_arrival_within_the_lateness_gives_the_same_chain(
    sentinel: Path, tmp_path: Path, seed: int
) -> None:
    setup = read_setup(FIXTURES / "sentinel" / "store.yml")
    dice = Random(seed)
    arrivals: list[tuple[float, int, Event]] = []
    for number, event in enumerate(e for e in play(setup, None) if isinstance(e, Event)):
        late = dice.uniform(0, setup.lateness_us)
        if isinstance(event, ClockTick):
            # The last one says that all has come, and so comes after all.
            late = setup.lateness_us if event.final else 0
        arrivals.append((event.time + late, number, event))
    shuffled = [event for _, _, event in sorted(arrivals, key=lambda a: a[:2])]
    assert [e.id for e in shuffled] != [e.id for _, _, e in arrivals]
    core = setup.core("sentinel")
    with Ledger.open(tmp_path / "ledger.db") as shuffled_ledger, Ledger.read(sentinel) as ledger:
        shuffled_ledger.append("sentinel", core.step(shuffled), recorded_us=1)
        assert shuffled_ledger.head("sentinel") == ledger.head("sentinel")


# Real Time Sensor Fusion -----------------------------------------------------------------------


def scripts() -> list[str]:
    expected = DATA / "rtsf" / "expected.json"
    return [n for n in json.loads(expected.read_text()) if n[0] != "_"] if expected.exists() else []


def suspects(out: Path) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for _, signal in records(out, "signal.raised"):
        bindings = dict(signal["bindings"])
        about = dict(signal["about"])
        if signal["rule"] == "unaccounted-weight":
            bag = next(e for e in signal["evidence"] if e["id"] == bindings["bag"])
            over = (bag["weight_mg"] - bindings["least"]) / MG_PER_POUND
            found.append(("unaccounted weight", round(over, 2)))
        elif signal["rule"] == "unpaid-tag-in-bag":
            found.append(("unpaid tag", about["epc"]))
        else:
            found.append((signal["rule"], about))
    return found


def play_script(file: Path, out: Path) -> list[tuple[str, object]]:
    replay(read_setup(FIXTURES / "rtsf" / "store.yml"), file, out, clock=CLOCK)
    return suspects(out)


@pytest.mark.parametrize("script", scripts() or ["the scripts"])
def test_a_script_accuses_whom_an_attentive_person_would(script: str, tmp_path: Path) -> None:
    folder = needs("rtsf")
    says = json.loads((folder / "expected.json").read_text())[script]["suspects"]
    expected: list[dict[str, Any]] = says or []
    found = play_script(folder / script, tmp_path / "ledger.db")
    assert sorted(kind for kind, _ in found) == sorted(suspect["kind"] for suspect in expected)
    for suspect in expected:
        (value,) = (value for kind, value in found if kind == suspect["kind"])
        if "epc" in suspect:
            assert value == suspect["epc"]
        else:
            least, most = suspect["pounds"]
            assert isinstance(value, float)
            assert least <= value <= most


def write_script(steps: Iterable[dict[str, Any]], file: Path) -> Path:
    file.write_text(json.dumps({"checkout_events": list(steps)}))
    return file


def test_any_order_of_scanning_and_bagging_gives_the_same_verdict(tmp_path: Path) -> None:
    folder = needs("rtsf")
    script = json.loads((folder / "checkoutEventsSuspect.json").read_text())["checkout_events"]
    honest = json.loads((folder / "DemoTestCase_2.json").read_text())["checkout_events"]
    for name, steps, accused in (("suspect", script, 1), ("honest", honest, 0)):
        scans = [s for s in steps if s["event"] == "scanned-item"]
        weights = [s for s in steps if s["event"] == "weight"]
        first, last = steps[0], steps[-3:]
        assert first["event"] == "basket-open"
        for number, order in enumerate(permutations(scans)):
            # All scanned before anything is bagged, and all bagged before anything is scanned.
            for half, middle in enumerate(((*order, *weights), (*weights, *order))):
                file = write_script((first, *middle, *last), tmp_path / f"{name}.json")
                out = tmp_path / f"{name}-{number}-{half}.db"
                assert len(play_script(file, out)) == accused


def test_a_basket_with_a_refused_line_accuses_nobody_and_a_step_without_a_wait_is_no_refusal(
    tmp_path: Path,
) -> None:
    script = (needs("rtsf") / "checkoutEventsSuspect.json").read_text()
    steps = json.loads(script)["checkout_events"]
    scan = next(step for step in steps if step["event"] == "scanned-item")
    del scan["wait_time"]
    file = write_script(steps, tmp_path / "script.json")
    assert [kind for kind, _ in play_script(file, tmp_path / "whole.db")] == ["unaccounted weight"]
    scan["data"]["quantity"] = 0.5
    file = write_script(steps, tmp_path / "script.json")
    assert play_script(file, tmp_path / "half.db") == []


def test_two_lanes_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    folder = needs("rtsf")
    (tmp_path / "one.json").write_text((folder / "checkoutEventsSuspect.json").read_text())
    (tmp_path / "two.json").write_text((folder / "missed_scan_then_rescan.json").read_text())
    text = (FIXTURES / "rtsf" / "store.yml").read_text()
    feed = """
  {name}:
    plugin: feed
    config:
      mapping: {mapping}
      catalogues: {{products: {products}}}
      files: [{file}]
      recording: yes
      params: {{lane: "{lane}"}}
"""
    feeds = "".join(
        feed.format(
            name=name,
            mapping=FIXTURES / "rtsf" / "rtsf.mapping.yml",
            products=folder / "products.json",
            file=tmp_path / f"{file}.json",
            lane=lane,
        )
        for name, file, lane in (("script", "one", "1"), ("other", "two", "2"))
    )
    head = text.partition("feeds:")[0].replace("../../rules", str(FIXTURES.parent / "rules"))
    store = tmp_path / "store.yml"
    store.write_text(head.replace("../../../shared/data/rtsf", str(folder)) + "feeds:" + feeds)
    replay(read_setup(store), None, tmp_path / "ledger.db", clock=CLOCK)
    signals = [dict(s["about"]) for _, s in records(tmp_path / "ledger.db", "signal.raised")]
    assert [about["lane"] for about in signals] == ["1"]


# Nedap -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nedap(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReplaySummary]:
    needs("nedap")
    out = tmp_path_factory.mktemp("nedap") / "ledger.db"
    return out, replayed("nedap", out)


def test_fifty_three_shops_are_replayed_each_into_its_own_chain(
    nedap: tuple[Path, ReplaySummary],
) -> None:
    out, summary = nedap
    with Ledger.read(out) as ledger:
        assert len(list(ledger.stores())) == len(summary.stores) == 53
        assert all(verify(ledger, store).sound for store in ledger.stores())


def test_a_burst_at_the_gate_is_one_incident_with_its_value(
    nedap: tuple[Path, ReplaySummary],
) -> None:
    out, summary = nedap
    counts: Counter[str] = Counter()
    for store in summary.stores.values():
        counts.update(store.records)
    assert counts["signal.raised"] == 26_563
    assert counts["incident.opened"] == 13_578
    tags: dict[str, int] = {}
    values: dict[str, int] = {}
    for _, incident in records(out, "incident.opened", "incident.rescored"):
        tags[incident["incident"]] = incident["signals"]
        values[incident["incident"]] = incident["value_minor"]
    sizes = Counter(tags.values())
    assert sum(n for size, n in sizes.items() if size >= 3) == 1_837
    assert sum(n for size, n in sizes.items() if size >= 5) == 923
    assert sum(n for size, n in sizes.items() if size >= 10) == 357
    assert max(sizes) == 105
    prices = _prices()
    assert sum(values.values()) == sum(prices)


def _prices() -> list[int]:
    with (DATA / "nedap" / "articles.csv").open() as file:
        price = {r["article_id"]: int(Decimal(r["price_eur"]) * 100) for r in csv.DictReader(file)}
    with (DATA / "nedap" / "alarms.csv").open() as file:
        return [price[row["article_id"]] for row in csv.DictReader(file)]
