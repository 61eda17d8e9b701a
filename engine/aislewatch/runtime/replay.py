"""A replay: events that have been, decided on again, from files into a ledger of their own.

From an archive it gives the ledger that the live run gave, byte for byte: by one setup, where the
run went by none other, or by the run's own past. From raw recordings it gives what a live run would
give in which every event came in time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from aislewatch.errors import UsageError
from aislewatch.events.kinds import ClockTick, DeviceState, Event
from aislewatch.events.sensor import Clock
from aislewatch.ledger import Head, Ledger
from aislewatch.ledger.lock import WriterLock
from aislewatch.runtime.archive import is_archive, read_archive
from aislewatch.runtime.archive_line import Archived, store_of
from aislewatch.runtime.as_it_was import RunPast
from aislewatch.runtime.collector import calm_collector
from aislewatch.runtime.recording import play
from aislewatch.runtime.refusals import RefusalGroup, Refusals
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.store_engine import Arrival, Batch, StoreEngine

_BATCH: Final = 5_000


class Progress(NamedTuple):
    """How far a replay is.

    Attributes:
        events: taken so far, ticks included.
        time: of the latest event, microseconds UTC.
    """

    events: int
    time: int


@dataclass(frozen=True)
class StoreSummary:
    """What a replay gave for one store.

    Attributes:
        store: its id.
        head: of its chain.
        events: taken, ticks left out.
        states: those of them that are states of devices.
        ticks: of its clock, taken.
        counters: what became of them; see `Core.counters`.
        records: in the chain, by type.
        reloads: places in the stream from which on the live run decided by other rules. A replay
            by the run's past did so, too; one by a single setup passed them over.
    """

    store: str
    head: Head
    events: int
    states: int
    ticks: int
    counters: Mapping[str, int]
    records: Mapping[str, int]
    reloads: tuple[int, ...] = ()


@dataclass(frozen=True)
class ReplaySummary:
    """What a replay gave.

    Attributes:
        stores: by id, in alphabetical order.
        rows: what became of the rows of recordings; see `aislewatch.runtime.recording.play`.
            Of an archive, ``rows`` is how many messages it has.
        refused: what was no event, in groups, the largest first.
        refused_count: how much was no event.
        strangers: events of stores that the store file does not describe, by store.
    """

    stores: Mapping[str, StoreSummary]
    rows: Mapping[str, int] = field(default_factory=dict[str, int])
    refused: Sequence[RefusalGroup] = ()
    refused_count: int = 0
    strangers: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def events(self) -> int:
        """How many events were taken, ticks left out."""
        return sum(store.events for store in self.stores.values())

    @property
    def states(self) -> int:
        """How many of them are states of devices."""
        return sum(store.states for store in self.stores.values())

    @property
    def ticks(self) -> int:
        """How many ticks were taken."""
        return sum(store.ticks for store in self.stores.values())

    def counted(self, *names: str) -> int:
        """Sum some of the counters of all stores."""
        return sum(store.counters.get(name, 0) for store in self.stores.values() for name in names)


def replay(
    setup: Setup | RunPast,
    events: Path | None,
    out: Path | str,
    *,
    clock: Clock,
    on_progress: Callable[[Progress], None] | None = None,
) -> ReplaySummary:
    """Decide on events that have been, in a new ledger.

    By a setup all is decided by that one. Where the archive's run was reloaded on the way, or
    started by other files, the ledger is thus another than the run's: it says what today's rules
    find in those days. By a run's past it is that of the run, as long as both begin with the stream
    and the run's ledger with the run.

    It is written in a hidden folder beside its place, and is in its place when it is whole: what
    was interrupted must not pass for a ledger of the day.

    Args:
        setup: what to detect; or the past of the run that the archive is of.
        events: an archive, or one of its files; a raw recording; None, or a folder that is no
            archive: the recordings that the setup's feeds name (see `read_setup` for how a folder
            stands for ``$data``).
        out: the ledger; must not hold chains yet.
        clock: says when records are written; no hash covers it.
        on_progress: called after each batch.

    Raises:
        UsageError: there is nothing to replay, or ``out`` holds chains; or a past was given for
            what is no archive, or rules of it are gone.
        LedgerError: the ledger cannot be written.
    """
    if events is not None and not events.exists():
        message = f"there is nothing at {events}"
        raise UsageError(message)
    if isinstance(setup, RunPast) and (events is None or not is_archive(events)):
        message = f"{events or 'what feeds read'} is no archive: only of a run is known how it was"
        raise UsageError(message)
    calm_collector()
    out = Path(out)
    with _in_place_when_whole(out) as made:
        with Ledger.open(made) as ledger:
            run = _Run(setup, ledger, clock, on_progress)
            if events is not None and is_archive(events):
                run.take_archive(read_archive(events))
            else:
                assert isinstance(setup, Setup)
                files = [events] if events is not None and events.is_file() else None
                run.take_recordings(setup, files)
        return run.summary()


@contextmanager
def _in_place_when_whole(out: Path) -> Generator[Path]:
    """Give a path to write a ledger at, which is moved to its own if nothing goes wrong.

    Raises:
        UsageError: there is a ledger already.
        LedgerError: what is there is none, or somebody writes it.
    """
    if out.exists() and out.stat().st_size:
        with Ledger.open(out) as ledger:
            if ledger.stores():
                message = f"{out} holds records already: name a file that is not there"
                raise UsageError(message)
    lock = WriterLock(out)
    try:
        with TemporaryDirectory(prefix=f".{out.name}.", dir=out.absolute().parent) as folder:
            made = Path(folder) / out.name
            yield made
            made.replace(out)
    finally:
        lock.release()


@dataclass
class _Store:
    engine: StoreEngine
    waiting: list[Arrival] = field(default_factory=list[Arrival])
    events: int = 0
    states: int = 0
    ticks: int = 0


class _Run:
    def __init__(
        self,
        decides: Setup | RunPast,
        ledger: Ledger,
        clock: Clock,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._past = decides if isinstance(decides, RunPast) else None
        self._setup = decides if isinstance(decides, Setup) else None
        self._ledger = ledger
        self._clock = clock
        self._on_progress = on_progress
        self._stores: dict[str, _Store] = {}
        self._refused = Refusals()
        self._rows: Counter[str] = Counter()
        self._strangers: Counter[str] = Counter()
        self._events = 0

    def take_archive(self, messages: Iterator[Archived]) -> None:
        """Take an archive's messages."""
        gathered: dict[str, list[Archived]] = {}
        for message in messages:
            self._rows["rows"] += 1
            name = store_of(message.subject)
            if not self._is_known(name, message.sequence):
                self._strangers[name] += 1
                continue
            batch = gathered.setdefault(name, [])
            batch.append(message)
            if len(batch) >= _BATCH:
                self._read(name, gathered.pop(name))
        for name, batch in gathered.items():
            self._read(name, batch)

    def take_recordings(self, setup: Setup, files: list[Path] | None) -> None:
        """Take what a setup's feeds read."""
        sequence = count(1)
        for told in play(setup, files, self._rows):
            if not isinstance(told, Event):
                self._refused.add(told.place, told.reason)
            elif not self._is_known(told.store, 1):
                self._strangers[told.store] += 1
            else:
                store = self._stores[told.store]
                store.waiting.append(Arrival(next(sequence), told))
                if len(store.waiting) >= _BATCH:
                    self._take(store, Batch(store.waiting[-1].sequence, store.waiting))
                    store.waiting = []
        for store in self._stores.values():
            if store.waiting:
                self._take(store, Batch(store.waiting[-1].sequence, store.waiting))

    def summary(self) -> ReplaySummary:
        """Say what came of it."""
        return ReplaySummary(
            stores={
                name: StoreSummary(
                    store=name,
                    head=store.engine.head,
                    events=store.events,
                    states=store.states,
                    ticks=store.ticks,
                    counters=dict(store.engine.counters),
                    records=dict(store.engine.written),
                    reloads=tuple(reload.sequence for reload in store.engine.reloads),
                )
                for name, store in sorted(self._stores.items())
            },
            rows=dict(self._rows),
            refused=self._refused.groups(),
            refused_count=self._refused.total,
            strangers=dict(self._strangers),
        )

    def _is_known(self, name: str, sequence: int) -> bool:
        """Say whether a store is one that is decided on; its first message has its engine made."""
        if name in self._stores:
            return True
        if name in self._strangers:
            return False
        if self._past is not None:
            setup, kept = self._past.beginning(name, sequence), self._past.kept
        else:
            setup, kept = self._setup, None
        if setup is None or not setup.accepts(name):
            return False
        # No snapshots: nobody resumes a replay.
        engine = StoreEngine(setup, name, self._ledger, snapshot_every=0, kept=kept)
        self._stores[name] = _Store(engine)
        return True

    def _read(self, name: str, messages: list[Archived]) -> None:
        store = self._stores[name]
        if self._past is not None:
            self._past.require_all(messages)
        batch = store.engine.read(messages)
        for refusal in batch.refusals:
            self._refused.add(refusal.place, refusal.reason)
        self._take(store, batch)

    def _take(self, store: _Store, batch: Batch) -> None:
        store.engine.take(batch, recorded_us=self._clock.now_us())
        ticks = sum(isinstance(arrival.event, ClockTick) for arrival in batch.arrivals)
        store.ticks += ticks
        store.states += sum(isinstance(arrival.event, DeviceState) for arrival in batch.arrivals)
        store.events += len(batch.arrivals) - ticks
        self._events += len(batch.arrivals)
        if self._on_progress is not None and batch.arrivals:
            self._on_progress(Progress(self._events, batch.arrivals[-1].event.time))
