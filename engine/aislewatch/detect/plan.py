"""The rules of a store, compiled: what each event is put into, and what it makes be judged.

For every type of event one Python function is generated that tests the rules' conditions and puts
the event into the indexes that ask for it; clauses that ask the same share an index, and an event
that no rule names costs one look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aislewatch.detect.doubts import Doubts
from aislewatch.detect.evidence import Index
from aislewatch.detect.forms import Forms
from aislewatch.detect.health import Health
from aislewatch.detect.idle import idle_among
from aislewatch.detect.intake import Hand, Task, compile_intake
from aislewatch.detect.judgement import Compiler, Holds, Judge, TracedJudge, Undecided, Verdict
from aislewatch.detect.judging import compile_judge, compile_traced_judge
from aislewatch.detect.kept import Kept
from aislewatch.detect.lists import NamedLists
from aislewatch.detect.order import order_key
from aislewatch.detect.saying import CENTIBANS, Speaker
from aislewatch.detect.signals import Signal
from aislewatch.detect.touching import Touch, touches_of
from aislewatch.events.kinds import DeviceState, Event, ListChanged
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry
from aislewatch.rules.compiling import compile_event_later
from aislewatch.rules.listed import lists_of, without_lists
from aislewatch.rules.rule import (
    Clause,
    NotSeen,
    Rule,
    Unmatched,
    flat,
)
from aislewatch.rules.signals import (
    fields_told,
    heard_by,
    signal_kind,
    strata_of,
    with_signals,
)

__all__ = ["HOUSEKEEPING_US", "Holds", "Plan", "RulePlan", "Undecided", "Verdict"]

HOUSEKEEPING_US = 300_000_000
"""How often, in event time, what can no longer matter is let go."""


@dataclass(eq=False, slots=True)
class RulePlan:
    """A rule, compiled.

    Attributes:
        number: its place among the rules of the plan.
        stratum: how many layers of rules are judged before it; see
            :func:`aislewatch.rules.signals.strata_of`.
        rule: the rule.
        wait_us: how long after its anchor it is judged: when its last window has closed.
        anchors: events that rules are judged for, for as long as they may be judged anew: this one
            and all others of the same kinds of anchor.
        matches: says of an event of the anchor's type that it is one; the judge asks lists.
        judge: judges an anchor.
        touches: how later arrivals bear on it.
        rests_on_absence: a device's health bears on it.
        indexes: what its clauses look into.
        lists: named lists that bear on it.
        speaker: makes its signals.
    """

    number: int
    stratum: int
    rule: Rule
    wait_us: int
    anchors: Index
    matches: Callable[[Any], bool]
    judge: Judge
    touches: tuple[Touch, ...]
    rests_on_absence: bool
    indexes: tuple[Index, ...]
    lists: frozenset[str]
    speaker: Speaker

    def knows(self, anchor: Event) -> bool:
        """Say whether an anchor, the very object, still is one that may be judged anew."""
        there = self.anchors.between((), anchor.time, anchor.time)
        return any(one is anchor for one in there)

    def signal(self, ident: str, anchor: Event, verdict: Holds) -> Signal:
        """Make the signal, under its id, of an anchor for which the rule holds."""
        return self.speaker.signal(ident, anchor, verdict, anchor.time + self.wait_us)


class Plan:
    """All rules of a store, compiled against its model.

    Attributes:
        rules: those that can judge here, in the order of their ids.
        idle: those that cannot, with the reason: no device of the store sees what they need.
        model: the store model.
        heard: rules of whose signals others speak, with what those are about.
        layered: some rules judge signals of others.
        kept: what is kept of the past.
        doubts: undecided judgements of rules whose signals others look for.
        intake: by class of event, puts an event in that comes in order. The caller turns what
            is kept to the event's time before.
        orderly: of one event, rules are due in the order of their numbers.
        span_us: how far back any judgement may look.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        registry: Registry,
        model: StoreModel,
        health: Health,
        *,
        horizon_us: int,
        take_anchor: Callable[[RulePlan, Event], None],
        due: list[tuple[RulePlan, Event]] | None = None,
        silent: Collection[str] = (),
        compiler: Compiler = compile_judge,
        lists: NamedLists | None = None,
        store: str = "",
        doubts: dict[str, Event] | None = None,
    ) -> None:
        self.model = model
        named = lists if lists is not None else NamedLists(model.lists)
        self._lists = named.asked(
            {*model.lists, *(name for rule in rules for name in lists_of(rule))}
        )
        self._compiler = compiler
        self._health = health
        self._horizon_us = horizon_us
        self._known_watchers: dict[tuple[str, str | None, str | None], list[str]] = {}
        self.span_us = 0
        self.rules: list[RulePlan] = []
        strata = strata_of(rules)
        assert len(strata) == len(rules), "rules that are judged by their own signals do not load"
        self.layered = any(strata.values())
        self.heard = heard_by(rules)
        self._registry = registry = with_signals(registry, self.heard)
        self._strata = strata
        remembered = doubts if doubts is not None else {}
        self.doubts = Doubts(rules, self.heard, self._lists, store, remembered)
        self.kept = Kept(Forms(rules), self.doubts, model.lists)
        self.idle = idle_among(rules, strata, model, silent)
        for rule in sorted(rules, key=lambda rule: rule.id):
            if rule.id not in self.idle:
                self.rules.append(self._compile(rule))
        self.kept.settle()
        self.orderly = True
        self.intake = self._compile_intake(take_anchor, due)
        self._type_of = {kind.struct: type_ for type_, kind in registry.kinds.items()}

    # Out of order --------------------------------------------------------------------------------

    def insert(self, event: Event) -> None:
        """Put an event in at its place in the total order, wherever that is."""
        self.kept.insert(event, self._type_of[type(event)])
        for anchors in {id(p.anchors): p.anchors for p in self.anchored_by(event)}.values():
            anchors.insert(event)

    def remove(self, event: Event) -> None:
        """Take an event back."""
        self.kept.remove(event, self._type_of[type(event)])
        for plan in self.anchored_by(event):
            plan.anchors.remove(event)

    def anchored_by(self, event: Event) -> Iterator[RulePlan]:
        """Give the rules that are judged for an event."""
        type_ = self._type_of[type(event)]
        for plan in self.rules:
            if type_ in plan.rule.anchor.types and plan.matches(event):
                yield plan

    def as_event(self, signal: Signal, store: str) -> Event | None:
        """Give a signal as the event that other rules judge; None where none does."""
        entities = self.heard.get(signal.rule)
        if entities is None:
            return None
        kind: Any = signal_kind(signal.rule, entities)  # Its fields are known only at run time.
        told = fields_told(entities)
        about = {name: value for name, value in signal.about if name in told}
        event: Event = kind(
            **about,
            id=signal.id,
            store=store,
            device=signal.device,
            time=signal.time,
            points=signal.points_cb // CENTIBANS,
            value_minor=signal.value_minor,
        )
        return event

    def touched_by(self, event: Event) -> list[tuple[RulePlan, Event]]:
        """Give the judgements that an event, come or gone, may bear on, in the order of judging."""
        type_ = self._type_of[type(event)]
        found: dict[tuple[int, int], tuple[RulePlan, Event]] = {}
        for plan in self.rules:
            for anchor in self._touched(plan, event, type_):
                found[plan.number, id(anchor)] = plan, anchor
        return sorted(found.values(), key=_when_judged)

    def doubted_by(self, event: Event) -> list[tuple[RulePlan, Event]]:
        """Give the judgements that what may be a signal may bear on, in the order of judging."""
        type_ = self._type_of[type(event)]
        found: dict[tuple[int, int], tuple[RulePlan, Event]] = {}
        for plan in self.rules:
            if not plan.rests_on_absence:
                continue
            for touch in plan.touches:
                if type_ in touch.types:
                    # Whether it joins may be open, and asking once more harms nobody.
                    start, end = event.time - touch.latest_us, event.time - touch.earliest_us
                    anchors = filter(plan.matches, plan.anchors.between((), start, end))
                    found |= {(plan.number, id(anchor)): (plan, anchor) for anchor in anchors}
        return sorted(found.values(), key=_when_judged)

    def traced(self, plan: RulePlan) -> TracedJudge:
        """Give the twin of a rule's judge that says which clause failed: slower, on request."""
        return compile_traced_judge(plan.rule, self.kept, self._blind, self._lists)

    # Building ------------------------------------------------------------------------------------

    def judge_by(self, plan: RulePlan, judge: Judge) -> None:
        """Have a rule judged in another way from here on."""
        plan.judge = judge

    def _compile(self, rule: Rule) -> RulePlan:
        wait_us = max(0, rule.reach.latest_us)
        # A judgement may be made anew for as long as a late event may come; it then looks as far
        # back as the first time.
        touches = tuple(touches_of(rule, self._lists))
        earliest_us = min([rule.reach.earliest_us, *(touch.earliest_us for touch in touches)])
        span_us = self._horizon_us + wait_us - min(0, earliest_us)
        self.span_us = max(self.span_us, span_us)
        self.kept.ask(span_us)
        anchor = rule.anchor
        where = without_lists(anchor.where)
        source = where.holds_source({"": "e"}) if where is not None else "True"
        return RulePlan(
            number=len(self.rules),
            stratum=self._strata[rule.id],
            rule=rule,
            wait_us=wait_us,
            # What was decided before house was kept is not judged anew, far as its windows reach.
            anchors=self.kept.anchors_of(
                rule.anchor.types, min(span_us, self._horizon_us + HOUSEKEEPING_US + wait_us)
            ),
            matches=compile_event_later(source, self.model.lists),
            judge=self._compiler(rule, self.kept, self._blind, self._lists),
            touches=touches,
            rests_on_absence=bool(rule.requires) or any(map(_absence, flat(rule.clauses))),
            indexes=tuple(self.kept.asked),
            lists=lists_of(rule),
            speaker=Speaker(rule, self.model, self._lists),
        )

    def _compile_intake(
        self,
        take_anchor: Callable[[RulePlan, Event], None],
        due: list[tuple[RulePlan, Event]] | None,
    ) -> dict[type[Event], Callable[[Any], None]]:
        intake: dict[type[Event], Callable[[Any], None]] = {}
        for type_, kind in self._registry.kinds.items():
            tasks: list[Task] = [put for put, _ in self.kept.puts_of(type_)]
            tasks += [
                Hand(
                    without_lists(plan.rule.anchor.where), plan.anchors, take_anchor, at_once, plan
                )
                for plan in self.rules
                for at_once in [due if plan.wait_us == 0 and not self.layered else None]
                if type_ in plan.rule.anchor.types
            ]
            made = compile_intake(tasks, self.model.lists)
            intake[kind.struct] = made.take
            self.orderly = self.orderly and made.orderly
        return intake

    @property
    def indexes(self) -> dict[str, Index]:
        """Everything that keeps events, by what it is asked."""
        return self.kept.indexes

    def _touched(self, plan: RulePlan, event: Event, type_: str) -> Iterator[Event]:
        if isinstance(event, DeviceState) and plan.rests_on_absence:
            reach = plan.rule.reach
            until = self._health.until(event)
            end = plan.anchors.turn_at if until is None else until - reach.earliest_us
            start = event.time - max(0, reach.latest_us)
            yield from filter(plan.matches, plan.anchors.between((), start, end))
        if isinstance(event, ListChanged) and event.list_name in plan.lists:
            latest = max([plan.wait_us, *(touch.latest_us for touch in plan.touches)])
            yield from plan.anchors.between((), event.time - latest, plan.anchors.turn_at)
        for touch in plan.touches:
            if type_ not in touch.types or touch.fails(event):
                continue
            key = touch.event_key(event)
            start, end = event.time - touch.latest_us, event.time - touch.earliest_us
            for anchor in plan.anchors.between((), start, end):
                if touch.anchor_key(anchor) == key and plan.matches(anchor):
                    yield anchor

    def _blind(
        self, types: Sequence[str], lane: object, start: int, end: int, zone: object = None
    ) -> str | None:
        if not self._health.state.states:
            return None  # Nobody ever said that they could not see.
        place = (lane if isinstance(lane, str) else None, zone if isinstance(zone, str) else None)
        for type_ in types:
            devices = self._watchers(type_, *place)
            if any(place):
                # What the store file does not name may still have told that it cannot see here.
                devices = [*devices, *self._health.strangers(self.model.devices, *place)]
            for device in devices:
                state = self._health.blind(device, start, end)
                if state is not None:
                    why = f" ({state.reason})" if state.reason else ""
                    return f"{device} was {state.state}{why} and would have seen {type_}"
        return None

    def _watchers(self, type_: str, lane: str | None, zone: str | None) -> list[str]:
        known = self._known_watchers.get((type_, lane, zone))
        if known is None:
            known = self.model.watchers(type_, lane, zone)
            self._known_watchers[type_, lane, zone] = known
        return known


def _when_judged(judged: tuple[RulePlan, Event]) -> tuple[Any, ...]:
    plan, anchor = judged
    return anchor.time + plan.wait_us, order_key(anchor), plan.number


def _absence(clause: Clause) -> bool:
    return isinstance(clause, NotSeen | Unmatched)
