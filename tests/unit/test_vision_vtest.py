"""A real video of pedestrians through the whole plugin: Debian's opencv-doc has one.

The bundled model knows drawn scenes only; people are found by OpenCV's own detector here.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import pytest
from looked import START_US, Told, context

from aislewatch.events.codec import Codec
from aislewatch.events.kinds import DeviceState, Event, VisionAction, VisionCount, VisionPerson
from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.sensor import Vision

PLACES = (
    Path(os.environ.get("OPENCV_SAMPLES_DATA_PATH", "/nowhere")) / "vtest.avi",
    Path("/usr/share/doc/opencv-doc/examples/data/vtest.avi"),
)
SHA256 = "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf"
PICTURES, FPS = 795, 10


@pytest.fixture(scope="module")
def video() -> Path:
    found = next((path for path in PLACES if path.is_file()), None)
    if found is None:
        pytest.skip("no vtest.avi: apt-get install opencv-doc")
    assert hashlib.sha256(found.read_bytes()).hexdigest() == SHA256
    return found


async def looked_at(video: Path, folder: Path, every: str) -> tuple[list[Event], int]:
    settings: dict[str, Any] = {
        "source": {"kind": "file", "path": str(video), "starts": "2026-03-02T08:00:00Z"},
        "key_file": "cameras.key",
        "detector": "hog",
        "every": every,
        "tracks": {"gone": "2s", "start_score": 0.65},
        "zones": {
            "near": {"outline": [[0, 0.5], [1, 0.5], [1, 1], [0, 1]], "loiter": "10s"},
            "far": {"outline": [[0, 0], [1, 0], [1, 0.5], [0, 0.5]]},
        },
    }
    plugin, told = Vision(VisionConfig.model_validate(settings)), Told()
    await plugin.open(context(folder, simulated=False))
    await plugin.run(told)
    pictures = plugin.health().frames
    await plugin.close()
    assert told.refusals == []
    return told.found, pictures


def begun(video: Path, folder: Path, seconds: int) -> Path:
    """Cut out the beginning, as pictures again."""
    reader, path = cv2.VideoCapture(str(video)), folder / "begun.avi"
    size = (768, 576)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, size)
    for _ in range(seconds * FPS):
        _, picture = reader.read()
        writer.write(picture)
    writer.release()
    reader.release()
    return path


async def test_pedestrians_are_followed_and_nothing_else_is_told(
    video: Path, tmp_path: Path
) -> None:
    found, _ = await looked_at(begun(video, tmp_path, 8), tmp_path, "200ms")
    people: defaultdict[str | None, list[VisionPerson]] = defaultdict(list)
    for event in found:
        if isinstance(event, VisionPerson):
            people[event.person].append(event)
    # Somebody who watches the first eight seconds sees five to seven people.
    assert 4 <= len(people) <= 8
    # Most of them stay in view and keep their name.
    longest_us = max(told[-1].time - told[0].time for told in people.values())
    assert longest_us >= 5_000_000
    assert max(e.units for e in found if isinstance(e, VisionCount)) >= 2
    assert [(e.state, e.reason) for e in found if isinstance(e, DeviceState)] == [("online", None)]
    assert all(e.time >= START_US and e.timed_by is None and not e.simulated for e in found)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_the_same_video_gives_the_same_bytes(video: Path, tmp_path: Path) -> None:
    first, pictures = await looked_at(video, tmp_path, "400ms")
    second, _ = await looked_at(video, tmp_path, "400ms")
    assert [Codec.encode(event) for event in first] == [Codec.encode(event) for event in second]
    assert abs(pictures - PICTURES / 4) < 3
    people = {event.person for event in first if isinstance(event, VisionPerson)}
    assert 10 <= len(people) <= 30
    loitered = [event for event in first if isinstance(event, VisionAction)]
    assert loitered
    assert {event.action for event in loitered} == {"loiter"}
