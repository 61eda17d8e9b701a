"""A rule's parameters tuned: past days judged by other values, and which of them was worth more.

A parameter is tried by itself, all others as they are in force; or several together, in every
combination of their values. A choice is proposed where it costs less than what is in force, loses
no labelled loss that is caught now (what a rule would miss, nobody labels any more), and does no
worse on labels that had no part in it, where there are enough to hold some out. Few labels propose
nothing, and nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from aislewatch.authoring.backtest import SILENT, Progress, Wanted, backtest
from aislewatch.authoring.backtest_report import Report, RuleReport, Subject
from aislewatch.authoring.loading import read_rule
from aislewatch.authoring.tune_held import HeldOut, hold_out, placed
from aislewatch.authoring.tune_weighing import Choice, Compared, Tried, Weighing, propose
from aislewatch.rules.rule import Rule
from aislewatch.runtime.setup import Setup

VALUES_MAX: Final = 60
"""Rules that are judged in one pass over the days: each is a core of its own."""

TRIED_MAX: Final = 400
"""Rules that are judged in all."""


@dataclass(frozen=True)
class Tuning:
    """What tuning a rule found.

    Attributes:
        rule: as it is in force.
        compared: the parameters that were tried; one, of all, where they were tried together.
        priced: costs are minor units of the shop's currency; otherwise each miss and each false
            alarm counts one, as nobody said what they cost.
        held: what had no part in choosing; or why nothing was held out, in a sentence.
        report: of what was judged in the first pass, for what holds for the days as such.
    """

    rule: Rule
    compared: Sequence[Compared]
    priced: bool
    held: HeldOut | str
    report: Report

    @property
    def best(self) -> Tried | None:
        """The proposal that costs least of all; None where there is none."""
        found = [one.proposed for one in self.compared if one.proposed is not None]
        return min(found, key=lambda one: one.choosing, default=None)


def tune(
    setup: Setup,
    rule: Rule,
    text: bytes,
    values: Mapping[str, Sequence[str]],
    wanted: Wanted,
    progress: Progress = SILENT,
    *,
    together: bool = False,
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
        together: try every combination of values, and not each parameter by itself.
        may_lose: propose also what loses labelled losses.

    Raises:
        FileMistakes: a value is none that its parameter can have.
        UsageError: there are no such days.
    """
    groups = _groups(values, together=together)
    now = rule.params.items()
    plan = [one for choices in groups.values() for one in choices if not one.items() <= now]
    rules = [rule, *(_with(setup, rule, text, one) for one in plan)]
    report, reports = _judged(setup, rules, wanted, progress)
    labels = placed(reports, setup.timezone)
    held = hold_out(labels)
    in_force = reports[0]
    priced = in_force.cost.false_alarm is not None and not any(
        one.now.scores.money.unpriced for one in reports
    )
    weighing = Weighing(values, in_force, labels, wanted.within_us, held, priced)
    told = {_key(one): report for one, report in zip(plan, reports[1:], strict=True)}
    compared: list[Compared] = []
    for names, choices in groups.items():
        tried = weighing.weighed([(one, told.get(_key(one), in_force)) for one in choices])
        if together:
            tried.sort(key=lambda one: (one.choosing, one.off))
        proposed, says = propose(tried, held, may_lose=may_lose)
        compared.append(Compared(names, tried, proposed, says))
    return Tuning(rule, compared, priced, held, report)


def _groups(
    values: Mapping[str, Sequence[str]], *, together: bool
) -> dict[tuple[str, ...], list[Choice]]:
    """Give what is held against each other: by parameter, or all combinations of all."""
    if not together:
        return {(name,): [{name: value} for value in some] for name, some in values.items()}
    whole = product(*values.values())
    return {tuple(values): [dict(zip(values, one, strict=True)) for one in whole]}


def _key(choice: Choice) -> tuple[tuple[str, str], ...]:
    return tuple(choice.items())


def _with(setup: Setup, rule: Rule, text: bytes, choice: Choice) -> Rule:
    own = {**setup.params.get(rule.id, {}), **choice}
    return read_rule(text, rule.file, replace(setup, params={**setup.params, rule.id: own}))


def _judged(
    setup: Setup, rules: Sequence[Rule], wanted: Wanted, progress: Progress
) -> tuple[Report, list[RuleReport]]:
    """Judge the days by all rules, as many at a time as one pass can take."""
    passes = [rules[at : at + VALUES_MAX] for at in range(0, len(rules), VALUES_MAX)]
    reports: list[Report] = []
    for number, some in enumerate(passes):

        def judging(done: int, total: int, before: int = number) -> None:
            if progress.judging is not None:
                progress.judging(before * total + done, len(passes) * total)

        told = Progress(progress.reading, judging)
        reports.append(backtest(setup, [Subject(one) for one in some], wanted, told))
    return reports[0], [one for report in reports for one in report.rules]
