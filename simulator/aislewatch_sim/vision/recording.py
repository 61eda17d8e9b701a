"""What a camera's twin saw, as files: a folder of pictures named by their times, or a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import cv2

from aislewatch_sim.pictures.canvas import Picture
from aislewatch_sim.vision.acts import Act
from aislewatch_sim.vision.camera import jpeg
from aislewatch_sim.vision.stage import Stage

_SECOND_US: Final = 1_000_000


def pictures(stage: Stage, act: Act) -> Iterator[Picture]:
    """Take a picture of each step of an act."""
    for _ in act:
        yield stage.picture()


def to_folder(
    taken: Iterable[Picture], folder: Path, starts_us: int, fps: float, quality: int = 90
) -> int:
    """Write pictures into a folder, each under its time in microseconds since 1970.

    Args:
        taken: the pictures.
        folder: made where it is not there.
        starts_us: when the first was taken.
        fps: pictures a second.
        quality: of the JPEG files, 0 to 100.

    Returns:
        How many there were.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for picture in taken:
        time_us = starts_us + round(count * _SECOND_US / fps)
        whole = folder / f"{time_us}.jpg.part"
        whole.write_bytes(jpeg(picture, quality))
        whole.rename(folder / f"{time_us}.jpg")  # Nobody sees half a picture.
        count += 1
    return count


def to_video(taken: Iterable[Picture], path: Path, fps: float) -> int:
    """Write pictures into a video of JPEG pictures (``.avi``).

    Returns:
        How many there were.

    Raises:
        OSError: it cannot be written.
    """
    writer: cv2.VideoWriter | None = None
    count = 0
    for picture in taken:
        if writer is None:
            height, width = picture.shape[:2]
            code = cv2.VideoWriter.fourcc(*"MJPG")
            writer = cv2.VideoWriter(str(path), code, fps, (width, height))
            if not writer.isOpened():
                message = f"{path} cannot be written"
                raise OSError(message)
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        count += 1
    if writer is not None:
        writer.release()
    return count
