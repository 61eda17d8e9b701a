"""What every host promises of the lives that it runs: one suite for the in-line host and Ray."""

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, DeviceState, Event
from aislewatch.events.registry import Registry
from aislewatch.runtime.bus import Bus
from aislewatch.runtime.device import BusAccess, DeviceSpec
from aislewatch.runtime.hosting import HostedLife, InlineHost, PluginHost, Status
from aislewatch.runtime.nats_server import NatsServer
from aislewatch.runtime.ray_host import RayHost, RayLife
from aislewatch.runtime.redacting import HIDDEN

pytestmark = [pytest.mark.live, pytest.mark.asyncio(loop_scope="module")]

TOKEN = "a-secret-of-this-test-run-and-more"
SENSORS = str(Path(__file__).parents[1] / "sensors")
START = 1_700_000_000_000_000
SECOND = 1_000_000
CODEC = Codec(Registry())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path_factory.mktemp("nats"), token=TOKEN) as nats:
        async with await Bus.connect(nats.url, name="test", credentials=nats.engine) as bus:
            await bus.ensure_streams()
        yield nats


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["inline", "ray"])
async def host(request: pytest.FixtureRequest) -> AsyncIterator[PluginHost]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", SENSORS)
        patch.setattr(sys, "path", [*sys.path, SENSORS])
        opened: PluginHost = (
            InlineHost() if request.param == "inline" else await RayHost.open(token=TOKEN)
        )
        yield opened
        await opened.close()


