"""Evidence made into a test: it comes out, tells nobody's name, and leaves the file as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aislewatch.authoring.capture import MANY, Captured, capture
from aislewatch.authoring.capture_days import rests_on_more
from aislewatch.authoring.capture_file import as_yaml, with_test
from aislewatch.authoring.capture_names import pseudonyms, renamed
from aislewatch.authoring.lines import parse_lines
from aislewatch.authoring.loading import all_lists, rules_beside
from aislewatch.authoring.running import run_case, run_events, standing_in_order
from aislewatch.errors import FileMistakes, UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Rule, StatsOf
from aislewatch.rules.signals import with_signals
from aislewatch.runtime.rule_folder import macros_of, rules_in

REGISTRY = Registry()
SHIPPED = rules_in(Path(__file__).parents[2] / "rules")
HOUR_US = 3_600_000_000

RULE = """\
id: leaving
title: A tag leaves
status: live
when: {event: rfid.read, as: exit, where: zone.kind == 'exit' and person != 'Watson'}
match:
  - {seen: rfid.read, as: shelf, where: zone.kind == 'shelf', same: [epc], window: 12h before exit}
  - {not_seen: pos.item, same: [epc], window: between shelf and exit}
incident:
  type: theft.x
  about: {epc: exit.epc, person: exit.person}
  points: 20
  because: "{exit.epc} left with {exit.person}"
tests:
  - name: first
    events: |
      10:00:00 rfid.read epc=AA zone.kind=shelf
    expect: {fires: 0}
