"""The hops around the core, one by one: JetStream with every write synced, and the ledger."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import stream

from aislewatch.events.record import Record, canonical_json
from aislewatch.events.subjects import event_subject
from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_message import Message
from aislewatch.runtime.nats_server import NatsServer

EVENTS = 50_000


def show(name: str, count: int, since: float) -> None:
    """Print a rate."""
    print(f"  {name:<44} {count / (time.perf_counter() - since):>10,.0f} /s")


async def bus(folder: Path) -> None:
    """Publish in atomic batches, fetch and acknowledge."""
    raws = stream.as_json(stream.shoplifting(EVENTS, Random(1)))
    subject = event_subject("1", "gate", "rfid.read")
    messages = [Message(subject, str(n), raw) for n, raw in enumerate(raws)]
    async with (
        NatsServer(folder, token=Random(1).randbytes(16).hex()) as server,
        await Bus.connect(server.url, name="bench", credentials=server.engine) as connection,
    ):
        await connection.ensure_streams()
        since = time.perf_counter()
        for at in range(0, EVENTS, 1000):
            await connection.publish_batch(messages[at : at + 1000])
        show("publish, atomic batches of 1,000, synced", EVENTS, since)
        consumer = await connection.subscribe("1", durable="bench", start_after=0)
        since = time.perf_counter()
        got = 0
        while got < EVENTS:
            batch = await consumer.fetch(500)
            got += len(batch)
            await consumer.ack_through(batch[-1].sequence)
        show("fetch of 500, acknowledged", got, since)
        await consumer.close()


def ledger(folder: Path, size: int) -> Callable[[], None]:
    """Append records in batches of a size, each with the consumer's position, synced."""
    payload = canonical_json({"because": "x" * 250})
    records = [Record("1", f"signal/{n}", "signal.raised", n, payload) for n in range(EVENTS)]
    with Ledger.open(folder / f"{size}.db") as log:
        since = time.perf_counter()
        for at in range(0, EVENTS, size):
            log.append("1", records[at : at + size], recorded_us=1, consumer_position=at + size)
        show(f"append in batches of {size:,}, synced", EVENTS, since)

    def check() -> None:
        with Ledger.read(folder / f"{size}.db") as log:
            since = time.perf_counter()
            assert verify(log, "1").sound
            show("verify", EVENTS, since)

    return check


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        print("JetStream")
        asyncio.run(bus(Path(folder) / "nats"))
        print("Ledger")
        ledger(Path(folder), 100)
        ledger(Path(folder), 1000)()


if __name__ == "__main__":
    main()
