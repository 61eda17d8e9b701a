"""Whole runs: up, through faults, and down in order, with the ledger as the judge."""

import asyncio
import gc
import json
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest

from aislewatch.errors import BusError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, DeviceState, Event
from aislewatch.events.registry import Registry
from aislewatch.ledger import Ledger, StoredRecord, verify
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_spooling import SpoolingPublisher
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.live_status import Snapshot
from aislewatch.runtime.nats_server import NatsServer
from aislewatch.runtime.storefile import read_setup
from aislewatch.runtime.supervisor import Policy

pytestmark = pytest.mark.live

SENSORS = str(Path(__file__).parents[1] / "sensors")
SECOND = 1_000_000
START = 1_700_000_000 * SECOND
CODEC = Codec(Registry())
# As patient as the shipped one, but in hundredths of its time.
QUICK = Policy(backoff_first_us=20_000, backoff_max_us=100_000, failed_pause_us=200_000)

RULE = """\
id: any-tag
title: A tag was heard
status: live
owner: loss-prevention
severity: low
when: {event: rfid.read, as: seen}
incident:
  type: theft.exit
  about: {epc: seen.epc}
  points: 8
  because: "{seen.epc} was heard"
tests:
  - name: a tag is heard
    events: |
      10:00:00 rfid.read epc=E1
    expect: {fires: 1, at: "10:00:00"}
  - name: nothing is heard
    events: |
      10:00:00 rfid.crossing epc=E1
    expect: {fires: 0, because_not: when}
"""


@pytest.fixture(autouse=True)
def sensors_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", SENSORS)
    monkeypatch.setattr(sys, "path", [*sys.path, SENSORS])


def shop(folder: Path, *, recording: bool = True, feeds: int = 1, **config: Any) -> LiveStore:
    folder.mkdir(exist_ok=True)
    (folder / "any-tag.yml").write_text(RULE)
    tiny = {"plugin": "tiny_sensor:Tiny", "config": config}
    clock: Any = {"recording": "gate-1"} if recording else "system"
    described = {
        "store": "s1",
        "timezone": "Europe/Amsterdam",
        "currency": "EUR",
        "clock": clock,
        "rules": ["any-tag.yml"],
        "feeds": {f"gate-{number + 1}": tiny for number in range(feeds)},
    }
    (folder / "store.yml").write_text(json.dumps(described))
    return LiveStore(read_setup(folder / "store.yml"))


def options(folder: Path, *, host: Literal["ray", "inline"] = "inline") -> Options:
    return Options(
        ledger=folder / "ledger.db",
        folder=folder / "run",
        host=host,
        policy=QUICK,
        snapshot_s=0.05,
    )


async def stream(folder: Path) -> list[Event]:
    """Read what an ended run left in its stream."""
    token = "a-secret-of-this-test-run-and-more"
    async with (
        NatsServer(folder / "run" / "nats", token=token) as server,
        await Bus.connect(server.url, name="test", credentials=server.engine) as bus,
    ):
        return [CODEC.decode(m.payload) async for m in bus.read_all("s1")]


def told(events: list[Event]) -> list[int]:
    return [event.seq for event in events if not isinstance(event, DeviceState | ClockTick)]


def states(events: list[Event]) -> list[tuple[str, str | None]]:
    return [(event.state, event.reason) for event in events if isinstance(event, DeviceState)]


def head(folder: Path) -> str:
    with Ledger.read(folder / "ledger.db") as ledger:
        assert verify(ledger, "s1").sound
        return ledger.head("s1").hash.hex()


class Once:
    """Calls something with the first snapshot that a condition holds for; and so on."""

    def __init__(
        self, *steps: tuple[Callable[[Snapshot], bool], Callable[[Snapshot], object]]
    ) -> None:
        self.steps = list(steps)

    def __call__(self, snapshot: Snapshot) -> None:
        if self.steps and self.steps[0][0](snapshot):
            self.steps.pop(0)[1](snapshot)


async def test_a_recording_is_played_and_decided_to_its_end_and_the_run_ends(
    tmp_path: Path,
) -> None:
    records: list[StoredRecord] = []

    summary = await run(
        [shop(tmp_path, count=500, batch=50)], options(tmp_path), on_record=records.append
    )

    assert summary.completed
    assert summary.failures == ()
    (device,) = summary.last.devices
    assert (device.state, device.events, device.attempt) == ("stopped", 500, 1)
    (line,) = summary.last.stores
    assert (line.behind, line.incidents) == (0, 500)
    assert line.head.hash.hex() == head(tmp_path)
    assert [record.position for record in records] == list(range(1, line.head.position + 1))
    events = await stream(tmp_path)
    assert told(events) == list(range(500))
    assert states(events) == [], "that it is being played is no fact of the shop"
    assert isinstance(events[-1], ClockTick)
    assert events[-1].final


async def test_a_recording_played_again_into_the_same_folder_changes_nothing(
    tmp_path: Path,
) -> None:
    live = shop(tmp_path, count=300, batch=50)
    first = await run([live], options(tmp_path))
    before = head(tmp_path)

    again = await run([live], options(tmp_path))

    assert again.completed
    assert again.last.devices[0].events == 0
    assert head(tmp_path) == before == first.last.stores[0].head.hash.hex()


