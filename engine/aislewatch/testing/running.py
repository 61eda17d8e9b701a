"""Rules run on events: a rule's inline tests, and what stands when a core has spoken.

A test's events come in order and the log then ends, so that every window closes. Its shop has the
devices that its own ``device.state`` lines name, each of which would see anything; without such
lines nobody is ever blind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from aislewatch.detect.core import Core, Settings
from aislewatch.events.kinds import ClockTick, DeviceState, Event
from aislewatch.events.model import Device, StoreModel
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry
from aislewatch.rules.rule import Rule, TestCase
from aislewatch.testing.lines import parse_lines, time_us

CENTIBANS = 10
"""Centibans in a deciban."""


@dataclass(frozen=True)
class CaseRun:
    """What became of one inline test.

    Attributes:
        rule: whose.
        case: the test.
        events: those of the test.
        records: all that the core said.
        signals: payloads of the signals that stand at the end, in order of time.
        problems: where that is not what the test expects, in sentences; empty where it passed.
    """

    rule: Rule
    case: TestCase
    events: Sequence[Event]
    records: Sequence[Record]
    signals: Sequence[Mapping[str, Any]]
    problems: Sequence[str]


def run_case(
    rule: Rule,
    case: TestCase,
    registry: Registry,
    lists: Mapping[str, frozenset[str]] | None = None,
) -> CaseRun:
    """Run one inline test of a rule, whatever the rule's status.

    Args:
        rule: a checked rule.
        case: one of its tests.
        registry: the kinds of event that the rule was checked against.
        lists: members of the named lists that the rule looks into.

    Raises:
        FileMistakes: lines of the test are no events.
    """
    events = parse_lines(case.events, registry, file=rule.file)
    records = run_events([replace(rule, status="live")], events, registry, lists=lists)
    signals = sorted(standing(records).values(), key=lambda s: (s["decided_us"], s["signal"]))
    return CaseRun(rule, case, events, records, signals, tuple(_problems(case, signals)))


def run_events(
    rules: Sequence[Rule],
    events: Sequence[Event],
    registry: Registry,
    *,
    lists: Mapping[str, frozenset[str]] | None = None,
) -> list[Record]:
    """Run rules on a whole recording: the events in order, then the log's end."""
    states = [event for event in events if isinstance(event, DeviceState)]
    sees = frozenset(registry.kinds)
    devices = {s.device: Device(s.device, lane=s.lane, sees=sees) for s in states}
    model = StoreModel(devices=devices, lists=lists or {})
    core = Core(Settings(store="1"), model, rules, registry)
    end = max((event.time for event in events), default=0)
    tick = ClockTick(id="clock/1/1", store="1", device="clock", time=end, final=True)
    return core.step([*events, tick])


def standing(records: Iterable[Record]) -> dict[str, Mapping[str, Any]]:
    """Give the payloads of the signals that stand after some records, as last said, by id."""
    found: dict[str, Mapping[str, Any]] = {}
    for record in records:
        if record.type in {"signal.raised", "signal.revised"}:
            payload = msgspec.json.decode(record.payload)
            found[payload["signal"]] = payload
        elif record.type == "signal.withdrawn":
            del found[msgspec.json.decode(record.payload)["signal"]]
    return found


def _problems(case: TestCase, signals: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    if len(signals) != case.fires:
        yield f"fires {len(signals)} times, not {case.fires}"
        return
    if not signals:
        return
    first = signals[0]
    if case.at is not None and first["decided_us"] != time_us(case.at):
        late_us = first["decided_us"] - time_us(case.at)
        yield f"fires {late_us / 1_000_000:+} s from {case.at}"
    about: dict[str, str] = dict(first["about"])
    for kind, value in case.about.items():
        if about.get(kind) != value:
            yield f"is about {kind} {about.get(kind)}, not {value}"
    if case.points is not None and first["points_cb"] != case.points * CENTIBANS:
        yield f"counts {first['points_cb'] / CENTIBANS:g} points, not {case.points}"
