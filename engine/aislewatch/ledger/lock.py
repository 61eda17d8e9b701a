"""One writer a ledger: an operating system lock on a file beside it.

SQLite's own locks last one transaction, and its exclusive mode shuts readers out as well. A lock
on ``<ledger>.lock`` is held from opening to closing, hinders no reader, and the kernel lets go of
it when the writer dies, however it dies. It is `flock`, not POSIX record locks: those do not
exclude a second opening in the same process. On a network file system neither can be trusted.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from aislewatch.errors import LedgerError


class WriterLock:
    """The right to write one ledger, held from construction until `release`.

    Args:
        ledger: the ledger's own path; the lock file beside it is made, and stays for good, since
            deleting it would let two processes lock two files of the same name.

    Raises:
        LedgerError: somebody else, in this process or another, is writing, or the folder is not
            writable.
    """

    def __init__(self, ledger: Path) -> None:
        path = ledger.with_name(ledger.name + ".lock")
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            message = f"{path} cannot be made, so {ledger} cannot be written: {error.strerror}"
            raise LedgerError(message) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            message = (
                f"{ledger} is being written by process {holder or 'unknown'}: "
                "a ledger has one writer, though any number may read it"
            )
            raise LedgerError(message) from error
        # Only for that sentence; a full disk must not keep a ledger from being opened.
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            pass

    def release(self) -> None:
        """Let the next writer in. Call it once."""
        os.close(self._descriptor)
