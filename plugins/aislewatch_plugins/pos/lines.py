"""Printer lines: a connection made or taken, or a serial port; bytes and silence.

What waits for silence gets it: when a link has been quiet for a while after bytes, its taker is
told so once.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from aislewatch.devices.address import Address
from aislewatch.devices.serial_port import SerialPort
from aislewatch.devices.tcp import Listener, TcpLine
from aislewatch.errors import DeviceNotReady


class Taker(Protocol):
    """Who takes what a link brings."""

    async def data(self, link: str, data: bytes) -> float | None:
        """Take bytes; gives how many seconds of silence after them would be news, if any."""
        ...

    async def silence(self, link: str) -> None:
        """Take notice that nothing has come for a while."""
        ...


async def follow(line: TcpLine | SerialPort, taker: Taker, link: str) -> None:
    """Hand over what a line brings, until it is gone.

    Raises:
        DeviceNotReady: it is.
    """
    wait_s: float | None = None
    while True:
        data = await line.read(wait_s)
        if data:
            wait_s = await taker.data(link, data)
        else:
            wait_s = None
            await taker.silence(link)


class OneLine:
    """A line that we open: to a serial device server, a till that serves its receipts, or a port.

    Args:
        line: not opened.
        taker: takes the bytes.
    """

    def __init__(self, line: TcpLine | SerialPort, taker: Taker) -> None:
        self._line = line
        self._taker = taker

    @property
    def connected(self) -> bool:
        """The line stands."""
        return self._line.connected

    @property
    def port(self) -> int | None:
        """None: nobody connects to us."""
        return None

    async def open(self) -> None:
        """Open the line.

        Raises:
            DeviceNotReady: nobody answers, or somebody else has it.
            DeviceMisconfigured: it cannot be opened as it is described.
        """
        await self._line.open()

    async def run(self) -> None:
        """Read until the line is gone.

        Raises:
            DeviceNotReady: it is.
        """
        link = self._line.where
        try:
            await follow(self._line, self._taker, link)
        except DeviceNotReady:
            await self._taker.silence(link)
            raise

    async def close(self) -> None:
        """Close the line; may be called again."""
        await self._line.close()


class TcpListen(Listener):
    """Connections that tills make to us, as if we were the printer; nothing is answered.

    Some tills stay connected, some connect for each receipt, or for the drawer alone. So all that
    comes of one host is one link, and a connection's end is no more than the beginning of silence.

    Args:
        where: to listen.
        taker: takes the bytes.
        idle_s: silence after a connection's end that is news.
    """

    def __init__(self, where: Address, taker: Taker, idle_s: float) -> None:
        super().__init__(where.host, where.port, self._receipts)
        self._taker = taker
        self._idle_s = idle_s
        self._made = 0
        self._latest: dict[str, int] = {}

    async def _receipts(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = TcpLine.accepted(reader, writer)
        self._made += 1
        connection = self._made
        link = line.host
        self._latest[link] = connection
        with contextlib.suppress(DeviceNotReady):
            await follow(line, self._taker, link)
        await line.close()
        await asyncio.sleep(self._idle_s)
        if self._latest[link] == connection:
            await self._taker.silence(link)
