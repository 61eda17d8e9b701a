"""TCP: connections that we make to devices, and those that devices make to us."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from typing import Final

from aislewatch.errors import DeviceNotReady

CONNECT_S: Final = 10.0
HANG_UP_S: Final = 1.0
"""A far end that has stopped listening is not waited for any longer."""

_CHUNK: Final = 1 << 16

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""Serves one connection to its end."""


def why_not(error: OSError) -> str:
    """Give the system's own words for why a connection or a port is not to be had.

    asyncio puts Python's in their place, as in ``Connect call failed ('10.0.0.5', 9100)``.
    """
    if error.errno is not None and error.errno > 0:  # A name that is not found has one below.
        return os.strerror(error.errno)
    return error.strerror or str(error)


async def dial(host: str, port: int, *, within_s: float = CONNECT_S) -> Streams:
    """Connect.

    Raises:
        DeviceNotReady: nobody answers.
    """
    try:
        async with asyncio.timeout(within_s):
            return await asyncio.open_connection(host, port)
    except TimeoutError:
        reason = f"nothing for {within_s:g} s"
    except OSError as error:
        reason = why_not(error)
    message = f"{host}:{port} does not answer: {reason}"
    raise DeviceNotReady(message)


async def hang_up(writer: asyncio.StreamWriter, *, within_s: float = HANG_UP_S) -> None:
    """Close a connection, in order where the far end still listens; may be called again."""
    writer.close()
    try:
        async with asyncio.timeout(within_s):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


class TcpLine:
    """One connection that we make, used as a serial port is.

    Args:
        host, port: where to.
        within_s: how long the far end may take to answer, and to take what is written.

    Attributes:
        where: the address, for people.
    """

    def __init__(self, host: str, port: int, *, within_s: float = CONNECT_S) -> None:
        self.where = f"{host}:{port}"
        self._host = host
        self._port = port
        self._within_s = within_s
        self._streams: Streams | None = None
        self._gone = False

    @classmethod
    def accepted(cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> TcpLine:
        """Give a connection that was made to us, for `Listener`; it is open already."""
        host, port = (writer.get_extra_info("peername") or ("somebody", 0))[:2]
        line = cls(str(host), int(port))
        line._streams = reader, writer
        return line

    @property
    def host(self) -> str:
        """The far end's host."""
        return self._host

    @property
    def connected(self) -> bool:
        """The connection stands, as far as can be told without talking."""
        return self._streams is not None and not self._gone

    async def open(self) -> None:
        """Connect.

        Raises:
            DeviceNotReady: nobody answers.
        """
        self._streams = await dial(self._host, self._port, within_s=self._within_s)
        self._gone = False

    async def read(self, timeout_s: float | None = None) -> bytes:
        """Give what has come; nothing where nothing came in time.

        Args:
            timeout_s: how long to wait; None: until something comes.

        Raises:
            DeviceNotReady: the connection is gone.
        """
        assert self._streams is not None
        try:
            async with asyncio.timeout(timeout_s):
                data = await self._streams[0].read(_CHUNK)
        except TimeoutError:
            return b""
        except OSError as error:
            self._gone = True
            message = f"{self.where} broke the connection: {error.strerror or error}"
            raise DeviceNotReady(message) from None
        if not data:
            self._gone = True
            message = f"{self.where} closed the connection"
            raise DeviceNotReady(message)
        return data

    async def write(self, data: bytes) -> None:
        """Send.

        Raises:
            DeviceNotReady: the connection is gone.
        """
        assert self._streams is not None
        try:
            self._streams[1].write(data)
            async with asyncio.timeout(self._within_s):
                await self._streams[1].drain()
        except (OSError, TimeoutError) as error:
            self._gone = True
            message = f"{self.where} takes nothing any more: {error or 'timed out'}"
            raise DeviceNotReady(message) from None

    async def close(self) -> None:
        """Hang up; may be called again."""
        streams, self._streams = self._streams, None
        if streams is not None:
            await hang_up(streams[1])


class Listener:
    """Takes connections.

    Args:
        host, port: where to listen; port 0 finds a free one.
        serve: serves each connection, once `run` has begun; what it raises, `run` raises.

    Attributes:
        connections: that stand now.
    """

    def __init__(self, host: str, port: int, serve: Serve) -> None:
        self.connections = 0
        self._host = host
        self._port = port
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._ready = asyncio.Event()
        self._failure: asyncio.Future[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """It listens."""
        return self._server is not None

    @property
    def port(self) -> int | None:
        """The port that it listens on; the one that was found free where 0 was asked for."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else None

    async def open(self) -> None:
        """Listen.

        Raises:
            DeviceNotReady: the port is taken.
        """
        self._failure = asyncio.get_running_loop().create_future()
        try:
            self._server = await asyncio.start_server(self._accept, self._host, self._port)
        except OSError as error:
            message = f"cannot listen on {self._host}:{self._port}: {why_not(error)}"
            raise DeviceNotReady(message) from None

    async def run(self) -> None:
        """Take connections until cancelled; a failure to serve one ends it."""
        assert self._failure is not None
        self._ready.set()
        await self._failure

    async def close(self) -> None:
        """Stop listening and hang up on everybody; may be called again."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        if server is not None:
            await server.wait_closed()
        if self._failure is not None and not self._failure.done():
            self._failure.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        assert self._failure is not None
        self._serving.add(task)
        self.connections += 1
        try:
            await self._ready.wait()
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            # Only close() cancels; asyncio would log a cancelled handler as a fault.
            return
        except Exception as error:  # Handed to run(), which raises it.
            if not self._failure.done():
                self._failure.set_exception(error)
        finally:
            self.connections -= 1
            self._serving.discard(task)
            with contextlib.suppress(asyncio.CancelledError):
                await hang_up(writer)
