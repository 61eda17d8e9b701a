"""All that is found in one camera's pictures, from what its detector says of each. Pure.

Who is followed and what is told of them is put together here; each part is a module of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from aislewatch_plugins.vision.config import Point, VisionConfig
from aislewatch_plugins.vision.detecting import Detection
from aislewatch_plugins.vision.findings import Doing, Finding
from aislewatch_plugins.vision.hints import Hints, Scene
from aislewatch_plugins.vision.kiosk import Kiosk
from aislewatch_plugins.vision.people import People
from aislewatch_plugins.vision.tracking import Track, Tracker

_PERSON: Final = "person"
_HAND: Final = "hand"
_CARRIER: Final = "carrier"
_HIDDEN_US: Final = 500_000
"""So long somebody who is not seen is taken to be where they were."""

_ARTICLE: Final = "article "
"""Before an article's label: an article that changes its label would be another one."""


class Watcher:
    """Watches one camera's pictures.

    Args:
        config: of the camera.
    """

    def __init__(self, config: VisionConfig) -> None:
        labels = config.labels
        kinds = dict.fromkeys([*labels.people, *labels.staff], _PERSON)
        kinds |= dict.fromkeys(labels.hands, _HAND) | dict.fromkeys(labels.carriers, _CARRIER)
        kinds |= {label: _ARTICLE + label for label in config.products}
        margin, settle_us = config.tracks.margin, config.hints.settle
        self._tracker = Tracker(config.tracks, kinds)
        self._people = People(config)
        self._hints = Hints(config.hints, _outlines(config, "shelf"), margin)
        self._kiosk = Kiosk(_outlines(config, "kiosk"), margin, settle_us, config.again)

    @property
    def tracks(self) -> int:
        """How many things are followed now."""
        return len(self._tracker.tracks)

    def look(self, time_us: int, detections: Iterable[Detection]) -> list[Finding]:
        """Take what was detected in one picture; give what is found out by it.

        Args:
            time_us: of the picture, later than that of the one before.
            detections: in it, in any order.
        """
        seen, ended = self._tracker.look(time_us, detections)
        people = _of(seen, _PERSON)
        scene = Scene(
            articles=_of(seen, _ARTICLE),
            ended=_of(ended, _ARTICLE),
            hands=_of(seen, _HAND),
            people=self._about(time_us),
            carriers=_of(seen, _CARRIER),
        )
        found: list[Finding] = [*self._people.look(time_us, people, _of(ended, _PERSON))]
        found += self._placed(self._hints.look(time_us, scene))
        found += self._kiosk.look(time_us, scene)
        return found

    def end(self) -> None:
        """Forget everything, as where the camera sees no longer."""
        self._tracker.end()
        self._people.end()
        self._hints.end()
        self._kiosk.end()

    def _about(self, time_us: int) -> list[Track]:
        """Give who is there, also where what they hold hides them for a moment."""
        return [
            track
            for track in _of(self._tracker.tracks, _PERSON)
            if track.confirmed and time_us - track.seen_us <= _HIDDEN_US
        ]

    def _placed(self, doings: Iterable[Doing]) -> Iterator[Doing]:
        """Put what was done at no shelf where the person stands."""
        for doing in doings:
            if doing.zone is None and doing.track is not None:
                yield replace(doing, zone=self._people.zone_of(doing.track))
            else:
                yield doing


def _of(tracks: Sequence[Track], kind: str) -> list[Track]:
    return [track for track in tracks if track.kind.startswith(kind)]


def _outlines(config: VisionConfig, use: str) -> dict[str, Sequence[Point]]:
    return {name: zone.outline for name, zone in config.zones.items() if zone.use == use}
