"""A rule's parameters tuned: past days judged by other values, and which of them was worth more.

Each parameter is tried by itself, all others as they are in force. A value is proposed where it
costs less than the one in force and loses no labelled loss that the one in force catches: what a
rule would miss, nobody labels any more. Few labels propose nothing, and nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from aislewatch.authoring.backtest import SILENT, Progress, Wanted, backtest
from aislewatch.authoring.backtest_figures import LABELS_MIN
from aislewatch.authoring.backtest_labelled import Scores
from aislewatch.authoring.backtest_report import Report, RuleReport, Subject
from aislewatch.authoring.loading import read_rule
from aislewatch.rules.rule import Rule
from aislewatch.runtime.setup import Setup

VALUES_MAX: Final = 60
"""Values that are tried at once: each is a core of its own."""


@dataclass(frozen=True)
class Tried:
    """What one value of a parameter came to.

    Attributes:
        value: as written.
        in_force: it is the one that counts now.
        report: of the rule with this value.
        lost: labelled losses that the value in force catches and this one does not.
        cost: of its misses and false alarms; see :attr:`Tuning.priced`.
    """

    value: str
    in_force: bool
    report: RuleReport
    lost: int
    cost: int

    @property
    def scores(self) -> Scores:
        """What labels say of it."""
        return self.report.now.scores


@dataclass(frozen=True)
class ParamTuning:
    """One parameter, tried at several values.

    Attributes:
        name: of the parameter.
        doc: what it means, as the file says.
        tried: in the order of the values.
        proposed: the value that was worth most; None where that is the one in force.
        says: what to make of it, in a sentence.
    """

    name: str
    doc: str
    tried: Sequence[Tried]
    proposed: Tried | None
    says: str


@dataclass(frozen=True)
class Tuning:
    """What tuning a rule found.

    Attributes:
        rule: as it is in force.
        params: those that were tried.
        priced: costs are minor units of the shop's currency; otherwise each miss and each false
            alarm counts one, as nobody said what they cost.
        report: of all values, for what holds for the days as such.
    """

    rule: Rule
    params: Sequence[ParamTuning]
    priced: bool
    report: Report

    @property
    def best(self) -> tuple[ParamTuning, Tried] | None:
        """The proposal that costs least of all; None where there is none."""
        found = [(one, one.proposed) for one in self.params if one.proposed is not None]
        return min(found, key=lambda one: one[1].cost, default=None)


def tune(
    setup: Setup,
    rule: Rule,
    text: bytes,
    values: Mapping[str, Sequence[str]],
    wanted: Wanted,
    progress: Progress = SILENT,
    docs: Mapping[str, str] | None = None,
    *,
    may_lose: bool = False,
) -> Tuning:
    """Judge past days by a rule with other values of its parameters.

    Args:
        setup: of the shop.
        rule: as it is in force.
        text: its file.
        values: by parameter, what to try; the value in force among them.
        wanted: the days, the labels and the figures.
        progress: who is told how far it is.
        docs: what parameters mean, by name.
        may_lose: propose also what loses labelled losses.

    Raises:
        FileMistakes: a value is none that its parameter can have.
        UsageError: there are no such days.
    """
    plan = [
        (name, value)
        for name, tried in values.items()
        for value in tried
        if value != rule.params[name]
    ]
    rules = [rule, *(_with(setup, rule, text, name, value) for name, value in plan)]
    report = backtest(setup, [Subject(one) for one in rules], wanted, progress)
    now, *others = report.rules
    by_value = dict(zip(plan, others, strict=True))
    cost = wanted.cost.false_alarm or rule.backtest.cost.false_alarm
    priced = cost is not None and not any(one.now.scores.money.unpriced for one in report.rules)
    params: list[ParamTuning] = []
    for name, tried in values.items():
        found = [
            _tried(value, by_value.get((name, value), now), now, priced=priced) for value in tried
        ]
        proposed, says = _proposal(found, may_lose=may_lose)
        params.append(ParamTuning(name, (docs or {}).get(name, ""), found, proposed, says))
    return Tuning(rule, params, priced, report)


def _with(setup: Setup, rule: Rule, text: bytes, name: str, value: str) -> Rule:
    own = {**setup.params.get(rule.id, {}), name: value}
    return read_rule(text, rule.file, replace(setup, params={**setup.params, rule.id: own}))


def _tried(value: str, report: RuleReport, now: RuleReport, *, priced: bool) -> Tried:
    scores = report.now.scores
    lost = len(now.now.scores.caught_lines - scores.caught_lines)
    errors = scores.losses - scores.caught + scores.split.wrong
    cost = scores.money.lost + scores.money.spent if priced else errors
    return Tried(value, report is now, report, lost, cost)


def _proposal(tried: Sequence[Tried], *, may_lose: bool) -> tuple[Tried | None, str]:
    """Choose the value that costs least, or say why none is proposed."""
    now = next(one for one in tried if one.in_force)
    if len(tried) == 1:
        return None, "nothing says what else it could be: name values to try"
    labels = now.scores.losses + max(one.scores.split.wrong for one in tried)
    if not labels:
        return None, "no label speaks of it, so the hits alone can be compared"
    cheaper = [one for one in tried if one.cost < now.cost]
    kept = [one for one in cheaper if may_lose or not one.lost]
    within = [one for one in kept if one.report.passed or not now.report.passed]
    if not cheaper:
        return None, f"none of them costs less than {now.value}"
    if not kept:
        lost = min(one.lost for one in cheaper)
        return None, f"what costs less loses labelled losses that are caught now, at least {lost}"
    if not within:
        return None, "what costs less exceeds the noise budget of the file"
    if labels < LABELS_MIN:
        best = min(within, key=lambda one: one.cost)
        return None, (
            f"{best.value} costs least, but {labels} labels are too few to propose it "
            f"(at least {LABELS_MIN})"
        )
    # Of several that cost the same, the one that changes least.
    at = tried.index(now)
    best = min(within, key=lambda one: (one.cost, abs(tried.index(one) - at), tried.index(one)))
    return best, f"{best.value} instead of {now.value}"
