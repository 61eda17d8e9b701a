"""New rules, lists and parameters for a run that is under way, at one place in its log.

The files are read as at a start; with any mistake in them nothing changes. Otherwise what decides
is kept on the shelf, and a ``store.reloaded`` is put into each store's stream: the engine decides
by the old up to there, and by the new from there on, also where it is killed in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol

import msgspec

from aislewatch.errors import BusError, FileMistakes, Mistake, MistakeError
from aislewatch.events.kinds import Event, StoreReloaded
from aislewatch.events.registry import type_of
from aislewatch.events.subjects import CLOCK_DEVICE, EVENTS, event_subject
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.device_events import event_message
from aislewatch.runtime.live_options import LiveStore
from aislewatch.runtime.nats_link import Link
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.setup_history import SetupHistory
from aislewatch.runtime.setup_shelf import SetupShelf
from aislewatch.runtime.storefile import read_setup
from aislewatch.runtime.stream_marks import last_of, last_sequence, ticking_stores

COMMITTED_S: Final = 60.0
"""How long to wait for the engine to come to the place."""

RECORDED_S: Final = 5.0
"""How long to wait then for the record, which comes with the clock's next tick."""

_POLL_S: Final = 0.05


class Reload(msgspec.Struct, frozen=True):
    """One store that decides by new rules.

    Attributes:
        store: its id.
        sequence: place in the event stream from which on they decide; 0 where it is not known yet,
            because NATS is away: it waits on disk.
        record: position in the ledger's chain of the record that names them; None where it was not
            written in time, or what decides is as before.
        committed: the engine has come to the place.
    """

    store: str
    sequence: int
    record: int | None
    committed: bool


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a reload.

    Attributes:
        changed: the files say other than before, in what decides or is told of it.
        stores: where that counts now; of a store file for every store, those that were heard of.
        rules: how many rules there are now.
        notes: what was changed in the files and does not take effect, each in a sentence.
        mistakes: what is wrong in the files; then nothing has changed.
        refused: why nothing has changed, where no place in a file is to blame; empty otherwise.
    """

    changed: bool = False
    stores: tuple[Reload, ...] = ()
    rules: int = 0
    notes: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    refused: str = ""

    @property
    def taken(self) -> bool:
        """Whether the files were sound, so that the engine goes by what they say."""
        return not self.mistakes and not self.refused


class Running(Protocol):
    """The part of a run that a reload needs; `aislewatch.runtime.live_parts.Parts`."""

    @property
    def committed(self) -> Mapping[str, int]: ...  # noqa: D102
    @property
    def engine_over(self) -> bool: ...  # noqa: D102
    @property
    def configured(self) -> Mapping[str, int]: ...  # noqa: D102
    def now_us(self, setup: Setup) -> int: ...  # noqa: D102
    def stores_of(self, setup: Setup) -> set[str]: ...  # noqa: D102
    async def publish(self, events: Sequence[Event]) -> None: ...  # noqa: D102


class Reloading:
    """Reloads a run's store files, one request after the other.

    Args:
        stores: what is run.
        shelf: the engine's.
        running: the run.
        link: for where things stand in the stream.
        boot: tells this run's reloads from those of other runs.
    """

    def __init__(
        self,
        stores: Sequence[LiveStore],
        shelf: SetupShelf,
        running: Running,
        link: Link,
        boot: str,
    ) -> None:
        self._stores = list(stores)
        self._shelf = shelf
        self._running = running
        self._link = link
        self._boot = boot
        self._count = 0
        self._turn = asyncio.Lock()

    async def reload(self, by: str = "") -> Reloaded:
        """Have the run go by what its files say now.

        Args:
            by: who asks, as a pseudonym.

        Returns:
            What became of it; mistakes are no exception.
        """
        async with self._turn:
            mistakes: list[Mistake] = []
            news: list[LiveStore] = []
            for live in self._stores:
                try:
                    news.append(replace(live, setup=await _read(live)))
                except FileMistakes as error:
                    mistakes += error.mistakes
                except MistakeError as error:
                    return Reloaded(refused=str(error))
            if mistakes:
                return Reloaded(mistakes=tuple(mistakes))
            pairs = list(zip(self._stores, news, strict=True))
            for old, new in pairs:
                refused = _fixed(old.setup, new.setup)
                if refused:
                    return Reloaded(refused=refused)
            return await self._go_over(pairs, by)

    async def _go_over(self, pairs: Sequence[tuple[LiveStore, LiveStore]], by: str) -> Reloaded:
        marks: list[StoreReloaded] = []
        named: set[str] = set()
        for number, (old, new) in enumerate(pairs):
            if old.setup.meaning == new.setup.meaning:
                continue
            # First, so that an engine that begins anew from here on goes by it, too.
            await asyncio.to_thread(self._shelf.put_in_force, number, new.setup)
            self._count += 1
            for store in sorted(self._running.stores_of(new.setup)):
                marks.append(self._mark(store, new.setup, by))
                if old.setup.decided_by != new.setup.decided_by:
                    named.add(store)
        before = dict(self._running.configured)
        await self._running.publish(marks)
        with suppress(BusError):  # NATS is away, and the next start notes what is in force then.
            await _note([new for _, new in pairs], SetupHistory(self._shelf.folder), self._link)
        # Feeds stay those of the start: only a start makes devices.
        self._stores = [
            replace(new, setup=replace(new.setup, feeds=old.setup.feeds)) for old, new in pairs
        ]
        reloads = [await self._followed(mark, named, before) for mark in marks]
        return Reloaded(
            changed=any(old.setup.meaning != new.setup.meaning for old, new in pairs),
            stores=tuple(reloads),
            rules=sum(len(new.setup.rules) for _, new in pairs),
            notes=tuple(note for old, new in pairs for note in _ignored(old.setup, new.setup)),
        )

    def _mark(self, store: str, setup: Setup, by: str) -> StoreReloaded:
        ident = f"{CLOCK_DEVICE}/{self._boot}/reload/{self._count}"
        return _reloaded(ident, store, setup, self._running.now_us(setup), by)

    async def _followed(
        self, mark: StoreReloaded, named: set[str], before: Mapping[str, int]
    ) -> Reload:
        """Wait for the engine to come to the place, and for the record that names the change."""
        running = self._running
        store = mark.store
        try:
            sequence, payload = await last_of(self._link, _subject(store))
        except BusError:
            sequence, payload = 0, b""
        if mark.meaning.encode() not in payload:
            return Reload(store, 0, None, committed=False)

        def committed() -> bool:
            return running.committed.get(store, 0) >= sequence

        def recorded() -> bool:
            return running.configured.get(store, 0) > before.get(store, 0)

        await self._until(committed, COMMITTED_S)
        if store in named and committed():
            await self._until(recorded, RECORDED_S)
        record = running.configured[store] if store in named and recorded() else None
        return Reload(store, sequence, record, committed())

    async def _until(self, holds: Callable[[], bool], wait_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                while not holds() and not self._running.engine_over:
                    await asyncio.sleep(_POLL_S)


async def state_at_start(
    stores: Sequence[LiveStore],
    shelf: SetupShelf,
    link: Link,
    bus: Bus,
    *,
    boot: str,
) -> None:
    """Put into the log what decides from here on, for each store that something else decided for.

    The engine goes by what its state was made under until the log says otherwise, and so does a
    replay. A store of which the log holds nothing begins with what the run is started with, which
    is noted beside the setups: whoever reads a recording has its time from the log's first message.

    Args:
        stores: what is run.
        shelf: the engine's.
        link: for what the log holds.
        bus: takes what is put there.
        boot: tells this run's from those of other runs; the time of its start, microseconds UTC.

    Raises:
        BusError: NATS does not answer, or does not take it.
        UsageError: what earlier runs have noted cannot be read.
    """
    history = SetupHistory(shelf.folder)
    events: list[StoreReloaded] = []
    for live in stores:
        setup = live.setup
        await asyncio.to_thread(shelf.put, setup)
        for store in setup.stores or await ticking_stores(link):
            if not await _goes_by(store, setup, history, link):
                ident = f"{CLOCK_DEVICE}/{boot}/reload/0"
                events.append(_reloaded(ident, store, setup, int(boot)))
    if events:
        await bus.publish_batch([event_message(event) for event in events])
    # Behind them: where a run is killed in between, the next one puts them there again.
    await _note(stores, history, link)


async def _goes_by(store: str, setup: Setup, history: SetupHistory, link: Link) -> bool:
    """Say whether an engine that goes by the log goes by a setup at its end."""
    last = await last_of(link, _subject(store))
    if last.sequence:
        return setup.meaning.encode() in last.payload
    latest = await asyncio.to_thread(history.latest, store)
    if latest is not None:
        return latest.meaning == setup.meaning
    return not await last_sequence(link, store)


async def _note(stores: Sequence[LiveStore], history: SetupHistory, link: Link) -> None:
    """Note what is in force now, for the stores that are still to be heard of."""
    after = (await last_of(link, f"{EVENTS}.>")).sequence
    for live in stores:
        await asyncio.to_thread(history.note, live.setup, after)


def _reloaded(ident: str, store: str, setup: Setup, time_us: int, by: str = "") -> StoreReloaded:
    return StoreReloaded(
        id=ident,
        store=store,
        device=CLOCK_DEVICE,
        time=time_us,
        meaning=setup.meaning,
        by=by or None,
    )


def _subject(store: str) -> str:
    return event_subject(store, CLOCK_DEVICE, type_of(StoreReloaded))


async def _read(live: LiveStore) -> Setup:
    return await asyncio.to_thread(read_setup, live.setup.file, data=live.data, events=live.events)


def _fixed(old: Setup, new: Setup) -> str:
    """Say what cannot change while a run lasts and did; empty where nothing did."""
    what = [
        name
        for name, same in (
            ("stores", old.stores == new.stores),
            ("clock", (old.recording, old.tick_us) == (new.recording, new.tick_us)),
        )
        if not same
    ]
    if not what:
        return ""
    return f"{new.file} has other {' and '.join(what)} now: stop the run, and start it again"


def _ignored(old: Setup, new: Setup) -> list[str]:
    """Say which changed feeds are as they were until the next start."""
    names = sorted(
        name for name in {*old.feeds, *new.feeds} if old.feeds.get(name) != new.feeds.get(name)
    )
    if not names:
        return []
    return [f"changed in {new.file}, but read at a start only: feeds {', '.join(names)}"]
