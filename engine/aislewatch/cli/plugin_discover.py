"""``aislewatch plugin discover``: which devices are there, as a store file would have them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from aislewatch.cli import options
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import count
from aislewatch.errors import UsageError
from aislewatch.events.sensor import Search, SensorPlugin
from aislewatch.runtime.discovering import Found, discover, searches
from aislewatch.runtime.installed import installed_sensors, sensors_named


def discover_devices(
    kind: Annotated[
        str,
        typer.Argument(metavar="[KIND]", help="A plugin's name; if not said, all."),
    ] = "",
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SETTING=VALUE...",
            help="What is known already: address=10.0.0.0/24, port=/dev/ttyUSB0, broker=10.0.0.5.",
        ),
    ] = None,
    within_s: Annotated[
        float, typer.Option("--within", metavar="SECONDS", min=0.1, max=600.0, help="How long.")
    ] = 10.0,
    json: options.Json = False,
) -> int:
    """Look for devices and print them as they would stand in a store file.

    Without settings nobody is spoken to: only what is plugged in here is listed. With them, what
    they name is asked; a network is never searched that they do not name.
    """
    screen = Screen(json=json)
    kinds = _kinds(kind)
    search = Search(_given(settings or []), str(Path().resolve()))
    if search.settings and not kind:
        message = "settings belong to a kind of device: plugin discover KIND SETTING=VALUE"
        raise UsageError(message)
    found: list[Found] = []
    with screen.progress("looking") as step:

        def on_found(one: Found) -> None:
            found.append(one)
            step(0, note=f"{count(len(found), 'device')}, the last: {one.candidate.device}")

        troubles = asyncio.run(discover(kinds, search, within_s=within_s, on_found=on_found))
    for one in found:
        screen.give(_json(one))
    for name, trouble in troubles.items():
        screen.give({"kind": name, "trouble": trouble})
        screen.say(f"{name}: {trouble}")
    if found:
        screen.show(_yaml(found))
    else:
        looked = ", ".join(kinds)
        screen.say(f"nothing was found by {looked}; name where to look: SETTING=VALUE")
    return 0 if found and not troubles else 1


def _kinds(kind: str) -> dict[str, type[SensorPlugin]]:
    named = sensors_named(kind) if kind else installed_sensors()
    usable = {one.name: one.sensor for one in named if one.sensor is not None}
    able = {name: sensor for name, sensor in usable.items() if searches(sensor)}
    if not able:
        message = f"{kind or 'no installed plugin'} cannot look for devices by itself"
        raise UsageError(message)
    return able


def _given(words: list[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and value):
            message = f"{word!r} is no setting; write NAME=VALUE, as in port=/dev/ttyUSB0"
            raise UsageError(message)
        given[name] = value
    return given


def _json(one: Found) -> dict[str, Any]:
    candidate = one.candidate
    return {
        "device": candidate.device,
        "feed": one.feed,
        "detail": candidate.detail,
        "sure": candidate.sure,
    }


def _yaml(found: list[Found]) -> str:
    """Give a store file's ``feeds``, each with what was seen of it as a comment."""
    lines = ["feeds:"]
    for one in sorted(found, key=lambda one: (not one.candidate.sure, one.candidate.device)):
        sure = "" if one.candidate.sure else "perhaps: "
        lines.append(f"  # {sure}{one.candidate.detail}")
        feed: dict[str, Any] = {one.candidate.device: dict(one.feed)}
        written: str = yaml.safe_dump(feed, sort_keys=False, allow_unicode=True)
        lines += [f"  {line}" for line in written.splitlines()]
    return "\n".join(lines)
