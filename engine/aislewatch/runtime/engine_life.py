"""One life of a ledger's engine: the detection of all its stores, from the stream into the ledger.

A ledger has one writer, so one life holds it and runs a loop for each store; mostly that is one.
It ends when it is asked to, with everything that the stream then holds in the ledger, or when any
loop fails: the next life goes on from the ledger.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from aislewatch.errors import MistakeError, UsageError
from aislewatch.ledger import Ledger
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.collector import calm_collector
from aislewatch.runtime.device import BusAccess, outcome_of
from aislewatch.runtime.engine import EngineLoop, open_engine
from aislewatch.runtime.hosting import Heart, Outcome, Status
from aislewatch.runtime.nats_link import BusAway, Link
from aislewatch.runtime.setup import Setup
from aislewatch.runtime.setup_history import SetupHistory
from aislewatch.runtime.setup_shelf import SetupShelf
from aislewatch.runtime.stream_marks import ticking_stores

LOOK_S: Final = 0.5
"""How often to look for stores that were never heard of, where a store file is for any store."""


class EngineSpec(msgspec.Struct, frozen=True, kw_only=True, tag="engine"):
    """Everything that a life of an engine is made from.

    Attributes:
        setups: absolute path of the shelf with the setups.
        files: how many store files are run; a life goes by what is in force for each of them.
        ledger: absolute path.
        bus: how to reach NATS.
    """

    setups: str
    files: int
    ledger: str
    bus: BusAccess

    @property
    def name(self) -> str:
        """What to call the life."""
        return f"engine of {Path(self.ledger).name}"

    def make(self) -> EngineLife:
        """Make the life."""
        return EngineLife(self)


class EngineLife:
    """See the module; use it as :class:`aislewatch.runtime.hosting.Life`."""

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._heart = Heart(lambda: None)
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loops: dict[str, EngineLoop] = {}
        self._bus: Bus | None = None
        self._shelf = SetupShelf(Path(spec.setups))

    def ask_to_stop(self) -> None:
        """Ask it to read the stream to its end and then stop; nothing more must be published."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        else:
            self._stop.set()

    def status(self) -> Status:
        """Say how it is doing."""
        statuses = [loop.status() for loop in list(self._loops.values())]
        bus = self._bus
        return Status(
            pid=os.getpid(),
            beats=self._heart.beats,
            proved=any(status.position for status in statuses),
            connected=bus is not None and bus.state().connected,
            refused=sum(status.refused for status in statuses),
            stores={status.store: status.position for status in statuses},
            detail=bus.state().last_error if bus is not None else "",
        )

    async def diagnostics(self) -> Mapping[str, Any]:
        """Give how far each store is decided; an engine has no device of its own."""
        return {"stores": dict(self.status().stores)}

    async def run(self) -> Outcome:
        """Live until asked to stop, or until something breaks."""
        self._loop = asyncio.get_running_loop()
        beat = asyncio.create_task(self._heart.beat(), name="heart")
        try:
            outcome = await self._run()
        except MistakeError as error:
            outcome = Outcome("misconfigured", str(error))
        except Exception as error:
            outcome = outcome_of(error)
        finally:
            beat.cancel()
        return msgspec.structs.replace(outcome, last=self.status())

    async def _run(self) -> Outcome:
        calm_collector()
        spec = self._spec
        setups = [await self._in_force(number) for number in range(spec.files)]
        ledger = await asyncio.to_thread(Ledger.open, spec.ledger)
        with ledger:
            bus = self._bus = await Bus.connect(
                spec.bus.url, name=spec.name, credentials=spec.bus.credentials
            )
            async with bus, asyncio.TaskGroup() as group:
                for number, setup in enumerate(setups):
                    for store in setup.stores:
                        group.create_task(self._run_store(bus, setup, store, ledger))
                    if not setup.stores:
                        group.create_task(self._run_any_store(bus, number, ledger, group))
        return Outcome("stopped")

    async def _in_force(self, number: int) -> Setup:
        return await asyncio.to_thread(self._shelf.in_force, number)

    async def _run_any_store(
        self, bus: Bus, number: int, ledger: Ledger, group: asyncio.TaskGroup
    ) -> None:
        """Run every store that turns up in the stream, each by what is in force then."""
        access = self._spec.bus
        link = Link(access.url, name="stores", credentials=access.credentials)
        link.start()
        known: set[str] = set()
        try:
            while True:
                last = self._stop.is_set()
                with suppress(BusAway):
                    for store in await ticking_stores(link):
                        if store not in known:
                            known.add(store)
                            setup = await self._in_force(number)
                            group.create_task(self._run_store(bus, setup, store, ledger))
                    if last:
                        return
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._stop.wait()
        finally:
            await link.close()

    async def _run_store(self, bus: Bus, setup: Setup, store: str, ledger: Ledger) -> None:
        began = await asyncio.to_thread(self._began, store)
        loop = await open_engine(bus, setup, store, ledger, SystemClock(), self._shelf.get, began)
        self._loops[store] = loop
        try:
            await loop.run(self._stop)
        finally:
            await loop.close()

    def _began(self, store: str) -> Setup | None:
        """Give what a store began with; None where that is not known, or not kept any more."""
        with suppress(UsageError):
            began = SetupHistory(self._shelf.folder).beginning(store, 1)
            if began is not None:
                return self._shelf.get(began.meaning)
        return None
