"""A twin on a bench: its port, its faults and what it can be made to see, to try drivers on.

A driver's tests open the driver on the bench's configuration, have the bench act, and compare what
was told with what was seen. Nothing here knows who tries it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any, Self

from aislewatch_sim.faults import Fault, Faults
from aislewatch_sim.ports import Port


class Errands:
    """What a twin still has to say, one thing after another, while nobody waits for it.

    So whoever grows impatient with an act ends his waiting and not what the device does.
    """

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Callable[[], Awaitable[object]]] = asyncio.Queue()
        self._doing: asyncio.Task[None] | None = None

    def begin(self, errand: Callable[[], Awaitable[object]]) -> None:
        """Have something done after all that was ordered before."""
        self._waiting.put_nowait(errand)
        if self._doing is None or self._doing.done():
            self._doing = asyncio.create_task(self._do())

    async def end(self) -> None:
        """Leave undone what is not done."""
        doing, self._doing = self._doing, None
        if doing is not None:
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)

    async def _do(self) -> None:
        while not self._waiting.empty():
            await self._waiting.get_nowait()()


class TwinBench(ABC):
    """One twin, reached at a port within ``async with``.

    A subclass makes the twin and the port, and says what acting is.

    Attributes:
        faults: names of what can be ordered of `strike`.
        secrets: texts of the configuration, or of files that it names, that nobody may be shown.
        unplugs: there is a cable to pull; False for a device that comes to us by itself.
        recovery_s: so soon must a driver be back after a fault.
        menu: decides what happens to the twin's frames.
        errands: what it has still to say; left undone at the end.
    """

    secrets: Sequence[str] = ()
    unplugs = True
    recovery_s = 10.0

    def __init__(self, seed: int) -> None:
        self.faults: Sequence[str] = [fault.value for fault in Fault]
        self.menu = Faults(Random(seed), late_s=0.05, drip_s=0.001)
        self.errands = Errands()
        self._plugged = False

    @property
    @abstractmethod
    def port(self) -> Port:
        """Where the twin is reached; always the same one."""

    @property
    @abstractmethod
    def config(self) -> Mapping[str, Any]:
        """The driver's configuration, known once the port is served."""

    @abstractmethod
    async def act(self) -> Mapping[str, object]:
        """Have the twin see something that it has not seen before.

        Returns:
            What an event that tells it must hold: its ``type``, and fields by name.
        """

    def strike(self, fault: str, frames: int) -> None:
        """Have a fault hit so many of the coming frames."""
        self.menu.strike(Fault(fault), frames)

    async def unplug(self) -> None:
        """Pull the cable: every line drops, and nobody answers."""
        if self._plugged:
            self._plugged = False
            await self.port.__aexit__(None, None, None)

    async def plug_in(self) -> None:
        """Put the cable back, in the same place."""
        if not self._plugged:
            await self.port.__aenter__()
            self._plugged = True

    async def __aenter__(self) -> Self:
        await self.plug_in()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.errands.end()
        await self.unplug()
