"""A plain reading of the rule language: every anchor beside every event there ever was.

The reference knows no indexes, no watermark and no code generation: it goes through a rule clause
by clause, as the language is worded. Conditions over one event and over bindings are taken from the
expression compiler, which has references of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from math import sqrt
from statistics import fmean, median
from typing import Any

from aislewatch.detect.order import order_key
from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.registry import type_of
from aislewatch.rules.rule import (
    Aggregate,
    Check,
    Clause,
    Evidence,
    Join,
    Let,
    NotSeen,
    Requirement,
    Rule,
    Seen,
    Side,
    SomeOf,
    StatsOf,
    Unmatched,
)
from aislewatch.rules.tree import FIRST
from aislewatch.rules.windows import Bound, Window
from aislewatch.testing.streams import SHOP

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
class Maybe:
    """A signal that there would be if an undecided judgement held.

    Attributes:
        event: the signal, with what the anchor alone tells of it.
        open: fields that may be anything.
    """

    event: Event
    open: frozenset[str]


@dataclass
class Reference:
    """Judges one rule by the letter.

    Attributes:
        rule: whose.
        log: all that happened.
        maybe: what of the rules below may have held.
    """

    rule: Rule
    log: Sequence[Event]
    maybe: Sequence[Maybe] = ()

    def judge(self, anchor: Event) -> Found:
        self.anchor = anchor
        self.bound: dict[str, Any] = {self.rule.anchor.name: anchor}
        self.types = {self.rule.anchor.name: self.rule.anchor.types}
        self.points = 0
        truths = [self.requirement(requirement) for requirement in self.rule.requires]
        for clause in self.rule.clauses:
            truths.append(self.clause(clause))
            if truths[-1] in (False, None):
                # What the clauses behind name may not be there.
                return Found(truths[-1])
        day = datetime.fromtimestamp(anchor.time // 1_000_000, UTC).date()
        truths += [
            False
            for excuse in self.rule.excepts
            if day <= excuse.until and excuse.where.compile_bound()(self.bound) is True
        ]
        truth: Truth = True
        for worst in (False, None, UNDECIDED):
            if worst in truths:
                truth = worst
                break
        return Found(truth, self.bound, self.points)

    def requirement(self, needed: Requirement) -> Truth:
        reach, at = self.rule.reach, self.anchor.time
        span = at + reach.earliest_us, at + reach.latest_us
        return self.healthy([needed.type], *self.place(needed), *span)

    def place(self, needed: Requirement) -> tuple[Any, Any]:
        """Give the lane and the zone that a requirement speaks of, as far as they are known."""
        at = needed.on.expr.compile_bound()(self.bound) if needed.on is not None else None
        return (at, None) if needed.on is not None and needed.on.attr == "lane" else (None, at)

    def absent(self, types: Iterable[str], lane: Any, start: int, end: int) -> Truth:
        for type_ in types:
            said = [one for one in self.rule.requires if one.type == type_]
            places: list[tuple[Any, Any]] = [(None, None)]
            if said and all(one.on is not None for one in said):
                places = [self.place(one) for one in said]
            for its_lane, zone in places:
                if self.healthy([type_], lane or its_lane, zone, start, end) is UNDECIDED:
                    return UNDECIDED
        return True

    def healthy(self, types: Iterable[str], lane: Any, zone: Any, start: int, end: int) -> Truth:
        for device in SHOP.devices.values():
            if not device.sees & set(types) or (lane and device.lane and device.lane != lane):
                continue
            if zone and device.zone and device.zone != zone:
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
        elif isinstance(clause, StatsOf):
            self.stats_of(clause)
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

        def split(bound: Bound, sign: int) -> bool:
            """Split what is of the type of the event that a bound is measured from."""
            ref: Event = self.bound[bound.ref]
            of_its_type = type_of(type(event)) in self.types[bound.ref]
            if not of_its_type or bound.offset_us or event.time != ref.time:
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
            self.types[clause.name] = clause.types
        return picked is not None or clause.optional

    def not_seen(self, clause: NotSeen) -> Truth:
        there = self.candidates(clause)
        if there is None:
            return UNDECIDED
        there = [event for event in there if event is not self.anchor]
        if self.met(clause, there, True):
            return False
        if self.met(clause, there, None) or any(self.may_count(clause, one) for one in self.maybe):
            return UNDECIDED
        span = self.span(clause.window)
        assert span is not None
        return self.absent(clause.types, self.lane(clause.same), *span)

    def may_count(self, clause: NotSeen, maybe: Maybe) -> bool:
        event = maybe.event
        key = self.key(clause.same)
        assert key is not None
        return (
            type_of(type(event)) in clause.types
            and self.inside(event, clause.window)
            and all(
                join.attr in maybe.open or getattr(event, join.attr) == value
                for join, value in zip(clause.same, key, strict=True)
            )
            and (clause.where is None or clause.where.compile_where()(event) is not False)
        )

    def lane(self, same: Sequence[Join]) -> Any:
        lanes = [join.expr.compile_bound()(self.bound) for join in same if join.attr == "lane"]
        return lanes[0] if lanes else None

    def aggregate(self, clause: Aggregate) -> Truth:
        self.bound[clause.name] = self.figure(clause)
        return True if clause.holds is None else clause.holds.compile_bound()(self.bound)

    def figure(self, clause: Aggregate) -> Any:
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
        return figure

    def stats_of(self, clause: StatsOf) -> None:
        own = [join.expr.compile_bound()(self.bound) for join in clause.others]
        there = self.candidates(clause)
        figures: list[Any] | None = None
        if there is not None and None not in own:
            figures = [
                self.figure_of(peer, clause)
                for peer in self.met(clause, there, True)
                if peer is not self.anchor and self.differs(peer, clause.others, own)
            ]
        told = dict.fromkeys(["n", "mean", "stdev", "median", "mad"])
        if figures is not None:
            told |= statistics(figures)
        self.bound |= {f"{clause.name}.{name}": value for name, value in told.items()}
        self.bound[f"{clause.name}.{clause.figure}"] = figures

    def differs(self, peer: Event, others: Sequence[Join], own: Sequence[Any]) -> bool:
        theirs = [getattr(peer, join.attr) for join in others]
        return all(it not in (None, mine) for it, mine in zip(theirs, own, strict=True))

    def figure_of(self, peer: Event, clause: StatsOf) -> Any:
        """Make the figure as it would be made if the peer were judged."""
        its = Reference(self.rule, self.log)
        its.anchor = peer
        its.bound = {self.rule.anchor.name: peer}
        its.types = {self.rule.anchor.name: self.rule.anchor.types}
        for made_by in clause.made_by:
            if isinstance(made_by, Aggregate):
                its.bound[made_by.name] = its.figure(made_by)
            else:
                assert isinstance(made_by, Let)
                its.bound[made_by.name] = made_by.expr.compile_bound()(its.bound)
        return its.bound[clause.figure]

    # Pairing

    def unmatched(self, clause: Unmatched) -> Truth:
        self.leave_over([], [])
        opposite = clause.left if clause.anchor_side == "right" else clause.right
        self.bound["partner"] = None
        self.types["partner"] = opposite.types
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
        return self.absent(opposite.types, self.lane(clause.same[0]), start, end)

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


def statistics(figures: Sequence[Any]) -> dict[str, Any]:
    """Give the textbook's statistics of the figures that are known."""
    known = [Fraction(figure) for figure in figures if figure is not None]
    if not known:
        return {"n": 0}
    mean, middle = sum(known) / len(known), median(known)
    told: dict[str, Any] = {
        "n": len(known),
        "mean": mean,
        "median": middle,
        "mad": median([abs(figure - middle) for figure in known]),
    }
    if any(isinstance(figure, float) for figure in figures):
        told |= {name: float(told[name]) for name in ("mean", "median", "mad")}
    if len(known) > 1:
        told["stdev"] = sqrt(sum((figure - mean) ** 2 for figure in known) / (len(known) - 1))
    return told


def units(event: Event) -> int:
    told = getattr(event, "units", None)
    return 1 if told is None else int(told)
