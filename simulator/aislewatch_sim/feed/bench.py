"""A device that sends lines of JSON, on a bench: each act is another line of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aislewatch_sim.bench import TwinBench
from aislewatch_sim.faults import Fault
from aislewatch_sim.ports import Port, TcpPort
from aislewatch_sim.pos.printer import Tap

_EPOCH_US: Final = 1_772_438_400_000_000
_MAPPING: Final = """\
mapping: counter
about: A counter over a door, one JSON object a line
time: {from: t, unit: us}
id: "{n}"
device: bench-1
cases:
  - {name: count, type: queue.level, fields: {customers: n}}
"""


class FeedBench(TwinBench):
    """See the module.

    Args:
        folder: for the mapping file.
        seed: of the faults.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(seed)
        # TCP's checksum lets no turned bit through.
        self.faults = [fault.value for fault in Fault if fault not in {Fault.FLIP, Fault.PARITY}]
        (folder / "counter.mapping.yml").write_text(_MAPPING, encoding="utf-8")
        self._lines = Tap(self.menu)
        self._port = TcpPort(self._lines.serve)
        self._sent = 0

    @property
    def port(self) -> Port:
        """The device's own socket."""
        return self._port

    @property
    def config(self) -> Mapping[str, Any]:
        """The socket, and what its lines mean."""
        return {"mapping": "counter.mapping.yml", "tcp": self._port.address}

    async def act(self) -> Mapping[str, object]:
        """Count one more, and say so to whoever listens."""
        self._sent += 1
        row = {"t": _EPOCH_US + time.monotonic_ns() // 1000, "n": self._sent}
        if self._lines.heard:
            await self._lines.print([json.dumps(row).encode() + b"\n"])
        return {"type": "queue.level", "customers": self._sent}
