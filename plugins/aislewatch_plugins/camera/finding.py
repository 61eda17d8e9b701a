"""Cameras looked for at a broker that a person names: whose messages come there.

Everything is listened to for a while and nothing is published. A camera is known by how its
messages look, whatever stands before its name in the topic.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import Struct
from pydantic import ValidationError

from aislewatch.errors import DeviceMisconfigured
from aislewatch.events.sensor import Candidate, Search
from aislewatch_plugins.camera.config import CameraConfig
from aislewatch_plugins.camera.link import Link
from aislewatch_plugins.camera.payloads import read_json

KEY_FILE: Final = "cameras.key"

_MERAKI: Final = re.compile(r"(?P<prefix>.*)/(?P<serial>[A-Z0-9]{4}(?:-[A-Z0-9]{4}){2})/[^/]+")
_FRIGATE: Final = re.compile(r"(?P<prefix>.*)/events")
_CAMERAS_MOST: Final = 500

Shape = TypeVar("Shape")

Known = Callable[[str, bytes], tuple[str, dict[str, object], str] | None]
"""Gives name, settings and what was seen, where a message is of a vendor's camera."""


async def find_cameras(search: Search, vendor: str, known: Known) -> AsyncIterator[Candidate]:
    """Give the cameras whose messages come at a broker, each once; without end.

    Args:
        search: with ``broker=``, and ``user=`` and ``password_file=`` where it wants them.
        vendor: in a word; of two who look by one name the broker drops the first.
        known: knows the vendor's cameras.

    Raises:
        DeviceNotReady: nobody is at the broker's address.
        DeviceMisconfigured: it does not let us in.
    """
    given = {
        name: search.settings[name]
        for name in ("broker", "user", "password_file")
        if name in search.settings
    }
    if "broker" not in given:
        return
    shared: dict[str, Any] = {**given, "key_file": KEY_FILE}
    try:
        config = CameraConfig.model_validate(shared)
    except ValidationError as error:
        raise DeviceMisconfigured(error.errors()[0]["msg"]) from None
    link = Link(config, Path(search.folder), f"aislewatch-discover-{vendor}")
    told: set[str] = set()
    try:
        await link.open(["#"])
        while len(told) < _CAMERAS_MOST:
            came = await link.read()
            camera = known(came.topic, came.payload)
            if camera is None or camera[0] in told:
                continue
            name, settings, detail = camera
            told.add(name)
            yield Candidate(name.lower(), {**shared, **settings}, detail)
    finally:
        await link.close()


class _Counts(Struct):
    ts: float
    counts: dict[str, int]


class _After(Struct):
    camera: str


class _Tracked(Struct):
    after: _After
    type: str


class _Scene(Struct):
    timestamp: str
    channel_id: int | None = None
    detections: list[Any] | None = None
    observations: list[Any] | None = None


class _Wrapped(Struct):
    frame: _Scene


def meraki(topic: str, payload: bytes) -> tuple[str, dict[str, object], str] | None:
    """Know a Meraki camera by a count that it publishes under its serial.

    >>> meraki("/merakimv/Q2XX-AAAA-BBBB/0", b'{"ts": 1772438400000, "counts": {"person": 2}}')[0]
    'camera-Q2XX-AAAA-BBBB'
    """
    match = _MERAKI.fullmatch(topic)
    if match is None or _as(payload, _Counts) is None:
        return None
    settings: dict[str, object] = {"serial": match["serial"], "prefix": match["prefix"]}
    detail = f"a Meraki camera publishes counts at {topic}; say its zones, where it has any"
    return f"camera-{match['serial']}", settings, detail


def frigate(topic: str, payload: bytes) -> tuple[str, dict[str, object], str] | None:
    """Know a camera behind Frigate by what is tracked in its view.

    >>> frigate("frigate/events", b'{"type": "new", "after": {"camera": "till"}}')[0]
    'camera-till'
    """
    match = _FRIGATE.fullmatch(topic)
    found = None if match is None else _as(payload, _Tracked)
    if match is None or found is None:
        return None
    camera = found.after.camera
    settings: dict[str, object] = {"camera": camera, "prefix": match["prefix"]}
    return f"camera-{camera}", settings, f"Frigate tracks somebody in the view of {camera}"


def axis(topic: str, payload: bytes) -> tuple[str, dict[str, object], str] | None:
    """Know an Axis camera by a frame of its scene's metadata.

    >>> axis("shop/till", b'{"timestamp": "2026-03-02T08:00:00Z", "detections": []}')[0]
    'camera-shop-till'
    """
    wrapped = _as(payload, _Wrapped)
    scene = wrapped.frame if wrapped is not None else _as(payload, _Scene)
    if scene is None or (scene.detections is None and scene.observations is None):
        return None
    settings: dict[str, object] = {"topic": topic}
    if scene.channel_id is not None:
        settings["channel"] = scene.channel_id
    name = re.sub(r"[^A-Za-z0-9]+", "-", topic).strip("-")
    return f"camera-{name}", settings, f"an Axis camera publishes frames at {topic}"


def _as(payload: bytes, shape: type[Shape]) -> Shape | None:
    try:
        return read_json(payload, shape)
    except ValueError:
        return None
