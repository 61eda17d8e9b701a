"""The tables of a ledger, declared once; every database that keeps one starts from here.

``record`` is the log. ``checkpoint``, ``snapshot`` and ``counter`` stand beside it: they are
overwritten by the same transactions that append, and no proof rests on them. ``snapshot`` is a
table of its own because SQLite rewrites a whole row on UPDATE: with the state in the checkpoint's
row every batch would write those megabytes again.

Ledger rows never pass through an ORM session on their way in: `table=True` models do not validate,
and a session would happily turn a changed attribute into an UPDATE.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Table, Text, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

FORMAT: Final = 1
"""Format of the tables and of the chain that this code writes and reads."""

FORMAT_NAME: Final = "format"
"""The row of ``meta`` that holds it."""

# SQLite's STRICT tables know INTEGER (64 bits) but not BIGINT; PostgreSQL's INTEGER has 32 bits.
_INT64 = BigInteger().with_variant(Integer(), "sqlite")

# STRICT, because a plain SQLite table takes 'abc' into an INTEGER column. Without rowid, because
# the hidden key would be one more that INSERT OR REPLACE can hit, and because the rows of a store
# then lie together in the order in which they are read.
_SQLITE = {"sqlite_strict": True, "sqlite_with_rowid": False}


class LedgerTable(SQLModel, registry=registry()):
    """Base of the ledger's tables, with metadata that no other package's tables share.

    SQLModel declares ``__tablename__`` as a declared_attr and documents giving it a text; pyright
    sees only the first, hence the remarks below.
    """


class RecordRow(LedgerTable, table=True):
    """One record in its chain; `aislewatch.ledger.values.StoredRecord` explains the columns."""

    __tablename__ = "record"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        UniqueConstraint("store", "stream", "stream_version", name="record_stream"),
        Index("record_type", "store", "type", "position"),
        _SQLITE,
    )

    store: str = Field(primary_key=True, sa_type=Text)
    position: int = Field(primary_key=True, sa_type=_INT64)
    stream: str = Field(sa_type=Text)
    stream_version: int = Field(sa_type=_INT64)
    type: str = Field(sa_type=Text)
    version: int = Field(sa_type=_INT64)
    time: int = Field(sa_type=_INT64)
    recorded: int = Field(sa_type=_INT64)
    payload: bytes = Field(sa_type=LargeBinary)
    prev_hash: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)


class CheckpointRow(LedgerTable, table=True):
    """How far a store's consumer has read, and the chain's head at that commit."""

    __tablename__ = "checkpoint"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (_SQLITE,)

    store: str = Field(primary_key=True, sa_type=Text)
    position: int = Field(sa_type=_INT64)
    head_position: int = Field(sa_type=_INT64)
    head_hash: bytes = Field(sa_type=LargeBinary)


class SnapshotRow(LedgerTable, table=True):
    """The newest snapshot of a store's state, and where in stream and chain it stands."""

    __tablename__ = "snapshot"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (_SQLITE,)

    store: str = Field(primary_key=True, sa_type=Text)
    position: int = Field(sa_type=_INT64)
    head_position: int = Field(sa_type=_INT64)
    code: str = Field(sa_type=Text)
    state: bytes = Field(sa_type=LargeBinary)


class CounterRow(LedgerTable, table=True):
    """One running count of a store: duplicates dropped, dead letters and the like."""

    __tablename__ = "counter"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (_SQLITE,)

    store: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(primary_key=True, sa_type=Text)
    value: int = Field(sa_type=_INT64)


class MetaRow(LedgerTable, table=True):
    """One fact about the file itself."""

    __tablename__ = "meta"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (_SQLITE,)

    name: str = Field(primary_key=True, sa_type=Text)
    value: str = Field(sa_type=Text)


METADATA: Final = LedgerTable.metadata
RECORD: Final[Table] = METADATA.tables["record"]
CHECKPOINT: Final[Table] = METADATA.tables["checkpoint"]
SNAPSHOT: Final[Table] = METADATA.tables["snapshot"]
COUNTER: Final[Table] = METADATA.tables["counter"]
META: Final[Table] = METADATA.tables["meta"]
