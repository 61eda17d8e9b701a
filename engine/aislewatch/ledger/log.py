"""The append-only log of records: one file, many stores, one hash chain for each store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aislewatch.errors import LedgerConflict, UsageError
from aislewatch.events.record import Record
from aislewatch.ledger import appending
from aislewatch.ledger.lock import WriterLock
from aislewatch.ledger.reader import LedgerReader
from aislewatch.ledger.sqlite import close_writer, connect_writer
from aislewatch.ledger.values import Head


class Ledger(LedgerReader):
    """A ledger opened for appending; its only writer, in this process and any other.

    Beside the file SQLite keeps ``-wal`` and ``-shm`` while it is open; ``.lock`` says who writes.

    Args:
        path: the file.
        create: make the file where there is none.

    Raises:
        UsageError: there is no such file (with ``create=False``) or folder.
        LedgerError: somebody else is writing it, or it is not a ledger.
        LedgerTooNew: a later version of Aislewatch wrote it.
    """

    def __init__(self, path: Path | str, *, create: bool = True) -> None:
        resolved = Path(path).resolve()
        _require_place(resolved, create=create)
        self._lock = WriterLock(resolved)
        try:
            self._writer = connect_writer(resolved)
            try:
                super().__init__(resolved)
            except BaseException:
                self._writer.close()
                raise
        except BaseException:
            self._lock.release()
            raise
        # As this writer committed them: nobody else writes, so they need no asking again.
        self._heads: dict[str, Head] = {}

    @classmethod
    def open(cls, path: Path | str, *, create: bool = True) -> Ledger:
        """Open a ledger as its one writer; arguments and errors are those of the class."""
        return cls(path, create=create)

    @classmethod
    def read(cls, path: Path | str) -> LedgerReader:
        """Open a ledger for reading only; arguments and errors are those of `LedgerReader`."""
        return LedgerReader(path)

    def close(self) -> None:
        """Give the file free for the next writer. Closing twice is allowed."""
        with self._turn:
            if self._closed:
                return
            # The writer goes last: only a writing connection tidies the write-ahead log away.
            super().close()
            close_writer(self._writer)
            self._lock.release()

    def append(
        self,
        store: str,
        records: Sequence[Record],
        *,
        recorded_us: int,
        consumer_position: int | None = None,
        snapshot: bytes | None = None,
        snapshot_version: str = "",
        counters: Mapping[str, int] | None = None,
        expected_head: bytes | None = None,
    ) -> Head:
        """Add records to a store's chain; all of this call is committed, or none of it.

        When it returns, everything is on the disk: acknowledge the events after it, not before.

        Args:
            store: whose chain; every record must be of this store.
            records: in the order in which they were decided; may be empty.
            recorded_us: when they are written, microseconds UTC.
            consumer_position: sequence number of the last event whose records these are; None
                leaves the checkpoint where it is. It never moves back.
            snapshot: the core's state after that event; needs ``consumer_position``. Without
                one, the snapshot written last stays.
            snapshot_version: what must be the same for the snapshot to be loaded again.
            counters: how much to add to each running count.
            expected_head: hash of the head that the records were decided on.

        Returns:
            The chain's new head.

        Raises:
            LedgerConflict: the head is not the expected one, or the checkpoint would move back.
            LedgerDamaged: the record to append to is not what was written.
            LedgerFull: there is no room; the ledger stays usable.
            LedgerError: the disk refuses, or the ledger was closed.
        """
        assert all(record.store == store for record in records), f"all records are of {store}"
        assert snapshot is None or consumer_position is not None, "a snapshot stands at a position"
        with self._turn_on(self._writer) as connection:
            # Forgotten first: should this fail, the next call asks the database.
            known = self._heads.pop(store, None)
            with connection.begin():
                head = known or appending.sound_head(connection, store)
                if expected_head is not None and head.hash != expected_head:
                    message = (
                        f"the chain of {store} ends at record {head.position} "
                        f"({head.hash.hex()}), not at {expected_head.hex()}"
                    )
                    raise LedgerConflict(message)
                head = appending.add_records(connection, store, head, records, recorded_us)
                if consumer_position is not None:
                    appending.move_checkpoint(connection, store, consumer_position, head)
                    if snapshot is not None:
                        appending.keep_snapshot(
                            connection,
                            store,
                            consumer_position,
                            head,
                            state=snapshot,
                            code=snapshot_version,
                        )
                appending.count(connection, store, counters or {})
            self._heads[store] = head
            return head


def _require_place(path: Path, *, create: bool) -> None:
    if path.is_dir():
        message = f"{path} is a folder: name a file in it"
        raise UsageError(message)
    if not create and not path.exists():
        message = f"there is no ledger at {path}"
        raise UsageError(message)
    if not path.parent.is_dir():
        message = f"there is no folder {path.parent}: make it, or name another file"
        raise UsageError(message)
