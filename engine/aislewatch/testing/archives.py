"""Archives of a few lines, for tests of what reads past days."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, Event
from aislewatch.events.registry import type_of
from aislewatch.events.subjects import event_subject
from aislewatch.runtime.archive import ArchiveWriter
from aislewatch.runtime.archive_line import Archived
from aislewatch.testing.lines import parse_lines, time_us
from aislewatch.testing.small import REGISTRY


def tick_of(store: str, time: int, *, final: bool = False) -> ClockTick:
    """Make a tick of a store's clock; a final one ends the log."""
    ident = f"clock/{time}{'/end' if final else ''}"
    return ClockTick(id=ident, store=store, device="clock", time=time, final=final or None)


def write_archive(folder: Path, events: Iterable[Event]) -> Path:
    """Write events, ticks among them, in the order of the log; gives the folder."""
    with ArchiveWriter(folder) as writer:
        for number, event in enumerate(events, start=1):
            subject = event_subject(event.store, event.device, type_of(type(event)))
            writer.write(Archived(number, subject, Codec.encode(event)))
    return folder


def archive_of_lines(folder: Path, lines: Iterable[str], until: str) -> Path:
    """Write a day of lines, in the order of time, a tick before each and a final one behind them.

    Args:
        folder: of the archive.
        lines: events, each with its ``store=``, all of one store.
        until: time of day at which the log ends.
    """
    events = sorted(parse_lines("\n".join(lines), REGISTRY), key=lambda e: (e.time, e.seq))
    log: list[Event] = []
    for event in events:
        log += tick_of(event.store, event.time), event
    return write_archive(folder, [*log, tick_of(events[0].store, time_us(until), final=True)])
