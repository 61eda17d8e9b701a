"""Printer lines: a TCP connection made or taken, or a serial port; bytes and silence.

What waits for silence gets it: when a link has been quiet for a while after bytes, its taker is
told so once. Serial ports block, so each is read by a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.pos.config import Endpoint

CONNECT_S = 10.0
_CHUNK = 1 << 14
_SERIAL_WAIT_S = 0.1
"""How long the reading thread waits; the longest that closing has to wait for it."""


class Taker(Protocol):
    """Who takes what a link brings."""

    async def data(self, link: str, data: bytes) -> float | None:
        """Take bytes; gives how many seconds of silence after them would be news, if any."""
        ...

    async def silence(self, link: str) -> None:
        """Take notice that nothing has come for a while."""
        ...


Read = Callable[[], Awaitable[bytes]]
"""Gives what comes next; nothing once the link is gone. Raises ``OSError`` where it broke."""


async def read_link(read: Read, taker: Taker, link: str) -> str:
    """Hand over what a link brings, until it is gone; gives why, empty for a clean end."""
    why = ""
    wait_s: float | None = None
    reading: asyncio.Task[bytes] | None = None
    try:
        while True:
            reading = reading or asyncio.ensure_future(read())
            done, _ = await asyncio.wait({reading}, timeout=wait_s)
            if not done:
                wait_s = None
                await taker.silence(link)
                continue
            data, reading = reading.result(), None
            if not data:
                break
            wait_s = await taker.data(link, data)
    except OSError as error:
        why = f"broke: {error.strerror or error}"
    finally:
        if reading is not None and not reading.done():
            reading.cancel()
            await asyncio.wait({reading})
    return why


class TcpDial:
    """A connection that we make: to a serial device server, or a till that serves its receipts."""

    def __init__(self, where: Endpoint, taker: Taker) -> None:
        self._where = where
        self._taker = taker
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def connected(self) -> bool:
        """The connection stands."""
        return self._streams is not None

    @property
    def port(self) -> int | None:
        """None: nobody connects to us."""
        return None

    async def open(self) -> None:
        """Connect.

        Raises:
            DeviceNotReady: nobody answers.
        """
        host, port, _ = self._where
        try:
            async with asyncio.timeout(CONNECT_S):
                self._streams = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError) as error:
            message = f"{host}:{port} does not answer: {error or 'timed out'}"
            raise DeviceNotReady(message) from None

    async def run(self) -> None:
        """Read until the far end closes.

        Raises:
            DeviceNotReady: it did.
        """
        assert self._streams is not None
        reader = self._streams[0]
        link = f"{self._where.host}:{self._where.port}"
        why = await read_link(lambda: reader.read(_CHUNK), self._taker, link)
        await self._taker.silence(link)
        message = f"{link} {why or 'closed the connection'}"
        raise DeviceNotReady(message)

    async def close(self) -> None:
        """Hang up; may be called again."""
        streams, self._streams = self._streams, None
        if streams is not None:
            await _hang_up(streams[1])


class TcpListen:
    """Connections that tills make to us, as if we were the printer; nothing is answered.

    Some tills stay connected, some connect for each receipt, or for the drawer alone. So all that
    comes of one host is one link, and a connection's end is no more than the beginning of silence.
    """

    def __init__(self, where: Endpoint, taker: Taker, idle_s: float) -> None:
        self._where = where
        self._taker = taker
        self._idle_s = idle_s
        self._server: asyncio.Server | None = None
        self._readers: set[asyncio.Task[None]] = set()
        self._ready = asyncio.Event()
        self._failure: asyncio.Future[None] | None = None
        self._connections = 0
        self._latest: dict[str, int] = {}

    @property
    def connected(self) -> bool:
        """It listens: tills connect for each receipt, or stay."""
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
        host, port, _ = self._where
        self._failure = asyncio.get_running_loop().create_future()
        try:
            self._server = await asyncio.start_server(self._accept, host, port)
        except OSError as error:
            message = f"cannot listen on {host}:{port}: {error.strerror or error}"
            raise DeviceNotReady(message) from None

    async def run(self) -> None:
        """Take connections until cancelled; a taker's failure ends it."""
        assert self._failure is not None
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
        self._connections += 1
        connection = self._connections
        link = str((writer.get_extra_info("peername") or ("somebody",))[0])
        self._latest[link] = connection
        try:
            await self._ready.wait()
            await read_link(lambda: reader.read(_CHUNK), self._taker, link)
            await _hang_up(writer)
            await asyncio.sleep(self._idle_s)
            if self._latest[link] == connection:
                await self._taker.silence(link)
        except asyncio.CancelledError:
            # Only close() cancels; asyncio would log a cancelled handler as a fault.
            return
        except Exception as error:  # Handed to run(), which raises it.
            if not self._failure.done():
                self._failure.set_exception(error)
        finally:
            self._readers.discard(task)
            await _hang_up(writer)


