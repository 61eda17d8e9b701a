"""Why a rule holds or does not: every clause of one judgement, what it saw, and how near it came.

The compiled judge stops at the first clause that decides. This one reads the checked rule clause by
clause to its end, also behind what failed, and keeps all that it saw. It is slow and runs on
request only. Its verdict is the judge's: it computes conditions with the judge's own source,
trims windows and pairs off with the judge's own functions, and a test holds both together on
random rules and streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, cast

from aislewatch.detect.doubts import left_open
from aislewatch.detect.explain_figures import (
    figure_of,
    names_of_peers,
    told_of_peers,
    why_no_figure,
)
from aislewatch.detect.explain_log import Blindness, Log
from aislewatch.detect.explain_misses import Misses
from aislewatch.detect.explain_pairing import pair_off
from aislewatch.detect.explain_terms import Condition, Tracer, Truth, Value, plain
from aislewatch.detect.explain_values import ClauseTold, Judgement, Miss, Outcome, Saw
from aislewatch.detect.explain_windows import Windows, filled, is_unknown, why_unknown
from aislewatch.detect.peers import peers_among
from aislewatch.detect.picking import nearest
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.listed import lists_of
from aislewatch.rules.needs import needed, watching
from aislewatch.rules.rule import (
    Aggregate,
    Check,
    Clause,
    Evidence,
    Let,
    NotSeen,
    Requirement,
    Rule,
    Seen,
    SomeOf,
    StatsOf,
    Unmatched,
)
from aislewatch.rules.tree import FIRST, Figure


class Explainer:
    """Explains the judgements of one rule.

    Args:
        rule: a checked rule.
        log: all that is known around its anchors; see :mod:`aislewatch.detect.explain_reach`.
        registry: the kinds of event that the rule was checked against.
        figures: what is known of peers, where the log does not have what that was made of: all
            that statistics bind, by name.
    """

    def __init__(
        self, rule: Rule, log: Log, registry: Registry, figures: Mapping[str, Any] | None = None
    ) -> None:
        self.rule = rule
        self.log = log
        self.registry = registry
        self.figures = figures
        self.tracer = Tracer(log.lists.asked({*log.model.lists, *lists_of(rule)}))

    def when(self, event: Event) -> Condition | None:
        """Give the anchor's condition for an event of its kind; None where there is none."""
        where = self.rule.anchor.where
        return self.tracer.condition(where.term, {"": event}) if where is not None else None

    def is_anchor(self, event: Event) -> bool:
        """Say whether an event is one that the rule is judged for."""
        if type_of(type(event)) not in self.rule.anchor.types:
            return False
        told = self.when(event)
        return told is None or told.truth is True

    def judge(self, anchor: Event) -> Judgement:
        """Judge an anchor.

        Args:
            anchor: one of the log's events, the very object.
        """
        return _Judge(self, anchor).judgement()


