"""The demo's day decided on a second time, from the archive of its event stream."""

from __future__ import annotations

from pathlib import Path
from random import SystemRandom

from aislewatch.runtime.archive import export
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.nats_server import NatsServer
from aislewatch.runtime.replay import replay
from aislewatch.runtime.setup import Setup


async def write_archive(stream: Path, archive: Path) -> None:
    """Write what an ended run left in its stream as day files.

    Args:
        stream: the folder that NATS had.
        archive: the folder for the files.

    Raises:
        BusError: NATS cannot be started on the folder.
    """
    token = SystemRandom().randbytes(32).hex()
    async with (
        NatsServer(stream, token=token) as server,
        await Bus.connect(
            server.url, name="aislewatch demo, archive", credentials=server.engine
        ) as bus,
    ):
        await export(bus.read_all(), archive)


def replayed_heads(setup: Setup, archive: Path, ledger: Path) -> dict[str, bytes]:
    """Replay an archive into a new ledger; gives each chain's head."""
    summary = replay(setup, archive, ledger, clock=SystemClock())
    return {name: store.head.hash for name, store in summary.stores.items()}
