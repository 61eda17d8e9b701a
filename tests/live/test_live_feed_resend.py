"""A feed is killed and started again, and its device sends again what nobody answered."""

import asyncio
import json
import socket
import sys
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from textwrap import dedent

import aiohttp
import msgspec
import pytest

from aislewatch.events.codec import Codec
from aislewatch.events.kinds import PosItem
from aislewatch.events.registry import Registry
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.device import BusAccess, DeviceSpec
from aislewatch.runtime.nats_server import NatsServer

pytestmark = pytest.mark.live
TOKEN = "a-secret-of-this-test-run"
STARTS_S = 30.0
LIFE = """
import asyncio, sys, msgspec
from aislewatch.runtime.device import DeviceSpec
sys.exit(str(asyncio.run(msgspec.json.decode(sys.argv[1], type=DeviceSpec).make().run())))
"""
MAPPING = """\
    mapping: till
    time: at
    device: dev
    id: "{receipt}-{line}"
    cases:
      - name: item
        type: pos.item
        fields: {sku: {from: sku, required: yes}, receipt: receipt}
    """


@asynccontextmanager
async def life(spec: DeviceSpec) -> AsyncGenerator[None]:
    """Run a device in a process of its own, and kill it."""
    given = msgspec.json.encode(spec).decode()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LIFE, given)
    try:
        yield
        assert process.returncode is None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def post(url: str, rows: list[dict[str, object]]) -> None:
    """Send rows as a till does: again and again until it is answered."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(STARTS_S):
        while True:
            try:
                async with session.post(url, data=json.dumps(rows)) as answer:
                    assert answer.status == 202
                    return
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)


def lines(*numbers: int) -> list[dict[str, object]]:
    row = {"at": "2026-03-02T09:00:00Z", "dev": "till-1", "receipt": "R7"}
    return [{**row, "line": number, "sku": f"S{number % 2}"} for number in numbers]


async def test_rows_that_are_sent_again_after_a_kill_are_in_the_log_once(tmp_path: Path) -> None:
    (tmp_path / "till.mapping.yml").write_text(dedent(MAPPING))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{free.getsockname()[1]}/till"
    async with (
        NatsServer(tmp_path / "nats", token=TOKEN) as server,
        await Bus.connect(server.url, name="t", credentials=server.engine) as bus,
    ):
        await bus.ensure_streams()
        who = server.engine
        spec = DeviceSpec(
            store="s1",
            device="feed-1",
            plugin="feed",
            config={"mapping": "till.mapping.yml", "http": where},
            folder=str(tmp_path),
            bus=BusAccess(server.url, who.user, who.password, who.inbox),
            spool=str(tmp_path / "spool.sqlite"),
            boot="b1",
        )
        async with life(spec):
            await post(f"http://{where}", lines(1, 2, 3))
        async with life(msgspec.structs.replace(spec, boot="b2", attempt=2)):
            await post(f"http://{where}", lines(3, 4))
            await post(f"http://{where}", lines(2, 5, 1))
        codec = Codec(Registry())
        events = [codec.decode(message.payload) async for message in bus.read_all("s1")]

    told = Counter(event.id for event in events if isinstance(event, PosItem))
    assert told == {f"R7-{number}": 1 for number in range(1, 6)}
