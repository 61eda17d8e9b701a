"""Rules run on events: a rule's inline tests, and what stands when a core has spoken.

A test's events come in order and the log then ends, so that every window closes. Its shop has the
devices that its own ``device.state`` lines name, each of which would see anything; without such
lines nobody is ever blind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from aislewatch.authoring.lines import parse_lines, time_us
from aislewatch.authoring.reasons import Reason, reasons_of, told_by
from aislewatch.detect.core import Core
from aislewatch.detect.judgement import NO_ANCHOR
from aislewatch.detect.settings import Settings
from aislewatch.events.kinds import ClockTick, DeviceState, Event
from aislewatch.events.model import Device, StoreModel
from aislewatch.events.quantities import written_duration
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry
from aislewatch.rules.case import TestCase
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import with_signals

CENTIBANS = 10
"""Centibans in a deciban."""

Lists = Mapping[str, frozenset[str]]
"""Members of named lists."""


@dataclass(frozen=True)
class Failure:
    """One expectation that was not met.

    Attributes:
        key: under which key of ``expect`` it stands: ``fires``, ``at``, ``about``, ``points`` or
            ``because_not``.
        expected: as written.
        got: what came instead.
        text: both in a sentence.
    """

    key: str
    expected: str
    got: str
    text: str


@dataclass(frozen=True)
class CaseRun:
    """What became of one inline test.

    Attributes:
        rule: whose.
        case: the test.
        events: those of the test.
        records: all that the core said.
        signals: payloads of the signals that stand at the end, in order of time.
        failures: where that is not what the test expects; empty where it passed.
    """

    rule: Rule
    case: TestCase
    events: Sequence[Event]
    records: Sequence[Record]
    signals: Sequence[Mapping[str, Any]]
    failures: Sequence[Failure]

    @property
    def problems(self) -> tuple[str, ...]:
        """The failures in sentences."""
        return tuple(failure.text for failure in self.failures)


def run_case(
    rule: Rule,
    case: TestCase,
    registry: Registry,
    lists: Lists | None = None,
    *,
    events: Sequence[Event] | None = None,
) -> CaseRun:
    """Run one inline test of a rule, whatever the rule's status.

    Args:
        rule: a checked rule.
        case: one of its tests.
        registry: the kinds of event that the rule was checked against.
        lists: members of the named lists that the rule looks into.
        events: those of the test, where they have been read already.

    Raises:
        FileMistakes: lines of the test are no events.
    """
    if events is None:
        events = parse_lines(case.events, with_signals(registry, rule.hears), file=rule.file)
    live = replace(rule, status="live")
    records = run_events([live], events, registry, lists=lists)
    signals = standing_in_order(records)
    failures = list(_failures(case, signals))
    if case.because_not is not None:
        raised = frozenset(str(signal["signal"]) for signal in signals)
        model = model_of(events, registry, lists)
        reasons = reasons_of(live, events, registry, model, raised)
        failures += _wrong_reason(live, case.because_not, reasons)
    return CaseRun(rule, case, events, records, signals, tuple(failures))


def model_of(events: Iterable[Event], registry: Registry, lists: Lists | None = None) -> StoreModel:
    """Give the shop of a test: the devices that it tells of, and lists."""
    sees = frozenset(registry.kinds)
    states = [event for event in events if isinstance(event, DeviceState)]
    devices = {s.device: Device(s.device, lane=s.lane, sees=sees) for s in states}
    return StoreModel(devices=devices, lists=lists or {})


def run_events(
    rules: Sequence[Rule],
    events: Sequence[Event],
    registry: Registry,
    *,
    lists: Lists | None = None,
) -> list[Record]:
    """Run rules on a whole recording: the events in order, then the log's end."""
    core = Core(Settings(store="1"), model_of(events, registry, lists), rules, registry)
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


def standing_in_order(records: Iterable[Record]) -> list[Mapping[str, Any]]:
    """Give the payloads of the signals that stand after some records, in order of time."""
    return sorted(standing(records).values(), key=lambda s: (s["decided_us"], s["signal"]))


def _failures(case: TestCase, signals: Sequence[Mapping[str, Any]]) -> Iterator[Failure]:
    if len(signals) != case.fires:
        expected, got = str(case.fires), str(len(signals))
        yield Failure("fires", expected, got, f"fires {got} times, not {expected}")
        return
    if not signals:
        return
    first = signals[0]
    if case.at is not None and first["decided_us"] != time_us(case.at):
        apart = first["decided_us"] - time_us(case.at)
        late = f"{written_duration(abs(apart))} {'later' if apart > 0 else 'earlier'}"
        yield Failure("at", case.at, late, f"fires {late} than {case.at}")
    about: dict[str, str] = dict(first["about"])
    for kind, value in case.about.items():
        if about.get(kind) != value:
            text = f"is about {kind} {about.get(kind)}, not {value}"
            yield Failure("about", f"{kind}={value}", f"{kind}={about.get(kind)}", text)
    if case.points is not None and first["points_cb"] != case.points * CENTIBANS:
        got = f"{first['points_cb'] / CENTIBANS:g}"
        text = f"counts {got} points, not {case.points}"
        yield Failure("points", str(case.points), got, text)


def _wrong_reason(rule: Rule, expected: str, reasons: Sequence[Reason]) -> Iterator[Failure]:
    """Say where no judgement failed for the reason that was meant.

    ``when`` is the reason only where no event of the test is an anchor: a rule whose evidence is of
    the anchor's own kind has events that are none in every test.
    """
    known = told_by(rule)
    if expected not in known:
        has = ", ".join(known)
        text = f"{expected!r} names nothing that can fail; it has {has}"
        got = f"no such clause: what can fail is {has}"
        yield Failure("because_not", expected, got, text)
        return
    found = list(dict.fromkeys(reason.clause for reason in reasons))
    if found == [NO_ANCHOR] if expected == NO_ANCHOR else known[expected] in found:
        return
    told = [clause for clause in found if clause != NO_ANCHOR] or found
    got = ", ".join(told) if told else "nothing: no event of the anchor's kind was judged"
    yield Failure("because_not", expected, got, f"fails at {got}, not at {expected}")
