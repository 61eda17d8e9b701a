"""One run a folder: a lock that says at once who has it, where NATS would be waited for.

The kernel lets go of it when the run dies, however it dies; see also `aislewatch.ledger.lock`.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from aislewatch.errors import UsageError
from aislewatch.ledger.lock import WriterLock

FILE = "run.lock"


@contextmanager
def held(folder: Path) -> Generator[None]:
    """Hold a run's folder.

    Raises:
        UsageError: another run has it, or it cannot be written.
    """
    try:
        descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"{folder} cannot be written: {error.strerror}"
        raise UsageError(message) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            message = f"another run (process {holder or 'unknown'}) holds {folder}: stop it first"
            raise UsageError(message) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def require_unwritten(ledger: Path) -> None:
    """See that nobody writes a ledger, which a run's engine would wait for.

    Raises:
        LedgerError: somebody does; names the process.
    """
    WriterLock(ledger).release()
