"""The raw event stream as files: a line a message, in the stream's order, its bytes untouched.

::

    <folder>/<store>/2026-03-01.events.jsonl
    {"sequence":17,"subject":"ev.s1.gate-1.rfid.read","event":{"id":...}}
    {"sequence":18,"subject":"ev.s1.gate-1.rfid.read","base64":"bm90IGpzb24="}

A replay of the archive sees what the engine saw: late events late, ticks where they stood, and what
was no event too (``base64``: whatever is not one line of JSON). A file holds the messages that came
while the store's clock showed its day (UTC), so each file goes on where the one before ended. The
store's name is escaped as in subjects.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from aislewatch.errors import UsageError
from aislewatch.events.subjects import CLOCK_TICK, escape
from aislewatch.runtime.archive_line import (
    Archived,
    StreamMessage,
    read_line,
    store_of,
    write_line,
)

SUFFIX = ".events.jsonl"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000


class _Glance(msgspec.Struct):
    type: str
    time: int


_glance = msgspec.json.Decoder(_Glance).decode


class ArchiveWriter:
    """Adds messages to an archive; use as ``with``.

    A line that a crash cut off is dropped when its file is opened again; the stream still has it.

    Args:
        folder: made where it is absent.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stores: dict[str, _StoreFiles] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def last_sequence(self, store: str) -> int:
        """Give the last sequence that the archive holds of a store; 0 where it has nothing."""
        return self._files(store).last

    def write(self, message: StreamMessage) -> bool:
        """Add a message; one that the archive holds already is left out.

        Returns:
            Whether it was added.
        """
        files = self._files(store_of(message.subject))
        if message.sequence <= files.last:
            return False
        files.write(message)
        return True

    def close(self) -> None:
        """Write out what is buffered and close the files."""
        for files in self._stores.values():
            files.close()

    def _files(self, store: str) -> _StoreFiles:
        files = self._stores.get(store)
        if files is None:
            files = self._stores[store] = _StoreFiles(self.folder / escape(store))
        return files


class _StoreFiles:
    """One store's day files, of which the newest is open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(exist_ok=True)
        self._file: BinaryIO | None = None
        self._clock = -1
        self._day = ""
        self.last = 0
        for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True):
            _drop_torn_line(path)
            for message in _read_file(path):
                self.last = message.sequence
                self._see(message.payload)
            if self.last:
                self._day = path.name.removesuffix(SUFFIX)
                break

    def write(self, message: StreamMessage) -> None:
        self._see(message.payload)
        # Never back to an earlier file: their names are in the order of their sequences.
        day = max(self._day, _day(max(self._clock, 0)))
        if self._file is None or day != self._day:
            self.close()
            self._day = day
            self._file = (self._folder / f"{day}{SUFFIX}").open("ab")
        self._file.write(write_line(message))
        self.last = message.sequence

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _see(self, payload: bytes) -> None:
        """Move the clock: by ticks, and until the first of them by the first event."""
        try:
            seen = _glance(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if seen.time <= _LAST_US and (seen.type == CLOCK_TICK or self._clock < 0):
            self._clock = max(self._clock, seen.time)


async def export(
    messages: AsyncIterable[StreamMessage],
    folder: Path | str,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Write messages of the event stream into an archive, those that it does not hold yet.

    Args:
        messages: in the stream's order, as `Bus.read_all` gives them.
        folder: of the archive; made where it is absent.
        on_progress: called now and then with how many were read.

    Returns:
        How many were added.
    """
    added = read = 0
    with ArchiveWriter(folder) as writer:
        async for message in messages:
            added += writer.write(message)
            read += 1
            if on_progress is not None and read % 1000 == 0:
                on_progress(read)
    return added


def is_archive(path: Path) -> bool:
    """Say whether a path is an archive, a store's folder of one, or one of its files."""
    if path.is_dir():
        return next(_files_below(path), None) is not None
    return path.name.endswith(SUFFIX)


def read_archive(path: Path | str) -> Iterator[Archived]:
    """Give an archive's messages in the stream's order.

    Args:
        path: an archive, a store's folder of one, or one file.

    Raises:
        UsageError: it is no archive, or a line is not one of its lines; names file and line.
    """
    path = Path(path)
    if not is_archive(path):
        message = f"{path} is no archive: it has no files *{SUFFIX}"
        raise UsageError(message)
    if path.is_file():
        return _read_store([path])
    folders: dict[Path, list[Path]] = {}
    for file in sorted(_files_below(path)):
        folders.setdefault(file.parent, []).append(file)
    stores = [_read_store(files) for files in folders.values()]
    return heapq.merge(*stores, key=attrgetter("sequence"))


def _files_below(folder: Path) -> Iterator[Path]:
    yield from folder.glob(f"*{SUFFIX}")
    yield from folder.glob(f"*/*{SUFFIX}")


def _read_store(files: list[Path]) -> Iterator[Archived]:
    last = 0
    for file in files:
        for message in _read_file(file):
            if message.sequence <= last:
                text = f"{file}: sequence {message.sequence} comes after {last}"
                raise UsageError(text)
            last = message.sequence
            yield message


def _read_file(path: Path) -> Iterator[Archived]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                message = read_line(line)
            except ValueError as error:
                text = f"{path}:{number}: not a line of an archive: {error}"
                raise UsageError(text) from None
            yield message


def _drop_torn_line(path: Path) -> None:
    with path.open("rb+") as file:
        size = file.seek(0, 2)
        while size:
            start = max(0, size - 65_536)
            file.seek(start)
            end = file.read(size - start).rfind(b"\n")
            if end >= 0:
                size = start + end + 1
                break
            size = start
        file.truncate(size)


_LAST_US = 253_402_300_799_999_999
"""The end of the year 9999: no later day has a name of ten characters."""


def _day(time_us: int) -> str:
    """Name a day, so that names sort as days do.

    >>> _day(951_782_400_000_000)
    '2000-02-29'
    """
    return _day_name(time_us // _DAY_US)


@lru_cache(maxsize=4)
def _day_name(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).strftime("%Y-%m-%d")
