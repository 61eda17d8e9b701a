"""From a camera's bytes to an incident: a real broker, the driver, the engine, a shipped rule."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from aislewatch.events.kinds import ClockTick, DeviceState, Event, PosRefund, VisionCount
from aislewatch.events.model import Device, StoreModel, Zone
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch.rules.load import load_rule
from aislewatch.testing.small import Shop
from aislewatch_plugins.camera.config import MerakiConfig
from aislewatch_plugins.camera.sensor import CameraMeraki
from aislewatch_sim.camera import words
from aislewatch_sim.camera.broker import Broker, brokers
from aislewatch_sim.camera.scene import Scene
from aislewatch_sim.camera.twin import Publisher
from aislewatch_sim.faults import Faults

pytestmark = pytest.mark.skipif(
    not brokers(), reason="no MQTT broker: install mosquitto, or amqtt of the extra dev"
)

RULES = Path(__file__).parents[2] / "rules"
START_S = 1_772_438_400
REFUND_S = START_S + 120
SERIAL = "Q2XX-AAAA-BBBB"


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now_s = START_S

    def now_us(self) -> int:
        return self.now_s * 1_000_000


class Told:
    def __init__(self) -> None:
        self.events_told: list[Event] = []
        self._news = asyncio.Condition()

    async def events(self, batch: Sequence[Event]) -> None:
        async with self._news:
            self.events_told += batch
            self._news.notify_all()

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        raise AssertionError(reason)

    async def last(self, kind: type[Event], time_s: int) -> None:
        """Wait for an event of a kind and a time."""
        time_us = time_s * 1_000_000
        async with self._news:
            await self._news.wait_for(
                lambda: any(isinstance(e, kind) and e.time == time_us for e in self.events_told)
            )


async def watched(folder: Path, people_at: Sequence[int], dark_at: int = 0) -> list[Event]:
    """Let a camera watch the desk for four minutes, and give what its driver told.

    Args:
        folder: for the secret.
        people_at: seconds of the watch at which somebody stands there.
        dark_at: second from which the light is off; 0 is never.
    """
    (folder / "camera.key").write_bytes(b"a secret of thirty-two bytes, ok")
    clock, told, scene = Clock(), Told(), Scene()
    async with asyncio.timeout(30), Broker(brokers()[0]) as broker:
        config = MerakiConfig(broker=broker.address, key_file="camera.key", serial=SERIAL)
        plugin = CameraMeraki(config)
        context = SensorContext(
            "1", "desk-cam", "b1", clock, Random(1), Registry(), str(folder), simulated=True
        )
        await plugin.open(context)
        run = asyncio.create_task(plugin.run(told))
        try:
            async with Publisher("127.0.0.1", broker.port, Faults(Random(1))) as twin:
                for second in range(0, 240, 10):
                    clock.now_s = START_S + second
                    scene.visitors.clear()
                    if second in people_at:
                        scene.enter(0.5, 0.8, clock.now_s)
                    scene.lux = 0.0 if dark_at and second >= dark_at else 300.0
                    said = words.meraki(f"/merakimv/{SERIAL}", scene, clock.now_s)
                    # The light first, so that the count is told when all has been.
                    await twin.say(*reversed(said))
                    await told.last(VisionCount, clock.now_s)
        finally:
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            await plugin.close()
    return told.events_told


def judged(seen: Sequence[Event]) -> Shop:
    """Let the shipped rule judge a refund in the middle of a watch."""
    text = (RULES / "ghost-refund.yml").read_text(encoding="utf-8")
    assert "\nstatus: shadow\n" in text
    rule = load_rule(text.replace("status: shadow", "status: live"), "g.yml", Registry())
    shop = Shop(
        rule,
        model=StoreModel(
            zones={"desk": Zone("desk", "service-desk")},
            devices={"desk-cam": Device("desk-cam", "desk", sees=frozenset({"vision.person"}))},
        ),
    )
    refund = PosRefund(
        id="r", store="1", device="till", time=REFUND_S * 1_000_000, receipt="R1", cashier="C1"
    )
    shop.take(sorted([*seen, refund], key=lambda event: event.time))
    end_us = (REFUND_S + 600) * 1_000_000
    shop.take([ClockTick(id="c", store="1", device="clock", time=end_us, final=True)])
    return shop


async def test_a_refund_at_a_desk_that_a_camera_saw_empty_is_an_incident(tmp_path: Path) -> None:
    seen = await watched(tmp_path, people_at=[0, 200])
    assert all(event.simulated for event in seen)
    shop = judged(seen)
    (incident,) = shop.said("incident.opened")
    assert incident["type"] == "fraud.refund"
    assert shop.said("judgement.undecided") == []


async def test_a_dark_camera_is_not_an_empty_desk(tmp_path: Path) -> None:
    seen = await watched(tmp_path, people_at=[], dark_at=100)
    states = [(e.state, e.reason) for e in seen if isinstance(e, DeviceState)]
    assert states == [("online", None), ("failed", "dark")]
    shop = judged(seen)
    assert shop.said("incident.opened") == []
    (undecided,) = shop.said("judgement.undecided")
    assert "desk-cam" in undecided["because"]


async def test_somebody_of_whom_no_camera_says_whether_they_are_staff_accuses_nobody(
    tmp_path: Path,
) -> None:
    shop = judged(await watched(tmp_path, people_at=[90]))
    assert shop.said("incident.opened") == []
    assert len(shop.said("judgement.undecided")) == 1
