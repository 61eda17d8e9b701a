"""``aislewatch dead-letters``: what a run's devices sent that made no sense, and why."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from aislewatch.cli import options
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import count
from aislewatch.runtime.bus_message import DeadLetter
from aislewatch.runtime.refusals import Refusals
from aislewatch.runtime.run_folder import dead_letters

LATEST = 20
RAW_SHOWN = 200
"""Characters of what was sent that are shown; ``--json`` gives all."""


def command(
    folder: options.RunningFolder = options.RUN_FOLDER,
    only: Annotated[
        str, typer.Option("--only", metavar="STORE", help="Only those of this store.")
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="The latest so many; 0 for all.")
    ] = LATEST,
    json: options.Json = False,
) -> None:
    """See what a run has refused, and why.

    The run must be over; while it lasts it says the same itself. The groups at the end are of all.
    """
    screen = Screen(json=json)
    letters = asyncio.run(dead_letters(folder, only))
    shown = letters[-limit:] if limit and not json else letters
    refusals = Refusals()
    for _, letter in letters:
        refusals.add(letter.place, letter.reason)
    for number, letter in shown:
        screen.give({"number": number, **letter_json(letter)})
        raw = letter.payload.decode(errors="backslashreplace")
        told = msgspec.json.encode(raw).decode() if not raw.isprintable() else raw
        screen.show(
            Text.assemble((f"{number:>6}  {letter.store}  {letter.device}  ", "bold"), why(letter)),
            Text(f"        {told[:RAW_SHOWN]}", "dim"),
        )
    if shown:
        screen.show("")
    for group in refusals.groups():
        screen.show(f"{group.count:>6,}  {group.sentence}")
    screen.show(f"{count(len(letters), 'dead letter')} in {folder}.")


def why(letter: DeadLetter) -> str:
    """Say why something was refused, and by what."""
    return f"{letter.reason} (at {letter.place})" if letter.place else letter.reason


def letter_json(letter: DeadLetter) -> dict[str, Any]:
    """Give a dead letter for scripts; what was sent as text, or as base64 where it is none."""
    told: dict[str, Any] = {
        "store": letter.store,
        "device": letter.device,
        "reason": letter.reason,
        "place": letter.place,
        "size": letter.size,
    }
    try:
        return {**told, "raw": letter.payload.decode()}
    except UnicodeDecodeError:
        return {**told, "raw_base64": b64encode(letter.payload).decode()}
