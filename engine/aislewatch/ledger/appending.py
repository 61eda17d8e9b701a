"""What one append writes: links of the chain, the checkpoint, the snapshot, the counts.

Every function here works inside the caller's transaction and leaves the commit to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Table, insert, select, update

from aislewatch.errors import LedgerConflict, LedgerDamaged
from aislewatch.events.record import Record
from aislewatch.ledger.chain import record_hash
from aislewatch.ledger.reading import last_record
from aislewatch.ledger.schema import CHECKPOINT, COUNTER, RECORD, SNAPSHOT
from aislewatch.ledger.values import EMPTY, Head

# Compiled once and executed with a list of rows, which is executemany: 98 k rows/s, where
# insert().values(list) gives 12 k and a session's add_all 13 k.
_INSERT: Final = insert(RECORD)

_STREAMS_AT_ONCE: Final = 500
"""Below the 999 variables that older builds of SQLite allow in a statement."""


def sound_head(connection: Connection, store: str) -> Head:
    """Give the head to append to, after making sure that the last record is what was written.

    Raises:
        LedgerDamaged: it is not; a chain is never continued on a broken link.
    """
    last = last_record(connection, store)
    if last is None:
        return EMPTY
    again = record_hash(
        last.prev_hash,
        last.store.encode(),
        last.position,
        last.stream.encode(),
        last.stream_version,
        last.type.encode(),
        last.version,
        last.time,
        last.payload,
    )
    if again != last.hash:
        message = f"record {last.position} of {store} is not what was written: nothing is appended"
        raise LedgerDamaged(message, store=store, position=last.position)
    return Head(last.position, last.hash)


def add_records(
    connection: Connection, store: str, head: Head, records: Sequence[Record], recorded_us: int
) -> Head:
    """Link records onto a chain that ends at ``head``; gives the new head."""
    versions = _stream_versions(connection, store, {record.stream for record in records})
    store_bytes = store.encode()
    position, prev_hash = head.position, head.hash
    rows: list[dict[str, object]] = []
    for record in records:
        position += 1
        versions[record.stream] = stream_version = versions[record.stream] + 1
        hash_ = record_hash(
            prev_hash,
            store_bytes,
            position,
            record.stream.encode(),
            stream_version,
            record.type.encode(),
            record.version,
            record.time,
            record.payload,
        )
        rows.append(
            {
                "store": store,
                "position": position,
                "stream": record.stream,
                "stream_version": stream_version,
                "type": record.type,
                "version": record.version,
                "time": record.time,
                "recorded": recorded_us,
                "payload": record.payload,
                "prev_hash": prev_hash,
                "hash": hash_,
            }
        )
        prev_hash = hash_
    if rows:
        connection.execute(_INSERT, rows)
    return Head(position, prev_hash)


def move_checkpoint(connection: Connection, store: str, position: int, head: Head) -> None:
    """Say that the consumer has read up to ``position``.

    Raises:
        LedgerConflict: it had already read further.
    """
    before = connection.scalar(select(CHECKPOINT.c.position).where(CHECKPOINT.c.store == store))
    if before is not None and position < before:
        message = (
            f"{store} was already read up to event {before}: its checkpoint cannot go back to "
            f"{position} (was the event stream made anew?)"
        )
        raise LedgerConflict(message)
    values = {"position": position, "head_position": head.position, "head_hash": head.hash}
    _put(connection, CHECKPOINT, {"store": store}, values)


def keep_snapshot(
    connection: Connection, store: str, position: int, head: Head, *, state: bytes, code: str
) -> None:
    """Replace the store's snapshot."""
    values = {"position": position, "head_position": head.position, "code": code, "state": state}
    _put(connection, SNAPSHOT, {"store": store}, values)


def count(connection: Connection, store: str, counters: Mapping[str, int]) -> None:
    """Add to the store's running counts."""
    for name, more in counters.items():
        counter = update(COUNTER).where(COUNTER.c.store == store, COUNTER.c.name == name)
        if connection.execute(counter.values(value=COUNTER.c.value + more)).rowcount == 0:
            connection.execute(insert(COUNTER).values(store=store, name=name, value=more))


def _stream_versions(connection: Connection, store: str, streams: set[str]) -> dict[str, int]:
    # One statement for any number of streams, and a look-up in the index for each of them: GROUP
    # BY would walk through all records of a long stream. The texts are bound one by one, since
    # json_each cuts a text off at its first NUL.
    versions: dict[str, int] = {}
    wanted = sorted(streams)
    for start in range(0, len(wanted), _STREAMS_AT_ONCE):
        some = wanted[start : start + _STREAMS_AT_ONCE]
        statement = (
            f"WITH wanted(stream) AS (VALUES {', '.join(['(?)'] * len(some))}) "
            "SELECT stream, (SELECT coalesce(max(stream_version), 0) FROM record "
            "WHERE store = ? AND stream = wanted.stream) FROM wanted"
        )
        found = connection.exec_driver_sql(statement, (*some, store))
        versions.update((stream, version) for stream, version in found)
    return versions


def _put(
    connection: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]
) -> None:
    # Plain UPDATE, then INSERT: the one form of upsert that every database understands.
    changed = update(table).where(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(changed.values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**key, **values))
