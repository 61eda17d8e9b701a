"""A gate's reads from the reader's bytes to the ledger's disk: what arrives, and how much later.

The reader's twin lives in a process of its own and keeps its pace; everything else is a run as a
shop has it. A rule in shadow answers each read, so that each leaves one record in the ledger; what
the twin says it has reported is compared with those records, tag by tag.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil

from aislewatch.ledger import Ledger, StoredRecord
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.live_options import HostName
from aislewatch.runtime.live_status import Snapshot
from aislewatch.runtime.storefile import read_setup
from aislewatch_sim.faults import Faults
from aislewatch_sim.llrp.reader import Reader
from aislewatch_sim.llrp.scene import Heard
from aislewatch_sim.ports import TcpPort
from aislewatch_sim.tags import sgtin96

LATENESS_S: Final = 0.2
TICK_S: Final = 0.1
_TURN_S: Final = 0.01
"""How often the twin reports what was heard since."""

_GTIN: Final = "05012345000015"
_PATIENCE_S: Final = 120.0

_RULE: Final = """\
id: every-read
title: Each read leaves a record
status: shadow
when: {event: rfid.read, as: read}
incident: {type: theft.exit, about: {epc: read.epc}, points: 0, because: "{read.epc} was read"}
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load.

    Attributes:
        reported: reads that the twin says it has reported.
        stored: records of reads in the ledger.
        lost: reads of the twin without a record.
        surplus: records without a read of the twin, or of one read twice.
        seconds: how long the twin took.
        delays_s: from the device's time of each read to its record's being on disk, sorted.
        cpu: processor seconds of each part.
    """

    reported: int
    stored: int
    lost: int
    surplus: int
    seconds: float
    delays_s: Sequence[float]
    cpu: dict[str, float]

    def delay_s(self, share: float) -> float:
        """Give the delay that such a share of the reads did not exceed."""
        return self.delays_s[min(len(self.delays_s) - 1, int(share * len(self.delays_s)))]


async def load(folder: Path, *, per_s: int, seconds: float, host: HostName) -> Load:
    """Let a gate hear so many tags a second for so long, and see what the ledger has of it.

    Args:
        folder: an empty one.
        per_s: reads a second.
        seconds: how long.
        host: where plugin and engine run.
    """
    stop, watched = asyncio.Event(), _Watched(per_s * seconds)
    async with _twin(per_s, seconds) as (connection, address, pid):
        live = _written(folder, address)
        options = Options(
            ledger=folder / "ledger.db",
            folder=folder / "run",
            host=host,
            simulated=True,
            snapshot_s=0.5,
        )
        running = asyncio.create_task(
            run([live], options, on_snapshot=watched.look, on_record=watched.record, stop=stop)
        )
        try:
            told = asyncio.get_running_loop().run_in_executor(None, _told, connection)
            await _either(told, running)
            reported: Counter[str]
            reported, took_s = told.result()
            watched.wanted = reported.total()
            await _either(asyncio.ensure_future(watched.all_stored.wait()), running)
        finally:
            cpu = watched.cpu(pid)
            stop.set()
            await asyncio.wait([running])
        running.result()
    return _counted(folder, reported, took_s, cpu)


class _Watched:
    """Follows a run: how many reads are stored, and what each process has worked."""

    def __init__(self, wanted: float) -> None:
        self.wanted = wanted
        self.all_stored = asyncio.Event()
        self._stored = 0
        self._pids: dict[str, int] = {}

    def record(self, record: StoredRecord) -> None:
        self._stored += record.type.startswith("signal.")
        if self._stored >= self.wanted:
            self.all_stored.set()

    def look(self, snapshot: Snapshot) -> None:
        if self._stored >= self.wanted:
            self.all_stored.set()
        self._pids |= {line.plugin: line.pid for line in snapshot.devices if line.pid}
        if snapshot.engine.pid:
            self._pids["engine"] = snapshot.engine.pid

    def cpu(self, twin: int) -> dict[str, float]:
        """Give the processor seconds of the parts that have a process of their own."""
        own = os.getpid()
        pids = {name: pid for name, pid in self._pids.items() if pid != own}
        parts = {"reader's twin": twin, "run" if pids else "run, plugin and engine": own, **pids}
        for one in psutil.Process(own).children(recursive=True):
            if one.name().startswith("nats-server"):
                parts["nats"] = one.pid
        return {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, pid in parts.items()}


async def _either(wanted: asyncio.Future[Any], running: asyncio.Task[Any]) -> None:
    """Wait for something, or for the run's end, which comes too early then."""
    done, _ = await asyncio.wait(
        {wanted, running}, return_when=asyncio.FIRST_COMPLETED, timeout=_PATIENCE_S
    )
    if running in done:
        running.result()
        message = "the run ended before everything was stored"
        raise RuntimeError(message)
    if not done:
        wanted.cancel()


