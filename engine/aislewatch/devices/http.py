"""Requests that devices and clouds post to us: one path, one method, bounded bodies.

Nothing of a request is logged: neither its body nor its headers, which hold signatures. Requests
are answered one at a time, each once what it holds cannot be lost; so a slow bus slows the senders
down, and nothing is piled up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from aislewatch.devices.address import Address
from aislewatch.devices.tcp import why_not
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady

if TYPE_CHECKING:
    from aiohttp import web

BODY_S: Final = 20.0
"""A body that takes longer to arrive is given up; a shop's link is not that slow."""

_CLOSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request that was posted to us.

    Attributes:
        headers: by name in lower case.
        body: as it came, before anything is read from it.
        sender: address of who sent it; empty where that is unknown.
    """

    headers: Mapping[str, str]
    body: bytes
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered with.

    Attributes:
        status: of HTTP.
        content: sent as JSON.
    """

    status: int
    content: Mapping[str, Any] = field(default_factory=dict[str, Any])


Answer = Callable[[Request], Awaitable[Reply]]
"""Takes a request; returns once what it holds cannot be lost."""


class HttpListener:
    """Listens for POST requests.

    Args:
        where: host, port and path.
        answer: takes each request, one at a time; what it raises, `run` raises.
        most_bytes: of a body, unpacked; a larger one is answered with 413.
        packed: take compressed bodies as well, unpacked. Not where a body is signed: the signature
            is over what was sent.
    """

    def __init__(
        self, where: Address, answer: Answer, *, most_bytes: int, packed: bool = False
    ) -> None:
        self._where = where
        self._answer = answer
        self._most_bytes = most_bytes
        self._packed = packed
        self._runner: web.AppRunner | None = None
        self._failure: asyncio.Future[None] | None = None
        self._running = False
        self._turn = asyncio.Lock()

    @property
    def connected(self) -> bool:
        """It listens."""
        return self._runner is not None

    @property
    def port(self) -> int | None:
        """The port that it listens on; the one that was found free where 0 was asked for."""
        return int(self._runner.addresses[0][1]) if self._runner is not None else None

    async def open(self) -> None:
        """Listen.

        Raises:
            DeviceNotReady: the port is taken.
            DeviceMisconfigured: aiohttp is not installed.
        """
        try:
            from aiohttp import web  # noqa: PLC0415 - only those who are posted to need it
        except ImportError:
            message = "to be posted to, aiohttp is needed: install aislewatch[live]"
            raise DeviceMisconfigured(message) from None
        host, port, path = self._where
        self._failure = asyncio.get_running_loop().create_future()
        application = web.Application(client_max_size=self._most_bytes)
        application.router.add_post(path or "/", self._post)
        runner = web.AppRunner(
            application, access_log=None, logger=_mute(), shutdown_timeout=_CLOSE_S
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            message = f"cannot listen on {host}:{port}: {why_not(error)}"
            raise DeviceNotReady(message) from None
        self._runner = runner

    async def run(self) -> None:
        """Take requests until cancelled; a failure to answer one ends it."""
        assert self._failure is not None
        self._running = True
        try:
            await self._failure
        finally:
            self._running = False

    async def close(self) -> None:
        """Stop listening; may be called again."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        if self._failure is not None and not self._failure.done():
            self._failure.cancel()

    async def _post(self, request: web.Request) -> web.Response:
        from aiohttp import web  # noqa: PLC0415 - as in open()

        reply = await self._replied(request)
        return web.json_response(dict(reply.content), status=reply.status)

    async def _replied(self, request: web.Request) -> Reply:
        identity = request.headers.get("Content-Encoding", "identity").lower() == "identity"
        if not identity and not self._packed:
            # A signature is over what is sent, and what is small may unpack to very much.
            return Reply(415, {"error": "send the body as it is, not compressed"})
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()  # Answers 413 by itself where it is too large.
        except TimeoutError:
            return Reply(408, {"error": "the body did not arrive in time"})
        headers = {name.lower(): value for name, value in request.headers.items()}
        async with self._turn:
            assert self._failure is not None
            if not self._running or self._failure.done():
                return Reply(503, {"error": "not ready; send it again later"})
            try:
                return await self._answer(Request(headers, body, request.remote or ""))
            except Exception as error:  # Handed to run(); the sender keeps what it sent.
                if not self._failure.done():
                    self._failure.set_exception(error)
                return Reply(503, {"error": "not stored; send it again later"})


def _mute() -> logging.Logger:
    """Give a logger that says nothing: of a broken request aiohttp would log the body."""
    logger = logging.Logger("aislewatch.devices.http")
    logger.disabled = True
    return logger
