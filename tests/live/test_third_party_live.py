"""The self-checkout session through the whole live path, as its organisers replay it.

The data is not part of this project: the test finds it beside the checkout or skips.
"""

import asyncio
import json
import os
from collections import Counter
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from aislewatch.ledger import Ledger, LedgerReader, verify
from aislewatch.runtime.archive import export
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.nats_server import NatsServer
from aislewatch.runtime.replay import replay
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.storefile import read_setup

pytestmark = pytest.mark.live

DATA = Path(os.environ.get("AISLEWATCH_DATA", Path(__file__).parents[3] / "shared" / "data"))
STORE = Path(__file__).parents[2] / "fixtures" / "sentinel" / "store.yml"
DATASETS = {
    "POS_Transactions": "pos_transactions",
    "RFID_data": "rfid_readings",
    "Product_recognism": "product_recognition",
    "Queue_monitor": "queue_monitoring",
    "Current_inventory_data": "inventory_snapshots",
}


def frames() -> list[tuple[float, bytes]]:
    """Give the session as the organisers' server frames it: seconds since its start, and a line."""
    rows: list[tuple[str, str, dict[str, Any]]] = []
    for dataset, file in DATASETS.items():
        for line in (DATA / "sentinel" / f"{file}.jsonl").read_text().splitlines():
            row = json.loads(line)
            rows.append((row["timestamp"], dataset, row))
    rows.sort(key=lambda item: item[0])
    start = datetime.fromisoformat(rows[0][0])
    framed: list[tuple[float, bytes]] = []
    for sequence, (stamp, dataset, row) in enumerate(rows, 1):
        frame = {
            "dataset": dataset,
            "sequence": sequence,
            "timestamp": f"2026-01-01T00:00:{sequence % 60:02d}",
            "original_timestamp": stamp,
            "event": row,
        }
        seconds = (datetime.fromisoformat(stamp) - start).total_seconds()
        framed.append((seconds, json.dumps(frame).encode() + b"\n"))
    return framed


class ReplayServer:
    """Serves the session to whoever connects: a banner line, then frames at a multiple of life."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._frames = frames()
        self._served = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> "ReplayServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        banner = {"service": "project-sentinel-event-stream", "datasets": list(DATASETS)}
        writer.write(json.dumps(banner).encode() + b"\n")
        start = loop.time()
        with suppress(ConnectionError):
            for seconds, line in self._frames:
                due = start + seconds / self._speed
                if due > loop.time():
                    await writer.drain()
                    arrived = loop.create_future()
                    loop.call_at(due, arrived.set_result, None)
                    await arrived
                writer.write(line)
            await writer.drain()
            writer.close()
            await writer.wait_closed()


def live_setup(port: int) -> Setup:
    return read_setup(STORE).with_feed(
        "session",
        {
            "mapping": str(STORE.parent / "sentinel.mapping.yml"),
            "tcp": f"127.0.0.1:{port}",
            "recording": True,
        },
    )


def rules_found(ledger: LedgerReader) -> Counter[str]:
    return Counter(
        json.loads(record.payload)["rule"]
        for record in ledger.records("sentinel", types=["signal.raised"])
    )


@pytest.mark.timeout(280)
async def test_the_session_through_the_live_path_gives_what_its_replay_gives(
    tmp_path: Path,
) -> None:
    if not (DATA / "sentinel").is_dir():
        pytest.skip(f"the third-party data is not at {DATA / 'sentinel'}")
    options = Options(ledger=tmp_path / "live.db", folder=tmp_path / "run")
    async with ReplayServer(speed=100) as server:
        setup = live_setup(server.port)
        summary = await run([LiveStore(setup)], options)
    assert summary.completed, summary.failures

    token = "a-secret-of-this-test-run-and-more"
    async with (
        NatsServer(options.folder / "nats", token=token) as nats,
        await Bus.connect(nats.url, name="test", credentials=nats.engine) as bus,
    ):
        await export(bus.read_all(), tmp_path / "archive")
    replay(setup, tmp_path / "archive", tmp_path / "again.db", clock=RecordingClock(1))
    replay(read_setup(STORE), None, tmp_path / "files.db", clock=RecordingClock(1))

    with (
        Ledger.read(tmp_path / "live.db") as live,
        Ledger.read(tmp_path / "again.db") as again,
        Ledger.read(tmp_path / "files.db") as files,
    ):
        assert verify(live, "sentinel").sound
        truth = json.loads((DATA / "sentinel" / "truth.json").read_text())
        found = rules_found(live)
        assert found["scan-avoidance"] == len(truth["scanner_avoidance"])
        assert found["barcode-switch"] == len(truth["barcode_switching"])
        assert found["weight-mismatch"] == len(truth["weight_discrepancy"])
        assert found == rules_found(files)
        assert live.head("sentinel") == again.head("sentinel")
