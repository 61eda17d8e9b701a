"""``aislewatch rules backtest``: what rules would have raised on past days."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from aislewatch.authoring.backtest import backtest
from aislewatch.authoring.backtest_json import report_json
from aislewatch.authoring.backtest_junit import backtest_junit
from aislewatch.authoring.backtest_labels import Label
from aislewatch.authoring.backtest_plot import plotter
from aislewatch.authoring.backtest_report import Subject
from aislewatch.authoring.backtest_versions import past_of, version_of
from aislewatch.authoring.loading import read_rule
from aislewatch.cli import options
from aislewatch.cli.app import COULD_NOT_RUN, FINDINGS, FINE
from aislewatch.cli.backtest_given import (
    CORES,
    DAYS,
    WITHIN,
    FalseAlarmText,
    Jobs,
    LabelsFile,
    LastText,
    MissText,
    StoreOfDays,
    WithinText,
    cost_of,
    labels_of,
    progress_of,
    shop_of,
    wanted_of,
    was_judged,
)
from aislewatch.cli.rule_backtest_page import show_backtest
from aislewatch.cli.rule_check import rule_files
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import Local
from aislewatch.errors import FileMistakes, Mistake, UsageError
from aislewatch.rules.rule import Rule
from aislewatch.runtime.setup import Setup


def backtest_rules(
    files: options.RuleFiles,
    data: Annotated[Path | None, typer.Option("--data", metavar="DAYS", help=DAYS)] = None,
    store: StoreOfDays = None,
    against: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="live|FILE|FOLDER|REV",
            help="Another version to compare with: the one in force (the store's own rule, or the "
            "file as last committed), a rule file, a folder, or a git revision.",
        ),
    ] = "",
    ledger: Annotated[
        Path | None,
        options.ledger_option(
            "Compare with what was really raised, instead; and look up in it the incidents that "
            "labels name."
        ),
    ] = None,
    labels: LabelsFile = None,
    within: WithinText = WITHIN,
    last: LastText = "",
    false_alarm: FalseAlarmText = "",
    miss: MissText = "",
    jobs: Jobs = CORES,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Of the sample of unlabelled hits.")
    ] = 1,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Also write the budgets as JUnit XML."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE.png|.svg", help="Also draw it on a page; one rule at a time."
        ),
    ] = None,
    json: options.Json = False,
) -> int:
    """Judge past days by rules: what they would have raised, and whether that is worth it.

    Exits with 1 where a rule exceeds the noise budget of its file.
    """
    screen = Screen(json=json)
    draw = plotter(plot) if plot is not None else None
    setup, days = shop_of(data, store)
    rules = _rules(setup, files, drawn=draw is not None)
    known = labels_of(setup, labels, ledger)
    past = _past(ledger, against, known)
    cost = cost_of(false_alarm, miss)
    wanted = wanted_of(days, known, cost, within=within, last=last, jobs=jobs, seed=seed)
    subjects = [_subject(setup, rule, against, past) for rule in rules]
    with screen.progress("backtest") as step:
        report = backtest(setup, subjects, wanted, progress_of(step))
    local = Local(setup.timezone, setup.model.currency)
    show_backtest(screen, report, local)
    screen.give(report_json(report))
    judged = was_judged(screen, report, setup)
    if junit is not None:
        junit.write_bytes(backtest_junit(report))
    if draw is not None:
        draw(report.rules[0])
        screen.say(f"drawn: {plot}")
    if not judged:
        return COULD_NOT_RUN
    return FINE if report.passed else FINDINGS


def _rules(setup: Setup, files: Sequence[Path], *, drawn: bool) -> list[Rule]:
    rules: dict[str, Rule] = {}
    mistakes: list[Mistake] = []
    for file, text in rule_files(files).items():
        try:
            rule = read_rule(text, file, setup)
        except FileMistakes as found:
            mistakes += found.mistakes
            continue
        if rule.id in rules:
            other = rules[rule.id].file
            mistakes.append(Mistake(file, 0, 0, f"the rule {rule.id!r} is in {other} already"))
        rules[rule.id] = rule
    if mistakes:
        raise FileMistakes(mistakes)
    if drawn and len(rules) > 1:
        message = f"--plot draws one rule at a time, and there are {len(rules)}"
        raise UsageError(message)
    return list(rules.values())


def _past(ledger: Path | None, against: str, labels: Sequence[Label]) -> Path | None:
    """Give the ledger to compare with; None where it is there for the labels alone, or not."""
    if not against or ledger is None:
        return ledger
    if not any(label.incident for label in labels):
        message = "--against and --ledger are two things to compare with: give one of them"
        raise UsageError(message)
    return None


def _subject(setup: Setup, rule: Rule, against: str, ledger: Path | None) -> Subject:
    if ledger is not None:
        return Subject(rule, ledger.name, past=past_of(ledger, rule.id, setup.timezone))
    if not against:
        return Subject(rule)
    name, before = version_of(setup, rule, against)
    return Subject(rule, name, before)
