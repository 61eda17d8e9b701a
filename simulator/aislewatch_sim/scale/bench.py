"""A scale's twin on a bench: each act lays another weight on its pan."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

from aislewatch_sim.bench import TwinBench
from aislewatch_sim.ports import Port, TcpPort
from aislewatch_sim.scale.pan import Build, Pan
from aislewatch_sim.scale.twin import ScaleTwin

_BRISK: Final = Build(damping_s=0.01)
"""Swings for so short a time that nobody need wait for it."""


class ScaleBench(TwinBench):
    """See the module.

    Args:
        folder: for files; it needs none.
        seed: of the pan and the faults.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        del folder
        super().__init__(seed)
        self._pan = Pan(_BRISK, Random(seed))
        self._port = TcpPort(ScaleTwin(self._pan, "mt-sics", self.menu).serve)
        self._shown_g = 0
        self._acts = 0

    @property
    def port(self) -> Port:
        """A scale with a network socket."""
        return self._port

    @property
    def config(self) -> Mapping[str, Any]:
        """A scale in a bagging area, brisk like its pan."""
        return {
            "protocol": "mt-sics",
            "tcp": self._port.address,
            "kind": "bagging",
            "every": "20ms",
            "answer": "200ms",
            "silence": "2s",
            "settle": "150ms",
            "linger": "100ms",
        }

    async def act(self) -> Mapping[str, object]:
        """Lay another weight on the pan: no two acts end at the same sum."""
        self._acts += 1
        more_g = 100 + self._acts
        self._shown_g += more_g
        self._pan.put(asyncio.get_running_loop().time(), 1000 * more_g)
        return {"type": "scale.weight", "weight_mg": 1000 * self._shown_g}
