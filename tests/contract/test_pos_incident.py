"""From a till's bytes to an incident: real tills, the in-line host, the engine, shipped rules."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aislewatch.ledger import Ledger, StoredRecord, verify
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.storefile import read_setup
from aislewatch_sim.faults import Faults
from aislewatch_sim.ports import TcpPort
from aislewatch_sim.pos import json_words, poslog_words, receipt_words
from aislewatch_sim.pos.folder import Dropper
from aislewatch_sim.pos.posting import Poster
from aislewatch_sim.pos.printer import Tap
from aislewatch_sim.pos.till import ARTICLES, Till

pytestmark = pytest.mark.live

RULES = Path(__file__).parents[2] / "rules"
SECRET = b"a secret that only this shop has"


def played() -> Till:
    """Sell, pay in cash and take the whole receipt back, just now; and give goods back."""
    now = datetime.fromtimestamp(SystemClock().now_us() // 1_000_000, UTC)
    till = Till(opens=now - timedelta(seconds=90))
    till.open()
    till.scan(ARTICLES[2])
    till.pay()
    till.post_void(till.number, ARTICLES[2].pence)
    return till


def shop(folder: Path, plugin: str, config: dict[str, Any]) -> LiveStore:
    rule = (RULES / "post-void.yml").read_text(encoding="utf-8")
    assert "\nstatus: shadow\n" in rule
    (folder / "post-void.yml").write_text(rule.replace("status: shadow", "status: live"))
    (folder / "secret").write_bytes(SECRET)
    (folder / "in").mkdir()
    (folder / "p.yml").write_text(receipt_words.PATTERNS, encoding="utf-8")
    described = {
        "store": "s1",
        "timezone": "Europe/London",
        "currency": "GBP",
        "lateness": "1s",
        "horizon": "15m",
        "rules": ["post-void.yml"],
        "zones": {"counter": {"kind": "checkout"}},
        "devices": {"till-3": {"zone": "counter", "lane": "3", "sees": ["pos.tender", "pos.void"]}},
        "feeds": {"till-3": {"plugin": plugin, "config": config}},
    }
    (folder / "store.yml").write_text(json.dumps(described))
    return LiveStore(read_setup(folder / "store.yml"))


async def incidents(
    live: LiveStore, folder: Path, act: Callable[[], Awaitable[None]]
) -> Sequence[dict[str, Any]]:
    """Run a shop and act in front of it; stop when an incident was opened."""
    stop = asyncio.Event()
    found: list[dict[str, Any]] = []

    def note(record: StoredRecord) -> None:
        if record.type == "incident.opened":
            found.append(json.loads(record.payload))
            stop.set()

    acting = asyncio.ensure_future(act())
    options = Options(
        ledger=folder / "ledger.db", folder=folder / "run", host="inline", snapshot_s=0.05
    )
    try:
        async with asyncio.timeout(30):
            summary = await run([live], options, on_record=note, stop=stop)
    finally:
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
    assert summary.failures == ()
    with Ledger.read(folder / "ledger.db") as ledger:
        assert verify(ledger, "s1").sound
        text = "".join(str(record.payload) for record in ledger.records("s1"))
    assert "4111111111111111" not in text
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def check(found: Sequence[dict[str, Any]], receipt: str) -> None:
    (incident,) = found
    assert incident["type"] == "fraud.void"
    named = {entity for entity in incident["entities"] if not entity.startswith("basket")}
    assert named == {"cashier=207", "lane=3", f"receipt={receipt}"}
    assert incident["value_minor"] == ARTICLES[2].pence


async def test_a_receipt_taken_back_in_signed_json_becomes_an_incident(tmp_path: Path) -> None:
    port = free_port()
    config = {"http": f"127.0.0.1:{port}/till", "secrets": [{"file": "secret"}]}
    live = shop(tmp_path, "pos-json", config)

    async def act() -> None:
        line = Poster("127.0.0.1", port, "/till", Faults(Random(1)))
        body = json_words.body(json_words.events(played()))
        sent_s = SystemClock().now_us() // 1_000_000
        # As a till does: again until it is taken. First nobody listens yet.
        while (await line.post(json_words.headers(SECRET, sent_s, body), body)).status != 202:
            await asyncio.sleep(0.05)

    check(await incidents(live, tmp_path, act), "101")


@pytest.mark.parametrize("version", ["2.2", "6"])
async def test_a_receipt_taken_back_in_a_dropped_log_becomes_an_incident(
    tmp_path: Path, version: str
) -> None:
    config = {
        "folder": {"path": "in", "look": "20ms", "settle": "40ms"},
        "zone": "UTC",
        "currency": "GBP",
    }
    live = shop(tmp_path, "pos-poslog", config)
    till = played()

    async def act() -> None:
        # Each transaction a file of its own; the one that takes back comes first.
        for n, log in enumerate(reversed(poslog_words.transactions(till, version))):
            data = poslog_words.document([log], version)
            await Dropper(tmp_path / "in", Faults(Random(1))).drop(f"{n}.xml", data)

    receipt = f"3/{till.acts[0].at:%Y-%m-%d}/101"
    check(await incidents(live, tmp_path, act), receipt)


async def test_a_receipt_taken_back_on_paper_becomes_an_incident(tmp_path: Path) -> None:
    tap = Tap(Faults(Random(1)))
    async with TcpPort(tap.serve) as port:
        config = {"tcp": port.address, "patterns": "p.yml", "currency": "GBP"}
        live = shop(tmp_path, "pos-printer", config)

        async def act() -> None:
            await tap.print(receipt_words.receipts(played()))

        check(await incidents(live, tmp_path, act), "101")
