"""What the contract asks of every plugin, as named checks: each runs the plugin against its twin.

A check has a name that reads as a sentence, and a tier: *bronze* is what the shop's host relies on,
*silver* what a device in a shop does to it sooner or later, *gold* what the people who install and
mend it need. :mod:`aislewatch.testing.contract_faults` has the checks of faults.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast

from pydantic import ValidationError

from aislewatch.errors import BusError, DeviceMisconfigured, DeviceNotReady
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorPlugin
from aislewatch.testing.contract_bench import Bench, BenchMaker
from aislewatch.testing.contract_stand import (
    CLOSE_S,
    ContractBroken,
    Stand,
    closed,
    ended,
    fits,
    patience,
)

Tier = Literal["bronze", "silver", "gold"]

TIERS: Final[tuple[Tier, ...]] = ("bronze", "silver", "gold")
"""In rising order; each holds those before it."""

OPENINGS: Final = 100
"""How often a plugin is opened anew in search of what it leaves behind."""

_PROBE_S: Final = 10.0
_STILL_S: Final = 5.0
_LOOP_POOL: Final = "asyncio_"
"""Threads of the event loop's own pool, which stay."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the contract asks.

    Attributes:
        name: as a sentence, with hyphens.
        tier: the lowest tier that asks it.
        body: runs it on a stand; gives how long a recovery took in seconds, or None.
        needs_cable: only for devices that can be unplugged.
    """

    name: str
    tier: Tier
    body: Callable[[Stand], Awaitable[float | None]]
    needs_cable: bool = False

    async def run(
        self, sensor: type[SensorPlugin], make_bench: BenchMaker, folder: Path, registry: Registry
    ) -> float | None:
        """Run it on a bench of its own.

        Args:
            sensor: the plugin's class.
            make_bench: makes the bench.
            folder: empty.
            registry: the kinds of event.

        Returns:
            How long the recovery took, in seconds, where the check is of one.

        Raises:
            ContractBroken: the plugin does not do as it should; or whatever else it raised.
        """
        async with make_bench(folder, 1) as bench:
            return await self.body(Stand(sensor, bench, folder, registry))


def behaviour() -> Iterator[Check]:
    """Give the checks that need no fault."""
    yield Check("a-setting-that-is-none-is-refused-by-its-name", "bronze", _strict)
    yield Check("what-the-device-sees-is-told-once", "bronze", _told_once)
    yield Check("it-tells-only-kinds-that-it-names", "bronze", _kinds)
    yield Check("its-health-is-what-it-is", "bronze", _health)
    yield Check("it-closes-in-time-from-wherever-it-is", "bronze", _closes)
    yield Check("a-hundred-openings-leave-nothing-behind", "bronze", _leaks)
    yield Check("a-probe-finds-the-device-and-leaves-it-as-it-was", "bronze", _probe)
    yield Check("nothing-is-lost-while-the-bus-is-slow", "silver", _slow_bus)
    yield Check("a-bus-that-is-gone-ends-the-run", "silver", _gone_bus)
    yield Check("a-probe-says-that-the-device-is-away", "silver", _probe_away, needs_cable=True)
    yield Check("what-helps-to-find-a-fault-shows-no-secret", "gold", _diagnostics)


async def _strict(stand: Stand) -> None:
    config = {**stand.bench.config, "no_such_setting": 1}
    try:
        stand.sensor.Config.model_validate(config)
    except ValidationError as error:
        if any("no_such_setting" in found["loc"] for found in error.errors()):
            return
    message = "its Config takes a setting that does not exist: model_config = {'extra': 'forbid'}"
    raise ContractBroken(message)


async def _told_once(stand: Stand) -> None:
    async with stand.running():
        await stand.see_again()  # From here on it listens.
        seen = [await stand.see() for _ in range(5)]
        findings = stand.record.findings()
    for expected in seen:
        times = sum(fits(found, expected) for found in findings)
        if times != 1 and seen.count(expected) == 1:
            message = f"{expected} was told {times} times"
            raise ContractBroken(message)
    _no_phantoms(stand)
    numbers = [
        found.get("seq", 0) for found in findings if found["device"] == findings[0]["device"]
    ]
    if numbers != sorted(numbers):
        message = f"seq goes back: {numbers}"
        raise ContractBroken(message)
    if stand.record.refusals:
        raw, reason = stand.record.refusals[0]
        message = f"it refused what its device rightly said: {raw!r}: {reason}"
        raise ContractBroken(message)


async def _kinds(stand: Stand) -> None:
    async with stand.running():
        await stand.see_again()
        await stand.see()
    named = set(stand.sensor.descriptor.emits)
    told = {str(found["type"]) for found in stand.record.findings()}
    if named and not told <= named:
        message = (
            f"it tells {', '.join(sorted(told - named))}, which descriptor.emits does not name"
        )
        raise ContractBroken(message)


async def _health(stand: Stand) -> None:
    plugin = stand.plugin()
    before = plugin.health()
    if before.connected or before.frames:
        message = f"before it was opened its health was {before}"
        raise ContractBroken(message)
    async with stand.running():
        await stand.see_again()
        await stand.see()
        now = stand.health()
    if not now.connected or not now.frames:
        message = f"while it told what its device saw its health was {now}"
        raise ContractBroken(message)
    if stand.health().connected:
        message = "it still says that it is connected after it was closed"
        raise ContractBroken(message)


async def _closes(stand: Stand) -> None:
    await closed(stand.plugin())  # Never opened.
    opened = stand.plugin()
    await opened.open(stand.context())
    await closed(opened)
    await closed(opened)
    async with stand.running():
        await stand.see_again()
    stand.record.held.clear()
    async with stand.running():  # Ended while the bus makes it wait.
        async with asyncio.timeout(stand.bench.recovery_s):
            for patience_s in patience():
                await stand.act()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience_s):
                        await stand.record.until(lambda: stand.record.waiting)
                        break
    stand.record.held.set()
    if stand.bench.unplugs:
        await stand.bench.unplug()
        nowhere = stand.plugin()
        try:
            async with asyncio.timeout(stand.bench.recovery_s):
                await nowhere.open(stand.context())
        except (DeviceNotReady, TimeoutError):
            pass
        finally:
            await closed(nowhere)


async def _leaks(stand: Stand) -> None:
    async def once() -> None:
        plugin = stand.plugin()
        try:
            await plugin.open(stand.context())
            run = asyncio.create_task(_run(plugin, stand))
            await asyncio.sleep(0)
            await ended(run)
        finally:
            await closed(plugin)

    async with asyncio.timeout(OPENINGS * CLOSE_S):
        await once()
        before = await _settled(None)
        for _ in range(OPENINGS):
            await once()
        after = await _settled(before)
    if any(now > then for now, then in zip(after, before, strict=True)):
        names = ("tasks", "threads", "descriptors")
        left = [
            f"{now - then} {name}"
            for name, now, then in zip(names, after, before, strict=True)
            if now > then
        ]
        message = f"{OPENINGS} openings have left behind: {', '.join(left)}"
        raise ContractBroken(message)


async def _run(plugin: SensorPlugin, stand: Stand) -> None:
    # A device that takes one client may still be busy with the last one.
    with contextlib.suppress(DeviceNotReady):
        await plugin.run(stand.record)


async def _settled(bound: tuple[int, int, int] | None) -> tuple[int, int, int]:
    """Count what there is, once the twin's side has let go, too."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + _STILL_S
    seen = _there_is()
    while loop.time() < until_s:
        await asyncio.sleep(0.05)
        last, seen = seen, _there_is()
        if seen == last if bound is None else all(a <= b for a, b in zip(seen, bound, strict=True)):
            break
    return seen


