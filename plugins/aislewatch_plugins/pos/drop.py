"""Files that tills drop into a folder: each is read once it is whole, then put away.

A file is taken when its size and time have stood still for so many looks, or at once when its
marker lies beside it. Names that begin with a point or end as unfinished files do are passed over,
for those who write aside and rename. A document that just ends too early is given more time, and
then read as far as it goes. Nothing is deleted unless the configuration says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from aislewatch.errors import DeviceNotReady

After = Literal["move", "delete", "keep"]
UNFINISHED = (".tmp", ".part", ".partial", ".writing", ".filepart", "~")
DONE = "done"

_SEEN_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file that was read.

    Attributes:
        name: of the file, in its folder.
        data: what it holds.
        last: it will not be looked at again, so what it lacks will never come.
        size: bytes of the file; more than ``data`` where it is too large to be read.
    """

    name: str
    data: bytes
    last: bool
    size: int


Take = Callable[[Dropped], Awaitable[bool]]
"""Takes a file; returns once it cannot be lost, False to be given it again when it has grown."""


@dataclass(slots=True)
class _Watched:
    mark: tuple[int, int]
    looks: int = 0
    refused_looks: int = 0


class DropSource:
    """Watches a folder.

    Args:
        folder: to watch; not those in it.
        pattern: of the names that count, with ``*`` and ``?``.
        take: takes each file.
        look_s: pause between two looks.
        settle_looks: how many looks a file must stand still for.
        patience_looks: how many looks a file that ends too early is waited for.
        after: what becomes of a file that was read.
        marker: what is put behind a name for the file that says it is whole; empty: there is none.
        most_bytes: of a file; the first bytes of a larger one are taken for a refusal.
    """

    def __init__(
        self,
        folder: Path,
        pattern: str,
        take: Take,
        *,
        look_s: float,
        settle_looks: int,
        patience_looks: int,
        after: After,
        marker: str,
        most_bytes: int,
    ) -> None:
        self._folder = folder
        self._pattern = pattern
        self._take = take
        self._look_s = look_s
        self._settle_looks = settle_looks
        self._patience_looks = patience_looks
        self._after: After = after
        self._marker = marker
        self._most_bytes = most_bytes
        self._watched: dict[str, _Watched] = {}
        self._kept: dict[str, tuple[int, int]] = {}
        self._open = False

    @property
    def connected(self) -> bool:
        """The folder is there."""
        return self._open

    @property
    def port(self) -> int | None:
        """None: nobody connects."""
        return None

    async def open(self) -> None:
        """Look whether the folder is there.

        Raises:
            DeviceNotReady: it is not, or cannot be read or written.
        """
        await asyncio.to_thread(self._names)
        self._open = True

    async def run(self) -> None:
        """Look again and again until cancelled.

        Raises:
            DeviceNotReady: the folder is gone, or a file cannot be put away.
        """
        while True:
            await self.look()
            await asyncio.sleep(self._look_s)

    async def close(self) -> None:
        """Look no more; may be called again."""
        self._open = False

    async def look(self) -> None:
        """Look once, and take what is whole."""
        marks = await asyncio.to_thread(self._names)
        for gone in self._watched.keys() - marks.keys():
            del self._watched[gone]
        for name, mark in marks.items():
            marker = bool(self._marker) and name.endswith(self._marker)
            if marker or self._kept.get(name) == mark:
                continue
            watched = self._watched.setdefault(name, _Watched(mark))
            if watched.mark != mark:
                self._watched[name] = watched = _Watched(mark)
            watched.looks += 1
            marked = bool(self._marker) and name + self._marker in marks
            if marked or (not self._marker and watched.looks > self._settle_looks):
                await self._read(name, watched, whole=marked)

    async def _read(self, name: str, watched: _Watched, *, whole: bool) -> None:
        try:
            data, size = await asyncio.to_thread(self._data, self._folder / name)
        except OSError:
            return  # Taken away or locked meanwhile; the next look tells.
        last = whole or watched.refused_looks >= self._patience_looks
        if not await self._take(Dropped(name, data, last, size)) and not last:
            watched.refused_looks += 1
            return
        del self._watched[name]
        try:
            await asyncio.to_thread(self._put_away, name)
        except OSError as error:
            # Read again and again it would fill the dead letter.
            self._kept[name] = watched.mark
            message = f"{name} cannot be put away: {error.strerror or error}"
            raise DeviceNotReady(message) from None
        if self._after == "keep":
            self._kept[name] = watched.mark
            if len(self._kept) > _SEEN_MOST:
                del self._kept[next(iter(self._kept))]

    def _names(self) -> dict[str, tuple[int, int]]:
        """Give the files that count, with size and time, in the order of their names."""
        found: dict[str, tuple[int, int]] = {}
        try:
            paths = sorted(self._folder.iterdir())
        except OSError as error:
            message = f"the folder {self._folder} cannot be read: {error.strerror or error}"
            raise DeviceNotReady(message) from None
        for path in paths:
            name = path.name
            if name.startswith(".") or name.lower().endswith(UNFINISHED):
                continue
            base = name.removesuffix(self._marker) if self._marker else name
            with contextlib.suppress(OSError):  # Gone since, or not ours to see.
                if fnmatchcase(base, self._pattern) and path.is_file():
                    stat = path.stat()
                    found[name] = (stat.st_size, stat.st_mtime_ns)
        return found

    def _data(self, path: Path) -> tuple[bytes, int]:
        with path.open("rb") as file:
            data = file.read(self._most_bytes + 1)
        return data[: self._most_bytes], max(len(data), path.stat().st_size)

    def _put_away(self, name: str) -> None:
        if self._after == "keep":
            return
        for each in (name, name + self._marker if self._marker else ""):
            path = self._folder / each
            if not each or not path.exists():
                continue
            if self._after == "delete":
                path.unlink()
                continue
            done = self._folder / DONE
            done.mkdir(exist_ok=True)
            path.replace(_free(done / each))


def _free(path: Path) -> Path:
    """Give a path that is free: a till may use a file's name again."""
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}.{number}{path.suffix}")
    return free
