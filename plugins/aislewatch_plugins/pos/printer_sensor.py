"""The sensor for receipt printers: what a till sends its printer, tapped over TCP or serial."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, Field, model_validator

from aislewatch.devices.address import endpoint
from aislewatch.devices.serial_port import SerialPort
from aislewatch.devices.tcp import TcpLine
from aislewatch.errors import DeviceNotReady, UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.events.sensor import Descriptor, DeviceInfo
from aislewatch_plugins.pos.config import (
    Address,
    Currency,
    Name,
    Part,
    PosConfig,
    Positive,
)
from aislewatch_plugins.pos.lines import OneLine, TcpListen
from aislewatch_plugins.pos.patterns import Patterns
from aislewatch_plugins.pos.receipts import Receipts
from aislewatch_plugins.pos.sensor import KINDS, Desk, PosSensor
from aislewatch_plugins.pos.source import Source

_NAME_DIGITS = 12
"""Hexadecimal digits that tell one opening from the others; fewer than a card number has."""


class SerialPart(Part):
    """A serial port.

    Attributes:
        port: path that stays when it is plugged in again, as under ``/dev/serial/by-id``; or a URL.
        baud: bits a second.
        bytesize: data bits.
        parity: none, even, odd, mark or space, by its first letter.
        stopbits: one or two.
    """

    port: Name
    baud: int = Field(default=9600, ge=50, le=4_000_000)
    bytesize: Literal["7", "8"] = "8"
    parity: Literal["N", "E", "O", "M", "S"] = "N"
    stopbits: Literal["1", "2"] = "1"

    @property
    def settings(self) -> dict[str, Any]:
        """The same for pyserial."""
        return {
            "baudrate": self.baud,
            "bytesize": int(self.bytesize),
            "parity": self.parity,
            "stopbits": int(self.stopbits),
        }


class PrinterConfig(PosConfig):
    """The configuration of a tap.

    Attributes:
        patterns: path of the patterns file, from the store file's folder.
        currency: of the amounts.
        tcp: ``host:port`` to connect to.
        tcp_listen: ``host:port`` to listen on, in the printer's place; no host: this machine only.
        serial: a serial port.
        idle: silence that ends a receipt that has no cut; longer than a cashier's longest pause.
        near: how near to what is printed a kick has to be for that to explain it.
        lone_kick: ``no-sale``: a drawer kick that no receipt explains is one. ``nothing``: it is
            only told that the drawer opened.
    """

    patterns: Name
    currency: Currency
    tcp: Address | None = None
    tcp_listen: Address | None = None
    serial: SerialPart | None = None
    idle: Positive = 120_000_000
    near: Positive = 5_000_000
    lone_kick: Literal["no-sale", "nothing"] = "no-sale"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("tcp", "tcp_listen", "serial") if getattr(self, name)]
        if len(given) != 1:
            message = f"say exactly one of tcp, tcp_listen, serial; there is {given or 'none'}"
            raise ValueError(message)
        return self


class PosPrinter(PosSensor):
    """A receipt printer's line, listened to."""

    Config: ClassVar[type[BaseModel]] = PrinterConfig
    descriptor: ClassVar[Descriptor] = Descriptor(
        name="pos-printer", title="Receipt printers (ESC/POS), tapped", emits=KINDS
    )

    def __init__(self, config: PrinterConfig) -> None:
        super().__init__(config)
        self._config = config
        self._tap: _Tap | None = None

    async def probe(self) -> DeviceInfo:
        """Say whether the address answers or the port can be opened; nothing is sent."""
        config = self._config
        if config.tcp_listen is not None:
            return await super().probe()
        source = self._line(_Nobody())
        try:
            await source.open()
        except DeviceNotReady as error:
            return DeviceInfo(reachable=False, detail=str(error))
        await source.close()
        return DeviceInfo(reachable=True, detail=f"{self._where()} answers")

    def diagnostics(self) -> dict[str, object]:
        """Give the counts, and how often bytes made no sense."""
        resyncs = self._tap.resyncs if self._tap is not None else 0
        return {**super().diagnostics(), "resyncs": resyncs}

    def _prepare(self, desk: Desk) -> Source:
        config = self._config
        path = Path(desk.context.folder) / config.patterns
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not UTF-8"
            message = f"the patterns file {path} cannot be read: {why}"
            raise UsageError(message) from None
        document = LocatedYaml.parse(text, str(path))
        patterns = Patterns(document, desk.context.registry, config.currency)
        self._tap = _Tap(desk, patterns, config)
        return self._line(self._tap)

    def _line(self, taker: _Tap | _Nobody) -> Source:
        config = self._config
        if config.tcp is not None:
            host, port, _ = endpoint(config.tcp)
            return OneLine(TcpLine(host, port), taker)
        if config.tcp_listen is not None:
            return TcpListen(endpoint(config.tcp_listen), taker, config.idle / 1_000_000)
        assert config.serial is not None
        return OneLine(SerialPort(config.serial.port, config.serial.settings), taker)

    def _where(self) -> str:
        config = self._config
        if config.serial is not None:
            return f"serial {config.serial.port}"
        return f"tcp {config.tcp}" if config.tcp else f"tcp_listen {config.tcp_listen}"


class _Tap:
    """Takes the bytes of every link, and tells what the receipts on it say."""

    def __init__(self, desk: Desk, patterns: Patterns, config: PrinterConfig) -> None:
        self._desk = desk
        self._patterns = patterns
        self._config = config
        # Not the opening's own name, which may hold a figure as long as a card number.
        self._name = hashlib.sha256(desk.context.boot.encode()).hexdigest()[:_NAME_DIGITS]
        self._links: dict[str, Receipts] = {}
        self._opened = 0

    @property
    def resyncs(self) -> int:
        return sum(link.resyncs for link in self._links.values())

    async def data(self, link: str, data: bytes) -> float | None:
        receipts = self._links.get(link)
        if receipts is None:
            self._opened += 1
            receipts = self._links[link] = Receipts(
                self._patterns,
                name=f"{self._name}/{self._opened}",
                idle_us=self._config.idle,
                near_us=self._config.near,
                lone_kick=self._config.lone_kick == "no-sale",
                counts=self._desk.counts,
            )
        found = receipts.feed(data, self._desk.context.clock.now_us())
        if found:
            await self._desk.take(found)
        wait_us = receipts.wait_us
        return wait_us / 1_000_000 if wait_us is not None else None

    async def silence(self, link: str) -> None:
        receipts = self._links.get(link)
        if receipts is not None:
            found = receipts.silence(self._desk.context.clock.now_us())
            if found:
                await self._desk.take(found)


class _Nobody:
    """Takes nothing: for a probe, which reads nothing."""

    async def data(self, link: str, data: bytes) -> float | None:
        del link, data
        return None

    async def silence(self, link: str) -> None:
        del link
