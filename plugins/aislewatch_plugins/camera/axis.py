"""Axis scene metadata: frames of tracked objects, and the camera's own events about tampering.

Reads the released frames (``com.axis.scene.frame.v1``) and the older beta, which calls the same
things otherwise. Boxes are shares of the picture from its top left. A track lasts until it is said
to have ended, also while it is hidden. A head is a track of its own beside its person's.

Sources: Axis developer documentation, Analytics Data Format, Frame; ONVIF Imaging Service, events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from aislewatch.devices.outline import inside
from aislewatch_plugins.camera.config import AxisConfig
from aislewatch_plugins.camera.payloads import read_json, time_of, time_of_text
from aislewatch_plugins.camera.seen import FaultState, Gone, Person, Seen, Sight

_TRACKS_MOST: Final = 10_000
_HUMAN: Final = frozenset({"Human", "Person"})

_TAMPERING: Final[dict[str, tuple[str, FaultState, str]]] = {
    "GlobalSceneChange": ("moved", "failed", "it looks elsewhere, or something stands before it"),
    "ImageTooBlurry": ("blurred", "degraded", "its picture is blurred"),
    "ImageTooBright": ("dazzled", "failed", "its picture is too bright"),
    "ImageTooDark": ("dark", "failed", "its picture is too dark"),
    "Tampering": ("covered", "failed", "its view is covered, or it was turned away"),
}
_YES: Final = frozenset({"1", "true", "True"})
_NO: Final = frozenset({"0", "false", "False", ""})


class _Box(Struct):
    left: float
    top: float
    right: float
    bottom: float


class _Class(Struct):
    type: str
    score: float | None = None


class _Detection(Struct):
    bounding_box: _Box
    object_track_id: str | None = None
    track_id: str | None = None
    kind: _Class | None = field(default=None, name="class")


class _Change(Struct):
    type: str
    object_track_id: str | None = None
    id: str | None = None
    from_id: str | None = None
    to_id: str | None = None


class _Frame(Struct):
    timestamp: str
    channel_id: int | None = None
    detections: list[_Detection] = field(default_factory=list[_Detection])
    observations: list[_Detection] = field(default_factory=list[_Detection])
    track_events: list[_Change] = field(default_factory=list[_Change])
    operations: list[_Change] = field(default_factory=list[_Change])


class _Wrapped(Struct):
    timestamp: str | None = None
    frame: _Frame | None = None


class _Told(Struct):
    data: dict[str, str | int | bool] = field(default_factory=dict[str, "str | int | bool"])


class _Event(Struct):
    topic: str
    message: _Told
    timestamp: float | None = None


class Axis:
    """Reads one camera.

    Args:
        config: of the camera.
    """

    def __init__(self, config: AxisConfig) -> None:
        self._config = config
        self._people: dict[str, float | None] = {}  # By track, how sure it was at best.

    @property
    def topics(self) -> Sequence[str]:
        """Frames, and events and the last will where they are set."""
        config = self._config
        topics = [config.topic]
        if config.events is not None:
            topics.append(f"{config.events}/#")
        if config.availability is not None:
            topics.append(config.availability.topic)
        return topics

    def read(self, topic: str, payload: bytes) -> Iterator[Seen]:
        """Read one message.

        Raises:
            ValueError: it is none; a sentence.
        """
        config = self._config
        if topic == config.topic:
            frame = _frame(payload)
            if frame.channel_id in {None, config.channel}:
                yield from self._seen(frame)
        elif config.availability is not None and topic == config.availability.topic:
            yield from self._available(payload)
        elif config.events is not None and topic.startswith(f"{config.events}/"):
            yield from _event(read_json(payload, _Event))

    def _seen(self, frame: _Frame) -> Iterator[Seen]:
        time_us = time_of_text(frame.timestamp)
        for change in (*frame.track_events, *frame.operations):
            ended = change.object_track_id or change.id or change.from_id
            if ended is not None:
                self._people.pop(ended, None)
                yield Gone(time_us, ended)
        for one in (*frame.detections, *frame.observations):
            yield from self._person(one, time_us)
        # Tells the time, also of a frame in which nobody is.
        yield Sight("frame", None, time_us=time_us)

    def _person(self, one: _Detection, time_us: int) -> Iterator[Seen]:
        track, kind, box = one.object_track_id or one.track_id, one.kind, one.bounding_box
        if not (0 <= box.left <= box.right <= 1 and 0 <= box.top <= box.bottom <= 1):
            message = "a box does not lie within the picture"
            raise ValueError(message)
        sure = None if kind is None else kind.score
        if sure is not None and not 0 <= sure <= 1:
            message = f"{sure} is no score from 0 to 1"
            raise ValueError(message)
        if kind is None:
            if track not in self._people and self._config.unclassified == "nothing":
                return
        elif kind.type not in _HUMAN or (sure is not None and sure < self._config.score):
            return
        if track is not None:
            if track not in self._people and len(self._people) >= _TRACKS_MOST:
                del self._people[next(iter(self._people))]
            sure = self._people[track] = sure if sure is not None else self._people.get(track)
        feet = ((box.left + box.right) / 2, box.bottom)
        zones = tuple(name for name, line in self._config.zones.items() if inside(feet, line))
        if self._config.zones and not zones:
            if track is not None:
                yield Gone(time_us, track)
            return
        yield Person(time_us, track, zones, sure, stays=track is not None)

    def _available(self, payload: bytes) -> Iterator[Seen]:
        availability = self._config.availability
        assert availability is not None
        word = payload.decode("utf-8", errors="replace").strip()
        if word == availability.online:
            yield Sight("will", None)
        elif word == availability.offline:
            self._people.clear()
            yield Gone(None)
            yield Sight("will", "offline", "connection-lost", "the broker has lost the camera")
        else:
            told = f"{availability.online!r} nor {availability.offline!r}"
            message = f"{word[:40]!r} is neither {told}"
            raise ValueError(message)


def _frame(payload: bytes) -> _Frame:
    """Read a frame; the beta puts it inside a ``frame``."""
    wrapped = read_json(payload, _Wrapped)
    return read_json(payload, _Frame) if wrapped.frame is None else wrapped.frame


def _event(event: _Event) -> Iterator[Seen]:
    found = next((name for name in _TAMPERING if name in event.topic.split("/")), None)
    if found is None:
        return
    reason, state, detail = _TAMPERING[found]
    words = {str(value) for value in event.message.data.values()}
    time_us = None if event.timestamp is None else time_of(event.timestamp)
    if words & _YES:
        yield Sight(found, state, reason, detail, time_us)
    elif words <= _NO:
        yield Sight(found, None, time_us=time_us)
