"""Pictures kept as evidence: each in a file that is called by its hash, and once.

What is told of a picture is its hash and its size, by which its file is found and proved.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

PictureState = Literal["whole", "changed", "gone"]
"""What became of a picture's file: it is what was kept, it is another, it is not there."""

_CALLED: Final = re.compile(r"([0-9a-f]{64})\.jpg")
_BLOCK: Final = 1 << 16


def keep(folder: Path, data: bytes) -> str:
    """Keep a picture; blocks as files do.

    Args:
        folder: made where it is missing, readable by its owner only.
        data: the picture, a JPEG.

    Returns:
        Its SHA-256, hexadecimal; `place_of` gives its file.
    """
    digest = hashlib.sha256(data).hexdigest()
    path = place_of(folder, digest)
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)  # Of parents, mkdir makes what the system's mask allows.
        aside = path.with_suffix(".part")
        aside.write_bytes(data)
        aside.chmod(0o600)
        aside.replace(path)
    return digest


def place_of(folder: Path, sha256: str) -> Path:
    """Give where a picture is kept, or would be: ``<two digits>/<all digits>.jpg``."""
    return folder / sha256[:2] / f"{sha256}.jpg"


def state_of(folder: Path, sha256: str) -> PictureState:
    """Look what became of a picture's file. What cannot be read is another than was kept."""
    path = place_of(folder, sha256)
    if not path.exists():
        return "gone"
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "gone"
    except OSError:
        return "changed"
    return "whole" if digest == sha256 else "changed"


def kept_in(folder: Path) -> Iterator[str]:
    """Give the hashes by which the pictures in a folder are called, in order."""
    for path in sorted(folder.glob("??/*.jpg")):
        called = _CALLED.fullmatch(path.name)
        if called is not None and path == place_of(folder, called[1]):
            yield called[1]


def erase(folder: Path, sha256: str) -> None:
    """Delete a picture's file, after it was overwritten; nothing where there is none.

    What a backup or the spare blocks of an SSD still hold is out of reach.

    Raises:
        OSError: it cannot be deleted.
    """
    _overwritten(place_of(folder, sha256))


def drop_unfinished(folder: Path, before_us: int) -> int:
    """Delete what a process left that died while it kept a picture; gives how many there were.

    Args:
        folder: of the pictures.
        before_us: only what was written before, by the machine's clock: what is newer may yet be
            finished.

    Raises:
        OSError: it cannot be deleted.
    """
    dropped = 0
    for path in folder.glob("??/*.part"):
        with suppress(FileNotFoundError):  # It has just been finished.
            if path.stat().st_mtime_ns // 1_000 < before_us:
                _overwritten(path)
                dropped += 1
    return dropped


def _overwritten(path: Path) -> None:
    try:
        with path.open("r+b") as file:
            left = os.fstat(file.fileno()).st_size
            while left > 0:
                left -= file.write(bytes(min(left, _BLOCK)))
            file.flush()
            os.fsync(file.fileno())
    except FileNotFoundError:
        return
    path.unlink(missing_ok=True)
