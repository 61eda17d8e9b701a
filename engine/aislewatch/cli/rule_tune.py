"""``aislewatch rules tune``: what other values of a rule's parameters would have been worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aislewatch.authoring.blueprints import read_blueprint
from aislewatch.authoring.loading import read_rule
from aislewatch.authoring.tune import tune
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
from aislewatch.cli.rule_check import rule_files
from aislewatch.cli.rule_tune_page import show_tuning, tuning_json
from aislewatch.cli.rule_tune_values import values_to_try
from aislewatch.cli.rule_tune_write import write_proposal
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import Local


def tune_rule(
    file: options.RuleFile,
    events: Annotated[
        Path | None, typer.Option("--events", "--data", metavar="DAYS", help=DAYS)
    ] = None,
    store: StoreOfDays = None,
    params: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME[=VALUES]",
            help="Only this parameter; these values of it: 10s,15s,20s or 10s..60s/10s (from, to, "
            "how far apart). Given several times, their values are tried in every combination.",
        ),
    ] = None,
    labels: LabelsFile = None,
    ledger: Annotated[
        Path | None, options.ledger_option("Has the incidents that labels name.")
    ] = None,
    within: WithinText = WITHIN,
    last: LastText = "",
    false_alarm: FalseAlarmText = "",
    miss: MissText = "",
    may_lose: Annotated[
        bool,
        typer.Option(
            "--may-lose", help="Propose also what misses labelled losses that are caught now."
        ),
    ] = False,
    write: Annotated[
        bool,
        typer.Option("--write", help="Write the proposal that costs least into the rule's file."),
    ] = False,
    jobs: Jobs = CORES,
    json: options.Json = False,
) -> int:
    """Judge past days by other values of a rule's parameters, and propose what costs less.

    Exits with 1 where something is proposed and not written.
    """
    screen = Screen(json=json)
    setup, days = shop_of(events, store)
    ((name, text),) = rule_files([file]).items()
    rule = read_rule(text, name, setup)
    shapes = read_blueprint(text, name).params
    asked = params or []
    values = values_to_try(setup, rule, shapes, asked)
    known, cost = labels_of(setup, labels, ledger), cost_of(false_alarm, miss)
    wanted = wanted_of(days, known, cost, within=within, last=last, jobs=jobs)
    together = len(values) > 1 and bool(asked)
    with screen.progress("tuning") as step:
        progress = progress_of(step)
        found = tune(
            setup, rule, text, values, wanted, progress, together=together, may_lose=may_lose
        )
    docs = {one: shape.doc for one, shape in shapes.items()}
    show_tuning(screen, found, Local(setup.timezone, setup.model.currency), docs)
    if not was_judged(screen, found.report, setup):
        return COULD_NOT_RUN
    written = write and found.best is not None
    if written:
        write_proposal(screen, setup, found, text)
    screen.give(tuning_json(found, written=written))
    return FINE if found.best is None or written else FINDINGS
