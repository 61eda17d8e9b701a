"""A shop in which every kind of device stands that there is a plugin for, each as its twin.

The corner shop of ``aislewatch demo`` plays a recorded morning; here devices speak their own
protocols, at the pace of the clock on the wall.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from random import Random
from typing import Final, Self

from aislewatch_sim.camera.face_words import face
from aislewatch_sim.pos.receipt_words import PATTERNS
from aislewatch_sim.shops import SHOWROOM
from aislewatch_sim.showroom.day import WANTED, Day, Planted
from aislewatch_sim.showroom.stands import Stands

_WRITTEN: Final = {
    "gate": "127.0.0.1:5084",
    "kiosk": "127.0.0.1:9101",
    "kiosk-camera": "127.0.0.1:8090",
    "kiosk-scale": "127.0.0.1:4001",
    "shelf-scale": "/dev/ttyUSB0",
    "badges": "127.0.0.1:4002",
    "till-1": "127.0.0.1:8081",
    "till-3": "127.0.0.1:9100",
    "desk-till": "127.0.0.1:8082",
    "broker": "127.0.0.1:1883",
}
"""Where each device is reached by the shop's files as they are shipped, by its name in `Stands`."""

_ADDRESS: Final = re.compile(rf"(?:{'|'.join(map(re.escape, _WRITTEN.values()))})(?![0-9])")
_SIMULATOR: Final = re.compile(r"^simulator:.*\n", re.MULTILINE)


class Showroom:
    """The shop; use as ``async with``: within it its devices can be reached.

    Args:
        folder: for the shop's files, and for what its devices leave there; made if need be.
        seed: of the dice.
        shop: the shop's files; those that are shipped if not said.

    Attributes:
        store: its store file. That names no simulator any more, for its devices are in reach.
        face: the face that is to be known again, as JSON.
    """

    def __init__(self, folder: Path, *, seed: int = 1, shop: Path | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.store = folder / "store.yml"
        self.face = folder / "wanted.json"
        self._folder = folder
        self._shop: Traversable = SHOWROOM if shop is None else shop
        self._stands = Stands(folder, Random(seed))
        self._day = Day(self._stands, Random(seed))

    @property
    def planted(self) -> Sequence[Planted]:
        """What really happens in the day, and nothing else of note does."""
        return self._day.planted

    async def play(self, ready: Callable[[], Awaitable[object]]) -> None:
        """Play the day once somebody listens to every device; over when it can be judged.

        Args:
            ready: waits until the day may begin. Until then the devices give signs of life.
        """
        await self._day.play(ready)

    async def __aenter__(self) -> Self:
        await self._stands.__aenter__()
        self._write(self._shop, self._folder)
        (self._folder / "till-3.patterns.yml").write_text(PATTERNS, encoding="utf-8")
        self.face.write_text(json.dumps(face(WANTED)), encoding="utf-8")
        for name, key in self._stands.keys.items():
            (self._folder / name).write_text(key, encoding="utf-8")
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self._day.close()
        await self._stands.__aexit__(*raised)

    def _write(self, source: Traversable, folder: Path) -> None:
        """Copy the shop's files; its store file, with where the devices are reached now."""
        folder.mkdir(exist_ok=True)
        for one in list(source.iterdir()):
            if one.is_dir():
                if one != self._folder:
                    self._write(one, folder / one.name)
            elif one.name == self.store.name:
                text = _SIMULATOR.sub("", one.read_text(encoding="utf-8"))
                self.store.write_text(_ADDRESS.sub(self._address, text), encoding="utf-8")
            else:
                (folder / one.name).write_bytes(one.read_bytes())

    def _address(self, written: re.Match[str]) -> str:
        addresses = self._stands.addresses
        return next(addresses[name] for name, text in _WRITTEN.items() if text == written[0])
