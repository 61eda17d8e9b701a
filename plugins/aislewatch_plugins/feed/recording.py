"""Recorded feeds, read from files at once: no event loop, no clock.

The same mapper as on the wire, so a recording gives the same events as the session it records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from aislewatch.devices.telling import Refusal, Told, runs
from aislewatch.errors import UsageError
from aislewatch.events.kinds import Event
from aislewatch.events.paths import is_object
from aislewatch.events.reading import Catalogue
from aislewatch.events.registry import Registry
from aislewatch_plugins.feed.compiler import FeedMapping, load_mapping
from aislewatch_plugins.feed.mapper import Mapper
from aislewatch_plugins.feed.mapping import MappingFile
from aislewatch_plugins.feed.rows import rows_of_document
from aislewatch_plugins.feed.told import Placed

Order = Literal["time", "arrival"]
"""``time``: all rows of all files by event time, equal times as they stand in the files.
``arrival``: file by file, as they stand."""


def read_mapping(path: Path, registry: Registry) -> FeedMapping:
    """Read a mapping file from disk.

    Raises:
        UsageError: it cannot be read.
        FileMistakes: it holds mistakes.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read: {error}"
        raise UsageError(message) from None
    return load_mapping(text, str(path), registry)


def read_catalogues(
    mapping: FeedMapping, folders: Iterable[Path], given: Mapping[str, Path] | None = None
) -> dict[str, Catalogue]:
    """Read the catalogues that a mapping declares.

    Args:
        mapping: the mapping.
        folders: where to look, in this order, for a file that is not given.
        given: paths by the catalogue's name; these go before what the mapping says.

    Raises:
        UsageError: a file is nowhere, or is no catalogue.
    """
    places = list(folders)
    catalogues: dict[str, Catalogue] = {}
    for name, declared in mapping.file.catalogues.items():
        candidates = [folder / declared.file for folder in places]
        if given and name in given:
            candidates = [given[name]]
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            sought = ", ".join(map(str, candidates)) or declared.file
            message = f"catalogue {name!r} of {mapping.path} is not there: {sought}"
            raise UsageError(message)
        catalogues[name] = _catalogue(path, declared.rows)
    return catalogues


def read_recording(
    mapping: FeedMapping,
    files: Sequence[Path],
    *,
    feed: str,
    store: str,
    params: Mapping[str, str] | None = None,
    catalogues: Mapping[str, Path] | None = None,
    order: Order = "time",
    simulated: bool = False,
) -> Iterator[list[Event] | Refusal]:
    """Read recorded files into events.

    Args:
        mapping: what their rows mean.
        files: in the order in which equal times are told.
        feed: id of the feed.
        store: whose events they are where rows do not say.
        params: values of the mapping's parameters.
        catalogues: paths of its catalogues, where they are not beside the mapping or the files.
        order: by ``time`` all rows are held in memory until the last is read.
        simulated: they were made by a simulator.

    Yields:
        The events of one row, a change of its device's state first; or what was refused.

    Raises:
        UsageError: a file, catalogue or parameter is missing or unknown.
    """
    folders = [Path(mapping.path).parent, *(path.parent for path in files)]
    plan = mapping.plan(params or {}, read_catalogues(mapping, folders, catalogues))
    mapper = Mapper(plan, feed=feed, store=store, session="recording", simulated=simulated)
    for told in told_rows(mapper, files, mapping, order):
        yield from runs(told)


def told_rows(
    mapper: Mapper, files: Sequence[Path], mapping: FeedMapping, order: Order
) -> Iterator[list[Told]]:
    """Give what each row tells, row by row, those that tell nothing as well.

    Raises:
        UsageError: a file cannot be read, or two have one name and no ids of their own.
    """
    check_names(mapping, files)
    placed: Iterable[Placed] = placed_rows(mapper, files, mapping.file)
    if order == "time":
        placed = in_time_order(placed)
    for one in placed:
        yield mapper.tell(one)


def check_names(mapping: FeedMapping, files: Sequence[Path]) -> None:
    """See that no two files give their rows the same ids.

    Raises:
        UsageError: they do.
    """
    names = [path.name for path in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice and mapping.file.id is None:
        message = (
            f"two files are called {twice[0]}, so their rows would get the same ids; "
            f"say 'id:' in {mapping.path}, or rename one"
        )
        raise UsageError(message)


def placed_rows(mapper: Mapper, files: Sequence[Path], mapping: MappingFile) -> Iterator[Placed]:
    """Give every row of every file with its case and time.

    Raises:
        UsageError: a file cannot be read.
    """
    for path in files:
        try:
            data = path.read_bytes()
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}"
            raise UsageError(message) from None
        for raw in rows_of_document(data, mapping, path.name, path.stem):
            yield mapper.place(raw)


def in_time_order(rows: Iterable[Placed]) -> list[Placed]:
    """Sort rows by time, stably; one whose time is unknown stays behind the row before it."""
    latest = 0
    keyed: list[tuple[int, Placed]] = []
    for row in rows:
        latest = row.time_us if row.time_us is not None else latest
        keyed.append((latest, row))
    keyed.sort(key=lambda pair: pair[0])
    return [row for _, row in keyed]


def _catalogue(path: Path, rows: str | None) -> Catalogue:
    form = "csv" if path.suffix.lower() == ".csv" else "json"
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        form = "jsonl"
    # A catalogue is read as a feed's file is; the one case is there for the model's sake.
    shape = MappingFile.model_validate(
        {"mapping": path.name, "format": form, "rows": rows, "cases": [{"name": "row"}]}
    )
    found = list(rows_of_document(path.read_bytes(), shape, path.name, path.stem))
    wrong = next((row for row in found if row.error or not is_object(row.value)), None)
    if wrong is not None:
        message = f"{path}:{wrong.at or wrong.number}: {wrong.error or 'the row is no object'}"
        raise UsageError(message)
    return Catalogue([row.value for row in found])
