"""Compiled judgement against a plain reading of the rule language, and incidents against a sieve.

The reference knows no indexes, no watermark and no code generation: for each anchor it looks at
every event there ever was, clause by clause, as RULES.md words it. Conditions over one event and
over bindings are taken from the expression compiler, which has a reference of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any, cast

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.detect.core import Core, Settings
from aislewatch.detect.order import order_key
from aislewatch.detect.signals import signal_id
from aislewatch.detect.snapshot import decode_state
from aislewatch.events.codec import content_hash
from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.load import load_rules
from aislewatch.rules.rule import (
    Aggregate,
    Check,
    Clause,
    Evidence,
    Join,
    Let,
    NotSeen,
    Rule,
    Seen,
    Side,
    SomeOf,
    Unmatched,
)
from aislewatch.rules.tree import FIRST
from aislewatch.rules.windows import Bound, Window
from aislewatch.testing.running import standing
from aislewatch.testing.streams import KINDS, SHOP, START_US, STEP_US, Pick, stream_of, tick_at

REGISTRY = Registry()
FOLDER = Path(__file__).parent / "detect_rules"
RULES = load_rules({path.name: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}, REGISTRY)
BLIND = {"starting", "offline", "failed", "stopped"}
REACHES_FOLLOWED = 32
"""How many reaches back a pairing looks for a pause to begin at."""
SAME_ITEM_US = 600_000_000
"""For how long a tag that is heard again is the same item."""

UNDECIDED = "undecided"
Truth = bool | str | None
"""True, False, None for unknown, or undecided: an absence that cannot be told."""


@dataclass
class Found:
    """What a judgement came to."""

    truth: Truth
    bindings: dict[str, Any] = field(default_factory=dict[str, Any])
    points: int = 0


@dataclass
class Reference:
    """Judges one rule by the letter."""

    rule: Rule
    log: Sequence[Event]

    def judge(self, anchor: Event) -> Found:
        self.anchor = anchor
        self.bound: dict[str, Any] = {self.rule.anchor.name: anchor}
        self.points = 0
        truths = [self.requirement(requirement.type) for requirement in self.rule.requires]
        truths += [self.clause(clause) for clause in self.rule.clauses]
        for excuse in self.rule.excepts:
            if excuse.where.compile_bound()(self.bound) is True:
                truths.append(False)
        truth: Truth = True
        for worst in (False, None, UNDECIDED):
            if worst in truths:
                truth = worst
                break
        return Found(truth, self.bound, self.points)

    def requirement(self, type_: str) -> Truth:
        reach, at = self.rule.reach, self.anchor.time
        return self.healthy([type_], None, at + reach.earliest_us, at + reach.latest_us)

    def healthy(self, types: Iterable[str], lane: Any, start: int, end: int) -> Truth:
        for device in SHOP.devices.values():
            if not device.sees & set(types) or (lane and device.lane and device.lane != lane):
                continue
            told = [e for e in self.log if isinstance(e, DeviceState) and e.device == device.id]
            for state, after in zip(told, [*told[1:], None], strict=False):
                until = after.time if after is not None else end + 1
                if state.state in BLIND and state.time <= end and until > start:
                    return UNDECIDED
        return True

    def clause(self, clause: Clause) -> Truth:
        truth: Truth
        if isinstance(clause, Seen):
            truth = self.seen(clause)
        elif isinstance(clause, NotSeen):
            truth = self.not_seen(clause)
        elif isinstance(clause, Aggregate):
            truth = self.aggregate(clause)
        elif isinstance(clause, Check):
            truth = clause.expr.compile_bound()(self.bound)
        elif isinstance(clause, Let):
            self.bound[clause.name] = clause.expr.compile_bound()(self.bound)
            truth = True
        elif isinstance(clause, Unmatched):
            truth = self.unmatched(clause)
        else:
            assert isinstance(clause, SomeOf)
            truths = [self.clause(inner) for inner in clause.clauses]
            if sum(one is True for one in truths) >= clause.at_least:
                truth = True
            elif sum(one is not False for one in truths) < clause.at_least:
                truth = False
            else:
                truth = UNDECIDED if UNDECIDED in truths else None
        if truth is True:
            self.points += clause.points or 0
        return truth

    # Evidence

    def span(self, window: Window) -> tuple[int, int] | None:
        ends = [self.bound[window.start.ref], self.bound[window.end.ref]]
        if None in ends:
            return None
        return ends[0].time + window.start.offset_us, ends[1].time + window.end.offset_us

    def key(self, same: Sequence[Join]) -> list[Any] | None:
        values = [join.expr.compile_bound()(self.bound) for join in same]
        return None if None in values else values

    def inside(self, event: Event, window: Window) -> bool:
        span = self.span(window)
        assert span is not None
        if not span[0] <= event.time <= span[1]:
            return False
        own = type_of(type(event)) in self.rule.anchor.types

        def split(bound: Bound, sign: int) -> bool:
            ref: Event = self.bound[bound.ref]
            if not own or bound.offset_us or event.time != ref.time:
                return True
            if type_of(type(ref)) not in self.rule.anchor.types:
                return True
            if event is ref:
                return event is self.anchor
            return (order_key(event) > order_key(ref)) is (sign > 0)

        return split(window.start, 1) and split(window.end, -1)

    def candidates(self, clause: Evidence) -> list[Event] | None:
        """Give what lies in the window and joins, whatever its ``where``; None without a key."""
        key = self.key(clause.same)
        if key is None or self.span(clause.window) is None:
            return None
        return [
            event
            for event in self.log
            if type_of(type(event)) in clause.types
            and [getattr(event, join.attr) for join in clause.same] == key
            and self.inside(event, clause.window)
        ]

    def met(self, clause: Evidence, events: Iterable[Event], *truths: Truth) -> list[Event]:
        if clause.where is None:
            return list(events) if True in truths else []
        return [event for event in events if clause.where.compile_where()(event) in truths]

    def seen(self, clause: Seen) -> Truth:
        there = [e for e in self.candidates(clause) or [] if e is not self.anchor]
        there = self.met(clause, there, True)
        before = [e for e in there if order_key(e) < order_key(self.anchor)]
        after = [e for e in there if order_key(e) > order_key(self.anchor)]
        picked: Event | None
        if clause.pick == "nearest":
            near = [*before[-1:], *after[:1]]
            picked = min(near, key=lambda e: abs(e.time - self.anchor.time), default=None)
        else:
            ends = there[:1] if clause.pick == "first" else there[-1:]
            picked = next(iter(ends), None)
        if clause.name is not None:
            self.bound[clause.name] = picked
        return picked is not None or clause.optional

    def not_seen(self, clause: NotSeen) -> Truth:
        there = self.candidates(clause)
        if there is None:
            return UNDECIDED
        there = [event for event in there if event is not self.anchor]
        if self.met(clause, there, True):
            return False
        if self.met(clause, there, None):
            return UNDECIDED
        span = self.span(clause.window)
        assert span is not None
        return self.healthy(clause.types, self.lane(clause.same), *span)

    def lane(self, same: Sequence[Join]) -> Any:
        lanes = [join.expr.compile_bound()(self.bound) for join in same if join.attr == "lane"]
        return lanes[0] if lanes else None

    def aggregate(self, clause: Aggregate) -> Truth:
        there = self.candidates(clause)
        figure: Any = None
        if there is not None:
            there = self.met(clause, there, True)
            values = [getattr(event, clause.attr) for event in there] if clause.attr else []
            if clause.op == "count":
                figure = len(there)
            elif clause.op == "distinct":
                figure = len({value for value in values if value is not None})
            elif None in values:
                figure = None
            elif clause.op == "sum":
                figure = sum(values)
            elif values:
                compute: dict[str, Any] = {"max": max, "min": min, "avg": fmean}
                figure = compute[clause.op](values)
        self.bound[clause.name] = figure
        return True if clause.holds is None else clause.holds.compile_bound()(self.bound)

    # Pairing

    def unmatched(self, clause: Unmatched) -> Truth:
        self.leave_over([], [])
        self.bound["partner"] = None
        span = self.span(clause.window)
        if span is None:
            return None
        start, end = span
        sides = (clause.left, clause.right)
        keys = [self.key(same) for same in clause.same]
        if None in keys:
            return None
        reach = None
        since = start
        if clause.anchor_side is not None:
            reach = max(self.anchor.time - start, end - self.anchor.time)
            since = self.pause_before(start, reach, clause, keys)
        items = [
            (event, side)
            for side in (0, 1)
            for event in self.items(sides[side], clause.same[side], keys[side], since, end)
        ]
        items.sort(key=lambda item: order_key(item[0]))
        free = self.left_free(items, clause, reach)
        over: list[list[Event]] = [[], []]
        for event, side in items:
            if free[id(event)] and event.time >= start:
                over[side].append(event)
        self.leave_over(over[0], over[1])
        if clause.anchor_side is not None:
            mine, others = over if clause.anchor_side == "left" else over[::-1]
            ranks = [rank for rank, event in enumerate(mine) if event is self.anchor]
            if not ranks:
                return False
            self.bound["partner"] = others[ranks[0]] if ranks[0] < len(others) else None
        opposite = clause.left if clause.anchor_side == "right" else clause.right
        return self.healthy(opposite.types, self.lane(clause.same[0]), start, end)

    def pause_before(self, start: int, reach: int, clause: Unmatched, keys: Sequence[Any]) -> int:
        """Give when what happens at the window's start began: after a pause of a whole reach."""
        moments = [
            event.time
            for side in (0, 1)
            for event in self.log
            if self.is_item(event, (clause.left, clause.right)[side], clause.same[side], keys[side])
            and start - REACHES_FOLLOWED * reach <= event.time <= start
        ]
        since = start
        for moment in sorted(moments, reverse=True):
            if since - moment > reach:
                break
            since = moment
        return since

    def left_free(
        self, items: Sequence[tuple[Event, int]], clause: Unmatched, reach: int | None
    ) -> dict[int, int]:
        """Pair greedily in order, each with the oldest that is free; give the units left."""

        def by(event: Event, side: int) -> list[Any]:
            return [getattr(event, pair[side]) for pair in clause.by]

        free = {id(event): units(event) for event, _ in items}
        for place, (event, side) in enumerate(items):
            if None in by(event, side):
                continue
            for other, other_side in items[:place]:
                near = reach is None or event.time - other.time <= reach
                if near and other_side != side and by(other, other_side) == by(event, side):
                    paired = min(free[id(event)], free[id(other)])
                    free[id(event)] -= paired
                    free[id(other)] -= paired
        return free

    def leave_over(self, left: list[Event], right: list[Event]) -> None:
        self.bound |= {"left": left, "right": right}
        for side, events in (("left", left), ("right", right)):
            self.bound[FIRST + side] = next(iter(events), None)

    def items(
        self, side: Side, same: Sequence[Join], key: Any, since: int, end: int
    ) -> Iterable[Event]:
        tags: set[str | None] = set()
        for event in self.log:
            heard = since - SAME_ITEM_US <= event.time <= end
            if heard and self.is_item(event, side, same, key):
                epc = getattr(event, "epc", None)
                if event.time >= since and (epc is None or epc not in tags):
                    yield event
                tags.add(epc)

    def is_item(self, event: Event, side: Side, same: Sequence[Join], key: Any) -> bool:
        return (
            type_of(type(event)) in side.types
            and [getattr(event, join.attr) for join in same] == key
            and (side.where is None or side.where.compile_where()(event) is True)
        )


