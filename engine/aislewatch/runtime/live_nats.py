"""Our own nats-server for as long as a run lasts, started again when it ends before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from aislewatch.errors import BusError
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.nats_server import NatsServer
from aislewatch.runtime.supervisor import Policy, Supervisor


@asynccontextmanager
async def serve_nats(folder: Path, dice: Random, policy: Policy) -> AsyncGenerator[NatsServer]:
    """Have a server; one that ends by itself is started again, on its port and with its data.

    Args:
        folder: its data folder.
        dice: draws this run's secret and the pauses.
        policy: how patiently to start it again.

    Raises:
        BusError: it cannot be started.
    """
    async with NatsServer(folder, token=dice.randbytes(32).hex()) as server:
        keeper = asyncio.create_task(_keep(server, Supervisor(policy, dice.random)))
        try:
            yield server
        finally:
            keeper.cancel()
            await asyncio.wait([keeper])


async def _keep(server: NatsServer, supervisor: Supervisor) -> None:
    clock = SystemClock()
    supervisor.begin(clock.now_us())
    while True:
        why = "ended" if not server.pid else f"ended with code {await server.ended()}"
        supervisor.fail(clock.now_us(), "ended", why)
        assert supervisor.retry_at_us is not None
        await asyncio.sleep((supervisor.retry_at_us - clock.now_us()) / 1_000_000)
        supervisor.begin(clock.now_us())
        try:
            await server.stop()
            await server.start()
        except BusError:
            continue  # Its log says why; the devices' spools fill meanwhile.
        supervisor.proved()
