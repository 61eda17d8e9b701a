"""What commands that judge past days are given: the shop, its days, labels and costs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from aislewatch.authoring.backtest import WITHIN_US, Progress, Wanted
from aislewatch.authoring.backtest_labels import Label, read_labels
from aislewatch.authoring.backtest_report import Report
from aislewatch.cli import options
from aislewatch.cli.cases import read_cases
from aislewatch.cli.screen import Screen, Step
from aislewatch.cli.wording import count
from aislewatch.errors import FileMistakes, Mistake, UsageError
from aislewatch.events.model_mistakes import Misread
from aislewatch.events.quantities import parse_duration_us
from aislewatch.ledger import Ledger
from aislewatch.rules.backtest import Cost, Money, read_days, read_money
from aislewatch.runtime.archive import is_archive
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup

_Value = TypeVar("_Value")

DAYS = (
    "The days: an archive (`aislewatch archive`), a recording or a folder of them; or a store "
    "file, for the recordings that its feeds name."
)

StoreOfDays = Annotated[
    Path | None,
    options.store_option(
        "The store file: gives zones, lists, parameters and lateness, as they are live."
    ),
]
LabelsFile = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="What is known of past cases, CSV or JSONL: store, time, anchor or incident, "
        "about (epc=E1), verdict (theft, fraud, honest, false...), amount, rule.",
    ),
]
WithinText = Annotated[
    str, typer.Option("--within", metavar="60s", help="How far a label's time may be off.")
]
LastText = Annotated[
    str,
    typer.Option(
        "--last", metavar="28d", help="Only so many days count; else as the rule's file says."
    ),
]
FalseAlarmText = Annotated[
    str, typer.Option("--false-alarm", metavar="'EUR 12'", help="What one false alarm costs.")
]
MissText = Annotated[
    str,
    typer.Option("--miss", metavar="'EUR 35'", help="What a loss costs whose value nothing tells."),
]
Jobs = Annotated[
    int, typer.Option("--jobs", min=1, help="How many processes may work; else one a core.")
]

WITHIN = f"{WITHIN_US // 1_000_000}s"
CORES = os.cpu_count() or 1


def shop_of(data: Path | None, store: Path | None) -> tuple[Setup, Path | None]:
    """Read the store file; gives the days to judge, None for the recordings that it names."""
    if data is not None and data.suffix in {".yml", ".yaml"}:
        if store is not None and store.resolve() != data.resolve():
            message = f"the days of {data} are those of another store file than {store}: name one"
            raise UsageError(message)
        data, store = None, data
    if store is None:
        message = (
            "the days alone do not say what the shop is made of: name its store file with --store, "
            "or give the store file as --data for the recordings that it names"
        )
        raise UsageError(message)
    if data is not None and not data.exists():
        message = f"there is nothing at {data}"
        raise UsageError(message)
    folder = data if data is not None and data.is_dir() and not is_archive(data) else None
    return read_setup(store, events=folder), data


def labels_of(setup: Setup, path: Path | None, ledger: Path | None) -> list[Label]:
    """Read labels; those that name incidents get the events that these were judged for.

    Raises:
        FileMistakes: rows of the file that are no labels, or name what the ledger does not know.
    """
    if path is None:
        return []
    labels = read_labels(path, zone=setup.timezone, currency=setup.model.currency)
    if not any(label.incident for label in labels):
        return labels
    if ledger is None:
        message = f"{path} names incidents: say with --ledger where they are written down"
        raise UsageError(message)
    with Ledger.read(ledger) as reader:
        cases = {case.id: case for case in read_cases(reader)}
    mistakes: list[Mistake] = []
    found: list[Label] = []
    for label in labels:
        case = cases.get(label.incident)
        if not label.incident:
            found.append(label)
        elif case is None or label.store not in {"", case.store}:
            of = f" of {label.store}" if label.store else ""
            message = f"{ledger} has no incident {label.incident}{of}"
            mistakes.append(Mistake(str(path), label.line, 0, message))
        else:
            anchors = frozenset(told.anchor for told in case.past.values())
            time_us = label.time_us if label.time_us is not None else case.first_us
            found.append(replace(label, store=case.store, anchors=anchors, time_us=time_us))
    if mistakes:
        raise FileMistakes(mistakes)
    return found


def cost_of(false_alarm: str, miss: str) -> Cost:
    """Read what errors cost, as far as it is said."""

    def amount(option: str, text: str) -> Money | None:
        return read_option(option, text, read_money) if text else None

    return Cost(false_alarm=amount("--false-alarm", false_alarm), miss=amount("--miss", miss))


def read_option(option: str, text: str, read: Callable[[str], _Value]) -> _Value:
    """Read an option's value; what is wrong with it is told with the option's name."""
    try:
        return read(text)
    except ValueError as error:
        hint = f"; {error.hint}" if isinstance(error, Misread) and error.hint else ""
        message = f"{option}: {error}{hint}"
        raise UsageError(message) from None


def wanted_of(
    days: Path | None,
    labels: Sequence[Label],
    cost: Cost,
    *,
    within: str,
    last: str,
    jobs: int,
    seed: int = 1,
) -> Wanted:
    """Read what is asked of past days.

    Raises:
        UsageError: an option says what cannot be.
    """
    return Wanted(
        data=days,
        labels=labels,
        within_us=read_option("--within", within, parse_duration_us),
        last_days=read_option("--last", last, read_days) if last else None,
        cost=cost,
        jobs=jobs,
        seed=seed,
    )


def was_judged(screen: Screen, report: Report, setup: Setup) -> bool:
    """Say what was left out of the days, and whether anything was left to be judged."""
    if report.refused:
        screen.say(f"refused {count(report.refused, 'row')} that tell no event")
    for stranger, times in report.strangers.items():
        screen.say(f"passed over {count(times, 'event')} of {stranger}, not in {setup.file}")
    if not report.events:
        screen.say("aislewatch: nothing was judged: no event was read")
    return bool(report.events)


def progress_of(step: Step) -> Progress:
    """Tell a progress bar how far the judging of past days is."""

    def reading(events: int) -> None:
        step(events, note="events read")

    def judging(done: int, total: int) -> None:
        step(done, total, "files judged")

    return Progress(reading, judging)