@pytest.fixture
def store(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


class Shop:
    """A store of its own for each test, with what its devices told."""

    def __init__(self, host: PluginHost, server: NatsServer, store: str, folder: Path) -> None:
        self.host, self._server, self._store, self._folder = host, server, store, folder
        self._lives: list[HostedLife] = []

    async def start(
        self, *, device: str = "gate-1", plugin: str = "tiny_sensor:Tiny", **given: Any
    ) -> HostedLife:
        who = self._server.engine
        names = {"recording", "tick_us", "attempt", "since_us", "simulated"}
        spec = DeviceSpec(
            store=self._store,
            device=device,
            plugin=plugin,
            config={name: value for name, value in given.items() if name not in names},
            folder=str(self._folder),
            bus=BusAccess(self._server.url, who.user, who.password, who.inbox),
            spool=str(self._folder / "spool" / f"{device}.sqlite"),
            boot="b1",
            **{name: value for name, value in given.items() if name in names},
        )
        life = await self.host.start(spec)
        self._lives.append(life)
        return life

    async def events(self) -> list[Event]:
        who = self._server.engine
        async with await Bus.connect(self._server.url, name="test", credentials=who) as bus:
            return [CODEC.decode(m.payload) async for m in bus.read_all(self._store)]

    async def dead_letters(self) -> list[tuple[str, str, bytes]]:
        who = self._server.engine
        async with await Bus.connect(self._server.url, name="test", credentials=who) as bus:
            letters = [letter async for _, letter in bus.dead_letters(self._store)]
        return [(letter.device, letter.reason, letter.payload) for letter in letters]

    async def end(self) -> None:
        for life in self._lives:
            await life.kill()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(
    host: PluginHost, server: NatsServer, store: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    opened = Shop(host, server, store, tmp_path)
    yield opened
    await opened.end()


async def until(life: HostedLife, holds: Callable[[Status], bool]) -> Status:
    async with asyncio.timeout(60):
        while True:
            status = await life.status()
            if status is not None and holds(status):
                return status
            await asyncio.sleep(0.01)


def numbers(events: list[Event]) -> list[int]:
    return [event.seq for event in events if not isinstance(event, DeviceState | ClockTick)]


async def test_everything_that_a_device_saw_is_in_the_stream_once_and_in_order(shop: Shop) -> None:
    life = await shop.start(count=250, batch=20)

    outcome = await life.outcome()

    assert outcome.ending == "ended"
    assert outcome.last is not None
    assert (outcome.last.events, outcome.last.spooled) == (250, 0)
    assert numbers(await shop.events()) == list(range(250))


async def test_online_is_told_before_the_first_event_and_only_then(shop: Shop) -> None:
    silent = await shop.start(count=0, then="wait")
    status = await until(silent, lambda s: s.connected and s.beats > 1)
    assert not status.proved
    await silent.stop()
    assert (await silent.outcome()).ending == "stopped"
    assert await shop.events() == []

    await (await shop.start(count=1)).outcome()

    state, event = await shop.events()
    assert isinstance(state, DeviceState)
    assert (state.state, state.device) == ("online", "gate-1")
    assert event.seq == 0


async def test_no_secret_s_bytes_leave_a_life_that_says_how_it_is(
    shop: Shop, tmp_path: Path
) -> None:
    secrets = {"leaky.key": b"\x00\xffwhat no text can hold\x80", "till": b"from a file\nof two"}
    for name, secret in secrets.items():
        (tmp_path / name).write_bytes(secret)
    life = await shop.start(plugin="leaky_sensor:Leaky", secrets=[{"file": "till"}])
    await until(life, lambda status: status.proved)

    told = await life.diagnostics()

    assert told is not None
    assert told["harmless"] == 17
    shown = json.dumps(told, ensure_ascii=False)
    assert HIDDEN in shown
    for secret in (*secrets.values(), b"a password in the settings"):
        forms = {secret.decode("utf-8", errors="replace"), secret.decode("latin-1"), secret.hex()}
        forms |= {base64.b64encode(secret).decode(), repr(secret)[2:-1], str(secret)}
        assert [form for form in forms if form in shown] == []
    assert "what no text can hold" not in shown


async def test_a_device_whose_clock_is_wrong_is_degraded_unless_it_says_so_itself(
    shop: Shop, tmp_path: Path
) -> None:
    (tmp_path / "leaky.key").write_bytes(b"a secret of its own")
    leaky, ahead_us = "leaky_sensor:Leaky", 5 * SECOND
    silent = await shop.start(device="gate-1", plugin=leaky, ahead_us=ahead_us)
    itself = await shop.start(device="gate-2", plugin=leaky, ahead_us=ahead_us, told=True)
    for life in (silent, itself):
        status = await until(life, lambda status: status.proved and status.clock is not None)
        assert status.strain == (
            "clock-skew",
            "its clock is 5.0 s ahead of ours, and 2 s are allowed",
        )
        await until(life, lambda status: status.beats > 2)
        await life.stop()
        await life.outcome()
    states = [one for one in await shop.events() if isinstance(one, DeviceState)]
    told = {
        name: [(one.state, one.reason) for one in states if one.device == name]
        for name in ("gate-1", "gate-2")
    }
    assert told == {
        "gate-1": [("online", None), ("degraded", "clock-skew")],
        "gate-2": [("online", None)],
    }


async def test_a_simulated_device_says_so_in_every_event(shop: Shop) -> None:
    await (await shop.start(count=3, simulated=True)).outcome()

    events = await shop.events()
    assert len(events) == 4
    assert all(event.simulated for event in events)


@pytest.mark.parametrize(
    ("config", "ending", "says"),
    [
        ({"open_fails": True}, "not-ready", "nobody answers"),
        ({"then": "not-ready"}, "not-ready", "the link broke"),
        ({"then": "misconfigured"}, "misconfigured", "there is no port 70000"),
        ({"then": "break"}, "broke", "ZeroDivisionError"),
        ({"colour": "red"}, "misconfigured", "colour: Extra inputs are not permitted"),
        ({"plugin": "no-such-sensor"}, "misconfigured", "there is no sensor plugin 'no-such-sen"),
        ({"plugin": "tiny_sensor:TinyConfig"}, "misconfigured", "is no subclass of"),
        ({"plugin": "no_such_module:It"}, "misconfigured", "cannot be imported"),
    ],
)
async def test_how_a_life_ended_says_whether_trying_again_may_help(
    shop: Shop, config: dict[str, Any], ending: str, says: str
) -> None:
    outcome = await (await shop.start(**config)).outcome()

    assert outcome.ending == ending
    assert says in outcome.detail


async def test_a_life_that_is_asked_to_stop_stops_with_all_it_handed_on(shop: Shop) -> None:
    life = await shop.start(count=10_000, pause_s=0.001, then="wait")
    await until(life, lambda s: s.events > 20)

    await life.stop()
    outcome = await life.outcome()

    assert outcome.ending == "stopped"
    assert outcome.last is not None
    assert numbers(await shop.events()) == list(range(outcome.last.events))


async def test_what_is_no_event_goes_to_the_dead_letter_with_its_reason(shop: Shop) -> None:
    outcome = await (await shop.start(count=1, refuse="{,")).outcome()

    assert await shop.dead_letters() == [("gate-1", "not JSON", b"{,")]
    assert outcome.last is not None
    assert outcome.last.refused == 1
    assert numbers(await shop.events()) == [0]


async def test_a_life_ended_by_force_leaves_room_for_the_next(shop: Shop) -> None:
    life = await shop.start(count=10_000, pause_s=0.001)
    await until(life, lambda s: s.events > 5)

    await life.kill()
    assert (await life.outcome()).ending == "died"
    outcome = await (await shop.start(count=40, attempt=2)).outcome()

    assert outcome.ending == "ended"
    seen = numbers(await shop.events())
    assert sorted(set(seen)) == list(range(max(seen) + 1))
    assert len(seen) == len(set(seen))


async def test_a_recording_winds_the_clock_on_before_its_events(shop: Shop) -> None:
    life = await shop.start(count=25, batch=7, recording=True, tick_us=10 * SECOND)
    outcome = await life.outcome()

    told = [(type(event).__name__, event.time) for event in await shop.events()]
    assert told[:2] == [("ClockTick", START), ("RfidRead", START)]
    ticks = [at for at, (name, _) in enumerate(told) if name == "ClockTick"]
    assert [told[at + 1] for at in ticks[1:]] == [
        ("RfidRead", START + 10 * SECOND),
        ("RfidRead", START + 20 * SECOND),
    ]
    assert outcome.last is not None
    assert list(outcome.last.stores.values()) == [START + 24 * SECOND]


async def test_a_recording_goes_on_where_it_was_cut_off_however_long_ago(shop: Shop) -> None:
    given: dict[str, Any] = {"recording": True, "tick_us": 10 * SECOND}
    await (await shop.start(count=25, **given)).outcome()

    outcome = await (await shop.start(count=40, attempt=2, since_us=START, **given)).outcome()

    assert outcome.last is not None
    assert outcome.last.events < 40, "what stood before the last tick is not even offered again"
    assert numbers(await shop.events()) == list(range(40))


async def test_a_life_that_nobody_waits_for_any_more_is_not_left_behind(
    shop: Shop, host: PluginHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(host, InlineHost):
        pytest.skip("everything in line begins at once")
    made: list[RayLife] = []
    begun = RayLife.begun

    async def noted(life: RayLife, limit_s: float) -> None:
        made.append(life)
        await begun(life, limit_s)

    monkeypatch.setattr(RayLife, "begun", noted)
    starting = asyncio.create_task(shop.start(count=0, then="wait"))
    while not made:
        await asyncio.sleep(0)

    starting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await starting
    assert (await made[0].outcome()).ending == "died"


async def test_a_process_that_is_killed_ends_its_life_and_no_other(shop: Shop) -> None:
    if isinstance(shop.host, InlineHost):
        pytest.skip("everything in line is one process")
    other = await shop.start(device="gate-2", count=0, then="wait")
    life = await shop.start(count=10_000, pause_s=0.001)
    status = await until(life, lambda s: s.events > 5)
    assert status.pid != os.getpid()

    os.kill(status.pid, signal.SIGKILL)

    outcome = await life.outcome()
    assert outcome.ending == "died"
    assert await life.status() is None
    await until(other, lambda s: s.connected)


async def test_a_plugin_that_blocks_still_answers_and_its_heart_stands_still(shop: Shop) -> None:
    if isinstance(shop.host, InlineHost):
        pytest.skip("what blocks in line blocks us")
    life = await shop.start(count=1, then="block")
    first = await until(life, lambda s: s.events == 1)

    # Several heartbeats' time of asking; each answer comes although the plugin blocks.
    async with asyncio.timeout(60):
        for _ in range(100):
            again = await life.status()
            assert again is not None
            assert again.beats <= first.beats + 1
    await life.kill()
    assert (await life.outcome()).ending == "died"
