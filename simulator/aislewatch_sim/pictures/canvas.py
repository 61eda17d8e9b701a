"""A canvas: soft-edged shapes on a picture, and who of those drawn stands in front where.

Everything is numpy, and nothing is drawn by chance: the same calls give the same picture.
"""

from __future__ import annotations

from math import ceil, cos, floor, sin
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 255 each."""

Grid = NDArray[np.float32]
"""Numbers for each pixel; also height x width x 3."""

Picture = NDArray[np.uint8]
"""Height x width x 3."""


class Extent(NamedTuple):
    """Where a figure is, in shares of the picture's width and height; may reach beyond it.

    Attributes:
        x_min: left.
        y_min: upper.
        x_max: right.
        y_max: lower.
    """

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    def clipped(self) -> Extent:
        """Give the part that is in the picture."""
        return Extent(*(min(1.0, max(0.0, edge)) for edge in self))


_Window = tuple[int, int, int, int]
"""First row, the row after the last, first column, the column after the last."""


class Canvas:
    """A picture that is being drawn. Places and lengths are in pixels, angles in radians.

    Args:
        backdrop: height x width x 3, 0 to 255; is copied.
    """

    def __init__(self, backdrop: Grid) -> None:
        self.pixels = backdrop.astype(np.float32, copy=True)
        self.height, self.width = backdrop.shape[:2]
        self._owner = np.zeros((self.height, self.width), np.int32)
        self._drawn: dict[int, int] = {}
        self._edges: dict[int, list[float]] = {}
        self._figure = 0

    def begin(self) -> int:
        """Begin a figure: what is drawn until its end belongs to it, and all else is scenery.

        Returns:
            Its number, from 1.
        """
        self._figure = len(self._drawn) + 1
        self._drawn[self._figure] = 0
        return self._figure

    def end(self) -> None:
        """End the figure."""
        self._drawn[self._figure] = int(np.count_nonzero(self._owner == self._figure))
        self._figure = 0

    def visible(self, figure: int) -> float:
        """Give about which share of a figure is in the picture and not hidden by later ones."""
        drawn = self._drawn[figure]
        if not drawn:
            return 0.0
        whole, within = self.extent(figure), self.extent(figure).clipped()
        outside = _area(within) / max(_area(whole), 1e-9)
        return outside * float(np.count_nonzero(self._owner == figure)) / drawn

    def extent(self, figure: int) -> Extent:
        """Give the upright box around all that was drawn of a figure."""
        x_min, y_min, x_max, y_max = self._edges[figure]
        return Extent(
            x_min / self.width, y_min / self.height, x_max / self.width, y_max / self.height
        )

    def ellipse(
        self, x: float, y: float, across: float, along: float, colour: Colour, turn: float = 0.0
    ) -> None:
        """Draw an ellipse about a point, with its two radii."""
        self._reach(
            x,
            y,
            float(np.hypot(across * cos(turn), along * sin(turn))),
            float(np.hypot(across * sin(turn), along * cos(turn))),
        )
        reach = max(across, along)
        window = self._window(x, y, reach, reach)
        if window is None:
            return
        u, v = _turned(window, x, y, turn)
        radius = np.hypot(u / across, v / along)
        self._lay(window, (1.0 - radius) * min(across, along), colour)

    def bar(
        self, x: float, y: float, width: float, height: float, colour: Colour, turn: float = 0.0
    ) -> None:
        """Draw a rectangle about a point."""
        across, along = width / 2, height / 2
        self._reach(
            x,
            y,
            abs(across * cos(turn)) + abs(along * sin(turn)),
            abs(across * sin(turn)) + abs(along * cos(turn)),
        )
        reach = float(np.hypot(across, along))
        window = self._window(x, y, reach, reach)
        if window is None:
            return
        u, v = _turned(window, x, y, turn)
        self._lay(window, np.minimum(across - np.abs(u), along - np.abs(v)), colour)

    def limb(
        self, x0: float, y0: float, x1: float, y1: float, radius: float, colour: Colour
    ) -> None:
        """Draw a straight line with round ends."""
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        across, along = abs(x1 - x0) / 2 + radius, abs(y1 - y0) / 2 + radius
        self._reach(x, y, across, along)
        window = self._window(x, y, across, along)
        if window is None:
            return
        ys, xs = _centres(window)
        dx, dy = x1 - x0, y1 - y0
        part = np.clip(((xs - x0) * dx + (ys - y0) * dy) / (dx * dx + dy * dy + 1e-6), 0.0, 1.0)
        far = np.hypot(xs - x0 - part * dx, ys - y0 - part * dy)
        self._lay(window, radius - far, colour)

    def _window(self, x: float, y: float, across: float, along: float) -> _Window | None:
        top, bottom = max(0, floor(y - along) - 1), min(self.height, ceil(y + along) + 1)
        left, right = max(0, floor(x - across) - 1), min(self.width, ceil(x + across) + 1)
        return (top, bottom, left, right) if top < bottom and left < right else None

    def _lay(self, window: _Window, depth: NDArray[Any], colour: Colour) -> None:
        top, bottom, left, right = window
        cover = np.clip(depth + 0.5, 0.0, 1.0).astype(np.float32)[..., None]
        pixels = self.pixels[top:bottom, left:right]
        pixels += cover * (np.asarray(colour, np.float32) - pixels)
        self._owner[top:bottom, left:right][cover[..., 0] > 0.5] = self._figure

    def _reach(self, x: float, y: float, across: float, along: float) -> None:
        if self._figure <= 0:
            return
        edges = self._edges.setdefault(self._figure, [x, y, x, y])
        edges[0], edges[1] = min(edges[0], x - across), min(edges[1], y - along)
        edges[2], edges[3] = max(edges[2], x + across), max(edges[3], y + along)


def _area(extent: Extent) -> float:
    return max(0.0, extent.x_max - extent.x_min) * max(0.0, extent.y_max - extent.y_min)


def _centres(window: _Window) -> tuple[Grid, Grid]:
    top, bottom, left, right = window
    ys = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5)
    xs = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5)
    return ys, xs


def _turned(window: _Window, x: float, y: float, turn: float) -> tuple[Grid, Grid]:
    ys, xs = _centres(window)
    c, s = np.float32(cos(turn)), np.float32(sin(turn))
    u, v = (xs - x) * c + (ys - y) * s, (ys - y) * c - (xs - x) * s
    return u.astype(np.float32), v.astype(np.float32)
