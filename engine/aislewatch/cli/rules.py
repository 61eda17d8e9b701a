"""``aislewatch rules``: the rule author's tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aislewatch.authoring.annotations import github_line, sarif_of
from aislewatch.authoring.junit import junit_of
from aislewatch.authoring.loading import all_lists
from aislewatch.authoring.trial import Trial, try_rule
from aislewatch.cli import options
from aislewatch.cli.rule_backtest import backtest_rules
from aislewatch.cli.rule_capture import capture_incident
from aislewatch.cli.rule_check import Checked, Findings, check, rule_files, today_in
from aislewatch.cli.rule_events import show_events
from aislewatch.cli.rule_lock import lock_rules
from aislewatch.cli.rule_new import new_rule
from aislewatch.cli.rule_promote import promote_rule
from aislewatch.cli.rule_read import read_rules
from aislewatch.cli.rule_schema import write_schema
from aislewatch.cli.rule_test import show_trial, trial_json, verdict
from aislewatch.cli.rule_tune import tune_rule
from aislewatch.cli.rule_watch import at_each_save, check_again, checked_files
from aislewatch.cli.rule_why import explain_incident
from aislewatch.cli.rule_why_not import ask_why_not
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import count, span
from aislewatch.errors import FileMistakes, UsageError
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.storefile import read_setup

app = typer.Typer(no_args_is_help=True)


@app.callback()
def rules() -> None:
    """Write, check and test rules; ask why they spoke or not."""


def check_rules(
    files: options.RuleFiles,
    store: Annotated[
        Path | None,
        options.store_option(
            "The store they are for: its lists must exist, its parameters are set, and what no "
            "device sees is told."
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for mistakes.")] = False,
    sarif: Annotated[
        Path | None,
        typer.Option("--sarif", metavar="FILE", help="Also write what is found as SARIF 2.1.0."),
    ] = None,
    github: Annotated[
        bool,
        typer.Option("--github", help="Tell what is found as annotations of GitHub's workflows."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Check again whenever a file is saved, until Ctrl-C.")
    ] = False,
    json: options.Json = False,
) -> int:
    """Find every mistake in rule files, and say what each rule costs and when it answers."""
    if json and github:
        message = "--json and --github both say what standard output holds; take one of them"
        raise UsageError(message)
    screen = Screen(json=json)

    def once() -> int:
        return _check(screen, files, store, strict=strict, sarif=sarif, github=github, brief=watch)

    if not watch:
        return once()
    at_each_save(lambda: checked_files(files, store), lambda: check_again(screen, once))
    return 0


def _check(
    screen: Screen,
    files: list[Path],
    store: Path | None,
    *,
    strict: bool,
    sarif: Path | None,
    github: bool,
    brief: bool,
) -> int:
    setup = read_setup(store) if store is not None else None
    today = today_in(setup)
    findings = check(rule_files(files), today, setup, whole=files)
    told = [*findings.mistakes, *findings.warnings]
    if sarif is not None:
        sarif.write_bytes(sarif_of(told, version=version("aislewatch")))
    for mistake in told:
        screen.show(Text(github_line(mistake) if github else mistake.render()))
    if findings.rules and not brief:
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


def try_rules(
    files: options.RuleFiles,
    store: Annotated[
        Path | None,
        options.store_option(
            "The store they are for: gives its parameters, its lists and its lateness. Without it, "
            "all named lists are empty."
        ),
    ] = None,
    mutants: Annotated[
        bool,
        typer.Option(
            "--mutants/--no-mutants",
            help="Write each place of a rule otherwise, and name those that no test notices.",
        ),
    ] = True,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Of the orders of arrival that are tried.")
    ] = 1,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Also write the result as JUnit XML."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Take what no test notices for a mistake.")
    ] = False,
    json: options.Json = False,
) -> int:
    """Run the tests inside rule files, and find what they leave open."""
    screen = Screen(json=json)
    setup = read_setup(store) if store is not None else None
    today = today_in(setup)
    texts = rule_files(files)
    findings = check(texts, today, setup)
    if findings.mistakes:
        raise FileMistakes(list(findings.mistakes))
    trials: list[Trial] = []
    with screen.progress("trying rules") as step:
        for checked in findings.rules:
            rule = checked.rule

            def told(done: int, total: int, rule: str = rule.id) -> None:
                step(done, total, rule)

            trial = try_rule(
                rule,
                texts[rule.file].decode(),
                setup.registry if setup is not None else installed_registry(),
                setup.model.lists if setup is not None else all_lists(texts[rule.file], rule.file),
                seed=seed,
                lateness_us=setup.lateness_us if setup is not None else None,
                mutate=mutants,
                step=told,
            )
            trials.append(trial)
            if checked.site:
                screen.show(Text(_as_set(checked), "italic"))
            show_trial(screen, trial)
    if junit is not None:
        junit.write_bytes(junit_of(trials, strict=strict))
    screen.show(verdict(trials))
    screen.give({"seed": seed, "rules": [trial_json(trial) for trial in trials]})
    loose = any(trial.open or not trial.runs for trial in trials)
    return 1 if not all(trial.passed for trial in trials) or (strict and loose) else 0


def _table(rules: Sequence[Checked]) -> Table:
    made = table("rule", "status", "answers", "keeps for", "at most", "of")
    for checked in rules:
        rule = checked.rule
        answers = f"{span(checked.answers_us)} after" if checked.answers_us else "at once"
        made.add_row(
            rule.id,
            rule.status,
            answers,
            span(checked.keeps_us),
            count(checked.keeps_most, "event"),
            ", ".join(checked.keeps),
        )
        if checked.idle:
            made.add_row("", Text("idle", "yellow"), "", "", "", Text(checked.idle, "yellow"))
        if checked.site:
            made.add_row("", "", "", "", "", _as_set(checked))
        if checked.lists:
            made.add_row("", "", "", "", "", f"looks into {', '.join(checked.lists)}: see --store")
    return made


def _as_set(checked: Checked) -> str:
    return "as the store sets " + ", ".join(f"{k} = {v}" for k, v in checked.site.items())


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
        "version": rule.version,
        "params": rule.params,
        "keeps": checked.keeps,
        "keeps_us": checked.keeps_us,
        "keeps_most": checked.keeps_most,
        "answers_us": checked.answers_us,
        "idle": checked.idle or None,
        "lists": checked.lists,
    }


# In the order in which a rule's author comes to need them; the help shows them so.
app.command("new")(new_rule)
app.command("events")(show_events)
app.command("schema")(write_schema)
app.command("check")(check_rules)
app.command("read")(read_rules)
app.command("test")(try_rules)
app.command("backtest")(backtest_rules)
app.command("tune")(tune_rule)
app.command("lock")(lock_rules)
app.command("promote")(promote_rule)
app.command("why")(explain_incident)
app.command("why-not")(ask_why_not)
app.command("capture")(capture_incident)
