"""Zones in the picture: who is in which, since when, and when they have left. Pure.

Whoever stands on a border would come and go with every tremble of a box. So a zone is entered at
its outline and left only some way outside of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aislewatch.devices.outline import distance, inside
from aislewatch_plugins.vision.config import Point


@dataclass(slots=True)
class Stay:
    """Somebody, or something, in a zone.

    Attributes:
        track: whose.
        zone: where.
        since_us: when it came in.
        seen_us: when it was last seen in it.
    """

    track: int
    zone: str
    since_us: int
    seen_us: int

    @property
    def dwell_us(self) -> int:
        """How long it has been in it, as far as it was seen."""
        return self.seen_us - self.since_us


class Moves(NamedTuple):
    """What one picture changed: stays that began and stays that are over."""

    entered: list[Stay]
    left: list[Stay]


class Zones:
    """Keeps who is in which zone.

    Args:
        outlines: by zone, its corners in order, as shares of the picture.
        margin: how far outside somebody must be to have left.
    """

    def __init__(self, outlines: Mapping[str, Sequence[Point]], margin: float) -> None:
        self._outlines = {zone: tuple(outline) for zone, outline in outlines.items()}
        self._margin = margin
        self._stays: dict[tuple[int, str], Stay] = {}

    @property
    def stays(self) -> list[Stay]:
        """All that last."""
        return list(self._stays.values())

    def at(self, track: int) -> list[Stay]:
        """Give the stays of one track."""
        return [stay for (number, _), stay in self._stays.items() if number == track]

    def look(self, time_us: int, points: Mapping[int, Point]) -> Moves:
        """Take where tracks are; those that are not named are as they were.

        Args:
            time_us: of the picture.
            points: by track, where it is.
        """
        moves = Moves([], [])
        for track, point in points.items():
            for zone, outline in self._outlines.items():
                key = (track, zone)
                stay = self._stays.get(key)
                if stay is None:
                    if inside(point, outline):
                        self._stays[key] = stay = Stay(track, zone, time_us, time_us)
                        moves.entered.append(stay)
                elif inside(point, outline) or distance(point, outline) <= self._margin:
                    stay.seen_us = time_us
                else:
                    moves.left.append(self._stays.pop(key))
        return moves

    def forget(self, track: int) -> list[Stay]:
        """End the stays of a track that is over."""
        keys = [key for key in self._stays if key[0] == track]
        return [self._stays.pop(key) for key in keys]
