"""Folders and files of pictures, and what a store file may say of a source."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.vision import pictures
from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.source_config import SourceConfig
from aislewatch_plugins.vision.source_folder import time_of_name
from aislewatch_plugins.vision.sources import QUEUED, Broken, Came, Newest, Shot, Source, source_of
from aislewatch_sim.vision import acts
from aislewatch_sim.vision.recording import pictures as taken_of
from aislewatch_sim.vision.recording import to_folder, to_video

START_US = 1_772_438_400_000_000


class Clock:
    """Goes on by a millisecond each time it is looked at."""

    def __init__(self) -> None:
        self.time_us = START_US

    def now_us(self) -> int:
        self.time_us += 1_000
        return self.time_us


def source(folder: Path, **config: Any) -> Source:
    adapter: TypeAdapter[Any] = TypeAdapter(SourceConfig)
    return source_of(adapter.validate_python(config), folder, Clock())


async def read_all(one: Source) -> list[Came]:
    await one.open()
    found: list[Came] = []
    try:
        while (came := await one.read()) is not None:
            found.append(came)
    finally:
        await one.close()
    return found


def film(count: int = 6) -> list[pictures.Picture]:
    stage = acts.aisle(width=96, height=72)
    return list(taken_of(stage, acts.visit(stage, Random(1), 1)))[:count]


async def test_a_folder_is_read_in_the_order_of_its_times(tmp_path: Path) -> None:
    to_folder(film(4), tmp_path / "cam", START_US, fps=4)
    (tmp_path / "cam" / "20260302T080000.600000Z_x.jpg").write_bytes(
        (tmp_path / "cam" / f"{START_US}.jpg").read_bytes()
    )
    (tmp_path / "cam" / "notes.txt").write_text("not a picture")
    found = await read_all(source(tmp_path, kind="folder", path="cam"))
    times = [shot.time_us - START_US for shot in found if isinstance(shot, Shot)]
    assert times == [0, 250_000, 500_000, 600_000, 750_000]
    assert len(times) == len(found)


async def test_what_is_no_picture_in_a_folder_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    to_folder(film(2), tmp_path, START_US, fps=4)
    (tmp_path / "yesterday.jpg").write_bytes(b"no time")
    found = await read_all(source(tmp_path, kind="folder", path="."))
    (broken,) = [one for one in found if isinstance(one, Broken)]
    assert broken.place == "yesterday.jpg"
    assert "does not begin with a time" in broken.reason
    assert len(found) == 3


async def test_a_folder_that_is_followed_gives_what_comes_and_not_what_was(tmp_path: Path) -> None:
    to_folder(film(2), tmp_path, START_US, fps=4)
    one = source(tmp_path, kind="folder", path=".", follow=True, silence="300ms")
    await one.open()
    assert one.left_out == 2
    reading = asyncio.ensure_future(one.read())
    to_folder(film(1), tmp_path, START_US + 5_000_000, fps=4)
    came = await reading
    assert isinstance(came, Shot)
    assert came.time_us == START_US + 5_000_000
    (tmp_path / f"{START_US + 1}.jpg").write_bytes(b"late")
    came = await one.read()
    assert isinstance(came, Broken)
    assert "a later picture" in came.reason or came.place == f"{START_US + 1}.jpg"
    with pytest.raises(DeviceNotReady, match=r"no picture has come to .* for 0.3 s"):
        await one.read()
    await one.close()


async def test_a_folder_that_is_not_there_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DeviceMisconfigured, match="No such file"):
        await source(tmp_path, kind="folder", path="nowhere").open()


async def test_each_picture_of_a_video_has_its_time(tmp_path: Path) -> None:
    whole = film(6)
    assert to_video(whole, tmp_path / "day.avi", fps=5) == 6
    one = source(tmp_path, kind="file", path="day.avi", starts="2026-03-02T08:00:00Z")
    assert one.recorded
    found = await read_all(one)
    assert [shot.time_us - START_US for shot in found if isinstance(shot, Shot)] == [
        n * 200_000 for n in range(6)
    ]
    (first, *_) = found
    assert isinstance(first, Shot)
    assert not isinstance(first.picture, bytes)
    off = abs(first.picture.astype(int) - whole[0].astype(int)).mean()
    assert off < 4  # Red is still red.


async def test_a_video_without_a_time_plays_by_the_hosts_clock(tmp_path: Path) -> None:
    to_video(film(4), tmp_path / "now.avi", fps=500)
    one = source(tmp_path, kind="file", path="now.avi")
    assert not one.recorded
    times = [shot.time_us for shot in await read_all(one) if isinstance(shot, Shot)]
    assert [b - a for a, b in pairwise(times)] == [2_000] * 3
    assert times[0] >= START_US


@pytest.mark.parametrize(("name", "says"), [("no.avi", "is no video"), ("x.avi", "is not there")])
async def test_what_is_no_video_is_said_to_be_none(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "no.avi").write_bytes(b"nothing of the kind" * 50)
    with pytest.raises(DeviceMisconfigured, match=says):
        await source(tmp_path, kind="file", path=name).open()


@given(st.integers(100_000_000_000_000, 9_999_999_999_999_999), st.sampled_from(["", "_cam", "-1"]))
def test_a_name_says_its_time(time_us: int, rest: str) -> None:
    assert time_of_name(f"{time_us}{rest}.jpg") == time_us


@pytest.mark.parametrize(
    "name", ["1.jpg", "20261302T080000Z.jpg", "20260302T080000.jpg", "cam_1772438400250000.jpg", ""]
)
def test_a_name_without_a_time_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="does not begin with a time"):
        time_of_name(name)


async def test_of_a_live_camera_the_newest_pictures_wait_and_the_rest_is_counted() -> None:
    newest = Newest("cam", silence_us=50_000)
    for n in range(QUEUED + 3):
        newest.put(Shot(n, b""))
    newest.fail("it is gone")
    assert [await newest.get() for _ in range(QUEUED)] == [Shot(n + 3, b"") for n in range(QUEUED)]
    assert newest.left_out == 3
    with pytest.raises(DeviceNotReady, match="it is gone"):
        await newest.get()


async def test_a_camera_that_is_silent_counts_as_gone() -> None:
    with pytest.raises(DeviceNotReady, match=r"no picture has come from cam for 0.05 s"):
        await Newest("cam", silence_us=50_000).get()


def config(**changed: Any) -> dict[str, Any]:
    return {"source": {"kind": "folder", "path": "x"}, "key_file": "k", **changed}


SQUARE = [[0, 0], [1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"source": {"kind": "mjpeg", "url": "http://a:b@cam/"}}, "password_file"),
        ({"source": {"kind": "opencv", "url": "rtsp://a:b@cam/"}}, "password_file"),
        ({"source": {"kind": "mjpeg", "url": "rtsp://cam/"}}, "no address of a web page"),
        ({"source": {"kind": "opencv", "url": "cam"}}, "neither rtsp:// nor a device"),
        ({"source": {"kind": "file", "path": "x", "starts": "2026-03-02T08:00:00"}}, "timezone"),
        ({"source": {"kind": "ftp"}}, "'folder', 'file', 'mjpeg', 'opencv'"),
        ({"zones": {"A": {"outline": [[0, 0], [1, 1]]}}}, "at least 3"),
        ({"zones": {"A": {"outline": [[0, 0], [0.5, 0.5], [1, 1]]}}}, "encloses nothing"),
        ({"zones": {"A": {"outline": [[0, 0], [2, 0], [1, 1]]}}}, "less than or equal to 1"),
        ({"zones": {"A": {"outline": SQUARE, "use": "shelf", "loiter": "5s"}}}, "loiter"),
        ({"products": {"can": {"gtin": "00012345600013"}}}, "would be 2"),
        ({"products": {"hand": {}}}, "'hand' has two meanings"),
        ({"labels": {"staff": ["person"]}}, "'person' has two meanings"),
        ({"detector": "yolo"}, "hog"),
        ({"every": "fast"}, "not a duration"),
    ],
)
def test_a_mistake_in_a_store_file_is_named(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        VisionConfig.model_validate(config(**changed))
    assert says in str(caught.value)
    assert "a:b@" not in "".join(error["msg"] for error in caught.value.errors())


def test_the_least_that_must_be_said_is_a_source_and_a_key() -> None:
    assert VisionConfig.model_validate(config()).labels.people == ["person"]
