"""Files from which something can be taken without a trace, for personal data apart from the ledger.

The ledger forgets nothing, so what may have to be forgotten is kept in files of its own. Whoever
owns such a file may read it and nobody else. What is deleted is overwritten with zeros, and the
file is written anew without the gaps; what a backup or the spare blocks of an SSD still hold is out
of its reach, which is why the disk below should be encrypted.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

from aislewatch.errors import UsageError

_BUSY_S: Final = 10.0
_OWNER_ONLY: Final = 0o600

_PRAGMAS: Final = (
    "secure_delete = ON",
    "journal_mode = DELETE",
    "synchronous = FULL",
    "foreign_keys = ON",
    "temp_store = MEMORY",  # To write the file anew must leave no second copy behind.
)


class ErasableFile:
    """Such a file, opened; for one thread at a time, not always the same.

    Args:
        path: the file; made where there is none, for its owner only.
        what: it is, for messages: "a watchlist".
        tables: statements that make its tables.
        format_: version of the tables.

    Raises:
        UsageError: others may read it, its folder is not there, or it is another file.
    """

    def __init__(self, path: Path, what: str, tables: tuple[str, ...], format_: int) -> None:
        _require_private(path, what)
        try:
            self.base = sqlite3.connect(
                path, isolation_level=None, timeout=_BUSY_S, check_same_thread=False
            )
            for pragma in _PRAGMAS:
                self.base.execute(f"PRAGMA {pragma}")
            with self.change():
                (found,) = self.base.execute("PRAGMA user_version").fetchone()
                if not found:
                    for statement in tables:
                        self.base.execute(statement)
                    self.base.execute(f"PRAGMA user_version = {format_}")
        except sqlite3.DatabaseError as error:
            message = f"{path} cannot be used as {what}: {error}"
            raise UsageError(message) from None
        if found not in {0, format_}:
            message = f"{path} was written by a later version of Aislewatch"
            raise UsageError(message)

    def close(self) -> None:
        """Let go of the file."""
        self.base.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def change(self) -> Generator[None]:
        """Change what is kept, all of it or, where something is raised inside, nothing."""
        self.base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.base.execute("ROLLBACK")
            raise
        self.base.execute("COMMIT")

    @property
    def changed(self) -> int:
        """A figure that differs from the one before when another connection changed the file."""
        (version,) = self.base.execute("PRAGMA data_version").fetchone()
        return int(version)

    def tidy(self) -> None:
        """Write the file anew, without room for what was deleted; outside of a `change`."""
        self.base.execute("VACUUM")


def _require_private(path: Path, what: str) -> None:
    """Have a file that is its owner's alone, before anything is written into it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
    except OSError as error:
        message = f"{path} cannot be used as {what}: {error.strerror}"
        raise UsageError(message) from None
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if stat.S_IMODE(status.st_mode) & 0o077:
        message = f"others than its owner may read {path}, which is {what}; type: chmod 600 {path}"
        raise UsageError(message)
