"""Random rules, of every clause and every window, judged as a plain reading of the language judges.

Then any of them on streams that arrive out of order and late, twice, and cut in two by a restart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from aislewatch.rules.load import load_rule, load_rules
from aislewatch.rules.rule import (
    Aggregate,
    Clause,
    Evidence,
    Let,
    Rule,
    Seen,
    SomeOf,
    StatsOf,
    Unmatched,
)
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


SIGNAL_WHERES = ("points >= 3", "not (points < 4)", "device in ['till-1', 'gate-1']")

Heard = Mapping[str, Sequence[str]]
"""Types of signals that a rule may look for, with the fields that it may join on."""


class Writer:
    """Writes one random rule; remembers what its clauses have bound."""

    def __init__(self, draw: st.DrawFn, anchor: Sequence[str], heard: Heard) -> None:
        self.draw = draw
        self.anchor = anchor
        self.heard = sorted(heard)
        self.keys: dict[str, Sequence[str]] = {**KEYS, **heard}
        self.wheres = {**WHERES, **dict.fromkeys(heard, SIGNAL_WHERES)}
        self.events: dict[str, str] = {"that": anchor[0]}
        self.figures: list[str] = []
        self.own: list[str] = []
        self.stats: list[str] = []
        self.paired = False
        self.made = 0

    def kind(self, kinds: Sequence[str]) -> str:
        """Choose what to look for: where there are signals, these more often than not."""
        return self.draw(st.sampled_from([*kinds, *self.heard * 4]))

    def window(self, *, own: bool = False) -> str:
        refs = st.sampled_from(["that"] if own else sorted(self.events))
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

    def same(self, kind: str, *, own: bool = False) -> str:
        """Join on a field of the anchor, or (but for ``own``) of any event that is bound."""
        keys = self.keys
        mine = [key for key in keys[kind] if all(key in keys[one] for one in self.anchor)]
        options = ["", *(f"same: [{key}]" for key in mine)]
        if len(mine) > 1:
            options.append(f"same: [{mine[0]}, {mine[1]}]")
        for name, bound in self.events.items():
            if not own and (name != "that" or len(self.anchor) == 1):
                shared = [key for key in keys[kind] if key in keys[bound]]
                options += [f"same: {{{key}: {name}.{key}}}" for key in shared]
        return self.draw(st.sampled_from(options))

    def where(self, kind: str, key: str = "where") -> str:
        condition = self.draw(st.sampled_from(["", *self.wheres[kind]]))
        return f'{key}: "{condition}"' if condition else ""

    def name(self) -> str:
        self.made += 1
        return f"b{self.made}"

    def clause(self, depth: int = 0) -> str:
        ways = [self.seen, self.seen, self.not_seen, self.figure, self.figure, self.check]
        if not self.paired and depth == 0:
            ways.append(self.unmatched)
        if self.own:
            ways += [self.stats_of, self.stats_of]
        if depth < 2:
            ways += [lambda: self.some_of(depth)]
        parts = [*self.draw(st.sampled_from(ways))(), self.draw(points)]
        return "{" + ", ".join(part for part in parts if part) + "}"

    def looks(self, kind: str, *, own: bool = False) -> list[str]:
        return [self.where(kind), self.same(kind, own=own), f"window: {self.window(own=own)}"]

    def seen(self) -> list[str]:
        kind = self.kind(sorted(KEYS))
        parts = [f"seen: {kind}", *self.looks(kind)]
        name = self.name()
        self.events[name] = kind
        pick = self.draw(st.sampled_from(["nearest", "first", "last"]))
        optional = "optional: true" if self.draw(st.booleans()) else ""
        return [*parts, f"as: {name}", f"pick: {pick}", optional]

    def not_seen(self) -> list[str]:
        kind = self.kind(sorted(KEYS))
        return [f"not_seen: {kind}", *self.looks(kind)]

    def figure(self, *, limited: bool = True) -> list[str]:
        op = self.draw(st.sampled_from(["count", "sum", "max", "min", "avg", "distinct"]))
        kind = self.kind(sorted(KEYS) if op in {"count", "distinct"} else COUNTED)
        added = ".points" if kind in self.heard else ".units"
        field = {"count": "", "distinct": f".{self.keys[kind][0]}"}.get(op, added)
        own = not limited or self.draw(st.booleans())
        parts = [f"{op}: {kind}{field}", *self.looks(kind, own=own)]
        if not limited:
            return parts
        name = self.name()
        limits = [
            f"{limit}: {self.draw(st.sampled_from(['0', '1', '2', '3', *self.figures]))}"
            for limit in self.draw(
                st.sets(
                    st.sampled_from(["at_least", "at_most", "more_than", "less_than", "exactly"]),
                    max_size=2,
                ).map(sorted)
            )
        ]
        self.figures.append(name)
        if own:
            self.own.append(name)
        return [*parts, f"as: {name}", *limits]

    def stats_of(self) -> list[str]:
        name = self.name()
        figure = self.draw(st.sampled_from(self.own))
        keys = [key for key in KEYS["rfid.read"] if all(key in self.keys[k] for k in self.anchor)]
        others = self.draw(st.sets(st.sampled_from([*keys, "device"]), max_size=2).map(sorted))
        parts = [
            f"stats_of: {figure}",
            self.same(self.anchor[0]) if len(self.anchor) == 1 else "",
            f"others: [{', '.join(others)}]",
            f"window: {self.window(own=True)}",
            f"as: {name}",
        ]
        self.stats.append(f"{figure} of {name}")
        self.figures += [f"{name}.n", f"{name}.mean", f"{name}.median"]
        return parts

    def check(self) -> list[str]:
        tests = [f"has({name})" for name in self.events]
        tests += [f"{name}.device != 'gate-1'" for name in self.events]
        tests += [f"that.time - {name}.time < 2s" for name in self.events]
        tests += [f"{figure} {op} 2" for figure in self.figures for op in ("<", ">=")]
        tests += [f"{one} <= {other} + 1" for one in self.figures for other in self.figures]
        for figure, name in (one.split(" of ") for one in self.stats):
            tests += [f"{figure} >= {name}.mean + {name}.stdev", f"{figure} > {name}.median"]
            tests += [f"{name}.mad <= 1", f"not has({name}.stdev)", f"{name}.n >= 2"] * 2
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
        known = self.keys
        keys = [key for key in ("lane", "epc", "sku") if all(key in known[k] for k in self.anchor)]
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


def written(
    draw: st.DrawFn, name: str, heard: Heard, about: dict[str, Sequence[str]], most: int
) -> str:
    """Write a random rule.

    Args:
        draw: chooses.
        name: its id.
        heard: the signals that it may look for.
        about: gets the rule's signals with their fields added to it.
        most: the most clauses.
    """
    anchors = st.sets(kinds, min_size=1, max_size=2).map(sorted)
    often = [["rfid.read"], ["pos.item"], *([one] for one in heard)]
    anchor = draw(st.one_of(anchors, st.sampled_from(often)))
    writer = Writer(draw, anchor, heard)
    where = f', where: "{draw(st.sampled_from(writer.wheres[anchor[0]]))}"'
    lines = [
        f"id: {name}",
        "title: Anything that can be written",
        f"status: {draw(st.sampled_from(['live', 'live', 'shadow']))}",
        f"when: {{event: [{', '.join(anchor)}], as: that"
        + (where if len(anchor) == 1 and draw(st.booleans()) else "")
        + "}",
    ]
    if draw(st.booleans()):
        figure = ", ".join(part for part in writer.figure(limited=False) if part)
        lines += ["let:", f"  known: {{{figure}}}"]
        names = ["known"]
        if draw(st.booleans()):
            lines.append("  twice: known * 2")
            names.append("twice")
        writer.figures += names
        writer.own += names
        if draw(st.booleans()):
            peers = ", ".join(part for part in writer.stats_of() if part)
            lines.append(f"  peers: {{{peers}}}")
    clauses = [writer.clause() for _ in range(draw(st.integers(0 if most < 4 else 1, most)))]
    if clauses:
        lines += ["match:", *(f"  - {clause}" for clause in clauses)]
    if draw(st.booleans()):
        excuse = writer.check()[0].removeprefix("check: ")
        day = draw(st.sampled_from(["2025-12-31", "2026-12-31"]))
        lines.append("except:")
        lines.append(f"  - {{name: agreed, where: {excuse}, reason: so, owner: jo, until: {day}}}")
    if draw(st.integers(0, 3)) == 0:
        lanes = [" on that.lane"] * 3 if all("lane" in writer.keys[one] for one in anchor) else []
        lines.append(f"requires: [{draw(kinds)}{draw(st.sampled_from(['', *lanes]))} healthy]")
    shared = [
        key for key in ("lane", "epc", "person") if all(key in writer.keys[k] for k in anchor)
    ]
    told = [
        "device",
        *draw(st.sets(st.sampled_from(shared)).map(sorted) if shared else st.just([])),
    ]
    about[f"signal.{name}"] = told[::-1]
    entities = ", ".join(f"{key}: that.{key}" for key in told)
    lines.append("incident:")
    lines.append(f"  {{type: test.random, about: {{{entities}}}, because: it, points: 2, family: f")
    if draw(st.booleans()):
        quiet = draw(st.sampled_from(["1s", "3s", "30s"]))
        lines[-1] += f", quiet: {quiet} per {draw(st.sampled_from(told))}"
    lines[-1] += "}"
    return "\n".join(lines)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    return load_rule(written(draw, "random", {}, {}, 4), "random.yml", REGISTRY)


@st.composite
def layers(draw: st.DrawFn) -> list[Rule]:
    """Make two or three rules of which each may judge signals of those before it."""
    about: dict[str, Sequence[str]] = {}
    texts: dict[str, str] = {}
    for name in ("low", "mid", "top")[-draw(st.integers(2, 3)) :]:
        texts[name] = written(draw, name, dict(about), about, 2)
    return load_rules(texts, REGISTRY)


def clauses_of(clauses: Sequence[Clause]) -> list[Clause]:
    nested = [one for one in clauses if isinstance(one, SomeOf)]
    return [*clauses, *(inner for one in nested for inner in clauses_of(one.clauses))]


def forms_of(rule: Rule) -> set[str]:
    """Name what a rule uses of the language."""
    found: set[str] = {"except"} if rule.excepts else set()
    found |= {"requires"} if rule.requires else set()
    found |= {"requires somewhere"} if any(one.on for one in rule.requires) else set()
    for clause in clauses_of(rule.clauses):
        found.add(type(clause).__name__)
        if isinstance(clause, Seen):
            found |= {clause.pick, "optional" if clause.optional else "needed"}
        if isinstance(clause, Aggregate):
            found.add(clause.op)
        if isinstance(clause, StatsOf):
            found.add("with others" if clause.others else "without others")
            found.add("peers alike" if clause.same else "any peers")
            if any(isinstance(made_by, Let) for made_by in clause.made_by):
                found.add("figure of figures")
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
    check_judgement([rule], crowd([rule], size, seed))


@tries
@given(layers(), sizes, seeds)
def test_random_rules_on_signals_are_judged_as_the_language_is_worded(
    rules: list[Rule], size: int, seed: int
) -> None:
    stands = check_judgement(rules, crowd(rules, size, seed))
    found = {ident.partition("/")[0] for ident in stands}
    for rule in rules:
        if rule.hears and rule.id in found:
            event(f"{rule.id} holds, which hears {', '.join(sorted(rule.hears))}")


def silences(draw: st.DrawFn) -> list[Rule]:
    """Make a rule that devices can leave undecided, and one that looks for its signals in vain."""
    below = draw(st.sampled_from(["pos.item", "vision.person"]))
    joined = draw(st.sampled_from(["", "same: [lane], "]))
    other = draw(st.sampled_from(["that.lane", "seen.lane"]))
    where = draw(st.sampled_from(["", *(f'where: "{one}", ' for one in SIGNAL_WHERES)]))
    key = draw(
        st.sampled_from(["", "same: [lane], ", "same: [device], ", "same: [lane, device], "])
    )
    span, reach = draw(spans), draw(spans)
    heard = draw(st.sampled_from(["pos.void", "pos.item", "signal.low"]))
    point = "1" if draw(st.booleans()) else "6"
    low = f"""\
