"""A whole run: what is refused is kept without the secrets of the shop, in any byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from aislewatch.cli import main
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.live_letters import Refused
from aislewatch.runtime.storefile import read_setup
from aislewatch_sim.faults import Faults
from aislewatch_sim.pos import json_words
from aislewatch_sim.pos.posting import Poster

pytestmark = pytest.mark.live

OWN = b"a secret that this till signs with"
OTHER = "the secret of the till beside it"
OLD = "a-token-that-no-file-knows-any-more"


def shop(folder: Path, ports: tuple[int, int]) -> LiveStore:
    (folder / "own").write_bytes(OWN)
    (folder / "other").write_text(OTHER)
    feeds = {
        name: {
            "plugin": "pos-json",
            "config": {"http": f"127.0.0.1:{port}/till", "secrets": [{"file": file}]},
        }
        for name, file, port in zip(("till-1", "till-2"), ("own", "other"), ports, strict=True)
    }
    (folder / "store.yml").write_text(json.dumps({"store": "s1", "feeds": feeds}))
    return LiveStore(read_setup(folder / "store.yml"))


async def refused(folder: Path, ports: tuple[int, int], body: bytes) -> None:
    """Run the shop until a till has posted a body that is refused."""
    stop = asyncio.Event()

    def note(_: Refused) -> None:
        stop.set()

    async def act() -> None:
        line = Poster("127.0.0.1", ports[0], "/till", Faults(Random(1)))
        sent_s = SystemClock().now_us() // 1_000_000
        # As a till does: again until it is answered. First nobody listens yet.
        while (await line.post(json_words.headers(OWN, sent_s, body), body)).status not in {
            202,
            400,
        }:
            await asyncio.sleep(0.05)

    acting = asyncio.ensure_future(act())
    options = Options(
        ledger=folder / "ledger.db", folder=folder / "run", host="inline", snapshot_s=0.05
    )
    try:
        async with asyncio.timeout(40):
            await run([shop(folder, ports)], options, on_refused=note, stop=stop)
    finally:
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)


async def test_no_secret_of_the_shop_is_kept_of_what_is_refused(
    tmp_path: Path,
    unused_tcp_port_factory: Callable[[], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ports = (unused_tcp_port_factory(), unused_tcp_port_factory())
    row = {"id": "1", "kind": OTHER, "note": OWN.decode(), "sharedSecret": OLD, "till": "3"}
    await refused(tmp_path, ports, json_words.body([row]))
    for secret in (OWN, OTHER.encode(), OLD.encode()):
        kept = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
        assert kept
        assert [path.name for path in kept if secret in path.read_bytes()] == []
    capsys.readouterr()
    assert await asyncio.to_thread(letters, tmp_path) == 0
    (letter,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = json.loads(letter["raw"])
    assert told["till"] == "3"
    assert (told["note"], told["sharedSecret"], told["kind"]) == ("(hidden)",) * 3
    assert OTHER not in letter["reason"]


def letters(folder: Path) -> int:
    return main(["dead-letters", "--folder", str(folder / "run"), "--json"])
