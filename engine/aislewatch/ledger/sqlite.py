"""SQLite below a ledger: connections, durability, what the database itself refuses.

Three guards, each against something else:

- *triggers* refuse UPDATE and DELETE of a record, and any INSERT that is not the next link of its
  chain. The last is what stops ``INSERT OR REPLACE``, which deletes the old row without firing a
  DELETE trigger unless each connection asks for it. They hold for every program.
- an *authorizer* on the writer's own connection refuses UPDATE and DELETE of records and any
  change of the schema, so that no code of ours can drop a trigger first.
- readers open the file read-only.

None of them is evidence: whoever holds the file can drop triggers. Evidence is the chain, and a
head kept elsewhere (`aislewatch.ledger.verify`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from aislewatch.errors import LedgerConflict, LedgerError, LedgerFull, LedgerTooNew
from aislewatch.ledger.schema import FORMAT, FORMAT_NAME, META, METADATA

APPLICATION_ID: Final = int.from_bytes(b"AisW", "big")
"""Marks a SQLite file as a ledger (``PRAGMA application_id``; ``file`` and others show it)."""

_BUSY_TIMEOUT_S: Final = 5.0
"""How long to wait for another program's short lock, a backup's for instance."""

_TRIGGERS: Final = (
    """CREATE TRIGGER record_next BEFORE INSERT ON record
    WHEN NEW.position IS NOT (
            SELECT coalesce(max(position), 0) + 1 FROM record WHERE store = NEW.store)
        OR NEW.stream_version IS NOT (
            SELECT coalesce(max(stream_version), 0) + 1 FROM record
            WHERE store = NEW.store AND stream = NEW.stream)
        OR NEW.prev_hash IS NOT coalesce((
            SELECT hash FROM record WHERE store = NEW.store AND position = NEW.position - 1),
            zeroblob(32))
    BEGIN SELECT raise(ABORT, 'only the next link of a chain can be added'); END""",
    """CREATE TRIGGER record_no_update BEFORE UPDATE ON record
    BEGIN SELECT raise(ABORT, 'a record is never changed'); END""",
    """CREATE TRIGGER record_no_delete BEFORE DELETE ON record
    BEGIN SELECT raise(ABORT, 'a record is never deleted'); END""",
)

_SCHEMA_CHANGES: Final = frozenset(
    {
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_ATTACH,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
        sqlite3.SQLITE_CREATE_TRIGGER,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_DROP_TEMP_TRIGGER,
        sqlite3.SQLITE_DROP_TRIGGER,
    }
)
_REWRITES: Final = frozenset({sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_FIXED_TABLES: Final = frozenset({"record", "meta"})


class UnreadableRow(LedgerError):
    """The database holds something that it cannot give back; the reader says which record."""


def connect_writer(path: Path) -> Connection:
    """Open a ledger for appending, making it where the file is absent or empty.

    Every transaction begins IMMEDIATE and is on the disk when its commit returns (WAL with
    ``synchronous=FULL``). The caller holds the `WriterLock` and closes the connection.

    Raises:
        LedgerError: the file is no ledger, or cannot be opened or written.
        LedgerTooNew: a later version of Aislewatch wrote it.
    """
    _require_sqlite_or_nothing(path)
    engine = _engine(path, "rwc")
    event.listen(engine, "begin", _begin_immediate)
    with translated(path):
        connection = engine.connect()
    try:
        with translated(path):
            if _is_blank(connection):
                _create(connection)
            _check_format(path, connection)
            _make_durable(path, connection)
            _driver(connection).set_authorizer(_authorize)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> Connection:
    """Open a ledger for reading only, whether or not somebody is writing it.

    Raises:
        LedgerError: the file is no ledger or cannot be opened.
        LedgerTooNew: a later version of Aislewatch wrote it.
    """
    with translated(path):
        connection = _engine(path, "ro").connect()
    try:
        with translated(path):
            _check_format(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection


def close_writer(connection: Connection) -> None:
    """Close a ledger that was written, and leave its file whole by itself.

    SQLite brings the write-ahead log into the file where a writer is the last to close. Somebody
    who still reads would keep it beside the file, and a copy of the file alone would lack it.
    """
    with suppress(sqlite3.Error):  # A full disk, say: what was appended is in the log all the same.
        _pragma(connection, "wal_checkpoint(PASSIVE)")
    connection.close()


@contextmanager
def translated(path: Path) -> Generator[None]:
    """Turn the database's errors into the ledger's, each with a sentence that names the file."""
    try:
        yield
    except DBAPIError as error:
        raise _translation(path, error.orig) from error
    except sqlite3.Error as error:
        raise _translation(path, error) from error


def _translation(path: Path, error: BaseException | None) -> LedgerError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_FULL:
            return LedgerFull(f"there is no room for {path}: nothing of this batch was written")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LedgerError(f"{path} is locked by another program: close it there and retry")
        case sqlite3.SQLITE_CONSTRAINT:
            return LedgerConflict(f"{path} has changed under its writer: {error}")
        case sqlite3.SQLITE_NOTADB:
            return LedgerError(f"{path} is not a ledger: it is no SQLite file")
        case sqlite3.SQLITE_CORRUPT:
            return UnreadableRow(f"{path} is damaged below the level of records: {error}")
        case 0 if "decode" in str(error):
            # The sqlite3 module's own, without a code: a text that is not UTF-8.
            return UnreadableRow(f"{path} holds a damaged text: {error}")
        case _:
            return LedgerError(f"{path} cannot be used: {error}")


def _require_sqlite_or_nothing(path: Path) -> None:
    # SQLite takes a file of less than a header for an empty one and would write over it.
    magic = b"SQLite format 3\0"
    try:
        with path.open("rb") as file:
            start = file.read(len(magic))
    except FileNotFoundError:
        return
    except OSError as error:
        message = f"{path} cannot be opened: {error.strerror}"
        raise LedgerError(message) from error
    if start not in {b"", magic}:
        message = f"{path} is not a ledger: it is no SQLite file"
        raise LedgerError(message)


def _engine(path: Path, mode: str) -> Engine:
    uri = f"{path.absolute().as_uri()}?mode={mode}"

    def connect() -> sqlite3.Connection:
        # isolation_level None: transactions begin where we say so, not where sqlite3 guesses.
        return sqlite3.connect(
            uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _pragma(connection: Connection, pragma: str) -> object:
    # Past SQLAlchemy, which would begin a transaction; several pragmas refuse to work in one.
    row = _driver(connection).execute(f"PRAGMA {pragma}").fetchone()
    return row[0] if row else None


def _is_blank(connection: Connection) -> bool:
    # A writer that died while making the file leaves a valid database without a single table.
    (tables,) = _driver(connection).execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return tables == 0 and _pragma(connection, "application_id") == 0


def _create(connection: Connection) -> None:
    with connection.begin():
        METADATA.create_all(connection)
        for trigger in _TRIGGERS:
            connection.exec_driver_sql(trigger)
        connection.execute(insert(META), {"name": FORMAT_NAME, "value": str(FORMAT)})
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def _check_format(path: Path, connection: Connection) -> None:
    if _pragma(connection, "application_id") != APPLICATION_ID:
        message = f"{path} is not a ledger: name another file"
        raise LedgerError(message)
    with connection.begin():
        found = connection.scalar(select(META.c.value).where(META.c.name == FORMAT_NAME))
    if found is None or not found.isdecimal():
        message = f"{path} does not say which format it has: it is damaged"
        raise LedgerError(message)
    if int(found) > FORMAT:
        message = (
            f"{path} was written by a newer Aislewatch (format {found}, this one knows {FORMAT}): "
            "upgrade, or name another file"
        )
        raise LedgerTooNew(message)


def _make_durable(path: Path, connection: Connection) -> None:
    mode = _pragma(connection, "journal_mode = WAL")
    if mode != "wal":
        message = f"{path} cannot be kept durably: its file system refuses a write-ahead log"
        raise LedgerError(message)
    _pragma(connection, "synchronous = FULL")


def _authorize(
    action: int, first: str | None, second: str | None, _database: str | None, _cause: str | None
) -> int:
    if action in _SCHEMA_CHANGES:
        return sqlite3.SQLITE_DENY
    if action in _REWRITES and first in _FIXED_TABLES:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and first == "writable_schema" and second is not None:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
