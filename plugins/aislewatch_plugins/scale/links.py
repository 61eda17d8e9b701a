"""The line to a scale: a TCP connection, or a serial port that a thread reads.

A device server in raw mode is plain TCP and needs nothing. A local port or an RFC 2217 server is
opened by pyserial, which blocks; so a thread of its own opens, reads and writes it, and hands over
what it has read through a bounded queue: if the bus is slow, the thread waits, and then the port.
(Behind an RFC 2217 server what waits lies in pyserial's own queue, which has no bound.)
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import queue
import threading
from abc import ABC, abstractmethod
from typing import Any

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.scale.decoder import LineSettings

CONNECT_S = 5.0
CLOSE_S = 1.2
_CHUNK = 4096
_QUEUED_CHUNKS = 256
_READ_S = 0.05
"""How long a read blocks; a write waits for as long where a read cannot be interrupted."""


class Link(ABC):
    """One line, opened once.

    Attributes:
        where: what it leads to, for people.
    """

    where: str

    @property
    @abstractmethod
    def connected(self) -> bool:
        """The line stands, as far as can be told without talking."""

    @abstractmethod
    async def open(self) -> None:
        """Open it.

        Raises:
            DeviceNotReady: nobody is there, or somebody else has it.
            DeviceMisconfigured: it cannot be opened as it is described.
        """

    @abstractmethod
    async def read(self, timeout_s: float) -> bytes:
        """Give what has come; nothing where nothing came in time.

        Raises:
            DeviceNotReady: the line is gone.
        """

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send.

        Raises:
            DeviceNotReady: the line is gone.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of it; may be called again."""


class TcpLink(Link):
    """A connection that we make.

    Args:
        host, port: where to.
    """

    def __init__(self, host: str, port: int) -> None:
        self.where = f"{host}:{port}"
        self._host = host
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._gone = False

    @property
    def connected(self) -> bool:
        """The connection stands."""
        return self._streams is not None and not self._gone

    async def open(self) -> None:
        """Connect."""
        try:
            async with asyncio.timeout(CONNECT_S):
                self._streams = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError) as error:
            message = f"{self.where} does not answer: {error or 'timed out'}"
            raise DeviceNotReady(message) from None

    async def read(self, timeout_s: float) -> bytes:
        """Give what has come."""
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
        """Send."""
        assert self._streams is not None
        try:
            self._streams[1].write(data)
            async with asyncio.timeout(CONNECT_S):
                await self._streams[1].drain()
        except (OSError, TimeoutError) as error:
            self._gone = True
            message = f"{self.where} takes nothing any more: {error or 'timed out'}"
            raise DeviceNotReady(message) from None

    async def close(self) -> None:
        """Hang up."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await streams[1].wait_closed()


class SerialLink(Link):
    """A serial port, or an RFC 2217 server's.

    Args:
        port: its name, or ``rfc2217://host:port``.
        line: how it is set.
    """

    def __init__(self, port: str, line: LineSettings) -> None:
        self.where = port
        self._line = line
        self._worker: _Worker | None = None

    @property
    def connected(self) -> bool:
        """The port is open."""
        return self._worker is not None and self._worker.alive

    async def open(self) -> None:
        """Open the port and set it."""
        serial = _pyserial()
        worker = self._worker = _Worker(serial, self.where, self._line)
        try:
            await worker.opened
        except serial.SerialException as error:
            text = str(error.strerror or error)
            if error.errno == errno.EACCES:
                text += "; on Linux the user must be in the group that owns the port (dialout)"
            raise DeviceNotReady(text) from None
        except ValueError as error:  # A setting that the port does not know.
            message = f"{self.where} cannot be opened like that: {error}"
            raise DeviceMisconfigured(message) from None
        except Exception as error:  # Of the system, which on some ports is not even an OSError.
            message = f"{self.where} cannot be opened: {error}"
            raise DeviceNotReady(message) from None

    async def read(self, timeout_s: float) -> bytes:
        """Give what has come."""
        assert self._worker is not None
        return await self._worker.read(timeout_s)

    async def write(self, data: bytes) -> None:
        """Have it sent."""
        assert self._worker is not None
        self._worker.write(data)

    async def close(self) -> None:
        """Close the port, and wait for its thread to end."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.ended.wait(), CLOSE_S)


