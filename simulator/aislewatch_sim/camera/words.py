"""What cameras of three makers publish: topics and payloads, after their public documentation."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from aislewatch_sim.camera.scene import Scene, Visitor

Change = Literal["new", "update", "end"]


class Words(NamedTuple):
    """A message to publish.

    Attributes:
        topic: where.
        payload: what.
        retain: the broker keeps it for those who come later.
    """

    topic: str
    payload: bytes
    retain: bool = False


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def meraki(base: str, scene: Scene, now_s: float) -> list[Words]:
    """Give what MV Sense says about every second.

    Args:
        base: prefix and serial, as ``/merakimv/Q2XX-AAAA-BBBB``.
        scene: before the camera; a covered one sees nobody and no light.
        now_s: seconds since 1970.
    """
    now_ms = round(now_s * 1000)
    there: list[Visitor] = [] if scene.covered else list(scene.visitors.values())
    said = [Words(f"{base}/0", _json({"ts": now_ms, "counts": {"person": len(there)}}))]
    for name in scene.zones:
        within = sum(name in scene.zones_of(visitor) for visitor in there)
        said.append(Words(f"{base}/{name}", _json({"ts": now_ms, "counts": {"person": within}})))
    objects = [
        {
            "type": "person",
            "oid": visitor.number,
            "x0": round(visitor.x - 0.05, 3),
            "y0": round(visitor.y - 0.3, 3),
            "x1": round(visitor.x + 0.05, 3),
            "y1": visitor.y,
        }
        for visitor in there
    ]
    said.append(Words(f"{base}/raw_detections", _json({"ts": now_ms, "objects": objects})))
    lux = 0.0 if scene.covered else scene.lux
    said.append(Words(f"{base}/light", _json({"ts": now_ms, "lux": lux})))
    return said


def frigate_event(
    prefix: str, camera: str, scene: Scene, visitor: Visitor, change: Change, now_s: float
) -> Words:
    """Give what Frigate says when it tracks somebody anew, elsewhere, or no longer."""
    zones = scene.zones_of(visitor)
    width, height = 1280, 720
    x, y = round(visitor.x * width), round(visitor.y * height)
    after: dict[str, Any] = {
        "id": f"{visitor.since_s:.6f}-v{visitor.number:05}",
        "camera": camera,
        "frame_time": round(now_s, 6),
        "label": "person",
        "sub_label": None,
        "top_score": 0.91,
        "score": 0.87,
        "false_positive": False,
        "start_time": round(visitor.since_s, 6),
        "end_time": round(now_s, 6) if change == "end" else None,
        "box": [x - 60, y - 200, x + 60, y],
        "area": 24000,
        "ratio": 0.6,
        "region": [0, 0, height, height],
        "active": True,
        "stationary": False,
        "motionless_count": 0,
        "position_changes": 1,
        "current_zones": [] if change == "end" else zones,
        "entered_zones": zones,
        "has_snapshot": True,
        "has_clip": True,
        "attributes": {},
    }
    payload: dict[str, Any] = {"before": after, "after": after, "type": change}
    return Words(f"{prefix}/events", _json(payload))


def frigate_count(prefix: str, camera: str, scene: Scene) -> Words:
    """Give how many people Frigate tracks in a camera's view; it is retained."""
    return Words(f"{prefix}/{camera}/person", str(len(scene.visitors)).encode(), retain=True)


def frigate_available(prefix: str, word: str) -> Words:
    """Give whether Frigate runs; it is retained, and its last will."""
    return Words(f"{prefix}/available", word.encode(), retain=True)


def frigate_stats(prefix: str, camera: str, fps: float) -> Words:
    """Give Frigate's figures, cut down to those of one camera's pictures."""
    cameras = {camera: {"camera_fps": fps, "detection_enabled": True, "detection_fps": fps}}
    return Words(f"{prefix}/stats", _json({"cameras": cameras, "service": {"uptime": 60}}))


def axis_frame(topic: str, scene: Scene, now_s: float, ended: tuple[int, ...] = ()) -> Words:
    """Give a frame of scene metadata; each person comes with a head, as a track of its own."""
    detections: list[dict[str, Any]] = []
    there: list[Visitor] = [] if scene.covered else list(scene.visitors.values())
    for visitor in there:
        for kind, part in (("Human", ""), ("Head", "-head")):
            detections.append(
                {
                    "bounding_box": {
                        "left": round(max(0.0, visitor.x - 0.05), 4),
                        "right": round(min(1.0, visitor.x + 0.05), 4),
                        "top": round(max(0.0, visitor.y - 0.3), 4),
                        "bottom": round(visitor.y, 4),
                    },
                    "class": {"type": kind, "score": 0.8},
                    "object_track_id": f"8e653185-0000-4000-8000-{visitor.number:012}{part}",
                }
            )
    events = [
        {"type": "TrackEnded", "object_track_id": f"8e653185-0000-4000-8000-{number:012}"}
        for number in ended
    ]
    at = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    frame = {
        "channel_id": 1,
        "timestamp": at,
        "detections": detections,
        "track_events": events,
    }
    return Words(topic, _json(frame))


def axis_tampering(events: str, serial: str, now_s: float, *, active: bool) -> Words:
    """Give the event by which an Axis camera says that it is covered or no longer is."""
    payload = {
        "topic": "axis:VideoSource/Tampering",
        "timestamp": round(now_s * 1000),
        "serial": serial,
        "message": {"source": {}, "key": {}, "data": {"tampering": "1" if active else "0"}},
    }
    return Words(f"{events}/tns:axis/VideoSource/Tampering", _json(payload))
