"""RFID readers looked for at addresses that a person names: one, or a network of some hundreds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from ipaddress import ip_network
from typing import Final

from aislewatch.devices.address import Address
from aislewatch.devices.tcp import dial
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.sensor import Candidate, Search
from aislewatch_plugins.llrp.config import PORT, reader_address
from aislewatch_plugins.llrp.handshake import ask_abilities, greet
from aislewatch_plugins.llrp.link import Link

HOSTS_MAX: Final = 1_024
"""A larger network is not searched: name a part of it."""

_AT_ONCE: Final = 64
_CONNECT_S: Final = 1.0
"""A reader in the same building answers at once, or is not there."""


async def find_readers(search: Search) -> AsyncIterator[Candidate]:
    """Give the readers at the addresses that are named; nobody where none is.

    Raises:
        DeviceMisconfigured: that is no address and no network, or one that is too large.
    """
    text = search.settings.get("address", "")
    if not text:
        return
    room = asyncio.Semaphore(_AT_ONCE)

    async def look(where: Address) -> Candidate | None:
        async with room:
            return await _reader_at(where)

    looks = [asyncio.ensure_future(look(where)) for where in _addresses(text)]
    try:
        for done in asyncio.as_completed(looks):
            candidate = await done
            if candidate is not None:
                yield candidate
    finally:
        for task in looks:
            task.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


def _addresses(text: str) -> Iterator[Address]:
    """Give the addresses of ``10.0.0.0/24``, of ``10.0.0.0/24:5085``, or the one of ``host``."""
    network, _, rest = text.partition("/")
    if not rest:
        try:
            yield reader_address(text)
        except ValueError as error:
            raise DeviceMisconfigured(str(error)) from None
        return
    bits, _, port = rest.partition(":")
    try:
        hosts = ip_network(f"{network}/{bits}", strict=False)
        number = int(port or PORT)
    except ValueError:
        message = f"{text!r} is no network; write it as 192.168.1.0/24"
        raise DeviceMisconfigured(message) from None
    if hosts.num_addresses > HOSTS_MAX:
        message = f"{text} has {hosts.num_addresses} addresses: name a part of {HOSTS_MAX} or fewer"
        raise DeviceMisconfigured(message)
    for host in hosts.hosts():
        yield Address(str(host), number)


async def _reader_at(where: Address) -> Candidate | None:
    """Ask whoever answers at an address what it can do, and leave its work untouched."""
    try:
        streams = await dial(where.host, where.port, within_s=_CONNECT_S)
    except DeviceNotReady:
        return None
    link = Link(streams, str(where))
    address = str(where) if where.port != PORT else str(where).rpartition(":")[0]
    name = "reader-" + where.host.replace(".", "-").replace(":", "-")
    one: dict[str, object] = {"address": address, "antennas": {1: {}}}
    try:
        await greet(link)
        abilities = await ask_abilities(link)
    except (DeviceNotReady, DeviceMisconfigured) as error:
        return Candidate(name, one, f"{error}; it may be a reader", sure=False)
    finally:
        await link.part()
    ports: Sequence[int] = range(1, max(1, abilities.antennas) + 1)
    model = ", ".join(f"{key} {value}" for key, value in abilities.facts.items())
    detail = f"an LLRP reader with {len(ports)} antenna ports ({model}); say each antenna's side"
    antennas: dict[int, dict[str, str]] = {number: {} for number in ports}
    return Candidate(name, {**one, "antennas": antennas}, detail)
