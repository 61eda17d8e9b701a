"""One life of one device: its plugin made, opened, run and closed, its findings on the bus.

Whatever goes wrong ends the life with an :class:`~aislewatch.runtime.hosting.Outcome`; who watches
from outside decides whether there is a next one. The life says ``online`` itself, in line with the
events, at the first proof; the states in which a device cannot see are said from outside, because a
life that was killed says nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import msgspec
from pydantic import ValidationError

from aislewatch.errors import AislewatchError, DeviceMisconfigured, DeviceNotReady
from aislewatch.events.likeness import Comparer
from aislewatch.events.sensor import Emit, Health, SensorContext, SensorPlugin
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_spool import Spool
from aislewatch.runtime.bus_spooling import SpoolingPublisher, WhenFull
from aislewatch.runtime.clock import RecordingClock, SystemClock
from aislewatch.runtime.device_events import DeviceEmit
from aislewatch.runtime.device_hearing import StoreHearing
from aislewatch.runtime.device_private import private
from aislewatch.runtime.discovery import find_sensor, installed_registry
from aislewatch.runtime.ending import GIVEN_S, end
from aislewatch.runtime.hosting import CLOCK_SKEW, Heart, Outcome, Status, described
from aislewatch.runtime.letter_redacting import LetterRedactor, Settings, redactor_of
from aislewatch.runtime.names_terms import NamesTerms
from aislewatch.runtime.nats_config import Credentials
from aislewatch.runtime.nats_link import Link
from aislewatch.runtime.redacting import all_settings, redacted, secrets_of
from aislewatch.runtime.stream_marks import newest_ticks
from aislewatch.runtime.supervisor import Change
from aislewatch.runtime.watchlist_terms import Terms

OPEN_S: Final = 30.0
"""How long a plugin may take to open its device."""

FLUSH_S: Final = 10.0
"""How long a stop waits for the spool to empty; what is left is sent by the next life."""

DIAGNOSE_S: Final = 3.0
"""How long it may take to say what helps to find a fault."""


class BusAccess(msgspec.Struct, frozen=True):
    """How to reach NATS, as plain data.

    Attributes:
        url: ``nats://host:port``.
        user: who we are there; empty where it asks for nobody.
        password: of that user.
        inbox: prefix of the subjects on which answers come.
    """

    url: str
    user: str = ""
    password: str = ""
    inbox: str = "_INBOX"

    @property
    def credentials(self) -> Credentials:
        """The same for the bus."""
        return Credentials(self.user, self.password, self.inbox)


class DeviceSpec(msgspec.Struct, frozen=True, kw_only=True, tag="device"):
    """Everything that a life of a device is made from.

    Attributes:
        store: its store's id; empty where its events say which of many they belong to.
        device: its id, unique in the store.
        plugin: entry point, or ``module:Class``.
        config: of the plugin, as it stands in the store file.
        folder: absolute path that relative paths of the configuration start from.
        bus: how to reach NATS.
        spool: file for what NATS does not take at once; of this device alone.
        boot: tells this life's own ids from another's. The same for every playing of a recording,
            so that what is played again is known again.
        attempt: number of this life.
        seed: of the plugin's dice.
        simulated: a simulator stands behind it.
        recording: its source is a recording; it may be held back, but nothing is dropped.
        tick_us: interval of the ticks, where this recording winds its store's clock; else 0.
        since_us: the recording's time when the last life ended.
        watchlist: on what terms faces are compared; None where they are not.
        names: on what terms people's numbers are exchanged for pseudonyms; None where they are not.
        pictures: absolute path of the folder for pictures; empty where none are kept.
        beside: configurations of its store file's other devices, whose secrets it tells nobody.
    """

    store: str
    device: str
    plugin: str
    config: dict[str, Any]
    folder: str
    bus: BusAccess
    spool: str
    boot: str
    attempt: int = 1
    seed: int = 0
    simulated: bool = False
    recording: bool = False
    tick_us: int = 0
    since_us: int = 0
    watchlist: Terms | None = None
    names: NamesTerms | None = None
    pictures: str = ""
    beside: tuple[dict[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """What to call the life."""
        return f"device {self.device}"

    def make(self) -> DeviceLife:
        """Make the life."""
        return DeviceLife(self)


class DeviceLife:
    """See the module; use it as :class:`aislewatch.runtime.hosting.Life`."""

    def __init__(self, spec: DeviceSpec) -> None:
        self._spec = spec
        self._clock = RecordingClock(spec.since_us) if spec.recording else SystemClock()
        self._heart = Heart(self._look)
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._plugin: SensorPlugin | None = None
        self._publisher: SpoolingPublisher | None = None
        self._emit: DeviceEmit | None = None
        self._says: asyncio.Task[None] | None = None
        self._status = Status(pid=os.getpid())

    def ask_to_stop(self) -> None:
        """Ask it to end; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        else:
            self._stop.set()

    def status(self) -> Status:
        """Say how it is doing."""
        emit = self._emit
        status = msgspec.structs.replace(self._status, beats=self._heart.beats)
        if emit is None:
            return status
        return msgspec.structs.replace(
            status,
            proved=status.proved or emit.proved,
            # What has just told its first event is connected, whatever it said a beat ago.
            connected=status.connected or (emit.proved and not status.proved),
            events=emit.events_count,
            refused=emit.refused_count,
            stores=dict(emit.newest_us),
        )

    async def diagnostics(self) -> Mapping[str, Any]:
        """Give what the plugin says of itself, without secrets; from any event loop."""
        loop = self._loop
        if loop is None or loop is asyncio.get_running_loop():
            return await self._diagnosed()
        asking = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._diagnosed(), loop))
        try:
            async with asyncio.timeout(DIAGNOSE_S):
                return await asking
        except TimeoutError:
            return {"trouble": f"it did not answer within {DIAGNOSE_S:g} s: its loop is busy"}

    async def _diagnosed(self) -> Mapping[str, Any]:
        plugin, spec = self._plugin, self._spec
        if plugin is None:
            return {}
        try:
            found: object = plugin.diagnostics()
        except Exception as error:  # A plugin's own fault, told as one.
            found = {"trouble": f"its diagnostics broke: {described(error)}"}
        config = all_settings(plugin.Config, spec.config)
        secrets = await asyncio.to_thread(secrets_of, config, spec.folder)
        shown: Mapping[str, Any] = redacted(found, config, secrets)
        return shown

    def _redactor(self, plugin: SensorPlugin) -> LetterRedactor:
        spec = self._spec
        configs = (all_settings(plugin.Config, spec.config), *spec.beside)
        return redactor_of(Settings(config, spec.folder) for config in configs)

    async def run(self) -> Outcome:
        """Live until the source ends, something breaks, or it is asked to stop."""
        self._loop = asyncio.get_running_loop()
        try:
            plugin = self._plugin = _make_plugin(self._spec)
            async with self._publishing() as publisher:
                resume_us = await self._stored_ticks(publisher) if self._spec.tick_us else {}
                redactor = await asyncio.to_thread(self._redactor, plugin)
                self._emit = DeviceEmit(self._spec, self._clock, publisher, redactor, resume_us)
                try:
                    outcome = await self._live(plugin, self._emit)
                except Exception as error:  # Whatever a plugin raises is an outcome.
                    outcome = outcome_of(error)
                await self._flush(publisher, outcome)
        except Exception as error:
            outcome = outcome_of(error)
        finally:
            self._plugin = self._publisher = None
        return msgspec.structs.replace(outcome, last=self.status())

    @asynccontextmanager
    async def _publishing(self) -> AsyncGenerator[SpoolingPublisher]:
        spec = self._spec
        file = Path(spec.spool)
        file.parent.mkdir(parents=True, exist_ok=True)
        spool = Spool(file)
        try:
            bus = await Bus.connect(
                spec.bus.url,
                name=f"{spec.store or '*'}/{spec.device}",
                credentials=spec.bus.credentials,
                wait_s=None,
            )
            when_full = WhenFull.BLOCK if spec.recording else WhenFull.DROP_NEWEST
            async with bus, SpoolingPublisher(bus, spool, when_full=when_full) as publisher:
                self._publisher = publisher
                yield publisher
        finally:
            spool.close()

    async def _stored_ticks(self, publisher: SpoolingPublisher) -> dict[str, int]:
        """Ask how far this recording was played into the stream before; waits for NATS."""
        access = self._spec.bus
        link = Link(access.url, name="ticks", credentials=access.credentials)
        link.start()
        try:
            async with asyncio.timeout(OPEN_S):
                await publisher.drained()
                await link.ready(OPEN_S)
                return await newest_ticks(link)
        except TimeoutError:
            message = f"NATS was away for {OPEN_S:g} s, and a recording can wait"
            raise DeviceNotReady(message) from None
        finally:
            await link.close()

    async def _live(self, plugin: SensorPlugin, emit: DeviceEmit) -> Outcome:
        work = asyncio.create_task(self._open_and_run(plugin, emit), name="plugin")
        beat = asyncio.create_task(self._heart.beat(), name="heart")
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait({work, beat, stop}, return_when=asyncio.FIRST_COMPLETED)
            if beat.done():
                beat.result()  # the plugin's health() broke
            if work.done():
                work.result()
                return Outcome("ended")
            self._look()  # The last time that the plugin's word is about its device.
            return Outcome("stopped")
        finally:
            await end(work, beat, stop)
            closing = asyncio.create_task(plugin.close(), name="close")
            try:
                await asyncio.wait({closing}, timeout=GIVEN_S)
            finally:  # What it does wrong at its end changes nothing any more.
                await end(closing)

    async def _open_and_run(self, plugin: SensorPlugin, emit: DeviceEmit) -> None:
        faces = plugin.descriptor.faces
        async with private(self._spec, emit, faces=faces) as (named, watchlist):
            await self._watched(plugin, named, watchlist)

    async def _watched(self, plugin: SensorPlugin, emit: Emit, watchlist: Comparer | None) -> None:
        spec, registry = self._spec, installed_registry()
        context = SensorContext(
            store=spec.store,
            device=spec.device,
            boot=spec.boot,
            clock=self._clock,
            random=Random(spec.seed),
            registry=registry,
            folder=spec.folder,
            simulated=spec.simulated,
            watchlist=watchlist,
            hear=StoreHearing(spec.bus, spec.store, spec.device, registry) if spec.store else None,
            pictures=spec.pictures,
        )
        try:
            async with asyncio.timeout(OPEN_S):
                await plugin.open(context)
        except TimeoutError:
            message = f"it did not open within {OPEN_S:g} s"
            raise DeviceNotReady(message) from None
        await plugin.run(emit)

    async def _flush(self, publisher: SpoolingPublisher, outcome: Outcome) -> None:
        """Have NATS take what waits: all of it where a recording has ended."""
        await self._have_said()
        drained = asyncio.create_task(publisher.drained())
        stop = asyncio.create_task(self._stop.wait())
        try:
            if outcome.ending == "ended":
                await asyncio.wait({drained, stop}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({drained}, timeout=FLUSH_S)
        finally:
            await end(drained, stop)
            self._see()

    async def _have_said(self) -> None:
        """Have the last state told while there is a publisher to tell it to."""
        if self._says is not None:
            await asyncio.wait({self._says}, timeout=FLUSH_S)
            await end(self._says)

    def _look(self) -> None:
        """Look at the plugin and the spool, at each heartbeat; say so if it has come alive."""
        health = self._see()
        if health is None or self._spec.recording:
            return
        emit = self._emit
        assert emit is not None
        if self._says is not None:
            if not self._says.done():
                return
            self._says.result()
        if self._status.proved:
            change = Change("online")
            clock = health.clock
            if not health.connected:
                change = Change("degraded", "link", health.detail)
            elif clock is not None and clock.wrong and not clock.told:
                change = Change("degraded", CLOCK_SKEW, str(clock))
            self._says = asyncio.create_task(emit.say(change))

    def _see(self) -> Health | None:
        """Take down how the plugin and the spool are; None before there are any."""
        plugin, publisher, emit = self._plugin, self._publisher, self._emit
        if plugin is None or publisher is None or emit is None:
            return None
        health = plugin.health()
        publishing = publisher.state()
        self._status = Status(
            pid=os.getpid(),
            proved=emit.proved or health.frames > 0,
            connected=health.connected,
            spooled=publishing.depth.events,
            dropped=publishing.depth.dropped,
            detail=publishing.last_error or health.detail,
            clock=health.clock,
        )
        return health


def outcome_of(error: BaseException) -> Outcome:
    """Give what an error means for the life that it ended."""
    if isinstance(error, BaseExceptionGroup):
        several = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return outcome_of(several[0])  # The others were cancelled because of it.
    if isinstance(error, DeviceMisconfigured):
        return Outcome("misconfigured", str(error))
    if isinstance(error, DeviceNotReady):
        return Outcome("not-ready", str(error))
    return Outcome("broke", str(error) if isinstance(error, AislewatchError) else described(error))


def _make_plugin(spec: DeviceSpec) -> SensorPlugin:
    sensor: Any = find_sensor(spec.plugin)
    try:
        config = sensor.Config.model_validate(spec.config)
    except ValidationError as error:
        text = "; ".join(
            f"{'.'.join(str(part) for part in e['loc']) or 'config'}: {e['msg']}"
            for e in error.errors()
        )
        message = f"the configuration of {spec.device} is wrong: {text}"
        raise DeviceMisconfigured(message) from None
    plugin: SensorPlugin = sensor(config)
    return plugin
