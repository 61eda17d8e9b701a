"""A printer's tap: serves a till's receipts to whoever listens, as a cable does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aislewatch_sim.faults import Faults, perform
from aislewatch_sim.ports import Link


class Tap:
    """Sends frames over every line that somebody listens to.

    Args:
        faults: what happens to each frame on its way.
        pause_s: between two frames.
    """

    def __init__(self, faults: Faults, *, pause_s: float = 0.0) -> None:
        self._faults = faults
        self._pause_s = pause_s
        self._links: set[Link] = set()
        self._somebody = asyncio.Event()

    async def serve(self, link: Link) -> None:
        """Keep a line to somebody who listens."""
        self._links.add(link)
        self._somebody.set()
        try:
            while data := await link.read():
                self._faults.heard(data)
        finally:
            self._links.discard(link)
            if not self._links:
                self._somebody.clear()

    @property
    def heard(self) -> bool:
        """Somebody listens."""
        return bool(self._links)

    async def listened(self) -> None:
        """Wait until somebody listens."""
        await self._somebody.wait()

    async def print(self, frames: Sequence[bytes]) -> None:
        """Send frames, each when somebody listens."""
        for frame in frames:
            await self.listened()
            acts = self._faults.sent(frame)
            for link in list(self._links):
                await perform(acts, link)
            await asyncio.sleep(self._pause_s)
