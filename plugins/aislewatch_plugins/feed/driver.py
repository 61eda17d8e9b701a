"""Where a feed's bytes come from on a network: a connection made, connections taken, requests.

A source hands what came to its taker and waits until the taker is done, which is when the bus has
it: so a slow bus slows the sender down, and nothing is piled up here.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Protocol

from aislewatch.devices.address import Address
from aislewatch.devices.http import HttpListener, Reply, Request
from aislewatch.devices.tcp import Listener, Streams, dial, hang_up
from aislewatch.errors import DeviceNotReady
from aislewatch_plugins.feed.rows import LineSplitter

Line = tuple[bytes, str]
"""One line and, if it is not to be read, why."""

BATCH_LINES = 500
BATCH_S = 0.02
"""A batch is handed on when it is this large or this old, whichever is first."""

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
        taker: takes what comes.
        ends: the far end may close when it has sent everything, as a replay does.
    """

    def __init__(self, host: str, port: int, taker: Taker, *, ends: bool) -> None:
        self._host = host
        self._port = port
        self._taker = taker
        self._ends = ends
        self._streams: Streams | None = None

    @property
    def connected(self) -> bool:
        """The connection stands."""
        return self._streams is not None

    async def open(self) -> None:
        """Connect.

        Raises:
            DeviceNotReady: nobody answers.
        """
        self._streams = await dial(self._host, self._port)

    async def run(self) -> None:
        """Read until the far end closes.

        Raises:
            DeviceNotReady: the connection broke, or closed although it does not end.
        """
        assert self._streams is not None
        link = f"{self._host}:{self._port}"
        broken = ""
        try:
            broken = await _read_lines(self._streams[0], self._taker, link)
        finally:
            await self.close()
        if self._ends and not broken:
            return
        await self._taker.gone(link)
        message = f"{link} {broken or 'closed the connection'}"
        raise DeviceNotReady(message)

    async def close(self) -> None:
        """Hang up; may be called again."""
        streams, self._streams = self._streams, None
        if streams is not None:
            await hang_up(streams[1])


class TcpListener(Listener):
    """Connections that devices make to us; lines come over each."""

    def __init__(self, host: str, port: int, taker: Taker) -> None:
        super().__init__(host, port, self._lines)
        self._taker = taker
        self._links = 0

    @property
    def connected(self) -> bool:
        """Somebody is connected."""
        return bool(self.connections)

    async def _lines(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        self._links += 1
        link = f"connection {self._links}"
        await _read_lines(reader, self._taker, link)
        await self._taker.gone(link)


class HttpSource(HttpListener):
    """POST requests that devices send to us: an object, an array, or lines of JSON."""

    def __init__(self, where: Address, taker: Taker) -> None:
        super().__init__(where, self._rows, most_bytes=MAX_BODY, packed=True)
        self._taker = taker

    async def _rows(self, request: Request) -> Reply:
        answer = await self._taker.body(request.body, request.sender)
        counts = {"accepted": answer.accepted, "refused": answer.refused}
        return Reply(202 if answer.readable else 400, counts)


Source = TcpClient | TcpListener | HttpSource


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
