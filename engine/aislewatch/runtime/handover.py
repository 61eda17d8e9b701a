"""What a run leaves in its folder for as long as it lasts: how others on this machine reach it.

The file holds the secret of the run's NATS, so only its owner may read it; it goes with the run. A
run that was killed leaves it behind, and whoever reads it finds out that nobody is there.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from aislewatch.errors import UsageError
from aislewatch.runtime.nats_config import Credentials

FILE: Final = "reach.json"


class RunFile(msgspec.Struct, frozen=True):
    """A store file that is run.

    Attributes:
        path: absolute.
        stores: ids; empty: every store that events name.
        recording: a recording winds its clock on, and not the machine's.
    """

    path: str
    stores: tuple[str, ...]
    recording: bool


class Reach(msgspec.Struct, frozen=True):
    """How to reach a run.

    Attributes:
        pid: of its process.
        url: of its NATS.
        user, password, inbox: who to be there; see `Credentials`.
        control: the subject on which it is asked for things; see `aislewatch.runtime.control`.
        ledger: absolute path of its ledger.
        files: what it runs.
    """

    pid: int
    url: str
    user: str
    password: str
    inbox: str
    control: str
    ledger: str
    files: tuple[RunFile, ...]

    @property
    def credentials(self) -> Credentials:
        """Who to be there."""
        return Credentials(self.user, self.password, self.inbox)

    def file(self, store: Path) -> RunFile | None:
        """Give what is run of a store file; None where it runs others."""
        path = str(store.resolve())
        return next((file for file in self.files if file.path == path), None)

    def require(self, store: Path) -> None:
        """See that the run is of a store file.

        Raises:
            UsageError: it is of others; names them.
        """
        if self.file(store) is None:
            message = f"the run is of {', '.join(file.path for file in self.files)}, not of {store}"
            raise UsageError(message)


class NobodyRuns(UsageError):
    """No run is under way in a folder."""


@contextmanager
def left_in(folder: Path, reach: Reach) -> Generator[None]:
    """Leave the file in a run's folder for a while."""
    path, unfinished = folder / FILE, folder / f"{FILE}.new"
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(reach))
    unfinished.replace(path)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def found_in(folder: Path) -> Reach:
    """Give how to reach the run of a folder.

    Raises:
        NobodyRuns: no run is under way there.
        UsageError: it is somebody else's, or of another version.
    """
    path = folder / FILE
    try:
        reach = msgspec.json.decode(path.read_bytes(), type=Reach)
    except FileNotFoundError:
        message = f"nobody is running in {folder}: name the --folder of the run"
        raise NobodyRuns(message) from None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}; only who started the run may"
        raise UsageError(message) from None
    except msgspec.MsgspecError:
        message = f"{path} was left by another version of Aislewatch"
        raise UsageError(message) from None
    if not _lives(reach.pid):
        message = (
            f"nobody is running in {folder}: the run that was there (process {reach.pid}) died"
        )
        raise NobodyRuns(message)
    return reach


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
