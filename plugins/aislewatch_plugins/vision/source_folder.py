"""Pictures in a folder: a recording, or what a camera drops there by FTP.

A picture's name begins with its time. Nothing in the folder is changed or taken away.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.vision.pictures import PICTURE_BYTES_MOST
from aislewatch_plugins.vision.source_config import FolderConfig
from aislewatch_plugins.vision.sources import Broken, Came, Shot

_LOOK_S: Final = 0.1
_ENDINGS: Final = frozenset({".jpg", ".jpeg", ".png"})
_MICROSECONDS: Final = re.compile(r"(\d{15,16})(?!\d)")
_WRITTEN: Final = re.compile(r"(\d{8})T?(\d{6})(?:\.(\d{1,6}))?Z(?![0-9A-Za-z])")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def time_of_name(name: str) -> int:
    """Give the time that a picture's name begins with, in microseconds since 1970.

    >>> time_of_name("1772438400250000.jpg")
    1772438400250000
    >>> time_of_name("20260302T080000.250000Z_cam1.jpg")
    1772438400250000

    Raises:
        ValueError: it begins with none; a sentence.
    """
    plain = _MICROSECONDS.match(name)
    if plain is not None:
        return int(plain[1])
    written = _WRITTEN.match(name)
    message = f"{name!r} does not begin with a time, as in 20260302T080000.250000Z.jpg"
    if written is None:
        raise ValueError(message)
    try:
        at = datetime.strptime(written[1] + written[2], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(message) from None
    since = at - _EPOCH
    if since.days < 0:
        raise ValueError(message)
    fraction_us = int((written[3] or "").ljust(6, "0"))
    return (since.days * 86_400 + since.seconds) * 1_000_000 + fraction_us


class FolderSource:
    """See the module.

    Args:
        config: of the source.
        folder: that a relative path starts from.
    """

    def __init__(self, config: FolderConfig, folder: Path) -> None:
        self.left_out = 0
        self._config = config
        self._path = folder / config.path
        self._names: deque[str] = deque()
        self._known: set[str] = set()
        self._last_us = -1
        self._open = False

    @property
    def recorded(self) -> bool:
        """Names tell the times."""
        return True

    @property
    def connected(self) -> bool:
        """It is open."""
        return self._open

    async def open(self) -> None:
        """List what is there; followed, all of that is old.

        Raises:
            DeviceMisconfigured: there is no such folder.
        """
        names = await self._list()
        self._known = set(names)
        if self._config.follow:
            self.left_out = len(names)
        else:
            self._names.extend(names)
        self._open = True

    async def read(self) -> Came | None:
        """Give the next picture, by its time.

        Raises:
            DeviceNotReady: followed, none has come for too long.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._config.silence / 1_000_000
        while not self._names:
            if not self._config.follow:
                self._open = False
                return None
            names = await self._list()
            self._names.extend(name for name in names if name not in self._known)
            self._known = set(names)
            if not self._names:
                if loop.time() >= until_s:
                    seconds = self._config.silence / 1_000_000
                    message = f"no picture has come to {self._path} for {seconds:g} s"
                    raise DeviceNotReady(message)
                await asyncio.sleep(_LOOK_S)
        return await asyncio.to_thread(self._taken, self._names.popleft())

    async def close(self) -> None:
        """Forget what was listed."""
        self._open = False
        self._names.clear()

    async def _list(self) -> list[str]:
        try:
            return await asyncio.to_thread(_listed, self._path)
        except OSError as error:
            message = f"the folder {self._path} cannot be read: {error.strerror or error}"
            raise DeviceMisconfigured(message) from None

    def _taken(self, name: str) -> Came:
        path = self._path / name
        size = 0
        try:
            size = path.stat().st_size
            time_us = time_of_name(name)
            if time_us <= self._last_us:
                return Broken(size, "a later picture was there before it", name)
            if size > PICTURE_BYTES_MOST:
                return Broken(size, "it is larger than any camera's picture", name)
            data = path.read_bytes()
        except ValueError as error:
            return Broken(size, str(error), name)
        except OSError as error:
            return Broken(size, f"it cannot be read: {error.strerror or error}", name)
        self._last_us = time_us
        return Shot(time_us, data)


def _listed(folder: Path) -> list[str]:
    """Give the names of all pictures in order of their times, those without one first."""
    names = [path.name for path in folder.iterdir() if path.suffix.lower() in _ENDINGS]

    def order(name: str) -> tuple[int, str]:
        try:
            return time_of_name(name), name
        except ValueError:
            return -1, name

    return sorted(names, key=order)
