"""Scales looked for: on the lines that a person names, else the ports that could have one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from pydantic import ValidationError

from aislewatch.devices.usb import UsbPort, usb_ports
from aislewatch.errors import DeviceMisconfigured
from aislewatch.events.sensor import Candidate, DeviceInfo, Search
from aislewatch_plugins.scale.config import ScaleConfig
from aislewatch_plugins.scale.protocols import ProtocolName

ORDER: Final[tuple[ProtocolName, ...]] = ("stream", "toledo-8217", "mt-sics", "nci")
"""The one that only listens first; then those whose requests change nothing in any scale."""

METTLER_TOLEDO: Final = 0x0EB8
_QUICK: Final = {"answer": "800ms", "silence": "1500ms"}

Probe = Callable[[ScaleConfig], Awaitable[DeviceInfo]]


async def find_scales(search: Search, probe: Probe) -> AsyncIterator[Candidate]:
    """Give the scales on a line, by trying each protocol; or the ports that could have one.

    Args:
        search: with ``tcp=`` or ``port=`` of the line, and a ``protocol=`` if that is known.
        probe: asks a scale for one weight.

    Raises:
        DeviceMisconfigured: what is named is no line.
    """
    line = {name: search.settings[name] for name in ("tcp", "port") if name in search.settings}
    if not line:
        for port in await asyncio.to_thread(lambda: list(usb_ports())):
            yield _perhaps(port)
        return
    said = search.settings.get("protocol")
    for protocol in ORDER if said is None else (said,):
        told: dict[str, Any] = {"protocol": protocol, **line, "kind": "checkout"}
        try:
            config = ScaleConfig.model_validate(told | _QUICK)
        except ValidationError as error:
            raise DeviceMisconfigured(error.errors()[0]["msg"]) from None
        info = await probe(config)
        if info.reachable:
            detail = f"{info.detail}, in {protocol}; say its kind, and what lies on a shelf"
            yield Candidate("scale", told, detail)
            return


def _perhaps(port: UsbPort) -> Candidate:
    config = {"protocol": "mt-sics", "port": port.name, "kind": "checkout"}
    whose = "Mettler-Toledo's" if port.vid == METTLER_TOLEDO else "a serial adapter"
    detail = (
        f"{port.name} is {whose} ({port.product or 'no name'}, {port.ids}); to ask whether a scale "
        f"is on it: plugin discover scale port={port.name}"
    )
    return Candidate("scale", config, detail, sure=False)
