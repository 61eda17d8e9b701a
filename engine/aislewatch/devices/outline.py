"""Outlines in a camera's picture: whether a point is inside, and how far from it."""

from __future__ import annotations

import math
from collections.abc import Sequence

Spot = tuple[float, float]
"""Across and down, as shares of the picture from its top left."""


def inside(point: Spot, outline: Sequence[Spot]) -> bool:
    """Tell whether a point lies within an outline, by how often a ray from it crosses that.

    >>> desk = [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)]
    >>> inside((0.2, 0.5), desk), inside((0.7, 0.5), desk)
    (True, False)
    """
    x, y = point
    within = False
    for (ax, ay), (bx, by) in _edges(outline):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            within = not within
    return within


def distance(point: Spot, outline: Sequence[Spot]) -> float:
    """Give how far a point is from an outline, from either side.

    >>> distance((0.75, 0.5), [(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)])
    0.25
    """
    return min(_from_edge(point, a, b) for a, b in _edges(outline))


def _edges(outline: Sequence[Spot]) -> list[tuple[Spot, Spot]]:
    return list(zip(outline, (*outline[1:], outline[0]), strict=True))


def _from_edge(point: Spot, a: Spot, b: Spot) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    along = 0.0
    if length > 0:
        along = ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length
        along = max(0.0, min(1.0, along))
    return math.hypot(point[0] - a[0] - along * dx, point[1] - a[1] - along * dy)
