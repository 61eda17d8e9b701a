"""What an ended run has left in its folder: its event stream and its dead letters."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom

from aislewatch.errors import UsageError
from aislewatch.runtime.archive import export
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_message import DeadLetter
from aislewatch.runtime.nats_server import NatsServer
from aislewatch.runtime.run_lock import held

NATS = "nats"
"""Where a run's own NATS keeps its streams, in the run's folder."""


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[Bus]:
    """Have a NATS on a run's folder for a while.

    Raises:
        UsageError: no run has kept its stream there, or one is under way.
        BusError: NATS cannot be started.
    """
    if not (folder / NATS / "streams").is_dir():
        message = (
            f"{folder} is no folder of a run: name the --folder of the run, or the one beside its "
            "ledger; a run on a NATS of your own keeps its stream there"
        )
        raise UsageError(message)
    token = SystemRandom().randbytes(32).hex()
    with held(folder):
        async with (
            NatsServer(folder / NATS, token=token) as server,
            await Bus.connect(
                server.url, name="aislewatch, reading", credentials=server.engine
            ) as bus,
        ):
            yield bus


async def write_archive(
    folder: Path, archive: Path, *, on_progress: Callable[[int], None] | None = None
) -> int:
    """Write a run's event stream as day files, those that are not there yet; gives how many.

    Args:
        folder: the run's.
        archive: the folder for the files; made where it is absent.
        on_progress: called now and then with how many were read.

    Raises:
        UsageError: as of `opened`.
        BusError: likewise.
    """
    async with opened(folder) as bus:
        return await export(bus.read_all(), archive, on_progress=on_progress)


async def dead_letters(folder: Path, store: str = "") -> list[tuple[int, DeadLetter]]:
    """Give what a run has refused, each with its number; of all stores unless one is named.

    Raises:
        UsageError: as of `opened`.
        BusError: likewise.
    """
    async with opened(folder) as bus:
        return [told async for told in bus.dead_letters(store)]
