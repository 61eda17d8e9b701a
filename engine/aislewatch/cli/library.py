"""The rule library that Aislewatch ships, as files."""

from __future__ import annotations

from pathlib import Path

from aislewatch.authoring.blueprints import shipped_rules
from aislewatch.rules.lock import LOCK_NAME


def write_library(folder: Path) -> None:
    """Write the shipped rules into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in shipped_rules().iterdir():
        if file.name.endswith((".yml", LOCK_NAME)):
            (folder / file.name).write_bytes(file.read_bytes())
