"""Random rules, of every clause and every window, judged as a plain reading of the language judges.

Then any of them on streams that arrive out of order and late, twice, and cut in two by a restart.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from plain_checks import END, FIGURES, REGISTRY, check_judgement, crowd

from aislewatch.detect.core import Core
from aislewatch.events.kinds import Event
from aislewatch.events.record import Record
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Aggregate, Clause, Evidence, Rule, Seen, SomeOf, Unmatched
from aislewatch.testing.running import standing
from aislewatch.testing.streams import SHOP, START_US, STEP_US, tick_at

tries = settings(
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

KEYS = {
    "rfid.read": ("epc", "person", "lane", "sku", "device"),
    "rfid.crossing": ("epc", "person"),
    "pos.item": ("epc", "lane", "sku", "device"),
    "pos.void": ("lane", "cashier", "device"),
    "pos.refund": ("lane", "cashier", "receipt", "device"),
    "vision.person": ("person", "lane", "device"),
    "shelf.removed": ("person", "shelf", "device"),
    "shelf.returned": ("person", "shelf", "device"),
}
WHERES = {
    "rfid.read": ("zone.kind == 'shelf'", "zone.kind == 'scan'", "not (sku == 'A' or epc == 'E1')"),
    "rfid.crossing": ("alarm", "not alarm", "person != 'P1'"),
    "pos.item": ("units >= 2", "units < 2 and sku == 'A'", "has(epc)", "epc in ['E1']"),
    "pos.void": ("units > 1", "units <= 2 or lane == 'L1'"),
    "pos.refund": ("receipt == 'R1'", "cashier == 'C1'", "not (receipt in ['R1', 'R2'])"),
    "vision.person": ("role == 'staff'", "role != 'staff'", "not has(role)"),
    "shelf.removed": ("units == 2", "person == 'P1' or units < 2"),
    "shelf.returned": ("units == 2", "shelf != 'S1'"),
}
COUNTED = ("pos.item", "pos.void", "shelf.removed", "shelf.returned")
"""Kinds with units."""

kinds = st.sampled_from(sorted(KEYS))
spans = st.sampled_from(["0s", "0.5s", "1s", "2s", "3s", "5s"])
points = st.one_of(st.just(""), st.integers(-3, 9).map(lambda figure: f"points: {figure}"))


class Writer:
    """Writes one random rule; remembers what its clauses have bound."""

    def __init__(self, draw: st.DrawFn, anchor: Sequence[str]) -> None:
        self.draw = draw
        self.anchor = anchor
        self.events: dict[str, str] = {"that": anchor[0]}
        self.figures: list[str] = []
        self.paired = False
        self.made = 0

    def window(self) -> str:
        refs = st.sampled_from(sorted(self.events))
        one, other = self.draw(refs), self.draw(refs)
        first, second = self.draw(spans), self.draw(spans)
        if float(first[:-1]) < float(second[:-1]):
            first, second = second, first
        forms = [
            f"{first} before {one}",
            f"{first} after {one}",
            f"{first} around {one}",
            f"{first} before {one} to {second} after {one}",
            f"{first} before {one} to {second} before {one}",
            f"{second} after {one} to {first} after {one}",
            f"{first} before {one} to {second} after {other}",
            f"between {one} and {other}",
        ]
        return self.draw(st.sampled_from(forms))

    def same(self, kind: str) -> str:
        """Join on a field of the anchor, or of any event that is bound."""
        mine = [key for key in KEYS[kind] if all(key in KEYS[one] for one in self.anchor)]
        options = ["", *(f"same: [{key}]" for key in mine)]
        if len(mine) > 1:
            options.append(f"same: [{mine[0]}, {mine[1]}]")
        for name, bound in self.events.items():
            if name != "that" or len(self.anchor) == 1:
                shared = [key for key in KEYS[kind] if key in KEYS[bound]]
                options += [f"same: {{{key}: {name}.{key}}}" for key in shared]
        return self.draw(st.sampled_from(options))

    def where(self, kind: str, key: str = "where") -> str:
        condition = self.draw(st.sampled_from(["", *WHERES[kind]]))
        return f'{key}: "{condition}"' if condition else ""

    def name(self) -> str:
        self.made += 1
        return f"b{self.made}"

    def clause(self, depth: int = 0) -> str:
        ways = [self.seen, self.seen, self.not_seen, self.figure, self.figure, self.check]
        if not self.paired and depth == 0:
            ways.append(self.unmatched)
        if depth < 2:
            ways += [lambda: self.some_of(depth)]
        parts = [*self.draw(st.sampled_from(ways))(), self.draw(points)]
        return "{" + ", ".join(part for part in parts if part) + "}"

    def looks(self, kind: str) -> list[str]:
        return [self.where(kind), self.same(kind), f"window: {self.window()}"]

    def seen(self) -> list[str]:
        kind = self.draw(kinds)
        parts = [f"seen: {kind}", *self.looks(kind)]
        name = self.name()
        self.events[name] = kind
        pick = self.draw(st.sampled_from(["nearest", "first", "last"]))
        optional = "optional: true" if self.draw(st.booleans()) else ""
        return [*parts, f"as: {name}", f"pick: {pick}", optional]

    def not_seen(self) -> list[str]:
        kind = self.draw(kinds)
        return [f"not_seen: {kind}", *self.looks(kind)]

    def figure(self, *, limited: bool = True) -> list[str]:
        op = self.draw(st.sampled_from(["count", "sum", "max", "min", "avg", "distinct"]))
        kind = self.draw(kinds if op in {"count", "distinct"} else st.sampled_from(COUNTED))
        field = {"count": "", "distinct": f".{KEYS[kind][0]}"}.get(op, ".units")
        parts = [f"{op}: {kind}{field}", *self.looks(kind)]
        if not limited:
            return parts
        name = self.name()
        self.figures.append(name)
        limits = [
            f"{limit}: {self.draw(st.integers(0, 3))}"
            for limit in self.draw(
                st.sets(
                    st.sampled_from(["at_least", "at_most", "more_than", "less_than", "exactly"]),
                    max_size=2,
                ).map(sorted)
            )
        ]
        return [*parts, f"as: {name}", *limits]

    def check(self) -> list[str]:
        tests = [f"has({name})" for name in self.events]
        tests += [f"{name}.device != 'gate-1'" for name in self.events]
        tests += [f"that.time - {name}.time < 2s" for name in self.events]
        tests += [f"{figure} {op} 2" for figure in self.figures for op in ("<", ">=")]
        tests += [f"{one} <= {other} + 1" for one in self.figures for other in self.figures]
        if self.paired:
            tests += ["size(left) > size(right)", "size(right) < 2", "has(left.device)"]
        one, other = self.draw(st.sampled_from(tests)), self.draw(st.sampled_from(tests))
        joined = [one, f"not ({one})", f"{one} or {other}", f"{one} and not ({other})"]
        return [f'check: "{self.draw(st.sampled_from(joined))}"']

    def unmatched(self) -> list[str]:
        """Pair tags with lines; the anchor may be of either kind, or of neither."""
        left, right = self.draw(st.permutations(["rfid.read", "pos.item"]))
        if {left, right} & set(self.anchor) and len(self.anchor) > 1:
            return self.not_seen()  # An anchor that is only sometimes of a side is a mistake.
        self.paired = True
        keys = [key for key in ("lane", "epc", "sku") if all(key in KEYS[k] for k in self.anchor)]
        same = self.draw(st.sampled_from(["", *(f"same: [{key}]" for key in keys)]))
        by = self.draw(st.sampled_from(["", "by: [sku]", "by: [epc]", "by: [sku, epc]"]))
        return [
            f"unmatched: {{left: {left}, right: {right}}}",
            self.where(left, "where_left"),
            self.where(right, "where_right"),
            same,
            by,
            f"window: {self.window()}",
        ]

    def some_of(self, depth: int) -> list[str]:
        inner = [self.clause(depth + 1) for _ in range(self.draw(st.integers(1, 3)))]
        if self.draw(st.booleans()):
            return [f"all_of: [{', '.join(inner)}]"]
        least = self.draw(st.integers(1, len(inner)))
        return [f"any_of: [{', '.join(inner)}]", f"at_least: {least}"]


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    anchors = st.sets(kinds, min_size=1, max_size=2).map(sorted)
    anchor = draw(st.one_of(anchors, st.sampled_from([["rfid.read"], ["pos.item"]])))
    writer = Writer(draw, anchor)
    where = f', where: "{draw(st.sampled_from(WHERES[anchor[0]]))}"'
    lines = [
        "id: random",
        "title: Anything that can be written",
        "status: live",
        f"when: {{event: [{', '.join(anchor)}], as: that"
        + (where if len(anchor) == 1 and draw(st.booleans()) else "")
        + "}",
    ]
    if draw(st.booleans()):
        figure = ", ".join(part for part in writer.figure(limited=False) if part)
        lines += ["let:", f"  known: {{{figure}}}"]
        writer.figures.append("known")
        if draw(st.booleans()):
            lines.append("  twice: known * 2")
            writer.figures.append("twice")
    lines.append("match:")
    lines += [f"  - {writer.clause()}" for _ in range(draw(st.integers(1, 4)))]
    if draw(st.booleans()):
        excuse = writer.check()[0].removeprefix("check: ")
        day = draw(st.sampled_from(["2025-12-31", "2026-12-31"]))
        lines.append("except:")
        lines.append(f"  - {{name: agreed, where: {excuse}, reason: so, owner: jo, until: {day}}}")
    if draw(st.integers(0, 3)) == 0:
        lines.append(f"requires: [{draw(kinds)} on the.floor healthy]")
    lines.append("incident: {type: test.random, about: {device: that.device}, because: it}")
    return load_rule("\n".join(lines), "random.yml", REGISTRY)


def clauses_of(clauses: Sequence[Clause]) -> list[Clause]:
    nested = [one for one in clauses if isinstance(one, SomeOf)]
    return [*clauses, *(inner for one in nested for inner in clauses_of(one.clauses))]


def forms_of(rule: Rule) -> set[str]:
    """Name what a rule uses of the language."""
    found: set[str] = {"except"} if rule.excepts else set()
    found |= {"requires"} if rule.requires else set()
    for clause in clauses_of(rule.clauses):
        found.add(type(clause).__name__)
        if isinstance(clause, Seen):
            found |= {clause.pick, "optional" if clause.optional else "needed"}
        if isinstance(clause, Aggregate):
            found.add(clause.op)
        if isinstance(clause, SomeOf):
            whole = clause.at_least == len(clause.clauses)
            found.add("all of them" if whole else "some of them")
        if isinstance(clause, Unmatched):
            found.add(f"anchor {clause.anchor_side}")
            found.add("by nothing" if not clause.by else "by something")
        if isinstance(clause, Evidence | Unmatched):
            ends = (clause.window.start, clause.window.end)
            found.add("two refs" if ends[0].ref != ends[1].ref else "one ref")
            found |= {"zero bound"} if 0 in {end.offset_us for end in ends} else set()
            found |= {"on evidence"} if {end.ref for end in ends} != {"that"} else set()
    return found


seeds = st.integers(0, 1 << 40)
sizes = st.sampled_from([4, 10, 20, 35])


@tries
@given(rules(), sizes, seeds)
def test_a_random_rule_is_judged_as_the_language_is_worded(
    rule: Rule, size: int, seed: int
) -> None:
    check_judgement(rule, crowd([rule], size, seed))


def test_random_rules_leave_out_nothing_of_the_language() -> None:
    found = set[str]()

    def gather(rule: Rule) -> None:
        found.update(forms_of(rule))

    always: Any = settings(tries, max_examples=600, database=None, derandomize=True)
    always(given(rules())(gather))()
    forms = (
        "Seen NotSeen Aggregate Check Let Unmatched SomeOf except requires nearest first last "
        "optional needed count sum max min avg distinct"
    )
    expected = {*forms.split(), "all of them", "some of them", "two refs", "one ref", "zero bound"}
    expected |= {"on evidence", "anchor left", "anchor right", "anchor None"}
    expected |= {"by nothing", "by something"}
    assert expected <= found


def test_the_nearest_of_several_at_the_anchors_own_time_is_one_by_whatever_window() -> None:
    text = """\
