"""``aislewatch reload``: a run goes by its rules, lists and parameters as they are now."""

from __future__ import annotations

import asyncio
from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from aislewatch.cli import options
from aislewatch.cli.screen import Screen
from aislewatch.errors import FileMistakes, UsageError
from aislewatch.runtime.control import ask_reload
from aislewatch.runtime.handover import found_in
from aislewatch.runtime.live_reload import Reload, Reloaded
from aislewatch.runtime.who import pseudonym


def command(
    store: Annotated[
        Path, typer.Argument(metavar="STORE.yml", help="The store file that is being run.")
    ],
    folder: options.RunningFolder = options.RUN_FOLDER,
    json: options.Json = False,
) -> int:
    """Have a run go by its rules, lists and parameters as they are now.

    Nothing is lost and nothing judged twice: up to one place in its log it decides by the old, from
    there on by the new, and the ledger says where. With mistakes in the files it goes on as it was.
    """
    screen = Screen(json=json)
    reach = found_in(folder)
    reach.require(store)
    with screen.progress("reloading"):
        reloaded = asyncio.run(ask_reload(reach, pseudonym(folder, getuser())))
    if reloaded.mistakes:
        screen.say("the run goes on as it was:")
        raise FileMistakes(list(reloaded.mistakes))
    if reloaded.refused:
        raise UsageError(reloaded.refused)
    screen.give(reloaded)
    for line in reload_lines(reloaded):
        screen.show(Text(line))
    return 0


def reload_lines(reloaded: Reloaded) -> list[str]:
    """Say what became of a reload that was taken."""
    lines = [_line(one) for one in reloaded.stores]
    if not lines and reloaded.changed:
        lines = ["no store was heard of yet: the new rules decide in all of them"]
    elif not lines:
        lines = ["nothing has changed in what decides: the run goes on as it was"]
    return [*lines, *(f"note: {note}" for note in reloaded.notes)]


def _line(one: Reload) -> str:
    if not one.sequence:
        return f"{one.store}: NATS is away; the new rules wait for it, and decide from then on"
    since = f"{one.store}: decides by the new rules from place {one.sequence:,} of its log on"
    if not one.committed:
        return f"{since}; it has not come there yet"
    if one.record is not None:
        return f"{since}; record {one.record:,} of its chain names them"
    return since
