"""A camera whose accelerator hangs or dies, in the real host: it alone goes down and comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import pytest
import pytest_asyncio
from fake_tpu import build_fake_tpu
from handmade_models import colour_spotter, compiled

from aislewatch.runtime.bus import Bus
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.device import BusAccess, DeviceSpec
from aislewatch.runtime.hosting import Outcome
from aislewatch.runtime.nats_server import NatsServer
from aislewatch.runtime.ray_host import RayHost
from aislewatch.runtime.supervision import Watch
from aislewatch.runtime.supervisor import Change, Policy, Supervisor

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

TOKEN = "a-secret-of-this-test-run-and-more"
START = 1_772_438_400_000_000
PICTURES = 40
HOUR_US = 3_600_000_000
HANG_US = 45_000_000
"""More than a product waits: to start a process may take long where many tests run."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path_factory.mktemp("nats"), token=TOKEN) as nats:
        async with await Bus.connect(nats.url, name="test", credentials=nats.engine) as bus:
            await bus.ensure_streams()
        yield nats


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[RayHost]:
    opened = await RayHost.open(token=TOKEN)
    yield opened
    await opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "spot.tflite").write_bytes(colour_spotter())
    (tmp_path / "spot_edgetpu.tflite").write_bytes(compiled())
    (tmp_path / "spot.labels.txt").write_text("person\nbasket\n")
    (tmp_path / "cameras.key").write_bytes(b"0123456789abcdef" * 2)
    (tmp_path / "pictures").mkdir()
    floor = (
        np.random.default_rng(1).integers(0, 100, (12, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    )
    for number in range(PICTURES):
        frame = floor.copy()
        frame[20:60, 10 + number : 50 + number, 2] = 255  # Blue, green, red: as OpenCV has it.
        name = tmp_path / "pictures" / f"{START + number * 200_000}.png"
        cv2.imwrite(str(name), frame)
    return tmp_path


class Shop:
    """Two cameras, of which one has an accelerator that is broken for as long as it is said."""

    def __init__(self, host: RayHost, server: NatsServer, folder: Path) -> None:
        self.changes: dict[str, list[Change]] = {}
        self.outcomes: dict[str, list[Outcome]] = {}
        self._host, self._server, self._folder = host, server, folder
        self._library = build_fake_tpu(folder)

    def watch(self, device: str, *modes: str, most: int = 10) -> Watch:
        """Watch a camera whose first lives have these accelerators, and the later ones a good one.

        Args:
            device: its id.
            modes: see ``fake_tpu.c``.
            most: so many failures mean ``failed``.
        """

        def spec(watch: Watch) -> DeviceSpec:
            attempt = watch.supervisor.attempt
            if watch.outcome is not None:
                outcomes.append(watch.outcome)
            mode = modes[attempt - 1] if attempt <= len(modes) else "present"
            return self._spec(device, mode, attempt)

        changes = self.changes.setdefault(device, [])
        outcomes = self.outcomes.setdefault(device, [])

        async def note(_: Watch, change: Change) -> None:
            changes.append(change)

        policy = Policy(
            backoff_first_us=1_000, failures_max=most, window_us=HOUR_US, hang_us=HANG_US
        )
        supervisor = Supervisor(policy, Random(1).random)
        return Watch(self._host, spec, supervisor, SystemClock(), note)

    def told(self, device: str) -> list[tuple[str, str]]:
        """Give a camera's states with their reasons."""
        return [(change.state, change.reason) for change in self.changes[device]]

    def _spec(self, device: str, mode: str, attempt: int) -> DeviceSpec:
        who = self._server.engine
        source: dict[str, Any] = {"kind": "folder", "path": "pictures"}
        if device == "camera-2":
            source |= {"follow": True, "silence": "1h"}
        config: dict[str, Any] = {
            "source": source,
            "key_file": "cameras.key",
            "detector": {
                "model": "spot.tflite",
                "backend": "edgetpu",
                "delegate": str(self._library),
                "delegate_options": {"mode": mode, "after": "2"},
            },
        }
        return DeviceSpec(
            store=self._folder.name,
            device=device,
            plugin="aislewatch_plugins.vision.sensor:Vision",
            config=config,
            folder=str(self._folder),
            bus=BusAccess(self._server.url, who.user, who.password, who.inbox),
            spool=str(self._folder / "spool" / f"{device}.sqlite"),
            boot=f"b{attempt}",
            attempt=attempt,
            recording=device == "camera-1",
        )


@pytest_asyncio.fixture(loop_scope="module")
async def shop(host: RayHost, server: NatsServer, folder: Path) -> AsyncIterator[Shop]:
    """A shop whose second camera looks all the time, and must not be disturbed."""
    opened = Shop(host, server, folder)
    other = opened.watch("camera-2")
    looking = asyncio.create_task(other.run())
    async with asyncio.timeout(300):
        while not other.status.connected:
            await asyncio.sleep(0.05)
    yield opened
    pid = other.status.pid
    other.ask_to_stop()
    async with asyncio.timeout(300):
        await looking
    assert other.supervisor.attempt == 1
    assert other.outcome is not None
    assert other.outcome.last is not None
    assert (other.outcome.ending, other.outcome.last.pid) == ("stopped", pid)


async def lives(shop: Shop, *broken: tuple[str, str, str]) -> None:
    """Let a camera live with one broken accelerator after another, and with a good one at last."""
    camera = shop.watch("camera-1", *(mode for mode, _, _ in broken))
    async with asyncio.timeout(600):
        await camera.run()
    ended = shop.outcomes["camera-1"]
    assert [outcome.ending for outcome in ended] == [ending for _, ending, _ in broken]
    for outcome, (_, _, detail) in zip(ended, broken, strict=True):
        assert detail in outcome.detail
    told = shop.told("camera-1")
    assert told[:2] == [("starting", ""), ("offline", broken[0][1])]
    assert told[-2:] == [("online", ""), ("stopped", "ended")]
    assert camera.events > 0


async def test_an_accelerator_that_dies_or_hangs_takes_its_camera_down_alone(shop: Shop) -> None:
    await lives(
        shop,
        ("create-crashes", "died", ""),
        ("invoke-hangs", "not-ready", "the detector has not answered for 10 s"),
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_whatever_an_accelerator_does_its_camera_comes_back(shop: Shop) -> None:
    await lives(
        shop,
        ("absent", "not-ready", "no Edge TPU answers"),
        ("prepare-fails", "not-ready", "the Edge TPU does not take the model"),
        ("prepare-hangs", "hung", "its heartbeat stood still"),
        ("invoke-fails", "not-ready", "the fake accelerator was pulled out"),
        ("invoke-aborts", "died", ""),
        ("invoke-crashes", "died", ""),
        ("create-hangs", "hung", "its heartbeat stood still"),
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_an_accelerator_that_never_comes_ends_in_failed_and_is_still_tried(
    shop: Shop,
) -> None:
    camera = shop.watch("camera-1", *("absent",) * 100, most=5)
    running = asyncio.create_task(camera.run())
    async with asyncio.timeout(600):
        while camera.supervisor.state != "failed":
            await asyncio.sleep(0.05)
        assert camera.supervisor.failures == 5
        assert camera.supervisor.retry_at_us is not None
        camera.ask_to_stop()
        await running
    assert "5 failures within 3600 s, the last: no Edge TPU" in shop.changes["camera-1"][-1].detail
