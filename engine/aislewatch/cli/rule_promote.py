"""``aislewatch rules promote``: the next status of a rule, where its evidence bears it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.text import Text

from aislewatch.authoring.backtest_labels import read_labels
from aislewatch.authoring.loading import all_lists, read_rule
from aislewatch.authoring.promotion import (
    DAYS,
    LADDER,
    Lack,
    lacks_of_evidence,
    lacks_of_tests,
    moved,
    needs,
    settled,
    with_status,
)
from aislewatch.authoring.shadow import ShadowRun, shadow_run
from aislewatch.authoring.trial import try_rule
from aislewatch.cli import options
from aislewatch.cli.places import Places
from aislewatch.cli.rule_check import check, rule_files, today_in
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import Local
from aislewatch.errors import FileMistakes, UsageError
from aislewatch.ledger import Ledger
from aislewatch.rules.lock import LOCK_NAME, written
from aislewatch.rules.rule import Rule, Status
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.rule_folder import lock_in, lock_path
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup

_LONGEST_REASON = 500


def promote_rule(
    file: options.RuleFile,
    to: Annotated[
        str, typer.Option("--to", metavar="STATUS", help="shadow, live or retired; or one back.")
    ],
    ledger: Annotated[
        Path | None, options.ledger_option("The ledger that tells how it did.")
    ] = None,
    days: Annotated[
        int,
        typer.Option("--days", metavar="N", min=1, help="Days in shadow, summed over stores."),
    ] = DAYS,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", metavar="FILE", help="What was found out about cases: CSV or JSON Lines."
        ),
    ] = None,
    store: Annotated[
        Path | None, options.store_option("The store it ran in: its parameters and lists count.")
    ] = None,
    because: Annotated[
        str,
        typer.Option(
            "--because", metavar="TEXT", help="A reason in place of evidence; it is written down."
        ),
    ] = "",
    on: Annotated[
        str, typer.Option("--on", metavar="DATE", help="The day that is written down; today.")
    ] = "",
    check_only: Annotated[
        bool, typer.Option("--check", help="Say whether it could be done, and change nothing.")
    ] = False,
    json: options.Json = False,
) -> int:
    """Give a rule its next status, if its tests and its days in shadow bear it."""
    screen = Screen(json=json)
    status, reason, lock = _status(to), _reason(because), _lock_of(file)
    setup = read_setup(store) if store is not None else None
    day = _day(on, setup)
    rule, content = _rule(file, day, setup)
    lacks, run = _lacks(screen, rule, content, status, _Evidence(ledger, labels, days))
    settled(lacks, reason)
    evidence = run.sentence if run is not None and not lacks else ""
    entry = moved(lock_in(lock), rule, status, day, evidence, reason if lacks else "")
    if not check_only:
        file.write_bytes(with_status(content.decode(), rule.file, status).encode())
        lock.write_text(written(entry), encoding="utf-8", newline="\n")
    version = entry.entries[rule.id].version
    screen.give(
        {
            "rule": rule.id,
            "version": version,
            "from": rule.status,
            "to": status,
            "on": day.isoformat(),
            "written": not check_only,
            "evidence": run.sentence if run is not None else None,
            "because": reason or None,
            "in_spite_of": [lack.mistake.message for lack in lacks],
        }
    )
    for lack in lacks:
        screen.show(Text(f"in spite of: {lack.mistake.message}", "yellow"))
    could = "could go" if check_only else "went"
    screen.show(f"{rule.id}, version {version}, {could} from {rule.status} to {status}")
    return 0


class _Evidence(NamedTuple):
    """What tells of a rule's days in shadow, and how many of them it takes."""

    ledger: Path | None
    labels: Path | None
    days: int


def _rule(file: Path, day: date, setup: Setup | None) -> tuple[Rule, bytes]:
    """Read the rule, which must be without mistakes on that day; gives its file as well."""
    ((name, content),) = rule_files([file]).items()
    findings = check({name: content}, day, setup)
    if findings.mistakes:
        raise FileMistakes(list(findings.mistakes))
    return findings.rules[0].rule, content


def _lacks(
    screen: Screen, rule: Rule, content: bytes, status: Status, told: _Evidence
) -> tuple[list[Lack], ShadowRun | None]:
    """Find what the next status asks for and is not there; gives how it did in shadow, too."""
    wanted = needs(rule.status, status)
    own = read_rule(content, rule.file)
    # Its tests are of its own parameters, whatever a store sets.
    lacks = _of_tests(screen, own, content) if wanted.tests else []
    run: ShadowRun | None = None
    if wanted.evidence and told.ledger is not None:
        meanings = {rule.meaning, own.meaning}
        run = _of_ledger(screen, told.ledger, rule.id, meanings, told.labels)
        screen.show(f"{told.ledger}: {run.sentence}")
    if wanted.evidence:
        lacks += lacks_of_evidence(run, rule, content.decode(), told.days)
    return lacks, run


def _lock_of(file: Path) -> Path:
    lock = lock_path(file)
    if lock is None:
        message = (
            f"there is no {LOCK_NAME} beside {file} to write it down in; "
            f"make one: aislewatch rules lock {file.parent}"
        )
        raise UsageError(message)
    return lock


def _of_tests(screen: Screen, rule: Rule, content: bytes) -> list[Lack]:
    text = content.decode()
    with screen.progress("trying the rule") as step:
        trial = try_rule(
            rule,
            text,
            installed_registry(),
            all_lists(content, rule.file),
            step=lambda done, total: step(done, total, rule.id),
        )
    return lacks_of_tests(trial, text)


def _of_ledger(
    screen: Screen, ledger: Path, rule: str, meanings: set[str], labels: Path | None
) -> ShadowRun:
    with Ledger.read(ledger) as reader, screen.progress("reading the ledger") as step:
        local = Places.of(reader)
        stores = reader.stores()
        here = local(stores[0]) if stores else Local()
        found = read_labels(labels, zone=here.zone, currency=here.currency) if labels else []
        return shadow_run(reader, rule, meanings, found, step=lambda done: step(done, None, rule))


def _status(text: str) -> Status:
    for status in LADDER:
        if text == status:
            return status
    message = f"--to {text} is no status; there are {', '.join(LADDER)}"
    raise UsageError(message)


def _day(text: str, setup: Setup | None) -> date:
    if not text:
        return today_in(setup)
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"--on {text} is no date; write e.g. 2026-11-21"
        raise UsageError(message) from None


def _reason(text: str) -> str:
    reason = text.strip()
    if len(reason) > _LONGEST_REASON or not reason.isprintable():
        message = f"--because is one line of at most {_LONGEST_REASON} characters"
        raise UsageError(message)
    return reason