id: low
title: Nothing is seen
status: live
when: {{event: pos.void, as: that}}
match:
  - {{seen: pos.refund, as: seen, window: 5s around that, optional: true}}
  - {{not_seen: {below}, {joined}window: {span} after that, points: {point}}}
incident: {{type: test.low, about: {{device: that.device, lane: {other}}}, because: it, points: 2}}
"""
    top = f"""\
id: top
title: Nothing is said
status: live
when: {{event: {heard}, as: that}}
match:
  - {{not_seen: signal.low, {where}{key}window: {reach} around that}}
incident: {{type: test.top, about: {{device: that.device}}, because: it, points: 2}}
"""
    return load_rules({"low": low, "top": top}, REGISTRY)


@tries
@given(st.composite(silences)(), sizes, seeds)
def test_an_absence_of_signals_is_open_where_a_judgement_below_it_is(
    rules: list[Rule], size: int, seed: int
) -> None:
    check_judgement(rules, crowd(rules, size, seed))
    check_arrival(rules, size, seed)


def test_random_rules_leave_out_nothing_of_the_language() -> None:
    found = set[str]()

    def gather(rule: Rule) -> None:
        found.update(forms_of(rule))

    always: Any = settings(tries, max_examples=2000, database=None, derandomize=True)
    always(given(rules())(gather))()
    forms = (
        "Seen NotSeen Aggregate Check Let Unmatched SomeOf except requires nearest first last "
        "optional needed count sum max min avg distinct StatsOf"
    )
    expected = {*forms.split(), "all of them", "some of them", "two refs", "one ref", "zero bound"}
    expected |= {"on evidence", "anchor left", "anchor right", "anchor None"}
    expected |= {"by nothing", "by something", "with others", "without others", "peers alike"}
    expected |= {"any peers", "figure of figures", "requires somewhere"}
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
            check_judgement([rule], crowd([rule], 12, seed))


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


def check_arrival(rules: Sequence[Rule], size: int, seed: int) -> None:
    random = Random(seed)
    events = crowd(rules, size, seed)
    if len({one.id for one in events}) < len(events):
        event("two contents under one id")
    prompt = Core(FIGURES, SHOP, rules, REGISTRY)
    expected = stands(prompt.step([*events, END]))
    log = arrived(events, random)
    late = Core(FIGURES, SHOP, rules, REGISTRY)
    whole = late.step(log)
    assert stands(whole) == expected
    cut = random.randrange(len(log))
    first = Core(FIGURES, SHOP, rules, REGISTRY)
    before = first.step(log[:cut])
    second = Core(FIGURES, SHOP, rules, REGISTRY, first.snapshot())
    assert [*before, *second.step(log[cut:])] == whole
    assert second.snapshot() == late.snapshot()


@tries
@given(rules(), sizes, seeds)
def test_a_random_rule_comes_to_the_same_in_whatever_way_events_arrive(
    rule: Rule, size: int, seed: int
) -> None:
    check_arrival([rule], size, seed)


@tries
@given(layers(), sizes, seeds)
def test_random_rules_on_signals_come_to_the_same_in_whatever_way_events_arrive(
    rules: list[Rule], size: int, seed: int
) -> None:
    check_arrival(rules, size, seed)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("law", "drawn"),
    [
        (test_a_random_rule_is_judged_as_the_language_is_worded, rules()),
        (test_a_random_rule_comes_to_the_same_in_whatever_way_events_arrive, rules()),
        (test_random_rules_on_signals_are_judged_as_the_language_is_worded, layers()),
        (test_random_rules_on_signals_come_to_the_same_in_whatever_way_events_arrive, layers()),
    ],
)
def test_many_more_random_rules_hold_to_the_law(law: Any, drawn: st.SearchStrategy[Any]) -> None:
    more: Any = settings(tries, max_examples=10_000)
    more(given(drawn, sizes, seeds)(law.hypothesis.inner_test))()
