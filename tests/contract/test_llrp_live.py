"""A gate in a whole run: from a reader's bytes through NATS and the engine to an incident."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aislewatch.ledger import StoredRecord
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.live_status import Snapshot
from aislewatch.runtime.storefile import read_setup
from aislewatch.runtime.supervisor import Policy
from aislewatch_sim.faults import Fault, Faults
from aislewatch_sim.llrp.reader import Reader
from aislewatch_sim.llrp.scene import Heard, Walk, heard
from aislewatch_sim.ports import TcpPort
from aislewatch_sim.tags import sgtin96

pytestmark = pytest.mark.live

RULES = Path(__file__).parents[2] / "rules"
SECOND = 1_000_000
SHELF = 3
COAT = sgtin96("05012345000015", 7)
QUICK = Policy(backoff_first_us=20_000, backoff_max_us=100_000)


class Watching:
    """Waits for what a run tells of itself."""

    def __init__(self) -> None:
        self.records: list[StoredRecord] = []
        self.snapshot: Snapshot | None = None
        self._news = asyncio.Event()

    def record(self, record: StoredRecord) -> None:
        self.records.append(record)
        self._news.set()

    def look(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._news.set()

    @property
    def events(self) -> int:
        return sum(line.events for line in self.snapshot.devices) if self.snapshot else 0

    def told(self, words: bytes) -> bool:
        return any(words in record.payload for record in self.records)

    async def until(self, holds: Callable[[], object]) -> None:
        while not holds():
            self._news.clear()
            await self._news.wait()


def written_store(folder: Path, address: str) -> LiveStore:
    (folder / "rules").mkdir()
    for name in ("unpaid-exit", "unsold-exit"):
        text = (RULES / f"{name}.yml").read_text(encoding="utf-8")
        # A shop that has counted its alarms makes a shadow rule live.
        shadow, live = "status: shadow", "status: live"
        (folder / "rules" / f"{name}.yml").write_text(text.replace(shadow, live, 1))
    (folder / "products.csv").write_text("sku,gtin\nCOAT-L,05012345000015\n")
    store: dict[str, Any] = {
        "store": "s1",
        "currency": "EUR",
        "clock": {"tick": "100ms"},
        "lateness": "2s",
        "rules": ["rules"],
        "lists": {"open_transfers": []},
        "zones": {"a1": {"kind": "shelf"}, "door": {"kind": "exit"}},
        "devices": {
            "gate-1": {"zone": "door", "sees": ["rfid.read", "rfid.crossing"]},
            "till-1": {"sees": ["pos.item"]},
        },
        "products": {"file": "products.csv", "sku": "sku", "gtin": "gtin"},
        "feeds": {
            "gate-1": {
                "plugin": "llrp",
                "config": {
                    "address": address,
                    "antennas": {
                        1: {"side": "inside"},
                        2: {"side": "outside"},
                        SHELF: {"zone": "a1"},
                    },
                    "gate": {"gap": "1s"},
                },
            }
        },
    }
    (folder / "store.yml").write_text(json.dumps(store))
    return LiveStore(read_setup(folder / "store.yml"))


async def test_an_unpaid_tag_that_leaves_its_shelf_and_the_shop_becomes_one_incident(
    tmp_path: Path,
) -> None:
    clock, faults = SystemClock(), Faults(Random(1))
    reader = Reader(faults, clock.now_us)
    watching, stop = Watching(), asyncio.Event()
    options = Options(
        ledger=tmp_path / "ledger.db",
        folder=tmp_path / "run",
        host="inline",
        simulated=True,
        snapshot_s=0.05,
        policy=QUICK,
    )
    async with asyncio.timeout(120), TcpPort(reader.serve) as port:
        running = asyncio.create_task(
            run(
                [written_store(tmp_path, port.address)],
                options,
                on_record=watching.record,
                on_snapshot=watching.look,
                stop=stop,
            )
        )
        await reader.reads()
        began_us = clock.now_us()
        await reader.hear([Heard(0.0, SHELF, COAT, -50.0)], began_us - 10 * SECOND)
        faults.strike(Fault.DROP)  # The link breaks in the middle of a message, and comes back.
        await reader.hear([Heard(0.0, SHELF, COAT, -50.0)], began_us)
        await reader.comes_again(after=1)
        faults.strike(Fault.GARBAGE)
        await reader.hear(heard([Walk(COAT)], Random(1)), clock.now_us() - 7 * SECOND)
        await watching.until(lambda: watching.told(b"seen on a1, then at door"))
        await watching.until(
            lambda: watching.told(b"COAT-L (tag " + COAT.encode() + b") left through")
        )
        stop.set()
        summary = await running
    assert summary.failures == ()
    (opened,) = [record for record in watching.records if record.type == "incident.opened"]
    assert COAT.encode() in opened.payload
    (line,) = summary.last.devices
    assert line.refused >= 1
    assert line.attempt == 2