def _there_is() -> tuple[int, int, int]:
    """Count tasks, threads that are not the loop's own, and open descriptors."""
    gc.collect()
    threads = [one for one in threading.enumerate() if not one.name.startswith(_LOOP_POOL)]
    open_ones = Path("/dev/fd")  # Neither the twin nor a plugin is counted where there is none.
    descriptors = len(list(open_ones.iterdir())) if open_ones.is_dir() else 0
    return len(asyncio.all_tasks()), len(threads), descriptors


async def _probe(stand: Stand) -> None:
    plugin = stand.plugin()
    async with asyncio.timeout(_PROBE_S):
        info = await plugin.probe()
    if not info.reachable or not info.detail:
        message = f"its device is there, and the probe says {info}"
        raise ContractBroken(message)
    _no_secret(stand.bench, f"{info.detail} {dict(info.facts)}", "the probe")
    await closed(plugin)
    async with stand.running():
        await stand.see_again()


async def _probe_away(stand: Stand) -> None:
    await stand.bench.unplug()
    plugin = stand.plugin()
    try:
        async with asyncio.timeout(_PROBE_S):
            info = await plugin.probe()
    except (DeviceNotReady, DeviceMisconfigured) as error:
        message = f"probe() raised instead of giving DeviceInfo(reachable=False): {error}"
        raise ContractBroken(message) from error
    if info.reachable or not info.detail:
        message = f"nobody is there, and the probe says {info}"
        raise ContractBroken(message)
    await closed(plugin)


