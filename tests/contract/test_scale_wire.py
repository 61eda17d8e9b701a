"""Scale drivers and their twins, over sockets, terminals and RFC 2217, with every fault."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aislewatch.errors import DeviceNotReady
from aislewatch.events.kinds import DeviceState, Event, ScaleChanged, ScaleWeight
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.scale.config import ScaleConfig
from aislewatch_plugins.scale.sensor import Scale
from aislewatch_sim.faults import Fault, Faults
from aislewatch_sim.ports import Link, Port, PtyPort, TcpPort
from aislewatch_sim.rfc2217 import Line, Rfc2217Port
from aislewatch_sim.scale.pan import Build, Pan
from aislewatch_sim.scale.twin import SEVEN_BITS, VOICES, ScaleTwin

# pyserial 3.5 starts the threads of its RFC 2217 client in a way that Python calls old.
pytestmark = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")

REGISTRY = Registry()
LONG_AGO = -60.0
"""Seconds; what was put down then has settled."""

PROTOCOLS: dict[str, Any] = {
    "mt-sics": "mt-sics",
    "toledo-8217": "toledo-8217",
    "toledo-8217-lb": "toledo-8217",
    "nci": "nci",
    "nci-lb": "nci",
    "cas": "stream",
    "and": "stream",
    "and-standard": "stream",
    "lines": {"lines": r"WT +(?P<weight>-?[0-9]+,[0-9]) (?P<unit>g)"},
}
"""By voice of the twin, the protocol of the driver."""

SLOW = frozenset({"toledo-8217", "toledo-8217-lb"})
"""Those that must not be asked more than five times a second."""

POUND_MG = 453_592

BRISK = Build(damping_s=0.01)
"""Swings for so short a time that tests need not wait for it."""


class LoopClock:
    """The loop's time as the plugin's clock, so that filters see what really passed."""

    def now_us(self) -> int:
        return 1_772_438_400_000_000 + int(asyncio.get_running_loop().time() * 1_000_000)


class Received:
    """What a host would have been given; ``until`` waits for something in it."""

    def __init__(self) -> None:
        self.found: list[Event] = []
        self.refusals: list[tuple[bytes, str]] = []
        self._news = asyncio.Condition()

    @property
    def weights(self) -> list[int]:
        return [event.weight_mg for event in self.found if isinstance(event, ScaleWeight)]

    @property
    def states(self) -> list[tuple[str, str | None]]:
        return [(e.state, e.reason) for e in self.found if isinstance(e, DeviceState)]

    async def events(self, batch: Sequence[Event]) -> None:
        async with self._news:
            self.found += batch
            self._news.notify_all()

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        assert place.startswith("byte ")
        assert device == "scale-1"
        async with self._news:
            self.refusals.append((raw, reason))
            self._news.notify_all()

    async def until(self, holds: Callable[[Received], object]) -> None:
        async with self._news:
            await self._news.wait_for(lambda: holds(self))


class Bench:
    """A twin and its scale: what lies on it, what goes wrong."""

    def __init__(self, voice: str, *, build: Build | None = None, seed: int = 1) -> None:
        self.voice = voice
        self.pan = Pan(build or BRISK, Random(seed))
        self.faults = Faults(Random(seed), late_s=0.4, drip_s=0.002)
        self._twin = ScaleTwin(self.pan, voice, self.faults)

    async def serve(self, link: Link) -> None:
        await self._twin.serve(link)

    def put(self, grams: float, at_s: float | None = None) -> None:
        now_s = asyncio.get_running_loop().time()
        self.pan.put(now_s + LONG_AGO if at_s is None else at_s, 1000 * grams)

    def put_now(self, grams: float) -> None:
        self.put(grams, asyncio.get_running_loop().time())

    def port(self, kind: str, folder: Path) -> Port:
        if kind == "pty":
            return PtyPort(self.serve, folder / "scale")
        if kind == "rfc2217":
            line = Line(bits=7, parity="E") if self.voice in SEVEN_BITS else Line()
            return Rfc2217Port(self.serve, line=line)
        return TcpPort(self.serve)

    def config(self, port: Port | str, **more: Any) -> ScaleConfig:
        where = port if isinstance(port, str) else port.address
        plain = not ("/" in where or where.startswith("rfc2217"))
        given: dict[str, Any] = {
            "protocol": PROTOCOLS[self.voice],
            ("tcp" if plain else "port"): where,
            "kind": "bagging",
            "every": "200ms" if self.voice in SLOW else "20ms",
            "answer": "200ms",
            "silence": "2s",
            "settle": "150ms",
            "linger": "100ms",
        }
        return ScaleConfig.model_validate(given | more)


def context(**options: Any) -> SensorContext:
    values: dict[str, Any] = {
        "store": "s",
        "device": "scale-1",
        "boot": "b1",
        "clock": LoopClock(),
        "random": Random(1),
        "registry": REGISTRY,
        "folder": ".",
    }
    return SensorContext(**(values | options))


@asynccontextmanager
async def running(
    config: ScaleConfig, **options: Any
) -> AsyncGenerator[tuple[Received, asyncio.Task[None], Scale], None]:
    scale, received = Scale(config), Received()
    await scale.open(context(**options))
    task = asyncio.create_task(scale.run(received))
    try:
        async with asyncio.timeout(60):
            yield received, task, scale
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await scale.close()
        await scale.close()


def expected_mg(voice: str, grams: int) -> int:
    """What the driver reads of a weight that the twin shows in its own unit."""
    if voice.endswith("-lb"):
        decimals = 2 if voice.startswith("toledo") else 3
        shown = round(grams * 1000 / POUND_MG, decimals)
        return round(shown * 453_592.37)
    return grams * 1000


@pytest.mark.parametrize("voice", VOICES)
@pytest.mark.parametrize("kind", ["tcp", "pty"])
async def test_each_protocol_tells_a_weight_and_the_step_to_the_next(
    voice: str, kind: str, tmp_path: Path
) -> None:
    bench = Bench(voice)
    bench.put(250)
    async with bench.port(kind, tmp_path) as port:
        more = {}
        if kind == "pty":  # A pseudo-terminal has no parity, and refuses to be set twice.
            more = {"serial": {"bits": 8, "parity": "none"}}
        async with running(bench.config(port, **more)) as (received, _, scale):
            await received.until(lambda r: r.weights)
            bench.put_now(500)
            await received.until(lambda r: expected_mg(voice, 750) in r.weights)
            assert scale.health().connected
            assert scale.health().frames > 1
    first, last = expected_mg(voice, 250), expected_mg(voice, 750)
    assert received.weights[0] == first
    assert received.weights[-1] == last
    changes = [e for e in received.found if isinstance(e, ScaleChanged)]
    assert sum(change.delta_mg for change in changes) == last - first
    assert received.refusals == []
    assert {e.scale_kind for e in changes} == {"bagging"}
    assert [e.seq for e in received.found] == list(range(1, len(received.found) + 1))


@pytest.mark.parametrize("voice", ["toledo-8217", "nci", "mt-sics"])
async def test_an_rfc_2217_server_is_set_as_the_protocol_wants_it(
    voice: str, tmp_path: Path
) -> None:
    bench = Bench(voice)
    bench.put(250)
    async with bench.port("rfc2217", tmp_path) as port:
        assert isinstance(port, Rfc2217Port)
        async with running(bench.config(port)) as (received, _, _scale):
            await received.until(lambda r: r.weights)
        (seen,) = port.seen
        expected = (9600, 7, "E", 1) if voice in SEVEN_BITS else (9600, 8, "N", 1)
        assert (seen.baudrate, seen.bytesize, seen.parity, seen.stopbits) == expected
    assert received.weights == [250_000]
    assert received.refusals == []


async def test_a_line_set_to_eight_bits_is_read_by_its_parity_and_one_set_to_another_speed_is_not(
    tmp_path: Path,
) -> None:
    bench = Bench("toledo-8217")
    bench.put(250)
    async with bench.port("rfc2217", tmp_path) as port:
        eight = bench.config(port, serial={"bits": 8, "parity": "none"})
        async with running(eight) as (received, _, _scale):
            await received.until(lambda r: r.weights)
        assert received.weights == [250_000]
        slow = bench.config(port, serial={"baud": 1200}, silence="500ms")
        async with running(slow) as (received, task, _scale):
            with pytest.raises(DeviceNotReady, match="makes no sense: look at the protocol"):
                await task
        assert received.weights == []
        assert received.refusals


@pytest.mark.parametrize(
    ("voice", "kind"),
    [
        ("mt-sics", "tcp"),
        ("mt-sics", "pty"),
        ("toledo-8217", "tcp"),
        ("nci", "tcp"),
        ("cas", "pty"),
        ("lines", "tcp"),
    ],
)
async def test_every_fault_is_survived_and_no_wrong_weight_is_told(
    voice: str, kind: str, tmp_path: Path
) -> None:
    async def told(fault: Fault) -> tuple[Fault, list[int]]:
        folder = tmp_path / fault
        folder.mkdir()
        bench = Bench(voice)
        bench.put(250)
        async with (
            bench.port(kind, folder) as port,
            running(bench.config(port)) as (received, _, _scale),
        ):
            await received.until(lambda r: r.weights)
            bench.faults.strike(fault, 3)
            bench.put_now(500)
            await received.until(lambda r: r.weights[-1] == 750_000)
            # And nothing of the fault is left that would come later.
            bench.put_now(-750)
            await received.until(lambda r: r.weights[-1] == 0)
            return fault, received.weights

    # A dropped line has a test of its own; the others are a bench each, side by side.
    faults = [fault for fault in Fault if fault is not Fault.DROP]
    for fault, weights in await asyncio.gather(*(told(fault) for fault in faults)):
        assert weights == [250_000, 750_000, 0], fault


async def _day_of_faults(voice: str, seed: int, acts: int) -> None:
    """Play a day in which anything may go wrong with any frame; then one in which nothing does."""
    dice, bench = Random(seed), Bench(voice, seed=seed)
    lain = {0}
    async with TcpPort(bench.serve) as port:
        received = Received()
        for fault in Fault:
            bench.faults.set(fault, 0.02)
        for _ in range(acts):
            lies = round(bench.pan.lies_mg / 1000)
            grams = dice.choice([g for g in (-250, 250, 500, 1000) if 0 <= lies + g <= 9000])
            lain.add(lies + grams)
            bench.put_now(grams)
            scale = Scale(bench.config(port))
            await scale.open(context())
            with contextlib.suppress(DeviceNotReady, TimeoutError):
                async with asyncio.timeout(dice.uniform(0.5, 2)):
                    await scale.run(received)
            await scale.close()
        for fault in Fault:
            bench.faults.set(fault, 0)
        lies = round(bench.pan.lies_mg / 1000)
        async with running(bench.config(port)) as (after, _, _scale):
            await after.until(lambda r: r.weights)
    assert after.weights == [lies * 1000]
    assert after.refusals == []
    told = {weight // 1000 for weight in received.weights}
    assert told <= lain, "a weight was told that never lay there"
    assert len(told) > 1


@pytest.mark.parametrize("voice", ["mt-sics", "cas"])
async def test_a_day_of_faults_tells_no_weight_that_never_lay_there(voice: str) -> None:
    await asyncio.gather(*(_day_of_faults(voice, seed, 4) for seed in range(3)))


@pytest.mark.slow
@pytest.mark.parametrize("voice", ["mt-sics", "toledo-8217", "nci", "cas", "and-standard"])
async def test_long_days_of_faults_tell_no_weight_that_never_lay_there(voice: str) -> None:
    await asyncio.gather(*(_day_of_faults(voice, seed, 60) for seed in range(8)))


@pytest.mark.parametrize("kind", ["tcp", "pty", "rfc2217"])
async def test_a_line_that_drops_in_the_middle_of_a_frame_is_not_ready_and_opens_again(
    kind: str, tmp_path: Path
) -> None:
    bench = Bench("mt-sics")
    bench.put(250)
    async with bench.port(kind, tmp_path) as port:
        config = bench.config(port)
        for grams in (250, 500, 750):
            async with running(config) as (received, task, scale):
                await received.until(lambda r: r.weights)
                assert received.weights == [grams * 1000]
                bench.faults.strike(Fault.DROP)
                with pytest.raises(DeviceNotReady):
                    await task
                assert not scale.health().connected
            bench.put(250)


async def test_a_scale_that_is_switched_off_behind_its_server_is_not_ready(
    tmp_path: Path,
) -> None:
    bench = Bench("mt-sics")
    async with bench.port("tcp", tmp_path) as port:
        config = bench.config(port, silence="500ms")
        bench.faults.set(Fault.SILENCE, 1.0)
        async with running(config) as (received, task, scale):
            with pytest.raises(DeviceNotReady, match="has sent no weight for"):
                await task
            assert scale.diagnostics()["unanswered"]
            assert scale.health().frames == 0
        assert received.found == []
        assert not (await Scale(config).probe()).reachable
        bench.faults.set(Fault.SILENCE, 0)
        found = await Scale(config).probe()
        assert found.reachable
        assert "weighs 0 g" in found.detail


@pytest.mark.parametrize("kind", ["tcp", "pty", "rfc2217"])
async def test_a_scale_that_tells_by_itself_is_told_to_begin_and_to_stop(
    kind: str, tmp_path: Path
) -> None:
    heard = bytearray()
    bench = Bench("mt-sics")
    bench.put(250)
    ended = asyncio.Event()

    async def overheard(link: Link) -> None:
        class Ear:
            async def read(self) -> bytes:
                data = await link.read()
                heard.extend(data)
                if heard.endswith(b"\r\nSI\r\n"):
                    ended.set()
                return data

            write, hang_up = link.write, link.hang_up

        await bench.serve(Ear())

    ports: dict[str, Port] = {
        "tcp": TcpPort(overheard),
        "pty": PtyPort(overheard, tmp_path / "scale"),
        "rfc2217": Rfc2217Port(overheard, line=Line()),
    }
    async with ports[kind] as port:
        async with running(bench.config(port, ask=False)) as (received, _, _scale):
            await received.until(lambda r: r.weights)
        async with asyncio.timeout(10):
            await ended.wait()
    assert bytes(heard) == b"SIR\r\nSI\r\n"


async def test_overload_is_degraded_and_over_when_it_weighs_again(tmp_path: Path) -> None:
    bench = Bench("mt-sics", build=Build(capacity_mg=2_000_000, damping_s=0.01))
    bench.put(250)
    async with (
        bench.port("tcp", tmp_path) as port,
        running(bench.config(port)) as (received, _, _scale),
    ):
        await received.until(lambda r: r.weights)
        bench.put_now(5_000)
        await received.until(lambda r: r.states)
        bench.put_now(-5_000)
        await received.until(lambda r: len(r.states) == 2)
    assert received.states == [("degraded", "overload"), ("online", None)]
    assert set(received.weights) == {250_000}


async def test_what_rejects_our_question_again_and_again_is_not_ready() -> None:
    async def deaf(link: Link) -> None:
        while await link.read():
            await link.write(b"ES\r\n")

    bench = Bench("mt-sics")
    async with TcpPort(deaf) as port, running(bench.config(port)) as (received, task, _scale):
        with pytest.raises(DeviceNotReady, match="rejects what it is asked"):
            await task
    assert received.found == []


async def test_nobody_there_is_not_ready_over_every_kind_of_line(tmp_path: Path) -> None:
    bench = Bench("mt-sics")
    async with TcpPort(bench.serve) as port:
        gone = port.address
    for where in (gone, str(tmp_path / "nothing"), f"rfc2217://{gone}"):
        scale = Scale(bench.config(where))
        with pytest.raises(DeviceNotReady):
            await scale.open(context())
        await scale.close()
        assert not (await Scale(bench.config(where)).probe()).reachable


async def test_a_port_that_somebody_else_reads_is_not_shared(tmp_path: Path) -> None:
    bench = Bench("mt-sics")
    async with (
        bench.port("pty", tmp_path) as port,
        running(bench.config(port)) as (received, _, _scale),
    ):
        await received.until(lambda r: r.weights)
        second = Scale(bench.config(port))
        with pytest.raises(DeviceNotReady, match="somebody else reads it"):
            await second.open(context())
        await second.close()


async def test_a_line_that_refuses_to_be_set_again_is_not_ready_and_nothing_worse(
    tmp_path: Path,
) -> None:
    # A pseudo-terminal takes 7 bits and parity once; pyserial then lets a bare termios.error out.
    bench = Bench("toledo-8217")
    async with bench.port("pty", tmp_path) as port:
        config = bench.config(port)
        outcomes: list[str] = []
        for _ in range(2):
            scale = Scale(config)
            try:
                await scale.open(context())
                outcomes.append("opened")
            except DeviceNotReady as error:
                outcomes.append(str(error))
            await scale.close()
    assert outcomes[0] == "opened"
    assert "cannot be opened: (22" in outcomes[1]


@pytest.mark.parametrize("kind", ["tcp", "pty"])
async def test_a_hundred_openings_leave_no_thread_no_task_and_no_file(
    kind: str, tmp_path: Path
) -> None:
    bench = Bench("mt-sics")
    bench.put(250)
    async with bench.port(kind, tmp_path) as port:
        config = bench.config(port)

        async def once() -> None:
            async with running(config) as (received, _, _scale):
                await received.until(lambda r: r.weights)

        await once()
        await once()
        before = _left()
        for _ in range(100):
            await once()
        after = _left()
    assert after[0] <= before[0]
    assert after[1] <= before[1]
    assert after[2] <= before[2] + 1


def _left() -> tuple[int, int, int]:
    threads = sum(thread.name.startswith("scale ") for thread in threading.enumerate())
    files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    return threads, len(asyncio.all_tasks()), files


@pytest.mark.parametrize("kind", ["tcp", "pty", "rfc2217"])
async def test_closing_takes_less_than_two_seconds_while_the_scale_is_silent_or_floods(
    kind: str, tmp_path: Path
) -> None:
    bench = Bench("mt-sics")
    async with bench.port(kind, tmp_path) as port:
        for fault in (Fault.SILENCE, Fault.BURST):
            bench.faults.set(fault, 1.0)
            scale, received = Scale(bench.config(port, ask=False)), Received()
            await scale.open(context())
            task = asyncio.create_task(scale.run(received))
            if fault is Fault.BURST:
                await received.until(lambda r: r.weights)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            async with asyncio.timeout(2):
                await scale.close()
            bench.faults.set(fault, 0)


async def test_a_flood_comes_through_the_reading_thread_whole_while_the_bus_is_slow() -> None:
    lines = 5_000

    async def flood(link: Link) -> None:
        await link.read()
        for number in range(lines):
            await link.write(f"S S {number // 2:10d} g\r\n".encode())
        while await link.read():
            pass

    class Slow(Received):
        async def events(self, batch: Sequence[Event]) -> None:
            await super().events(batch)
            await asyncio.sleep(0)

    bench = Bench("mt-sics")
    async with Rfc2217Port(flood, line=Line()) as port:
        scale, received = Scale(bench.config(port, linger="0s")), Slow()
        await scale.open(context())
        task = asyncio.create_task(scale.run(received))
        async with asyncio.timeout(60):
            await received.until(lambda r: len(r.weights) >= lines // 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await scale.close()
    assert received.refusals == []
    assert received.weights == [grams * 1000 for grams in range(lines // 2)]
    assert scale.health().frames == lines


async def test_a_port_that_we_may_not_open_says_which_group_may(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    forbidden = str(tmp_path / "ttyUSB0")
    opens = os.open

    def refusing(path: Any, *arguments: Any, **options: Any) -> int:
        if path == forbidden:  # As the system does, but to root as well.
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return opens(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refusing)
    scale = Scale(Bench("mt-sics").config(forbidden))
    with pytest.raises(DeviceNotReady, match=r"Permission denied.*dialout"):
        await scale.open(context())
    await scale.close()
