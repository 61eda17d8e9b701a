"""Devices on sockets: each listens on this machine and sends its rows at the day's pace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Line(NamedTuple):
    """One line that a device sends.

    Attributes:
        at_s: when it is sent, seconds since the day began.
        data: the line, without its end.
    """

    at_s: float
    data: bytes


class LineServer:
    """A device that sends lines to whoever connected first, and hangs up at the day's end.

    Args:
        lines: in the order in which they are sent.
    """

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines: Sequence[Line] = tuple(lines)
        self._server: asyncio.Server | None = None
        self._listener: asyncio.Future[asyncio.StreamWriter] | None = None

    @property
    def address(self) -> str:
        """Host and port that it listens on."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def open(self) -> None:
        """Listen, on a port that is free."""
        self._listener = asyncio.get_running_loop().create_future()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def connected(self) -> None:
        """Wait until somebody listens."""
        assert self._listener is not None
        await asyncio.shield(self._listener)

    async def play(self, began_s: float, pace: float) -> None:
        """Send every line when it is due, then hang up.

        Args:
            began_s: the loop's time at which the day began.
            pace: seconds of the day that pass in one second.

        Raises:
            ConnectionError: whoever listened hung up.
        """
        assert self._listener is not None
        writer = await asyncio.shield(self._listener)
        loop = asyncio.get_running_loop()
        for line in self._lines:
            wait_s = began_s + line.at_s / pace - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            writer.write(line.data + b"\n")
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def close(self) -> None:
        """Stop listening and hang up; may be called again."""
        if self._listener is not None and self._listener.done():
            writer = self._listener.result()
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader  # Nobody says anything to these devices.
        assert self._listener is not None
        if self._listener.done():
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return
        self._listener.set_result(writer)
