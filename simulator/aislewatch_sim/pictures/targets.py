"""What a detector is taught to answer to a scene: a peak at each thing's middle, and its box there.

The picture is laid under a grid. Each label has a map in which a thing is a bump of height 1 at the
cell of its middle, and falls off around it so that a near miss is no full error (Zhou et al.,
"Objects as Points", 2019). In the cell of a middle stand four numbers from 0 to 1: where in the
cell the middle is, across and down, and the square roots of the box's width and height in shares of
the picture, which keeps small things apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from aislewatch_sim.pictures.canvas import Extent
from aislewatch_sim.pictures.figures import LABELS
from aislewatch_sim.pictures.scenes import Truth

SIDE: Final = 128
"""Of the square picture that the model sees, in pixels."""

CELLS: Final = 16
"""Of the grid, across and down."""

CHANNELS: Final = len(LABELS) + 5
"""In a cell of the targets: a map for each label, the four numbers, and 1 where they stand."""

_SPREAD: Final = 0.12
_SPREAD_LEAST: Final = 0.45


def targets(truths: Sequence[Truth]) -> NDArray[np.float32]:
    """Give what a scene is to be answered with.

    Returns:
        CELLS x CELLS x CHANNELS, rows downwards.
    """
    answer = np.zeros((CELLS, CELLS, CHANNELS), np.float32)
    rows = np.arange(CELLS)[:, None]
    columns = np.arange(CELLS)[None, :]
    for truth in truths:
        extent, label = truth.extent, LABELS.index(truth.label)
        x, y = _middle(extent)
        column, row = min(CELLS - 1, int(x)), min(CELLS - 1, int(y))
        width, height = extent.x_max - extent.x_min, extent.y_max - extent.y_min
        across = max(_SPREAD_LEAST, _SPREAD * width * CELLS)
        along = max(_SPREAD_LEAST, _SPREAD * height * CELLS)
        bump = np.exp(-(((columns - column) / across) ** 2) / 2 - (((rows - row) / along) ** 2) / 2)
        answer[..., label] = np.maximum(answer[..., label], bump)
        place = (x - column, y - row, width**0.5, height**0.5)
        answer[row, column, len(LABELS) :] = (*place, 1.0)
    return answer


def _middle(extent: Extent) -> tuple[float, float]:
    return (
        CELLS * (extent.x_min + extent.x_max) / 2,
        CELLS * (extent.y_min + extent.y_max) / 2,
    )
