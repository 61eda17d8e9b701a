"""Reading a ledger: heads, pages of records, checkpoints, counts; one statement each.

Long readings go page by page and hold no transaction between pages. Records never change, so pages
read one after the other fit together; a transaction held open would keep SQLite from ever folding
its write-ahead log back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, LargeBinary, Text, cast, func, literal, select
from sqlalchemy import type_coerce as as_type
from sqlalchemy.types import NullType
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from aislewatch.ledger.schema import CHECKPOINT, RECORD, SNAPSHOT, CounterRow
from aislewatch.ledger.values import EMPTY, Checkpoint, Head, StoredRecord

RawRecord = tuple[bytes, int, bytes, int, bytes, int, int, bytes, bytes, bytes]
"""Store, position, stream, stream version, type, version, time, payload, previous hash, hash."""

_R: Final = RECORD.c
_COLUMNS: Final = [_R[name] for name in StoredRecord.__struct_fields__]
# Texts as bytes, since a damaged one need not be UTF-8, and all past SQLAlchemy's conversions.
_RAW_COLUMNS: Final[list[Any]] = [
    as_type(cast(column, LargeBinary) if isinstance(column.type, Text) else column, NullType())
    for column in _COLUMNS
    if column.name != "recorded"
]


def head(connection: Connection, store: str) -> Head:
    """Give the last record's position and hash, `EMPTY` without records."""
    query = (
        select(_R.position, _R.hash)
        .where(_R.store == _name(store))
        .order_by(_R.position.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return EMPTY if row is None else Head(*row)


def hash_at(connection: Connection, store: str, position: int) -> bytes | None:
    """Give the stored hash of one record, None where there is none."""
    query = select(_R.hash).where(_R.store == _name(store), _R.position == position)
    return connection.scalar(query)


def last_record(connection: Connection, store: str) -> StoredRecord | None:
    """Give the last record of a store, None without records."""
    query = select(*_COLUMNS).where(_R.store == store).order_by(_R.position.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else StoredRecord(*row)


def stores(connection: Connection) -> list[str]:
    """Give every store that has records or a checkpoint, in the order of their bytes.

    A name that is no longer UTF-8 is given with surrogate escapes, so that it can be verified.
    """
    found: set[bytes] = set()
    for column in (_R.store, CHECKPOINT.c.store):
        # From name to next name: SELECT DISTINCT would walk through every record.
        later = select(cast(func.min(column), LargeBinary))
        name = connection.scalar(later)
        while name is not None:
            found.add(name)
            name = connection.scalar(later.where(column > cast(literal(name, LargeBinary), Text)))
    return [name.decode("utf-8", "surrogateescape") for name in sorted(found)]


def page(
    connection: Connection,
    store: str,
    *,
    after: int,
    upto: int,
    limit: int,
    type_: str | None = None,
    stream: str | None = None,
) -> list[StoredRecord]:
    """Give the first ``limit`` records with a position above ``after`` and at most ``upto``.

    Only of one type, or only of one stream, where that is given; each has its index.
    """
    query = select(*_COLUMNS).where(_R.store == store, _R.position > after, _R.position <= upto)
    if stream is not None:
        # The same order as by position, and the one that the stream's own index gives.
        query = query.where(_R.stream == stream).order_by(_R.stream_version)
    elif type_ is not None:
        query = query.where(_R.type == type_).order_by(_R.position)
    else:
        query = query.order_by(_R.position)
    return [StoredRecord(*row) for row in connection.execute(query.limit(limit))]


def raw_page(
    connection: Connection, store: str, *, after: int, upto: int, limit: int
) -> Sequence[RawRecord]:
    """Give records just as they are stored, without the recorded time, for verification."""
    query = (
        select(*_RAW_COLUMNS)
        .where(_R.store == _name(store), _R.position > after, _R.position <= upto)
        .order_by(_R.position)
        .limit(limit)
    )
    rows: Sequence[Any] = connection.execute(query).all()
    return rows


def checkpoint(connection: Connection, store: str) -> Checkpoint | None:
    """Give how far the store's consumer had read, with the newest snapshot; None if never."""
    query = (
        select(
            CHECKPOINT.c.position,
            CHECKPOINT.c.head_position,
            CHECKPOINT.c.head_hash,
            SNAPSHOT.c.state,
            func.coalesce(SNAPSHOT.c.position, 0),
            func.coalesce(SNAPSHOT.c.head_position, 0),
            func.coalesce(SNAPSHOT.c.code, ""),
        )
        .outerjoin_from(CHECKPOINT, SNAPSHOT, SNAPSHOT.c.store == CHECKPOINT.c.store)
        .where(CHECKPOINT.c.store == _name(store))
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    position, head_position, head_hash, *snapshot = row
    return Checkpoint(position, Head(head_position, head_hash), *snapshot)


def counters(connection: Connection, store: str) -> dict[str, int]:
    """Give the store's running counts, by name in alphabetical order."""
    query = (
        select_rows(CounterRow).where(col(CounterRow.store) == store).order_by(col(CounterRow.name))
    )
    with Session(connection) as session:
        return {row.name: row.value for row in session.exec(query)}


def _name(store: str) -> Any:
    # A damaged name cannot be bound as a text, see `stores`.
    return cast(literal(store.encode("utf-8", "surrogateescape"), LargeBinary), Text)
