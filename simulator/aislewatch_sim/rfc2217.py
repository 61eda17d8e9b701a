"""A serial line behind an RFC 2217 server: who connects sets the line, and must set it rightly.

pyserial has the server's half of the negotiation. What a wrong setting does to the bytes is what
a wire does: 7 bits with parity read as 8 without keep their parity bit, another speed gives
nonsense.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from typing import Any

from serial.rfc2217 import PortManager

from aislewatch_sim.faults import even_parity
from aislewatch_sim.ports import Link, Serve, TcpLink, TcpPort


@dataclass(frozen=True, slots=True)
class Line:
    """How a device's line is set.

    Attributes:
        baud: bits per second.
        bits: of a character.
        parity: ``N`` or ``E``.
    """

    baud: int = 9600
    bits: int = 8
    parity: str = "N"


class Rfc2217Port(TcpPort):
    """An RFC 2217 server in front of a twin.

    Args:
        serve: the twin.
        host, port: as of a TCP port.
        line: how the twin's line is set.

    Attributes:
        seen: how each client has set the line, the last one last.
    """

    def __init__(self, serve: Serve, host: str = "127.0.0.1", port: int = 0, *, line: Line) -> None:
        super().__init__(serve, host, port)
        self.seen: list[PortState] = []
        self._line = line

    @property
    def address(self) -> str:
        """As pyserial has it."""
        return f"rfc2217://{super().address}"

    def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Link:
        state = PortState()
        self.seen.append(state)
        return _Rfc2217Link(reader, writer, state, self._line)


@dataclass
class PortState:
    """The port as a client sees it: what it sets, and modem lines that are always up."""

    baudrate: int = 0
    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1
    xonxoff: bool = False
    rtscts: bool = False
    break_condition: bool = False
    dtr: bool = True
    rts: bool = True
    cts: bool = True
    dsr: bool = True
    ri: bool = False
    cd: bool = True

    def reset_input_buffer(self) -> None:
        """Nothing waits in it."""

    def reset_output_buffer(self) -> None:
        """Nor in this one."""

    def heard(self, data: bytes, line: Line) -> bytes:
        """Give what a client with this setting reads of what the device sends."""
        if self.baudrate != line.baud:
            return Random(len(data)).randbytes(len(data))
        if (self.bytesize, line.bits, line.parity) == (8, 7, "E"):
            return even_parity(data)
        return data


class _Rfc2217Link(TcpLink):
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        state: PortState,
        line: Line,
    ) -> None:
        super().__init__(reader, writer)
        self._state = state
        self._line = line
        make: Any = PortManager  # Its stubs ask for a whole pyserial port on both sides.
        self._manager = make(state, writer)

    async def read(self) -> bytes:
        while raw := await super().read():
            data = b"".join(self._manager.filter(raw))
            if data:
                return data
        return b""

    async def write(self, data: bytes) -> None:
        heard = self._state.heard(data, self._line)
        await super().write(heard.replace(b"\xff", b"\xff\xff"))