def units(event: Event) -> int:
    told = getattr(event, "units", None)
    return 1 if told is None else int(told)


def named(value: Any) -> Any:
    if isinstance(value, Event):
        return value.id
    if isinstance(value, list):
        return [event.id for event in cast("list[Event]", value)]
    return float(value) if isinstance(value, Fraction) else value


def expected_signals(rule: Rule, log: Sequence[Event]) -> tuple[dict[str, Any], set[str]]:
    """Give what stands (id: bindings, about, points, time) and what is undecided."""
    held: list[tuple[int, str, str, Any]] = []
    unsure: set[str] = set()
    wait = max(0, rule.reach.latest_us)
    for anchor in log:
        where = rule.anchor.where
        if type_of(type(anchor)) not in rule.anchor.types:
            continue
        if where is not None and where.compile_where()(anchor) is not True:
            continue
        found = Reference(rule, log).judge(anchor)
        ident = f"{rule.id}/{anchor.id}"
        if found.truth == UNDECIDED:
            unsure.add(ident)
        if found.truth is not True:
            continue
        about = {
            name: expr.compile_bound()(found.bindings) for name, expr in rule.incident.about.items()
        }
        said = {
            "bindings": {
                name: named(value)
                for name, value in found.bindings.items()
                if not name.startswith(FIRST)
            },
            "about": {name: value for name, value in about.items() if value is not None},
            "points_cb": 10 * (rule.incident.points + found.points),
        }
        held.append((anchor.time + wait, signal_id(rule.id, anchor), ident, said))
    standing_now: dict[str, Any] = {}
    loud: dict[Any, int] = {}
    for time, _, ident, said in sorted(held, key=lambda one: one[:2]):
        quiet = rule.incident.quiet
        entity = said["about"].get(quiet.entity) if quiet is not None else None
        if quiet is not None and entity is not None:
            if entity in loud and time - loud[entity] <= quiet.us:
                continue
            loud[entity] = time
        standing_now[ident] = {**said, "decided_us": time}
    return standing_now, unsure


