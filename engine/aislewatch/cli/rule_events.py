"""``aislewatch rules events``: the types of event that rules and mapping files can name.

Without words it lists the types; with a type, or its beginning, the fields of each such type, by
the names that rules, tests and mapping files use for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from aislewatch.cli import options
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import count
from aislewatch.errors import UsageError
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.registry import KindSpec
from aislewatch.rules.schema_help import about_field, fields_of
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.storefile import read_setup

_LEGEND = """\
Every event also has device, store and time. What is not always there may be unknown.
joins: a clause may join on it, as in same: [lane]."""


def show_events(
    types: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TYPE...",
            help="Types whose fields are shown, or how they begin: pos.refund, or pos.",
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", metavar="STORE.yml", help="Say, too, which of its devices see each type."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """List the types of event that there are; of a type that is named, its fields."""
    screen = Screen(json=json)
    setup = read_setup(store) if store is not None else None
    kinds = (setup.registry if setup is not None else installed_registry()).for_rules
    seers: dict[str, list[str]] = {type_: [] for type_ in kinds}
    for device in setup.model.devices.values() if setup is not None else ():
        for type_ in device.sees & kinds.keys():
            seers[type_].append(device.id)
    meant = _meant(types, kinds) if types else sorted(kinds)
    screen.give([_as_json(kinds[type_], sorted(seers[type_])) for type_ in meant])
    if types:
        for type_ in meant:
            _show_fields(screen, kinds[type_], _seen_by(sorted(seers[type_])) if store else "")
        screen.say(_LEGEND)
        return
    shown = table("type", "what it tells", *(["seen by"] if store else []))
    for type_ in meant:
        row = [Text(type_), Text(kinds[type_].doc)]
        shown.add_row(*row, *([Text(_seen_by(sorted(seers[type_])))] if store else []))
    screen.show(shown)
    screen.say(f"\n{count(len(meant), 'type')}. Fields: aislewatch rules events {meant[0]}")


def _meant(words: list[str], kinds: Mapping[str, KindSpec]) -> list[str]:
    """Give the types that are named, or begin with a word before a dot.

    Raises:
        UsageError: a word is neither.
    """
    meant: list[str] = []
    for word in words:
        stem = word.rstrip(".") + "."
        found = [word] if word in kinds else sorted(t for t in kinds if t.startswith(stem))
        if not found:
            hint = did_you_mean(word, kinds)
            message = f"there is no type of event {word!r}" + (f"; {hint}" if hint else "")
            raise UsageError(message)
        meant += found
    return list(dict.fromkeys(meant))


def _show_fields(screen: Screen, kind: KindSpec, seen_by: str) -> None:
    screen.show(Text(f"{kind.type}: {kind.doc}", "bold"))
    if seen_by:
        screen.show(f"seen by {seen_by}")
    shown = table("field", "what it is", "", show_header=False)
    for path, spec in fields_of(kind).items():
        marks = [*(["always there"] if spec.required else []), *(["joins"] if spec.key else [])]
        shown.add_row(Text(f"  {path}"), Text(_plain(about_field(spec))), Text(", ".join(marks)))
    screen.show(shown, "")


def _plain(markdown: str) -> str:
    return markdown.replace("`", "")


def _seen_by(devices: list[str]) -> str:
    return ", ".join(devices) or "no device"


def _as_json(kind: KindSpec, devices: list[str]) -> dict[str, Any]:
    return {
        "type": kind.type,
        "about": kind.doc,
        "seen_by": devices,
        "fields": [
            {
                "name": path,
                "about": spec.doc,
                "unit": spec.display_unit,
                "values": list(spec.values),
                "always": spec.required,
                "joins": spec.key,
            }
            for path, spec in fields_of(kind).items()
        ],
    }
