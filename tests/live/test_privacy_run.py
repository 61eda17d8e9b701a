"""A whole run with pseudonyms: who is erased is nobody in any byte, and all records stay sound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aislewatch.cli import main
from aislewatch.ledger import Ledger, StoredRecord, verify
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.storefile import read_setup
from aislewatch_sim.faults import Faults
from aislewatch_sim.pos import json_words
from aislewatch_sim.pos.posting import Poster
from aislewatch_sim.pos.till import ARTICLES, Till

pytestmark = pytest.mark.live

RULES = Path(__file__).parents[2] / "rules"
SECRET = b"a secret that only this shop has"
CASHIER = "cashier-number-20771"

Typed = Callable[..., tuple[int, str, str]]


def shop(folder: Path, port: int) -> LiveStore:
    rule = (RULES / "post-void.yml").read_text(encoding="utf-8")
    assert "\nstatus: shadow\n" in rule
    (folder / "post-void.yml").write_text(rule.replace("status: shadow", "status: live"))
    (folder / "secret").write_bytes(SECRET)
    config = {"http": f"127.0.0.1:{port}/till", "secrets": [{"file": "secret"}]}
    written: dict[str, Any] = {
        "store": "s1",
        "currency": "GBP",
        "lateness": "1s",
        "rules": ["post-void.yml"],
        "zones": {"counter": {"kind": "checkout"}},
        "devices": {"till-3": {"zone": "counter", "lane": "3", "sees": ["pos.tender", "pos.void"]}},
        "feeds": {"till-3": {"plugin": "pos-json", "config": config}},
        "personal_data": {"pseudonyms": True, "retention": "400d"},
    }
    (folder / "store.yml").write_text(json.dumps(written))
    return LiveStore(read_setup(folder / "store.yml"))


async def incident(folder: Path, port: int) -> dict[str, Any]:
    """Run the shop while a cashier sells and takes the receipt back."""
    now = datetime.fromtimestamp(SystemClock().now_us() // 1_000_000, UTC)
    till = Till(cashier=CASHIER, opens=now - timedelta(seconds=90))
    till.open()
    till.scan(ARTICLES[2])
    till.pay()
    till.post_void(till.number, ARTICLES[2].pence)
    stop = asyncio.Event()
    found: list[dict[str, Any]] = []

    def note(record: StoredRecord) -> None:
        if record.type == "incident.opened":
            found.append(json.loads(record.payload))
            stop.set()

    async def act() -> None:
        line = Poster("127.0.0.1", port, "/till", Faults(Random(1)))
        body = json_words.body(json_words.events(till))
        sent_s = SystemClock().now_us() // 1_000_000
        # As a till does: again until it is taken. First nobody listens yet.
        while (await line.post(json_words.headers(SECRET, sent_s, body), body)).status != 202:
            await asyncio.sleep(0.05)

    acting = asyncio.ensure_future(act())
    options = Options(
        ledger=folder / "ledger.db", folder=folder / "run", host="inline", snapshot_s=0.05
    )
    try:
        async with asyncio.timeout(40):
            summary = await run([shop(folder, port)], options, on_record=note, stop=stop)
    finally:
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
    assert summary.failures == ()
    (opened,) = found
    return opened


def files_with(folder: Path, text: str) -> list[str]:
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and text.encode() in path.read_bytes()
    ]


async def test_who_is_erased_is_nobody_in_ledger_and_stream_which_stay_sound(
    tmp_path: Path, unused_tcp_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = await incident(tmp_path, unused_tcp_port)
    (name,) = [one.partition("=")[2] for one in opened["entities"] if one.startswith("cashier=")]
    assert name.startswith("cashier-")
    assert files_with(tmp_path, CASHIER) == []
    assert any(file.startswith("ledger.db") for file in files_with(tmp_path, name))
    store = ["--store", str(tmp_path / "store.yml"), "--by", "dpo", "--json"]
    ledger = ["--ledger", str(tmp_path / "ledger.db")]

    def typed(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["privacy", *words, *store])
        return code, capsys.readouterr().out

    code, out = typed("find", "cashier", CASHIER, *ledger)
    told = json.loads(out)
    assert (code, told["pseudonym"]) == (0, name)
    assert "incident.opened" in {one["type"] for one in told["held"]}
    assert all(one["records"] >= 1 and one["first_us"] <= one["last_us"] for one in told["held"])
    assert typed("erase", "cashier", CASHIER, "--request", "DSR-12", *ledger)[0] == 0
    assert files_with(tmp_path, CASHIER) == []
    assert "names.db" not in files_with(tmp_path, name)
    assert typed("find", "cashier", CASHIER, *ledger)[0] == 2
    for kept in ("ledger.db", "names-access.db"):
        with Ledger.read(tmp_path / kept) as reader:
            assert verify(reader, "s1").sound
    code, out = typed("access")
    actions = [json.loads(line)["action"] for line in out.splitlines()]
    assert actions == ["shown", "shown", "erased", "reviewed"]
    assert typed("purge")[0] == 0
    assert typed("find", "cashiers", CASHIER)[0] == 2
