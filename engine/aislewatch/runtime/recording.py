"""Recordings as one sequence of events: the store file's feeds, read at once, their clock ticking.

No event loop and no NATS: what the live path would put into the log while it plays the recording,
as fast as files can be read.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from fnmatch import fnmatch
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, Protocol, cast, runtime_checkable

from aislewatch.errors import UsageError
from aislewatch.events.kinds import Event
from aislewatch.events.sensor import SensorContext
from aislewatch.runtime.clock import RecordingClock, SystemClock
from aislewatch.runtime.names_emit import Namer
from aislewatch.runtime.setup import FeedSetup, Setup
from aislewatch.runtime.ticking import RecordingTicks

BOOT = "recording"

ROW_COUNTS: Final = ("rows", "told", "heartbeats", "banners", "repeats", "refused")
"""What a plugin's `diagnostics` may say of the rows of a recording."""


@runtime_checkable
class RefusedRow(Protocol):
    """What a recording holds that is no event."""

    @property
    def raw(self) -> bytes:
        """What stands there."""
        ...

    @property
    def reason(self) -> str:
        """Why it is no event, in a sentence."""
        ...

    @property
    def place(self) -> str:
        """What refused it."""
        ...

    @property
    def device(self) -> str:
        """Which device it is from."""
        ...


@runtime_checkable
class ReadsRecordings(Protocol):
    """A plugin whose source can be files that are read at once."""

    def diagnostics(self) -> Mapping[str, object]:
        """Say what became of the rows so far, under the names of `ROW_COUNTS`; not of all."""
        ...

    def read_recording(
        self, context: SensorContext, files: Sequence[Path] | None = None
    ) -> Iterator[Sequence[Event] | RefusedRow]:
        """Give what the files tell, in the order in which the plugin would emit it.

        Args:
            context: as for `SensorPlugin.open`.
            files: in place of those that the configuration names.

        Raises:
            UsageError: the configuration names no files, or one cannot be read.
            FileMistakes: a file that the configuration names holds mistakes.
        """
        ...


class Refused(NamedTuple):
    """A row of a recording that is no event."""

    device: str
    reason: str
    place: str


def play(
    setup: Setup, files: Sequence[Path] | None = None, rows: Counter[str] | None = None
) -> Iterator[Event | Refused]:
    """Give the events of a setup's recordings and their ticks, as one log.

    Args:
        setup: whose feeds are read; those of several feeds are put in order of time.
        files: what is read in place of the files that the setup names.
        rows: is told what became of the rows, once all are read: ``rows`` is the sum of ``told``,
            ``heartbeats``, ``banners``, ``repeats`` and ``refused``. Nothing of a plugin that does
            not count.

    Raises:
        UsageError: no feed has files, or it cannot be told whose ``files`` are.
    """
    feeds = list(setup.feeds.values())
    if files is not None:
        feeds = [_feed_of(setup, files)]
    counted = Counter[str]() if rows is None else rows
    played = [_rows(setup, feed, files, counted) for feed in feeds]
    if not played:
        message = f"{setup.file} has no feeds, so there is nothing to replay"
        raise UsageError(message)
    merged = played[0] if len(played) == 1 else heapq.merge(*map(_timed, played), key=_time)
    ticks: dict[str, RecordingTicks] = {}
    for row in merged:
        told = row.told if isinstance(row, _Timed) else row
        if isinstance(told, Refused):
            yield told
            continue
        for event in told:
            clock = ticks.get(event.store)
            if clock is None:
                clock = RecordingTicks(event.store, setup.tick_us, BOOT)
                ticks[event.store] = clock
            tick = clock.before(event)
            if tick is not None:
                yield tick
            yield event
    for clock in ticks.values():
        yield clock.final()


class _Timed(NamedTuple):
    time: int
    told: Sequence[Event] | Refused


def _timed(rows: Iterator[Sequence[Event] | Refused]) -> Iterator[_Timed]:
    latest = 0
    for told in rows:
        if not isinstance(told, Refused):
            latest = max(latest, *(event.time for event in told))
        yield _Timed(latest, told)


def _time(timed: _Timed) -> int:
    return timed.time


def _rows(
    setup: Setup, feed: FeedSetup, files: Sequence[Path] | None, counted: Counter[str]
) -> Iterator[Sequence[Event] | Refused]:
    plugin: Any = feed.make()
    if not isinstance(plugin, ReadsRecordings):
        message = f"feed {feed.id!r}: plugin {feed.plugin!r} reads no recordings"
        raise UsageError(message)
    context = SensorContext(
        # Where there are many stores each row says its own, or is refused.
        store=setup.stores[0] if len(setup.stores) == 1 else "",
        device=feed.id,
        boot=BOOT,
        clock=RecordingClock(),
        random=Random(0),
        registry=setup.registry,
        folder=str(setup.folder),
    )
    with ExitStack() as stack:
        namer = None
        if setup.names is not None:
            # As the live path does it: a replay must not keep what a run has not kept.
            namer = stack.enter_context(closing(Namer(setup.names, SystemClock(), feed.id)))
        for told in plugin.read_recording(context, files):
            if isinstance(told, RefusedRow):  # Asked first: a refusal may be a tuple, too.
                yield Refused(told.device, told.reason, told.place)
            else:
                yield told if namer is None else namer.named(told)
    diagnostics = plugin.diagnostics()
    for name in ROW_COUNTS:
        number = diagnostics.get(name)
        if isinstance(number, int):
            counted[name] += number


def _feed_of(setup: Setup, files: Sequence[Path]) -> FeedSetup:
    """Find the feed that files belong to: the only one, that of their names, or the clock's."""
    feeds = setup.feeds
    if len(feeds) == 1:
        return next(iter(feeds.values()))
    named = [feed for feed in feeds.values() if all(_names(feed, path) for path in files)]
    if len(named) == 1:
        return named[0]
    clock = feeds.get(setup.recording or "")
    if clock is not None:
        return clock
    message = f"{setup.file} has {len(feeds)} feeds; which of them {files[0]} is from is not told"
    raise UsageError(message)


def _names(feed: FeedSetup, path: Path) -> bool:
    written = feed.config.get("files")
    patterns = cast("Sequence[Any]", written if isinstance(written, list) else ())
    names = [str(pattern).rpartition("/")[2] for pattern in patterns]
    return any(fnmatch(path.name, name) for name in names)
