"""What a detector is taught to answer to a scene: a peak at each thing's middle, and its box there.

The picture is laid under a grid. Each label has a map in which a thing is a bump of height 1 at the
cell of its middle, and falls off around it so that a near miss is no full error (Zhou et al.,
"Objects as Points", 2019). Each label also has four numbers in a cell, from 0 to 1: where in the
cell the middle is, across and down, and the square roots of the box's width and height in shares of
the picture, which keeps small things apart. A label has numbers of its own because the middles of a
basket and of the bottle in it share a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aislewatch_sim.pictures.canvas import Extent
from aislewatch_sim.pictures.figures import LABELS
from aislewatch_sim.pictures.scenes import Truth

SIDE: Final = 160
"""Of the square picture that the model sees, in pixels."""

CELLS: Final = 40
"""Of the grid, across and down."""

_SPREAD: Final = 0.12
_SPREAD_LEAST: Final = 0.45
_BESIDE: Final = 0.25
"""How much a box counts in the cells around its middle: a peak may come out in one of them."""


class Answer(NamedTuple):
    """What a scene is to be answered with, rows downwards.

    Attributes:
        peaks: CELLS x CELLS x labels, 0 to 1.
        boxes: CELLS x CELLS x labels x 4, 0 to 1; see the module. In the cells around a middle
            that is where in the cell is nearest to it.
        weights: CELLS x CELLS x labels; how much the box there counts, 1 at a middle, mostly 0.
    """

    peaks: NDArray[np.float32]
    boxes: NDArray[np.float32]
    weights: NDArray[np.float32]


def targets(truths: Sequence[Truth]) -> Answer:
    """Give what a scene is to be answered with."""
    peaks = np.zeros((CELLS, CELLS, len(LABELS)), np.float32)
    boxes = np.zeros((CELLS, CELLS, len(LABELS), 4), np.float32)
    weights = np.zeros((CELLS, CELLS, len(LABELS)), np.float32)
    rows, columns = np.arange(CELLS)[:, None], np.arange(CELLS)[None, :]
    for truth in truths:
        extent, label = truth.extent, LABELS.index(truth.label)
        x, y = _middle(extent)
        column, row = min(CELLS - 1, int(x)), min(CELLS - 1, int(y))
        width, height = extent.x_max - extent.x_min, extent.y_max - extent.y_min
        across = max(_SPREAD_LEAST, _SPREAD * width * CELLS)
        along = max(_SPREAD_LEAST, _SPREAD * height * CELLS)
        bump = np.exp(-(((columns - column) / across) ** 2) / 2 - (((rows - row) / along) ** 2) / 2)
        peaks[..., label] = np.maximum(peaks[..., label], bump)
        for near_row in range(max(0, row - 1), min(CELLS, row + 2)):
            for near in range(max(0, column - 1), min(CELLS, column + 2)):
                weight = 1.0 if (near_row, near) == (row, column) else _BESIDE
                if weights[near_row, near, label] <= weight:
                    weights[near_row, near, label] = weight
                    place = min(1.0, max(0.0, x - near)), min(1.0, max(0.0, y - near_row))
                    boxes[near_row, near, label] = (*place, width**0.5, height**0.5)
    return Answer(peaks, boxes, weights)


def _middle(extent: Extent) -> tuple[float, float]:
    return (
        CELLS * (extent.x_min + extent.x_max) / 2,
        CELLS * (extent.y_min + extent.y_max) / 2,
    )
