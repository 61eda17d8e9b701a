"""The line to a scale: a TCP connection, or a serial port that a thread reads.

A device server in raw mode is plain TCP and needs nothing. A local port or an RFC 2217 server is
opened by pyserial.
"""

from __future__ import annotations

from typing import Final

from aislewatch.devices.address import dialled
from aislewatch.devices.serial_port import SerialPort
from aislewatch.devices.tcp import TcpLine
from aislewatch_plugins.scale.config import ScaleConfig
from aislewatch_plugins.scale.decoder import LineSettings

CONNECT_S: Final = 5.0
_PARITIES: Final = {"none": "N", "even": "E", "odd": "O"}

Link = TcpLine | SerialPort


def link_to(config: ScaleConfig) -> Link:
    """Give the line that a scale is configured on, not opened yet."""
    if config.tcp is not None:
        return tcp_line(config.tcp)
    assert config.port is not None
    if config.port.startswith("socket://"):
        return tcp_line(config.port)
    return SerialPort(config.port, serial_settings(config.line))


def tcp_line(address: str) -> TcpLine:
    """Give the line to a device server, not opened yet."""
    host, port, _ = dialled(address.removeprefix("socket://"))
    return TcpLine(host, port, within_s=CONNECT_S)


def serial_settings(line: LineSettings) -> dict[str, int | str]:
    """Give how a line is set, as pyserial has it."""
    return {
        "baudrate": line.baud,
        "bytesize": line.bits,
        "parity": _PARITIES[line.parity],
        "stopbits": line.stop_bits,
    }
