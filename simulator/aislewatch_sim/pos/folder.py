"""A till that drops its files into a folder, with the faults of a bad disk or a slow share."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aislewatch_sim.faults import Faults, perform


class Dropper:
    """Writes files into a folder.

    Args:
        folder: where to.
        faults: what happens to each file's bytes on their way.
        aside: write under another name and rename, as careful tills do.
    """

    def __init__(self, folder: Path, faults: Faults, *, aside: bool = False) -> None:
        self._folder = folder
        self._faults = faults
        self._aside = aside

    async def drop(self, name: str, data: bytes) -> None:
        """Write a file."""
        path = self._folder / (f"{name}.tmp" if self._aside else name)
        await perform(self._faults.sent(data), _File(path))
        if self._aside:
            await asyncio.to_thread(path.replace, self._folder / name)


class _File:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._shut = False

    async def write(self, data: bytes) -> None:
        if not self._shut:
            await asyncio.to_thread(self._append, data)

    async def hang_up(self) -> None:
        self._shut = True

    def _append(self, data: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(data)
