"""What tests of the vision plugin share: a host that remembers, clocks, and a camera's files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext

START_US = 1_772_438_400_000_000
SECRET = b"a secret of thirty-two bytes, ok"
WHOLE = [[0, 0], [1, 0], [1, 1], [0, 1]]
"""An outline around the whole picture."""


class Clock:
    """Goes on by so much each time it is looked at, from any thread; or stands still."""

    def __init__(self, step_us: int = 0) -> None:
        self._step_us = step_us
        self._time_us = START_US

    def now_us(self) -> int:
        self._time_us += self._step_us
        return self._time_us


class Told:
    """Takes what a plugin tells."""

    def __init__(self) -> None:
        self.found: list[Event] = []
        self.refusals: list[tuple[bytes, str]] = []
        self._news = asyncio.Condition()

    async def events(self, batch: Sequence[Event]) -> None:
        async with self._news:
            self.found += batch
            self._news.notify_all()

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        assert place
        assert device
        async with self._news:
            self.refusals.append((raw, reason))
            self._news.notify_all()

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: bool(holds()))

    def states(self) -> list[tuple[str, str | None]]:
        return [(e.state, e.reason) for e in self.found if isinstance(e, DeviceState)]


def context(
    folder: Path, device: str = "cam", step_us: int = 0, *, simulated: bool = True
) -> SensorContext:
    """Write the shop's secret into a folder, and give what a host gives."""
    (folder / "cameras.key").write_bytes(SECRET)
    return SensorContext(
        "1", device, "b1", Clock(step_us), Random(1), Registry(), str(folder), simulated=simulated
    )
