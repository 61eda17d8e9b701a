"""``aislewatch run``: watch a shop."""

from __future__ import annotations

import asyncio
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aislewatch.cli import options
from aislewatch.cli.live_lines import LiveLines
from aislewatch.cli.screen import Screen
from aislewatch.cli.simulated_day import new_ledger, simulated_day
from aislewatch.cli.simulator import shipped, shipped_names
from aislewatch.cli.wording import Local, count
from aislewatch.errors import UsageError
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.live_status import Summary
from aislewatch.runtime.nats_config import Credentials
from aislewatch.runtime.storefile import read_setup, simulator_of

USER, PASSWORD = "AISLEWATCH_NATS_USER", "AISLEWATCH_NATS_PASSWORD"
"""Where the credentials for a NATS of the operator's own are read from: never the command line."""


class Host(StrEnum):
    """Where plugins and the engine run."""

    RAY = "ray"
    INLINE = "inline"


HostOption = Annotated[
    Host,
    typer.Option(
        "--host", help="ray: a process for each device and the engine. inline: all in this one."
    ),
]


def command(
    store: Annotated[
        Path,
        typer.Argument(
            metavar="STORE.yml",
            help="The store file; or, with --simulated, the name of a shop that is shipped.",
        ),
    ],
    ledger: Annotated[
        Path | None,
        typer.Option(
            "--ledger",
            metavar="FILE",
            help=f"The ledger; {options.LEDGER} if not said. A simulated day has one of its own.",
        ),
    ] = None,
    host: HostOption = Host.RAY,
    nats: Annotated[
        str,
        typer.Option(
            "--nats",
            metavar="URL",
            help=f"A NATS server of your own; {USER} and {PASSWORD} say who we are there. "
            "Not said: one that is brought along.",
        ),
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            help="For the event stream and what waits for it; beside the ledger if not said.",
        ),
    ] = None,
    data: options.DataFolder = None,
    simulated: Annotated[
        bool,
        typer.Option(
            "--simulated",
            help="Simulators stand behind the devices; every event says so. The one that the store "
            "file names is started, and the run ends with its day.",
        ),
    ] = False,
    json: options.Json = False,
) -> int:
    """Watch a shop's devices and write what is found into a ledger.

    Ctrl-C stops it in order; started again, it goes on where it stopped. SIGHUP has it go by its
    rules, lists and parameters as they are now, as `aislewatch reload` does.
    """
    screen = Screen(json=json)
    store = _found(store, simulated=simulated)
    kind = simulator_of(store)
    if kind and not simulated:
        message = f"the devices of {store} are simulated: say --simulated, which starts them"
        raise UsageError(message)
    ledger = new_ledger(ledger) if kind else ledger or options.LEDGER
    how = Options(
        ledger=ledger,
        folder=folder if folder is not None else ledger.with_suffix(".run"),
        host=host.value,
        nats=nats,
        credentials=Credentials(os.environ.get(USER, ""), os.environ.get(PASSWORD, "")),
        simulated=simulated,
    )
    if kind:
        return asyncio.run(simulated_day(screen, store, kind, how, data=data))
    setup = read_setup(store, data=data)
    if not setup.feeds:
        message = f"{store} has no feeds, so there is nothing to run"
        raise UsageError(message)
    local = Local(setup.timezone, setup.model.currency)
    lines = LiveLines(screen, local, wall=setup.recording is None)

    def begin() -> None:
        screen.say(f"watching {setup.name or store}; the ledger is {ledger}. Ctrl-C stops it.")

    summary = asyncio.run(
        run(
            [LiveStore(setup, data=data)],
            how,
            on_snapshot=lines.snapshot,
            on_record=lines.record,
            on_refused=lines.refused,
            on_begin=begin,
            on_reloaded=lines.reloaded,
        )
    )
    lines.end()
    return conclude(screen, summary)


def _found(store: Path, *, simulated: bool) -> Path:
    """Give the store file that is meant: one that is there, or a shipped shop's by its name."""
    if store.is_file():
        return store
    found = shipped(str(store))
    if found is None and simulated:
        names = ", ".join(shipped_names())
        message = f"there is no store file {store}; the shops that are shipped: {names}"
        raise UsageError(message)
    return found or store


def conclude(screen: Screen, summary: Summary) -> int:
    """Say how a run ended; gives the exit code."""
    screen.give(
        {
            "summary": {
                "completed": summary.completed,
                "failures": summary.failures,
                "stores": {
                    store.store: {
                        "incidents": store.incidents,
                        "records": store.head.position,
                        "head": store.head.hash.hex(),
                    }
                    for store in summary.last.stores
                },
            }
        }
    )
    for store in summary.last.stores:
        screen.say(
            f"{store.store}: {count(store.incidents, 'incident')} in this run; the chain has "
            f"{count(store.head.position, 'record')}, its head is {store.head.hash.hex()}"
        )
    for failure in summary.failures:
        screen.say(f"failed: {failure}")
    return 2 if summary.failures else 0
