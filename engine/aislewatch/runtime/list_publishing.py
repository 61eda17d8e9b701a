"""Changes of named lists put into a run's log, while it lasts or for the next one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aislewatch.events.kinds import ListChanged
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.device_events import event_message
from aislewatch.runtime.handover import Reach
from aislewatch.runtime.run_folder import opened


async def publish_to_run(reach: Reach, events: Sequence[ListChanged]) -> None:
    """Put changes into the log of a run that is under way; they are in it when this returns.

    Raises:
        BusError: its NATS cannot be reached.
    """
    async with await Bus.connect(
        reach.url, name="aislewatch lists", credentials=reach.credentials, wait_s=5.0
    ) as bus:
        await _publish(bus, events)


async def publish_to_folder(folder: Path, events: Sequence[ListChanged]) -> None:
    """Put changes into the log that a run has left; its next run finds them, and its archive.

    Raises:
        UsageError: no run has kept its log there, or one is under way.
        BusError: NATS cannot be started.
    """
    async with opened(folder) as bus:
        await _publish(bus, events)


async def _publish(bus: Bus, events: Sequence[ListChanged]) -> None:
    await bus.publish_batch([event_message(event) for event in events])