id: tied
title: Several at once
status: live
when: {event: rfid.read, as: that}
match: [{seen: pos.item, as: other, window: WINDOW}]
incident: {type: test.tied, about: {device: that.device}, because: it}
"""
    for window in ("3s before that", "3s after that", "3s around that"):
        rule = load_rule(text.replace("WINDOW", window), "tied.yml", REGISTRY)
        for seed in range(40):
            check_judgement(rule, crowd([rule], 12, seed))


# Late, twice, out of order, and cut in two ------------------------------------------------------


def arrived(events: Sequence[Event], random: Random) -> list[Event]:
    """Shuffle, tell some twice, and let the clock tick in between: much of it is then late."""
    again = random.choices(events, k=len(events) // 4)
    log = [*events, *(msgspec.structs.replace(one) for one in again)]
    random.shuffle(log)
    steps = sorted(random.randrange(40) for _ in range(4))
    ticks = [tick_at(START_US + step * STEP_US) for step in steps]
    places = sorted(random.randrange(len(log) + 1) for _ in ticks)
    for place, tick in reversed(list(zip(places, ticks, strict=True))):
        log.insert(place, tick)
    return [tick_at(START_US - 20 * STEP_US), *log, END]


def stands(records: Sequence[Record]) -> dict[str, Any]:
    return {
        ident: {name: signal[name] for name in ("anchor", "bindings", "points_cb")}
        for ident, signal in standing(records).items()
    }


@tries
@given(rules(), sizes, seeds)
def test_a_random_rule_comes_to_the_same_in_whatever_way_events_arrive(
    rule: Rule, size: int, seed: int
) -> None:
    random = Random(seed)
    events = crowd([rule], size, seed)
    if len({one.id for one in events}) < len(events):
        event("two contents under one id")
    prompt = Core(FIGURES, SHOP, [rule], REGISTRY)
    expected = stands(prompt.step([*events, END]))
    log = arrived(events, random)
    late = Core(FIGURES, SHOP, [rule], REGISTRY)
    whole = late.step(log)
    assert stands(whole) == expected
    cut = random.randrange(len(log))
    first = Core(FIGURES, SHOP, [rule], REGISTRY)
    before = first.step(log[:cut])
    second = Core(FIGURES, SHOP, [rule], REGISTRY, first.snapshot())
    assert [*before, *second.step(log[cut:])] == whole
    assert second.snapshot() == late.snapshot()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "law",
    [
        test_a_random_rule_is_judged_as_the_language_is_worded,
        test_a_random_rule_comes_to_the_same_in_whatever_way_events_arrive,
    ],
)
def test_many_more_random_rules_hold_to_the_law(law: Any) -> None:
    more: Any = settings(tries, max_examples=10_000)
    more(given(rules(), sizes, seeds)(law.hypothesis.inner_test))()
