"""Where a twin is reached: connections to a TCP port, or a pseudo-terminal with a fixed name.

Both serve whoever is at the other end through a :class:`Link`; a twin is one coroutine that takes a
link and talks until it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, Self

_CHUNK = 1 << 16


class Link(Protocol):
    """One line to whoever listens."""

    async def read(self) -> bytes:
        """Give what comes next; nothing once the line is gone."""
        ...

    async def write(self, data: bytes) -> None:
        """Write bytes; what nobody takes is lost, as on a cable."""
        ...

    async def hang_up(self) -> None:
        """Drop the line; may be called again."""
        ...


Serve = Callable[[Link], Awaitable[None]]
"""A twin's side of a conversation; over when the link is gone, or before."""


class Port(Protocol):
    """A place where a twin can be reached; within ``async with`` it is served."""

    @property
    def address(self) -> str:
        """Where, as a driver's configuration has it."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def drop(self) -> None:
        """Drop every line, as an unplugged cable does; who comes again is served again."""
        ...


class _Serving:
    """The conversations that go on at a port."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def drop(self) -> None:
        for link in list(self._links):
            await link.hang_up()

    async def talk(self, link: Link) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(link)
        self._tasks.add(task)
        try:
            await self._serve(link)
        finally:
            self._tasks.discard(task)
            self._links.discard(link)
            await link.hang_up()

    async def end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class TcpPort(_Serving):
    """Connections taken on this machine, each a link of its own.

    Args:
        serve: the twin.
        host: the address to listen on.
        port: 0 for one that is free; it is kept from the first opening on.
    """

    def __init__(self, serve: Serve, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(serve)
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Host and port, as ``host:port``."""
        return f"{self._host}:{self._port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self._host, self._port)
        self._port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self.end()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._server is not None
        if not self._server.is_serving():
            writer.close()  # It was on its way in when the port closed.
            return
        # asyncio logs a handler that was cancelled as a fault; here it is the end of the twin.
        with contextlib.suppress(asyncio.CancelledError):
            await self.talk(self._link(reader, writer))

    def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Link:
        return TcpLink(reader, writer)


class TcpLink:
    """A connection, as a twin has it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """Give what comes next; nothing once the line is gone."""
        try:
            return await self._reader.read(_CHUNK)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        """Write bytes; what nobody takes is lost."""
        if not self._writer.is_closing():
            self._writer.write(data)
            with contextlib.suppress(OSError):
                await self._writer.drain()

    async def hang_up(self) -> None:
        """Drop the line."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class PtyPort(_Serving):
    """A pseudo-terminal, found under a symbolic link whose name stays.

    Dropped, it comes again as another terminal under the same link, as a replugged cable does.
    Speed and parity mean nothing to a pseudo-terminal; and the kernel refuses to set one anew that
    was set to 7 bits or to parity, so a driver for such a line belongs in front of an RFC 2217
    server.

    Args:
        serve: the twin.
        link: path of the symbolic link.
    """

    def __init__(self, serve: Serve, link: Path) -> None:
        super().__init__(serve)
        self._path = link
        self._running: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Path of the symbolic link."""
        return str(self._path)

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run(self._plug_in()))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _run(self, terminal: _Terminal) -> None:
        while True:
            await self.talk(terminal)
            await asyncio.sleep(0)
            terminal = self._plug_in()

    def _plug_in(self) -> _Terminal:
        terminal = _Terminal()
        fresh = self._path.with_name(f".{self._path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(terminal.name)
        fresh.replace(self._path)
        return terminal


class _Terminal:
    """A pseudo-terminal's end that a twin holds."""

    def __init__(self) -> None:
        # Not there on Windows, where a twin is reached over TCP.
        import pty  # noqa: PLC0415
        import tty  # noqa: PLC0415

        self._end, self._other = pty.openpty()
        tty.setraw(self._other)  # Fresh, it would echo, and make CR LF of a CR.
        # The other end is kept open: with nobody there, reading would fail instead of waiting.
        os.set_blocking(self._end, False)
        self.name = os.ttyname(self._other)
        self._gone = asyncio.Event()

    async def read(self) -> bytes:
        loop = asyncio.get_running_loop()
        while not self._gone.is_set():
            try:
                return os.read(self._end, _CHUNK)
            except BlockingIOError:
                pass
            except OSError:
                break
            readable = asyncio.Event()
            loop.add_reader(self._end, readable.set)
            waits = [asyncio.ensure_future(event.wait()) for event in (readable, self._gone)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
                if not self._gone.is_set():
                    loop.remove_reader(self._end)
        return b""

    async def write(self, data: bytes) -> None:
        if not self._gone.is_set():
            with contextlib.suppress(OSError):  # Full: nobody reads, and a cable keeps nothing.
                os.write(self._end, data)

    async def hang_up(self) -> None:
        if not self._gone.is_set():
            self._gone.set()
            asyncio.get_running_loop().remove_reader(self._end)
            os.close(self._other)
            os.close(self._end)