class SerialLine:
    """A serial port, or a URL that pyserial knows (``socket://``, ``rfc2217://``).

    Args:
        port: path, name or URL.
        settings: for pyserial: baudrate, bytesize, parity, stopbits.
        taker: takes the bytes.
    """

    def __init__(self, port: str, settings: dict[str, Any], taker: Taker) -> None:
        self._name = port
        self._settings = settings
        self._taker = taker
        self._device: Any = None
        self._reading: asyncio.Future[bytes] | None = None

    @property
    def connected(self) -> bool:
        """The port is open."""
        return self._device is not None

    @property
    def port(self) -> int | None:
        """None: nobody connects to us."""
        return None

    async def open(self) -> None:
        """Open the port, for us alone.

        Raises:
            DeviceNotReady: it is not there, or somebody else has it.
            DeviceMisconfigured: pyserial is not installed, or does not know such a setting.
        """
        self._device = await asyncio.to_thread(self._opened)

    async def run(self) -> None:
        """Read until the port is gone.

        Raises:
            DeviceNotReady: it is.
        """
        device = self._device

        async def read() -> bytes:
            while True:
                self._reading = asyncio.ensure_future(asyncio.to_thread(_some, device))
                data = await asyncio.shield(self._reading)
                if data:
                    return data

        why = await read_link(read, self._taker, self._name)
        await self._taker.silence(self._name)
        message = f"{self._name} {why or 'is gone'}"
        raise DeviceNotReady(message)

    async def close(self) -> None:
        """Close the port; may be called again."""
        device, self._device = self._device, None
        reading, self._reading = self._reading, None
        if reading is not None:
            # Closed under the thread that reads it, the file's number could be somebody else's.
            await asyncio.gather(reading, return_exceptions=True)
        if device is not None:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(device.close)

    def _opened(self) -> Any:
        try:
            import serial  # noqa: PLC0415 - only this source needs it
        except ImportError:
            message = "a printer on a serial port needs pyserial: install aislewatch[serial]"
            raise DeviceMisconfigured(message) from None
        settings: dict[str, Any] = {"timeout": _SERIAL_WAIT_S, **self._settings}
        if "://" not in self._name:
            settings["exclusive"] = True  # Two who read one port get half of it each.
        try:
            return serial.serial_for_url(self._name, **settings)
        except ValueError as error:
            message = f"{self._name}: {error}"
            raise DeviceMisconfigured(message) from None
        except Exception as error:  # SerialException, OSError and the bare termios.error.
            message = f"{self._name} cannot be opened: {error}"
            raise DeviceNotReady(message) from None


def _some(device: Any) -> bytes:
    """Wait a little for a byte, and take what is there with it."""
    try:
        data: bytes = device.read(1)
        return data + device.read(device.in_waiting) if data else b""
    except Exception as error:  # As above: a closed or unplugged port raises any of them.
        message = str(error) or type(error).__name__
        raise OSError(message) from None


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
