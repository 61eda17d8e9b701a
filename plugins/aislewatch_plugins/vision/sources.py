"""Where pictures come from: what every kind of source promises, and the kind a store file asks for.

A live source never piles up pictures: whoever is slower than the camera gets the newest ones, and
is told how many were left out. A recording leaves out none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from aislewatch.devices.secret import read_password
from aislewatch.errors import DeviceNotReady
from aislewatch.events.sensor import Clock
from aislewatch_plugins.vision.source_config import (
    FileConfig,
    FolderConfig,
    LiveConfig,
    MjpegConfig,
    OpencvConfig,
    SourceConfig,
)

if TYPE_CHECKING:
    from aislewatch_plugins.vision.pictures import Picture

QUEUED: Final = 8
"""Pictures of a live camera that wait to be looked at."""


class Shot(NamedTuple):
    """One picture.

    Attributes:
        time_us: when it was taken, or came, in microseconds since 1970.
        picture: as decoded, or the bytes of a JPEG or PNG picture.
    """

    time_us: int
    picture: Picture | bytes


class Broken(NamedTuple):
    """Something came that is no picture; the bytes are not kept, for they may show people.

    Attributes:
        size: of what came, in bytes.
        reason: why, in a sentence.
        place: where.
    """

    size: int
    reason: str
    place: str


Came = Shot | Broken


class Source(Protocol):
    """One opening of a source."""

    @property
    def recorded(self) -> bool:
        """Its pictures have times of their own; else they are of when they came."""
        ...

    @property
    def connected(self) -> bool:
        """Pictures can come."""
        ...

    @property
    def left_out(self) -> int:
        """How many pictures nobody looked at, because newer ones had come."""
        ...

    async def open(self) -> None:
        """Connect.

        Raises:
            DeviceNotReady: the camera does not answer.
            DeviceMisconfigured: it does not let us in, or what is needed is not installed.
        """
        ...

    async def read(self) -> Came | None:
        """Give what comes next; None where a recording is over.

        Raises:
            DeviceNotReady: the camera is gone, or silent for too long.
        """
        ...

    async def close(self) -> None:
        """Let go of the camera; may be called again."""
        ...


class Newest:
    """Pictures on their way from a live camera to whoever looks at them, the newest few.

    Args:
        whose: of the camera, for messages.
        silence_us: without anything for so long it counts as gone.

    Attributes:
        left_out: how many were pushed out by newer ones.
    """

    def __init__(self, whose: str, silence_us: int) -> None:
        self.left_out = 0
        self._whose = whose
        self._silence_s = silence_us / 1_000_000
        self._waiting: deque[Came] = deque()
        self._error: DeviceNotReady | None = None
        self._news = asyncio.Event()

    def put(self, came: Came) -> None:
        """Take what came; from the event loop's thread only."""
        if len(self._waiting) >= QUEUED:
            self._waiting.popleft()
            self.left_out += 1
        self._waiting.append(came)
        self._news.set()

    def fail(self, why: str) -> None:
        """Take that nothing more will come."""
        self._error = self._error or DeviceNotReady(why)
        self._news.set()

    async def get(self) -> Came:
        """Give the next.

        Raises:
            DeviceNotReady: there is none, and none will come; or none has come for too long.
        """
        while not self._waiting:
            if self._error is not None:
                raise self._error
            self._news.clear()
            try:
                async with asyncio.timeout(self._silence_s):
                    await self._news.wait()
            except TimeoutError:
                message = f"no picture has come from {self._whose} for {self._silence_s:g} s"
                raise DeviceNotReady(message) from None
        return self._waiting.popleft()


def source_of(config: SourceConfig, folder: Path, clock: Clock) -> Source:
    """Make the source that a configuration asks for.

    Args:
        config: of the source.
        folder: that relative paths start from.
        clock: tells when pictures come.

    Raises:
        DeviceMisconfigured: the password cannot be read.
    """
    # Imported here: each needs the protocol above.
    from aislewatch_plugins.vision.source_folder import FolderSource  # noqa: PLC0415
    from aislewatch_plugins.vision.source_mjpeg import MjpegSource  # noqa: PLC0415
    from aislewatch_plugins.vision.source_opencv import FileSource, LiveSource  # noqa: PLC0415

    match config:
        case FolderConfig():
            return FolderSource(config, folder)
        case FileConfig():
            return FileSource(config, folder, clock)
        case MjpegConfig():
            return MjpegSource(config, _password(config, folder), clock)
        case OpencvConfig():
            return LiveSource(config, _password(config, folder), clock)


def _password(config: LiveConfig, folder: Path) -> str:
    if config.password_file is None:
        return ""
    return read_password(folder / config.password_file, "the camera's")
