"""A shop in which every kind of device stands that there is a plugin for, each as its twin.

The corner shop of ``aislewatch demo`` plays a recorded morning; here devices speak their own
protocols, at the pace of the clock on the wall.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, Self

from aislewatch_sim.pos.receipt_words import PATTERNS
from aislewatch_sim.showroom.day import Day, Planted
from aislewatch_sim.showroom.stands import Stands

_SHOP: Final = files("aislewatch_sim.showroom") / "shop"


class Showroom:
    """The shop; use as ``async with``: within it its devices can be reached.

    Args:
        folder: for the shop's files, and for what its devices leave there; made if need be.
        seed: of the dice.

    Attributes:
        store: its store file.
    """

    def __init__(self, folder: Path, *, seed: int = 1) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.store = folder / "store.yml"
        self._folder = folder
        self._stands = Stands(folder, Random(seed))
        self._day = Day(self._stands, Random(seed))

    @property
    def planted(self) -> Sequence[Planted]:
        """What really happens in the day, and nothing else of note does."""
        return self._day.planted

    async def play(self) -> None:
        """Play the day once somebody listens to every device; over when it can be judged."""
        await self._day.play()

    async def __aenter__(self) -> Self:
        await self._stands.__aenter__()
        self._write(_SHOP, self._folder)
        (self._folder / "till-3.patterns.yml").write_text(PATTERNS, encoding="utf-8")
        for name, key in self._stands.keys.items():
            (self._folder / name).write_text(key, encoding="utf-8")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stands.__aexit__(kind, error, trace)

    def _write(self, source: Traversable, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        for one in source.iterdir():
            if one.is_dir():
                self._write(one, folder / one.name)
                continue
            text = one.read_text(encoding="utf-8")
            for name, address in self._stands.addresses.items():
                text = text.replace(f"{{{name}}}", address)
            (folder / one.name).write_text(text, encoding="utf-8")
