"""A badge reader's twin on a bench: each act holds another badge before it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aislewatch_sim.badge import BadgeReader
from aislewatch_sim.bench import TwinBench
from aislewatch_sim.ports import Port, PtyPort

_SECRET = "a secret of thirty-two bytes, ok"


class BadgeBench(TwinBench):
    """See the module.

    Args:
        folder: for the file with the shop's secret.
        seed: of the faults.
    """

    secrets = (_SECRET,)

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(seed)
        (folder / "badge.key").write_text(_SECRET)
        self._reader = BadgeReader(self.menu)
        self._port = PtyPort(self._reader.serve, folder / "badge")
        self._badges = 0

    @property
    def port(self) -> Port:
        """A serial line, for 100 openings of which nobody has to wait."""
        return self._port

    @property
    def config(self) -> Mapping[str, Any]:
        """The line and the secret's file."""
        return {"port": self._port.address, "key_file": "badge.key"}

    async def act(self) -> Mapping[str, object]:
        """Hold a badge before it once; its pseudonym is nobody's business here."""
        self._badges += 1
        await self._reader.hold(f"62E3{self._badges:06X}")
        return {"type": "badge.read"}
