"""Where a feed's bytes come from on a network: a connection made, connections taken, requests.

A source hands what came to its taker and waits until the taker is done, which is when the bus has
it: so a slow bus slows the sender down, and nothing is piled up here.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.feed.rows import LineSplitter

if TYPE_CHECKING:
    from aiohttp import web

Line = tuple[bytes, str]
"""One line and, if it is not to be read, why."""

BATCH_LINES = 500
BATCH_S = 0.02
"""A batch is handed on when it is this large or this old, whichever is first."""

CONNECT_S = 10.0
MAX_BODY = 8 << 20
_CHUNK = 1 << 16


class Taker(Protocol):
    """Who takes what a source reads."""

    async def lines(self, lines: list[Line], link: str) -> None:
        """Take the next lines of a connection; returns once they cannot be lost."""
        ...

    async def body(self, body: bytes, link: str) -> Answer:
        """Take the body of a request; returns once it cannot be lost."""
        ...

    async def gone(self, link: str) -> None:
        """Take notice that a connection is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request's rows; ``readable`` is False where the body is none at all."""

    accepted: int
    refused: int
    readable: bool = True


class TcpClient:
    """A connection that we make; lines come over it.

    Args:
        host, port: where to.
        ends: the far end may close when it has sent everything, as a replay does.
    """

    def __init__(self, host: str, port: int, *, ends: bool) -> None:
        self._host = host
        self._port = port
        self._ends = ends
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def connected(self) -> bool:
        """The connection stands."""
        return self._streams is not None

    async def open(self) -> None:
        """Connect.

        Raises:
            DeviceNotReady: nobody answers.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                self._streams = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError) as error:
            message = f"{self._host}:{self._port} does not answer: {error or 'timed out'}"
            raise DeviceNotReady(message) from None

    async def run(self, taker: Taker) -> None:
        """Read until the far end closes.

        Raises:
            DeviceNotReady: the connection broke, or closed although it does not end.
        """
        assert self._streams is not None
        link = f"{self._host}:{self._port}"
        broken = ""
        try:
            broken = await _read_lines(self._streams[0], taker, link)
        finally:
            await self.close()
        if self._ends and not broken:
            return
        await taker.gone(link)
        message = f"{link} {broken or 'closed the connection'}"
        raise DeviceNotReady(message)

    async def close(self) -> None:
        """Hang up; may be called again."""
        streams, self._streams = self._streams, None
        if streams is not None:
            await _hang_up(streams[1])


class TcpListener:
    """Connections that devices make to us; lines come over each."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._taker: Taker | None = None
        self._ready = asyncio.Event()
        self._failure: asyncio.Future[None] | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._links = 0

    @property
    def connected(self) -> bool:
        """Somebody is connected."""
        return bool(self._readers)

    @property
    def port(self) -> int:
        """The port that it listens on; the one that was found free where 0 was asked for."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def open(self) -> None:
        """Listen.

        Raises:
            DeviceNotReady: the port is taken.
        """
        self._failure = asyncio.get_running_loop().create_future()
        try:
            self._server = await asyncio.start_server(self._accept, self._host, self._port)
        except OSError as error:
            message = f"cannot listen on {self._host}:{self._port}: {error.strerror or error}"
            raise DeviceNotReady(message) from None

    async def run(self, taker: Taker) -> None:
        """Take connections until cancelled; a taker's failure ends it."""
        assert self._failure is not None
        self._taker = taker
        self._ready.set()
        await self._failure

    async def close(self) -> None:
        """Stop listening and hang up on everybody; may be called again."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        readers = list(self._readers)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        if server is not None:
            await server.wait_closed()
        if self._failure is not None and not self._failure.done():
            self._failure.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert self._failure is not None
        self._readers.add(task)
        self._links += 1
        link = f"connection {self._links}"
        try:
            await self._ready.wait()
            assert self._taker is not None
            await _read_lines(reader, self._taker, link)
            await self._taker.gone(link)
        except asyncio.CancelledError:
            # Only close() cancels; asyncio would log a cancelled handler as a fault.
            return
        except Exception as error:  # Handed to run(), which raises it.
            if not self._failure.done():
                self._failure.set_exception(error)
        finally:
            self._readers.discard(task)
            await _hang_up(writer)


class HttpListener:
    """POST requests that devices send to us: an object, an array, or lines of JSON."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._host = host
        self._port = port
        self._path = path or "/"
        self._runner: web.AppRunner | None = None
        self._taker: Taker | None = None
        self._failure: asyncio.Future[None] | None = None

    @property
    def connected(self) -> bool:
        """It listens."""
        return self._runner is not None

    @property
    def port(self) -> int:
        """The port that it listens on; the one that was found free where 0 was asked for."""
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    async def open(self) -> None:
        """Listen.

        Raises:
            DeviceNotReady: the port is taken.
            DeviceMisconfigured: aiohttp is not installed.
        """
        try:
            from aiohttp import web  # noqa: PLC0415 - only this source needs it
        except ImportError:
            message = "the http source needs aiohttp: install aislewatch[live]"
            raise DeviceMisconfigured(message) from None
        self._failure = asyncio.get_running_loop().create_future()
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_post(self._path, self._post)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            message = f"cannot listen on {self._host}:{self._port}: {error.strerror or error}"
            raise DeviceNotReady(message) from None
        self._runner = runner

    async def run(self, taker: Taker) -> None:
        """Take requests until cancelled; a taker's failure ends it."""
        assert self._failure is not None
        self._taker = taker
        await self._failure

    async def close(self) -> None:
        """Stop listening; may be called again."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        if self._failure is not None and not self._failure.done():
            self._failure.cancel()

    async def _post(self, request: web.Request) -> web.Response:
        from aiohttp import web  # noqa: PLC0415 - as in open()

        assert self._failure is not None
        if self._taker is None or self._failure.done():
            return web.json_response({"error": "not ready; send it again later"}, status=503)
        body = await request.read()  # Answers 413 by itself where it is too large.
        try:
            answer = await self._taker.body(body, str(request.remote))
        except Exception as error:  # Handed to run(); the sender keeps what it sent.
            if not self._failure.done():
                self._failure.set_exception(error)
            return web.json_response({"error": "not stored; send it again later"}, status=503)
        counts = {"accepted": answer.accepted, "refused": answer.refused}
        return web.json_response(counts, status=202 if answer.readable else 400)


Source = TcpClient | TcpListener | HttpListener


async def _read_lines(reader: asyncio.StreamReader, taker: Taker, link: str) -> str:
    """Hand a connection's lines on in batches; give how it broke, empty for a clean end."""
    splitter = LineSplitter()
    loop = asyncio.get_running_loop()
    broken = ""
    ended = False
    while not ended:
        lines: list[Line] = []
        try:
            chunk = await reader.read(_CHUNK)
            ended = not chunk
            lines += splitter.feed(chunk)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(loop.time() + BATCH_S):
                    while not ended and len(lines) < BATCH_LINES:
                        chunk = await reader.read(_CHUNK)
                        ended = not chunk
                        lines += splitter.feed(chunk)
        except OSError as error:
            broken = f"broke the connection: {error.strerror or error}"
            ended = True
        if ended:
            lines += splitter.end()
        for start in range(0, len(lines), BATCH_LINES):
            await taker.lines(lines[start : start + BATCH_LINES], link)
    return broken


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
