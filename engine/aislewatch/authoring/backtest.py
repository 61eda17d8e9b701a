"""A backtest: what a rule would have raised on past days, held against all that is known of them.

The event log is the only input, and the core that judges live judges here; so the same days give
the same report, byte for byte, however the work was shared out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from aislewatch.authoring.backtest_budget import check_budget
from aislewatch.authoring.backtest_data import days_of
from aislewatch.authoring.backtest_figures import suggest
from aislewatch.authoring.backtest_hits import Raised, day_of
from aislewatch.authoring.backtest_judging import RuleRun, Versions
from aislewatch.authoring.backtest_labelled import score
from aislewatch.authoring.backtest_labels import Label
from aislewatch.authoring.backtest_report import (
    Report,
    RuleReport,
    StoreDay,
    StoreTotal,
    Subject,
    Version,
)
from aislewatch.authoring.backtest_run import Run, run_days
from aislewatch.authoring.backtest_span import Span
from aislewatch.authoring.backtest_stops import HELD, UNDECIDED
from aislewatch.authoring.why_signals import rules_below, unheard
from aislewatch.detect.health import Health
from aislewatch.detect.plan import Plan
from aislewatch.errors import UsageError
from aislewatch.rules.backtest import Cost
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import looked_for
from aislewatch.runtime.setup import Setup

WITHIN_US: Final = 60_000_000
"""How far a label's time may be from its case's hit, where nobody says otherwise."""

SAMPLE: Final = 10
"""Unlabelled hits that are put forward for review."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of a backtest.

    Attributes:
        data: see `aislewatch.authoring.backtest_data.days_of`.
        labels: what is known of past cases.
        within_us: how far a label's time may be from its case's hit.
        last_days: so many days count, the last of the data; None: as each rule's file says.
        cost: in place of what the rules' files say of it.
        jobs: how many processes may work.
        seed: of the sample.
    """

    data: Path | None = None
    labels: Sequence[Label] = ()
    within_us: int = WITHIN_US
    last_days: int | None = None
    cost: Cost = field(default_factory=Cost)
    jobs: int = 1
    seed: int = 1


class Progress(NamedTuple):
    """Whom to tell how far it is: events read of recordings; files judged, and of how many."""

    reading: Callable[[int], None] | None = None
    judging: Callable[[int, int], None] | None = None


SILENT: Final = Progress()
"""Nobody is told."""


def backtest(
    setup: Setup, subjects: Sequence[Subject], wanted: Wanted, progress: Progress = SILENT
) -> Report:
    """Judge past days.

    Args:
        setup: of the shop; what it says of its rules counts for nothing here.
        subjects: the rules.
        wanted: the days, the labels and the figures.
        progress: who is told how far it is.

    Raises:
        UsageError: there are no such days, or costs are in another currency than the shop.
    """
    costs = [_cost(setup, subject.rule, wanted.cost) for subject in subjects]
    versions = [_versions(setup, subject, subjects) for subject in subjects]
    with days_of(setup, wanted.data, progress.reading) as days:
        run = run_days(setup, versions, days.files, jobs=wanted.jobs, on_progress=progress.judging)
    return Report(
        stores=[store.store for store in run.stores if store.days],
        events=sum(sum(store.days.values()) for store in run.stores),
        refused=days.refused + run.refused,
        strangers=dict(sorted((days.strangers + run.strangers).items())),
        zone=setup.timezone,
        currency=setup.model.currency,
        rules=[
            _report(setup, subject, versions[number].below, run, number, cost, wanted)
            for number, (subject, cost) in enumerate(zip(subjects, costs, strict=True))
        ],
    )


def _versions(setup: Setup, subject: Subject, subjects: Sequence[Subject]) -> Versions:
    """Give what judges, with the rules below it: those at hand, then the shop's.

    Raises:
        UsageError: it looks for signals of a rule that is not there.
    """
    known = {rule.id: rule for rule in setup.rules} | {one.rule.id: one.rule for one in subjects}
    before = None if subject.same else subject.before
    both = [rule for rule in (subject.rule, before) if rule is not None]
    below = {one.id: one for rule in both for one in rules_below(rule, known)}
    missing = {
        name for rule in (*both, *below.values()) for name in looked_for(rule)
    } - known.keys()
    if missing:
        message = (
            f"{subject.rule.id} looks for signals of {', '.join(sorted(missing))}, which is not at "
            f"hand: give its file, too, or name it among the rules of {setup.file}"
        )
        raise UsageError(message)
    return Versions(subject.rule, before, tuple(below.values()))


def _cost(setup: Setup, rule: Rule, given: Cost) -> Cost:
    own = rule.backtest.cost
    cost = Cost(false_alarm=given.false_alarm or own.false_alarm, miss=given.miss or own.miss)
    for amount in (cost.false_alarm, cost.miss):
        if amount is not None and amount.currency != setup.model.currency:
            shop = setup.model.currency or "no currency"
            message = f"costs of {rule.id} are in {amount.currency}, {setup.file} has {shop}"
            raise UsageError(message)
    return cost


def _report(
    setup: Setup,
    subject: Subject,
    below: Sequence[Rule],
    run: Run,
    number: int,
    cost: Cost,
    wanted: Wanted,
) -> RuleReport:
    rule = subject.rule
    span = Span.of(run, wanted.last_days or rule.backtest.data)
    runs = {store.store: store.rules[number] for store in run.stores}
    labels = _labels(wanted.labels, subject, runs, span, setup.timezone)
    raised = {name: span.cut(one.now) for name, one in runs.items()}
    now = _version(raised, labels, span, cost, wanted)
    past = _before(subject, runs, span)
    before = _version(past, labels, span, cost, wanted) if past is not None else None
    known = {one.hit.key: one.hit for one in before.scores.judged} if before is not None else {}
    keys = {one.hit.key for one in now.scores.judged}
    stops, days = _stops(runs, span), _days(raised, past)
    excuses = {excuse.name for excuse in rule.excepts}
    told = now.scores
    unlabelled = [one.hit for one in told.judged if one.verdict is None]
    sample = Random(wanted.seed).sample(unlabelled, min(SAMPLE, len(unlabelled)))
    return RuleReport(
        subject=subject,
        idle=_idle(setup, rule),
        unheard=unheard(rule, below),
        first=span.first,
        last=span.last,
        store_days=sum(span.days.values()),
        open=span.open,
        events=span.events,
        now=now,
        before=before,
        only_now=[one for one in told.judged if before is not None and one.hit.key not in known],
        only_before=[
            one
            for one in (before.scores.judged if before is not None else ())
            if one.hit.key not in keys
        ],
        changed=[
            one.hit
            for one in told.judged
            if one.hit.key in known and one.hit.says != known[one.hit.key].says
        ],
        days=days,
        stores=_stores(days, span),
        judged=sum(stops.values()),
        held=stops[HELD],
        stopped=_most({c: n for c, n in stops.items() if _is_clause(c) and c not in excuses}),
        excused={name: stops[name] for name in sorted(excuses)},
        undecided=_most({c[1:]: n for c, n in stops.items() if c.startswith(UNDECIDED)}),
        checks=check_budget(rule.backtest.budget, now.worst, now.worst_per_day, told),
        suggestion=suggest(
            rule.incident.points, told.caught, told.losses, told.accused, told.honest
        ),
        sample=sorted(sample),
        labels=labels,
        cost=cost,
    )


def _labels(
    labels: Sequence[Label], subject: Subject, runs: Mapping[str, RuleRun], span: Span, zone: str
) -> list[Label]:
    """Give the labels that speak of the rule and of the days that count."""
    raised = [one for run in runs.values() for one in (run.now, run.before) if one is not None]
    raised += (subject.past or {}).values()
    # A label that only names an event tells no day, but who hit the event knows it.
    named: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for hit in (hit for one in raised for hit in one.hits):
        named[span.holds(hit.day)] |= {(hit.store, hit.anchor), ("", hit.anchor)}
    outside = named[False] - named[True]
    return [
        label
        for label in labels
        if label.rule in {"", subject.rule.id}
        and (not label.store or label.store in span.days)
        and (
            not (label.anchors and all((label.store, one) in outside for one in label.anchors))
            if label.time_us is None
            else span.first <= day_of(label.time_us, zone) <= span.last
        )
    ]


def _before(
    subject: Subject, runs: Mapping[str, RuleRun], span: Span
) -> Mapping[str, Raised] | None:
    if subject.past is not None:
        return {name: span.cut_both(subject.past.get(name, Raised())) for name in runs}
    if not subject.against:
        return None
    found = {
        name: one.now if subject.same else one.before or Raised() for name, one in runs.items()
    }
    return {name: span.cut(one) for name, one in found.items()}


def _version(
    raised: Mapping[str, Raised],
    labels: Sequence[Label],
    span: Span,
    cost: Cost,
    wanted: Wanted,
) -> Version:
    hits = sorted(hit for one in raised.values() for hit in one.hits)
    incidents = {name: sum(one.incidents.values()) for name, one in raised.items()}
    rates = {name: Fraction(incidents[name], n) for name, n in span.days.items() if n}
    worst = min(rates, key=lambda name: (-rates[name], name), default="")
    worst = worst if rates.get(worst) else ""
    store_days = sum(span.days.values())
    return Version(
        scores=score(hits, labels, wanted.within_us, cost),
        withdrawn=sum(sum(one.withdrawn.values()) for one in raised.values()),
        incidents=sum(incidents.values()),
        per_store_day=Fraction(sum(incidents.values()), max(1, store_days)),
        worst=worst,
        worst_per_day=rates.get(worst, Fraction(0)),
    )


def _days(now: Mapping[str, Raised], before: Mapping[str, Raised] | None) -> list[StoreDay]:
    rows: dict[tuple[str, str], list[int]] = {}
    for at, side in ((0, now), (2, before or {})):
        for store, raised in side.items():
            for hit in raised.hits:
                rows.setdefault((store, hit.day), [0] * 4)[at] += 1
            for day, number in raised.incidents.items():
                rows.setdefault((store, day), [0] * 4)[at + 1] += number
    return [StoreDay(store, day, *figures) for (store, day), figures in sorted(rows.items())]


def _stores(days: Sequence[StoreDay], span: Span) -> list[StoreTotal]:
    sums = {name: [0] * 4 for name, told in span.days.items() if told}
    for day in days:
        figures = sums.setdefault(day.store, [0] * 4)
        sums[day.store] = [a + b for a, b in zip(figures, day[2:], strict=True)]
    found = [StoreTotal(name, span.days.get(name, 0), *figures) for name, figures in sums.items()]
    return sorted(found, key=lambda one: (-one.per_day, one.store))


def _stops(runs: Mapping[str, RuleRun], span: Span) -> Counter[str]:
    found = Counter[str]()
    for one in runs.values():
        for day, counts in one.stops.items():
            if span.holds(day):
                found.update(counts)
    return found


def _is_clause(outcome: str) -> bool:
    return outcome != HELD and not outcome.startswith(UNDECIDED)


def _most(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _idle(setup: Setup, rule: Rule) -> str:
    plan = Plan(
        [rule],
        setup.registry,
        setup.model,
        Health(),
        horizon_us=setup.horizon_us,
        take_anchor=lambda plan, anchor: None,
    )
    return plan.idle.get(rule.id, "")
