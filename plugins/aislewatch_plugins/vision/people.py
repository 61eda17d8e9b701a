"""People in the picture: where they are, for how long, how many, and who stays for too long. Pure.

Somebody who stays is told again every few seconds, for rules ask whether anybody was seen *within*
a while.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aislewatch.events.kinds import Role
from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.counting import Steady
from aislewatch_plugins.vision.findings import Count, Doing, Person
from aislewatch_plugins.vision.tracking import Track
from aislewatch_plugins.vision.zones import Stay, Zones

_VIEW = "view"
_WHOLE = [(-1.0, -1.0), (2.0, -1.0), (2.0, 2.0), (-1.0, 2.0)]
"""Where no zone of the floor is said, all of the picture is one, and some room around it."""


@dataclass(slots=True)
class _Told:
    """What was told of a stay."""

    time_us: int
    loitered: bool = False


class People:
    """Follows people through the zones of one camera's pictures.

    Args:
        config: of the camera.
    """

    def __init__(self, config: VisionConfig) -> None:
        self._config = config
        floor = {name: zone for name, zone in config.zones.items() if zone.use == "floor"}
        outlines = {name: zone.outline for name, zone in floor.items()} or {_VIEW: _WHOLE}
        self._named = bool(floor)
        self._loiter = {name: zone.loiter for name, zone in floor.items() if zone.loiter}
        self._zones = Zones(outlines, config.tracks.margin)
        self._told: dict[tuple[int, str], _Told] = {}
        settle_us = config.hints.settle
        self._counts = {name: Steady(settle_us, config.again) for name in outlines}

    def zone_of(self, track: int) -> str | None:
        """Give a zone in which somebody is, the one they entered first; None without zones."""
        if not self._named:
            return None
        return min(((s.since_us, s.zone) for s in self._zones.at(track)), default=(0, None))[1]

    def look(
        self, time_us: int, seen: Sequence[Track], ended: Sequence[Track]
    ) -> Iterator[Person | Doing | Count]:
        """Take one picture.

        Args:
            time_us: of it.
            seen: people in it.
            ended: people who have gone.
        """
        for track in ended:
            self._over(self._zones.forget(track.number))
        self._over(self._zones.look(time_us, {track.number: track.feet for track in seen}).left)
        tracks = {track.number: track for track in seen}
        for stay in self._zones.stays:
            if stay.track in tracks:
                yield from self._stays(stay, tracks[stay.track], time_us)
        for zone, count in self._counts.items():
            units = sum(stay.zone == zone for stay in self._zones.stays)
            if count.look(time_us, units):
                yield Count(time_us, self._name(zone), units, "people")

    def end(self) -> None:
        """Forget who is where, as where the camera sees no longer."""
        for stay in self._zones.stays:
            self._over(self._zones.forget(stay.track))
        for count in self._counts.values():
            count.end()

    def _stays(self, stay: Stay, track: Track, time_us: int) -> Iterator[Person | Doing]:
        key = (stay.track, stay.zone)
        told = self._told.get(key)
        zone, sure = self._name(stay.zone), track.confidence
        if told is None or time_us - told.time_us >= self._config.again:
            loitered = told is not None and told.loitered
            self._told[key] = told = _Told(time_us, loitered)
            yield Person(time_us, stay.track, zone, stay.dwell_us, sure, self._role(track))
        limit_us = self._loiter.get(stay.zone)
        if limit_us is not None and stay.dwell_us >= limit_us and not told.loitered:
            told.loitered = True
            yield Doing(time_us, "loiter", stay.track, zone, None, sure)

    def _role(self, track: Track) -> Role | None:
        if not self._config.labels.staff:
            return None
        return "staff" if track.label in self._config.labels.staff else "customer"

    def _name(self, zone: str) -> str | None:
        return zone if self._named else None

    def _over(self, stays: Sequence[Stay]) -> None:
        for stay in stays:
            self._told.pop((stay.track, stay.zone), None)
