"""An LLRP reader's twin on a bench: each act has another tag heard at its antenna."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aislewatch_sim.bench import TwinBench
from aislewatch_sim.llrp.reader import Reader
from aislewatch_sim.llrp.scene import Heard
from aislewatch_sim.ports import Port, TcpPort
from aislewatch_sim.tags import sgtin96

_GTIN: Final = "05012345000015"
_EPOCH_US: Final = 1_772_438_400_000_000
_LEVEL_DBM: Final = -50.0


class LlrpBench(TwinBench):
    """See the module.

    Args:
        folder: for files; it needs none.
        seed: of the faults.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        del folder
        super().__init__(seed)
        self._reader = Reader(self.menu, _now_us)
        self._port = TcpPort(self._reader.serve)
        self._tags = 0

    @property
    def port(self) -> Port:
        """The reader's own socket."""
        return self._port

    @property
    def config(self) -> Mapping[str, Any]:
        """One antenna that is no part of a gate, and a reader that is soon missed."""
        return {"address": self._port.address, "antennas": {1: {}}, "keepalive": "200ms"}

    async def act(self) -> Mapping[str, object]:
        """Hear a tag once."""
        self._tags += 1
        epc = sgtin96(_GTIN, self._tags)
        await self._reader.hear([Heard(0.0, 1, epc, _LEVEL_DBM)], _now_us())
        return {"type": "rfid.read", "epc": epc}


def _now_us() -> int:
    """Give the machine's uptime from a fixed day on: nobody's clock is the wall's here."""
    return _EPOCH_US + time.monotonic_ns() // 1000
