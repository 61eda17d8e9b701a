"""What stands before a camera's twin: people who walk in, stay and leave, and the light."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field


@dataclass
class Visitor:
    """Somebody in view.

    Attributes:
        number: counts those who came.
        x, y: where the feet are, as shares of the picture from its top left.
        since_s: when they came, seconds since 1970.
    """

    number: int
    x: float
    y: float
    since_s: float


@dataclass
class Scene:
    """One camera's view.

    Attributes:
        zones: by name, its left, top, right and bottom edge as shares of the picture.
        lux: the light.
        covered: something hangs before the lens.
        visitors: who is there, by number.
    """

    zones: dict[str, tuple[float, float, float, float]] = field(
        default_factory=dict[str, tuple[float, float, float, float]]
    )
    lux: float = 300.0
    covered: bool = False
    visitors: dict[int, Visitor] = field(default_factory=dict[int, Visitor])
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def enter(self, x: float, y: float, now_s: float) -> Visitor:
        """Let somebody come into view."""
        visitor = Visitor(next(self._numbers), x, y, now_s)
        self.visitors[visitor.number] = visitor
        return visitor

    def leave(self, number: int) -> Visitor:
        """Let somebody go; KeyError where nobody has that number."""
        return self.visitors.pop(number)

    def zones_of(self, visitor: Visitor) -> list[str]:
        """Give the zones that somebody stands in."""
        return [
            name
            for name, (left, top, right, bottom) in self.zones.items()
            if left <= visitor.x <= right and top <= visitor.y <= bottom
        ]
