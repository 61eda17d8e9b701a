"""``aislewatch replay``: events that have been, decided on again."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.text import Text

from aislewatch.cli import options
from aislewatch.cli.app import COULD_NOT_RUN, FINE
from aislewatch.cli.case_table import case_counts
from aislewatch.cli.cases import Case, read_cases
from aislewatch.cli.screen import Screen, aligned
from aislewatch.cli.wording import Local, count
from aislewatch.errors import UsageError
from aislewatch.ledger import Ledger
from aislewatch.runtime.archive import is_archive
from aislewatch.runtime.as_it_was import RunPast
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.replay import Progress, ReplaySummary, replay
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup

STORES_MAX = 12
"""Stores that are shown one by one; of more, those with most incidents."""

GROUPS_SHOWN = 10
"""Reasons of refusals that are shown."""


def command(
    store: Annotated[
        Path | None,
        typer.Argument(
            metavar="STORE.yml",
            help="The store file; not needed with --as-it-was.",
            show_default=False,
        ),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            metavar="DIR|FILE",
            help="An archive of a live run; or a recording, or a folder of them: nothing else is "
            "played then. Not said: the recordings that the store file's feeds name.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="LEDGER", help="A new ledger; not said: only the summary is kept."
        ),
    ] = None,
    as_it_was: Annotated[
        Path | None,
        typer.Option(
            "--as-it-was",
            metavar="RUN",
            help="The folder of the run that the archive is of: go by the rules that it kept, and "
            "over to others where it did.",
        ),
    ] = None,
    data: options.DataFolder = None,
    json: options.Json = False,
) -> int:
    """Decide again on events that have been, from files.

    All is decided by the rules as they are now; with --as-it-was by those of a run,
    whose archive then gives the run's own ledger, byte for byte.
    """
    screen = Screen(json=json)
    if events is not None and not events.exists():
        message = f"there is nothing at {events}"
        raise UsageError(message)
    decides, setup = _rules(screen, store, as_it_was, events, data)
    local = Local(setup.timezone, setup.model.currency)
    with ExitStack() as stack:
        kept = out
        if kept is None:
            kept = Path(stack.enter_context(TemporaryDirectory(prefix="aislewatch-"))) / "replay.db"
        with screen.progress("replaying") as step:

            def progress(at: Progress) -> None:
                step(at.events, note=local.day(at.time))

            try:
                summary = replay(decides, events, kept, clock=SystemClock(), on_progress=progress)
            except KeyboardInterrupt:
                if out is not None:
                    screen.say(f"stopped before the end: {out} was not written")
                raise
        with Ledger.read(kept) as reader:
            cases = list(read_cases(reader))
    found = Counter(case.store for case in cases if case.stands)
    followed = as_it_was is not None
    screen.give(_json(summary, found, out, as_it_was=followed))
    screen.show(*_stores(summary, found), "")
    _say_what_was_left_out(screen, summary, store or as_it_was)
    _say_what_was_reloaded(screen, summary, followed=followed)
    screen.show(*_sums(summary))
    if not summary.events:
        reason = "all that was read was refused" if summary.refused_count else "no event was read"
        screen.say(f"aislewatch: nothing was decided: {reason}")
        return COULD_NOT_RUN
    screen.show(_verdict(summary, cases))
    if out is not None and cases:
        words = ["--ledger", str(out), *(["--store", str(store)] if store is not None else [])]
        screen.show(f"See them with: aislewatch incidents list {shlex.join(words)}")
    return FINE


def _verdict(summary: ReplaySummary, cases: Sequence[Case]) -> str:
    records = _records(summary)
    signals, stores = count(records["signal.raised"], "signal"), count(len(summary.stores), "store")
    undecided = count(records["judgement.undecided"], "judgement")
    return f"{stores}: {signals}, {case_counts(cases)}; {undecided} left undecided."


def _rules(
    screen: Screen,
    store: Path | None,
    as_it_was: Path | None,
    events: Path | None,
    data: Path | None,
) -> tuple[Setup | RunPast, Setup]:
    """Give what decides, and the setup that says what times and amounts are called."""
    if as_it_was is not None:
        past = RunPast(as_it_was)
        if store is not None:
            screen.say(f"{store} counts for nothing: all goes by what {as_it_was} has kept")
        if events is None:
            message = "--as-it-was goes with --events, the run's archive: see aislewatch archive"
            raise UsageError(message)
        return past, past.shown()
    if store is None:
        message = "name the store file, or with --as-it-was the folder of a run"
        raise UsageError(message)
    folder = events if events is not None and events.is_dir() and not is_archive(events) else None
    setup = read_setup(store, data=data, events=folder)
    if folder is not None:
        _say_what_is_played(screen, setup)
    return setup, setup


def _say_what_was_reloaded(screen: Screen, summary: ReplaySummary, *, followed: bool) -> None:
    for decided in summary.stores.values():
        if not decided.reloads:
            continue
        often = count(len(decided.reloads), "time")
        went = (
            ", and so did this replay"
            if followed
            else "; this replay decides all by the rules as they are now, so its head is another "
            "(see --as-it-was)"
        )
        screen.say(f"{decided.store}: the run went over to other rules {often} on the way{went}")


def _say_what_is_played(screen: Screen, setup: Setup) -> None:
    for feed in setup.feeds.values():
        for pattern in feed.config.get("files") or ():
            for file in sorted(glob(pattern, recursive=True)):  # noqa: PTH207 - absolute
                screen.say(f"playing {file} as {feed.id}")


def _say_what_was_left_out(screen: Screen, summary: ReplaySummary, known: Path | None) -> None:
    shown = summary.refused[:GROUPS_SHOWN]
    for group in shown:
        screen.say(f"refused {count(group.count, 'row')}: {group.sentence}")
    more = len(summary.refused) - len(shown)
    if more:
        rows = summary.refused_count - sum(group.count for group in shown)
        reasons = count(more, "more reason")
        screen.say(f"and {count(rows, 'row')} for {reasons}; --json shows them")
    if summary.refused_count:
        screen.say(f"refused in all: {summary.refused_count:,}")
    for stranger, times in summary.strangers.items():
        screen.say(f"passed over {count(times, 'event')} of {stranger}, which is not in {known}")


def _sums(summary: ReplaySummary) -> Iterator[str]:
    """Account for everything that was read, and for what was made of it."""
    rows = summary.rows
    if "told" in rows:
        parts = [f"{rows['told']:,} told something", count(rows["heartbeats"], "heartbeat")]
        if rows["banners"]:
            parts.append(count(rows["banners"], "banner"))
        if rows.get("repeats"):
            parts.append(f"{rows['repeats']:,} sent again")
        yield f"{count(rows['rows'], 'row')} read: {', '.join(parts)}, {rows['refused']:,} refused."
    else:
        passed = sum(summary.strangers.values())
        read = count(rows.get("rows", 0), "message")
        yield (
            f"{read} read: {summary.events:,} events, {count(summary.ticks, 'tick')}, "
            f"{summary.refused_count:,} refused, {passed:,} passed over."
        )
    among = [
        count(summary.states, "device state"),
        count(summary.counted("duplicates"), "duplicate"),
        f"{summary.counted('late', 'too late'):,} late",
    ]
    for name, what in (("conflicts", "under a known id"), ("ahead", "ahead of the clock")):
        if summary.counted(name):
            among.append(f"{summary.counted(name):,} {what}")
    yield (
        f"{count(summary.events, 'event')} taken; among them {', '.join(among)}; "
        f"{count(summary.ticks, 'tick')} of the clock beside them."
    )


def _records(summary: ReplaySummary) -> Counter[str]:
    records = Counter[str]()
    for one in summary.stores.values():
        records.update(one.records)
    return records


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


def _json(
    summary: ReplaySummary, found: Counter[str], out: Path | None, *, as_it_was: bool
) -> dict[str, Any]:
    return {
        "ledger": str(out) if out is not None else None,
        "as_it_was": as_it_was,
        "rows": summary.rows,
        "events": summary.events,
        "device_states": summary.states,
        "ticks": summary.ticks,
        "duplicates": summary.counted("duplicates"),
        "late": summary.counted("late", "too late"),
        "conflicts": summary.counted("conflicts"),
        "ahead": summary.counted("ahead"),
        "incidents": found.total(),
        "undecided": _records(summary)["judgement.undecided"],
        "refused": summary.refused_count,
        "refused_why": summary.refused,
        "strangers": summary.strangers,
        "stores": {
            name: {
                "events": one.events,
                "ticks": one.ticks,
                "counters": one.counters,
                "incidents": found[name],
                "records": one.records,
                "reloads": one.reloads,
                "head": one.head.hash.hex(),
            }
            for name, one in summary.stores.items()
        },
    }
