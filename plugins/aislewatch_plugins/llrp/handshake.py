"""How a connection to a reader begins: accepted, asked what it can do, told what to do."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch_plugins.llrp.codec import Message
from aislewatch_plugins.llrp.config import LlrpConfig
from aislewatch_plugins.llrp.link import ANSWER_S, Link
from aislewatch_plugins.llrp.reads import ReaderTime, time_of
from aislewatch_plugins.llrp.requests import (
    IMPINJ,
    ROSPEC,
    Abilities,
    abilities_of,
    ask,
    inventory,
    settings,
)

_EVERYTHING: Final = 0
_REFUSALS: Final = {
    1: "it is connected to a client of its own choice",
    2: "another client is connected",
    3: "it does not say why",
    4: "another client is trying to connect",
}


class Greeting(NamedTuple):
    """The reader's first word.

    Attributes:
        time: by its clock; None where it does not say.
    """

    time: ReaderTime | None


async def greet(link: Link) -> Greeting:
    """Wait until the reader accepts the connection, which it says by itself.

    Raises:
        DeviceNotReady: it does not, or says nothing.
    """
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + ANSWER_S
    while loop.time() < ends_s:
        for came in await link.receive(ends_s - loop.time()):
            greeting = _greeting(came) if isinstance(came, Message) else None
            if greeting is not None:
                return greeting
    message = f"whatever answers does not greet as an LLRP reader does within {ANSWER_S:g} s"
    raise DeviceNotReady(message)


async def ask_abilities(link: Link) -> Abilities:
    """Ask the reader what it can do.

    Raises:
        DeviceNotReady: it does not say.
        DeviceMisconfigured: it refuses to.
    """
    request = ask("GET_READER_CAPABILITIES", RequestedData=_EVERYTHING)
    return abilities_of(await link.request(request))


async def set_up(link: Link, config: LlrpConfig, abilities: Abilities) -> None:
    """Have the reader read tags; whatever it did before is ended.

    Raises:
        DeviceNotReady: it cannot now.
        DeviceMisconfigured: it cannot do what is configured.
    """
    _check(config, abilities)
    await link.request(settings(config))
    fine_rssi = abilities.maker == IMPINJ and await _extensions(link)
    await link.request(ask("DELETE_ACCESSSPEC", AccessSpecID=_EVERYTHING))
    await link.request(ask("DELETE_ROSPEC", ROSpecID=_EVERYTHING))
    await link.request(inventory(config, abilities, fine_rssi=fine_rssi))
    await link.request(ask("ENABLE_ROSPEC", ROSpecID=ROSPEC))


def _greeting(message: Message) -> Greeting | None:
    data = message.content.part("ReaderEventNotificationData")
    attempt = data.part("ConnectionAttemptEvent") if data is not None else None
    if data is None or attempt is None:
        return None
    status = attempt.number("Status")
    if status:
        text = f"the reader refuses the connection: {_REFUSALS.get(status, f'status {status}')}"
        raise DeviceNotReady(text)
    return Greeting(time_of(data))


def _check(config: LlrpConfig, abilities: Abilities) -> None:
    """See that the reader has what is configured; an unknown number of antennas has all."""
    missing = [number for number in sorted(config.antennas) if number > abilities.antennas > 0]
    if missing:
        ports = ", ".join(map(str, missing))
        text = f"antenna {ports} is configured, and the reader has {abilities.antennas}"
        raise DeviceMisconfigured(text)


async def _extensions(link: Link) -> bool:
    """Ask an Impinj reader for its own parameters; one that refuses does without."""
    try:
        await link.request(ask("IMPINJ_ENABLE_EXTENSIONS"))
    except DeviceMisconfigured:
        return False
    return True
