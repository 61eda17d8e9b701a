"""Badge readers looked for: on the port that a person names, else the ports that could have one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from aislewatch.devices.serial_port import SerialPort
from aislewatch.devices.usb import usb_ports
from aislewatch.events.sensor import Candidate, Search
from aislewatch_plugins.badge.config import BadgeConfig
from aislewatch_plugins.badge.frames import Badge, Splitter

KEY_FILE: Final = "badges.key"


async def find_readers(search: Search) -> AsyncIterator[Candidate]:
    """Give the reader on a port once a badge was held before it; or the ports that could have one.

    Args:
        search: with ``port=`` of the line. A reader that is not shown a badge says nothing.

    Raises:
        DeviceNotReady: the port is not there.
    """
    name = search.settings.get("port")
    if name is None:
        for port in await asyncio.to_thread(lambda: list(usb_ports())):
            detail = (
                f"{port.name} is a serial adapter ({port.product or 'no name'}, {port.ids}); to "
                f"see whether a reader is on it, hold a badge there and: plugin discover badge "
                f"port={port.name}"
            )
            yield Candidate("badges", _config(port.name), detail, sure=False)
        return
    line = SerialPort(name, {"baudrate": BadgeConfig.model_fields["baud"].default})
    splitter = Splitter()
    try:
        await line.open()
        while True:
            came = splitter.feed(await line.read(None))
            if any(isinstance(one, Badge) for one in came):
                detail = f"a badge was read at {name}; make {KEY_FILE} as the README says"
                yield Candidate("badges", _config(name), detail)
                return
    finally:
        await line.close()


def _config(port: str) -> dict[str, object]:
    return {"port": port, "key_file": KEY_FILE}
