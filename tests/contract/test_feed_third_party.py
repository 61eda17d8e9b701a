"""The shipped mappings against the third-party data that they are for, where it is at hand."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from aislewatch.devices.telling import Refusal
from aislewatch.events.codec import Codec
from aislewatch.events.conversion import instant_us
from aislewatch.events.kinds import (
    DeviceState,
    Event,
    PosItem,
    QueueLevel,
    RfidCrossing,
    RfidRead,
    ScaleWeight,
    StockCount,
    VisionItem,
)
from aislewatch.events.registry import Registry, type_of
from aislewatch_plugins.feed.recording import read_mapping, read_recording

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("AISLEWATCH_DATA", ROOT.parent / "shared" / "data"))
REGISTRY = Registry()


def read(name: str, *files: Path, params: dict[str, str] | None = None) -> list[Event]:
    if not all(file.is_file() for file in files) or not files:
        pytest.skip(f"the {name} data is not in {DATA} (set AISLEWATCH_DATA)")
    mapping = read_mapping(ROOT / "fixtures" / name / f"{name}.mapping.yml", REGISTRY)
    runs = read_recording(mapping, files, feed=name, store="shop", params=params)
    events: list[Event] = []
    for run in runs:
        assert not isinstance(run, Refusal), run
        events += run
    ids = Counter(event.id for event in events)
    assert max(ids.values()) == 1
    codec = Codec(REGISTRY)
    assert all(codec.decode(codec.encode(event)) == event for event in events[::97])
    return events


def sentinel() -> list[Event]:
    return read("sentinel", *sorted((DATA / "sentinel").glob("*.jsonl")))


def at(clock: str) -> int:
    return instant_us(f"2025-08-13T{clock}", zone="Asia/Colombo")


def test_every_row_of_the_sentinel_session_is_told() -> None:
    events = sentinel()
    counts = Counter(type(event) for event in events)
    del counts[DeviceState]
    assert counts == {
        PosItem: 252,
        RfidRead: 264,
        VisionItem: 264,
        QueueLevel: 7_181,
        StockCount: 13 * 50,
    }
    assert [event.time for event in events] == sorted(event.time for event in events)
    lines = [event for event in events if isinstance(event, PosItem)]
    assert all(e.sku and e.price_minor and e.weight_mg and e.customer for e in lines)
    assert (lines[0].sku, lines[0].price_minor, lines[0].weight_mg, lines[0].lane) == (
        "PRD_F_14",
        54_000,
        400_000,
        "SCC1",
    )
    assert lines[0].time == at("16:08:40")
    reads = [event for event in events if isinstance(event, RfidRead)]
    assert all(e.epc and e.sku and e.zone_kind == "scan" for e in reads)
    queues = [event for event in events if isinstance(event, QueueLevel)]
    assert sum(event.customers >= 6 for event in queues) == 117


def test_the_crashes_of_the_sentinel_session_begin_and_end_when_they_did() -> None:
    states = [event for event in sentinel() if isinstance(event, DeviceState)]
    for lane, begin, back in (("SCC1", "16:54:10", "16:56:00"), ("SCC3", "17:33:00", "17:36:30")):
        own = [s for s in states if s.device == lane]
        (crash,) = (i for i, s in enumerate(own) if s.state == "failed")
        assert own[crash].time == at(begin)
        assert (own[crash].reason, own[crash].lane) == ("system-crash", lane)
        # The next row of any part of the station is five seconds after the last of the crash.
        assert (own[crash + 1].state, own[crash + 1].time) == ("online", at(back))
    assert sum(state.state == "failed" for state in states) == 2


def test_each_read_error_of_the_sentinel_session_is_told_and_its_line_too() -> None:
    events = sentinel()
    errors = [e for e in events if isinstance(e, DeviceState) and e.reason == "read-error"]
    stations = Counter(error.device for error in errors)
    assert stations == {"SCC1": 11, "SCC2": 8, "SCC3": 7, "SCC4": 9, "RC1": 2}
    (till,) = (error for error in errors if error.time == at("16:37:40"))
    assert till.device == "SCC1"
    (line,) = (e for e in events if isinstance(e, PosItem) and e.time == till.time)
    assert line.sku == "PRD_H_05"


def test_every_alarm_of_the_nedap_shops_is_a_crossing_of_its_own_shop() -> None:
    events = read("nedap", DATA / "nedap" / "alarms.csv")
    crossings = [event for event in events if isinstance(event, RfidCrossing)]
    assert len(crossings) == 26_563
    assert len({crossing.store for crossing in crossings}) == 53
    assert len({crossing.epc for crossing in crossings}) == 26_563
    assert all(c.direction == "out" and c.alarm and c.price_minor is not None for c in crossings)
    assert [event.time for event in events] == sorted(event.time for event in events)
    states = [event for event in events if isinstance(event, DeviceState)]
    assert len(states) == 53
    first = {c.store: c.time for c in reversed(crossings)}
    assert {state.store: state.time for state in states} == first


RTSF = [
    ("DemoTestCase_1.json", {"scale.weight": 3, "pos.item": 1}),
    ("DemoTestCase_2.json", {"scale.weight": 4, "pos.item": 2}),
    ("DemoTestCase_3.json", {"scale.weight": 3, "pos.item": 3}),
    ("DemoTestCase_4.json", {"scale.weight": 2, "pos.item": 3}),
    ("DemoTestCases_All.json", {"scale.weight": 12, "pos.item": 9}),
    ("all_events.json", {"scale.weight": 2, "pos.item": 2, "rfid.read": 2, "vision.item": 1}),
    (
        "all_events_all_suspect.json",
        {"scale.weight": 1, "pos.item": 1, "rfid.read": 2, "vision.item": 1},
    ),
    ("checkoutEvents.json", {"scale.weight": 4, "pos.item": 4, "rfid.read": 3, "vision.item": 6}),
    ("checkoutEventsSuspect.json", {"scale.weight": 4, "pos.item": 3}),
    ("cv_roi_events.json", {"vision.item": 2}),
    ("missed_scan_then_rescan.json", {"scale.weight": 4, "pos.item": 2}),
    ("rfid_roi_events.json", {"rfid.read": 4}),
]


@pytest.mark.parametrize(("script", "expected"), RTSF, ids=[script for script, _ in RTSF])
def test_every_script_of_the_checkout_reference_is_told(
    script: str, expected: dict[str, int]
) -> None:
    path = DATA / "rtsf" / script
    events = read("rtsf", path, params={"lane": "7", "start": "2026-03-02T08:00:00Z"})
    counts = Counter(type_of(type(event)) for event in events)
    assert {kind: counts[kind] for kind in expected} == expected
    rows = json.loads(path.read_text(encoding="utf-8"))["checkout_events"]
    waits = sum(float(row["wait_time"].removesuffix("s")) for row in rows)
    told = [row for row in rows if row["data"].get("roi_action") not in {"EXITED", "DEPART"}]
    begun = {(event.device, "online") for event in events}
    assert len(events) == len(told) + len(begun)
    start = instant_us("2026-03-02T08:00:00Z", zone=None)
    assert all(start < event.time <= start + int(waits * 1_000_000) for event in events)
    lanes = {event.lane for event in events if isinstance(event, (ScaleWeight, PosItem))}
    assert lanes <= {"7"}


def test_the_weights_of_the_checkout_reference_are_exact_pounds() -> None:
    events = read("rtsf", DATA / "rtsf" / "checkoutEventsSuspect.json")
    weights = [event for event in events if isinstance(event, ScaleWeight)]
    assert [weight.weight_mg for weight in weights] == [453_592, 1_360_777, 2_721_554, 3_678_634]
    assert {(w.quantum_mg, w.scale_kind) for w in weights} == {(4_536, "bagging")}
    items = [event for event in events if isinstance(event, PosItem)]
    assert [item.price_minor for item in items] == [599, 1_099, 899]
    assert (items[0].sku, items[0].gtin, items[0].units) == ("00000000571111",) * 2 + (1,)


def test_a_camera_s_product_is_looked_up_by_name_and_an_unknown_one_stays_a_class() -> None:
    known = read("rtsf", DATA / "rtsf" / "all_events.json")
    unknown = read("rtsf", DATA / "rtsf" / "cv_roi_events.json")
    (apples,) = (event for event in known if isinstance(event, VisionItem))
    assert (apples.sku, apples.product_class, apples.zone_kind) == (
        "00000000324588",
        "Red Apples",
        "scan",
    )
    assert {
        (event.sku, event.product_class) for event in unknown if isinstance(event, VisionItem)
    } == {(None, "abcde11")}
