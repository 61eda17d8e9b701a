"""The watchlist itself: a file of its own, from which an entry can be taken without a trace."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from aislewatch.runtime.erasable import ErasableFile
from aislewatch.runtime.watchlist_match import Enrolled

_FORMAT: Final = 1

_TABLES: Final = (
    """CREATE TABLE entry (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, purpose TEXT NOT NULL, reason TEXT NOT NULL,
    legal_basis TEXT NOT NULL, enrolled_by TEXT NOT NULL, approved_by TEXT,
    enrolled_us INTEGER NOT NULL, counts_from_us INTEGER, until_us INTEGER NOT NULL,
    removed_us INTEGER
) STRICT""",
    """CREATE TABLE embedding (
    entry TEXT NOT NULL REFERENCES entry ON DELETE CASCADE, figures BLOB NOT NULL
) STRICT""",
    "CREATE INDEX embedding_entry ON embedding (entry)",
)


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


class WatchlistFile(ErasableFile):
    """A watchlist's file, opened; see :class:`aislewatch.runtime.erasable.ErasableFile`.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "a watchlist", _TABLES, _FORMAT)

    def entries(self) -> list[Entry]:
        """Give all entries, the oldest first."""
        rows = self.base.execute(
            f"SELECT {', '.join(_COLUMNS)}, "
            "(SELECT count(*) FROM embedding WHERE entry = entry.id) "
            "FROM entry ORDER BY enrolled_us, id"
        )
        names = (*_COLUMNS, "embeddings")
        return [msgspec.convert(dict(zip(names, row, strict=True)), Entry) for row in rows]

    def enrolled(self) -> list[Enrolled]:
        """Give the embeddings that may be compared with."""
        rows = self.base.execute(
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
        row = self.base.execute(
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
        self.base.execute(f"INSERT INTO entry ({columns}) VALUES ({marks})", values)
        for figures in embeddings:
            blob = array("d", figures).tobytes()
            self.base.execute("INSERT INTO embedding VALUES (?, ?)", (entry.id, blob))

    def approve(self, id_: str, by: str, now_us: int) -> None:
        """Have an entry count from now on; inside of a `change`."""
        self.base.execute(
            "UPDATE entry SET approved_by = ?, counts_from_us = ? WHERE id = ?", (by, now_us, id_)
        )

    def remove(self, id_: str, now_us: int) -> None:
        """Delete an entry's embeddings and keep its papers; inside of a `change`."""
        self.base.execute("DELETE FROM embedding WHERE entry = ?", (id_,))
        self.base.execute("UPDATE entry SET removed_us = ? WHERE id = ?", (now_us, id_))

    def erase(self, id_: str) -> None:
        """Delete an entry with all that is known of it; inside of a `change`."""
        self.base.execute("DELETE FROM entry WHERE id = ?", (id_,))
