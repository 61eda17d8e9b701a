"""The days that a backtest judges: an archive as it lies, or recordings laid down as one.

An archive has a folder a store, so that stores can be judged side by side, and its lines are read
one by one, so that memory is bounded whatever its size. Recordings of many stores may share a file;
they are first written as an archive, in a folder that is gone afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from aislewatch.errors import UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event
from aislewatch.events.registry import type_of
from aislewatch.events.subjects import event_subject
from aislewatch.runtime.archive import SUFFIX, ArchiveWriter, is_archive
from aislewatch.runtime.archive_line import Archived
from aislewatch.runtime.recording import play
from aislewatch.runtime.refusals import Refusals
from aislewatch.runtime.setup import Setup


@dataclass(frozen=True)
class Days:
    """What is there to be judged.

    Attributes:
        files: day files in the order of the stream, one list for each folder: each store has its
            own.
        refused: rows of recordings that are no events.
        strangers: events of stores that the store file does not describe, by store.
    """

    files: tuple[tuple[Path, ...], ...]
    refused: int = 0
    strangers: Counter[str] = field(default_factory=Counter[str])


@contextmanager
def days_of(
    setup: Setup, data: Path | None, on_progress: Callable[[int], None] | None = None
) -> Generator[Days]:
    """Give the days to judge, for as long as the context lasts.

    Args:
        setup: of the shop.
        data: an archive, a store's folder of one, or one of its files; a raw recording; None, or a
            folder that is no archive: the recordings that the setup's feeds name (see `read_setup`
            for how a folder stands for ``$data``).
        on_progress: called now and then with how many events of recordings were read.

    Raises:
        UsageError: there is nothing, or it cannot be read.
    """
    if data is not None and not data.exists():
        message = f"there is nothing at {data}"
        raise UsageError(message)
    if data is not None and is_archive(data):
        yield Days(_files_of(data))
        return
    with TemporaryDirectory(prefix="aislewatch-") as folder:
        files = [data] if data is not None and data.is_file() else None
        yield _laid_down(setup, files, Path(folder), on_progress)


def _files_of(archive: Path) -> tuple[tuple[Path, ...], ...]:
    if archive.is_file():
        return ((archive,),)
    folders: dict[Path, list[Path]] = {}
    for file in sorted([*archive.glob(f"*{SUFFIX}"), *archive.glob(f"*/*{SUFFIX}")]):
        folders.setdefault(file.parent, []).append(file)
    return tuple(tuple(files) for files in folders.values())


def _laid_down(
    setup: Setup,
    files: list[Path] | None,
    folder: Path,
    on_progress: Callable[[int], None] | None,
) -> Days:
    refusals, strangers, sequence = Refusals(), Counter[str](), count(1)
    with ArchiveWriter(folder) as archive:
        for told in play(setup, files):
            if not isinstance(told, Event):
                refusals.add(told.place, told.reason)
            elif not setup.accepts(told.store):
                strangers[told.store] += 1
            else:
                number = next(sequence)
                subject = event_subject(told.store, told.device, type_of(type(told)))
                archive.write(Archived(number, subject, Codec.encode(told)))
                if on_progress is not None and number % 1_000 == 0:
                    on_progress(number)
    return Days(_files_of(folder), refusals.total, strangers)
