"""The badge plugin against a reader's twin, over pseudo-terminals and sockets."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from aislewatch.devices.pseudonym import pseudonym
from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.kinds import BadgeRead, Event
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.badge.config import BadgeConfig
from aislewatch_plugins.badge.sensor import Badge
from aislewatch_sim.badge import BadgeReader, Style
from aislewatch_sim.faults import Fault, Faults
from aislewatch_sim.ports import Port, PtyPort, TcpPort

SECRET = b"a secret of thirty-two bytes, ok"
CODE, NEXT = "62E3086CED", "62E3086CEE"


class Clock:
    def now_us(self) -> int:
        return 1_772_438_400_000_000 + time.monotonic_ns() // 1000


class Received:
    def __init__(self) -> None:
        self.found: list[Event] = []
        self.refusals: list[tuple[bytes, str]] = []
        self._news = asyncio.Condition()

    async def events(self, batch: Sequence[Event]) -> None:
        async with self._news:
            self.found += batch
            self._news.notify_all()

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        async with self._news:
            self.refusals.append((raw, reason))
            self._news.notify_all()

    @property
    def badges(self) -> list[str]:
        return [event.badge for event in self.found if isinstance(event, BadgeRead)]

    async def badge(self, code: str) -> None:
        name = pseudonym("badge", bytes.fromhex(code), SECRET)
        async with self._news:
            await self._news.wait_for(lambda: name in self.badges)


class Door:
    def __init__(self, kind: str, folder: Path, style: Style) -> None:
        self.folder = folder
        self.faults = Faults(Random(1), late_s=0.01, drip_s=0.0)
        self.reader = BadgeReader(self.faults, style)
        self.port: Port = (
            TcpPort(self.reader.serve)
            if kind == "socket"
            else PtyPort(self.reader.serve, folder / "badge")
        )
        self.received = Received()
        self.scheme = "socket://" if kind == "socket" else ""
        (folder / "badge.key").write_bytes(SECRET)

    def plugin(self, **given: Any) -> Badge:
        config = {"port": self.scheme + self.port.address, "key_file": "badge.key", **given}
        return Badge(BadgeConfig.model_validate(config))

    def context(self) -> SensorContext:
        folder = str(self.folder)
        return SensorContext("s", "door", "b", Clock(), Random(1), Registry(), folder)


@asynccontextmanager
async def door(kind: str, folder: Path, style: Style = "14") -> AsyncGenerator[Door]:
    stands = Door(kind, folder, style)
    async with asyncio.timeout(30), stands.port:
        yield stands


@asynccontextmanager
async def running(stands: Door) -> AsyncGenerator[asyncio.Task[None]]:
    plugin = stands.plugin()
    await plugin.open(stands.context())
    run = asyncio.create_task(plugin.run(stands.received))
    try:
        await stands.reader.connected()
        yield run
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await plugin.close()


@pytest.mark.parametrize("kind", ["socket", "pty"])
@pytest.mark.parametrize("style", ["14", "16"])
async def test_a_badge_is_read_once_however_often_it_is_said(
    kind: str, style: Style, tmp_path: Path
) -> None:
    async with door(kind, tmp_path, style) as stands, running(stands):
        await stands.reader.hold(CODE, times=20)
        await stands.reader.hold(NEXT)
        await stands.received.badge(NEXT)
        assert len(stands.received.badges) == 2
        assert stands.received.refusals == []


@pytest.mark.parametrize("kind", ["socket", "pty"])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.DROP])
async def test_the_reader_is_back_after(fault: Fault, kind: str, tmp_path: Path) -> None:
    async with door(kind, tmp_path) as stands, running(stands):
        stands.faults.strike(fault, 3)
        await stands.reader.hold(CODE, times=4)
        await stands.reader.hold(NEXT)
        await stands.received.badge(NEXT)
        assert set(stands.received.badges) <= {
            pseudonym("badge", bytes.fromhex(code), SECRET) for code in (CODE, NEXT)
        }
        assert not any(CODE.encode() in raw for raw, _ in stands.received.refusals)


@pytest.mark.parametrize("kind", ["socket", "pty"])
async def test_a_reader_unplugged_in_mid_frame_is_gone_and_back(kind: str, tmp_path: Path) -> None:
    async with door(kind, tmp_path) as stands:
        async with running(stands) as run:
            await stands.reader.hold(NEXT)
            await stands.received.badge(NEXT)
            await stands.reader.send(b"\x0262E3")
            await stands.port.drop()
            with pytest.raises(DeviceNotReady, match="is gone"):
                await run
        async with running(stands):
            await stands.reader.hold(CODE)
            await stands.received.badge(CODE)


async def test_a_port_that_is_not_there_is_not_ready(tmp_path: Path) -> None:
    async with door("pty", tmp_path) as stands:
        plugin = stands.plugin(port=str(tmp_path / "none"))
        with pytest.raises(DeviceNotReady, match="cannot be opened"):
            await plugin.open(stands.context())
        await plugin.close()
        assert not (await plugin.probe()).reachable
        assert (await stands.plugin().probe()).reachable


async def test_two_never_share_a_port(tmp_path: Path) -> None:
    async with door("pty", tmp_path) as stands, running(stands):
        plugin = stands.plugin()
        with pytest.raises(DeviceNotReady, match="somebody else reads it"):
            await plugin.open(stands.context())
        await plugin.close()


async def test_a_url_that_nobody_knows_is_for_a_person(tmp_path: Path) -> None:
    async with door("pty", tmp_path) as stands:
        with pytest.raises(DeviceMisconfigured, match="cannot be opened like that"):
            await stands.plugin(port="carrier-pigeon://roof").open(stands.context())


@pytest.mark.parametrize(("secret", "why"), [(None, "cannot be read"), (b"short", "5 bytes")])
async def test_without_a_secret_no_badge_is_read(
    secret: bytes | None, why: str, tmp_path: Path
) -> None:
    async with door("pty", tmp_path) as stands:
        key = tmp_path / "badge.key"
        key.unlink() if secret is None else key.write_bytes(secret)
        with pytest.raises(DeviceMisconfigured, match=why + ".*make one with"):
            await stands.plugin().open(stands.context())


async def test_a_hundred_openings_leave_nothing_behind(tmp_path: Path) -> None:
    async with door("pty", tmp_path) as stands:
        process = psutil.Process()

        async def once() -> None:
            async with running(stands):
                pass

        await once()
        before = process.num_fds(), len(asyncio.all_tasks())
        threads = threading.active_count()
        for _ in range(100):
            await once()
        assert (process.num_fds(), len(asyncio.all_tasks())) == before
        # The loop's own pool may still have grown by a few that stay.
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("badge")]
        assert threading.active_count() < threads + 16


async def test_a_silent_reader_does_not_hold_up_the_closing(tmp_path: Path) -> None:
    async with door("socket", tmp_path) as stands:
        plugin = stands.plugin()
        await plugin.open(stands.context())
        assert plugin.health().connected
        async with asyncio.timeout(2):
            await plugin.close()
        await plugin.close()
        assert not plugin.health().connected


def test_the_twin_can_be_run_and_told_by_hand() -> None:
    words = [sys.executable, "-m", "aislewatch_sim", "badge", "--style", "16"]
    orders = "hold 62E3\nhold 62E3086CED soon\nhold 62e3086ced 1\nquit\n"
    done = subprocess.run(words, input=orders, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == [
        "'62E3' is no badge; write ten hexadecimal digits, as in 62E3086CED",
        "'soon' is no number of seconds",
        "badge 62E3086CED (3808980205) is held for 1 s",
        "ends",
    ]
