"""Serial ports behind USB adapters, by names that stay when they are plugged in again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from aislewatch.devices.serial_port import pyserial

BY_ID: Final = Path("/dev/serial/by-id")
"""Where Linux keeps names that are made of maker, product and serial number."""


class UsbPort(NamedTuple):
    """A port.

    Attributes:
        name: that stays, where the system has one.
        vid, pid: of USB: whose product it is, and which.
        product: as it calls itself; empty where it does not.
    """

    name: str
    vid: int
    pid: int
    product: str

    @property
    def ids(self) -> str:
        """Both numbers as they are mostly written: ``0403:6001``."""
        return f"{self.vid:04x}:{self.pid:04x}"


def usb_ports(by_id: Path = BY_ID) -> Iterator[UsbPort]:
    """Give the serial ports that are on USB; none of them is opened. Blocks a little.

    Args:
        by_id: folder of the names that stay.

    Raises:
        DeviceMisconfigured: pyserial is not installed.
    """
    pyserial()
    from serial.tools import list_ports  # noqa: PLC0415 - of the extra serial

    names = _lasting(by_id)
    ports: list[Any] = sorted(list_ports.comports(), key=lambda port: str(port.device))
    for port in ports:
        if port.vid is not None and port.pid is not None:
            name = names.get(str(Path(port.device).resolve()), str(port.device))
            yield UsbPort(name, int(port.vid), int(port.pid), port.product or "")


def _lasting(by_id: Path) -> dict[str, str]:
    try:
        return {str(link.resolve()): str(link) for link in sorted(by_id.iterdir())}
    except OSError:
        return {}  # Another system, or nothing is plugged in.