async def test_a_stopped_run_leaves_nothing_undecided_and_says_that_it_stopped(
    tmp_path: Path,
) -> None:
    stop = asyncio.Event()
    live = shop(tmp_path, recording=False, count=400, batch=20, then="wait")
    seen = Once((lambda s: s.devices[0].events == 400, lambda _: stop.set()))

    summary = await run([live], options(tmp_path), on_snapshot=seen, stop=stop)

    assert not summary.completed
    assert summary.failures == ()
    assert summary.last.stores[0].behind == 0
    events = await stream(tmp_path)
    assert told(events) == list(range(400))
    assert states(events) == [("starting", None), ("online", None), ("stopped", "stopped")]


async def test_the_machine_s_clock_ticks_into_the_stream(tmp_path: Path) -> None:
    stop = asyncio.Event()
    live = shop(tmp_path, recording=False, count=0, then="wait")
    seen = Once((lambda s: s.stores[0].committed >= 3, lambda _: stop.set()))

    await run([live], options(tmp_path), on_snapshot=seen, stop=stop)

    ticks = [event.time for event in await stream(tmp_path) if isinstance(event, ClockTick)]
    assert len(ticks) >= 2
    assert ticks == sorted(set(ticks))
    assert all(time % SECOND == 0 for time in ticks)


async def test_a_start_tells_what_time_it_is_before_any_device_speaks(tmp_path: Path) -> None:
    stop = asyncio.Event()
    live = shop(tmp_path, recording=False, count=0, then="wait")
    seen = Once((lambda s: s.stores[0].committed >= 3, lambda _: stop.set()))

    await run([live], options(tmp_path), on_snapshot=seen, stop=stop)
    before = len(await stream(tmp_path))
    stop.clear()
    seen = Once((lambda s: s.stores[0].committed >= before + 3, lambda _: stop.set()))
    await run([live], options(tmp_path), on_snapshot=seen, stop=stop)

    events = await stream(tmp_path)
    assert isinstance(events[0], ClockTick)
    assert isinstance(events[before], ClockTick)
    assert states(events[before:])[0] == ("starting", None)


async def test_an_end_that_can_be_told_nowhere_is_a_sentence_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stop = asyncio.Event()
    live = shop(tmp_path, recording=False, count=0, then="wait")

    async def full(_publisher: SpoolingPublisher, _messages: object) -> int:
        message = "the spool does not take 1 events: database or disk is full"
        raise BusError(message)

    def fill(_snapshot: Snapshot) -> None:
        monkeypatch.setattr(SpoolingPublisher, "publish", full)
        stop.set()

    seen = Once((lambda s: s.stores[0].committed >= 3, fill))
    summary = await run([live], options(tmp_path), on_snapshot=seen, stop=stop)
    gc.collect()

    assert any("disk is full" in note for note in summary.last.notes)
    assert "never retrieved" not in caplog.text


async def test_a_wrong_configuration_is_said_out_loud_and_stops_nobody_else(
    tmp_path: Path,
) -> None:
    stop = asyncio.Event()
    live = shop(tmp_path, recording=False, count=0, then="misconfigured")
    seen = Once((lambda s: s.devices[0].state == "failed", lambda _: stop.set()))

    summary = await run([live], options(tmp_path), on_snapshot=seen, stop=stop)

    assert summary.failures == ("gate-1: there is no port 70000",)
    assert summary.last.devices[0].attempt == 1
    assert states(await stream(tmp_path)) == [("starting", None), ("failed", "misconfigured")]


async def test_a_device_that_is_not_there_is_tried_again_and_becomes_failed(
    tmp_path: Path,
) -> None:
    stop = asyncio.Event()
    live = shop(tmp_path, recording=False, open_fails=True)
    seen = Once((lambda s: s.devices[0].attempt >= 6, lambda _: stop.set()))

    summary = await run([live], options(tmp_path), on_snapshot=seen, stop=stop)

    assert summary.failures == ("gate-1: 5 failures within 60 s, the last: nobody answers",)
    told_states = states(await stream(tmp_path))
    assert told_states == [("starting", None), ("offline", "not-ready"), ("failed", "not-ready")]


async def test_a_recording_that_cannot_be_read_to_its_end_is_not_completed(
    tmp_path: Path,
) -> None:
    summary = await run([shop(tmp_path, count=20, then="break")], options(tmp_path))

    assert not summary.completed
    assert summary.failures == ("gate-1: 5 failures within 60 s, the last: ZeroDivisionError",)
    events = await stream(tmp_path)
    assert told(events) == list(range(20)), "five readings, each event once"
    assert not any(isinstance(event, ClockTick) and event.final for event in events)


