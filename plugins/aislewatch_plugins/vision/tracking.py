"""Tracks: what is in one picture found again in the next, under a number of its own. Pure.

The method is that of SORT with the second round of ByteTrack: each track is expected where its
speed takes it; the surest detections are given to tracks so that all fit best together, then the
less sure ones to tracks that got none, and only sure ones begin tracks. How well two boxes fit is
their distance-IoU, which still tells near from far where small boxes no longer overlap.

Sources: Bewley et al., Simple Online and Realtime Tracking, 2016; Zhang et al., ByteTrack, 2022;
Zheng et al., Distance-IoU Loss, 2020; Frigate's documentation, object scores.
"""

from __future__ import annotations

import importlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, NamedTuple

from aislewatch.errors import DeviceMisconfigured
from aislewatch_plugins.vision.config import TracksConfig
from aislewatch_plugins.vision.detecting import Box, Detection

DETECTIONS_MOST: Final = 200
"""Of one picture; the least sure of more are left out, so that no picture takes long."""

_RECENT: Final = 10
"""Detections whose scores are looked at together."""

_FEW: Final = 3

_SECOND_US: Final = 1_000_000
_FIT_LEAST: Final = -0.6
"""Distance-IoU below which two boxes are not the same thing: some three widths apart."""

_SPEED_GAIN: Final = 0.4
"""How much of a new speed is believed; boxes tremble more than people do."""

_SPEED_MOST: Final = 3.0
"""Shares of the picture a second; nobody in a shop is faster."""


@dataclass(slots=True)
class Track:
    """Something that is followed.

    Attributes:
        number: counts tracks of one opening, from 1.
        kind: what it is followed as; only detections of one kind are the same thing.
        box: where it was seen last.
        since_us: when it was seen first.
        seen_us: when it was seen last.
        pictures: in how many it was seen.
        scores: of its detections, added up by label.
        recent: labels and scores of its last detections.
        best: by label, the highest median that its recent scores have had.
        speed: of its centre, in shares of the picture a second.
        confirmed: it was seen often enough to be something.
        origin: where it was seen first.
    """

    number: int
    kind: str
    box: Box
    since_us: int
    seen_us: int
    pictures: int = 0
    scores: dict[str, float] = field(default_factory=dict[str, float])
    recent: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=_RECENT))
    best: dict[str, float] = field(default_factory=dict[str, float])
    speed: tuple[float, float] = (0.0, 0.0)
    confirmed: bool = False
    origin: Box | None = None

    @property
    def label(self) -> str:
        """The label that its detections had most, the surer ones counting more."""
        return max(sorted(self.scores), key=self.scores.__getitem__)

    @property
    def confidence(self) -> float:
        """How sure it was seen at its best, 0 to 1: Frigate's ``top_score``.

        That is the highest median of its recent scores; those of another label count as 0.
        """
        return self.best[self.label]

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of its box."""
        return centre_of(self.box)

    @property
    def feet(self) -> tuple[float, float]:
        """The middle of its box's lower edge."""
        return (self.box.x_min + self.box.x_max) / 2, self.box.y_max

    @property
    def moved(self) -> bool:
        """It is farther than half its size from where it was seen first; boxes tremble by less."""
        if self.origin is None:
            return False
        (x, y), (was_x, was_y) = self.centre, centre_of(self.origin)
        width, height = self.box.x_max - self.box.x_min, self.box.y_max - self.box.y_min
        return abs(x - was_x) > width / 2 or abs(y - was_y) > height / 2

    def expected(self, time_us: int) -> Box:
        """Give where its speed takes it."""
        seconds = (time_us - self.seen_us) / _SECOND_US
        dx, dy = self.speed[0] * seconds, self.speed[1] * seconds
        box = self.box
        return Box(box.x_min + dx, box.y_min + dy, box.x_max + dx, box.y_max + dy)


class Followed(NamedTuple):
    """What one picture changed.

    Attributes:
        seen: confirmed tracks that are in this picture, by rising number.
        ended: tracks that had been confirmed and are over, by rising number.
    """

    seen: list[Track]
    ended: list[Track]


