"""A device hears its own store by its own credentials, in one life as in the next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest

from aislewatch.errors import BusError
from aislewatch.events.kinds import Event, PosTender
from aislewatch.events.registry import Registry
from aislewatch.events.subjects import store_filter
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.bus_consumer import Consumer
from aislewatch.runtime.device import BusAccess
from aislewatch.runtime.device_events import event_message
from aislewatch.runtime.device_hearing import StoreHearing
from aislewatch.runtime.nats_config import HEARINGS_MOST, hearing_consumer
from aislewatch.runtime.nats_link import BusAway, Link
from aislewatch.runtime.nats_server import NatsServer

pytestmark = pytest.mark.live
TOKEN = "a-secret-of-this-test-run"
CAMERA, TILL = ("s. 1", "camera 1"), ("s. 1", "till-1")
START = 1_700_000_000_000_000


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    devices = [CAMERA, TILL, ("s2", "till-1")]
    async with NatsServer(tmp_path / "nats", token=TOKEN, devices=devices) as server:
        async with await Bus.connect(server.url, name="t", credentials=server.engine) as bus:
            await bus.ensure_streams()
        yield server


def access(server: NatsServer, device: tuple[str, str]) -> BusAccess:
    who = server.device(*device)
    return BusAccess(server.url, who.user, who.password, who.inbox)


async def pay(server: NatsServer, *numbers: int, device: tuple[str, str] = TILL) -> None:
    """Have a till tell payments, by its own credentials."""
    paid = [
        PosTender(
            id=f"{device[1]}/{number}",
            store=device[0],
            device=device[1],
            time=START + number,
            lane="K1",
            receipt=str(number),
            cashier="cashier-a",
            customer="customer-a",
        )
        for number in numbers
    ]
    who = server.device(*device)
    async with await Bus.connect(server.url, name="till", credentials=who) as bus:
        await bus.publish_batch([event_message(event) for event in paid])


class Life:
    """One life of the camera, which hears payments."""

    def __init__(self, server: NatsServer) -> None:
        hearing = StoreHearing(access(server, CAMERA), *CAMERA, Registry())
        self.heard = cast("Any", hearing("pos.tender"))

    async def hears(self) -> int:
        """Wait for the next payment; give its number."""
        async with asyncio.timeout(10):
            event: Event = await anext(self.heard)
        return event.time - START


async def begun(life: Life, server: NatsServer) -> "asyncio.Task[int]":
    """Have a life listen for its next payment; the server knows then that it does."""
    waiting = asyncio.create_task(life.hears())
    link = Link(server.url, name="t", credentials=server.engine)
    link.start()
    await link.ready(10)
    what = f"CONSUMER.INFO.EV.{hearing_consumer(*CAMERA, 0)}"
    while (await link.api(what, {})).get("num_waiting", 0) == 0:
        await asyncio.sleep(0)
    await link.close()
    return waiting


async def test_a_device_hears_its_store_with_no_more_than_its_own_rights(
    server: NatsServer,
) -> None:
    await pay(server, 1)
    life = Life(server)
    waiting = await begun(life, server)
    await pay(server, 7, device=("s2", "till-1"))
    await pay(server, 2, 3)

    async with aclosing(life.heard):
        assert [await waiting, await life.hears()] == [2, 3]


async def test_what_was_told_while_a_device_was_down_is_heard_by_its_next_life(
    server: NatsServer,
) -> None:
    first = Life(server)
    waiting = await begun(first, server)
    await pay(server, 1, 2)
    assert await waiting == 1
    assert await first.hears() == 2  # Who asks for the second has taken the first.
    await first.heard.aclose()
    await pay(server, 3, 4)

    second = Life(server)
    async with aclosing(second.heard):
        # The one that was in its hands when it ended is given again: nobody knows what came of it.
        assert [await second.hears() for _ in range(3)] == [2, 3, 4]


async def test_what_was_not_handed_out_when_nats_came_back_is_not_taken_for_heard(
    server: NatsServer,
) -> None:
    await pay(server, *range(10))
    link = Link(server.url, name="c", credentials=server.device(*CAMERA))
    link.start()
    await link.ready(10)
    name = hearing_consumer(*CAMERA, 0)
    consumer = Consumer(
        link,
        stream="EV",
        subject_filter=store_filter(CAMERA[0]),
        start_after=0,
        durable=name,
        kept_s=60,
        checks=False,
    )
    first = await consumer.fetch(3, timeout_s=10)
    await consumer.ack_through(first[-1].sequence)
    await server.stop()
    await server.start()
    while link.epoch == 1:
        await asyncio.sleep(0)
    rest = await consumer.fetch(2, timeout_s=10)
    answer = await link.api(f"CONSUMER.INFO.EV.{name}", {})
    while len(first) + len(rest) < 10:
        rest += await consumer.fetch(timeout_s=10)
    await consumer.close()
    await link.close()

    assert answer["ack_floor"]["stream_seq"] == 3
    assert [one.sequence for one in (*first, *rest)] == list(range(1, 11))


async def test_a_device_reads_no_other_store_and_touches_no_other_consumer(
    server: NatsServer,
) -> None:
    async with await Bus.connect(server.url, name="t", credentials=server.engine) as bus:
        await (await bus.subscribe("s. 1", durable="engine", start_after=0)).close()
        async with asyncio.TaskGroup() as group:
            for what in (
                f"CONSUMER.CREATE.EV.{hearing_consumer(*CAMERA, 0)}.ev.s2.>",
                "CONSUMER.CREATE.EV.engine-s%2E%201.ev.s%2E%201.>",
                "CONSUMER.DELETE.EV.engine-s%2E%201",
                "CONSUMER.MSG.NEXT.EV.engine-s%2E%201",
                f"CONSUMER.DELETE.EV.{hearing_consumer(*TILL, 0)}",
                "STREAM.MSG.GET.EV",
                "STREAM.INFO.EV",
            ):
                group.create_task(refused(server, what))


async def refused(server: NatsServer, what: str) -> None:
    link = Link(server.url, name="c", credentials=server.device(*CAMERA))
    link.start()
    await link.ready(10)
    try:
        with pytest.raises(BusError, match="not permitted") as refusal:
            await link.api(what, {})
        assert not isinstance(refusal.value, BusAway)
    finally:
        await link.close()


async def test_a_filter_of_another_store_under_a_permitted_subject_is_refused(
    server: NatsServer,
) -> None:
    name = hearing_consumer(*CAMERA, 0)
    link = Link(server.url, name="c", credentials=server.device(*CAMERA))
    link.start()
    await link.ready(10)
    config = {"name": name, "durable_name": name, "filter_subject": "ev.s2.>"}
    request = {"stream_name": "EV", "config": config, "action": "create"}
    answer = await link.api(f"CONSUMER.CREATE.EV.{name}.ev.s%2E%201.>", request)
    await link.close()

    assert "error" in answer


def test_a_plugin_that_listens_too_often_is_told() -> None:
    hearing = StoreHearing(BusAccess("nats://127.0.0.1:9"), *CAMERA, Registry())
    for _ in range(HEARINGS_MOST):
        hearing("pos.tender")

    with pytest.raises(BusError, match="at most 4"):
        hearing("pos.tender")