def log_of(events: Sequence[Event]) -> list[Event]:
    """Give what counts of a stream, in the total order: of one id, the lowest hash."""
    chosen: dict[str, Event] = {}
    for event in sorted(map(SHOP.enrich, events), key=content_hash):
        chosen.setdefault(event.id, event)
    return sorted(chosen.values(), key=order_key)


# Incidents --------------------------------------------------------------------------------------

STRONG = {"person", "epc", "receipt", "basket", "customer"}
MERGE_US = 1_800_000_000


_BY_ID = {rule.id: rule for rule in RULES}


def belong(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    apart = abs(one["decided_us"] - other["decided_us"])
    groups = [_BY_ID[signal["rule"]].incident.group for signal in (one, other)]
    if one["type"] == other["type"] == "theft.exit" and None not in groups:
        # Of the rules here, one has a group: of all its signals in the shop.
        group = groups[0]
        assert group is not None
        if apart <= group.gap_us:
            return True
    if apart > MERGE_US:
        return False
    kinds = {kind for kind, value in one["about"] if [kind, value] in other["about"]}
    if STRONG & kinds:
        return True
    both = {kind for kind, _ in one["about"]} & {kind for kind, _ in other["about"]}
    return len(kinds) >= 2 and not STRONG & both


def components(signals: Mapping[str, Mapping[str, Any]]) -> set[frozenset[str]]:
    """Give the connected components of belonging together, by painting neighbours."""
    colour = {ident: ident for ident in signals}
    for _ in signals:
        for one in signals:
            for other in signals:
                if belong(signals[one], signals[other]):
                    colour[one] = colour[other] = min(colour[one], colour[other])
    return {frozenset(i for i in signals if colour[i] == c) for c in colour.values()}


def score_of(signals: Sequence[Mapping[str, Any]], prior_cb: int) -> int:
    """Add up, with a hundred digits, as of the latest signal."""
    now = max(signal["decided_us"] for signal in signals)
    by_rule: dict[str, int] = {}
    repeats: dict[str, int] = {}
    for signal in sorted(signals, key=lambda s: (s["decided_us"], s["signal"])):
        rule = signal["rule"]
        points = int(Fraction(signal["points_cb"], 2 ** repeats.get(rule, 0)))
        repeats[rule] = repeats.get(rule, 0) + 1
        if signal["half_life_us"] is not None:
            with localcontext() as context:
                context.prec = 100
                halvings = Decimal(now - signal["decided_us"]) / Decimal(signal["half_life_us"])
                points = round(Decimal(points) * Decimal(2) ** -halvings)
        by_rule[rule] = by_rule.get(rule, 0) + points
    total = prior_cb
    families: dict[str, list[int]] = {}
    for rule, points in by_rule.items():
        family = _BY_ID[rule].incident.family
        if family is None:
            total += points
        else:
            families.setdefault(family, []).append(points)
    return total + sum(max(sorted(one), key=lambda p: (abs(p), p)) for one in families.values())


# What the core says -----------------------------------------------------------------------------

FIGURES = Settings(store="1", lateness_us=0, priors_cb={"theft": -250, "theft.exit": -150})
END = tick_at(START_US + 400 * STEP_US, final=True)


def check_judgement(rule: Rule, events: Sequence[Event]) -> None:
    core = Core(FIGURES, SHOP, [rule], REGISTRY)
    stands = standing(core.step([*events, END]))
    expected, unsure = expected_signals(rule, log_of(events))
    said = {
        f"{signal['rule']}/{signal['anchor']}": {
            "bindings": dict(signal["bindings"]),
            "about": dict(signal["about"]),
            "points_cb": signal["points_cb"],
            "decided_us": signal["decided_us"],
        }
        for signal in stands.values()
    }
    assert said == expected
    undecided = decode_state(core.snapshot(), REGISTRY).undecided
    assert {ident.partition("@")[0] for ident in undecided} == unsure


def check_incidents(rules: Sequence[Rule], events: Sequence[Event]) -> None:
    core = Core(FIGURES, SHOP, rules, REGISTRY)
    records = core.step([*events, END])
    stands = standing(records)
    state = decode_state(core.snapshot(), REGISTRY).incidents
    parts = {frozenset(s.id for s in one.signals): one.id for one in state.open.values()}
    assert set(parts) == components(stands)
    for part, ident in parts.items():
        last = _last_of(records, ident)
        assert last["score_cb"] == score_of([stands[one] for one in part], last["prior_cb"])
        prior = -300 if last["type"].startswith("fraud") else -250
        assert last["prior_cb"] == (-150 if last["type"] == "theft.exit" else prior)


def _last_of(records: Sequence[Record], incident: str) -> Mapping[str, Any]:
    told = [
        msgspec.json.decode(record.payload)
        for record in records
        if record.stream == f"incident/{incident}"
        and record.type in {"incident.opened", "incident.rescored"}
    ]
    last: Mapping[str, Any] = told[-1]
    return last


def types_named(rule: Rule) -> set[str]:
    found = set(rule.anchor.types) | {"device.state"}
    clauses = list(rule.clauses)
    for clause in clauses:
        if isinstance(clause, SomeOf):
            clauses += clause.clauses
        elif isinstance(clause, Unmatched):
            found |= {*clause.left.types, *clause.right.types}
        elif isinstance(clause, Evidence):
            found |= set(clause.types)
    return found


def crowd(rules: Sequence[Rule], size: int, seed: int) -> list[Event]:
    """Make a stream full of ties of what concerns some rules."""
    random = Random(seed)
    named_types = set[str]().union(*map(types_named, rules))
    zero = [stream_of([Pick(kind, 0, 0, 0, 0)])[0] for kind in range(KINDS)]
    kinds = [kind for kind in range(KINDS) if type_of(type(zero[kind])) in named_types]
    # Devices fail less often than things happen.
    kinds += [kind for kind in kinds if not isinstance(zero[kind], DeviceState)] * 4
    picks = [
        Pick(
            random.choice(kinds),
            random.randrange(random.choice([12, 30])),
            random.randrange(2),
            random.randrange(3),
            random.randrange(2),
        )
        for _ in range(size)
    ]
    doubles = [(random.randrange(size), random.randrange(size))] if random.random() < 0.2 else []
    return stream_of(picks, doubles)


seeds = st.integers(0, 1 << 40)
sizes = st.sampled_from([3, 8, 14, 25, 40])
tries = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@tries
@given(sizes, seeds)
def test_a_compiled_rule_judges_as_the_language_is_worded(rule: Rule, size: int, seed: int) -> None:
    check_judgement(rule, crowd([rule], size, seed))


few = st.sets(st.sampled_from(sorted(_BY_ID)), min_size=2, max_size=4)


@tries
@given(few, sizes, seeds)
def test_incidents_are_what_hangs_together_and_scores_what_their_signals_add_up_to(
    names: set[str], size: int, seed: int
) -> None:
    rules = [_BY_ID[name] for name in sorted(names)]
    check_incidents(rules, crowd(rules, size, seed))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(_BY_ID))
@settings(tries, max_examples=5000)
@given(sizes, seeds)
def test_a_compiled_rule_judges_many_more_streams_as_the_language_is_worded(
    name: str, size: int, seed: int
) -> None:
    rule = _BY_ID[name]
    check_judgement(rule, crowd([rule], size, seed))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(tries, max_examples=5000)
@given(few, sizes, seeds)
def test_incidents_of_many_more_streams_are_what_hangs_together(
    names: set[str], size: int, seed: int
) -> None:
    rules = [_BY_ID[name] for name in sorted(names)]
    check_incidents(rules, crowd(rules, size, seed))