class _Judge:
    """One judgement; the order of its steps is that of :mod:`aislewatch.detect.judging`."""

    def __init__(self, explainer: Explainer, anchor: Event) -> None:
        rule = explainer.rule
        self._rule = rule
        self._log = explainer.log
        self._tracer = explainer.tracer
        self._explainer = explainer
        self._anchor = anchor
        self._windows = Windows(rule, anchor, explainer.log, explainer.tracer, explainer.registry)
        self._names = self._windows.names
        self._misses = Misses(explainer.log, explainer.tracer, anchor)
        self._why = ""
        self._points = 0

    def judgement(self) -> Judgement:
        rule = self._rule
        told: list[ClauseTold] = []
        stopped_at = ""
        for requirement in rule.requires:
            reach, at = rule.reach, self._anchor.time
            span = at + reach.earliest_us, at + reach.latest_us
            told.append(self._required(requirement, span))
        for clause in rule.clauses:
            one = self._clause(clause)
            told.append(one)
            failed = one.judged and one.truth is not True
            if failed and _rests_on_absence(clause) and one.truth is None and self._why:
                failed = False
            if failed and not stopped_at:
                stopped_at = one.label
        for excuse in rule.excepts:
            ended = self._anchor.time >= excuse.ends_us
            seen = self._tracer.condition(excuse.where.term, self._names)
            why = f"ended with {excuse.until}" if ended else ""
            excuses = not ended and seen.truth is True
            told.append(ClauseTold("except", excuse.name, 0, excuses, why=why, condition=seen))
            if excuses and not stopped_at:
                stopped_at = excuse.name
        outcome: Outcome = "fails" if stopped_at else "undecided" if self._why else "holds"
        if outcome == "undecided":
            stopped_at = self._why
        return Judgement(
            rule=rule.id,
            title=rule.title,
            meaning=rule.meaning,
            anchor=self._anchor,
            decided_us=self._anchor.time + max(0, rule.reach.latest_us),
            outcome=outcome,
            stopped_at=stopped_at,
            when=self._explainer.when(self._anchor),
            clauses=told,
            points=rule.incident.points + self._points,
            about=self._about(),
            bindings={n: _named(v) for n, v in self._names.items() if not n.startswith(FIRST)},
        )

    def _about(self) -> dict[str, str]:
        entities = self._rule.incident.about.items()
        told = {kind: self._tracer.raw(expr.term, self._names) for kind, expr in entities}
        return {kind: str(value) for kind, value in sorted(told.items()) if value is not None}

    # Clauses -------------------------------------------------------------------------------------

    def _clause(self, clause: Clause) -> ClauseTold:
        told: ClauseTold
        if isinstance(clause, Seen):
            told = self._seen(clause)
        elif isinstance(clause, NotSeen):
            told = self._not_seen(clause)
        elif isinstance(clause, Aggregate):
            told = self._aggregate(clause)
        elif isinstance(clause, Check):
            seen = self._tracer.condition(clause.expr.term, self._names)
            told = _told(clause, "check", seen.truth, condition=seen)
        elif isinstance(clause, Let):
            told = self._let(clause)
        elif isinstance(clause, StatsOf):
            told = self._stats_of(clause)
        elif isinstance(clause, Unmatched):
            told = self._unmatched(clause)
        else:
            assert isinstance(clause, SomeOf)
            told = self._some_of(clause)
        self._points += told.points
        return told

    def _seen(self, clause: Seen) -> ClauseTold:
        found, saw = self._windows.look(clause)
        picked: Event | None = None
        if found:
            ends = {"first": 0, "last": -1}
            at = ends.get(clause.pick)
            picked = nearest(found, self._anchor) if at is None else found[at]
        if clause.name is not None:
            self._names[clause.name] = picked
            self._windows.types[clause.name] = clause.types
        misses = [] if picked is not None else self._near(clause, saw, found)
        truth = clause.optional or picked is not None
        why = "there is none, and it need not be" if clause.optional and picked is None else ""
        return _told(clause, "seen", truth, why=why, saw=filled(saw, found, misses, picked=picked))

    def _not_seen(self, clause: NotSeen) -> ClauseTold:
        possible, saw = self._windows.look(clause, maybe=True)
        if possible is None:
            why = self._doubt(clause.label, why_unknown(saw))
            return _told(clause, "not_seen", None, why=why, saw=saw)
        truths = {id(event): self._windows.counts(clause.where, event) for event in possible}
        found = [event for event in possible if truths[id(event)] is True]
        doubtful = [event for event in possible if truths[id(event)] is None]
        misses = self._near(clause, saw, possible) if not possible else []
        saw = filled(saw, found, misses, doubtful=doubtful)
        if found:
            return _told(clause, "not_seen", False, saw=saw)
        if doubtful:
            why = self._doubt(
                clause.label, "an event is there of which it is unknown whether it counts"
            )
            return _told(clause, "not_seen", None, why=why, saw=saw)
        sights = watching(self._rule, clause.types, clause.same)
        blind = self._windows.blind(sights, saw.from_us, saw.to_us)
        may_be = self._windows.may_be(clause, saw)
        why = self._why_open(clause.label, blind, may_be)
        return _told(clause, "not_seen", None if why else True, why=why, saw=saw, blind=blind)

    def _aggregate(self, clause: Aggregate) -> ClauseTold:
        found, saw = self._windows.look(clause, keep_anchor=True)
        figure = figure_of(clause, found) if found is not None else None
        self._names[clause.name] = figure
        name = clause.name if clause.name[0] != "_" else clause.op
        value = Value(name, plain(figure), clause.type.dimension)
        why = "" if figure is not None else why_no_figure(clause, found)
        field = self._windows.path_of(clause.types, clause.attr) if clause.attr else ""
        if clause.holds is None:
            saw = filled(saw, found, [])
            return _told(
                clause, clause.op, True, judged=False, why=why, saw=saw, field=field, figure=value
            )
        seen = self._tracer.condition(clause.holds.term, self._names)
        misses = self._near(clause, saw, found) if seen.truth is not True else []
        saw = filled(saw, found, misses)
        return _told(
            clause,
            clause.op,
            seen.truth,
            why=why,
            saw=saw,
            field=field,
            figure=value,
            condition=seen,
        )

    def _let(self, clause: Let) -> ClauseTold:
        self._names[clause.name] = self._tracer.raw(clause.expr.term, self._names)
        value = self._tracer.value(clause.expr.term, self._names)
        return _told(clause, "let", True, judged=False, figure=value)

    def _stats_of(self, clause: StatsOf) -> ClauseTold:
        found, saw = self._windows.look(clause)
        own = [(join.attr, self._tracer.raw(join.expr.term, self._names)) for join in clause.others]
        peers = None if found is None else peers_among(found, own)
        figures = None
        if peers is not None and self._explainer.figures is None:
            figures = [self._figure_of(clause, peer) for peer in peers]
        known = self._explainer.figures or told_of_peers(clause, figures)
        parts: list[ClauseTold] = []
        for whole, kind in names_of_peers(clause).items():
            self._names[whole] = known[whole]
            if kind is None:
                continue
            term = Figure(name=whole, optional=True, type=kind)
            value = self._tracer.value(term, self._names)
            line = clause.line
            parts.append(ClauseTold("figure", whole, line, True, judged=False, figure=value))
        saw = filled(saw, peers or [], [])
        return _told(clause, "stats_of", True, judged=False, saw=saw, clauses=parts)

    def _figure_of(self, clause: StatsOf, peer: Event) -> Any:
        judge = _Judge(self._explainer, peer)
        for made_by in clause.made_by:
            judge._clause(made_by)
        return judge._names[clause.figure]

    def _some_of(self, clause: SomeOf) -> ClauseTold:
        outer, self._why = self._why, ""
        told = [self._clause(inner) for inner in clause.clauses]
        truths = [one.truth if one.judged else True for one in told]
        truth: Truth = None
        if sum(one is True for one in truths) >= clause.at_least:
            truth = True
        elif sum(one is not False for one in truths) < clause.at_least:
            truth = False
        self._why = outer or (self._why if truth is None else "")
        return _told(clause, "some_of", truth, clauses=told, at_least=clause.at_least)

    def _required(self, requirement: Requirement, span: tuple[int, int]) -> ClauseTold:
        text = requirement.text
        blind = self._windows.blind([needed(requirement)], *span)
        why = self._doubt(text, _blinded(blind)) if blind else ""
        return ClauseTold("requires", text, 0, None if blind else True, why=why, blind=blind)

    # Pairing and what clauses share --------------------------------------------------------------

    def _unmatched(self, clause: Unmatched) -> ClauseTold:
        paired_off = pair_off(self._rule, clause, self._anchor, self._windows, self._log)
        truth, saw, pairing, blind, may_be = paired_off
        left, right = (pairing.left, pairing.right) if pairing is not None else ([], [])
        self._names |= {
            "left": left,
            "right": right,
            "partner": pairing.partner if pairing is not None else None,
            f"{FIRST}left": next(iter(left), None),
            f"{FIRST}right": next(iter(right), None),
        }
        opposite = clause.left if clause.anchor_side == "right" else clause.right
        self._windows.types["partner"] = opposite.types
        why = self._why_open(clause.label, blind, may_be)
        if pairing is None:
            why = why_unknown(saw)
        elif truth is False:
            paired = any(self._anchor in (pair.left, pair.right) for pair in pairing.pairs)
            why = _PAIRED if paired else _NO_ITEM
        return _told(clause, "unmatched", truth, why=why, saw=saw, pairing=pairing, blind=blind)

    def _near(self, clause: Evidence, saw: Saw, found: Sequence[Event] | None) -> list[Miss]:
        if saw.from_us is None or saw.to_us is None or is_unknown(saw):
            return []
        return self._misses.of(clause, saw, found or ())

    def _why_open(self, label: str, blind: Sequence[Blindness], may_be: Sequence[Event]) -> str:
        """Say why an absence cannot be told; empty where it can."""
        if blind:
            return self._doubt(label, _blinded(blind))
        return self._doubt(label, left_open(may_be)) if may_be else ""

    def _doubt(self, label: str, because: str) -> str:
        """Remember the first reason that leaves the judgement undecided."""
        self._why = self._why or label
        return because


_PAIRED = "what is judged has its pair, so it is not left over"
_NO_ITEM = (
    "what is judged is no item of its side: it fails the side's condition, or its tag was heard "
    "less than ten minutes before"
)


def _told(clause: Clause, kind: str, truth: Truth, **saw: Any) -> ClauseTold:
    points = (clause.points or 0) if truth is True else 0
    return ClauseTold(kind, clause.label, clause.line, truth, points=points, **saw)


def _blinded(blind: Sequence[Blindness]) -> str:
    return "; ".join(
        f"{one.device} was {one.state}{f' ({one.reason})' if one.reason else ''} and would have "
        f"seen {one.type}"
        for one in blind
    )


def _rests_on_absence(clause: Clause) -> bool:
    if isinstance(clause, SomeOf):
        return any(map(_rests_on_absence, clause.clauses))
    return isinstance(clause, NotSeen | Unmatched)


def _named(value: Any) -> Any:
    if isinstance(value, Event):
        return value.id
    if isinstance(value, list):
        return [_named(one) for one in cast("Sequence[Any]", value)]
    return float(value) if isinstance(value, Fraction) else value
