"""The showroom's day without its devices: that it ends, and what becomes of a shop's files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from aislewatch_sim.camera.broker import brokers
from aislewatch_sim.showroom import Showroom
from aislewatch_sim.showroom.day import Day


async def test_a_day_ends_where_a_cameras_word_and_its_end_come_together() -> None:
    spoken, answered = asyncio.Event(), asyncio.Event()

    async def say(*_: object) -> None:
        spoken.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if answered.is_set():
                raise
            answered.set()  # At the very moment, so that nobody hears of the end.

    async def for_ever() -> None:
        await asyncio.Event().wait()

    async def at_once(*_: object) -> None:
        return

    stands: Any = SimpleNamespace(
        camera=SimpleNamespace(play=for_ever),
        cameras=SimpleNamespace(say=say),
        frigate=SimpleNamespace(say=at_once),
        watched=for_ever,
    )
    day = Day(stands, Random(1))
    playing = asyncio.create_task(day.play(for_ever))
    await spoken.wait()
    playing.cancel()
    async with asyncio.timeout(5):
        await day.close()


@pytest.mark.live
@pytest.mark.skipif(not brokers(), reason="no MQTT broker: install mosquitto, or amqtt")
async def test_a_copy_of_the_shop_keeps_what_was_changed_and_says_where_its_devices_are(
    tmp_path: Path,
) -> None:
    mine, opened = tmp_path / "mine", tmp_path / "opened"
    (mine / "rules").mkdir(parents=True)
    (mine / "rules" / "own.yml").write_bytes(b"id: own\n# \xc3\xa9, and a table \xff\n")
    (mine / "store.yml").write_text(
        "simulator: shop # starts it\nstore: mine\n# 127.0.0.1:40011 is nobody's\n"
        "feeds: {gate: {config: {address: 127.0.0.1:5084}}, scale: 127.0.0.1:4001}\n"
    )
    async with Showroom(opened, shop=mine) as showroom:
        text = showroom.store.read_text()
    assert (opened / "rules" / "own.yml").read_bytes() == (mine / "rules" / "own.yml").read_bytes()
    assert "simulator" not in text
    assert text.startswith("store: mine\n# 127.0.0.1:40011 is nobody's\n")
    assert "5084" not in text
    assert "127.0.0.1:4001}" not in text
