"""The shipped library on simulated mornings of the demo's shop, a store each.

Recordings are read, where all comes in time: what the demo explains by a sale that is told late is
no incident here at any time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import NamedTuple

from aislewatch.cli.cases import CaseBook
from aislewatch.cli.demo_check import compare
from aislewatch.detect.core import Core
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry
from aislewatch.ledger import StoredRecord
from aislewatch.runtime.recording import play
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup
from aislewatch_sim.demo.day import Day, make_day

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "simulator" / "aislewatch_sim" / "demo" / "shop"
STORE = "corner-shop"
_SOCKET = re.compile(r'mapping: (\w+)\.mapping\.yml, tcp: "[^"]*"')


class Mornings(NamedTuple):
    """How the library did.

    Attributes:
        rules: how many judge.
        events: ticks left out.
        seconds: processor time from raw bytes to records.
        planted: what really happened and nothing explains.
        found: how much of it there is an incident of.
        false: incidents that nothing explains.
    """

    rules: int
    events: int
    seconds: float
    planted: int
    found: int
    false: int

    @property
    def right(self) -> bool:
        """Everything was found, and nothing else."""
        return self.found == self.planted and not self.false


def mornings(number: int) -> Mornings:
    """Judge a number of mornings, each by a core of its own."""
    with TemporaryDirectory() as folder:
        setup = _setup(Path(folder) / "shop")
        days = [make_day(seed) for seed in range(number)]
        raws = [_as_recorded(setup, day) for day in days]
        cores = [setup.core(STORE) for _ in days]
    began = time.process_time()
    records = [_decide(core, raw, setup.registry) for core, raw in zip(cores, raws, strict=True)]
    seconds = time.process_time() - began
    scores = [_score(day, told) for day, told in zip(days, records, strict=True)]
    ticks = sum(b'"clock.tick"' in one for raw in raws for one in raw)
    return Mornings(
        rules=sum(rule.status in {"live", "shadow"} for rule in setup.rules),
        events=sum(map(len, raws)) - ticks,
        seconds=seconds,
        planted=sum(not one.explained for day in days for one in day.planted),
        found=sum(score[0] for score in scores),
        false=sum(score[1] for score in scores),
    )


def _setup(folder: Path) -> Setup:
    """Write the demo's shop with files in place of sockets, and the library."""
    copytree(SHOP, folder)
    copytree(ROOT / "rules", folder / "rules")
    store = folder / "store.yml"
    text = _SOCKET.sub(
        r"mapping: \1.mapping.yml, files: [\1.jsonl], order: arrival", store.read_text()
    )
    store.write_text(text)
    return read_setup(store)


def _as_recorded(setup: Setup, day: Day) -> list[bytes]:
    """Give a morning's events and ticks as the bus would carry them."""
    for link, lines in day.lines.items():
        (setup.folder / f"{link}.jsonl").write_bytes(b"".join(line.data + b"\n" for line in lines))
    # What a device sent damaged is refused, and no event.
    return [Codec.encode(one) for one in play(setup) if isinstance(one, Event)]


def _decide(core: Core, raws: Sequence[bytes], registry: Registry) -> list[Record]:
    return core.step(Codec(registry).decode_all(raws))


def _score(day: Day, records: Sequence[Record]) -> tuple[int, int]:
    book, none = CaseBook(), bytes(32)
    for position, one in enumerate(records, start=1):
        if one.type.startswith(("incident.", "signal.")):
            place = (one.store, position, one.stream, 1, one.type, one.version)
            book.take(StoredRecord(*place, one.time, one.time, one.payload, none, none))
    planted = [one for one in day.planted if not one.explained]
    score = compare(planted, book.cases.values())
    return len(score.found), len(score.false)
