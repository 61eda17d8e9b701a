"""The rule library that Aislewatch ships, as files."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import aislewatch
from aislewatch.rules.lock import LOCK_NAME


def write_library(folder: Path) -> None:
    """Write the shipped rules into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    # In a source tree they are where they are edited; a copy beside it would be an old one.
    source = Path(aislewatch.__file__).parents[2] / "rules"
    shipped = source if source.is_dir() else files("aislewatch_rules")
    for file in shipped.iterdir():
        if file.name.endswith((".yml", LOCK_NAME)):
            (folder / file.name).write_bytes(file.read_bytes())
