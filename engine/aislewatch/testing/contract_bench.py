"""What the contract suite needs of a plugin's maker: the device's twin on a bench.

The twin stands in for the device and speaks its bytes. It shares no code with the plugin: what both
misread alike, no test finds. :class:`aislewatch_sim.bench.TwinBench` is most of a bench, for a twin
that is made of that package's ports and faults; any other class of this shape does as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self


class Bench(Protocol):
    """A twin that a plugin can be opened on, within ``async with``."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The plugin's configuration as a store file has it; known once the bench is entered."""
        ...

    @property
    def faults(self) -> Sequence[str]:
        """Names of what can go wrong with the twin's frames."""
        ...

    @property
    def secrets(self) -> Sequence[str]:
        """Texts of the configuration, or of files that it names, that nobody may be shown."""
        ...

    @property
    def unplugs(self) -> bool:
        """There is a cable to pull; False for a device that comes to us by itself."""
        ...

    @property
    def recovery_s(self) -> float:
        """So soon must the plugin be back after a fault, in seconds."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...

    async def act(self) -> Mapping[str, object]:
        """Have the device see something that it has not seen before.

        Returns:
            What an event that tells it must hold: its ``type``, and fields by name.
        """
        ...

    def strike(self, fault: str, frames: int) -> None:
        """Have a fault hit so many of the device's coming frames."""
        ...

    async def unplug(self) -> None:
        """Pull the cable: every line drops, and nobody answers. May be called again."""
        ...

    async def plug_in(self) -> None:
        """Put the cable back, in the same place. May be called again."""
        ...


class BenchMaker(Protocol):
    """Makes a bench; most often its class."""

    def __call__(self, folder: Path, seed: int) -> Bench:
        """Make one.

        Args:
            folder: an empty folder for its files; relative paths of the configuration start there.
            seed: of its dice.
        """
        ...
