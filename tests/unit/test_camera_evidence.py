"""Which of a till's words are worth a picture, and what is told of it. No dashboard here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

from aislewatch.devices.telling import Told
from aislewatch.errors import DeviceNotReady
from aislewatch.events.kinds import DeviceState, Event, PosRefund, PosTender, VisionSnapshot
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.camera.config import MerakiConfig, SnapshotsConfig
from aislewatch_plugins.camera.evidence import Evidence
from aislewatch_plugins.camera.meraki import Meraki
from aislewatch_plugins.camera.snapshot import Picture
from aislewatch_plugins.camera.telling import Teller

SECOND = 1_000_000
NOW = 1_772_438_400 * SECOND
CONFIG = SnapshotsConfig.model_validate(
    {"api_key": {"env": "KEY"}, "lanes": ["K1"], "on": ["pos.tender", "pos.refund"], "offset": "2s"}
)
CAMERA = MerakiConfig(broker="b", key_file="k", serial="Q2XX-AAAA-BBBB")


class Clock:
    def now_us(self) -> int:
        return NOW


def paid(number: int, lane: str = "K1", at_s: float = 0.0) -> PosTender:
    at_us = NOW + int(at_s * SECOND)
    return PosTender(
        id=f"t/{number}",
        store="s",
        device="t",
        time=at_us,
        lane=lane,
        receipt="R",
        cashier="cashier-a",
        customer="customer-b",
    )


async def asked(*events: Event, fails: bool = False) -> tuple[Evidence, list[int], list[str]]:
    moments: list[int] = []
    told: list[str] = []

    async def take(serial: str, time_us: int) -> Picture:
        moments.append(time_us)
        await asyncio.sleep(0)
        if fails:
            message = "the dashboard sleeps"
            raise DeviceNotReady(message)
        return Picture("a" * 64, 9, serial, time_us)

    async def on_picture(cause: Event, _: Picture) -> None:
        told.append(cause.id)

    async def on_missing(reason: str) -> None:
        told.append(reason)

    async def hear(*types: str) -> AsyncIterator[Event]:
        assert types == ("pos.tender", "pos.refund")
        for event in events:
            yield event

    evidence = Evidence(CONFIG, CAMERA.serial, take, on_picture, on_missing, Clock().now_us)
    await evidence.run(hear)
    return evidence, moments, told


async def test_only_tills_in_its_view_have_the_camera_asked() -> None:
    refund = PosRefund(id="t/9", store="s", device="t", time=NOW, receipt="R")
    _, moments, told = await asked(paid(1), paid(2, "K2"), refund, paid(3, at_s=5))
    assert told == ["t/1", "t/3"]
    assert moments == [NOW + 2 * SECOND, NOW + 7 * SECOND]


async def test_two_payments_of_one_moment_are_one_picture() -> None:
    evidence, moments, _ = await asked(paid(1), paid(2, at_s=0.4), paid(1), paid(3, at_s=1))
    assert (len(moments), evidence.taken) == (2, 2)


async def test_more_than_can_be_asked_at_once_are_asked_one_after_the_other() -> None:
    evidence, moments, _ = await asked(*[paid(n, at_s=n) for n in range(50)])
    assert (len(moments), evidence.taken, evidence.missing) == (50, 50, 0)


async def test_a_picture_that_cannot_be_had_is_counted_and_the_next_is_asked_for() -> None:
    evidence, moments, told = await asked(paid(1), paid(2, at_s=3), fails=True)
    assert (len(moments), evidence.missing) == (2, 2)
    assert told == ["the dashboard sleeps"] * 2


async def test_what_was_paid_while_the_feed_was_down_is_asked_for_or_said_to_be_missing() -> None:
    evidence, moments, told = await asked(
        paid(1, at_s=-3601), paid(2, at_s=-3602), paid(3, at_s=-3600), paid(4)
    )
    assert moments == [NOW - 3598 * SECOND, NOW + 2 * SECOND]
    assert (evidence.taken, evidence.missing, evidence.late) == (2, 2, 2)
    assert [word for word in told if "down for too long" in word] == told[:2]


async def test_a_feed_that_ends_says_how_many_pictures_were_still_waited_for() -> None:
    asking, told = asyncio.Event(), list[str]()
    hung_up = False

    async def take(serial: str, time_us: int) -> Picture:
        asking.set()
        await asyncio.Event().wait()
        raise AssertionError(serial, time_us)

    async def on_picture(cause: Event, _: Picture) -> None:
        told.append(cause.id)

    async def on_missing(reason: str) -> None:
        told.append(reason)

    async def hear(*_: str) -> AsyncIterator[Event]:
        nonlocal hung_up
        try:
            for number in range(6):
                yield paid(number, at_s=number)
        finally:
            hung_up = True

    evidence = Evidence(CONFIG, CAMERA.serial, take, on_picture, on_missing, Clock().now_us)
    running = asyncio.create_task(evidence.run(hear))
    await asking.wait()
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert told == ["its feed ended while pictures were waited for: 4"]
    assert evidence.missing == 4
    assert hung_up


def test_a_picture_is_told_with_what_it_was_taken_of_and_ends_the_camera_s_trouble() -> None:
    context = SensorContext("s", "cam", "b1", Clock(), Random(1), Registry(), ".")
    teller = Teller(CAMERA, context, Meraki(CAMERA), b"k" * 16, NOW)
    missing = list(teller.not_pictured("the dashboard sleeps", NOW))
    assert states(missing) == [("degraded", "no-picture")]
    assert list(teller.not_pictured("the dashboard sleeps", NOW)) == []
    state, picture = teller.pictured(paid(1), Picture("a" * 64, 9, "Q2", NOW - SECOND), NOW)
    assert states([state]) == [("online", None)]
    assert isinstance(picture, VisionSnapshot)
    assert (picture.cause, picture.receipt, picture.lane) == ("t/1", "R", "K1")
    assert (picture.cashier, picture.customer) == ("cashier-a", "customer-b")
    assert (picture.time, picture.taken_us, picture.timed_by) == (NOW, NOW - SECOND, "arrival")


def states(told: list[Told]) -> list[tuple[str, str | None]]:
    return [(one.state, one.reason) for one in told if isinstance(one, DeviceState)]
