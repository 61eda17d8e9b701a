"""The watchlist itself: a file of its own, from which an entry can be taken without a trace.

The ledger forgets nothing, so nothing here goes into it but ids. Whoever owns the file may read it
and nobody else. What is deleted is overwritten with zeros, and the file is written anew without
the gaps; what a backup or the spare blocks of an SSD still hold is out of its reach, which is why
the disk below should be encrypted.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from array import array
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import msgspec

from aislewatch.errors import UsageError
from aislewatch.runtime.watchlist_match import Enrolled

_FORMAT: Final = 1
_BUSY_S: Final = 10.0
_OWNER_ONLY: Final = 0o600

_TABLES: Final = """
CREATE TABLE entry (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, purpose TEXT NOT NULL, reason TEXT NOT NULL,
    legal_basis TEXT NOT NULL, enrolled_by TEXT NOT NULL, approved_by TEXT,
    enrolled_us INTEGER NOT NULL, counts_from_us INTEGER, until_us INTEGER NOT NULL,
    removed_us INTEGER
) STRICT;
CREATE TABLE embedding (
    entry TEXT NOT NULL REFERENCES entry ON DELETE CASCADE, figures BLOB NOT NULL
) STRICT;
CREATE INDEX embedding_entry ON embedding (entry);
"""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry without its embeddings.

    Attributes:
        id: means nothing outside of the list.
        model: what made its embeddings.
        purpose: of the list, when it was enrolled.
        reason: why this one, in the words of whoever enrolled it.
        legal_basis: likewise.
        enrolled_by: pseudonym.
        approved_by: pseudonym of a second person; None while nobody has.
        enrolled_us: when.
        counts_from_us: since when it is compared with; None while it is not.
        until_us: when it ends.
        removed_us: when it was taken off; None where it was not.
        embeddings: how many it has.
    """

    id: str
    model: str
    purpose: str
    reason: str
    legal_basis: str
    enrolled_by: str
    approved_by: str | None = None
    enrolled_us: int
    counts_from_us: int | None = None
    until_us: int
    removed_us: int | None = None
    embeddings: int = 0


_COLUMNS: Final = tuple(name for name in Entry.__struct_fields__ if name != "embeddings")


class WatchlistFile:
    """A watchlist's file, opened; for one thread at a time, not always the same.

    Args:
        path: the file; made where there is none, for its owner only.

    Raises:
        UsageError: others may read it, its folder is not there, or it is no watchlist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _require_private(path)
        try:
            self._base = sqlite3.connect(
                path, isolation_level=None, timeout=_BUSY_S, check_same_thread=False
            )
            for pragma in (
                "secure_delete = ON",
                "journal_mode = DELETE",
                "synchronous = FULL",
                "foreign_keys = ON",
                "temp_store = MEMORY",  # To write the file anew must leave no second copy behind.
            ):
                self._base.execute(f"PRAGMA {pragma}")
            with self.change():
                (format_,) = self._base.execute("PRAGMA user_version").fetchone()
                if not format_:
                    for statement in filter(str.strip, _TABLES.split(";")):
                        self._base.execute(statement)
                    self._base.execute(f"PRAGMA user_version = {_FORMAT}")
        except sqlite3.DatabaseError as error:
            message = f"{path} cannot be used as a watchlist: {error}"
            raise UsageError(message) from None
        if format_ not in {0, _FORMAT}:
            message = f"{path} was written by a later version of Aislewatch"
            raise UsageError(message)

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def change(self) -> Generator[None]:
        """Change the list, all of it or, where something is raised inside, nothing."""
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    @property
    def changed(self) -> int:
        """A figure that differs from the one before when another process changed the list."""
        (version,) = self._base.execute("PRAGMA data_version").fetchone()
        return int(version)

    def entries(self) -> list[Entry]:
        """Give all entries, the oldest first."""
        rows = self._base.execute(
            f"SELECT {', '.join(_COLUMNS)}, "
            "(SELECT count(*) FROM embedding WHERE entry = entry.id) "
            "FROM entry ORDER BY enrolled_us, id"
        )
        names = (*_COLUMNS, "embeddings")
        return [msgspec.convert(dict(zip(names, row, strict=True)), Entry) for row in rows]

    def enrolled(self) -> list[Enrolled]:
        """Give the embeddings that may be compared with."""
        rows = self._base.execute(
            "SELECT entry.id, model, figures, counts_from_us, until_us FROM entry "
            "JOIN embedding ON embedding.entry = entry.id "
            "WHERE counts_from_us IS NOT NULL AND removed_us IS NULL"
        )
        return [
            Enrolled(id_, model, array("d", figures), from_us, until_us)
            for id_, model, figures, from_us, until_us in rows
        ]

    def length_of(self, model: str) -> int | None:
        """Give the length of the embeddings of a model; None where there are none."""
        row = self._base.execute(
            "SELECT length(figures) / 8 FROM embedding JOIN entry ON embedding.entry = entry.id "
            "WHERE model = ? LIMIT 1",
            (model,),
        ).fetchone()
        return None if row is None else int(row[0])

    def put(self, entry: Entry, embeddings: Sequence[Sequence[float]]) -> None:
        """Add an entry; inside of a `change`."""
        values = [getattr(entry, name) for name in _COLUMNS]
        marks = ", ".join("?" * len(_COLUMNS))
        columns = ", ".join(_COLUMNS)
        self._base.execute(f"INSERT INTO entry ({columns}) VALUES ({marks})", values)
        for figures in embeddings:
            blob = array("d", figures).tobytes()
            self._base.execute("INSERT INTO embedding VALUES (?, ?)", (entry.id, blob))

    def approve(self, id_: str, by: str, now_us: int) -> None:
        """Have an entry count from now on; inside of a `change`."""
        self._base.execute(
            "UPDATE entry SET approved_by = ?, counts_from_us = ? WHERE id = ?", (by, now_us, id_)
        )

    def remove(self, id_: str, now_us: int) -> None:
        """Delete an entry's embeddings and keep its papers; inside of a `change`."""
        self._base.execute("DELETE FROM embedding WHERE entry = ?", (id_,))
        self._base.execute("UPDATE entry SET removed_us = ? WHERE id = ?", (now_us, id_))

    def erase(self, id_: str) -> None:
        """Delete an entry with all that is known of it; inside of a `change`."""
        self._base.execute("DELETE FROM entry WHERE id = ?", (id_,))

    def tidy(self) -> None:
        """Write the file anew, without room for what was deleted; outside of a `change`."""
        self._base.execute("VACUUM")


def _require_private(path: Path) -> None:
    """Have a file that is its owner's alone, before anything is written into it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
    except OSError as error:
        message = f"the watchlist {path} cannot be used: {error.strerror}"
        raise UsageError(message) from None
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if stat.S_IMODE(status.st_mode) & 0o077:
        message = f"others than its owner may read the watchlist {path}; type: chmod 600 {path}"
        raise UsageError(message)