"""

STOLEN = """\
10:00:00 rfid.read epc=C0FFEE zone.kind=shelf rssi=-51 device=gate-7 person=Holmes serial=4711
10:20:00 rfid.read epc=C0FFEE zone.kind=exit  rssi=-52 device=gate-8 person=Holmes sku=TEA
"""


def rule_of(text: str = RULE) -> Rule:
    return load_rule(text, "leaving.yml", REGISTRY)


def evidence_of(rule: Rule, events: Sequence[Event]) -> tuple[list[Event], list[str]]:
    """Give what the signals on some events keep, as a ledger would have it, and their anchors."""
    lists = {name: frozenset[str]() for name in all_lists(Path(rule.file).read_bytes())} if (
        Path(rule.file).exists()) else {}  # fmt: skip
    signals = standing_in_order(run_events([rule], events, REGISTRY, lists=lists))
    decode = Codec(with_signals(REGISTRY, rule.hears)).decode
    found = {
        raw: decode(raw)
        for signal in signals
        for content in signal["evidence"]
        for raw in [msgspec.json.encode(content)]
    }
    return list(found.values()), [signal["anchor"] for signal in signals]


def captured(rule: Rule, events: Sequence[Event], **how: bool | str) -> Captured:
    evidence, anchors = evidence_of(rule, events)
    zone, whole = str(how.get("zone", "UTC")), bool(how.get("whole", False))
    return capture(rule, evidence, anchors, REGISTRY, name="kept", zone=zone, whole=whole)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_the_evidence_of_every_test_that_fires_makes_a_test_that_passes(file: Path) -> None:
    lists = all_lists(file.read_bytes())
    text = file.read_text()
    folder: dict[str, Any] = {"lists": lists, "beside": rules_beside(file.read_bytes(), str(file))}
    folder["macros"] = macros_of([str(file)])[str(file)]
    rule = load_rule(text, str(file), REGISTRY, **folder)
    live = replace(rule, status="live")
    firing = [case for case in rule.tests if case.fires]
    assert firing
    if any(isinstance(clause, StatsOf) for clause in rule.clauses):
        # Each has a week of eleven shifts, out of which the test is made.
        firing = firing[:1]
    known = with_signals(REGISTRY, rule.hears)
    for case in firing:
        events = parse_lines(case.events, known)
        evidence, anchors = evidence_of(live, events)
        around: list[Event] = []
        if rests_on_more(rule):
            kept = {event.id for event in evidence}
            around = [event for event in events if event.id not in kept]
        how: dict[str, Any] = {"lists": lists, "around": around}
        made = capture(rule, evidence, anchors, REGISTRY, name="captured", **how)
        again = load_rule(with_test(text, made, str(file)), str(file), REGISTRY, **folder)
        assert run_case(again, again.tests[-1], REGISTRY, lists).problems == ()
        assert again.tests[:-1] == rule.tests
        assert again.meaning == rule.meaning


# Under pseudonyms --------------------------------------------------------------------------------


def test_persons_and_tags_get_pseudonyms_and_what_no_clause_uses_is_left_out() -> None:
    made = captured(rule_of(), parse_lines(STOLEN, REGISTRY))
    assert made.lines == (
        "10:00:00 rfid.read epc=E1 zone.kind=shelf person=P1\n"
        "10:20:00 rfid.read epc=E1 zone.kind=exit person=P1\n"
    )
    assert (made.fires, made.at, made.points) == (1, "10:20:00", 20)
    assert made.about == {"epc": "E1", "person": "P1"}
    assert made.because == "E1 left with P1"
    assert made.left_out == ["device", "rssi", "serial", "sku", "unknown_tag"]
    assert "Holmes" not in as_yaml(made)


def test_a_value_has_one_pseudonym_in_every_field_and_a_tag_a_hexadecimal_one() -> None:
    events = parse_lines(
        "10:00:00 pos.refund receipt=77 original_receipt=66 cashier=jane\n"
        "10:00:01 vision.person person=jane\n"
        "10:00:02 rfid.read epc=66 person=tom lane=66\n",
        REGISTRY,
    )
    names = pseudonyms(events, REGISTRY, frozenset())
    assert names == {"66": "E1", "77": "R1", "jane": "C1", "tom": "P1"}
    refund, _, read = [renamed(event, REGISTRY, names) for event in events]
    assert getattr(refund, "original_receipt", "") == "E1"
    assert (getattr(read, "epc", ""), getattr(read, "lane", "")) == ("E1", "66")


def test_a_name_that_the_rule_itself_says_stays() -> None:
    rule = rule_of(RULE.replace("person != 'Watson'", "person == 'Holmes'"))
    assert "person=Holmes" in captured(rule, parse_lines(STOLEN, REGISTRY)).lines


def test_a_rule_that_reads_the_letters_of_a_name_makes_no_test() -> None:
    where = "zone.kind == 'exit' and person != 'Watson'"
    rule = rule_of(RULE.replace(where, "\"zone.kind == 'exit' and startswith(person, 'Ho')\""))
    with pytest.raises(UsageError, match="it looks at the text of a field"):
        captured(rule, parse_lines(STOLEN, REGISTRY))


# On no day in particular -------------------------------------------------------------------------


def moved(events: Sequence[Event], by_us: int) -> list[Event]:
    return [msgspec.structs.replace(event, time=event.time + by_us) for event in events]


def test_the_date_goes_and_the_shops_time_of_day_stays() -> None:
    events = moved(parse_lines(STOLEN, REGISTRY), 200 * 24 * HOUR_US)
    made = captured(rule_of(), events, zone="Asia/Colombo")
    assert made.at == "15:50:00"


def test_evidence_over_midnight_goes_on_past_24_hours() -> None:
    events = moved(parse_lines(STOLEN, REGISTRY), 13 * HOUR_US + 50 * 60_000_000)
    assert captured(rule_of(), events).at == "24:10:00"


def test_evidence_of_days_begins_at_midnight_where_its_hours_would_have_three_digits() -> None:
    rule = rule_of(RULE.replace("12h before", "5d before"))
    first, last = parse_lines(STOLEN, REGISTRY)
    assert captured(rule, [first, *moved([last], 95 * HOUR_US)]).at == "95:20:00"
    with pytest.raises(UsageError, match="spans more than the hundred hours"):
        captured(rule, [first, *moved([last], 100 * HOUR_US)])


# Only what matters -------------------------------------------------------------------------------


def test_of_very_many_events_only_those_that_matter_stay() -> None:
    reads = "".join(
        f"10:{n:02}:00 rfid.read epc=C0FFEE zone.kind=shelf person=Holmes\n" for n in range(MANY)
    )
    events = parse_lines(
        reads + "10:40:00 rfid.read epc=C0FFEE zone.kind=exit person=Holmes", REGISTRY
    )
    made = captured(rule_of(), events)
    assert made.lines.count("\n") == 2
    assert made.passed_over == MANY - 1
    assert captured(rule_of(), events, whole=True).lines.count("\n") == MANY + 1


VOIDED = """\
id: voided
title: More voids than others
status: live
when: {event: shift.closed, as: shift}
let:
  voids: {count: pos.void, same: [cashier], window: 1h before shift}
  others: {stats_of: voids, others: [cashier], window: 3h before shift}
