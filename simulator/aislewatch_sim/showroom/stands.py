"""The showroom's devices: every kind's twin, each at the place where its plugin looks for it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from aislewatch_sim.badge import BadgeReader
from aislewatch_sim.camera.broker import Broker, brokers
from aislewatch_sim.camera.door import Door
from aislewatch_sim.camera.twin import Publisher
from aislewatch_sim.camera.words import frigate_available
from aislewatch_sim.faults import Faults
from aislewatch_sim.llrp.reader import Reader
from aislewatch_sim.ports import Link, Port, PtyPort, TcpPort
from aislewatch_sim.pos import json_words, square_words
from aislewatch_sim.pos.folder import Dropper
from aislewatch_sim.pos.posting import Poster
from aislewatch_sim.pos.printer import Tap
from aislewatch_sim.scale.pan import Build, Pan
from aislewatch_sim.scale.twin import ScaleTwin
from aislewatch_sim.vision import acts
from aislewatch_sim.vision.camera import Camera

CAMERAS: Final = 4
"""Feeds that listen to the broker."""

HOOKS: Final = "https://showroom.example/hooks"
_BRISK: Final = Build(damping_s=0.05)


class Stands:
    """The devices; within ``async with`` they can be reached.

    Args:
        folder: for a pseudo-terminal's name and the till's files; it is there.
        dice: for all that trembles or scatters.
    """

    def __init__(self, folder: Path, dice: Random) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        faults = Faults(dice)
        self._faults = faults
        self.reader = Reader(faults, now_us)
        self.kiosk = Tap(faults)
        self.bag = Pan(_BRISK, dice)
        self.shelf = Pan(_BRISK, dice)
        self.badges = BadgeReader(faults)
        self.printer = Tap(faults)
        self.camera = Camera(acts.kiosk(), faults)
        self._looked_at = asyncio.Event()
        self.dropper = Dropper(folder / "till-2", faults, aside=True)
        (folder / "till-2").mkdir(exist_ok=True)
        self._json = _free_port()
        self._hooks = _free_port()
        self._broker = Broker(_installed_broker())
        self.door = Door("127.0.0.1", self._broker.port)
        self.keys = {
            name: dice.randbytes(16).hex()
            for name in ("cameras.key", "badges.key", "till-1.key", "desk-till.key")
        }
        self._ports: dict[str, Port] = {
            "gate": TcpPort(self.reader.serve),
            "kiosk": TcpPort(self.kiosk.serve),
            "kiosk-camera": TcpPort(self._show),
            "kiosk-scale": TcpPort(ScaleTwin(self.bag, "mt-sics", faults).serve),
            "shelf-scale": PtyPort(ScaleTwin(self.shelf, "and", faults).serve, folder / "shelf"),
            "badges": TcpPort(self.badges.serve),
            "till-3": TcpPort(self.printer.serve),
            "broker": TcpPort(self.door.serve),
        }
        self._frigate: Publisher | None = None
        self._others: Publisher | None = None

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where each device is reached, or where it calls, by its name here."""
        tills = {
            "till-1": f"127.0.0.1:{self._json}",
            "desk-till": f"127.0.0.1:{self._hooks}",
        }
        return {**{name: port.address for name, port in self._ports.items()}, **tills}

    @property
    def frigate(self) -> Publisher:
        """Frigate's line to the broker, with its last will."""
        assert self._frigate is not None
        return self._frigate

    @property
    def cameras(self) -> Publisher:
        """The other cameras' line to the broker."""
        assert self._others is not None
        return self._others

    async def say_row(self, **row: Any) -> None:
        """Have the self-checkout tell a row of this moment."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")  # noqa: TID251 - a till has a clock
        # In hexadecimal: one long number in ten passes for a card's, and is refused.
        line = json.dumps({"at": at, "n": f"{row['do']}/{time.monotonic_ns():x}", **row})
        await self.kiosk.print([line.encode() + b"\n"])

    async def post_row(self, row: Mapping[str, Any]) -> bool:
        """Have the first till post an event, signed; say whether it was taken."""
        body = json_words.body([dict(row)])
        signed = json_words.headers(self.keys["till-1.key"].encode(), now_us() // 1_000_000, body)
        line = Poster("127.0.0.1", self._json, "/till", self._faults)
        return (await line.post(signed, body)).status == 202

    async def post_hook(self, notification: dict[str, Any]) -> bool:
        """Have the cloud post a notification, signed; say whether it was taken."""
        body = square_words.body(notification)
        signed = square_words.headers(self.keys["desk-till.key"].encode(), HOOKS, body)
        line = Poster("127.0.0.1", self._hooks, "/hooks", self._faults)
        return (await line.post(signed, body)).status == 200

    async def watched(self) -> None:
        """Wait until everybody who connects to a device has done so."""
        await self.reader.reads()
        await self.kiosk.listened()
        await self.printer.listened()
        await self.badges.connected()
        await self._looked_at.wait()
        await self.door.watched(CAMERAS)

    async def _show(self, link: Link) -> None:
        self._looked_at.set()
        await self.camera.serve(link)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._broker)
            for port in self._ports.values():
                await stack.enter_async_context(port)
            host, port_ = "127.0.0.1", self._broker.port
            will = frigate_available("frigate", "offline")
            self._frigate = Publisher(host, port_, self._faults, will=will)
            await stack.enter_async_context(self._frigate)
            self._others = await stack.enter_async_context(Publisher(host, port_, self._faults))
            await self._frigate.say(frigate_available("frigate", "online"))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


def now_us() -> int:
    """Give the machine's time: a showroom's devices show it."""
    return time.time_ns() // 1000  # noqa: TID251 - see above


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _installed_broker() -> str:
    found = brokers()
    if not found:
        message = "cameras need an MQTT broker: install mosquitto, or `pip install amqtt`"
        raise RuntimeError(message)
    return found[0]