class _Worker:
    """The thread that has the port; everything in it but ``_work`` runs in the event loop."""

    def __init__(self, serial: Any, port: str, line: LineSettings) -> None:
        self._loop = asyncio.get_running_loop()
        self._serial = serial
        self._name = port
        self._line = line
        self._port: Any = None
        self._incoming = queue.Queue[bytes](_QUEUED_CHUNKS)
        self._outgoing = queue.SimpleQueue[bytes]()
        self._news = asyncio.Event()
        self._stopping = threading.Event()
        self._closing = threading.Lock()
        self._broken = ""
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.ended = asyncio.Event()
        threading.Thread(target=self._work, name=f"scale {port}", daemon=True).start()

    @property
    def alive(self) -> bool:
        return not self._broken and not self.ended.is_set()

    def write(self, data: bytes) -> None:
        if self._broken:
            raise DeviceNotReady(self._broken)
        self._outgoing.put(data)
        self._wake()

    def stop(self) -> None:
        self._stopping.set()
        self._wake()

    async def read(self, timeout_s: float) -> bytes:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._incoming.empty() and not self._broken:
                    self._news.clear()
                    await self._news.wait()
        data = bytearray()
        with contextlib.suppress(queue.Empty):
            while len(data) < _CHUNK:
                data += self._incoming.get_nowait()
        if not data and self._broken:
            raise DeviceNotReady(self._broken)
        return bytes(data)

    def _wake(self) -> None:
        wake = getattr(self._port, "cancel_read", None)  # RFC 2217 has none.
        # Whoever has the lock is closing the port, whose file could be another's by now.
        if wake is None or not self._closing.acquire(blocking=False):
            return
        try:
            wake()  # Does nothing once the port is closed.
        finally:
            self._closing.release()

    def _work(self) -> None:
        try:
            self._port = self._open()
        except BaseException as error:  # Whatever it is, it belongs to whoever waits.
            self._tell(self._fail, error)
        else:
            self._tell(self._ready)
            try:
                self._move()
            except Exception as error:
                self._broken = f"{self._name} is gone: {error}"
            finally:
                with self._closing, contextlib.suppress(Exception):
                    self._port.close()
        self._tell(self.ended.set)
        self._tell(self._news.set)

    def _open(self) -> Any:
        line = self._line
        options: dict[str, Any] = {}
        if "://" not in self._name:  # A server's port knows neither.
            # Two who read one port would each get half of every frame.
            options = {"exclusive": True, "write_timeout": CONNECT_S}
        return self._serial.serial_for_url(
            self._name,
            baudrate=line.baud,
            bytesize=line.bits,
            parity={"none": "N", "even": "E", "odd": "O"}[line.parity],
            stopbits=line.stop_bits,
            timeout=_READ_S,
            **options,
        )

    def _move(self) -> None:
        while not self._stopping.is_set():
            self._send()
            data: bytes = self._port.read(max(1, min(_CHUNK, self._port.in_waiting)))
            while data and not self._stopping.is_set():
                try:
                    self._incoming.put(data, timeout=_READ_S)
                except queue.Full:
                    continue
                self._tell(self._news.set)
                data = b""
        self._send()  # What has a scale stop sending is said last of all.

    def _send(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._port.write(self._outgoing.get_nowait())

    def _ready(self) -> None:
        if not self.opened.done():
            self.opened.set_result(None)

    def _fail(self, error: BaseException) -> None:
        if not self.opened.done():
            self.opened.set_exception(error)

    def _tell(self, what: Any, *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # The loop has ended before its thread.
            self._loop.call_soon_threadsafe(what, *arguments)


def _pyserial() -> Any:
    try:
        return importlib.import_module("serial")
    except ImportError:
        message = "a serial port needs pyserial: install aislewatch[serial]"
        raise DeviceMisconfigured(message) from None