match:
  - check: others.n >= 2 and voids > 2 * others.mean
incident: {type: fraud.x, about: {cashier: shift.cashier}, because: "{voids}, of {others.n} others"}
tests:
  - {name: none, events: "10:00:00 shift.closed", expect: {fires: 0}}
"""


def test_a_rule_on_peers_takes_what_their_figures_are_made_of_from_the_days_themselves() -> None:
    rule = load_rule(VOIDED, "voided.yml", REGISTRY)
    events = parse_lines(
        "".join(f"09:{n:02}:00 pos.void cashier=ann\n" for n in range(30))
        + "".join(f"09:{n:02}:30 pos.void cashier=c{n % 5}\n" for n in range(30))
        + "".join(f"09:59:0{n} shift.closed cashier=c{n}\n" for n in range(5))
        + "10:00:00 shift.closed cashier=ann\n",
        REGISTRY,
    )
    evidence, anchors = evidence_of(rule, events)
    with pytest.raises(UsageError, match="name those days with --events"):
        capture(rule, [e for e in evidence if e.id not in {e.id for e in events[:30]}], anchors,
                REGISTRY, name="kept")  # fmt: skip
    kept = {event.id for event in evidence}
    around = [event for event in events if event.id not in kept]
    made = capture(rule, evidence, anchors, REGISTRY, name="kept", around=around)
    assert (made.fires, made.about, made.because) == (1, {"cashier": "C1"}, "30, of 5 others")
    assert made.lines.count("\n") < 40


def test_who_is_put_on_a_list_gets_the_name_that_he_has_elsewhere() -> None:
    events = parse_lines(
        "10:00:00 list.changed list=flagged member=ann change=add\n"
        "10:00:00 list.changed list=flagged member=TEA change=add\n"
        "10:00:01 pos.item cashier=ann sku=TEA lane=1\n",
        REGISTRY,
    )
    names = pseudonyms(events, REGISTRY, frozenset())
    assert names == {"ann": "C1"}
    first, second, _ = [renamed(event, REGISTRY, names) for event in events]
    assert (getattr(first, "member", ""), getattr(second, "member", "")) == ("C1", "TEA")


def test_signals_of_other_incidents_that_the_evidence_makes_are_left_out() -> None:
    other = (
        "10:05:00 rfid.read epc=BEEF zone.kind=shelf\n"
        "10:10:00 rfid.read epc=BEEF zone.kind=exit person=Mary\n"
    )
    evidence, anchors = evidence_of(rule_of(), parse_lines(other + STOLEN, REGISTRY))
    assert len(anchors) == 2
    made = capture(rule_of(), evidence, anchors[1:], REGISTRY, name="one")
    assert (made.fires, made.at, made.passed_over) == (1, "10:20:00", 2)
    both = capture(rule_of(), evidence, anchors[1:], REGISTRY, name="both", whole=True)
    assert (both.fires, both.at) == (2, "10:10:00")


def test_evidence_on_which_the_rule_no_longer_holds_makes_no_test_and_says_where_it_stops() -> None:
    evidence, anchors = evidence_of(rule_of(), parse_lines(STOLEN, REGISTRY))
    changed = rule_of(RULE.replace("12h before", "10m before"))
    with pytest.raises(UsageError, match="as it is now does not hold; it stops at shelf"):
        capture(changed, evidence, anchors, REGISTRY, name="kept")


def test_a_text_that_no_line_can_hold_makes_no_test() -> None:
    events = parse_lines(STOLEN, REGISTRY)
    odd = [msgspec.structs.replace(event, lane='the "far" lane') for event in events]
    with pytest.raises(UsageError, match="lane holds a text that a line cannot"):
        captured(rule_of(), odd)


# Into a file -------------------------------------------------------------------------------------

MADE = Captured("kept: twice", "10:00:00 rfid.read epc=E1\n", 1, "10:00:00", {"epc": "E1"}, 5, "b",
                1, [], 0)  # fmt: skip

HEAD = RULE.partition("tests:")[0]
ONE = "- name: first\n  events: |\n    10:00:00 rfid.read epc=AA\n  expect: {fires: 0}\n"


def indented(text: str, columns: int) -> str:
    return "".join(" " * columns + line for line in text.splitlines(keepends=True))


@pytest.mark.parametrize(
    "text",
    [
        RULE,
        RULE.rstrip("\n"),
        HEAD,
        HEAD.rstrip("\n"),
        HEAD + "tests:\n" + ONE,
        HEAD + "tests:\n" + indented(ONE, 6),
        HEAD + "tests:\n  -\n" + indented(ONE.replace("- ", "  ", 1), 2),
        HEAD + "tests:\n  -   name: first\n      events: |\n        10:00:00 rfid.read epc=AA\n"
        "      expect:\n        fires: 0 # none\n",
        RULE + "\n# the end\n",
        RULE + "runbook: look\n",
        "\ufeff" + RULE,
        RULE.replace("\n", "\r\n"),
        RULE.replace("expect: {fires: 0}", "expect: {fires: 0} # it stays").rstrip("\n"),
        HEAD + "tests:\n  - name: first\n    expect: {fires: 0}\n    events: |\n"
        "      10:00:00 rfid.read epc=AA\n\n\nrunbook: look\n",
    ],
)  # fmt: skip
def test_a_test_goes_behind_the_others_and_every_other_byte_stays(text: str) -> None:
    new = with_test(text, MADE, "leaving.yml")
    before = load_rule(text, "leaving.yml", REGISTRY)
    after = load_rule(new, "leaving.yml", REGISTRY)
    assert after.tests[:-1] == before.tests
    assert after.tests[-1].name == "kept: twice"
    assert (after.meaning, after.runbook) == (before.meaning, before.runbook)
    # What was there is there, in two pieces around what is new.
    start = next((i for i, (a, b) in enumerate(zip(text, new, strict=False)) if a != b), len(text))
    end = len(text) - start
    assert new.startswith(text[:start])
    assert new.endswith(text[len(text) - end :])
    assert ("\r\n" in new) is ("\r\n" in text)


@pytest.mark.parametrize("tests", ["[]", "[{name: a, events: '', expect: {fires: 0}}]"])
def test_tests_in_brackets_are_left_alone_and_say_so(tests: str) -> None:
    with pytest.raises(FileMistakes, match="the tests are written in brackets"):
        with_test(f"{HEAD}tests: {tests}\n", MADE, "leaving.yml")


def test_texts_that_yaml_would_take_for_something_else_stand_in_quotes() -> None:
    odd = Captured("a: b # c", "", 1, "10:00:00", {"sku": "1: 2", "epc": "null"}, 5, "b", 0, [], 0)
    told = as_yaml(odd)
    assert '- name: "a: b # c"' in told
    assert 'about: {sku: "1: 2", epc: "null"}' in told
