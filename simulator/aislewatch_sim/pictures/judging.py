"""How a detector is judged: what it finds in scenes against what is in them.

A find is a hit where it shares half of its union with something of its label that nothing surer has
hit. The outputs are read here anew, for the drivers of cameras share nothing with the simulator.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aislewatch_sim.pictures.canvas import Extent
from aislewatch_sim.pictures.figures import LABELS
from aislewatch_sim.pictures.scenes import Truth

_HIT_LEAST: Final = 0.5
_SCORE_LEAST: Final = 0.05
_DOUBLE: Final = 0.5
"""Of two finds of one label that share more of their union, the surer is kept."""


class Find(NamedTuple):
    """Something that a detector found.

    Attributes:
        label: one of `figures.LABELS`.
        score: 0 to 1.
        extent: where.
    """

    label: str
    score: float
    extent: Extent


def finds(peaks: NDArray[np.float32], boxes: NDArray[np.float32]) -> list[Find]:
    """Read a detector's answer to one picture, surest first.

    Args:
        peaks: rows x columns x labels; see `targets.Answer`.
        boxes: rows x columns x labels x 4.
    """
    rows, columns = peaks.shape[:2]
    padded = np.pad(peaks, ((1, 1), (1, 1), (0, 0)))
    near = np.stack([padded[y : y + rows, x : x + columns] for y in range(3) for x in range(3)])
    found: list[Find] = []
    for row, column, label in np.argwhere((peaks >= near.max(0)) & (peaks > _SCORE_LEAST)).tolist():
        x, y, root_width, root_height = boxes[row, column, label].tolist()
        middle_x, middle_y = (column + x) / columns, (row + y) / rows
        half_width, half_height = root_width**2 / 2, root_height**2 / 2
        extent = Extent(
            middle_x - half_width, middle_y - half_height, middle_x + half_width,
            middle_y + half_height,
        ).clipped()  # fmt: skip
        found.append(Find(LABELS[label], float(peaks[row, column, label]), extent))
    kept: list[Find] = []
    for one in sorted(found, key=lambda one: -one.score):
        others = (other.extent for other in kept if other.label == one.label)
        if all(shared(one.extent, other) <= _DOUBLE for other in others):
            kept.append(one)
    return kept


def shared(one: Extent, other: Extent) -> float:
    """Give the share of their union that two boxes have in common.

    >>> shared(Extent(0.0, 0.0, 0.5, 1.0), Extent(0.25, 0.0, 0.75, 1.0))
    0.3333333333333333
    """
    across = min(one.x_max, other.x_max) - max(one.x_min, other.x_min)
    along = min(one.y_max, other.y_max) - max(one.y_min, other.y_min)
    if across <= 0 or along <= 0:
        return 0.0
    both = across * along
    areas = sum((box.x_max - box.x_min) * (box.y_max - box.y_min) for box in (one, other))
    return both / (areas - both)


def hits(found: Sequence[Find], truths: Sequence[Truth]) -> list[bool]:
    """Tell of each find, surest first, whether it is a hit."""
    left = list(truths)
    told: list[bool] = []
    for one in found:
        same = [truth for truth in left if truth.label == one.label]
        best = max(same, key=lambda truth: shared(one.extent, truth.extent), default=None)
        hit = best is not None and shared(one.extent, best.extent) >= _HIT_LEAST
        if hit and best is not None:
            left.remove(best)
        told.append(hit)
    return told


class Tally(NamedTuple):
    """What became of the finds of one label, in many scenes.

    Attributes:
        there: how many things there were.
        scores: of the finds, surest first.
        hit: of each, whether it was a hit.
    """

    there: int
    scores: NDArray[np.float64]
    hit: NDArray[np.bool_]

    def shares(self, score_least: float) -> tuple[float, float]:
        """Give precision and recall where less sure finds are left out."""
        count = int(np.count_nonzero(self.scores >= score_least))
        right = int(np.count_nonzero(self.hit[:count]))
        return right / max(1, count), right / max(1, self.there)

    def best_score(self) -> float:
        """Give the least score at which precision and recall are best together (F1)."""
        right = np.cumsum(self.hit)
        f1 = 2 * right / (np.arange(1, right.size + 1) + max(1, self.there))
        return float(self.scores[int(np.argmax(f1))]) if right.size else _HIT_LEAST


def tallied(judged: Iterable[tuple[Sequence[Find], Sequence[Truth]]]) -> dict[str, Tally]:
    """Tally finds by label, over scenes."""
    told: dict[str, list[tuple[float, bool]]] = {label: [] for label in LABELS}
    there: dict[str, int] = dict.fromkeys(LABELS, 0)
    for found, truths in judged:
        for one, hit in zip(found, hits(found, truths), strict=True):
            told[one.label].append((one.score, hit))
        for truth in truths:
            there[truth.label] += 1
    tallies: dict[str, Tally] = {}
    for label, pairs in told.items():
        pairs.sort(key=lambda pair: -pair[0])
        scores = np.array([score for score, _ in pairs], np.float64)
        tallies[label] = Tally(there[label], scores, np.array([hit for _, hit in pairs], np.bool_))
    return tallies
