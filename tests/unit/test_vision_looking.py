"""From pictures to events: what is told, under which name, and what is never looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aislewatch.devices.telling import Refusal, Told
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import (
    DeviceState,
    Event,
    VisionAction,
    VisionCount,
    VisionItem,
    VisionPerson,
)
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.detecting import Backend, Box, Detection
from aislewatch_plugins.vision.findings import Doing
from aislewatch_plugins.vision.looking import Looker
from aislewatch_plugins.vision.sources import Broken, Shot
from aislewatch_plugins.vision.telling import Teller
from aislewatch_sim.vision import acts
from aislewatch_sim.vision.stage import Stage

START_US = 1_772_438_400_000_000
STEP_US = 100_000
KEY = b"a secret of thirty-two bytes, ok"
SOMEBODY = Detection("person", 0.9, Box(0.3, 0.3, 0.5, 0.9))
CAN = Detection("can", 0.9, Box(0.6, 0.4, 0.7, 0.5))


class Said:
    """A detector that finds what it is told to find, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.finds: list[Detection] = []

    @property
    def labels(self) -> Sequence[str]:
        return ("person", "can")

    @property
    def backend(self) -> Backend:
        return Backend("said", "CPU", "none", "0" * 64, "a test says so", degraded=False)

    def detect(self, frame: NDArray[np.uint8]) -> list[Detection]:
        assert frame.shape[2] == 3
        self.asked += 1
        return self.finds

    def close(self) -> None:
        pass


class Clock:
    def now_us(self) -> int:
        return START_US


class Camera:
    """A stage, looked at picture by picture."""

    def __init__(self, boot: str = "b1", device: str = "cam", **changed: Any) -> None:
        config = VisionConfig.model_validate(
            {
                "source": {"kind": "folder", "path": "."},
                "key_file": "k",
                "products": {"can": {"sku": "4711", "product_class": "drink"}},
                "every": "0s",
                **changed,
            }
        )
        context = SensorContext(
            "1", device, boot, Clock(), Random(1), Registry(), str(Path()), simulated=False
        )
        self.stage: Stage = acts.aisle(width=64, height=48)
        self.detector = Said()
        self.teller = Teller(config, context, KEY, recorded=False)
        self.looker = Looker(config, self.detector, self.teller)
        self.time_us = START_US
        self.told: list[Told] = []

    def take(self, count: int, *finds: Detection, step_us: int = STEP_US) -> list[Told]:
        self.detector.finds = list(finds)
        before = len(self.told)
        for _ in range(count):
            self.time_us += step_us
            shot = Shot(self.time_us, self.stage.picture())
            self.told += self.looker.look(shot, self.time_us)
        return self.told[before:]

    def of(self, kind: type[Event]) -> list[Any]:
        return [one for one in self.told if isinstance(one, kind)]


def test_the_same_pictures_give_the_same_bytes() -> None:
    def told() -> list[bytes]:
        camera = Camera()
        camera.take(10, SOMEBODY, CAN)
        camera.take(20)
        return [Codec.encode(one) for one in camera.told if isinstance(one, Event)]

    assert told() == told()


def test_a_track_has_another_name_in_each_run_and_at_each_camera() -> None:
    cameras = [Camera(), Camera(boot="b2"), Camera(device="other")]
    for camera in cameras:
        camera.take(5, SOMEBODY)
    names = [one.person for camera in cameras for one in camera.of(VisionPerson)]
    assert len(set(names)) == 3
    assert all(name.startswith("track-") and len(name) == 22 for name in names)


def test_an_article_is_told_as_the_store_file_says_it() -> None:
    whole = [[0, 0], [1, 0], [1, 1], [0, 1]]
    camera = Camera(zones={"scan": {"outline": whole, "use": "kiosk"}})
    camera.take(5, CAN)
    (item,) = camera.of(VisionItem)
    assert (item.product_class, item.sku, item.gtin, item.units) == ("drink", "4711", None, 1)
    camera.take(20, CAN)
    assert [one.units for one in camera.of(VisionCount) if one.what == "items"][-1] == 1


def test_an_action_is_told_with_its_article() -> None:
    camera = Camera()
    event = camera.teller.tell(Doing(START_US, "conceal", 7, "A3", "can", 0.654321))
    assert isinstance(event, VisionAction)
    assert (event.action, event.product_class, event.sku) == ("conceal", "drink", "4711")
    assert (event.zone_id, event.confidence, event.timed_by) == ("A3", 0.654, "arrival")
    nothing = camera.teller.tell(Doing(START_US, "loiter", 7, None, None, 1.0))
    assert isinstance(nothing, VisionAction)
    assert nothing.product_class is None


def test_a_picture_that_is_the_same_again_is_not_looked_at() -> None:
    camera = Camera()
    camera.take(3, SOMEBODY)
    camera.stage.lens = "frozen"
    camera.take(5, SOMEBODY)
    assert camera.detector.asked == 3


def test_a_blind_camera_sees_nobody_and_says_since_when() -> None:
    camera = Camera()
    camera.take(40, SOMEBODY)
    dark_us = camera.time_us + STEP_US
    camera.stage.light = 0.0
    asked = camera.detector.asked
    camera.take(40, SOMEBODY)
    assert camera.detector.asked == asked
    assert [(one.state, one.reason, one.time) for one in camera.of(DeviceState)] == [
        ("online", None, START_US + STEP_US),
        ("failed", "dark", dark_us),
    ]
    assert camera.looker.tracks == 0
    camera.stage.light = 1.0
    camera.take(40, SOMEBODY)
    # Who is there after it is somebody of whom nothing is known.
    assert len({one.person for one in camera.of(VisionPerson)}) == 2


def test_pictures_that_follow_too_soon_are_left_out_by_a_steady_beat() -> None:
    camera = Camera(every="100ms")
    camera.take(101, step_us=40_000)
    # Four seconds at ten a second, whatever the camera's own beat.
    assert 38 <= camera.detector.asked <= 42
    assert camera.looker.skipped == 101 - camera.detector.asked


def test_a_picture_of_before_is_left_out() -> None:
    camera = Camera()
    camera.take(3, SOMEBODY)
    camera.time_us -= 5 * STEP_US
    assert camera.take(3, SOMEBODY) == []


def test_what_is_no_picture_is_refused_without_its_bytes() -> None:
    camera = Camera()
    _, data = cv2.imencode(".jpg", camera.stage.picture())
    half = bytes(data)[: len(data) // 2]
    told = camera.looker.look(Shot(START_US, half), START_US)
    told += camera.looker.look(Broken(77, "it stands between two pictures", "the stream"), START_US)
    assert [one.raw for one in told if isinstance(one, Refusal)] == [
        f"{len(half)} bytes, not kept".encode(),
        b"77 bytes, not kept",
    ]
    assert camera.teller.refused == 2
    assert camera.detector.asked == 0


def test_a_camera_that_sends_nothing_whole_is_blind_and_one_broken_picture_is_not() -> None:
    camera = Camera()
    camera.take(2)
    broken = Broken(10, "it is cut", "the stream")
    for step in range(25):
        camera.told += camera.looker.look(broken, camera.time_us + step * STEP_US)
    camera.time_us += 30 * STEP_US
    camera.take(1)
    assert [(one.state, one.reason) for one in camera.of(DeviceState)] == [
        ("online", None),
        ("failed", "unreadable"),
        ("online", None),
    ]
