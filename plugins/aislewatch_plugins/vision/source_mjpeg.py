"""Pictures of a camera that streams JPEG over HTTP, without any video decoder in between."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.sensor import Clock
from aislewatch_plugins.vision.mjpeg import Jpeg, Splitter, boundary_of
from aislewatch_plugins.vision.source_config import MjpegConfig
from aislewatch_plugins.vision.sources import Broken, Came, Newest, Shot

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

_CONNECT_S: Final = 5.0
_UNAUTHORISED: Final = frozenset({401, 403})
_FINE: Final = 200


class MjpegSource:
    """See the module.

    Args:
        config: of the source.
        password: of its user; empty where it has none.
        clock: tells when pictures come.
    """

    def __init__(self, config: MjpegConfig, password: str, clock: Clock) -> None:
        self._config = config
        self._password = password
        self._clock = clock
        self._newest = Newest(config.url, config.silence)
        self._session: ClientSession | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def recorded(self) -> bool:
        """It has no times of its own."""
        return False

    @property
    def connected(self) -> bool:
        """The stream stands."""
        return self._reading is not None and not self._reading.done()

    @property
    def left_out(self) -> int:
        """How many pictures newer ones have pushed out."""
        return self._newest.left_out

    async def open(self) -> None:
        """Ask for the stream.

        Raises:
            DeviceNotReady: nobody answers, or there is no stream there.
            DeviceMisconfigured: it does not let us in, or aiohttp is not installed.
        """
        try:
            import aiohttp  # noqa: PLC0415 - only who streams over HTTP needs it
        except ImportError:
            message = "streams over HTTP need aiohttp: install aislewatch[live]"
            raise DeviceMisconfigured(message) from None
        config = self._config
        middlewares: list[Any] = []
        if config.user is not None:
            middlewares.append(aiohttp.DigestAuthMiddleware(config.user, self._password))
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
        self._session = aiohttp.ClientSession(
            timeout=timeout, middlewares=middlewares, auto_decompress=False
        )
        try:
            async with asyncio.timeout(_CONNECT_S):
                response = await self._asked(self._session, aiohttp)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            why = str(error) or f"nothing for {_CONNECT_S:g} s"
            message = f"{config.url} does not answer: {why}"
            raise DeviceNotReady(message) from None
        if response.status in _UNAUTHORISED:
            message = f"{config.url} does not let us in: look at 'user' and 'password_file'"
            raise DeviceMisconfigured(message)
        if response.status != _FINE:
            message = f"{config.url} answers {response.status} {response.reason}"
            raise DeviceNotReady(message)
        try:
            boundary = boundary_of(response.headers.get("Content-Type", ""))
        except ValueError as error:
            message = f"{config.url} is no stream: {error}"
            raise DeviceNotReady(message) from None
        self._reading = asyncio.create_task(self._read(response, boundary), name="camera stream")

    async def read(self) -> Came | None:
        """Give what comes next.

        Raises:
            DeviceNotReady: the stream has ended, or is silent.
        """
        return await self._newest.get()

    async def close(self) -> None:
        """Hang up."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _asked(self, session: ClientSession, aiohttp: Any) -> ClientResponse:
        """Ask; who asks for Basic authentication gets it only once it has said so."""
        config = self._config
        response = await session.get(config.url)
        offered = response.headers.get("WWW-Authenticate", "").lower()
        if response.status == 401 and config.user is not None and offered.startswith("basic"):
            response.close()
            given = aiohttp.encode_basic_auth(config.user, self._password)
            response = await session.get(config.url, headers={"Authorization": given})
        return response

    async def _read(self, response: ClientResponse, boundary: bytes) -> None:
        splitter = Splitter(boundary)
        why = "it has ended"
        try:
            async for chunk in response.content.iter_any():
                for came in splitter.feed(chunk):
                    if isinstance(came, Jpeg):
                        self._newest.put(Shot(self._clock.now_us(), came.data))
                    else:
                        self._newest.put(Broken(came.size, came.reason, "the stream"))
        except Exception as error:  # Of aiohttp or of the system: the stream is over either way.
            why = str(error) or type(error).__name__
        finally:
            left = splitter.end()
            if left is not None:
                self._newest.put(Broken(left.size, left.reason, "the stream"))
            self._newest.fail(f"the stream of {self._config.url} is gone: {why}")
            with contextlib.suppress(Exception):
                response.close()
