"""Scales in a whole run: from a twin's bytes through NATS and the engine to an incident."""

from __future__ import annotations

import asyncio
import json
import shutil
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
from aislewatch_sim.faults import Fault, Faults
from aislewatch_sim.ports import PtyPort, TcpPort
from aislewatch_sim.scale.pan import Build, Pan
from aislewatch_sim.scale.twin import ScaleTwin

pytestmark = pytest.mark.live

RULES = Path(__file__).parents[2] / "rules"
MAPPING = """\
mapping: till
time: {from: t, unit: us}
device: till-1
fields: {basket: basket}
cases:
  - {name: open, when: {do: open}, type: pos.basket_open}
  - {name: line, when: {do: line}, type: pos.item, fields: {sku: sku}}
  - {name: pay, when: {do: pay}, type: pos.payment_start}
"""
PRODUCTS = "sku,name,g\nCOLA,Cola,345\nJAM,Jam,520\n"


class Till:
    """Listens for the run, and sends it rows of this moment."""

    def __init__(self) -> None:
        self._writer: asyncio.Future[asyncio.StreamWriter] = (
            asyncio.get_running_loop().create_future()
        )

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        self._writer.set_result(writer)

    async def say(self, do: str, **row: Any) -> None:
        writer = await self._writer
        told = {"t": SystemClock().now_us(), "do": do, "basket": "b1", **row}
        writer.write(json.dumps(told).encode() + b"\n")
        await writer.drain()

    def hang_up(self) -> None:
        self._writer.result().close()


class Twin:
    """A twin and its pan."""

    def __init__(self, protocol: str, step_mg: int, noise_mg: float = 0.0) -> None:
        dice = Random(1)
        self.pan = Pan(Build(step_mg=step_mg, noise_mg=noise_mg, damping_s=0.05), dice)
        self.faults = Faults(dice)
        self.serve = ScaleTwin(self.pan, protocol, self.faults).serve

    def put(self, grams: float) -> None:
        self.pan.put(asyncio.get_running_loop().time(), 1000 * grams)


class Watching:
    """Waits for what a run tells of itself."""

    def __init__(self) -> None:
        self.records: list[StoredRecord] = []
        self.snapshot: Snapshot | None = None
        self._news = asyncio.Event()

    @property
    def told(self) -> bytes:
        return b" ".join(record.payload for record in self.records)

    def record(self, record: StoredRecord) -> None:
        self.records.append(record)
        self._news.set()

    def look(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._news.set()

    def events_of(self, device: str) -> int:
        devices = self.snapshot.devices if self.snapshot is not None else ()
        return sum(line.events for line in devices if line.device == device)

    async def until(self, holds: Callable[[], object]) -> None:
        while not holds():
            self._news.clear()
            await self._news.wait()


def written_store(folder: Path, *, bag: str, shelf: str, till: str) -> LiveStore:
    (folder / "till.mapping.yml").write_text(MAPPING)
    (folder / "products.csv").write_text(PRODUCTS)
    (folder / "rules").mkdir()
    for rule in ("unaccounted-weight", "shelf-sweep"):
        shutil.copy(RULES / f"{rule}.yml", folder / "rules")
    store = {
        "store": "s1",
        "currency": "EUR",
        "clock": {"tick": "100ms"},
        "lateness": "300ms",
        "rules": ["rules"],
        "zones": {"bag": {"kind": "bagging"}, "a1": {"kind": "shelf"}},
        "devices": {
            "scale-1": {"zone": "bag", "lane": "k1", "sees": ["scale.weight"]},
            "shelf-a1": {"zone": "a1", "sees": ["shelf.removed"]},
            "till-1": {"lane": "k1", "sees": ["pos.item"]},
        },
        "products": {"file": "products.csv", "sku": "sku", "weight": {"from": "g", "unit": "g"}},
        "feeds": {
            "scale-1": {
                "plugin": "scale",
                "config": {
                    "protocol": "mt-sics",
                    "tcp": bag,
                    "kind": "bagging",
                    "step": "5g",
                    "every": "50ms",
                },
            },
            "shelf-a1": {
                "plugin": "scale",
                "config": {
                    "protocol": "stream",
                    "port": shelf,
                    "kind": "shelf",
                    "shelf": {
                        "id": "A1",
                        "planogram": {
                            "file": "products.csv",
                            "shelf": {"value": "A1"},
                            "sku": "sku",
                            "weight": {"from": "g", "unit": "g"},
                        },
                    },
                },
            },
            "till-1": {
                "plugin": "feed",
                "config": {"mapping": "till.mapping.yml", "tcp": till},
            },
        },
    }
    (folder / "store.yml").write_text(json.dumps(store))
    return LiveStore(read_setup(folder / "store.yml"))


async def test_an_article_that_nobody_scanned_is_found_by_its_weight_and_a_sweep_by_its_shelf(
    tmp_path: Path,
) -> None:
    bag, shelf, till = Twin("mt-sics", 5_000), Twin("and", 1_000, noise_mg=800), Till()
    shelf.put(20 * 345)
    watching, stop = Watching(), asyncio.Event()
    server = await asyncio.start_server(till.accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with (
        asyncio.timeout(120),
        server,
        TcpPort(bag.serve) as bag_port,
        PtyPort(shelf.serve, tmp_path / "shelf") as shelf_port,
    ):
        live = written_store(
            tmp_path, bag=bag_port.address, shelf=shelf_port.address, till=f"{host}:{port}"
        )
        options = Options(
            ledger=tmp_path / "ledger.db",
            folder=tmp_path / "run",
            host="inline",
            simulated=True,
            snapshot_s=0.05,
        )
        running = asyncio.create_task(
            run(
                [live],
                options,
                on_record=watching.record,
                on_snapshot=watching.look,
                stop=stop,
            )
        )
        await watching.until(lambda: watching.events_of("scale-1") >= 1)
        await watching.until(lambda: watching.events_of("shelf-a1") >= 1)
        await till.say("open")
        await till.say("line", sku="COLA")
        bag.faults.strike(Fault.GARBAGE, 3)  # Gets in nobody's way.
        bag.put(345 + 520)  # The jam was not scanned.
        told = watching.events_of("scale-1")
        await watching.until(lambda: watching.events_of("scale-1") >= told + 2)
        await till.say("pay")
        shelf.put(-6 * 345)
        await watching.until(lambda: b"the bag on k1 weighs 865 g" in watching.told)
        await watching.until(lambda: b"6 units left A1 in 30 s" in watching.told)
        await watching.until(lambda: b"theft.self-checkout" in watching.told)
        stop.set()
        summary = await running
        till.hang_up()
    assert summary.failures == ()
    (incident,) = [r for r in watching.records if r.type == "incident.opened"]
    assert b"theft.self-checkout" in incident.payload
    (line,) = [line for line in summary.last.devices if line.device == "scale-1"]
    assert line.refused >= 1
