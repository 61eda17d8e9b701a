"""A door before an MQTT broker: lets clients through, and knows how many have subscribed.

A broker tells nobody who listens to it. Whoever plays a scene must know that it is watched, or what
is seen first is seen by nobody; and a cable that can be pulled must be somebody's.
"""

from __future__ import annotations

import asyncio
import contextlib

from aislewatch_sim.ports import Link, TcpLink

_SUBACK = 9
"""Type of the packet by which a broker confirms a subscription (MQTT 3.1.1, 2.2.1)."""


class Packets:
    """Finds the types of the packets in what a broker sends (MQTT 3.1.1, 2.2: fixed header)."""

    def __init__(self) -> None:
        self._head = b""
        self._skip = 0

    def feed(self, data: bytes) -> list[int]:
        """Take the next bytes; give the types of the packets that begin in them.

        >>> packets = Packets()
        >>> packets.feed(bytes([0x20, 2, 0])), packets.feed(bytes([0, 0x90, 3, 0, 1, 0]))
        ([2], [9])
        """
        types: list[int] = []
        while data:
            if self._skip:
                taken = min(self._skip, len(data))
                self._skip, data = self._skip - taken, data[taken:]
                continue
            self._head, data = self._head + data[:1], data[1:]
            if len(self._head) > 1 and not self._head[-1] & 0x80:
                types.append(self._head[0] >> 4)
                # Seven bits a byte, the least first.
                digits = enumerate(self._head[1:])
                self._skip = sum((byte & 0x7F) << 7 * place for place, byte in digits)
                self._head = b""
        return types


class Door:
    """See the module; give :meth:`serve` to a port.

    Args:
        host: of the broker.
        port: of the broker.

    Attributes:
        listeners: how many of those who are connected have subscribed to something.
    """

    def __init__(self, host: str, port: int) -> None:
        self.listeners = 0
        self._host = host
        self._port = port
        self._news = asyncio.Condition()

    async def serve(self, link: Link) -> None:
        """Let one client through; who comes while there is no broker is sent away."""
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            return
        broker = TcpLink(reader, writer)
        answers = asyncio.create_task(self._answer(broker, link))
        try:
            while data := await link.read():
                await broker.write(data)
        finally:
            answers.cancel()
            try:
                await asyncio.gather(answers, return_exceptions=True)
            finally:  # The port may close while this waits, and cancels it once more.
                await broker.hang_up()

    async def watched(self, listeners: int = 1) -> None:
        """Wait until so many have subscribed."""
        async with self._news:
            await self._news.wait_for(lambda: self.listeners >= listeners)

    async def _answer(self, broker: Link, link: Link) -> None:
        packets, subscribed = Packets(), False
        try:
            while data := await broker.read():
                if not subscribed and _SUBACK in packets.feed(data):
                    subscribed = True
                    await self._changed(1)
                await link.write(data)
            await link.hang_up()
        finally:
            if subscribed:
                with contextlib.suppress(asyncio.CancelledError):
                    await self._changed(-1)

    async def _changed(self, by: int) -> None:
        self.listeners += by
        async with self._news:
            self._news.notify_all()
