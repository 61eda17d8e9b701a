"""Cameras on the network: Motion JPEG through our own reader and through OpenCV, on sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from looked import WHOLE, Told, context

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.kinds import VisionItem
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.detecting import Box, Detection
from aislewatch_plugins.vision.sensor import Vision
from aislewatch_plugins.vision.worker import Worker
from aislewatch_sim.faults import Fault, Faults
from aislewatch_sim.ports import Link, Port, TcpPort
from aislewatch_sim.vision import acts
from aislewatch_sim.vision.camera import Camera
from aislewatch_sim.vision.stage import Article

KIOSK = {"scan": {"outline": WHOLE, "use": "kiosk"}}


class Shop:
    """A camera's twin that plays, and the plugin's configuration for it."""

    def __init__(self, folder: Path, login: str = "") -> None:
        (folder / "cam.pw").write_text("letmein\n")
        self.folder = folder
        self.faults = Faults(Random(1), late_s=0.01)
        self.camera = Camera(acts.kiosk(), self.faults, fps=40, login=login)
        self.port = TcpPort(self.camera.serve)

    def plugin(self, kind: str = "mjpeg", **changed: Any) -> Vision:
        source: dict[str, Any] = {
            "kind": kind,
            "url": f"http://{self.port.address}/video.mjpg",
            "silence": "2s",
            **changed.pop("source", {}),
        }
        config = {
            "source": source,
            "key_file": "cameras.key",
            "products": {"box": {"gtin": "00012345600012"}, "bottle": {}, "can": {}},
            "every": "0s",
            "zones": KIOSK,
            **changed,
        }
        return Vision(VisionConfig.model_validate(config))

    def context(self) -> SensorContext:
        return context(self.folder, step_us=10_000)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Port]:
        async with self.port:
            playing = asyncio.create_task(self.camera.play())
            try:
                yield self.port
            finally:
                playing.cancel()
                await asyncio.gather(playing, return_exceptions=True)

    @asynccontextmanager
    async def run(self, plugin: Vision) -> AsyncGenerator[tuple[Told, asyncio.Task[None]]]:
        told = Told()
        try:
            await plugin.open(self.context())
            run = asyncio.create_task(plugin.run(told))
            try:
                yield told, run
            finally:
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)
        finally:
            async with asyncio.timeout(2):
                await plugin.close()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.mark.parametrize("kind", ["mjpeg", "opencv"])
async def test_an_article_on_the_counter_is_told_with_its_number(shop: Shop, kind: str) -> None:
    async with shop.open(), shop.run(shop.plugin(kind)) as (told, _):
        await told.until(told.states)
        shop.camera.stage.articles.append(Article("box", 0.5, 0.5, 0.28))
        await told.until(lambda: [e for e in told.found if isinstance(e, VisionItem)])
    (item,) = [e for e in told.found if isinstance(e, VisionItem)]
    assert (item.product_class, item.gtin, item.zone_id) == ("box", "00012345600012", "scan")
    assert (item.simulated, item.timed_by, item.units) == (True, "arrival", 1)
    assert told.states() == [("online", None)]


@pytest.mark.parametrize("kind", ["mjpeg", "opencv"])
async def test_a_camera_that_is_unplugged_ends_the_run_with_its_reason(
    shop: Shop, kind: str
) -> None:
    async with shop.open() as port, shop.run(shop.plugin(kind)) as (told, run):
        await told.until(told.states)
        await port.drop()
        with pytest.raises(DeviceNotReady, match=r"gone|no pictures any more"):
            await run


@pytest.mark.parametrize("kind", ["mjpeg", "opencv"])
async def test_a_camera_that_falls_silent_ends_the_run(shop: Shop, kind: str) -> None:
    brief = {"silence": "200ms"}
    async with shop.open(), shop.run(shop.plugin(kind, source=brief)) as (told, run):
        await told.until(told.states)
        shop.faults.set(Fault.SILENCE, 1.0)
        with pytest.raises(DeviceNotReady, match="no picture"):
            await run


@pytest.mark.parametrize("kind", ["mjpeg", "opencv"])
async def test_nobody_there_is_not_ready(shop: Shop, kind: str) -> None:
    async with shop.open():
        pass
    plugin = shop.plugin(kind)
    with pytest.raises(DeviceNotReady, match=r"does not answer|cannot be opened"):
        await plugin.open(shop.context())
    await plugin.close()
    assert not (await plugin.probe()).reachable


@pytest.mark.parametrize("kind", ["mjpeg", "opencv"])
async def test_a_login_is_given_from_a_file_and_shown_nowhere(tmp_path: Path, kind: str) -> None:
    shop = Shop(tmp_path, login="viewer:letmein")
    user = {"user": "viewer", "password_file": "cam.pw"}
    async with shop.open():
        async with shop.run(shop.plugin(kind, source=user)) as (told, _):
            await told.until(told.states)
        plugin = shop.plugin(kind)
        with pytest.raises((DeviceMisconfigured, DeviceNotReady)) as caught:
            await plugin.open(shop.context())
        await plugin.close()
        assert "letmein" not in f"{caught.value} {plugin.diagnostics()} {plugin.health()}"


async def test_a_wrong_password_is_a_mistake_of_a_person(tmp_path: Path) -> None:
    shop = Shop(tmp_path, login="viewer:other")
    user = {"user": "viewer", "password_file": "cam.pw"}
    async with shop.open():
        plugin = shop.plugin(source=user)
        with pytest.raises(DeviceMisconfigured, match="does not let us in"):
            await plugin.open(shop.context())
        await plugin.close()


async def test_a_page_that_is_no_stream_is_said_to_be_none(shop: Shop) -> None:
    async def page(link: Link) -> None:
        await link.read()
        await link.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"
        )

    shop.port = TcpPort(page)
    async with shop.port:
        plugin = shop.plugin()
        with pytest.raises(DeviceNotReady, match="sends text/html, and no stream of pictures"):
            await plugin.open(shop.context())
        await plugin.close()


async def test_broken_pictures_are_refused_without_being_kept_and_then_blind_it(
    shop: Shop,
) -> None:
    async with shop.open(), shop.run(shop.plugin()) as (told, _):
        await told.until(told.states)
        shop.faults.set(Fault.CUT, 1.0)
        await told.until(lambda: len(told.states()) == 2)
        shop.faults.set(Fault.CUT, 0.0)
        await told.until(lambda: len(told.states()) == 3)
    assert told.states() == [("online", None), ("failed", "unreadable"), ("online", None)]
    assert told.refusals
    assert all(b"\xff\xd8" not in raw and raw.endswith(b"not kept") for raw, _ in told.refusals)


async def test_a_dark_shop_is_told_as_a_camera_that_cannot_see(shop: Shop) -> None:
    faults = {"dark": "100ms", "clear": "100ms"}
    async with shop.open(), shop.run(shop.plugin(faults=faults)) as (told, _):
        await told.until(told.states)
        shop.camera.stage.light = 0.0
        await told.until(lambda: ("failed", "dark") in told.states())
        shop.camera.stage.light = 1.0
        await told.until(lambda: told.states()[-1] == ("online", None))
    assert told.states() == [("online", None), ("failed", "dark"), ("online", None)]


async def test_a_detector_that_hangs_ends_the_run_and_closing_does_not_wait_for_it() -> None:
    worker = Worker("the detector", within_s=0.05)
    never = asyncio.Event()
    let_go = never.is_set

    def hang() -> list[Detection]:
        while not let_go():
            pass
        return [Detection("person", 1.0, Box(0, 0, 1, 1))]

    with pytest.raises(DeviceNotReady, match=r"the detector has not answered for 0.05 s"):
        await worker.run(hang)
    async with asyncio.timeout(1):
        await worker.close()
    never.set()


async def test_what_a_job_raises_is_raised_where_it_was_ordered() -> None:
    worker = Worker("the detector", within_s=5)
    with pytest.raises(ZeroDivisionError):
        await worker.run(lambda: 1 // 0)
    assert await worker.run(lambda: 2) == 2
    await worker.close()


@pytest.mark.parametrize("missing", ["cameras.key", "cam.pw"])
async def test_a_file_that_is_missing_is_named(shop: Shop, missing: str) -> None:
    async with shop.open():
        plugin = shop.plugin(source={"user": "viewer", "password_file": "cam.pw"})
        given = shop.context()
        (shop.folder / missing).unlink()
        with pytest.raises(DeviceMisconfigured, match=missing):
            await plugin.open(given)
        await plugin.close()
