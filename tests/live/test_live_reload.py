"""A run that is given new rules on the way: told, followed, refused, and proof against kills."""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from aislewatch.errors import UsageError
from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.as_it_was import RunPast
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.control import ask_reload
from aislewatch.runtime.handover import FILE, NobodyRuns, found_in
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.live_reload import Reloaded
from aislewatch.runtime.live_status import Snapshot, Summary
from aislewatch.runtime.replay import replay
from aislewatch.runtime.run_folder import write_archive
from aislewatch.runtime.storefile import read_setup
from aislewatch.runtime.supervisor import Policy

pytestmark = pytest.mark.live

SENSORS = str(Path(__file__).parents[1] / "sensors")
COUNT = 400
QUICK = Policy(backoff_first_us=20_000, backoff_max_us=100_000, failed_pause_us=200_000)

RULE = """\
id: any-tag
title: A tag was heard
status: live
when: {event: rfid.read, as: seen}
incident: {type: theft.exit, about: {epc: seen.epc}, points: POINTS, because: "{seen.epc}"}
"""

Host = Literal["ray", "inline"]


@pytest.fixture(autouse=True)
def sensors_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", SENSORS)
    monkeypatch.setattr(sys, "path", [*sys.path, SENSORS])


class Shop:
    """A recording of which one half waits for the other; its run, and what became of it."""

    def __init__(self, folder: Path, host: Host = "inline") -> None:
        self.folder = folder
        self.host: Host = host
        self.store = folder / "store.yml"
        self.go_on = folder / "go-on"
        self.snapshots: list[Snapshot] = []
        self.reloads: list[Reloaded] = []
        self.summary: Summary | None = None
        self.stop = asyncio.Event()
        self.rule(points=5)
        self.describe()

    def describe(self, **more: Any) -> None:
        config = {"count": COUNT, "batch": 20, "halfway": str(self.go_on)} | more
        described = {
            "store": "s1",
            "clock": {"recording": "gate-1"},
            "rules": ["any-tag.yml"],
            "feeds": {"gate-1": {"plugin": "tiny_sensor:Tiny", "config": config}},
        }
        self.store.write_text(json.dumps(described))

    def rule(self, *, points: int, key: str = "points") -> None:
        text = RULE.replace("POINTS", str(points)).replace("points:", f"{key}:")
        (self.folder / "any-tag.yml").write_text(text)

    def begin(self) -> asyncio.Task[Summary]:
        options = Options(
            ledger=self.folder / "ledger.db",
            folder=self.folder / "run",
            host=self.host,
            policy=QUICK,
            snapshot_s=0.05,
        )
        return asyncio.create_task(
            run(
                [LiveStore(read_setup(self.store))],
                options,
                on_snapshot=self.snapshots.append,
                on_reloaded=self.reloads.append,
                stop=self.stop,
            )
        )

    @asynccontextmanager
    async def at_half(self) -> AsyncGenerator[None]:
        """Have the first half decided, and the second played behind what is done meanwhile."""
        running = self.begin()
        try:
            await self.until(self.is_half, running)
            yield
            if not self.stop.is_set():
                self.go_on.touch()
            self.summary = await running
        finally:
            running.cancel()
            await asyncio.wait([running])

    def is_half(self) -> bool:
        last = self.snapshots[-1] if self.snapshots else None
        if last is None or not last.stores:
            return False
        return last.devices[0].events == COUNT // 2 and last.stores[0].behind == 0

    async def until(
        self, holds: Callable[[], bool], running: asyncio.Task[Summary] | None = None
    ) -> None:
        while not holds():
            assert running is None or not running.done(), running
            await asyncio.sleep(0.02)

    async def ask(self) -> Reloaded:
        return await ask_reload(found_in(self.folder / "run"), "user-1")

    def decided(self) -> list[int]:
        """Give the centibans of each signal, and 0 where the chain names what decides."""
        with Ledger.read(self.folder / "ledger.db") as reader:
            assert verify(reader, "s1").sound
            records = reader.records("s1", types=["store.configured", "signal.raised"])
            return [json.loads(record.payload).get("points_cb", 0) for record in records]


def is_followed(decided: list[int]) -> bool:
    """Say whether the old rules decided up to one place, and the new from there on."""
    first, place = decided.index(0), decided.index(0, 1)
    old, new = decided[first + 1 : place], decided[place + 1 :]
    return set(old) == {50} and set(new) == {90} and len(old) + len(new) == COUNT


@pytest.mark.parametrize("host", ["inline", "ray"])
async def test_new_rules_decide_from_one_place_on_and_nothing_is_lost_or_judged_twice(
    tmp_path: Path, host: Host
) -> None:
    shop = Shop(tmp_path, host)
    async with shop.at_half():
        reach = tmp_path / "run" / FILE
        assert reach.stat().st_mode & 0o077 == 0, "it holds a secret"
        assert (await shop.ask()).stores == (), "nothing has changed yet"
        shop.rule(points=9)
        reloaded = await shop.ask()
        (one,) = reloaded.stores
        assert (one.store, one.committed, reloaded.taken) == ("s1", True, True)
        assert one.sequence > COUNT // 2
    assert shop.summary is not None
    assert shop.summary.completed
    assert is_followed(shop.decided())
    assert shop.reloads[-1] == reloaded, "the run's own screen is told as well"
    assert not reach.exists()
    with pytest.raises(NobodyRuns):
        found_in(tmp_path / "run")


