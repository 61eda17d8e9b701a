"""Meraki MV Sense: counts in zones, raw detections and the light, each under a topic of its own.

Source: Cisco Meraki, MV Sense MQTT documentation; fields as consumers of it read them. The whole
frame is zone 0. Times come in milliseconds, from some firmware in seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from aislewatch_plugins.camera.config import MerakiConfig
from aislewatch_plugins.camera.payloads import read_json, time_of
from aislewatch_plugins.camera.seen import Count, Person, Seen, Sight

_PEOPLE_MOST: Final = 10_000


class _Counts(Struct):
    person: int | None = None


class _Zone(Struct):
    ts: float
    counts: _Counts


class _Object(Struct):
    type: str
    oid: int | None = None
    confidence: float | None = None


class _Raw(Struct):
    ts: float
    objects: list[_Object]


class _Light(Struct):
    ts: float
    lux: float


class Meraki:
    """Reads one camera.

    Args:
        config: of the camera.
    """

    def __init__(self, config: MerakiConfig) -> None:
        self._config = config
        self._base = f"{config.prefix}/{config.serial}/"
        self._zones: dict[str, str | None] = dict(config.zones) or {"0": None}

    @property
    def topics(self) -> Sequence[str]:
        """The zones', the light's, and the raw detections' where they are wanted."""
        lasts = [*self._zones, "light", *(["raw_detections"] if self._config.tracks else [])]
        return [self._base + last for last in lasts]

    def read(self, topic: str, payload: bytes) -> Iterator[Seen]:
        """Read one message.

        Raises:
            ValueError: it is none; a sentence.
        """
        last = topic.removeprefix(self._base)
        if last == "light":
            yield self._light(read_json(payload, _Light))
        elif last == "raw_detections":
            yield from self._raw(read_json(payload, _Raw))
        elif last in self._zones:
            yield from self._zone(read_json(payload, _Zone), self._zones[last])

    def _light(self, light: _Light) -> Sight:
        time_us = time_of(light.ts)
        if light.lux < 0:
            message = f"{light.lux} lux is no light"
            raise ValueError(message)
        if light.lux < self._config.dark:
            detail = f"{light.lux:g} lux, and it sees from {self._config.dark:g} on"
            return Sight("light", "failed", "dark", detail, time_us)
        return Sight("light", None, time_us=time_us)

    def _zone(self, told: _Zone, zone: str | None) -> Iterator[Seen]:
        time_us, people = time_of(told.ts), told.counts.person
        if people is None:
            return  # It counts vehicles only.
        if not 0 <= people <= _PEOPLE_MOST:
            message = f"{people} is no number of people"
            raise ValueError(message)
        yield Count(time_us, people, zone)
        if people and not self._config.tracks:
            yield Person(time_us, zones=() if zone is None else (zone,))

    def _raw(self, told: _Raw) -> Iterator[Seen]:
        time_us = time_of(told.ts)
        for one in told.objects:
            sure = one.confidence
            if sure is not None and not 0 <= sure <= 1:
                message = f"{sure} is no confidence from 0 to 1"
                raise ValueError(message)
            if one.type == "person" and (sure is None or sure >= self._config.score):
                track = None if one.oid is None else str(one.oid)
                yield Person(time_us, track, confidence=sure)