class Tracker:
    """Follows things through the pictures of one camera.

    Args:
        config: how things are followed.
        kinds: by label, as what it is followed; other labels are left out.
    """

    def __init__(self, config: TracksConfig, kinds: Mapping[str, str]) -> None:
        self._config = config
        self._kinds = kinds
        self._tracks: list[Track] = []
        self._last = 0
        self._assign = _solver()

    @property
    def tracks(self) -> Sequence[Track]:
        """All that is followed, seen in the last picture or not, by rising number."""
        return self._tracks

    def look(self, time_us: int, detections: Iterable[Detection]) -> Followed:
        """Take what was detected in one picture; the order of the detections means nothing.

        Args:
            time_us: of the picture, later than that of the one before.
            detections: in it.
        """
        ended = self._forget(time_us)
        by_kind: defaultdict[str, list[Detection]] = defaultdict(list)
        for one in _ordered(detections)[:DETECTIONS_MOST]:
            kind = self._kinds.get(one.label)
            if kind is not None:
                by_kind[kind].append(one)
        for kind in sorted(by_kind):
            self._follow(kind, by_kind[kind], time_us)
        seen = [track for track in self._tracks if track.seen_us == time_us and track.confirmed]
        return Followed(seen, ended)

    def end(self) -> list[Track]:
        """End all tracks, as where the camera sees no longer; give those that were confirmed."""
        ended = [track for track in self._tracks if track.confirmed]
        self._tracks = []
        return ended

    def _forget(self, time_us: int) -> list[Track]:
        gone = [t for t in self._tracks if time_us - t.seen_us > self._config.gone]
        if gone:
            numbers = {track.number for track in gone}
            self._tracks = [track for track in self._tracks if track.number not in numbers]
        return [track for track in gone if track.confirmed]

    def _follow(self, kind: str, detections: Sequence[Detection], time_us: int) -> None:
        start = self._config.start_score
        free = [track for track in self._tracks if track.kind == kind]
        sure = [one for one in detections if one.score >= start]
        free, unexplained = self._matched(free, sure, time_us)
        self._matched(free, [one for one in detections if one.score < start], time_us)
        for one in unexplained:
            self._last += 1
            track = Track(self._last, kind, one.box, time_us, time_us, origin=one.box)
            self._tracks.append(track)
            self._take(track, one, time_us)

    def _matched(
        self, tracks: list[Track], detections: list[Detection], time_us: int
    ) -> tuple[list[Track], list[Detection]]:
        """Give detections to tracks; give back what is left of both."""
        if not tracks or not detections:
            return tracks, detections
        fits = [[fit(track.expected(time_us), one.box) for one in detections] for track in tracks]
        pairs = [(r, c) for r, c in self._assign(fits) if fits[r][c] >= _FIT_LEAST]
        for row, column in pairs:
            self._take(tracks[row], detections[column], time_us)
        used_rows = {row for row, _ in pairs}
        used_columns = {column for _, column in pairs}
        return (
            [track for row, track in enumerate(tracks) if row not in used_rows],
            [one for column, one in enumerate(detections) if column not in used_columns],
        )

    def _take(self, track: Track, one: Detection, time_us: int) -> None:
        seconds = (time_us - track.seen_us) / _SECOND_US
        if seconds > 0:
            (x, y), (was_x, was_y) = centre_of(one.box), track.centre
            track.speed = (
                _blend(track.speed[0], (x - was_x) / seconds),
                _blend(track.speed[1], (y - was_y) / seconds),
            )
        track.box = one.box
        track.seen_us = time_us
        track.pictures += 1
        track.scores[one.label] = track.scores.get(one.label, 0.0) + one.score
        track.recent.append((one.label, one.score))
        middle = median(score if label == one.label else 0.0 for label, score in track.recent)
        # The first few alone say little: one lucky score must not stand for all that follow.
        before = track.best.get(one.label, 0.0) if len(track.recent) > _FEW else 0.0
        track.best[one.label] = max(middle, before)
        track.confirmed = track.confirmed or track.pictures >= self._config.confirm


def centre_of(box: Box) -> tuple[float, float]:
    """Give the middle of a box."""
    return (box.x_min + box.x_max) / 2, (box.y_min + box.y_max) / 2


def overlap(one: Box, other: Box) -> float:
    """Give the area that two boxes share.

    >>> overlap(Box(0.0, 0.0, 0.5, 0.5), Box(0.25, 0.25, 1.0, 1.0))
    0.0625
    """
    width = min(one.x_max, other.x_max) - max(one.x_min, other.x_min)
    height = min(one.y_max, other.y_max) - max(one.y_min, other.y_min)
    return max(0.0, width) * max(0.0, height)


def area(box: Box) -> float:
    """Give a box's area."""
    return (box.x_max - box.x_min) * (box.y_max - box.y_min)


def fit(one: Box, other: Box) -> float:
    """Give the distance-IoU of two boxes: 1 the same, 0 touching, towards -1 far apart.

    >>> fit(Box(0.0, 0.0, 0.5, 0.5), Box(0.0, 0.0, 0.5, 0.5))
    1.0
    """
    shared = overlap(one, other)
    union = area(one) + area(other) - shared
    width = max(one.x_max, other.x_max) - min(one.x_min, other.x_min)
    height = max(one.y_max, other.y_max) - min(one.y_min, other.y_min)
    across = width * width + height * height
    (x, y), (other_x, other_y) = centre_of(one), centre_of(other)
    apart = (x - other_x) ** 2 + (y - other_y) ** 2
    return (shared / union if union > 0 else 0.0) - (apart / across if across > 0 else 0.0)


def _blend(speed: float, measured: float) -> float:
    bounded = max(-_SPEED_MOST, min(_SPEED_MOST, measured))
    return speed + _SPEED_GAIN * (bounded - speed)


def _ordered(detections: Iterable[Detection]) -> list[Detection]:
    return sorted(detections, key=lambda one: (-one.score, one.label, one.box))


def _solver() -> Callable[[list[list[float]]], list[tuple[int, int]]]:
    """Give the function that assigns rows to columns so that the sum is greatest."""
    try:
        optimize: Any = importlib.import_module("scipy.optimize")
    except ImportError:
        message = "following people in pictures needs scipy: install aislewatch[vision]"
        raise DeviceMisconfigured(message) from None

    def solve(fits: list[list[float]]) -> list[tuple[int, int]]:
        rows, columns = optimize.linear_sum_assignment(fits, maximize=True)
        return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]

    return solve
