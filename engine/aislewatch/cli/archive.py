"""``aislewatch archive``: what a run's devices told, as files that can be replayed."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Annotated

import typer

from aislewatch.cli import options
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import count
from aislewatch.runtime.run_folder import write_archive


def command(
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="A folder for the day files; one that is there is gone on with.",
        ),
    ],
    folder: options.RunningFolder = options.RUN_FOLDER,
    json: options.Json = False,
) -> None:
    """Write a run's event stream as files, to be replayed.

    The run must be over. A replay of them as it was gives the run's ledger, byte for byte.
    """
    screen = Screen(json=json)
    with screen.progress("archiving") as step:
        added = asyncio.run(write_archive(folder, out, on_progress=step))
    screen.give({"archive": str(out), "added": added})
    screen.show(f"{count(added, 'message')} added to {out}.")
    events = f"--events {shlex.quote(str(out))}"
    screen.show(f"Replay them with: aislewatch replay STORE.yml {events}")
    run = shlex.quote(str(folder))
    screen.show(f"As it was, to the same ledger: aislewatch replay --as-it-was {run} {events}")
