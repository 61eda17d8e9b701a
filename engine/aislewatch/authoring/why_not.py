"""Why a rule said nothing of somebody at some time: its judgements near then, and what was none.

The events go through the same core that decides in a shop, with this one rule. What it said is set
beside an explanation of every judgement that concerns whoever is asked about. Where there was no
judgement, the events that nearly caused one are told, and where there was none of these either,
what else is known of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from msgspec import structs

from aislewatch.authoring.running import standing
from aislewatch.authoring.why_answer import Answer, Answered, Passed
from aislewatch.authoring.why_asked import Asked
from aislewatch.authoring.why_signals import Open, as_events, unheard
from aislewatch.authoring.why_stream import Told
from aislewatch.detect.bound import LABEL
from aislewatch.detect.core import Core
from aislewatch.detect.doubts import Doubts
from aislewatch.detect.explain import Explainer
from aislewatch.detect.explain_log import Log
from aislewatch.detect.explain_reach import reach_of_rule
from aislewatch.detect.explain_values import ClauseTold, Judgement
from aislewatch.detect.health import Health
from aislewatch.detect.plan import Plan
from aislewatch.detect.signals import signal_id
from aislewatch.events.codec import Codec, content_hash
from aislewatch.events.kinds import ClockTick, DeviceState, Event, ListChanged
from aislewatch.events.model import StoreModel
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.listed import lists_of
from aislewatch.rules.rule import Clause, Evidence, Rule, SomeOf, StatsOf, Unmatched
from aislewatch.rules.signals import heard_by, with_signals

_BATCH = 5_000
_NEAREST = 3
_MOST_JUDGED = 2_000
"""Anchors near the time that are judged where none of them is itself about whom is asked."""


def why_not(
    rule: Rule,
    asked: Asked,
    told: Told,
    lists: Mapping[str, frozenset[str]],
    on_progress: Callable[[int], None] | None = None,
    below: Sequence[Rule] = (),
) -> Answer:
    """Answer why a rule said nothing.

    Args:
        rule: a checked rule, whatever its status.
        asked: about whom, and when.
        told: the events.
        lists: the named lists that the rule looks into, where the shop is not known.
        on_progress: called now and then with how many events were read.
        below: the rules whose signals it looks for, and theirs: see :func:`.rules_below`.

    Raises:
        UsageError: the events cannot be read.
    """
    live = replace(rule, status="live")
    inquiry = _Inquiry(live, asked, told, told.model(dict(lists)), below)
    inquiry.read(on_progress)
    return inquiry.answer()


@dataclass
class _Shop:
    """One store's core, and what is remembered of its events.

    Attributes:
        core: judges by the one rule.
        open: what it left undecided.
        waiting: events that it has not been given yet.
        kept: those that may bear on the answer, by content.
        came: how often each of them came.
        records: all that the core said.
        done: nothing that comes bears on the answer any more.
    """

    core: Core
    open: Open
    waiting: list[Event] = field(default_factory=list[Event])
    kept: dict[bytes, Event] = field(default_factory=dict[bytes, Event])
    came: Counter[bytes] = field(default_factory=Counter[bytes])
    records: list[Record] = field(default_factory=list[Record])
    done: bool = False


class _Inquiry:
    def __init__(
        self, rule: Rule, asked: Asked, told: Told, model: StoreModel, below: Sequence[Rule]
    ) -> None:
        self._rule = rule
        self._below = below
        self._heard = heard_by([rule, *below])
        self._asked = asked
        self._told = told
        self._model = model
        self._registry: Registry = with_signals(told.registry, self._heard)
        before, after = reach_of_rule(rule)
        self._from = asked.at_us - asked.within_us - before
        self._until = asked.at_us + asked.within_us + after
        self._types = frozenset(types_of(rule))
        self._shops: dict[str, _Shop] = {}
        self._nearest: list[Event] = []
        self._span: tuple[int, int] | None = None
        self._events = 0

    # Reading -------------------------------------------------------------------------------------

    def read(self, on_progress: Callable[[int], None] | None) -> None:
        """Read until nothing that comes can bear on the answer any more."""
        for number, event in enumerate(self._told.read(), 1):
            shop = self._shop(event.store)
            if on_progress is not None and number % 1_000 == 0:
                on_progress(number)
            if shop.done:
                continue
            self._take(shop, event)
            if shop.done and all(one.done for one in self._shops.values()):
                break
        for shop in self._shops.values():
            _step(shop)

    def _shop(self, store: str) -> _Shop:
        shop = self._shops.get(store)
        if shop is None:
            settings = self._told.settings(store)
            open_ = Open()
            rules = [self._rule, *self._below]
            core = Core(settings, self._model, rules, self._registry, compiler=open_.compile)
            shop = self._shops[store] = _Shop(core, open_)
        return shop

    def _take(self, shop: _Shop, event: Event) -> None:
        shop.waiting.append(event)
        if len(shop.waiting) >= _BATCH:
            _step(shop)
        if isinstance(event, ClockTick):
            settings = shop.core.settings
            # A late event changes what was decided for as long as the horizon.
            if event.time > self._until + settings.lateness_us + settings.horizon_us:
                shop.done = True
            return
        self._events += 1
        start, end = self._span or (event.time, event.time)
        self._span = min(start, event.time), max(end, event.time)
        concerns = self._asked.concerns(event, self._registry)
        if concerns:
            self._near(event)
        inside = self._from <= event.time <= self._until
        wanted = type_of(type(event)) in self._types or concerns
        if isinstance(event, DeviceState | ListChanged) or (inside and wanted):
            enriched = self._model.enrich(event)
            content = content_hash(enriched)
            shop.kept.setdefault(content, enriched)
            shop.came[content] += 1

    def _near(self, event: Event) -> None:
        """Remember the events about whom is asked that are nearest to when is asked."""
        self._nearest.append(event)
        if len(self._nearest) > _BATCH:
            self._nearest = self._nearest_few()

    def _nearest_few(self) -> list[Event]:
        at = self._asked.at_us
        return sorted(self._nearest, key=lambda event: abs(event.time - at))[:_NEAREST]

    # Answering -----------------------------------------------------------------------------------

    def answer(self) -> Answer:
        """Judge what is near, and set it beside what the core said."""
        judged: list[Answered] = []
        passed: list[Passed] = []
        others: list[Event] = []
        for shop in self._shops.values():
            found = self._answer_for(shop)
            judged += found[0]
            passed += found[1]
            others += found[2]
        silent = not judged and not passed
        at = self._asked.at_us
        start, end = self._span or (None, None)
        return Answer(
            judged=sorted(judged, key=lambda one: one.judgement.anchor.time),
            passed=sorted(passed, key=lambda one: abs(one.event.time - at)),
            nearest=self._nearest_few() if silent else [],
            others=sorted(others, key=lambda e: abs(e.time - at))[:_NEAREST] if silent else [],
            idle=self._idle(),
            unheard=unheard(self._rule, self._below),
            events=self._events,
            refused=self._told.refused,
            from_us=start,
            to_us=end,
        )

    def _idle(self) -> str:
        plan = Plan(
            [self._rule],
            self._registry,
            self._model,
            Health(),
            horizon_us=0,
            take_anchor=lambda plan, anchor: None,
        )
        return plan.idle.get(self._rule.id, "")

    def _answer_for(self, shop: _Shop) -> tuple[list[Answered], list[Passed], list[Event]]:
        stands = standing(shop.records)
        signals = as_events(stands, self._heard, shop.core.settings.store)
        lost, refused = self._refused_by(shop)
        # What was taken once and told again when it was too old is refused, and counts.
        counting = [
            event
            for content, event in shop.kept.items()
            if content not in lost and refused[content] < shop.came[content]
        ]
        log = Log([*counting, *signals], self._model)
        lists = log.lists.asked({*self._model.lists, *lists_of(self._rule)})
        doubts = Doubts(self._below, self._heard, lists, shop.core.settings.store, {})
        log.doubts = shop.open.tell(doubts, lambda event: content_hash(event) not in lost)
        explainer = Explainer(self._rule, log, self._registry)
        asked = self._asked
        start, end = asked.at_us - asked.within_us, asked.at_us + asked.within_us
        events = log.between(self._rule.anchor.types, start, end)
        anchors = [event for event in events if explainer.is_anchor(event)]
        told = [explainer.judge(event) for event in anchors if self._is_about(explainer, event)]
        if not told:
            few = sorted(anchors, key=lambda event: abs(event.time - asked.at_us))[:_MOST_JUDGED]
            told = [one for one in map(explainer.judge, few) if self._came_to(one)]
        gone = _let_go(shop.records)
        judged = [self._fate(shop, one, stands, gone) for one in told]
        passed = [
            Passed(event, condition)
            for event in events
            if self._is_about(explainer, event)
            and (condition := explainer.when(event)) is not None
            and condition.truth is not True
        ]
        return judged, passed, anchors

    def _refused_by(self, shop: _Shop) -> tuple[set[bytes], Counter[bytes]]:
        """Give the contents that lost under a known id, and how often the core refused others."""
        lost: set[bytes] = set()
        refused = Counter[bytes]()
        codec = Codec(self._registry)
        for record in shop.records:
            if record.type not in {"event.refused", "device.fault"}:
                continue
            told = msgspec.json.decode(record.payload)["event"]
            content = content_hash(codec.decode(msgspec.json.encode(told)))
            if record.type == "device.fault":
                lost.add(content)
            else:
                refused[content] += 1
        return lost, refused

    def _is_about(self, explainer: Explainer, event: Event) -> bool:
        """Say whether an event is about whom is asked, by itself or by what the rule says."""
        about = self._rule.incident.about
        own = {
            kind: explainer.tracer.raw(about[kind].term, {self._rule.anchor.name: event})
            for kind in self._asked.about
            if kind in about and about[kind].names <= {self._rule.anchor.name}
        }
        return self._asked.concerns(event, self._registry, own)

    def _came_to(self, judgement: Judgement) -> bool:
        """Say whether a judgement came upon whom is asked about, in what it found or would say."""
        if self._asked.concerns(judgement.anchor, self._registry, judgement.about):
            return True
        return any(
            self._asked.concerns(event, self._registry)
            for clause in judgement.clauses
            for event in found_by(clause)
        )

    def _fate(
        self,
        shop: _Shop,
        judgement: Judgement,
        stands: Mapping[str, Mapping[str, Any]],
        gone: Mapping[str, str],
    ) -> Answered:
        if signal_id(self._rule.id, judgement.anchor) in stands:
            return Answered(judgement, "raised")
        if judgement.decided_us > shop.core.watermark:
            return Answered(judgement, "not yet")
        if judgement.outcome == "undecided":
            return Answered(judgement, "undecided")
        because = gone.get(signal_id(self._rule.id, judgement.anchor))
        if because is not None:
            return Answered(_left_open(judgement, because), "undecided")
        quiet = self._rule.incident.quiet
        if judgement.outcome != "holds" or quiet is None:
            return Answered(judgement, "nothing")
        entity = judgement.about.get(quiet.entity)
        loud = [
            signal
            for signal in stands.values()
            if signal["rule"] == self._rule.id
            and dict(signal["about"]).get(quiet.entity) == entity
            and 0 <= judgement.decided_us - signal["decided_us"] <= quiet.us
        ]
        if not loud:
            return Answered(judgement, "nothing")
        latest = max(loud, key=lambda signal: signal["decided_us"])
        until = latest["decided_us"] + quiet.us
        return Answered(judgement, "silenced", latest["signal"], until)


def _let_go(records: Iterable[Record]) -> dict[str, str]:
    """Give what the engine left open as it no longer had the events, with why, by signal."""
    found: dict[str, str] = {}
    for record in records:
        if record.type == "judgement.undecided":
            told = msgspec.json.decode(record.payload)
            if told["clause"] == LABEL:
                found[record.stream.removeprefix("signal/")] = told["because"]
    return found


def _left_open(judgement: Judgement, because: str) -> Judgement:
    """Give a judgement as it was for an engine that had let go of events that are still here."""
    gone = ClauseTold("evidence", LABEL, 0, None, why=because)
    return structs.replace(
        judgement, outcome="undecided", stopped_at=LABEL, clauses=[gone, *judgement.clauses]
    )


def _step(shop: _Shop) -> None:
    waiting, shop.waiting = shop.waiting, []
    shop.records += shop.core.step(waiting)


def found_by(clause: ClauseTold) -> Iterable[Event]:
    """Give the events that a clause found, and those that its nested ones did."""
    if clause.saw is not None:
        yield from (*clause.saw.found, *clause.saw.doubtful)
    for inner in clause.clauses:
        yield from found_by(inner)


def types_of(rule: Rule) -> list[str]:
    """Give the kinds of event that a rule looks at."""
    return list(dict.fromkeys([*rule.anchor.types, *_types(rule.clauses)]))


def _types(clauses: Sequence[Clause]) -> Iterable[str]:
    for clause in clauses:
        if isinstance(clause, Evidence):
            yield from clause.types
            if isinstance(clause, StatsOf):
                yield from _types(clause.made_by)
        elif isinstance(clause, Unmatched):
            yield from (*clause.left.types, *clause.right.types)
        elif isinstance(clause, SomeOf):
            yield from _types(clause.clauses)
