"""The badge plugin: a reader of 125 kHz badges on a serial line.

The reader only speaks when a badge is held before it, so that silence says nothing: it counts as
online from the first badge on, and is known to be gone only where the line itself is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar, Final

from pydantic import BaseModel

from aislewatch.devices.secret import read_key
from aislewatch.devices.serial_port import SerialPort
from aislewatch.devices.telling import hand_over
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.sensor import (
    Candidate,
    Descriptor,
    DeviceInfo,
    Emit,
    Health,
    Search,
    SensorContext,
    SensorPlugin,
)
from aislewatch_plugins.badge.config import BadgeConfig
from aislewatch_plugins.badge.finding import find_readers
from aislewatch_plugins.badge.frames import Splitter
from aislewatch_plugins.badge.telling import Teller

_LOOK_S: Final = 0.5


class Badge(SensorPlugin):
    """One reader."""

    Config: ClassVar[type[BaseModel]] = BadgeConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="badge",
        title="A reader of 125 kHz badges on a serial line",
        emits=("badge.read", "device.state"),
    )

    def __init__(self, config: BadgeConfig) -> None:
        self._config = config
        self._port: SerialPort | None = None
        self._teller: Teller | None = None
        self._context: SensorContext | None = None

    @classmethod
    def discover(cls, search: Search) -> AsyncIterator[Candidate]:
        """Wait for a badge on ``port=``; else list the ports that could have a reader."""
        return find_readers(search)

    async def probe(self) -> DeviceInfo:
        """Say whether the line can be opened; a reader that is not asked says nothing of itself."""
        port = self._line()
        try:
            await port.open()
        except (DeviceNotReady, DeviceMisconfigured) as error:
            return DeviceInfo(reachable=False, detail=str(error))
        await port.close()
        detail = f"{self._config.port} opens; hold a badge before the reader to see that it reads"
        return DeviceInfo(reachable=True, detail=detail)

    async def open(self, context: SensorContext) -> None:
        """Read the secret and open the line.

        Raises:
            DeviceNotReady: there is no such line now.
            DeviceMisconfigured: there is no secret, or it is too short.
        """
        path = Path(context.folder) / self._config.key_file
        secret = await asyncio.to_thread(read_key, path, "the badges'")
        self._context = context
        self._teller = Teller(self._config, context, secret)
        self._port = self._line()
        await self._port.open()

    async def run(self, emit: Emit) -> None:
        """Read badges until cancelled.

        Raises:
            DeviceNotReady: the line is gone.
        """
        port, teller, context = self._port, self._teller, self._context
        assert port is not None
        assert teller is not None
        assert context is not None
        splitter = Splitter()
        try:
            while True:
                data = await port.read(_LOOK_S)
                now_us = context.clock.now_us()
                for came in splitter.feed(data):
                    await hand_over(teller.tell(came, now_us), emit, context.device)
                await hand_over(teller.advance(now_us), emit, context.device)
        except DeviceNotReady:
            left = splitter.end()
            if left is not None:
                told = teller.tell(left, context.clock.now_us())
                await hand_over(told, emit, context.device)
            raise

    async def close(self) -> None:
        """Close the line."""
        port, self._port = self._port, None
        if port is not None:
            await port.close()

    def health(self) -> Health:
        """Count badges; connected means that the line is open."""
        teller, port = self._teller, self._port
        if teller is None or port is None:
            return Health(connected=False, frames=0, refused=0, detail="not opened")
        detail = f"{teller.badges} badge frames"
        return Health(port.connected, teller.badges, teller.refused, detail)

    def diagnostics(self) -> dict[str, object]:
        """Give the line and its counts; never a badge, nor what pseudonyms are made with."""
        teller, port = self._teller, self._port
        return {
            "port": self._config.port,
            "baud": self._config.baud,
            "open": port is not None and port.connected,
            "badges": teller.badges if teller is not None else 0,
            "refused": teller.refused if teller is not None else 0,
        }

    def _line(self) -> SerialPort:
        return SerialPort(self._config.port, {"baudrate": self._config.baud})
