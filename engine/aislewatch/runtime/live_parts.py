"""The parts of a run that is under way: the engine, the devices, the clocks, and what they tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Self

from aislewatch.errors import BusError
from aislewatch.events.kinds import ClockTick, Event
from aislewatch.events.subjects import CLOCK_DEVICE, escape
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_message import Message
from aislewatch.runtime.bus_spool import Spool
from aislewatch.runtime.bus_spooling import SpoolingPublisher
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.device import BusAccess, DeviceSpec
from aislewatch.runtime.device_events import event_message, recording_boot, state_event
from aislewatch.runtime.diagnosing import Diagnosed, DiagnosticsRequest, diagnose
from aislewatch.runtime.engine_life import EngineSpec
from aislewatch.runtime.hosting import LifeSpec, PluginHost
from aislewatch.runtime.live_options import LiveStore, Options
from aislewatch.runtime.live_status import DeviceLine, LedgerTail, Snapshot, StoreLine
from aislewatch.runtime.setup import FeedSetup, Setup
from aislewatch.runtime.setup_shelf import SetupShelf
from aislewatch.runtime.supervision import STOP_S, Watch
from aislewatch.runtime.supervisor import Change, Supervisor

_FLUSH_S: Final = 30.0


class _Device:
    """A device of the run: its feed, its setup, its watch."""

    def __init__(self, setup: Setup, feed: FeedSetup, watch: Watch) -> None:
        self.setup = setup
        self.feed = feed
        self.watch = watch
        self.store = setup.stores[0] if len(setup.stores) == 1 else ""
        self.events_before = 0

    @property
    def newest_us(self) -> int:
        """The newest event time that it handed on; 0 before the first."""
        return max(self.watch.status.stores.values(), default=0)


class Parts:
    """Everything of a run that is watched; entered, it is under way.

    Args:
        stores: what is run.
        options: how.
        access: how to reach NATS.
        host: where lives are run.
        bus: for what the run itself publishes.
        tail: of the ledger.
        notes: for every snapshot; what is added to them later is told from then on.

    Attributes:
        tail: the one given.
        boot: tells what this run publishes from what others did.
        shelf: what the engine goes by.
    """

    def __init__(
        self,
        stores: Sequence[LiveStore],
        options: Options,
        access: BusAccess,
        host: PluginHost,
        bus: Bus,
        tail: LedgerTail,
        notes: list[str],
    ) -> None:
        self.tail = tail
        self._stores = stores
        self._options = options
        self._access = access
        self._host = host
        self._bus = bus
        self._notes = notes
        self._clock = SystemClock()
        self.boot = str(self._clock.now_us())
        self.shelf = SetupShelf(options.folder.absolute() / "setups")
        self._seen_us = self._clock.now_us()
        self._engine = self._watch(self._engine_spec, stop_s=None)
        self._devices = [
            self._device(live.setup, feed) for live in stores for feed in live.setup.feeds.values()
        ]
        self._by_watch = {device.watch: device for device in self._devices}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._spool: Spool | None = None
        self._publisher: SpoolingPublisher | None = None

    async def __aenter__(self) -> Self:
        folder = self._options.folder / "spool"
        folder.mkdir(parents=True, exist_ok=True)
        self._spool = Spool(folder / "run.sqlite")
        self._publisher = SpoolingPublisher(self._bus, self._spool)
        await self._publisher.__aenter__()
        for number, live in enumerate(self._stores):
            await asyncio.to_thread(self.shelf.put_in_force, number, live.setup)
        for live in self._stores:
            if live.setup.recording is None:
                # Before any device speaks: by the clock of the evening before, what is told in the
                # morning is too far ahead of it, and refused.
                await self._publish(self._ticks(live.setup, 0, self._clock.now_us()))
        self._begin("engine", self._engine)
        for number, device in enumerate(self._devices):
            self._begin(f"device {number}", device.watch)
        for number, live in enumerate(self._stores):
            if live.setup.recording is None:
                ticking = asyncio.create_task(self._tick(live.setup), name="clock")
                self._tasks[f"clock {number}"] = ticking
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop what still runs, whatever went wrong."""
        await self.stop_devices()
        await self.stop_engine()
        assert self._publisher is not None
        assert self._spool is not None
        await self._publisher.__aexit__()
        self._spool.close()

    @property
    def devices_over(self) -> bool:
        """Whether this is a run of recordings, and none of them will give any more."""
        if any(live.setup.recording is None for live in self._stores):
            return False
        return all(task.done() for name, task in self._tasks.items() if name.startswith("device"))

    @property
    def engine_over(self) -> bool:
        """Whether the engine does not run, and will not by itself."""
        return self._tasks["engine"].done() or self._engine.supervisor.state == "failed"

    @property
    def committed(self) -> Mapping[str, int]:
        """By store, the sequence number up to which everything is in the ledger."""
        return self._engine.status.stores

    @property
    def configured(self) -> Mapping[str, int]:
        """By store, where in its chain this run last named what decides."""
        return self.tail.configured

    @property
    def named_stores(self) -> set[str]:
        """The stores that store files name."""
        return {store for live in self._stores for store in live.setup.stores}

    @property
    def any_store(self) -> bool:
        """Whether a store file is for every store that events name."""
        return any(not live.setup.stores for live in self._stores)

    def raise_if_broken(self) -> None:
        """Raise what broke a part of the run itself; no fault of a device does."""
        for task in self._tasks.values():
            if task.done() and not task.cancelled():
                task.result()

    def failures(self) -> list[str]:
        """Give what has failed and has not come back, each in a sentence."""
        return [
            f"{line.device}: {line.detail}"
            for line in (*self._device_lines(0), self._line(self._engine, "", "engine", ""))
            if line.state == "failed"
        ]

    async def stop_devices(self) -> None:
        """Stop devices and clocks, and have NATS take what they hold."""
        for device in self._devices:
            device.watch.ask_to_stop()
        devices = [task for name, task in self._tasks.items() if name.startswith("device")]
        clocks = [task for name, task in self._tasks.items() if name.startswith("clock")]
        for clock in clocks:
            clock.cancel()
        if devices or clocks:
            await asyncio.wait(devices + clocks)
        for task in devices:  # Of a device whose end fits on no disk any more, say.
            if not task.cancelled() and isinstance(broken := task.exception(), BusError):
                self._notes.append(f"not all could be told of a device's end: {broken}")
        await self._flush()

    async def stop_engine(self) -> None:
        """Stop the engine, which reads the stream to its end first."""
        self._engine.ask_to_stop()
        await asyncio.wait([self._tasks["engine"]])

    async def tell_the_end(self) -> None:
        """Tell every store of a recording that nothing more will come."""
        newest: dict[str, tuple[int, str]] = {}
        for device in self._devices:
            recording = device.setup.recording
            if recording is None:
                continue
            for store, time_us in device.watch.status.stores.items():
                newest[store] = max(newest.get(store, (0, "")), (time_us, recording))
        ticks = [
            ClockTick(
                id=f"{CLOCK_DEVICE}/{recording_boot(recording)}/final",
                store=store,
                device=CLOCK_DEVICE,
                time=time_us,
                final=True,
            )
            for store, (time_us, recording) in sorted(newest.items())
        ]
        await self.publish(ticks)

    def snapshot(self, ends: Mapping[str, int]) -> Snapshot:
        """Say how everything is.

        Args:
            ends: by store, the last sequence number in the stream.
        """
        now_us = self._clock.now_us()
        passed_us, self._seen_us = now_us - self._seen_us, now_us
        return Snapshot(
            time_us=now_us,
            nats=self._access.url,
            devices=tuple(self._device_lines(passed_us)),
            engine=self._line(self._engine, "", self._options.ledger.name, ""),
            stores=tuple(
                StoreLine(
                    store=store,
                    committed=self.committed.get(store, 0),
                    behind=max(0, end - self.committed.get(store, 0)),
                    head=self.tail.head(store),
                    incidents=self.tail.incidents.get(store, 0),
                )
                for store, end in sorted(ends.items())
            ),
            notes=tuple(self._notes),
        )

    def _begin(self, name: str, watch: Watch) -> None:
        self._tasks[name] = asyncio.create_task(watch.run(), name=name)

    def _device(self, setup: Setup, feed: FeedSetup) -> _Device:
        watch = self._watch(lambda watch: self._device_spec(self._by_watch[watch]))
        return _Device(setup, feed, watch)

    def _watch(
        self, make_spec: Callable[[Watch], LifeSpec], *, stop_s: float | None = STOP_S
    ) -> Watch:
        supervisor = Supervisor(self._options.policy, self._options.dice.random)
        return Watch(self._host, make_spec, supervisor, self._clock, self._note, stop_s=stop_s)

    def _engine_spec(self, _: Watch) -> LifeSpec:
        return EngineSpec(
            setups=str(self.shelf.folder),
            files=len(self._stores),
            ledger=str(self._options.ledger.absolute()),
            bus=self._access,
        )

    def _device_spec(self, device: _Device) -> LifeSpec:
        setup, feed, attempt = device.setup, device.feed, device.watch.supervisor.attempt
        recording = setup.recording is not None
        spool = self._options.folder / "spool" / escape(device.store or "any") / escape(feed.id)
        return DeviceSpec(
            store=device.store,
            device=feed.id,
            plugin=feed.plugin,
            config=dict(feed.config),
            folder=str(setup.folder),
            bus=self._access,
            spool=str(spool.absolute().with_suffix(".sqlite")),
            boot=recording_boot(feed.id) if recording else f"{self.boot}-{attempt}",
            attempt=attempt,
            seed=self._options.dice.getrandbits(64),
            simulated=self._options.simulated,
            recording=recording,
            tick_us=setup.tick_us if setup.recording == feed.id else 0,
            since_us=device.newest_us if recording else 0,
            pictures=str(self._options.pictures.absolute()),
            beside=tuple(
                dict(other.config) for other in setup.feeds.values() if other.id != feed.id
            ),
            watchlist=setup.watchlist,
            names=setup.names,
        )

    async def diagnose(self, request: DiagnosticsRequest) -> list[Diagnosed]:
        """Say what helps to find a fault in the devices that are meant."""
        watches = [device.watch for device in self._devices]
        return await diagnose(request, list(zip(self._device_lines(0), watches, strict=True)))

    def stores_of(self, setup: Setup) -> set[str]:
        """Give the stores that a store file is for; those of "every store" that were heard of."""
        if setup.stores:
            return set(setup.stores)
        devices = [device for device in self._devices if device.setup.file == setup.file]
        return {store for device in devices for store in device.watch.status.stores}

    def now_us(self, setup: Setup) -> int:
        """Give the time by the clock of a store file: the machine's, or a recording's."""
        if setup.recording is None:
            return self._clock.now_us()
        devices = [device for device in self._devices if device.setup.file == setup.file]
        return max((device.newest_us for device in devices), default=0)

    async def publish(self, events: Sequence[Event]) -> None:
        """Put events into the stream, in order; waits for NATS where that is away."""
        await self._publish([event_message(event) for event in events])
        await self._flush()

    async def _note(self, watch: Watch, change: Change) -> None:
        """Tell the store those states of a device that it does not tell itself."""
        device = self._by_watch.get(watch)
        if device is None:
            return
        recording = device.setup.recording is not None
        if recording and change.state == "failed":
            watch.ask_to_stop()  # A recording with a gap in it decides nothing worth having.
        time_us = device.newest_us if recording else self._clock.now_us()
        # A recording has no time before its first event, and the final tick says that it has ended.
        ended = recording and (change.state, change.reason) == ("stopped", "ended")
        told_inside = change.state in {"online", "degraded"}
        if told_inside or ended or not device.store or not time_us:
            return
        event = state_event(
            *(device.store, device.feed.id, change),
            time_us=time_us,
            seq=2 * watch.supervisor.attempt + 1,
            simulated=self._options.simulated,
        )
        await self._publish([event_message(event)])

    async def _tick(self, setup: Setup) -> None:
        """Tell a store, or all that were heard of, what time it is."""
        number = 0
        while True:
            now_us = self._clock.now_us()
            await asyncio.sleep((setup.tick_us - now_us % setup.tick_us) / 1_000_000)
            now_us = self._clock.now_us()
            number += 1
            # A tick that NATS does not take is made good by the next one.
            with suppress(BusError):
                messages = self._ticks(setup, number, now_us)
                await self._bus.publish_batch(messages, deadline_s=setup.tick_us / 1_000_000)

    def _ticks(self, setup: Setup, number: int, now_us: int) -> list[Message]:
        time_us = now_us - now_us % setup.tick_us
        id_ = f"{CLOCK_DEVICE}/{self.boot}/{number}"
        return [
            event_message(ClockTick(id=id_, store=s, device=CLOCK_DEVICE, time=time_us, seq=number))
            for s in sorted(self.stores_of(setup))
        ]

    async def _publish(self, messages: Sequence[Message]) -> None:
        assert self._publisher is not None
        await self._publisher.publish(messages)

    async def _flush(self) -> None:
        assert self._publisher is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(_FLUSH_S):
                await self._publisher.drained()

    def _device_lines(self, passed_us: int) -> list[DeviceLine]:
        lines: list[DeviceLine] = []
        for device in self._devices:
            line = self._line(device.watch, device.store, device.feed.id, device.feed.plugin)
            if passed_us:
                rate = (line.events - device.events_before) * 1_000_000 / passed_us
                device.events_before = line.events
                line = replace(line, events_per_s=rate)
            lines.append(line)
        return lines

    @staticmethod
    def _line(watch: Watch, store: str, device: str, plugin: str) -> DeviceLine:
        supervisor, status = watch.supervisor, watch.status
        return DeviceLine(
            store=store,
            device=device,
            plugin=plugin,
            state=supervisor.state,
            reason=supervisor.current.reason,
            detail=supervisor.current.detail or status.detail,
            attempt=supervisor.attempt,
            failures=supervisor.failures,
            pid=status.pid,
            events=watch.events,
            refused=watch.refused,
            events_per_s=0.0,
            spooled=status.spooled,
            dropped=status.dropped,
            clock=status.clock,
        )
