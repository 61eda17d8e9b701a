"""A serial port, or an RFC 2217 server's: opened, read and written by a thread of its own.

pyserial blocks; the thread hands over what it has read through a bounded queue: if the bus is slow,
the thread waits, and then the port. (Behind an RFC 2217 server what waits lies in pyserial's own
queue, which has no bound.)
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import importlib
import os
import queue
import threading
from collections.abc import Mapping
from typing import Any, Final

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady

CLOSE_S: Final = 1.2
_WRITE_S: Final = 5.0
_CHUNK: Final = 4096
_QUEUED_CHUNKS: Final = 256
_READ_S: Final = 0.05
"""How long a read blocks; a write waits for as long where a read cannot be interrupted."""


class SerialPort:
    """One opening of a port.

    Args:
        url: the port's name, or what pyserial's ``serial_for_url`` takes, as ``rfc2217://host:1``.
        settings: for pyserial: baudrate, bytesize, parity, stopbits.

    Attributes:
        where: the port, for people.
    """

    def __init__(self, url: str, settings: Mapping[str, Any]) -> None:
        self.where = url
        self._settings = dict(settings)
        self._worker: _Worker | None = None

    @property
    def connected(self) -> bool:
        """The port is open."""
        return self._worker is not None and self._worker.alive

    async def open(self) -> None:
        """Open the port and set it, for us alone.

        Raises:
            DeviceNotReady: it is not there, or somebody else has it.
            DeviceMisconfigured: pyserial is not installed, or does not know such a setting.
        """
        serial = pyserial()
        worker = self._worker = _Worker(serial, self.where, self._settings)
        try:
            await worker.opened
        except ValueError as error:  # A setting that the port does not know.
            message = f"{self.where} cannot be opened like that: {error}"
            raise DeviceMisconfigured(message) from None
        except Exception as error:  # Of the system, which on some ports is not even an OSError.
            message = f"{self.where} cannot be opened: {_why(error)}"
            raise DeviceNotReady(message) from None

    async def read(self, timeout_s: float | None) -> bytes:
        """Give what has come; nothing where nothing came in time.

        Args:
            timeout_s: how long to wait; None: until something comes.

        Raises:
            DeviceNotReady: the port is gone.
        """
        assert self._worker is not None
        return await self._worker.read(timeout_s)

    async def write(self, data: bytes) -> None:
        """Have it sent.

        Raises:
            DeviceNotReady: the port is gone.
        """
        assert self._worker is not None
        self._worker.write(data)

    async def close(self) -> None:
        """Close the port, and wait for its thread to end; may be called again."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()
            # Not wait_for, which in Python 3.11 may swallow that we are cancelled meanwhile.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await worker.ended.wait()


def pyserial() -> Any:
    """Give pyserial, which is installed by an extra.

    Raises:
        DeviceMisconfigured: it is not.
    """
    try:
        return importlib.import_module("serial")
    except ImportError:
        message = "a serial port needs pyserial: install aislewatch[serial]"
        raise DeviceMisconfigured(message) from None


def _why(error: Exception) -> str:
    number: int | None = getattr(error, "errno", None)
    if number == errno.EAGAIN:
        return "somebody else reads it"
    text = os.strerror(number) if number else str(error) or type(error).__name__
    if number == errno.EACCES:
        text += "; on Linux the user must be in the group that owns the port (dialout)"
    return text


class _Worker:
    """The thread that has the port; everything in it but ``_work`` runs in the event loop."""

    def __init__(self, serial: Any, port: str, settings: dict[str, Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self._serial = serial
        self._name = port
        self._settings = settings
        self._port: Any = None
        self._incoming = queue.Queue[bytes](_QUEUED_CHUNKS)
        self._outgoing = queue.SimpleQueue[bytes]()
        self._news = asyncio.Event()
        self._stopping = threading.Event()
        self._closing = threading.Lock()
        self._broken = ""
        self.opened: asyncio.Future[None] = self._loop.create_future()
        self.ended = asyncio.Event()
        threading.Thread(target=self._work, name=f"serial {port}", daemon=True).start()

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

    async def read(self, timeout_s: float | None) -> bytes:
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
        options: dict[str, Any] = {}
        if "://" not in self._name:  # A server's port knows neither.
            # Two who read one port would each get half of every frame.
            options = {"exclusive": True, "write_timeout": _WRITE_S}
        return self._serial.serial_for_url(self._name, timeout=_READ_S, **self._settings, **options)

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
        self._send()  # What has a device stop sending is said last of all.

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
