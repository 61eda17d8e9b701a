"""Goods at a kiosk: each recognised once, and how many lie there. Pure.

Which article a label is, the store file says; here it stays a label. An article is told once for as
long as it is followed: one that is taken away and comes back is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from aislewatch_plugins.vision.config import Point
from aislewatch_plugins.vision.counting import Steady
from aislewatch_plugins.vision.findings import Count, Item
from aislewatch_plugins.vision.hints import Scene
from aislewatch_plugins.vision.holding import hold_of
from aislewatch_plugins.vision.zones import Zones


class Kiosk:
    """Watches the kiosks in one camera's pictures.

    Args:
        outlines: by zone, its outline.
        margin: how far out of it an article must be to have left.
        settle_us: a count must be the same for so long to be one.
        again_us: a count is told again so often.
    """

    def __init__(
        self,
        outlines: Mapping[str, Sequence[Point]],
        margin: float,
        settle_us: int,
        again_us: int,
    ) -> None:
        self._places = Zones(outlines, margin)
        self._counts = {zone: Steady(settle_us, again_us) for zone in outlines}

    def look(self, time_us: int, scene: Scene) -> Iterator[Item | Count]:
        """Take one picture; give what is recognised, and counts."""
        self._forget(track.number for track in scene.ended)
        tracks = {track.number: track for track in scene.articles}
        points = {number: track.centre for number, track in tracks.items()}
        for stay in self._places.look(time_us, points).entered:
            track = tracks[stay.track]
            holder = hold_of(track, scene.hands, scene.people).person
            yield Item(time_us, track.label, stay.zone, track.confidence, holder)
        stays = self._places.stays
        for zone, count in self._counts.items():
            units = sum(stay.zone == zone for stay in stays)
            if count.look(time_us, units):
                yield Count(time_us, zone, units, "items")

    def end(self) -> None:
        """Forget what lies there, as where the camera sees no longer."""
        self._forget({stay.track for stay in self._places.stays})
        for count in self._counts.values():
            count.end()

    def _forget(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._places.forget(number)
