"""Likeness to a watchlist: the one question that a plugin may ask about a face.

What describes a face well enough to know it again (an embedding) is biometric data. It is compared
in the process of the device that told it and nowhere else: no event has a field for it, so that it
can reach neither the bus nor an archive nor the ledger. What a shop has not opted in to cannot be
asked at all: the context then holds nobody who compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Likeness:
    """The entry that an embedding is most like, and like enough.

    Attributes:
        watchlist: name of the list.
        entry: id of the entry; it means nothing outside of the list.
        similarity: cosine of the angle between the two embeddings, up to 1, rounded down to three
            digits.
    """

    watchlist: str
    entry: str
    similarity: float


class Comparer(Protocol):
    """Compares embeddings with those of a watchlist. Keeps nothing of what it is asked."""

    def compare(
        self, embedding: Sequence[float], *, model: str, quality: float | None, time_us: int
    ) -> Likeness | None:
        """Give the entry that an embedding is like.

        Args:
            embedding: of a face, of any length but zero.
            model: what made it; embeddings of two models say nothing about each other.
            quality: of the picture of the face, 0 to 1; unknown is not good enough.
            time_us: when the face was seen; entries that had ended by then are not looked at.

        Raises:
            ValueError: it is no embedding: empty, all zeros, not finite, or of another length than
                those of its model; a sentence without any of its figures.
        """
        ...
