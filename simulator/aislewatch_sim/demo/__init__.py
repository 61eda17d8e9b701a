"""A simulated corner shop on sockets: what `aislewatch demo` runs in front of.

The engine finds :class:`Demo` by entry point and never imports it by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Self

from aislewatch_sim.demo.day import ENDS_S, Planted, make_day
from aislewatch_sim.wire import LineServer

_PORTS = {"kiosk": 9101, "gate": 9102, "till": 9103}
"""As the shop's files have them; replaced by those that are free."""


class Demo:
    """The shop's devices; use as ``async with``: within it they listen.

    Args:
        seed: of the day.
        pace: seconds of the day that pass in one second.

    Attributes:
        planted: what really happened.
        refused: how many of the lines that are sent are damaged.
        lasts_s: seconds that the day takes to play.
    """

    def __init__(self, *, seed: int, pace: float) -> None:
        day = make_day(seed)
        self.planted: Sequence[Planted] = day.planted
        self.refused = day.refused
        self.lasts_s = ENDS_S / pace
        self._pace = pace
        self._servers = {link: LineServer(lines) for link, lines in day.lines.items()}

    async def __aenter__(self) -> Self:
        for server in self._servers.values():
            await server.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers.values():
            await server.close()

    def write_shop(self, folder: Path) -> Path:
        """Write the shop's files into a folder, with the addresses of these devices.

        The store file expects rules in a folder ``rules`` beside it.

        Returns:
            The store file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for file in (files("aislewatch_sim.demo") / "shop").iterdir():
            text = file.read_text(encoding="utf-8")
            for link, port in _PORTS.items():
                text = text.replace(f"127.0.0.1:{port}", self._servers[link].address)
            (folder / file.name).write_text(text, encoding="utf-8")
        return folder / "store.yml"

    async def play(self) -> None:
        """Wait until somebody listens to every device, then play the day to its end.

        Raises:
            ConnectionError: whoever listened hung up before the end.
        """
        servers = self._servers.values()
        await asyncio.gather(*(server.connected() for server in servers))
        began_s = asyncio.get_running_loop().time()
        await asyncio.gather(*(server.play(began_s, self._pace) for server in servers))
