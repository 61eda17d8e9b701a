"""A face that is put on a watchlist: its embeddings, read from a file or from standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from aislewatch.errors import UsageError

_BYTES_MOST: Final = 1 << 24
STANDARD_INPUT: Final = Path("-")

Shape = TypeVar("Shape")


class _Told(msgspec.Struct):
    """What a service answers: the embedding among other things."""

    embedding: list[float]


def read_embeddings(path: Path) -> list[list[float]]:
    """Read the embeddings of one face: a list of figures, several, or an object that holds one.

    Args:
        path: of the file; ``-`` is standard input.

    Raises:
        UsageError: it cannot be read, or holds none; the message says nothing of what it holds.
    """
    try:
        if path == STANDARD_INPUT:
            raw = sys.stdin.buffer.read(_BYTES_MOST)
        else:
            with path.open("rb") as file:
                raw = file.read(_BYTES_MOST)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise UsageError(message) from None
    several = _read(raw, list[list[float]]) or []
    if not several and (single := _read(raw, list[float])):
        several = [single]
    if not several and (told := _read(raw, _Told)) is not None:
        several = [told.embedding]
    if not several:
        message = f"{path} holds no embedding: write a JSON list of figures, or a list of such"
        raise UsageError(message)
    return several


def _read(raw: bytes, shape: type[Shape]) -> Shape | None:
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, RecursionError):
        return None
