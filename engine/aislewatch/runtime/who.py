"""Who did something, as a pseudonym: the same for the same person, and telling nobody else who.

The key lies in the run's folder. Whoever holds it can find out which of the names they know a
pseudonym stands for; nobody else can.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from random import SystemRandom
from typing import Final

from aislewatch.errors import UsageError

KEY: Final = "who.key"
_KEY_BYTES: Final = 32
_SHOWN: Final = 10


def pseudonym(folder: Path, name: str) -> str:
    """Give a person's pseudonym.

    Args:
        folder: the run's; the key is made there if need be.
        name: of the person, such as the account at this machine.

    Raises:
        UsageError: the key can neither be read nor made.
    """
    digest = hmac.new(_key(folder), name.encode(), hashlib.sha256).hexdigest()
    return f"user-{digest[:_SHOWN]}"


def _key(folder: Path) -> bytes:
    path = folder / KEY
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise UsageError(message) from None
    if len(key) != _KEY_BYTES:
        message = f"{path} holds no key: it was cut off, or is another file"
        raise UsageError(message)
    return key


def _make(path: Path) -> None:
    """Make the key, unless somebody else does at this moment: then theirs stays."""
    unfinished = path.with_name(f"{KEY}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(SystemRandom().randbytes(_KEY_BYTES))
        try:
            os.link(unfinished, path)
        except FileExistsError:
            return
    finally:
        unfinished.unlink()
