"""Frigate: tracked objects, and whether it runs and its camera gives pictures.

A tracked object is told when it is new, changes zones or has ended, and else about once a minute;
it is there until it has ended. A zone with a ``loitering_time`` is entered by staying in it.

Source: Frigate's documentation, Integrations, MQTT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from msgspec import Struct, field

from aislewatch_plugins.camera.config import FrigateConfig
from aislewatch_plugins.camera.payloads import read_json, time_of
from aislewatch_plugins.camera.seen import Gone, Loitering, Person, Seen, Sight

_PERSON: Final = "person"
_TRACKS_MOST: Final = 10_000
_AVAILABLE: Final = {"online": True, "offline": False, "stopped": False}
_STATUS: Final = {"online": True, "offline": False, "disabled": False}
_SWITCH: Final = {"ON": True, "OFF": False}


class _Tracked(Struct):
    id: str
    camera: str
    label: str
    frame_time: float
    score: float = 1.0
    false_positive: bool | None = None
    current_zones: list[str] = field(default_factory=list[str])


class _Event(Struct):
    type: Literal["new", "update", "end"]
    after: _Tracked


class _CameraStats(Struct):
    camera_fps: float


class _Stats(Struct):
    cameras: dict[str, _CameraStats]


class Frigate:
    """Reads one camera of a Frigate.

    Args:
        config: of the camera.
    """

    def __init__(self, config: FrigateConfig) -> None:
        self._config = config
        self._loitered: dict[str, set[str]] = {}
        base, own = config.prefix, f"{config.prefix}/{config.camera}"
        self._events, self._stats = f"{base}/events", f"{base}/stats"
        self._available, self._count = f"{base}/available", f"{own}/{_PERSON}"
        self._switches = {
            f"{own}/status/detect": (_STATUS, "no-picture", "Frigate gets no picture from it"),
            f"{own}/detect/state": (_SWITCH, "detection-off", "its detection is switched off"),
            f"{own}/enabled/state": (_SWITCH, "camera-off", "Frigate has it switched off"),
        }

    @property
    def topics(self) -> Sequence[str]:
        """Frigate's own, and those of the camera."""
        return [self._available, self._events, self._stats, self._count, *self._switches]

    def read(self, topic: str, payload: bytes) -> Iterator[Seen]:
        """Read one message.

        Raises:
            ValueError: it is none; a sentence.
        """
        if topic == self._events:
            yield from self._event(read_json(payload, _Event))
        elif topic == self._stats:
            yield from self._rate(read_json(payload, _Stats))
        elif topic == self._count:
            if read_json(payload, int) == 0:
                yield from self._nobody()
        elif topic == self._available:
            yield from self._switch(
                payload, topic, _AVAILABLE, "offline", "frigate-stopped", "Frigate does not run"
            )
        elif topic in self._switches:
            words, reason, detail = self._switches[topic]
            yield from self._switch(payload, topic, words, "failed", reason, detail)

    def _event(self, event: _Event) -> Iterator[Seen]:
        config, after = self._config, event.after
        if after.camera != config.camera or after.label != _PERSON:
            return
        time_us = time_of(after.frame_time)
        if not 0 <= after.score <= 1:
            message = f"{after.score} is no score from 0 to 1"
            raise ValueError(message)
        if event.type == "end":
            self._loitered.pop(after.id, None)
            yield Gone(time_us, after.id)
            return
        if after.false_positive or after.score < config.score:
            return
        zones = tuple(config.zones[name] for name in after.current_zones if name in config.zones)
        if config.zones and not zones:
            yield Gone(time_us, after.id)  # In none of our zones any more.
            return
        yield Person(time_us, after.id, zones, after.score, stays=True)
        if after.id not in self._loitered and len(self._loitered) >= _TRACKS_MOST:
            del self._loitered[next(iter(self._loitered))]  # Its end was lost.
        told = self._loitered.setdefault(after.id, set())
        for name in after.current_zones:
            if name in config.loiter and name not in told:
                told.add(name)
                yield Loitering(time_us, after.id, config.zones[name], after.score)

    def _nobody(self) -> Iterator[Seen]:
        self._loitered.clear()
        yield Gone(None)

    def _rate(self, stats: _Stats) -> Iterator[Seen]:
        own = stats.cameras.get(self._config.camera)
        if own is None:
            return
        if own.camera_fps > 0:
            yield Sight("rate", None)
        else:
            yield Sight("rate", "failed", "no-frames", "no picture has come from it for a while")

    def _switch(
        self,
        payload: bytes,
        topic: str,
        words: dict[str, bool],
        state: Literal["offline", "failed"],
        reason: str,
        detail: str,
    ) -> Iterator[Seen]:
        word = payload.decode("utf-8", errors="replace").strip()
        if word not in words:
            message = f"{word[:40]!r} is none of {', '.join(words)}"
            raise ValueError(message)
        if words[word]:
            yield Sight(topic, None)
            return
        yield from self._nobody()
        yield Sight(topic, state, reason, detail)
