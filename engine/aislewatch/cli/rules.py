"""``aislewatch rules``: the rule author's tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aislewatch.cli import options
from aislewatch.cli.rule_check import Checked, Findings, check, rule_files
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import count, span
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.storefile import read_setup

app = typer.Typer(no_args_is_help=True)


@app.callback()
def rules() -> None:
    """Check rule files."""


@app.command("check")
def check_rules(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Rule files, or folders of them.")
    ],
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="STORE.yml",
            help="The store they are for: its lists must exist, and what no device sees is told.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for mistakes.")] = False,
    json: options.Json = False,
) -> int:
    """Find every mistake in rule files, and say what each rule costs and when it answers."""
    screen = Screen(json=json)
    setup = read_setup(store) if store is not None else None
    today = datetime.fromtimestamp(SystemClock().now_us() / 1_000_000, UTC).date()
    findings = check(rule_files(files), today, setup)
    for mistake in (*findings.mistakes, *findings.warnings):
        screen.show(Text(mistake.render()))
    if findings.rules:
        screen.show("", _table(findings.rules), "")
    screen.show(_verdict(findings))
    screen.give(
        {
            "mistakes": [asdict(mistake) for mistake in findings.mistakes],
            "warnings": [asdict(warning) for warning in findings.warnings],
            "rules": [_json(checked) for checked in findings.rules],
        }
    )
    return 1 if findings.mistakes or (strict and findings.warnings) else 0


def _table(rules: Sequence[Checked]) -> Table:
    made = table("rule", "status", "answers", "keeps for", "of")
    for checked in rules:
        rule = checked.rule
        answers = f"{span(checked.answers_us)} after" if checked.answers_us else "at once"
        made.add_row(
            rule.id, rule.status, answers, span(checked.keeps_us), ", ".join(checked.keeps)
        )
        if checked.idle:
            made.add_row("", Text("idle", "yellow"), "", "", Text(checked.idle, "yellow"))
        if checked.lists:
            made.add_row("", "", "", "", f"looks into {', '.join(checked.lists)}: see --store")
    return made


def _verdict(findings: Findings) -> str:
    sound = count(len(findings.rules), "rule") + " without mistakes"
    parts = [count(len(findings.mistakes), "mistake")] if findings.mistakes else []
    if findings.warnings:
        parts.append(count(len(findings.warnings), "warning"))
    return ", ".join([sound, *parts])


def _json(checked: Checked) -> dict[str, object]:
    rule = checked.rule
    return {
        "id": rule.id,
        "file": rule.file,
        "status": rule.status,
        "meaning": rule.meaning,
        "keeps": checked.keeps,
        "keeps_us": checked.keeps_us,
        "answers_us": checked.answers_us,
        "idle": checked.idle or None,
        "lists": checked.lists,
    }
