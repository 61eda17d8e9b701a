"""The serial line that a badge reader is on, read by a thread of its own.

pyserial blocks. The thread hands on what it has read and waits until that is taken, so that nothing
is piled up.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import threading
from concurrent.futures import CancelledError
from typing import Any, Final

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady

CLOSE_S: Final = 1.5
_READ_S: Final = 0.1
_CHUNK: Final = 256
_QUEUED: Final = 64


class SerialPort:
    """One opening of a line.

    Args:
        url: a port's name, or what pyserial's ``serial_for_url`` takes.
        baud: its speed.
    """

    def __init__(self, url: str, baud: int) -> None:
        self._url = url
        self._baud = baud
        self._port: Any = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._chunks = asyncio.Queue[bytes | Exception](_QUEUED)

    @property
    def connected(self) -> bool:
        """The line is open."""
        return self._thread is not None and self._thread.is_alive()

    async def open(self) -> None:
        """Open the line.

        Raises:
            DeviceNotReady: there is none, or somebody else has it.
            DeviceMisconfigured: pyserial is not installed, or cannot open such a line.
        """
        serial = _pyserial()
        try:
            self._port = await asyncio.to_thread(self._opened, serial)
        except ValueError as error:
            message = f"{self._url} cannot be opened like that: {error}"
            raise DeviceMisconfigured(message) from None
        except Exception as error:  # Of the system, which on some ports is not even an OSError.
            message = f"{self._url} cannot be opened: {error}"
            raise DeviceNotReady(message) from None
        loop = asyncio.get_running_loop()
        name = f"badge {self._url}"
        self._thread = threading.Thread(target=self._work, args=(loop,), name=name, daemon=True)
        self._thread.start()

    async def read(self, wait_s: float) -> bytes:
        """Give what comes next; nothing if nothing does for so long.

        Raises:
            DeviceNotReady: the line is gone.
        """
        try:
            async with asyncio.timeout(wait_s):
                chunk = await self._chunks.get()
        except TimeoutError:
            return b""
        if isinstance(chunk, Exception):
            message = f"{self._url} is gone: {chunk}"
            raise DeviceNotReady(message)
        return chunk

    async def close(self) -> None:
        """Close the line; may be called again."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        wake = getattr(self._port, "cancel_read", None)  # Not every kind of line has one.
        if wake is not None:
            with contextlib.suppress(OSError, TypeError):  # Closed meanwhile.
                wake()
        while not self._chunks.empty():
            self._chunks.get_nowait()
        await asyncio.to_thread(thread.join, CLOSE_S)

    def _opened(self, serial: Any) -> Any:
        # Two who read one port would each get half of every frame; a server's port has no lock.
        options = {} if "://" in self._url else {"exclusive": True}
        return serial.serial_for_url(self._url, baudrate=self._baud, timeout=_READ_S, **options)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError, CancelledError):  # The loop has ended before us.
            try:
                while not self._stopping.is_set():
                    data: bytes = self._port.read(max(1, min(_CHUNK, self._port.in_waiting)))
                    if data:
                        self._hand_over(loop, data)
            except Exception as error:
                self._hand_over(loop, error)
        with contextlib.suppress(Exception):
            self._port.close()

    def _hand_over(self, loop: asyncio.AbstractEventLoop, what: bytes | Exception) -> None:
        handed = asyncio.run_coroutine_threadsafe(self._chunks.put(what), loop)
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                handed.result(_READ_S)
                return
        handed.cancel()


def _pyserial() -> Any:
    try:
        return importlib.import_module("serial")
    except ImportError:
        message = "a badge reader needs pyserial: install aislewatch[serial]"
        raise DeviceMisconfigured(message) from None
