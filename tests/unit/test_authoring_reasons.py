"""A test that expects silence names the clause that must fail, and is held to it."""

import re
from pathlib import Path

import pytest

from aislewatch.authoring.lines import parse_lines
from aislewatch.authoring.reasons import QUIET, reasons_of
from aislewatch.authoring.running import model_of, run_case
from aislewatch.detect.signals import signal_id
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import entities_of
from aislewatch.runtime.rule_folder import macros_of, rules_in

REGISTRY = Registry()
LISTS = {"transfers": frozenset({"E9"})}

RULE = """\
id: leaving
title: A tag leaves
status: live
when: {event: rfid.read, as: exit, where: zone.kind == 'exit'}
match:
  - {seen: rfid.read, as: shelf, where: zone.kind == 'shelf', same: [epc], window: 1h before exit}
  - {not_seen: pos.item, same: [epc], window: between shelf and exit}
  - {check: exit.rssi > -60dBm}
except:
  - {name: transfer, where: exit.epc in lists.transfers, reason: r, owner: o, until: 2030-01-01}
incident:
  type: theft.x
  about: {epc: exit.epc}
  quiet: 10m per epc
  because: "{exit.epc} left"
tests:
  - name: only test
    events: |
EVENTS
    expect: {fires: FIRES, because_not: REASON}
"""

SHELF = "10:00:00 rfid.read epc=E1 zone.kind=shelf rssi=-50"
EXIT = "10:20:00 rfid.read epc=E1 zone.kind=exit rssi=-50"
SALE = "10:10:00 pos.item epc=E1"
WEAK = "10:20:00 rfid.read epc=E1 zone.kind=exit rssi=-80"
DEAD = "10:05:00 device.state device=till state=failed"
AGAIN = "10:21:00 rfid.read epc=E1 zone.kind=exit rssi=-50"
MOVED = ["10:00:00 rfid.read epc=E9 zone.kind=shelf rssi=-50",
         "10:20:00 rfid.read epc=E9 zone.kind=exit rssi=-50"]  # fmt: skip


def rule_with(reason: str, *events: str, fires: int = 0) -> Rule:
    lines = "\n".join(f"      {event}" for event in events)
    text = RULE.replace("EVENTS", lines).replace("FIRES", str(fires)).replace("REASON", reason)
    return load_rule(text, "leaving.yml", REGISTRY, lists=LISTS)


def problems_of(rule: Rule) -> tuple[str, ...]:
    return run_case(rule, rule.tests[0], REGISTRY, LISTS).problems


@pytest.mark.parametrize(
    ("reason", "events", "fires"),
    [
        ("when", [SHELF, SALE], 0),
        ("shelf", [EXIT], 0),
        ("seen rfid.read", [EXIT], 0),
        ("not_seen pos.item", [SHELF, SALE, EXIT], 0),
        ("not_seen pos.item", [SHELF, DEAD, EXIT], 0),
        ("check", [SHELF, WEAK], 0),
        ("transfer", MOVED, 0),
        ("quiet", [SHELF, EXIT, AGAIN], 1),
    ],
)
def test_silence_for_the_reason_that_is_named_passes(
    reason: str, events: list[str], fires: int
) -> None:
    assert problems_of(rule_with(reason, *events, fires=fires)) == ()


@pytest.mark.parametrize(
    ("reason", "events", "got"),
    [
        ("when", [SHELF, WEAK], "check"),
        ("check", [SHELF, SALE, WEAK], "not_seen pos.item"),
        ("not_seen pos.item", [EXIT], "shelf"),
        ("shelf", [SHELF], "when"),
    ],
)
def test_silence_for_another_reason_fails_and_names_it(
    reason: str, events: list[str], got: str
) -> None:
    assert problems_of(rule_with(reason, *events)) == (f"fails at {got}, not at {reason}",)


def test_a_test_without_an_event_of_the_anchors_kind_proves_nothing() -> None:
    (problem,) = problems_of(rule_with("when", SALE))
    assert problem.startswith("fails at nothing")


def test_a_reason_that_the_rule_does_not_have_is_told_with_those_it_has() -> None:
    (problem,) = problems_of(rule_with("not_seen pos.itm", SHELF, SALE, EXIT))
    assert "'not_seen pos.itm' names nothing that can fail" in problem
    assert "when, shelf, not_seen pos.item, check" in problem
    assert "transfer, quiet" in problem


def test_an_absence_that_cannot_be_told_says_why() -> None:
    rule = rule_with("not_seen pos.item", SHELF, DEAD, EXIT)
    events = parse_lines("\n".join([SHELF, DEAD, EXIT]), REGISTRY)
    reasons = reasons_of(rule, events, REGISTRY, model_of(events, REGISTRY, LISTS), frozenset())
    assert [reason.clause for reason in reasons] == ["when", "not_seen pos.item"]
    assert reasons[1].unknown == "till was failed and would have seen pos.item"


SHIPPED = rules_in(Path(__file__).parents[2] / "rules")


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_tracing_twin_holds_where_the_judge_does(file: Path) -> None:
    text = file.read_text()
    lists = dict.fromkeys(re.findall(r"\blists\.(\w+)", text), frozenset[str]())
    beside = entities_of(path.read_text() for path in SHIPPED)
    macros = macros_of([str(file)])[str(file)]
    rule = load_rule(text, file.name, REGISTRY, lists=lists, beside=beside, macros=macros)
    for case in rule.tests:
        run = run_case(rule, case, REGISTRY, lists)
        model = model_of(run.events, REGISTRY, lists)
        reasons = reasons_of(rule, run.events, REGISTRY, model, frozenset())
        # With no signal said to stand, all that holds looks as if it were silenced.
        held = {signal_id(rule.id, one.anchor) for one in reasons if one.clause == QUIET}
        stands = {str(signal["signal"]) for signal in run.signals}
        assert held == stands or (rule.incident.quiet is not None and held > stands)


TWICE = """\
id: again
title: It happens again
status: live
when: {event: signal.leaving, as: last}
match:
  - {count: signal.leaving, as: n, same: [epc], window: 1h before last, at_least: 2}
incident: {type: theft.x, about: {epc: last.epc}, because: "{n} times"}
tests:
  - name: once
    events: |
      10:00:00 signal.leaving epc=E1
    expect: {fires: 0, because_not: REASON}
"""


@pytest.mark.parametrize(
    ("reason", "problems"),
    [("n", ()), ("count signal.leaving", ()), ("when", ("fails at n, not at when",))],
)
def test_a_rule_on_signals_tells_why_it_was_silent_of_the_signals_in_its_test(
    reason: str, problems: tuple[str, ...]
) -> None:
    text = TWICE.replace("REASON", reason)
    rule = load_rule(text, "again.yml", REGISTRY, beside={"leaving": ("epc",)})
    assert problems_of(rule) == problems
