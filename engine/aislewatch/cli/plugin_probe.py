"""``aislewatch plugin probe``: is the device there, and what does it tell? Needs no store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Annotated, Any, cast

import typer
from msgspec import to_builtins

from aislewatch.cli import options
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import count, fact_text
from aislewatch.errors import UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event
from aislewatch.events.located import LocatedYaml
from aislewatch.events.sensor import SensorPlugin
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.discovery import find_sensor
from aislewatch.runtime.installed import sensors_named
from aislewatch.runtime.probing import (
    Hearing,
    Listened,
    Probed,
    bench_context,
    listen,
    made,
    probe,
)


def probe_device(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As `plugin list` has it, or module:Class.")
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="SETTING=VALUE...", help="Dots lead inward: shelf.id=A1."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="YAML with its settings, as under `config:`"),
    ] = None,
    listen_s: Annotated[
        float,
        typer.Option(
            "--listen", metavar="SECONDS", min=0.0, help="Then open it and show what it tells."
        ),
    ] = 0.0,
    within_s: Annotated[
        float, typer.Option("--within", metavar="SECONDS", min=0.1, help="How long to wait.")
    ] = 10.0,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="A simulator stands behind it; its events say so.")
    ] = False,
    json: options.Json = False,
) -> int:
    """Look whether a device is there, and with --listen what it tells; disturbs nothing."""
    screen = Screen(json=json)
    sensor = _sensor(name)
    given, file = _given(settings or [], config, name)
    if config is not None and not settings:
        LocatedYaml.parse(config.read_text(encoding="utf-8"), str(config)).validate(sensor.Config)
    folder = str((config.parent if config is not None else Path()).resolve())

    async def look() -> tuple[Probed, Listened | None]:
        probed = await probe(made(sensor, given, file), given, within_s=within_s)
        _show(screen, name, probed)
        if not listen_s or not probed.info.reachable:
            return probed, None
        screen.say(f"listening for {listen_s:g} s")
        context = bench_context(
            clock=SystemClock(), random=Random(0), folder=folder, simulated=simulated
        )
        plugin = made(sensor, given, file)
        return probed, await listen(plugin, context, hearing, given, for_s=listen_s)

    events: list[Any] = []
    refused: list[dict[str, str]] = []

    def on_event(event: Event) -> None:
        events.append(to_builtins(event))
        screen.show(Codec.encode(event).decode())

    def on_refused(raw: bytes, reason: str) -> None:
        refused.append({"raw": raw.hex(), "reason": reason})
        screen.show(f"refused {raw!r}: {reason}")

    hearing = Hearing(on_event, on_refused)
    probed, listened = asyncio.run(look())
    if listened is not None:
        _show_end(screen, listened, len(events), len(refused))
    info = probed.info
    screen.give(
        {
            "name": name,
            "reachable": info.reachable,
            "detail": info.detail,
            "facts": dict(info.facts),
            "trouble": probed.trouble,
            "listened": None
            if listened is None
            else {**asdict(listened), "events": events, "refused": refused},
        }
    )
    trouble = probed.trouble or (listened.trouble if listened is not None else "")
    return 0 if info.reachable and not trouble else 1


def _show(screen: Screen, name: str, probed: Probed) -> None:
    info = probed.info
    screen.show(f"{name}: {'is there' if info.reachable else 'is not there'}: {info.detail}")
    _show_facts(screen, info.facts)
    if probed.trouble:
        screen.show(f"trouble: {probed.trouble}")


def _show_end(screen: Screen, listened: Listened, events: int, refused: int) -> None:
    health = listened.health
    state = "connected" if health.connected else "not connected"
    told = f"{count(events, 'event')}, {refused} refused"
    screen.show("", f"{told}; {state}" + (f": {health.detail}" if health.detail else ""))
    if health.clock is not None:
        screen.show(str(health.clock))
    _show_facts(screen, listened.diagnostics)
    if listened.trouble:
        screen.show(f"trouble: {listened.trouble}")


def _show_facts(screen: Screen, facts: Mapping[str, object]) -> None:
    if not facts:
        return
    shown = table("fact", "value", show_header=False)
    for name, value in facts.items():
        shown.add_row(f"  {name}", fact_text(value))
    screen.show(shown)


def _sensor(name: str) -> type[SensorPlugin]:
    if ":" in name:
        return find_sensor(name)
    meant = [one for one in sensors_named(name) if one.name == name]
    if len(meant) != 1:
        names = ", ".join(one.name for one in sensors_named(name))
        message = f"{name} is a package of {names}: say which of them"
        raise UsageError(message)
    if meant[0].sensor is None:
        message = f"sensor plugin {name!r} {meant[0].trouble}"
        raise UsageError(message)
    return meant[0].sensor


def _given(settings: list[str], config: Path | None, name: str) -> tuple[dict[str, Any], str]:
    """Give the settings and where they were written; words of the command line go before a file."""
    given: dict[str, Any] = {}
    file = f"settings of {name}"
    if config is not None:
        file = str(config)
        data = LocatedYaml.parse(config.read_text(encoding="utf-8"), file).data
        if not isinstance(data, dict):
            message = f"{config} holds no settings: write one `name: value` a line"
            raise UsageError(message)
        given |= cast("dict[str, Any]", data)
    for word in settings:
        path, equals, text = word.partition("=")
        if not equals or not all(path.split(".")):
            message = f"{word!r} is no setting; write NAME=VALUE, as in port=/dev/ttyUSB0"
            raise UsageError(message)
        *outer, last = path.split(".")
        part = given
        for step in outer:
            deeper: Any = part.setdefault(step, {})
            if not isinstance(deeper, dict):
                message = f"{word!r}: {step} is a value already and holds no settings"
                raise UsageError(message)
            part = cast("dict[str, Any]", deeper)
        # As in a file: a list or a mapping may be written in one line.
        part[last] = LocatedYaml.parse(text, word).data if text[:1] in "[{" and text else text
    return given, file
