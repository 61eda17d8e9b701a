"""A bounded buffer on disk for the time that NATS is away: order kept, ids kept, nothing silent.

One SQLite file a publisher, flushed (WAL, ``synchronous=FULL``) before `Spool.append` returns, so
it survives a crash of ours and of the machine. Full means full: the newest is not taken, and is
counted in the file itself, so the count outlives a restart too. (Dropping the oldest would be as
much of a loss, and would tear holes into what the engine takes for the past.)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aislewatch.errors import BusError
from aislewatch.runtime.bus_message import Message

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spooled (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    subject TEXT NOT NULL,
    msg_id TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS dropped (events INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
INSERT INTO dropped SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM dropped);
"""
# A row's own cost beside its text and payload, so that the limit is about the file's size.
_ROW_BYTES = 32


@dataclass(frozen=True, slots=True)
class SpoolDepth:
    """What a spool holds and what it had no room for.

    Attributes:
        events: waiting.
        bytes: of those, about what they take on disk.
        dropped: events that were not taken since the file was made.
    """

    events: int
    bytes: int
    dropped: int


class Spool:
    """The buffer. Not for use by two threads at once; every call may wait for the disk.

    Args:
        file: the SQLite file; made if need be. One process at a time.
        max_bytes: how much may wait.
    """

    def __init__(self, file: Path, *, max_bytes: int = 512 * 1024**2) -> None:
        self._max_bytes = max_bytes
        try:
            self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            message = f"the spool {file} cannot be opened: {error}"
            raise BusError(message) from error
        length = f"length(subject) + length(msg_id) + length(payload) + {_ROW_BYTES}"
        row = self._db.execute(f"SELECT count(*), sum({length}) FROM spooled").fetchone()
        self._events, self._bytes = int(row[0]), int(row[1] or 0)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def depth(self) -> SpoolDepth:
        """Tell what waits and what was dropped."""
        dropped = self._db.execute("SELECT events FROM dropped").fetchone()[0]
        return SpoolDepth(self._events, self._bytes, int(dropped))

    def room_for(self, messages: Sequence[Message]) -> int:
        """Tell how many of these, from the first on, would be taken now."""
        total = self._bytes
        for taken, message in enumerate(messages):
            total += message.size + _ROW_BYTES
            if total > self._max_bytes:
                return taken
        return len(messages)

    def append(self, messages: Sequence[Message]) -> int:
        """Take messages while there is room, count the rest as dropped; tells how many were taken.

        Raises:
            BusError: the disk does not take them; none was taken.
        """
        taken = messages[: self.room_for(messages)]
        rest = messages[len(taken) :]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO spooled (subject, msg_id, payload) VALUES (?, ?, ?)",
                [(m.subject, m.msg_id, m.payload) for m in taken],
            )
            self._db.execute(
                "UPDATE dropped SET events = events + ?, bytes = bytes + ?",
                (len(rest), sum(m.size for m in rest)),
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            message = f"the spool does not take {len(messages)} events: {error}"
            raise BusError(message) from error
        self._events += len(taken)
        self._bytes += sum(m.size + _ROW_BYTES for m in taken)
        return len(taken)

    def head(self, count_max: int, bytes_max: int) -> list[Message]:
        """Give the oldest messages, in order: at least one if any waits."""
        rows = self._db.execute(
            "SELECT subject, msg_id, payload FROM spooled ORDER BY position LIMIT ?", (count_max,)
        )
        head: list[Message] = []
        size = 0
        for row in rows:
            message = Message(*row)
            size += message.size
            if head and size > bytes_max:
                break
            head.append(message)
        rows.close()
        return head

    def remove_head(self, messages: Sequence[Message]) -> None:
        """Take out what `head` gave, once it is stored elsewhere.

        Raises:
            BusError: the disk does not let go of them; they are all still there.
        """
        try:
            self._db.execute(
                "DELETE FROM spooled WHERE position IN"
                " (SELECT position FROM spooled ORDER BY position LIMIT ?)",
                (len(messages),),
            )
        except sqlite3.Error as error:
            message = f"the spool cannot be emptied: {error}"
            raise BusError(message) from error
        self._events -= len(messages)
        self._bytes -= sum(m.size + _ROW_BYTES for m in messages)
