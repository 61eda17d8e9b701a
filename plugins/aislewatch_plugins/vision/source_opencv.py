"""Pictures that OpenCV decodes: video files, RTSP streams and USB cameras.

OpenCV blocks, and cannot be woken: a live camera is read by a thread of its own, bounded by
OpenCV's own time limits and not waited for any longer than a sensor has to close.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.sensor import Clock
from aislewatch_plugins.vision.pictures import opencv, rgb
from aislewatch_plugins.vision.source_config import FileConfig, OpencvConfig
from aislewatch_plugins.vision.sources import Came, Newest, Shot

OPEN_S: Final = 8.0
READ_S: Final = 1.5
"""A camera that sends less than a picture in so many seconds is no video."""

_CLOSE_S: Final = 1.8
_SECOND_US: Final = 1_000_000


class FileSource:
    """A video file, each of its pictures once.

    Args:
        config: of the source.
        folder: that a relative path starts from.
        clock: of the host; a video without a time of its own plays by it.
    """

    def __init__(self, config: FileConfig, folder: Path, clock: Clock) -> None:
        self.left_out = 0
        self._config = config
        self._path = folder / config.path
        self._clock = clock
        self._capture: Any = None
        self._starts_us = 0
        self._fps = 0.0
        self._pictures = 0

    @property
    def recorded(self) -> bool:
        """The store file says when it starts."""
        return self._config.starts_us is not None

    @property
    def connected(self) -> bool:
        """It is open."""
        return self._capture is not None

    async def open(self) -> None:
        """Open the file.

        Raises:
            DeviceMisconfigured: there is none, it is no video, or does not say how fast it is.
        """
        cv2 = opencv()
        self._capture = capture = await asyncio.to_thread(
            cv2.VideoCapture, str(self._path), cv2.CAP_FFMPEG
        )
        if not capture.isOpened():
            self._capture = None
            what = "is no video" if self._path.exists() else "is not there"
            message = f"{self._path} {what}"
            raise DeviceMisconfigured(message)
        self._fps = self._config.fps or float(capture.get(cv2.CAP_PROP_FPS))
        if not 0 < self._fps <= 1000:
            message = f"{self._path} does not say how many pictures a second it has; say 'fps'"
            raise DeviceMisconfigured(message)
        given_us = self._config.starts_us
        self._starts_us = self._clock.now_us() if given_us is None else given_us

    async def read(self) -> Came | None:
        """Give the next picture; None behind the last."""
        if self._capture is None:
            return None
        found, picture = await asyncio.to_thread(self._capture.read)
        if not found:
            return None
        time_us = self._starts_us + round(self._pictures * _SECOND_US / self._fps)
        self._pictures += 1
        if not self.recorded:
            await asyncio.sleep(max(0, time_us - self._clock.now_us()) / _SECOND_US)
        return Shot(time_us, rgb(picture))

    async def close(self) -> None:
        """Close the file."""
        capture, self._capture = self._capture, None
        if capture is not None:
            await asyncio.to_thread(capture.release)


class LiveSource:
    """An RTSP stream or a USB camera.

    Args:
        config: of the source.
        password: of its user; empty where it has none.
        clock: tells when pictures come.
    """

    def __init__(self, config: OpencvConfig, password: str, clock: Clock) -> None:
        self._config = config
        self._password = password
        self._clock = clock
        self._newest = Newest(config.url, config.silence)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._connected = False

    @property
    def recorded(self) -> bool:
        """It has no times of its own."""
        return False

    @property
    def connected(self) -> bool:
        """Pictures can come."""
        return self._connected

    @property
    def left_out(self) -> int:
        """How many pictures newer ones have pushed out."""
        return self._newest.left_out

    async def open(self) -> None:
        """Open the camera.

        Raises:
            DeviceNotReady: it cannot be opened.
            DeviceMisconfigured: OpenCV is not installed.
        """
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[bool] = loop.create_future()
        arguments = (opencv(), loop, opened)
        # A daemon: who cannot be woken must not keep the process from ending.
        self._thread = threading.Thread(
            target=self._work, args=arguments, name=f"camera {self._config.url}", daemon=True
        )
        self._thread.start()
        if not await opened:
            message = f"{self._config.url} cannot be opened: nobody answers, or it is no video"
            raise DeviceNotReady(message)
        self._connected = True

    async def read(self) -> Came | None:
        """Give what comes next.

        Raises:
            DeviceNotReady: the camera is gone, or is silent.
        """
        return await self._newest.get()

    async def close(self) -> None:
        """Let go of the camera; a read that blocks is left to its own time limit."""
        self._connected = False
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join, _CLOSE_S)

    def _work(
        self, cv2: Any, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[bool]
    ) -> None:
        capture: Any = None
        with contextlib.suppress(RuntimeError):  # The loop has ended before its thread.
            try:
                capture = self._captured(cv2)
                fine = bool(capture.isOpened())
                loop.call_soon_threadsafe(_settle, opened, fine)
                while fine and not self._stopping.is_set():
                    found, picture = capture.read()
                    if not found:
                        break
                    shot = Shot(self._clock.now_us(), rgb(picture))
                    loop.call_soon_threadsafe(self._newest.put, shot)
            except cv2.error:
                loop.call_soon_threadsafe(_settle, opened, False)
            finally:
                if capture is not None:
                    capture.release()
                loop.call_soon_threadsafe(self._ended)

    def _ended(self) -> None:
        self._connected = False
        self._newest.fail(f"{self._config.url} sends no pictures any more")

    def _captured(self, cv2: Any) -> Any:
        url = self._config.url
        if url.isdecimal():
            return cv2.VideoCapture(int(url), cv2.CAP_ANY)
        if url.startswith("/dev/"):
            return cv2.VideoCapture(url, cv2.CAP_V4L2)
        # The back end by name: OpenCV would try others, and log the address with its password.
        limits = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(OPEN_S * 1_000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(READ_S * 1_000)),
        ]
        address = with_user(url, self._config.user, self._password)
        return cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)


def with_user(url: str, user: str | None, password: str) -> str:
    """Put a user and a password into an address, which is how FFmpeg takes them.

    >>> with_user("rtsp://cam.shop:554/1", "view", "a b@c")
    'rtsp://view:a%20b%40c@cam.shop:554/1'
    """
    if user is None:
        return url
    parts = urlsplit(url)
    place = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc}"
    return urlunsplit(parts._replace(netloc=place))


def _settle(opened: asyncio.Future[bool], fine: bool) -> None:
    if not opened.done():
        opened.set_result(fine)
