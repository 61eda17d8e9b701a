"""A plugin on its bench as a host would run it: opened anew when its device was gone, and recorded.

Waiting is for something that happens, with a bound; nothing is slept out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from aislewatch.errors import DeviceNotReady
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.registry import Registry, type_of
from aislewatch.events.sensor import Health, SensorContext, SensorPlugin
from aislewatch.testing.contract_bench import Bench

CLOSE_S: Final = 2.0
"""How long a plugin may take to end its run and to close."""

STORE, DEVICE = "contract", "bench-1"

_EPOCH_US: Final = 1_772_438_400_000_000
_RETRY_S: Final = 0.05
_PATIENCE_S: Final = 0.1
_PATIENCE_MAX_S: Final = 1.6


class ContractBroken(AssertionError):
    """A plugin does not do what the contract says; the text says what it did."""


class LoopClock:
    """The running loop's time, from a fixed day on; may be asked from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now_us(self) -> int:
        """Give microseconds since 1970-01-01 UTC."""
        return _EPOCH_US + int(self._loop.time() * 1_000_000)


class Record:
    """What a host would have been given, held to what it would have been held to.

    Args:
        registry: the kinds of event.

    Attributes:
        found: events in the order they were told.
        refusals: what was refused: bytes and reason.
        held: clear while the bus says "slower".
        error: raised in place of taking events, as a bus that cannot go on does.
    """

    def __init__(self, registry: Registry) -> None:
        self.found: list[Event] = []
        self.refusals: list[tuple[bytes, str]] = []
        self.held = asyncio.Event()
        self.held.set()
        self.waiting = 0
        self.error: Exception | None = None
        self._codec = Codec(registry)
        self._ids: dict[str, bytes] = {}
        self._news = asyncio.Condition()

    async def events(self, batch: Sequence[Event]) -> None:
        """Take events."""
        await self._pass()
        for event in batch:
            self._judge(event)
        async with self._news:
            self.found += batch
            self._news.notify_all()

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        """Take what is no event."""
        await self._pass()
        if not (reason and place and device):
            message = f"{raw!r} was refused with reason {reason!r}, {place=}, {device=}: all matter"
            raise ContractBroken(message)
        async with self._news:
            self.refusals.append((raw, reason))
            self._news.notify_all()

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds of what was told."""
        async with self._news:
            await self._news.wait_for(lambda: bool(holds()))

    def findings(self) -> list[Mapping[str, Any]]:
        """Give what was told of the world as plain fields: all but states of devices."""
        told = [event for event in self.found if not isinstance(event, DeviceState)]
        return [{**msgspec.to_builtins(event), "type": type_of(type(event))} for event in told]

    async def _pass(self) -> None:
        if self.error is not None:
            raise self.error
        self.waiting += 1
        async with self._news:
            self._news.notify_all()
        await self.held.wait()
        self.waiting -= 1

    def _judge(self, event: Event) -> None:
        payload = Codec.encode(event)
        if self._codec.decode(payload) != event:
            message = f"an event does not survive being sent: {payload.decode()}"
            raise ContractBroken(message)
        if event.id in self._ids:
            same = "twice" if self._ids[event.id] == payload else "for two different events"
            message = f"the id {event.id!r} was used {same}"
            raise ContractBroken(message)
        if not event.simulated:
            message = f"a twin's event does not say that it is simulated: {payload.decode()}"
            raise ContractBroken(message)
        self._ids[event.id] = payload


class Stand:
    """One plugin class on one bench.

    Args:
        sensor: the plugin's class.
        bench: entered already.
        folder: the one the bench was made with.
        registry: the kinds of event.

    Attributes:
        record: what was told.
        openings: how often the plugin was opened.
    """

    def __init__(
        self, sensor: type[SensorPlugin], bench: Bench, folder: Path, registry: Registry
    ) -> None:
        self.sensor = sensor
        self.bench = bench
        self.record = Record(registry)
        self.openings = 0
        self._folder = folder
        self._registry = registry
        self._plugin: SensorPlugin | None = None
        self._acted: list[Mapping[str, object]] = []
        self._run: asyncio.Task[None] | None = None

    def plugin(self) -> SensorPlugin:
        """Make a plugin from the bench's configuration."""
        sensor: Any = self.sensor  # The base class does not say that it takes a configuration.
        plugin: SensorPlugin = sensor(sensor.Config.model_validate(dict(self.bench.config)))
        return plugin

    def context(self) -> SensorContext:
        """Give what a host gives; each opening is another boot."""
        self.openings += 1
        return SensorContext(
            store=STORE,
            device=DEVICE,
            boot=f"boot-{self.openings}",
            clock=LoopClock(),
            random=Random(self.openings),
            registry=self._registry,
            folder=str(self._folder),
            simulated=True,
        )

    def health(self) -> Health:
        """Ask the plugin that runs now."""
        assert self._plugin is not None
        return self._plugin.health()

    def diagnostics(self) -> dict[str, object]:
        """Ask the plugin that runs now."""
        assert self._plugin is not None
        return self._plugin.diagnostics()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[asyncio.Task[None]]:
        """Run the plugin, anew whenever its device was gone; ended and closed in time."""
        self._run = asyncio.create_task(self._live(), name="contract: the plugin's lives")
        try:
            yield self._run
        finally:
            run, self._run = self._run, None
            await ended(run)

    async def see(self) -> Mapping[str, object]:
        """Have the device see something once and wait until it is told.

        Raises:
            ContractBroken: it was not told in time, or the plugin's run ended.
        """
        async with self._in_time("what the device saw was not told"):
            return await self._act_and_hear()
        raise AssertionError  # for type checkers: what is above returns or raises

    async def see_again(self) -> float:
        """Have the device see things until one is told.

        Returns:
            How long it took, in seconds.

        Raises:
            ContractBroken: none was told in time, or the plugin's run ended.
        """
        began_s = asyncio.get_running_loop().time()
        async with self._in_time("nothing that the device saw was told"):
            for patience_s in patience():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        await self._act_and_hear()
                        break
        return asyncio.get_running_loop().time() - began_s

    async def act(self) -> Mapping[str, object]:
        """Have the device see something, and remember it."""
        expected = await self.bench.act()
        self._acted.append(expected)
        return expected

    def phantoms(self) -> list[Mapping[str, Any]]:
        """Give the events of the kinds that the bench acts out that no act explains."""
        types = {expected["type"] for expected in self._acted}
        return [
            found
            for found in self.record.findings()
            if found["type"] in types and not any(fits(found, acted) for acted in self._acted)
        ]

    async def _act_and_hear(self) -> Mapping[str, object]:
        before = len(self.record.findings())  # A twin that cannot tell its acts apart fits twice.
        expected = await self.act()

        def told() -> bool:
            return any(fits(found, expected) for found in self.record.findings()[before:])

        await self._or_the_run_ends(asyncio.ensure_future(self.record.until(told)))
        return expected

    async def _or_the_run_ends(self, waiting: asyncio.Task[None]) -> None:
        run = self._run
        assert run is not None
        try:
            await asyncio.wait({waiting, run}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                run.result()
                message = "the plugin's run ended while its device was still there"
                raise ContractBroken(message)
        finally:
            waiting.cancel()

    @asynccontextmanager
    async def _in_time(self, failing: str) -> AsyncGenerator[None]:
        within_s = self.bench.recovery_s
        try:
            async with asyncio.timeout(within_s):
                yield
        except TimeoutError:
            refused = "; ".join(sorted({reason for _, reason in self.record.refusals})[:3])
            why = f"; refused meanwhile: {refused}" if refused else ""
            message = f"{failing} within {within_s:g} s{why}"
            raise ContractBroken(message) from None

    async def _live(self) -> None:
        while True:
            plugin = self._plugin = self.plugin()
            try:
                await plugin.open(self.context())
                await plugin.run(self.record)
                return
            except DeviceNotReady:
                pass
            finally:
                await closed(plugin)
            await asyncio.sleep(_RETRY_S)


def patience() -> Iterator[float]:
    """Give, without end, how many seconds to wait before the device is made to act again.

    They grow: a device that takes longer to tell must not be given something else meanwhile.
    """
    waits_s = _PATIENCE_S
    while True:
        yield waits_s
        waits_s = min(2 * waits_s, _PATIENCE_MAX_S)


def fits(found: Mapping[str, Any], expected: Mapping[str, object]) -> bool:
    """Tell whether an event holds what an act says.

    >>> fits({"type": "rfid.read", "epc": "A", "seq": 1}, {"type": "rfid.read", "epc": "A"})
    True
    """
    return all(found.get(name) == value for name, value in expected.items())


async def closed(plugin: SensorPlugin) -> None:
    """Close a plugin in the time that it has.

    Raises:
        ContractBroken: it took longer.
    """
    try:
        async with asyncio.timeout(CLOSE_S):
            await plugin.close()
    except TimeoutError:
        message = f"close() took longer than {CLOSE_S:g} s"
        raise ContractBroken(message) from None


async def ended(run: asyncio.Task[None]) -> None:
    """Cancel a run and wait for its end in the time that it has.

    Raises:
        ContractBroken: it did not let itself be cancelled, or broke in another way.
    """
    run.cancel()
    await asyncio.wait({run}, timeout=2 * CLOSE_S)
    if not run.done():
        message = f"run() and close() took longer than {CLOSE_S:g} s each when cancelled"
        raise ContractBroken(message)
    if not run.cancelled():
        run.result()