async def test_nats_killed_in_the_middle_is_started_again_and_nothing_is_missing(
    tmp_path: Path,
) -> None:
    whole = await run([shop(tmp_path / "whole", count=300, batch=10)], options(tmp_path / "whole"))
    halfway = tmp_path / "go-on"
    killed: list[int] = []

    def kill(_: Snapshot) -> None:
        server = next(p for p in psutil.Process().children() if p.name() == "nats-server")
        killed.append(server.pid)
        server.kill()
        halfway.touch()

    live = shop(tmp_path / "cut", count=300, batch=10, halfway=str(halfway))
    seen = Once((lambda s: s.devices[0].events >= 150 and s.stores[0].committed > 0, kill))
    summary = await run([live], options(tmp_path / "cut"), on_snapshot=seen)

    assert killed
    assert summary.completed
    assert told(await stream(tmp_path / "cut")) == list(range(300))
    assert head(tmp_path / "cut") == whole.last.stores[0].head.hash.hex()


async def test_the_engine_killed_in_the_middle_ends_with_the_same_chain(tmp_path: Path) -> None:
    whole = await run([shop(tmp_path / "whole", count=300, batch=10)], options(tmp_path / "whole"))
    halfway = tmp_path / "go-on"
    live = shop(tmp_path / "cut", count=300, batch=10, halfway=str(halfway))
    seen = Once(
        (
            lambda s: s.stores[0].committed > 100 and s.stores[0].behind == 0 and s.engine.pid > 0,
            lambda s: os.kill(s.engine.pid, signal.SIGKILL),
        ),
        (lambda s: s.engine.attempt == 2 and s.engine.pid > 0, lambda _: halfway.touch()),
    )

    summary = await run([live], options(tmp_path / "cut", host="ray"), on_snapshot=seen)

    assert seen.steps == []
    assert summary.completed
    assert summary.last.engine.failures == 1
    assert head(tmp_path / "cut") == whole.last.stores[0].head.hash.hex()


async def test_a_device_s_process_killed_in_the_middle_is_made_anew_and_nothing_doubled(
    tmp_path: Path,
) -> None:
    halfway = tmp_path / "go-on"
    live = shop(tmp_path / "cut", count=300, batch=10, halfway=str(halfway))
    seen = Once(
        (
            lambda s: s.devices[0].events >= 150 and s.devices[0].pid > 0,
            lambda s: os.kill(s.devices[0].pid, signal.SIGKILL),
        ),
        (lambda s: s.devices[0].attempt == 2 and s.devices[0].pid > 0, lambda _: halfway.touch()),
    )

    summary = await run([live], options(tmp_path / "cut", host="ray"), on_snapshot=seen)

    assert seen.steps == []
    assert summary.completed
    events = await stream(tmp_path / "cut")
    assert told(events) == list(range(300))
    assert states(events) == [("offline", "died"), ("online", None)]


CHILD = """
    import asyncio, sys
    from pathlib import Path
    from aislewatch.runtime.live import LiveStore, Options, run
    from aislewatch.runtime.storefile import read_setup

    async def main():
        folder = Path(sys.argv[1])
        live = LiveStore(read_setup(folder / "store.yml"))
        options = Options(
            ledger=folder / "ledger.db", folder=folder / "run", host=sys.argv[2], snapshot_s=0.05
        )
        def show(snapshot):
            print(snapshot.devices[0].events, snapshot.stores[0].committed > 0, flush=True)
        summary = await run([live], options, on_snapshot=show)
        print("ended", summary.last.stores[0].behind, summary.failures, flush=True)

    asyncio.run(main())
"""


async def child(folder: Path, host: str) -> asyncio.subprocess.Process:
    """Start a run in a process (group) of its own; gives it once its device has told all.

    And once its engine has written its first records: it begins beside its devices.
    """
    shop(folder, recording=False, count=200, batch=20, then="wait")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(CHILD), str(folder), host),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(b"200 True"):
            return process
    pytest.fail("the run ended by itself")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_a_run_in_order_even_if_all_its_processes_get_it(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = await child(tmp_path, "inline")
    below = psutil.Process(process.pid).children(recursive=True)
    assert [p.name() for p in below] == ["nats-server"]

    # As a terminal does on Ctrl-C: to the whole group.
    os.killpg(process.pid, number) if number is signal.SIGINT else process.send_signal(number)

    output, _ = await process.communicate()
    assert process.returncode == 0
    assert output.splitlines()[-1] == b"ended 0 ()"
    assert not any(p.is_running() for p in below)
    assert states(await stream(tmp_path))[-1] == ("stopped", "stopped")


@pytest.mark.parametrize("host", ["inline", "ray"])
async def test_a_run_that_is_killed_leaves_no_nats_and_its_ledger_is_sound(
    tmp_path: Path, host: str
) -> None:
    process = await child(tmp_path, host)
    below = psutil.Process(process.pid).children(recursive=True)
    servers = [p for p in below if p.name() == "nats-server"]
    assert len(servers) == 1
    ray_folders = {
        Path(file.path).parents[2]
        for p in below
        if p.name() in {"gcs_server", "raylet"}
        for file in p.open_files()
    }
    assert bool(ray_folders) == (host == "ray")

    process.kill()
    await process.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, below, 60)

    assert alive == [], "neither NATS nor anything of Ray outlives it"
    assert not any(folder.exists() for folder in ray_folders)
    head(tmp_path)
    assert told(await stream(tmp_path)) == list(range(200))
