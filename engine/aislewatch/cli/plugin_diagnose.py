"""``aislewatch plugin diagnose``: what a device of a run that is under way says of itself."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from aislewatch.cli import options
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import count, fact_text
from aislewatch.errors import UsageError
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.runtime.control import ask_diagnostics
from aislewatch.runtime.diagnosing import Diagnosed
from aislewatch.runtime.handover import Reach, found_in


def diagnose_device(
    device: Annotated[
        str, typer.Argument(metavar="[DEVICE]", help="As its feed is called; all if not said.")
    ] = "",
    folder: options.RunningFolder = options.RUN_FOLDER,
    store: Annotated[
        str, typer.Option("--of", metavar="STORE", help="Its store's id, where several have one.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it there as JSON, to be passed on."),
    ] = None,
    json: options.Json = False,
) -> int:
    """Say how devices of a run are, and what their plugins say of themselves; never a secret.

    Nothing is disturbed: the run goes on meanwhile.
    """
    screen = Screen(json=json)
    found = asyncio.run(_ask(found_in(folder), device, store))
    for one in found:
        screen.give(msgspec.to_builtins(one))
        _show(screen, one)
    if out is not None:
        _write(out, found)
        screen.say(f"{count(len(found), 'device')} written to {out}")
    return 1 if any(one.trouble or one.state not in {"online", "starting"} for one in found) else 0


async def _ask(reach: Reach, device: str, store: str) -> list[Diagnosed]:
    """Ask for each device by itself, so that a large shop's answers fit their messages."""
    known = await ask_diagnostics(reach, store=store)
    meant = [one for one in known if device in {"", one.device}]
    if not meant:
        names = sorted({one.device for one in known})
        hint = did_you_mean(device, names, label="there are")
        message = f"the run has no device {device!r}; {hint}".rstrip("; ")
        raise UsageError(message)
    found: list[Diagnosed] = []
    for one in meant:
        found += await ask_diagnostics(reach, one.device, one.store)
    return found


def _show(screen: Screen, one: Diagnosed) -> None:
    why = ": ".join(part for part in (one.reason, one.detail) if part)
    screen.show(f"{one.device} ({one.plugin}): {one.state}" + (f": {why}" if why else ""))
    facts: dict[str, Any] = {
        "life": f"{one.attempt}, {count(one.failures, 'failure')} before",
        "events": f"{one.events}, {one.refused} refused, {one.spooled} wait, {one.dropped} lost",
        **({"clock": str(one.clock)} if one.clock is not None else {}),
        **one.facts,
    }
    shown = table("fact", "value", show_header=False)
    for name, value in facts.items():
        shown.add_row(f"  {name}", fact_text(value))
    screen.show(shown)
    if one.trouble:
        screen.show(f"  trouble: {one.trouble}")


def _write(out: Path, found: list[Diagnosed]) -> None:
    text = msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"
    try:
        # It names addresses: for its owner, until they pass it on.
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
    except OSError as error:
        message = f"{out} cannot be written: {error.strerror or error}"
        raise UsageError(message) from None