async def test_files_with_mistakes_change_nothing_and_are_told_with_their_places(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path)
    async with shop.at_half():
        shop.rule(points=9, key="pints")
        reloaded = await shop.ask()
        (mistake,) = reloaded.mistakes
        assert (mistake.line, mistake.message) == (5, "unknown key 'pints'")
        assert not reloaded.taken
        (tmp_path / "any-tag.yml").unlink()
        assert "does not exist" in (await shop.ask()).mistakes[0].message
        shop.store.unlink()
        assert "cannot be read" in (await shop.ask()).refused
    assert shop.summary is not None
    assert shop.summary.completed
    assert shop.decided() == [0, *[50] * COUNT]


async def test_a_hangup_reloads_and_an_unfit_clock_is_refused(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.at_half():
        shop.rule(points=9)
        os.kill(os.getpid(), signal.SIGHUP)
        await shop.until(lambda: len(shop.reloads) == 1)
        shop.store.write_text(shop.store.read_text().replace('"s1"', '"s2"'))
        assert "has other stores now" in (await shop.ask()).refused
        shop.describe(pause_s=0.5)
        reloaded = await shop.ask()
        assert reloaded.stores == ()
        assert "read at a start only: feeds gate-1" in reloaded.notes[0]
    assert is_followed(shop.decided())


async def test_an_engine_that_dies_beside_edited_files_comes_back_with_what_it_had(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path, "ray")
    async with shop.at_half():
        shop.rule(points=7, key="pints")
        died = shop.snapshots[-1].engine.pid
        os.kill(died, signal.SIGKILL)
        await shop.until(lambda: shop.snapshots[-1].engine.pid not in {0, died})
        shop.rule(points=9)
        await shop.ask()
        died = shop.snapshots[-1].engine.pid
        os.kill(died, signal.SIGKILL)
    assert shop.summary is not None
    assert shop.summary.completed
    assert is_followed(shop.decided())


async def test_a_new_ledger_over_an_old_log_goes_by_the_rules_of_its_run_in_the_end(
    tmp_path: Path,
) -> None:
    before = Shop(tmp_path)
    async with before.at_half():
        before.rule(points=9)
        await before.ask()
        before.stop.set()
    (tmp_path / "ledger.db").unlink()
    after = Shop(tmp_path)
    after.rule(points=7)
    after.go_on.touch()
    await after.begin()
    assert after.decided() == [0, *[70] * COUNT], "what comes behind the old reload, too"


async def test_a_replay_as_it_was_gives_the_ledger_of_all_runs_over_one_log(tmp_path: Path) -> None:
    first = Shop(tmp_path)
    async with first.at_half():
        first.rule(points=9)
        await first.ask()
        first.stop.set()
    second = Shop(tmp_path)
    second.rule(points=7)
    second.go_on.touch()
    await second.begin()
    third = Shop(tmp_path)  # Of which nothing comes any more.
    third.rule(points=5)
    await third.begin()
    decided = second.decided()
    assert [points for points in (50, 90, 70) if points in decided] == [50, 70]
    archive = tmp_path / "archive"
    await write_archive(tmp_path / "run", archive)
    summary = await asyncio.to_thread(
        replay, RunPast(tmp_path / "run"), archive, tmp_path / "again.db", clock=RecordingClock(1)
    )
    with Ledger.read(tmp_path / "ledger.db") as reader:
        assert summary.stores["s1"].head == reader.head("s1")
    assert len(summary.stores["s1"].reloads) == 3
    now = await asyncio.to_thread(
        replay, read_setup(third.store), archive, tmp_path / "now.db", clock=RecordingClock(1)
    )
    assert now.stores["s1"].head != summary.stores["s1"].head


async def test_a_run_that_was_killed_is_not_taken_for_one_that_runs(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.at_half():
        left = (tmp_path / "run" / FILE).read_bytes()
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await ended.wait()
    told = {**json.loads(left), "pid": ended.pid}
    (tmp_path / "run" / FILE).write_text(json.dumps(told))
    with pytest.raises(NobodyRuns, match="died"):
        found_in(tmp_path / "run")
    (tmp_path / "run" / FILE).write_text("{}")
    with pytest.raises(UsageError, match="another version"):
        found_in(tmp_path / "run")


def test_a_terminal_that_is_closed_stops_the_run_in_order(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    words = [sys.executable, "-m", "aislewatch", "run", str(shop.store)]
    words += ["--ledger", str(tmp_path / "ledger.db"), "--host", "inline"]
    terminal, there = pty.openpty()
    # The first terminal that the leader of a session opens is its own.
    begin = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execv(sys.argv[2], sys.argv[2:])"
    with subprocess.Popen(
        [sys.executable, "-c", begin, os.ttyname(there), *words],
        stdout=there,
        stderr=there,
        start_new_session=True,
    ) as running:
        os.close(there)
        shown = b""
        while b"online" not in shown:
            shown += os.read(terminal, 4096)
        assert (tmp_path / "ledger.run" / FILE).exists()
        os.close(terminal)
        running.wait()
    with pytest.raises(NobodyRuns, match="name the --folder"):
        found_in(tmp_path / "ledger.run")
