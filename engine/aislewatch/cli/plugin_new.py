"""``aislewatch plugin new``: a package for a new device, whose tests are green at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aislewatch.cli import options
from aislewatch.cli.screen import Screen
from aislewatch.testing.scaffolding import name_of, write_package


def new_plugin(
    name: Annotated[str, typer.Argument(metavar="NAME", help="In small letters, as in shoe-mat.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder that its own is made in.")
    ] = Path(),
    title: Annotated[
        str, typer.Option("--title", metavar="WORDS", help="What the device is, in a few words.")
    ] = "",
    json: options.Json = False,
) -> int:
    """Write a plugin's package: driver, twin, tests, README. Its first test run is green."""
    screen = Screen(json=json)
    name_of(name)
    folder = out / name
    made = write_package(name, title or f"A {name.replace('-', ' ')}", folder)
    for file in made:
        screen.show(str(file))
    screen.show(
        "",
        "Now:",
        f"  cd {folder}",
        "  pip install -e '.[dev]' && pytest",
        f"  aislewatch plugin check {name}",
        "",
        "It speaks to a device that says a line for each tag. README.md says where to make it "
        "speak to yours.",
    )
    screen.give({"name": name, "folder": str(folder), "files": [str(file) for file in made]})
    return 0
