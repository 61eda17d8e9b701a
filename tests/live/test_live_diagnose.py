"""A run that is under way says how its devices are, and no secret."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.storefile import read_setup

pytestmark = pytest.mark.live

SENSORS = str(Path(__file__).parents[1] / "sensors")
SECRET = "what the leaky device must not say"
SECOND = 1_000_000


@pytest.fixture(autouse=True)
def sensors_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, SENSORS])


@asynccontextmanager
async def shop(folder: Path) -> AsyncGenerator[None]:
    (folder / "leaky.key").write_text(SECRET)
    leaky: dict[str, Any] = {"plugin": "leaky_sensor:Leaky", "config": {}}
    wrong = {"plugin": "leaky_sensor:Leaky", "config": {"ahead_us": -9 * SECOND}}
    nowhere = {"protocol": "mt-sics", "kind": "checkout", "tcp": "127.0.0.1:1"}
    absent = {"plugin": "scale", "config": nowhere}
    described: dict[str, Any] = {
        "store": "s1",
        "clock": "system",
        "feeds": {"good": leaky, "skewed": wrong, "absent": absent},
    }
    (folder / "store.yml").write_text(json.dumps(described))
    stop, states = asyncio.Event(), dict[str, str]()
    live = LiveStore(read_setup(folder / "store.yml"))
    options = Options(ledger=folder / "l.db", folder=folder / "run", host="inline", snapshot_s=0.05)
    running = asyncio.create_task(
        run(
            [live],
            options,
            stop=stop,
            on_snapshot=lambda now: states.update({one.device: one.state for one in now.devices}),
        )
    )
    try:
        async with asyncio.timeout(60):
            while states != {"good": "online", "skewed": "degraded", "absent": "offline"}:
                assert not running.done(), running
                await asyncio.sleep(0.02)
            yield
    finally:
        stop.set()
        await running


async def said(*words: str) -> tuple[int | None, str, str]:
    command = [sys.executable, "-m", "aislewatch", "plugin", "diagnose", *words]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_run_says_how_its_devices_are_and_no_secret(tmp_path: Path) -> None:
    folder = str(tmp_path / "run")
    async with shop(tmp_path):
        code, out, _ = await said("--folder", folder, "--json", "--out", str(tmp_path / "d.json"))
        good_code, good, _ = await said("good", "--folder", folder)
        bad_code, _, wrong = await said("goood", "--folder", folder)
    written = (tmp_path / "d.json").read_text()
    assert SECRET not in out + good + written
    found = {one["device"]: one for one in map(json.loads, out.splitlines())}
    assert [one["device"] for one in json.loads(written)] == [*found]
    assert (code, good_code, bad_code) == (1, 0, 2)
    assert found["good"]["facts"]["harmless"] == 17
    assert (found["skewed"]["state"], found["skewed"]["reason"]) == ("degraded", "clock-skew")
    assert found["skewed"]["clock"]["ahead_us"] == -9 * SECOND
    assert found["absent"]["trouble"]
    assert "127.0.0.1:1 does not answer" in found["absent"]["detail"]
    assert "good (leaky_sensor:Leaky): online" in good
    assert "its clock is 0.0 s behind ours" in good
    assert "did you mean 'good'" in wrong
    assert (tmp_path / "d.json").stat().st_mode & 0o077 == 0


async def test_where_nobody_runs_that_is_said(tmp_path: Path) -> None:
    code, _, err = await said("--folder", str(tmp_path))
    assert code == 2
    assert "nobody is running" in err
