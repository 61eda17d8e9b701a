"""A picture as evidence: asked of Meraki's dashboard for a time, and kept under its hash.

The dashboard answers a request with a signed address, where the picture appears seconds later.
Whoever has the address sees the picture, so it is neither kept nor told. What is told of a picture
is its reference: its SHA-256 and its size, by which the file is found and proved.

Source: Meraki Dashboard API v1, generateDeviceCameraSnapshot.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from msgspec import Struct

from aislewatch.devices.pictures import keep
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.camera.payloads import read_json

if TYPE_CHECKING:
    from aiohttp import ClientSession

API: Final = "https://api.meraki.com"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PICTURE_BYTES_MOST: Final = 16 << 20
_ANSWER_BYTES_MOST: Final = 64 << 10
_JPEG: Final = b"\xff\xd8\xff"
_SERIAL: Final = re.compile(r"[A-Z0-9]{4}(?:-[A-Z0-9]{4}){2}")
_OK, _ACCEPTED, _FORBIDDEN, _TOO_MANY = 200, 202, frozenset({401, 403}), 429


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is kept.

    Attributes:
        sha256: of its bytes, hexadecimal.
        size_bytes: of the file.
        serial: of the camera that took it.
        time_us: when it was taken, as asked for.
    """

    sha256: str
    size_bytes: int
    serial: str
    time_us: int


class _Answer(Struct):
    url: str


class Snapshots:
    """Asks for pictures and keeps them.

    Args:
        session: of aiohttp, whose owner sets its time-outs and closes it.
        api_key: of a dashboard user who may see the cameras.
        folder: where pictures are kept; readable by its owner only.
        api: the dashboard; another address for another region.
        tries: how often to look whether the picture is there.
        pause_s: between two looks.
    """

    def __init__(
        self,
        session: ClientSession,
        api_key: str,
        folder: Path,
        *,
        api: str = API,
        tries: int = 30,
        pause_s: float = 1.0,
    ) -> None:
        self._session = session
        self._api_key = api_key
        self._folder = folder
        self._api = api.rstrip("/")
        self._tries = tries
        self._pause_s = pause_s

    async def take(self, serial: str, time_us: int) -> Picture:
        """Ask for the picture of a time, wait for it, and keep it.

        Args:
            serial: of the camera, as Q2XX-XXXX-XXXX.
            time_us: microseconds since 1970; the camera must have recorded then.

        Raises:
            DeviceNotReady: the dashboard or the camera does not answer; trying again may help.
            DeviceMisconfigured: the key may not, or there is no such camera.
        """
        if _SERIAL.fullmatch(serial) is None:
            message = f"{serial!r} is no serial of a Meraki camera; it looks like Q2XX-XXXX-XXXX"
            raise DeviceMisconfigured(message)
        from aiohttp import ClientError  # noqa: PLC0415 - of the extra live, which feeds do without

        try:
            url = await self._ask(serial, time_us)
            data = await self._fetch(url)
        except (ClientError, TimeoutError) as error:
            # Its text may hold the signed address.
            message = f"the picture of {serial} cannot be had: {type(error).__name__}"
            raise DeviceNotReady(message) from None
        digest = await asyncio.to_thread(keep, self._folder, data)
        return Picture(digest, len(data), serial, time_us)

    async def _ask(self, serial: str, time_us: int) -> str:
        address = f"{self._api}/api/v1/devices/{quote(serial)}/camera/generateSnapshot"
        at = (_EPOCH + timedelta(microseconds=time_us)).isoformat(timespec="seconds")
        body = {"timestamp": at.replace("+00:00", "Z")}
        headers = {"Authorization": f"Bearer {self._api_key}"}
        async with self._session.post(
            address, json=body, headers=headers, allow_redirects=False
        ) as answer:
            if answer.status in _FORBIDDEN:
                message = f"the API key may not see {serial} (status {answer.status})"
                raise DeviceMisconfigured(message)
            if answer.status not in {_OK, _ACCEPTED}:
                why = "asked too often" if answer.status == _TOO_MANY else "no picture"
                message = f"the dashboard answers {answer.status} for {serial}: {why}"
                raise DeviceNotReady(message)
            text = await answer.content.read(_ANSWER_BYTES_MOST)
        try:
            url = read_json(text, _Answer).url
        except ValueError as error:
            message = f"the dashboard's answer for {serial} cannot be read: {error}"
            raise DeviceNotReady(message) from None
        if urlsplit(url).scheme != urlsplit(self._api).scheme:
            message = f"the dashboard gives an address for {serial} that is not encrypted"
            raise DeviceNotReady(message)
        return url

    async def _fetch(self, url: str) -> bytes:
        for tried in range(self._tries):
            if tried:
                await asyncio.sleep(self._pause_s)
            # The key is the dashboard's alone; the address has its own signature.
            async with self._session.get(url, allow_redirects=False) as answer:
                if answer.status != _OK:
                    continue
                data = bytearray()
                async for chunk in answer.content.iter_chunked(1 << 16):
                    data += chunk
                    if len(data) > _PICTURE_BYTES_MOST:
                        message = "what came for a picture is larger than any"
                        raise DeviceNotReady(message)
            if not data.startswith(_JPEG):
                message = "what came for a picture is no JPEG"
                raise DeviceNotReady(message)
            return bytes(data)
        message = f"the picture was not there after {self._tries} looks"
        raise DeviceNotReady(message)
