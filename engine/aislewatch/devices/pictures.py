"""Pictures kept as evidence: each in a file that is called by its hash, and once.

What is told of a picture is its hash and its size, by which its file is found and proved.
"""

from __future__ import annotations

import hashlib
from pathlib import Path


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


def is_whole(folder: Path, sha256: str) -> bool:
    """Tell whether a picture is there and still what it was."""
    try:
        return hashlib.sha256(place_of(folder, sha256).read_bytes()).hexdigest() == sha256
    except OSError:
        return False
