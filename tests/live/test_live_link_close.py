import asyncio
from pathlib import Path

import pytest

from aislewatch.runtime.bus import Bus
from aislewatch.runtime.nats_server import NatsServer

pytestmark = pytest.mark.live
TOKEN = "a-secret-of-this-test-run"


async def test_a_bus_can_be_closed_at_any_moment_of_its_connecting(tmp_path: Path) -> None:
    async with NatsServer(tmp_path, token=TOKEN) as server:
        for turns in range(60):
            bus = await Bus.connect(server.url, name="b", credentials=server.engine, wait_s=None)
            for _ in range(turns):
                await asyncio.sleep(0)
            async with asyncio.timeout(20):
                await bus.close()
            assert not bus.state().connected


async def test_a_bus_that_never_connected_can_be_closed() -> None:
    bus = await Bus.connect("nats://127.0.0.1:9", name="b", wait_s=None)

    async with asyncio.timeout(20):
        await bus.close()
