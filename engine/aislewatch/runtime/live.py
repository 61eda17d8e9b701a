"""A whole run: everything brought up in order, kept up, and brought down in order.

Up: NATS, its streams and the proof that they are durable; the host; the engine; the devices; the
clocks. Down, whatever the reason: the devices stop and flush what they hold, a recording's last
tick is told, the engine reads the stream to its end and closes the ledger, then the host, then
NATS. What a stop cuts off is on disk and is taken up by the next start.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Self

from aislewatch.errors import BusError
from aislewatch.ledger import StoredRecord
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.control import ControlDesk
from aislewatch.runtime.device import BusAccess
from aislewatch.runtime.handover import Reach, RunFile, left_in
from aislewatch.runtime.hosting import InlineHost, PluginHost
from aislewatch.runtime.live_letters import LetterTail, Refused
from aislewatch.runtime.live_nats import serve_nats
from aislewatch.runtime.live_options import LiveStore, Options
from aislewatch.runtime.live_parts import Parts
from aislewatch.runtime.live_reload import Reloaded, Reloading, state_at_start
from aislewatch.runtime.live_status import LedgerTail, Snapshot, Summary
from aislewatch.runtime.nats_config import Credentials
from aislewatch.runtime.nats_link import Link
from aislewatch.runtime.picture_keeping import Keeper, purge_hourly
from aislewatch.runtime.picture_terms import StoreTerms
from aislewatch.runtime.ray_host import RayHost
from aislewatch.runtime.run_folder import NATS
from aislewatch.runtime.run_lock import held, require_unwritten
from aislewatch.runtime.stream_marks import last_sequence, ticking_stores

DRAIN_S: Final = 60.0
"""How long a run that was stopped lets the engine read on; the next start does the rest."""

_POLL_S: Final = 0.1


async def run(
    stores: Sequence[LiveStore],
    options: Options,
    *,
    on_snapshot: Callable[[Snapshot], None] | None = None,
    on_record: Callable[[StoredRecord], None] | None = None,
    on_refused: Callable[[Refused], None] | None = None,
    on_begin: Callable[[], None] | None = None,
    on_reloaded: Callable[[Reloaded], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Summary:
    """Run until stopped; a run of nothing but recordings also ends with the last of them.

    SIGINT and SIGTERM stop it in order, a second one without waiting for the engine to catch up;
    SIGHUP has it reload, see `aislewatch.runtime.live_reload`. Call it in the main thread's loop.

    Args:
        stores: what to run. All write into one ledger.
        options: how.
        on_snapshot: called about once a second, and at the end; must not block.
        on_record: called with each record that is new in the ledger, after it is on disk.
        on_refused: called with what devices sent that is no event, after it is in the stream.
        on_begin: called once ledger and folder are ours, before anything is started.
        on_reloaded: called with what became of a reload that SIGHUP, or somebody else, asked for.
        stop: stops it as SIGTERM does.

    Raises:
        LedgerError: somebody else is writing the ledger.
        BusError: NATS cannot be started or reached, or does not sync what it acknowledges.
        UsageError: another run has the folder; or Ray is not installed, or can be reached from
            outside this machine.
    """
    assert stores
    stopping, hurrying = stop or asyncio.Event(), asyncio.Event()
    async with AsyncExitStack() as stack:
        options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        options.ledger.absolute().parent.mkdir(parents=True, exist_ok=True)
        stack.enter_context(held(options.folder))
        require_unwritten(options.ledger)
        if on_begin is not None:
            on_begin()
        access, notes = await stack.enter_async_context(_nats(options))
        host = await _open_host(options, len(stores))
        stack.push_async_callback(host.close)
        signals = stack.enter_context(_Signals(stopping, hurrying))
        bus = await stack.enter_async_context(_bus(access))
        link = await stack.enter_async_context(_link(access))
        tail = LedgerTail(options.ledger.absolute())
        stack.callback(tail.close)
        parts = Parts(stores, options, access, host, bus, tail, notes)
        looking = _Looking(parts, link, LetterTail(link), on_snapshot, on_record, on_refused)
        await looking.letters.begin()
        await state_at_start(stores, parts.shelf, link, bus, boot=parts.boot)
        await stack.enter_async_context(parts)
        reloading = Reloading(stores, parts.shelf, parts, link, parts.boot)
        desk = ControlDesk(reloading, on_reloaded, parts.diagnose)
        reach = _reach(stores, options, access)
        await stack.enter_async_context(desk.open(link, reach.control))
        stack.enter_context(left_in(options.folder, reach))
        await stack.enter_async_context(_pictures_kept(stores, options, notes.append))
        signals.on_hangup(desk.begin)
        showing = asyncio.create_task(_show(looking, options))
        try:
            completed = await _until_over(parts, link, stopping, hurrying)
        finally:
            showing.cancel()
            await asyncio.wait([showing])
        await parts.stop_engine()
        return Summary(await _look(looking), completed, tuple(parts.failures()))


@asynccontextmanager
async def _pictures_kept(
    stores: Sequence[LiveStore], options: Options, trouble: Callable[[str], None]
) -> AsyncGenerator[None]:
    """Delete pictures when their time is over, for as long as the run lasts."""
    terms = [StoreTerms(live.setup.stores, live.setup.pictures) for live in stores]
    keeper = Keeper(options.ledger.absolute(), terms, SystemClock())
    purging = asyncio.create_task(purge_hourly(keeper, "run", trouble), name="pictures")
    try:
        yield
    finally:
        purging.cancel()
        await asyncio.wait([purging])


async def _until_over(
    parts: Parts, link: Link, stopping: asyncio.Event, hurrying: asyncio.Event
) -> bool:
    """Wait for the end, stop the devices, let the engine catch up; tell if all was played."""
    while not stopping.is_set() and not parts.devices_over:
        parts.raise_if_broken()
        await asyncio.sleep(_POLL_S)
    played = not stopping.is_set()
    await parts.stop_devices()
    completed = played and not parts.failures()
    if completed:
        await parts.tell_the_end()
    loop = asyncio.get_running_loop()
    targets = {store: await last_sequence(link, store) for store in await _stores(parts, link)}
    given_up_at = loop.time() + DRAIN_S
    while any(parts.committed.get(s, 0) < sequence for s, sequence in targets.items()):
        late = stopping.is_set() and loop.time() > given_up_at
        if late or hurrying.is_set() or parts.engine_over:
            return False
        await asyncio.sleep(_POLL_S)
    return completed


@dataclass(frozen=True)
class _Looking:
    """What is looked at while a run lasts, and who is told; see `run`."""

    parts: Parts
    link: Link
    letters: LetterTail
    on_snapshot: Callable[[Snapshot], None] | None
    on_record: Callable[[StoredRecord], None] | None
    on_refused: Callable[[Refused], None] | None


async def _show(looking: _Looking, options: Options) -> None:
    while True:
        with suppress(BusError):  # NATS is away for a moment; the devices' lines say so.
            await _look(looking)
        await asyncio.sleep(options.snapshot_s)


async def _look(looking: _Looking) -> Snapshot:
    parts, link = looking.parts, looking.link
    for record in parts.tail.new():
        if looking.on_record is not None:
            looking.on_record(record)
    ends = {store: await last_sequence(link, store) for store in await _stores(parts, link)}
    snapshot = parts.snapshot(ends)
    if looking.on_snapshot is not None:
        looking.on_snapshot(snapshot)
    if looking.on_refused is not None:
        refused = await looking.letters.new()
        if refused.count:
            looking.on_refused(refused)
    return snapshot


async def _stores(parts: Parts, link: Link) -> list[str]:
    """Give the stores that this run is about, those of "every store" as far as they are known."""
    named = set(parts.named_stores)
    if parts.any_store:
        named.update(await ticking_stores(link))
    return sorted(named)


async def _open_host(options: Options, engines: int) -> PluginHost:
    if options.host == "inline":
        return InlineHost()
    return await RayHost.open(token=options.dice.randbytes(32).hex(), workers=engines)


@asynccontextmanager
async def _nats(options: Options) -> AsyncGenerator[tuple[BusAccess, list[str]]]:
    """Have a server whose streams are there and durable; gives notes where that is not proved."""
    if not options.nats:
        async with serve_nats(options.folder / NATS, options.dice, options.policy) as server:
            await _prepare(server.url, server.engine, server.system)
            who = server.engine
            yield BusAccess(server.url, who.user, who.password, who.inbox), []
        return
    who = options.credentials
    notes = await _prepare(options.nats, who, options.system)
    yield BusAccess(options.nats, who.user, who.password, who.inbox), notes


async def _prepare(url: str, who: Credentials, system: Credentials | None) -> list[str]:
    async with await Bus.connect(url, name="aislewatch start", credentials=who) as bus:
        durability = await bus.verify_durable(system)
        await bus.ensure_streams()
    return [] if durability.proved else [durability.sentence]


@asynccontextmanager
async def _bus(access: BusAccess) -> AsyncGenerator[Bus]:
    async with await Bus.connect(
        access.url, name="aislewatch run", credentials=access.credentials
    ) as bus:
        yield bus


@asynccontextmanager
async def _link(access: BusAccess) -> AsyncGenerator[Link]:
    link = Link(access.url, name="aislewatch run, looking", credentials=access.credentials)
    link.start()
    try:
        await link.ready(10.0)
        yield link
    finally:
        await link.close()


def _reach(stores: Sequence[LiveStore], options: Options, access: BusAccess) -> Reach:
    setups = [live.setup for live in stores]
    return Reach(
        pid=os.getpid(),
        url=access.url,
        user=access.user,
        password=access.password,
        inbox=access.inbox,
        control=f"aislewatch.control.{options.dice.randbytes(16).hex()}",
        ledger=str(options.ledger.absolute()),
        files=tuple(
            RunFile(str(setup.file.resolve()), setup.stores, setup.recording is not None)
            for setup in setups
        ),
    )


class _Signals:
    """Has the first SIGINT or SIGTERM stop a run, the second hurry it, and SIGHUP do what is set.

    Until something is set, SIGHUP does nothing. It also tells that the terminal was closed in which
    the run was started; then nobody asks for anything, and the run stops.
    """

    def __init__(self, stopping: asyncio.Event, hurrying: asyncio.Event) -> None:
        self._stopping, self._hurrying = stopping, hurrying
        self._loop = asyncio.get_running_loop()
        self._hangup: Callable[[], None] | None = None
        self._had_terminal = _has_terminal()
        self._set: list[signal.Signals] = []

    def __enter__(self) -> Self:
        takers = {
            signal.SIGINT: self._stop,
            signal.SIGTERM: self._stop,
            signal.SIGHUP: self._hang_up,
        }
        for number, take in takers.items():
            # Not the main thread, or a platform without: whoever runs us there has `stop`.
            with suppress(NotImplementedError, RuntimeError, ValueError):
                self._loop.add_signal_handler(number, take)
                self._set.append(number)
        return self

    def __exit__(self, *_: object) -> None:
        for number in self._set:
            self._loop.remove_signal_handler(number)

    def on_hangup(self, take: Callable[[], None]) -> None:
        """Set what SIGHUP does."""
        self._hangup = take

    def _stop(self) -> None:
        (self._hurrying if self._stopping.is_set() else self._stopping).set()

    def _hang_up(self) -> None:
        if self._had_terminal and not _has_terminal():
            self._stop()
        elif self._hangup is not None and not self._stopping.is_set():
            self._hangup()


def _has_terminal() -> bool:
    """Say whether this process belongs to a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


__all__ = ["LiveStore", "Options", "run"]