async def _slow_bus(stand: Stand) -> None:
    async with stand.running():
        await stand.see_again()
        stand.record.held.clear()
        before = len(stand.record.findings())
        seen = [await stand.act() for _ in range(5)]
        stand.record.held.set()
        async with asyncio.timeout(stand.bench.recovery_s):
            await stand.record.until(lambda: len(stand.record.findings()) >= before + 1)
        await stand.see()  # What came before this in line has come by now.
        findings = stand.record.findings()
    told = [one for one in seen if any(fits(found, one) for found in findings)]
    lost = [one for one in seen if one not in told]
    if lost:
        message = f"while the bus was slow it lost {lost}"
        raise ContractBroken(message)
    _no_phantoms(stand)


async def _gone_bus(stand: Stand) -> None:
    async with stand.running():
        await stand.see_again()
    stand.record.error = BusError("the bus is gone")
    plugin = stand.plugin()
    await plugin.open(stand.context())
    run = asyncio.create_task(plugin.run(stand.record))
    try:
        async with asyncio.timeout(stand.bench.recovery_s):
            for patience_s in patience():
                await stand.act()
                await asyncio.wait({run}, timeout=patience_s)
                if run.done():
                    break
    except TimeoutError:
        message = "it went on though what it told could not be taken: let emit's errors through"
        raise ContractBroken(message) from None
    finally:
        run.cancel()
        outcome = (await asyncio.gather(run, return_exceptions=True))[0]
        await closed(plugin)
    if not _is_or_holds(outcome, BusError):
        message = f"emit raised BusError, and run() ended with {outcome!r}"
        raise ContractBroken(message)


def _is_or_holds(outcome: object, kind: type[BaseException]) -> bool:
    if isinstance(outcome, BaseExceptionGroup):
        several = cast("BaseExceptionGroup[BaseException]", outcome).exceptions
        return any(_is_or_holds(one, kind) for one in several)
    return isinstance(outcome, kind)


async def _diagnostics(stand: Stand) -> None:
    async with stand.running():
        await stand.see_again()
        given = stand.diagnostics()
        detail = stand.health().detail
    if not given:
        message = "diagnostics() gives nothing: say what a person who looks for a fault asks first"
        raise ContractBroken(message)
    try:
        text = json.dumps(given)
    except (TypeError, ValueError) as error:
        message = f"diagnostics() gives what JSON cannot hold: {error}"
        raise ContractBroken(message) from error
    _no_secret(stand.bench, text + detail, "diagnostics() or health()")


def _no_secret(bench: Bench, text: str, where: str) -> None:
    if any(secret in text for secret in bench.secrets):
        message = f"{where} shows a secret"
        raise ContractBroken(message)


def _no_phantoms(stand: Stand) -> None:
    found = stand.phantoms()
    if found:
        message = f"it told what its device never saw: {found[0]}"
        raise ContractBroken(message)