def _counted(folder: Path, reported: Counter[str], took_s: float, cpu: dict[str, float]) -> Load:
    stored = Counter[str]()
    delays_s: list[float] = []
    with Ledger.read(folder / "ledger.db") as ledger:
        for record in ledger.records("s1"):
            if record.type.startswith("signal."):
                stored[dict(json.loads(record.payload)["about"])["epc"]] += 1
                delays_s.append((record.recorded - record.time) / 1_000_000)
    return Load(
        reported=reported.total(),
        stored=stored.total(),
        lost=(reported - stored).total(),
        surplus=(stored - reported).total(),
        seconds=took_s,
        delays_s=sorted(delays_s),
        cpu=cpu,
    )


@asynccontextmanager
async def _twin(per_s: int, seconds: float) -> AsyncGenerator[tuple[Connection, str, int]]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_play, args=(theirs, per_s, seconds), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours, await asyncio.to_thread(ours.recv), process.pid or 0
    finally:
        process.kill()
        process.join()
        ours.close()


def _told(connection: Connection) -> tuple[Counter[str], float]:
    told: tuple[Counter[str], float] = connection.recv()
    return told


def _play(connection: Connection, per_s: int, seconds: float) -> None:
    asyncio.run(_read(connection, per_s, seconds))


async def _read(connection: Connection, per_s: int, seconds: float) -> None:
    """Be the reader: hear tags at a pace once somebody listens, and say which were reported."""
    clock = SystemClock()
    reader = Reader(Faults(Random(1)), clock.now_us)
    loop = asyncio.get_running_loop()
    tags = [sgtin96(_GTIN, serial) for serial in range(1, 401)]
    reported = Counter[str]()
    async with TcpPort(reader.serve) as port:
        connection.send(port.address)
        await reader.reads()
        began_s, began_us = loop.time(), clock.now_us()
        heard = 0
        while heard < per_s * seconds:
            due = min(int((loop.time() - began_s) * per_s), int(per_s * seconds))
            for n in range(heard, due):
                epc = tags[n % len(tags)]
                one = Heard(n / per_s, 1, epc, -50.0)
                reported[epc] += await reader.hear([one], began_us)
            heard = due
            await asyncio.sleep(_TURN_S)
        connection.send((reported, loop.time() - began_s))
        await asyncio.Event().wait()


def _written(folder: Path, address: str) -> LiveStore:
    (folder / "every-read.yml").write_text(_RULE)
    store: dict[str, Any] = {
        "store": "s1",
        "clock": {"tick": f"{TICK_S * 1000:.0f}ms"},
        "lateness": f"{LATENESS_S * 1000:.0f}ms",
        "rules": ["every-read.yml"],
        "zones": {"door": {"kind": "exit"}},
        "devices": {"gate-1": {"zone": "door", "sees": ["rfid.read", "rfid.crossing"]}},
        "feeds": {
            "gate-1": {
                "plugin": "llrp",
                "config": {"address": address, "antennas": {1: {}}, "repeat": "0s"},
            }
        },
    }
    (folder / "store.yml").write_text(json.dumps(store))
    return LiveStore(read_setup(folder / "store.yml"))
