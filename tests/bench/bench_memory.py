"""Memory over a long stream: what is kept is what the windows ask for, however long it goes on."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from random import Random

import bench_detect
import psutil
import stream

from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, Event
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rules

PART = 200_000


def main(parts: int = 8) -> None:
    """Feed one core ever new tags and print what it holds after each part."""
    registry = Registry()
    lists = {"open_transfers": frozenset[str]()}
    rule = str(bench_detect.ROOT / "rules" / "unpaid-exit.yml")
    rules = load_rules({rule: Path(rule).read_text()}, registry, lists=lists)
    settings = Settings(store="1", ahead_us=3_600_000_000)
    core = Core(settings, StoreModel(lists=lists), rules, registry)
    decode = Codec(registry).decode
    process = psutil.Process(os.getpid())
    print(f"{'events':>12} {'days':>6} {'resident MiB':>13} {'snapshot MiB':>13}")
    for part in range(parts):
        steps = stream.shoplifting(PART, Random(part))
        shift = part * int(PART * 1.02) * stream.SECOND
        moved = [
            step._replace(time=step.time + shift, epc=f"{step.epc}{part:02X}") for step in steps
        ]
        raws = stream.as_json(moved, first=part * PART)
        for at in range(0, len(raws), bench_detect.BATCH):
            batch: list[Event] = [decode(raw) for raw in raws[at : at + bench_detect.BATCH]]
            tick_id = f"clock/{part}/{at}"
            batch.append(ClockTick(id=tick_id, store="1", device="clock", time=batch[-1].time))
            core.step(batch)
        del raws, steps, moved
        gc.collect()
        days = (part + 1) * PART * 1.02 / 86_400
        resident = process.memory_info().rss / 2**20
        snapshot = len(core.snapshot()) / 2**20
        print(f"{(part + 1) * PART:>12,} {days:>6.1f} {resident:>13.0f} {snapshot:>13.1f}")


if __name__ == "__main__":
    main()
