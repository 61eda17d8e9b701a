"""Embeddings compared: which entry of a gallery one is most like, and how often that is wrong.

Two embeddings of one model are compared by the cosine of the angle between them, so that their
lengths do not matter (Deng et al., *ArcFace*, 2019, and every model of that family since). Pure:
the time comes with the question.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """One embedding of an entry.

    Attributes:
        entry: its id; an entry may have several embeddings.
        model: what made the embedding.
        embedding: its figures.
        from_us: when it begins to count.
        until_us: when it has ended.
    """

    entry: str
    model: str
    embedding: Sequence[float]
    from_us: int
    until_us: int


class Gallery:
    """Embeddings to compare with, made ready.

    Args:
        enrolled: those that count at some time; all of one model have one length.

    Raises:
        ValueError: one of them is no embedding.
    """

    def __init__(self, enrolled: Iterable[Enrolled]) -> None:
        by_model: dict[str, list[Enrolled]] = {}
        # In order of their ids, so that of two that are equally like the first is told.
        for one in sorted(enrolled, key=lambda one: one.entry):
            by_model.setdefault(one.model, []).append(one)
        self._models = {model: _Sheet(several) for model, several in by_model.items()}

    def nearest(
        self, embedding: Sequence[float], model: str, time_us: int
    ) -> tuple[str, float] | None:
        """Give the entry that is most like, and the cosine; None where there is none to compare.

        Raises:
            ValueError: it is no embedding, or of another length than those of its model.
        """
        asked = unit(embedding)
        sheet = self._models.get(model)
        return None if sheet is None else sheet.nearest(asked, time_us)


class _Sheet:
    """The embeddings of one model, a row each."""

    def __init__(self, enrolled: Sequence[Enrolled]) -> None:
        lengths = {len(one.embedding) for one in enrolled}
        if len(lengths) > 1:
            message = f"embeddings of {enrolled[0].model} have different lengths"
            raise ValueError(message)
        self._rows = np.stack([unit(one.embedding) for one in enrolled])
        self._names = [one.entry for one in enrolled]
        self._from_us = np.array([one.from_us for one in enrolled], np.int64)
        self._until_us = np.array([one.until_us for one in enrolled], np.int64)

    def nearest(self, asked: Vector, time_us: int) -> tuple[str, float] | None:
        if asked.shape[0] != self._rows.shape[1]:
            message = f"it has {asked.shape[0]} figures, those of its model {self._rows.shape[1]}"
            raise ValueError(message)
        counts = (self._from_us <= time_us) & (time_us < self._until_us)
        if not counts.any():
            return None
        cosines = np.where(counts, self._rows @ asked, -np.inf)
        best = int(np.argmax(cosines))
        return self._names[best], min(1.0, float(cosines[best]))


def unit(embedding: Sequence[float]) -> Vector:
    """Give an embedding with length one.

    Raises:
        ValueError: it is none; a sentence without any of its figures.
    """
    figures: Any = np.asarray(embedding, np.float64)
    if figures.ndim != 1 or not figures.shape[0]:
        message = "an embedding is a list of figures"
        raise ValueError(message)
    # Divided by the greatest first, so that no square is too large or too small to be told.
    greatest = float(np.max(np.abs(figures)))
    if not math.isfinite(greatest) or greatest == 0:
        message = "an embedding has finite figures, and not all of them zero"
        raise ValueError(message)
    scaled: Vector = figures / greatest
    found: Vector = scaled / np.linalg.norm(scaled)
    return found


def rounded_down(cosine: float) -> float:
    """Give a cosine with three digits, never more than it is: 0.6199 is not 0.62.

    >>> rounded_down(0.6199), rounded_down(1.0)
    (0.619, 1.0)
    """
    return math.floor(cosine * 1000) / 1000


def wrong_a_day(rate: float, entries: int, visitors: int) -> float:
    """Give how many visitors a day are taken for somebody on the list who are not.

    A visitor is compared with every entry, each time with the same chance of a false match; the
    chances are taken to be independent, which overstates them a little for look-alikes.

    Args:
        rate: chance of a false match between two strangers.
        entries: on the list.
        visitors: a day.

    >>> round(wrong_a_day(1e-6, 100, 2000), 3)
    0.2
    """
    return visitors * -math.expm1(entries * math.log1p(-rate))
