"""``aislewatch incidents``: what was found, and why."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from aislewatch.cli import options
from aislewatch.cli.case_page import CasePage, page_json
from aislewatch.cli.case_pictures import pictures_of
from aislewatch.cli.case_table import case_counts, case_table
from aislewatch.cli.cases import Case, cases_json, read_cases
from aislewatch.cli.places import Places
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import Local, count
from aislewatch.errors import UsageError
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.ledger import Ledger, LedgerReader
from aislewatch.runtime.picture_log import pictures_beside
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup

app = typer.Typer(no_args_is_help=True)

LATEST = 50


@app.command("list")
def show_list(
    ledger: options.LedgerFile = options.LEDGER,
    store: options.StoreFile = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were cleared, or merged into others.")
    ] = False,
    type_: Annotated[
        str, typer.Option("--type", metavar="TYPE", help="Only this type, as theft or theft.exit.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="The latest so many; 0 for all.")
    ] = LATEST,
    json: options.Json = False,
) -> int:
    """List incidents, the latest last."""
    screen = Screen(json=json)
    setup = _setup(store)
    with Ledger.read(ledger) as reader:
        places = Places.of(reader, said_of(setup))
        known = list(read_cases(reader))
        cases = [case for case in known if _is_of(case, type_)]
        undecided = _undecided(reader)
    if type_ and not cases:
        _refuse_unknown(type_, known)
    listed = [case for case in cases if everything or case.stands]
    listed.sort(key=lambda case: (case.opened_us, case.store, int(case.id.rpartition("-")[2])))
    shown = listed[-limit:] if limit and not json else listed
    for row in cases_json(shown):
        screen.give(row)
    if shown:
        screen.show(*case_table(shown, places, width=screen.width), "")
    told = case_counts(cases)
    if undecided:
        told = f"{told}, {count(undecided, 'judgement')} undecided"
    if len(shown) < len(listed):
        told = f"{told}; the latest {len(shown)} are shown: --limit 0 shows all"
    elif len(listed) < len(cases):
        told = f"{told}: --all shows those, too"
    if not shown:
        screen.show(f"{told}.")
    else:
        screen.show(f"{told}. Times are {places.zones(case.store for case in shown)}.")
        words = [shown[-1].id, "--ledger", str(ledger)]
        words += ["--store", str(store)] if store is not None else []
        screen.show(f"Look at one with: aislewatch incidents show {shlex.join(words)}")
    return 0


@app.command("show")
def show_one(
    incident: Annotated[
        str, typer.Argument(metavar="[ID]", help="Its id; the latest one if not said.")
    ] = "",
    ledger: options.LedgerFile = options.LEDGER,
    store: options.StoreFile = None,
    whole: Annotated[
        bool,
        typer.Option(
            "--whole",
            help="Every signal and event, however many; with --store, what the rules ask for.",
        ),
    ] = False,
    json: options.Json = False,
) -> int:
    """Show one incident: what to look at, why, the sum of its score, and its life."""
    screen = Screen(json=json)
    setup = _setup(store)
    with Ledger.read(ledger) as reader:
        case = find_case(list(read_cases(reader)), incident, ledger)
        late = late_events(reader, case.store)
        pictures = pictures_of(reader, case, pictures_beside(ledger))
        local = Places.of(reader, said_of(setup))(case.store)
    screen.give({**next(cases_json([case])), **page_json(case, late, pictures)} if json else None)
    rules = {rule.id: rule for rule in setup.rules} if setup is not None else {}
    page = CasePage(case, local, late, rules, width=screen.width, whole=whole, pictures=pictures)
    screen.show(page.render())
    return 0


def find_case(cases: list[Case], incident: str, ledger: Path) -> Case:
    """Give an incident by its id, the latest one where none is named.

    Raises:
        UsageError: there is none.
    """
    if not cases:
        message = f"there are no incidents in {ledger}"
        raise UsageError(message)
    if not incident:
        return max(cases, key=lambda case: case.opened_us)
    found = next((case for case in cases if case.id == incident), None)
    if found is None:
        hint = did_you_mean(incident, [case.id for case in cases], label="the latest are")
        message = f"there is no incident {incident!r} in {ledger}; {hint}".rstrip("; ")
        raise UsageError(message)
    return found


def late_events(reader: LedgerReader, store: str) -> dict[str, tuple[dict[str, Any], int]]:
    """Give the events of a store that came late, by id, and how late, microseconds."""
    late: dict[str, tuple[dict[str, Any], int]] = {}
    for record in reader.records(store, types=["event.late"]):
        told = msgspec.json.decode(record.payload)
        late[told["event"]["id"]] = told["event"], told["late_us"]
    return late


def _undecided(reader: LedgerReader) -> int:
    """Count the judgements that nobody could make, because a device did not see."""
    kinds = ["judgement.undecided"]
    return sum(1 for store in reader.stores() for _ in reader.records(store, types=kinds))


def _refuse_unknown(type_: str, cases: list[Case]) -> None:
    types = sorted({case.type for case in cases})
    if types:
        families = sorted({known.partition(".")[0] for known in types})
        hint = did_you_mean(type_, [*families, *types], label="there are")
        message = f"there are no incidents of type {type_!r}; {hint}".rstrip("; ")
        raise UsageError(message)


def _is_of(case: Case, type_: str) -> bool:
    return not type_ or case.type == type_ or case.type.startswith(f"{type_}.")


def _setup(store: Path | None) -> Setup | None:
    return read_setup(store, shown_only=True) if store is not None else None


def said_of(setup: Setup | None) -> Local | None:
    """Give what a store file calls times and amounts; None without one: the ledger knows, too."""
    return Local(setup.timezone, setup.model.currency) if setup is not None else None
