"""``aislewatch replay``: events that have been, decided on again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.text import Text

from aislewatch.cli import options
from aislewatch.cli.case_table import case_counts
from aislewatch.cli.cases import read_cases
from aislewatch.cli.screen import Screen, aligned
from aislewatch.cli.wording import Local, count
from aislewatch.errors import UsageError
from aislewatch.ledger import Ledger
from aislewatch.runtime.archive import is_archive
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.replay import Progress, ReplaySummary, replay
from aislewatch.runtime.storefile import read_setup

STORES_MAX = 12
"""Stores that are shown one by one; of more, those with most incidents."""


def command(
    store: Annotated[Path, typer.Argument(metavar="STORE.yml", help="The store file.")],
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            metavar="DIR|FILE",
            help="An archive of a live run; or a recording, or a folder of them. Not said: the "
            "recordings that the store file's feeds name.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="LEDGER", help="A new ledger; not said: only the summary is kept."
        ),
    ] = None,
    data: options.DataFolder = None,
    json: options.Json = False,
) -> None:
    """Decide again on events that have been, from files.

    From the archive of a live run it gives the ledger that the live run gave, byte for byte.
    """
    screen = Screen(json=json)
    if events is not None and not events.exists():
        message = f"there is nothing at {events}"
        raise UsageError(message)
    folder = events if events is not None and events.is_dir() and not is_archive(events) else None
    setup = read_setup(store, data=data, events=folder)
    local = Local(setup.timezone, setup.model.currency)
    with ExitStack() as stack:
        kept = out
        if kept is None:
            kept = Path(stack.enter_context(TemporaryDirectory(prefix="aislewatch-"))) / "replay.db"
        with screen.progress("replaying") as step:

            def progress(at: Progress) -> None:
                step(at.events, note=local.day(at.time))

            summary = replay(setup, events, kept, clock=SystemClock(), on_progress=progress)
        with Ledger.read(kept) as reader:
            cases = list(read_cases(reader))
    found = Counter(case.store for case in cases if case.stands)
    screen.give(_json(summary, found, out))
    screen.show(*_stores(summary, found), "")
    for reason, times in summary.refused.items():
        screen.say(f"refused {count(times, 'row')}: {reason}")
    for stranger, times in summary.strangers.items():
        screen.say(f"passed over {count(times, 'event')} of {stranger}, which is not in {store}")
    records = Counter[str]()
    for one in summary.stores.values():
        records.update(one.records)
    signals, stores = count(records["signal.raised"], "signal"), count(len(summary.stores), "store")
    screen.show(f"{count(summary.events, 'event')} of {stores}: {signals}, {case_counts(cases)}.")
    if out is not None and cases:
        screen.show(f"See them with: aislewatch incidents list --ledger {out} --store {store}")


def _stores(summary: ReplaySummary, found: Counter[str]) -> Iterator[Text]:
    ordered = sorted(summary.stores.values(), key=lambda one: (-found[one.store], one.store))
    rows = [
        (
            one.store,
            f"{one.events:,}",
            f"{one.records.get('signal.raised', 0):,}",
            f"{found[one.store]:,}",
            one.head.hash.hex(),
        )
        for one in ordered[:STORES_MAX]
    ]
    headings = ("store", "events", "signals", "incidents", "head")
    heading, *lines = aligned([headings, *rows], right=[1, 2, 3])
    yield Text(heading, "bold")
    yield from map(Text, lines)
    if len(ordered) > STORES_MAX:
        yield Text(f"... and {len(ordered) - STORES_MAX} more")


def _json(summary: ReplaySummary, found: Counter[str], out: Path | None) -> dict[str, Any]:
    return {
        "ledger": str(out) if out is not None else None,
        "events": summary.events,
        "incidents": found.total(),
        "refused": summary.refused_count,
        "refused_why": summary.refused,
        "strangers": summary.strangers,
        "stores": {
            name: {
                "events": one.events,
                "incidents": found[name],
                "records": one.records,
                "head": one.head.hash.hex(),
            }
            for name, one in summary.stores.items()
        },
    }
