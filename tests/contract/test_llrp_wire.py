"""The LLRP plugin against a reader's twin over real sockets: every fault, and back from each."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import psutil
import pytest

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.kinds import DeviceState, Event, RfidCrossing, RfidRead
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.llrp.codec import Message
from aislewatch_plugins.llrp.config import LlrpConfig
from aislewatch_plugins.llrp.link import Link
from aislewatch_plugins.llrp.sensor import Llrp
from aislewatch_sim.faults import Fault, Faults
from aislewatch_sim.llrp.reader import Reader
from aislewatch_sim.llrp.scene import Heard, Walk, heard
from aislewatch_sim.ports import TcpPort

SECOND = 1_000_000
HOUR = 3600 * SECOND
EPC = "3034257BF7194E4000001A85"
NEXT = "3034257BF7194E4000001A86"
SET_UP = [1, 3, 41, 21, 20, 24]
ACKNOWLEDGED, GOODBYE = 72, 14


class QuickClock:
    """Runs twenty times as fast as the wall's, so that nobody waits for a passage's end."""

    def __init__(self) -> None:
        self._began = time.monotonic_ns()

    def now_us(self) -> int:
        return 1_772_438_400 * SECOND + (time.monotonic_ns() - self._began) // 50


class Received:
    """What a host would have been given; `until` waits for what it says."""

    def __init__(self) -> None:
        self.events_: list[Event] = []
        self.refusals: list[tuple[bytes, str, str, str]] = []
        self._news = asyncio.Condition()

    async def events(self, batch: Sequence[Event]) -> None:
        async with self._news:
            self.events_ += batch
            self._news.notify_all()

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        async with self._news:
            self.refusals.append((raw, reason, place, device))
            self._news.notify_all()

    async def until(self, holds: Callable[[], object]) -> None:
        async with self._news:
            await self._news.wait_for(lambda: bool(holds()))

    @property
    def crossings(self) -> list[RfidCrossing]:
        return [event for event in self.events_ if isinstance(event, RfidCrossing)]

    @property
    def reads(self) -> list[RfidRead]:
        return [event for event in self.events_ if isinstance(event, RfidRead)]

    @property
    def states(self) -> list[tuple[str, str | None]]:
        return [(e.state, e.reason) for e in self.events_ if isinstance(e, DeviceState)]

    async def crossed(self, epc: str) -> RfidCrossing:
        await self.until(lambda: any(one.epc == epc for one in self.crossings))
        return next(one for one in self.crossings if one.epc == epc)


class Gate:
    """A twin at a port, and the plugin in front of it as a host would run it."""

    def __init__(self, **twin: Any) -> None:
        self.clock = QuickClock()
        self.faults = Faults(Random(1), late_s=0.05, drip_s=0.0)
        self.reader = Reader(self.faults, self.clock.now_us, **twin)
        self.port = TcpPort(self.reader.serve)
        self.received = Received()
        self.outcomes: list[str] = []

    def plugin(self, **given: Any) -> Llrp:
        config: dict[str, Any] = {
            "address": self.port.address,
            "antennas": {1: {"side": "inside"}, 2: {"side": "outside"}},
        }
        return Llrp(LlrpConfig.model_validate(config | given))

    def context(self, boot: int = 1) -> SensorContext:
        return SensorContext(
            "s", "gate-1", f"b{boot}", self.clock, Random(1), Registry(), "/", simulated=True
        )

    async def live(self, **given: Any) -> None:
        """Run one life after another, as the supervisor does, but without its pauses."""
        while True:
            plugin = self.plugin(**given)
            try:
                await plugin.open(self.context(len(self.outcomes)))
                await plugin.run(self.received)
            except DeviceNotReady as error:
                self.outcomes.append(str(error))
            finally:
                await plugin.close()
            await asyncio.sleep(0)

    async def walk(self, epc: str = EPC) -> int:
        """Have somebody carry a tag out; what the antennas hear is told at once."""
        reads = heard([Walk(epc)], Random(1))
        return await self.reader.hear(reads, self.clock.now_us() - 7 * SECOND)


@asynccontextmanager
async def gate(
    *, run: bool = True, twin: dict[str, Any] | None = None, **given: Any
) -> AsyncGenerator[Gate]:
    stands = Gate(**(twin or {}))
    async with asyncio.timeout(30), stands.port:
        life = asyncio.create_task(stands.live(**given)) if run else None
        try:
            if life is not None:
                await stands.reader.reads()
            yield stands
            assert life is None or not life.done(), "a life broke"
        finally:
            if life is not None:
                life.cancel()
                await asyncio.gather(life, return_exceptions=True)


async def test_who_walks_out_is_read_and_crosses_once() -> None:
    async with gate() as stands:
        told = await stands.walk()
        crossing = await stands.received.crossed(EPC)
        reads = stands.received.reads
        assert (crossing.direction, crossing.device, crossing.simulated) == ("out", "gate-1", True)
        assert crossing.reads is not None
        assert 10 < crossing.reads <= told
        assert 3 <= len(reads) < told, "what repeats itself is not told each time"
        assert {read.epc for read in reads} == {EPC}
        assert {read.antenna for read in reads} == {1, 2}
        assert crossing.rssi_dbm == max(read.rssi_dbm or -99 for read in reads)
        assert reads[0].time <= crossing.time
        assert 0 <= stands.clock.now_us() - crossing.time < 60 * SECOND
        assert stands.reader.requests[: len(SET_UP)] == SET_UP
        assert len({event.id for event in stands.received.events_}) == len(reads) + 1


@pytest.mark.parametrize("fault", list(Fault))
async def test_the_gate_is_back_after(fault: Fault) -> None:
    async with gate() as stands:
        drops = fault is Fault.DROP
        stands.faults.strike(fault, 1 if drops else 5)
        await stands.walk()
        await stands.reader.comes_again(after=int(drops))
        await stands.walk(NEXT)
        crossing = await stands.received.crossed(NEXT)
        assert crossing.direction == "out"
        assert stands.reader.taken == 1 + drops


@pytest.mark.parametrize("seed", range(3))
async def test_a_line_with_every_fault_at_once_breaks_nothing_for_good(seed: int) -> None:
    faults: dict[Fault, float] = {fault: 0.02 for fault in Fault if fault is not Fault.DROP}
    async with gate() as stands:
        stands.reader.faults = Faults(Random(seed), faults, late_s=0.001, drip_s=0.0)
        for _ in range(12):
            await stands.walk()
        stands.reader.faults = stands.faults
        before = stands.reader.taken
        await stands.port.drop()  # Whatever was cut short last is not waited for.
        await stands.reader.comes_again(after=before)
        await stands.walk(NEXT)
        assert (await stands.received.crossed(NEXT)).direction == "out"
        assert len(stands.received.refusals) > 10
        assert {read.epc for read in stands.received.reads} >= {EPC, NEXT}


async def test_a_drop_in_mid_message_loses_neither_the_passage_nor_the_half() -> None:
    async with gate() as stands:
        await stands.walk()
        await stands.reader.send(bytes.fromhex("043d 00000029 00000000 00f0 001f 8d"))
        await stands.port.drop()
        await stands.received.until(lambda: stands.received.refusals)
        (refusal,) = stands.received.refusals
        assert refusal[1:] == (
            "the connection ended in the middle of a message",
            "the byte stream",
            "gate-1",
        )
        assert refusal[0].hex() == "043d000000290000000000f0001f8d"
        await stands.received.crossed(EPC)
        await stands.reader.comes_again(after=1)
        await stands.walk(NEXT)
        await stands.received.crossed(NEXT)


async def test_nonsense_in_the_stream_is_kept_and_deafens_nobody() -> None:
    async with gate() as stands:
        await stands.reader.send(b"\xff" * 10)
        await stands.walk()
        await stands.received.crossed(EPC)
        assert [(raw, why) for raw, why, *_ in stands.received.refusals] == [
            (b"\xff" * 10, "no LLRP message begins here")
        ]
        assert stands.received.states == [("degraded", "refused-row"), ("online", None)]
        assert stands.reader.taken == 1


async def test_a_reader_that_falls_silent_is_noticed_and_asked_again() -> None:
    async with gate(keepalive="20ms") as stands:
        stands.reader.silent = True
        while not stands.outcomes:
            await asyncio.sleep(0)
        assert stands.outcomes[0].endswith("has been silent for 0.05 s")
        stands.reader.silent = False
        await stands.reader.comes_again(after=1)
        await stands.walk()
        await stands.received.crossed(EPC)


async def test_keepalives_are_acknowledged_or_the_reader_would_hang_up() -> None:
    async with gate(keepalive="10ms") as stands:
        while stands.reader.requests.count(ACKNOWLEDGED) < 15:
            await asyncio.sleep(0)
        assert stands.reader.taken == 1


async def test_what_came_before_a_keepalive_that_nobody_takes_is_not_lost() -> None:
    class Broken:
        def write(self, data: bytes) -> None:
            raise ConnectionResetError

    source = asyncio.StreamReader()
    streams: Any = (source, Broken())
    link = Link(streams, "gate")
    report, alive = bytes.fromhex("043d 0000000a 00000001"), bytes.fromhex("043e 0000000a 00000002")
    source.feed_data(report + alive + report)
    with pytest.raises(DeviceNotReady):
        await link.receive(1)
    assert [one.raw for one in link.rest() if isinstance(one, Message)] == [report, report]


async def test_a_reader_that_another_client_has_is_not_ready() -> None:
    async with gate() as stands:
        second = stands.plugin()
        with pytest.raises(DeviceNotReady, match="another client is connected"):
            await second.open(stands.context())
        await second.close()
        info = await stands.plugin().probe()
        assert (info.reachable, "another client" in info.detail) == (False, True)


async def test_a_probe_says_what_the_reader_is_and_changes_nothing() -> None:
    async with gate(run=False) as stands:
        info = await stands.plugin().probe()
        assert info.reachable
        assert info.facts == {
            "maker": "enterprise 0",
            "model": "1",
            "firmware": "twin-1.0",
            "antennas": "4",
        }
        assert stands.reader.requests == [1, GOODBYE]


async def test_an_antenna_that_the_reader_does_not_have_is_for_a_person() -> None:
    async with gate(run=False) as stands:
        plugin = stands.plugin(antennas={1: {}, 5: {}, 6: {}})
        with pytest.raises(DeviceMisconfigured, match=r"antenna 5, 6 is configured.* has 4"):
            await plugin.open(stands.context())
        await plugin.close()


async def test_nobody_there_is_not_ready() -> None:
    async with gate(run=False) as stands:
        address = stands.port.address
    plugin = Llrp(LlrpConfig.model_validate({"address": address, "antennas": {1: {}}}))
    with pytest.raises(DeviceNotReady, match="does not answer"):
        await plugin.open(stands.context())
    await plugin.close()
    assert not (await plugin.probe()).reachable


async def test_something_else_behind_the_port_is_not_ready() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        config: dict[str, Any] = {"address": f"{host}:{port}", "antennas": {1: {}}}
        plugin = Llrp(LlrpConfig.model_validate(config))
        assert not (await plugin.probe()).reachable


async def test_a_reader_that_stops_reading_is_set_up_anew() -> None:
    async with gate() as stands:
        await stands.reader.stop_reading()
        await stands.reader.comes_again(after=1)
        assert stands.outcomes == ["the reader has stopped to read tags"]
        await stands.reader.say_goodbye()
        await stands.reader.comes_again(after=2)
        assert stands.outcomes[1] == "the reader says that it closes the connection"


@pytest.mark.parametrize("behind_us", [HOUR, -HOUR])
async def test_a_reader_with_a_wrong_clock_is_put_right_and_told(behind_us: int) -> None:
    async with gate(run=False) as stands:
        stands.reader.behind_us = behind_us
        life = asyncio.create_task(stands.live())
        await stands.reader.reads()
        await stands.walk()
        crossing = await stands.received.crossed(EPC)
        assert 0 <= stands.clock.now_us() - crossing.time < 60 * SECOND
        assert stands.received.states == [("degraded", "clock-skew")]
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)


async def test_a_reader_without_a_clock_is_read_all_the_same() -> None:
    async with gate(twin={"utc": False}) as stands:
        await stands.walk()
        crossing = await stands.received.crossed(EPC)
        assert 0 <= stands.clock.now_us() - crossing.time < 60 * SECOND
        assert stands.received.states == []


async def test_an_impinj_reader_tells_signals_in_hundredths() -> None:
    async with gate(twin={"maker": 25882}) as stands:
        await stands.reader.hear([Heard(0.0, 1, EPC, -51.37)], stands.clock.now_us())
        await stands.received.until(lambda: stands.received.reads)
        assert stands.received.reads[0].rssi_dbm == -51.37


async def test_codes_of_any_length_are_kept() -> None:
    async with gate() as stands:
        codes = ["36" + "0" * 50, "E280", "0" * 24]
        for code in codes:
            await stands.reader.hear([Heard(0.0, 1, code, -50)], stands.clock.now_us())
        await stands.received.until(lambda: len(stands.received.reads) == len(codes))
        assert [read.epc for read in stands.received.reads] == codes


async def test_a_silent_reader_does_not_hold_up_the_closing() -> None:
    async with gate(run=False) as stands:
        plugin = stands.plugin()
        await plugin.open(stands.context())
        assert plugin.health().connected
        stands.reader.silent = True
        async with asyncio.timeout(2):
            await plugin.close()
        await plugin.close()
        assert not plugin.health().connected


async def test_a_hundred_openings_leave_nothing_behind() -> None:
    async with gate(run=False) as stands:
        process = psutil.Process()

        async def once() -> None:
            plugin = stands.plugin()
            await plugin.open(stands.context())
            run = asyncio.create_task(plugin.run(stands.received))
            await asyncio.sleep(0)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            await plugin.close()

        await once()
        before = process.num_fds(), threading.active_count(), len(asyncio.all_tasks())
        for _ in range(100):
            await once()
        while stands.reader.reading:
            await asyncio.sleep(0)
        assert (process.num_fds(), threading.active_count(), len(asyncio.all_tasks())) == before
        assert stands.reader.taken == 101


def by_hand(orders: str, *options: str) -> tuple[int, list[str]]:
    words = [sys.executable, "-m", "aislewatch_sim", "llrp", *options]
    done = subprocess.run(words, input=orders, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines()


def test_the_twin_can_be_run_and_told_by_hand() -> None:
    orders = "walk sideways\nlay x\nantenna 2\nwalk out E28G\nsilence on\nlay -1 E280\nwalk\nquit\n"
    code, said = by_hand(orders)
    assert code == 0
    assert said[0].startswith("llrp at 127.0.0.1:")
    assert said[1:] == [
        "'sideways' is none of: out, in, turn",
        "'x' is no place; write metres, as in: lay -1",
        "say which and how, as in: antenna 2 off",
        "'E28G' is no code; write an even number of hexadecimal digits",
        "is silent",
        "E280 lies at -1 m for 10 minutes",
        "303531EDE400004000000001 is carried out",
        "ends",
    ]


def test_a_twin_at_no_address_could_not_run() -> None:
    assert by_hand("", "--tcp", "nowhere") == (2, [])
