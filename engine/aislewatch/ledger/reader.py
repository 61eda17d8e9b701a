"""A ledger opened for reading, whether or not somebody is writing it."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self, TypeVar

from sqlalchemy import Connection

from aislewatch.errors import LedgerDamaged, LedgerError, UsageError
from aislewatch.ledger import reading
from aislewatch.ledger.sqlite import UnreadableRow, connect_reader, translated
from aislewatch.ledger.values import Checkpoint, Head, StoredRecord

_PAGE: Final = 1_000
"""Records read at once. Evidence makes some of them several kilobytes; this stays in megabytes."""

_FIRST: Final = -(2**63)
"""Below every position that a database can hold."""

_Row = TypeVar("_Row")


class LedgerReader:
    """Everything that can be read from a ledger; may be used from any thread, calls take turns.

    It opens the file read-only, and so cannot tidy away the ``-wal`` and ``-shm`` files that SQLite
    makes for a reader; the next writer does when it closes.

    Args:
        path: the file.

    Raises:
        UsageError: there is no such file.
        LedgerError: it is not a ledger.
        LedgerTooNew: a later version of Aislewatch wrote it.
    """

    def __init__(self, path: Path | str) -> None:
        self.path: Final = Path(path).resolve()
        if not self.path.is_file():
            message = f"there is no ledger at {path}"
            raise UsageError(message)
        self._reader = connect_reader(self.path)
        self._turn = threading.RLock()
        self._closed = False

    def close(self) -> None:
        """Give the file free. Closing twice is allowed; using the ledger afterwards is not."""
        with self._turn:
            self._closed = True
            self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def head(self, store: str) -> Head:
        """Give the last record's position and hash; position 0 where the store has no records."""
        with self._turn_on(self._reader) as connection:
            return reading.head(connection, store)

    def hash_at(self, store: str, position: int) -> bytes | None:
        """Give the stored hash of one record, None where there is none."""
        with self._turn_on(self._reader) as connection:
            return reading.hash_at(connection, store, position)

    def stores(self) -> list[str]:
        """Give every store that has records or a checkpoint, in the order of their UTF-8 bytes.

        A name that was damaged below UTF-8 is given with surrogate escapes, so that `verify` can
        be asked about it.
        """
        with self._turn_on(self._reader) as connection:
            return reading.stores(connection)

    def checkpoint(self, store: str) -> Checkpoint | None:
        """Give how far the store's consumer had read, with the newest snapshot; None if never."""
        with self._turn_on(self._reader) as connection:
            return reading.checkpoint(connection, store)

    def counters(self, store: str) -> dict[str, int]:
        """Give the store's running counts, by name in alphabetical order."""
        with self._turn_on(self._reader) as connection:
            return reading.counters(connection, store)

    def records(
        self,
        store: str,
        after: int = 0,
        types: Collection[str] | None = None,
        stream: str | None = None,
    ) -> Iterator[StoredRecord]:
        """Give a store's records in the order of the chain, page by page.

        The iteration ends at the head of the moment in which it is begun, however long it takes;
        whoever follows a growing ledger calls again with the last position. Hashes are not
        checked here: that is `aislewatch.ledger.verify`.

        Args:
            store: whose chain.
            after: only records with a higher position.
            types: only records of these types.
            stream: only records about this.

        Raises:
            LedgerDamaged: a record cannot even be read.
        """
        upto = self.head(store).position
        if stream is not None:
            found = self._records(store, after, upto, stream=stream)
            yield from (record for record in found if types is None or record.type in types)
        elif types is not None:
            # A type at a time, each in the order of its index, and merged: sorting all types
            # together would begin from the start again for each page.
            each = [self._records(store, after, upto, type_=name) for name in sorted(set(types))]
            yield from heapq.merge(*each, key=lambda record: record.position)
        else:
            yield from self._records(store, after, upto)

    def raw_pages(self, store: str, size: int) -> Iterator[Sequence[reading.RawRecord]]:
        """Give everything that stands in a store's chain, just as it is stored, to be verified.

        Positions below 1 come too: what was smuggled in there must be seen.

        Raises:
            LedgerDamaged: a record cannot be read.
        """
        upto = self.head(store).position

        def read(connection: Connection, after: int, limit: int) -> Sequence[reading.RawRecord]:
            return reading.raw_page(connection, store, after=after, upto=upto, limit=limit)

        return self._pages(store, _FIRST, size, read, lambda row: row[1])

    def _records(
        self,
        store: str,
        after: int,
        upto: int,
        *,
        type_: str | None = None,
        stream: str | None = None,
    ) -> Iterator[StoredRecord]:
        def read(connection: Connection, after: int, limit: int) -> list[StoredRecord]:
            return reading.page(
                connection, store, after=after, upto=upto, limit=limit, type_=type_, stream=stream
            )

        for page in self._pages(store, after, _PAGE, read, lambda record: record.position):
            yield from page

    def _pages(
        self,
        store: str,
        after: int,
        size: int,
        read: Callable[[Connection, int, int], Sequence[_Row]],
        position: Callable[[_Row], int],
    ) -> Iterator[Sequence[_Row]]:
        limit = size
        while True:
            try:
                with self._turn_on(self._reader) as connection:
                    rows = read(connection, after, limit)
            except UnreadableRow as error:
                if limit == 1:
                    at = max(after, 0) + 1
                    message = f"record {at} of {store} cannot be read: {error}"
                    raise LedgerDamaged(message, store=store, position=at) from error
                # One by one, so as to give all records before the damaged one, and name it.
                limit = 1
                continue
            if not rows:
                return
            yield rows
            after = position(rows[-1])

    @contextmanager
    def _turn_on(self, connection: Connection) -> Generator[Connection]:
        with self._turn, translated(self.path):
            if self._closed:
                message = f"{self.path} was closed"
                raise LedgerError(message)
            yield connection
