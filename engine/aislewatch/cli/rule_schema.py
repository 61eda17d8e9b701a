"""``aislewatch rules schema``: help with rule files for editors."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import Annotated

import typer

from aislewatch.authoring.editor_site import editor_site
from aislewatch.cli import options
from aislewatch.cli.rule_check import rule_files
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import count
from aislewatch.errors import UsageError
from aislewatch.rules.schema import rule_schema
from aislewatch.runtime.discovery import installed_registry


def write_schema(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILES...", help="Rule files, or folders of them, whose signals are offered."
        ),
    ] = None,
    store: Annotated[
        Path | None,
        options.store_option("The store they are for: its zones, lists and devices are offered."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it there, and make the folder for it."),
    ] = None,
    json: options.Json = False,
) -> int:
    """Write the JSON Schema of a rule file, with which editors complete, explain and check it."""
    screen = Screen(json=json)
    registry = installed_registry()
    site, mistakes = editor_site(store, rule_files(files or []))
    for mistake in mistakes:
        screen.say(mistake.render())
    code = 1 if mistakes else 0
    schema = rule_schema(registry, site)
    text = json_.dumps(schema, ensure_ascii=False, indent=1) + "\n"
    if out is None:
        screen.give(schema)
        if not json:
            screen.show(text.rstrip())
        return code
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{out} cannot be written: {error.strerror}"
        raise UsageError(message) from None
    known = [
        count(len(registry.for_rules), "type of event", "types of event"),
        count(len(site.signals), "rule"),
        count(len(site.zones), "zone"),
        count(len(list(site.lists)), "list"),
    ]
    screen.show(f"{out}: knows {', '.join(known)}")
    screen.give(
        {
            "file": str(out),
            "types": sorted(registry.for_rules),
            "rules": sorted(site.signals),
            "zones": sorted(site.zones),
            "lists": sorted(site.lists),
        }
    )
    return code
