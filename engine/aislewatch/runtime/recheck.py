"""Deciding again, after a restart, what the ledger holds already: it must come out the same."""

from __future__ import annotations

from collections.abc import Iterable

from aislewatch.errors import LedgerError
from aislewatch.events.record import Record
from aislewatch.ledger import LedgerReader, StoredRecord

_MEND = (
    "the rules, the store file, the event stream or Aislewatch itself are not what they were. "
    "Start once with what they were and stop it in order, then change them; or replay the archive "
    "into a new ledger"
)


class Recheck:
    """Compares what a core decides again with what a chain holds.

    Args:
        ledger: holds the chain.
        store: whose chain.
        after: position after which the core begins to decide again.
        until: last sequence of the event stream whose records are in the chain.
    """

    def __init__(self, ledger: LedgerReader, store: str, *, after: int, until: int) -> None:
        self.until = until
        self._store = store
        self._position = after
        self._stored = ledger.records(store, after=after)

    def compare(self, records: Iterable[Record]) -> None:
        """Take what was decided again, in order.

        Raises:
            LedgerError: the chain says otherwise; names the record and how to go on.
        """
        for record in records:
            stored = next(self._stored, None)
            self._position += 1
            if stored is None:
                message = (
                    f"{self._store}: the chain ends before record {self._position}, but its events "
                    f"now also give a {record.type}: {_MEND}"
                )
                raise LedgerError(message)
            if not _same(stored, record):
                message = (
                    f"{self._store}: record {stored.position} is {_shown(stored)}, but its events "
                    f"now give {_shown(record)}: {_MEND}"
                )
                raise LedgerError(message)

    def finish(self) -> None:
        """Say that everything up to ``until`` was decided again.

        Raises:
            LedgerError: the chain holds more.
        """
        stored = next(self._stored, None)
        if stored is not None:
            message = (
                f"{self._store}: record {stored.position} is {_shown(stored)}, which its events "
                f"give no more: {_MEND}"
            )
            raise LedgerError(message)


def refuse_change(store: str, events: int) -> LedgerError:
    """Give the error for another setup on a chain whose engine was not stopped in order."""
    return LedgerError(
        f"{store}: the engine was stopped before it could save its state, so that its last "
        f"{events} events must be read again, and {_MEND}"
    )


def _same(stored: StoredRecord, record: Record) -> bool:
    return (
        stored.payload == record.payload
        and stored.stream == record.stream
        and stored.type == record.type
        and stored.time == record.time
        and stored.version == record.version
    )


def _shown(record: StoredRecord | Record) -> str:
    return f"{record.type} of {record.stream} at {record.time}"
