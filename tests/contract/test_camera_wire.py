"""The camera plugins against cameras' twins, through a real MQTT broker on loopback."""

from __future__ import annotations

import asyncio
import gc
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import psutil
import pytest

from aislewatch.errors import DeviceMisconfigured, DeviceNotReady
from aislewatch.events.kinds import DeviceState, Event, VisionCount, VisionPerson
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext, SensorPlugin
from aislewatch_plugins.camera.config import AxisConfig, FrigateConfig, MerakiConfig
from aislewatch_plugins.camera.sensor import CameraAxis, CameraFrigate, CameraMeraki
from aislewatch_sim.camera import words
from aislewatch_sim.camera.broker import Broker, brokers
from aislewatch_sim.camera.scene import Scene
from aislewatch_sim.camera.twin import Publisher
from aislewatch_sim.camera.words import Words
from aislewatch_sim.faults import Fault, Faults

pytestmark = pytest.mark.skipif(
    not brokers(), reason="no MQTT broker: install mosquitto, or amqtt of the extra dev"
)

SECRET = b"a secret of thirty-two bytes, ok"
SERIAL = "Q2XX-AAAA-BBBB"
BASE = f"/merakimv/{SERIAL}"
Kind = TypeVar("Kind", bound=Event)
START_S = 1_772_438_400.0


class Clock:
    def __init__(self) -> None:
        self._began_ns = time.monotonic_ns()

    def now_us(self) -> int:
        return round(START_S * 1e6) + (time.monotonic_ns() - self._began_ns) // 1000

    @property
    def now_s(self) -> float:
        return self.now_us() / 1e6


class Received:
    def __init__(self) -> None:
        self.found: list[Event] = []
        self.refusals: list[tuple[bytes, str, str]] = []
        self._news = asyncio.Condition()

    async def events(self, batch: Sequence[Event]) -> None:
        async with self._news:
            self.found += batch
            self._news.notify_all()

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        async with self._news:
            self.refusals.append((raw, reason, place))
            self._news.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with self._news:
            await self._news.wait_for(holds)

    async def counted(self, people: int) -> None:
        await self.until(lambda: any(count.units == people for count in self.of(VisionCount)))

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.found if isinstance(event, kind)]

    @property
    def states(self) -> list[tuple[str, str | None]]:
        return [(state.state, state.reason) for state in self.of(DeviceState)]


class Stand:
    """A shop with a broker, a clock and somebody who listens."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.broker = broker
        self.folder = folder
        self.clock = Clock()
        self.received = Received()
        self.faults = Faults(Random(1), late_s=0.01, drip_s=0.0)
        self.scene = Scene({"desk": (0.0, 0.0, 0.5, 1.0)})
        (folder / "camera.key").write_bytes(SECRET)

    def meraki(self, **given: Any) -> CameraMeraki:
        return CameraMeraki(MerakiConfig.model_validate(self._with(given, serial=SERIAL)))

    def frigate(self, **given: Any) -> CameraFrigate:
        return CameraFrigate(FrigateConfig.model_validate(self._with(given, camera="till")))

    def axis(self, **given: Any) -> CameraAxis:
        return CameraAxis(AxisConfig.model_validate(self._with(given, topic="axis/till")))

    def _with(self, given: dict[str, Any], **own: str) -> dict[str, Any]:
        return {"broker": self.broker.address, "key_file": "camera.key", **own, **given}

    def context(self) -> SensorContext:
        folder = str(self.folder)
        return SensorContext("s", "desk-cam", "b1", self.clock, Random(1), Registry(), folder)

    def publisher(self, will: Words | None = None) -> Publisher:
        return Publisher("127.0.0.1", self.broker.port, self.faults, will=will)

    def counts(self, people: int) -> Words:
        """Say a count as MV Sense does."""
        while len(self.scene.visitors) < people:
            self.scene.enter(0.3, 0.8, self.clock.now_s)
        while len(self.scene.visitors) > people:
            self.scene.leave(next(iter(self.scene.visitors)))
        return words.meraki(BASE, self.scene, self.clock.now_s)[0]


@pytest.fixture(params=brokers())
async def stand(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Stand]:
    async with asyncio.timeout(60), Broker(request.param) as broker:
        yield Stand(broker, tmp_path)


@asynccontextmanager
async def running(stand: Stand, plugin: SensorPlugin) -> AsyncGenerator[asyncio.Task[None]]:
    await plugin.open(stand.context())
    run = asyncio.create_task(plugin.run(stand.received))
    try:
        yield run
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        await plugin.close()


async def test_people_whom_a_meraki_counts_in_its_zones_are_told_there(stand: Stand) -> None:
    async with running(stand, stand.meraki(zones={"desk": "desk"})), stand.publisher() as twin:
        stand.scene.enter(0.2, 0.8, stand.clock.now_s)
        stand.scene.enter(0.9, 0.8, stand.clock.now_s)
        await twin.say(*words.meraki(BASE, stand.scene, stand.clock.now_s))
        await stand.received.counted(1)
        await stand.received.until(lambda: bool(stand.received.of(VisionPerson)))
        assert {person.zone_id for person in stand.received.of(VisionPerson)} == {"desk"}
        assert stand.received.states == [("online", None)]


async def test_light_that_goes_out_blinds_a_meraki_until_it_is_back(stand: Stand) -> None:
    async with running(stand, stand.meraki()), stand.publisher() as twin:
        for lux in (300.0, 0.4, 300.0):
            stand.scene.lux = lux
            await twin.say(*words.meraki(BASE, stand.scene, stand.clock.now_s))
        await stand.received.until(lambda: len(stand.received.states) == 3)
        assert stand.received.states == [("online", None), ("failed", "dark"), ("online", None)]


async def test_frigate_follows_somebody_in_and_out_and_is_gone_with_its_will(
    stand: Stand,
) -> None:
    will = words.frigate_available("frigate", "offline")
    plugin = stand.frigate(zones={"desk": "service"}, again="100ms")
    async with stand.publisher(will) as twin:
        # Retained: said before we came.
        await twin.say(words.frigate_available("frigate", "online"))
        async with running(stand, plugin):
            await stand.received.until(lambda: stand.received.states == [("online", None)])
            visitor = stand.scene.enter(0.3, 0.8, stand.clock.now_s)
            said = ("frigate", "till", stand.scene, visitor)
            await twin.say(words.frigate_event(*said, "new", stand.clock.now_s))
            # Frigate says nothing of somebody who stands still, who is told again all the same.
            await stand.received.until(lambda: len(stand.received.of(VisionPerson)) == 3)
            people = stand.received.of(VisionPerson)
            assert len({person.person for person in people}) == 1
            assert {person.zone_id for person in people} == {"service"}
            assert "v00001" not in str(people)
            await twin.vanish()
            await stand.received.until(lambda: len(stand.received.states) == 2)
            assert stand.received.states[1] == ("offline", "frigate-stopped")


async def test_an_axis_camera_tells_people_within_an_outline_and_that_it_was_covered(
    stand: Stand,
) -> None:
    outline = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
    plugin = stand.axis(zones={"service": outline}, events="axis/events")
    async with running(stand, plugin), stand.publisher() as twin:
        stand.scene.enter(0.2, 0.8, stand.clock.now_s)
        stand.scene.enter(0.9, 0.8, stand.clock.now_s)
        await twin.say(words.axis_frame("axis/till", stand.scene, stand.clock.now_s))
        now_s = stand.clock.now_s
        await twin.say(words.axis_tampering("axis/events", "S1", now_s, active=True))
        await stand.received.until(lambda: len(stand.received.states) == 2)
        (person,) = stand.received.of(VisionPerson)  # And their head is nobody.
        assert (person.zone_id, person.confidence) == ("service", 0.8)
        assert stand.received.states == [("online", None), ("failed", "covered")]


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_camera_is_read_again_after(fault: Fault, stand: Stand) -> None:
    async with running(stand, stand.meraki()), stand.publisher() as twin:
        stand.faults.strike(fault, 3)
        for people in (1, 2, 1):
            await twin.say(stand.counts(people))
        await twin.say(stand.counts(7))
        await twin.say(stand.counts(8))  # What a merging twin held back goes before it.
        await stand.received.counted(8)
        # Bits that are turned may make another figure; JSON has no checksum.
        if fault is not Fault.FLIP:
            counted = {count.units for count in stand.received.of(VisionCount)}
            assert counted <= {1, 2, 7, 8}
        assert all(place.startswith("topic ") for _, _, place in stand.received.refusals)


async def test_a_message_that_comes_twice_counts_once(stand: Stand) -> None:
    plugin = stand.meraki(again="1us")
    async with running(stand, plugin), stand.publisher() as twin:
        said = stand.counts(1)
        await twin.say(said, said, said, stand.counts(2))
        await stand.received.counted(2)
        assert [count.units for count in stand.received.of(VisionCount)] == [1, 2]
        assert plugin.diagnostics()["repeats"] == 2


async def test_what_the_broker_had_kept_is_nobody_who_is_there_now(stand: Stand) -> None:
    async with stand.publisher() as twin:
        await twin.say(stand.counts(5)._replace(retain=True))
        async with running(stand, stand.meraki()):
            await twin.say(stand.counts(1))
            await stand.received.counted(1)
            assert [count.units for count in stand.received.of(VisionCount)] == [1]


@pytest.mark.parametrize("serial", ["Käse 1 $x/y", "a b\"'{}%"])
async def test_topics_with_odd_characters_are_topics(serial: str, stand: Stand) -> None:
    async with running(stand, stand.meraki(serial=serial)), stand.publisher() as twin:
        said = stand.counts(1)
        await twin.say(said._replace(topic=f"/merakimv/{serial}/0"))
        await stand.received.counted(1)


async def test_a_broker_that_dies_is_not_ready_and_found_again(stand: Stand) -> None:
    plugin = stand.meraki()
    async with running(stand, plugin) as run:
        async with stand.publisher() as twin:
            await twin.say(stand.counts(1))
            await stand.received.counted(1)
        await stand.broker.stop()
        with pytest.raises(DeviceNotReady, match="is gone"):
            await run
    with pytest.raises(DeviceNotReady, match="cannot be reached"):
        await plugin.open(stand.context())
    await plugin.close()
    assert not (await plugin.probe()).reachable
    await stand.broker.start()
    async with running(stand, plugin), stand.publisher() as twin:
        await twin.say(stand.counts(2))
        await stand.received.counted(2)


async def test_probing_says_whether_anything_comes(stand: Stand) -> None:
    async with stand.publisher() as twin:
        await twin.say(stand.counts(1)._replace(retain=True))
        told = await stand.meraki().probe()
    assert told.reachable
    assert f"messages at {BASE}/0" in told.detail


@pytest.mark.parametrize(("secret", "why"), [(None, "cannot be read"), (b"short", "5 bytes")])
async def test_without_a_secret_nobody_is_followed(
    secret: bytes | None, why: str, stand: Stand
) -> None:
    key = stand.folder / "camera.key"
    key.unlink() if secret is None else key.write_bytes(secret)
    with pytest.raises(DeviceMisconfigured, match=why + ".*make one with"):
        await stand.meraki().open(stand.context())


async def test_without_the_library_the_sentence_says_what_to_install(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aiomqtt", None)
    with pytest.raises(DeviceMisconfigured, match=r"install aislewatch\[mqtt\]"):
        await stand.meraki().open(stand.context())


async def test_openings_leave_nothing_behind_and_closings_are_quick(stand: Stand) -> None:
    process = psutil.Process()

    async def once() -> None:
        async with running(stand, stand.meraki()):
            pass

    for _ in range(3):
        await once()
    before = process.num_fds(), len(asyncio.all_tasks())
    threads = threading.active_count()
    for _ in range(30):
        async with asyncio.timeout(5):
            await once()
    assert (process.num_fds(), len(asyncio.all_tasks())) == before
    assert threading.active_count() < threads + 16  # The loop's own pool, for names of hosts.


async def test_a_silent_camera_does_not_hold_up_the_closing(stand: Stand) -> None:
    plugin = stand.meraki()
    await plugin.open(stand.context())
    assert plugin.health().connected
    async with asyncio.timeout(2):
        await plugin.close()
    await plugin.close()
    assert not plugin.health().connected


@pytest.mark.skipif("mosquitto" not in brokers(), reason="mosquitto is not installed")
async def test_a_broker_that_wants_a_password_gets_the_files_and_shows_it_to_nobody(
    tmp_path: Path,
) -> None:
    password = "a password for nobody's eyes"
    users = tmp_path / "users"
    made = ["mosquitto_passwd", "-c", "-b", str(users), "shop", password]
    subprocess.run(made, check=True, capture_output=True)
    users.chmod(0o600)
    (tmp_path / "password").write_text(password + "\n")
    extra = ["allow_anonymous false", f"password_file {users}"]
    async with asyncio.timeout(30), Broker("mosquitto", extra) as broker:
        stand = Stand(broker, tmp_path)
        plugin = stand.meraki(user="shop", password_file="password")
        async with running(stand, plugin):
            assert password not in str(plugin.diagnostics())
        for given in ({}, {"user": "shop", "password_file": "camera.key"}):
            other = stand.meraki(**given)
            with pytest.raises(DeviceMisconfigured, match="does not let"):
                await other.open(stand.context())
            await other.close()


# The client lets go of a socket whose handshake failed without closing it.
@pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(
    "mosquitto" not in brokers() or shutil.which("openssl") is None,
    reason="mosquitto or openssl is not installed",
)
async def test_an_encrypted_broker_is_believed_only_with_its_authority(tmp_path: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    made += ["-nodes", "-days", "2", "-subj", "/CN=shop", "-addext", "subjectAltName=IP:127.0.0.1"]
    made += ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")]
    subprocess.run(made, check=True, capture_output=True)
    extra = ["allow_anonymous true", f"certfile {tmp_path / 'ca.pem'}"]
    async with (
        asyncio.timeout(30),
        Broker("mosquitto", [*extra, f"keyfile {tmp_path / 'key.pem'}"]) as broker,
    ):
        stand = Stand(broker, tmp_path)
        async with running(stand, stand.meraki(tls={"ca_file": "ca.pem"})):
            pass
        stranger = stand.meraki(tls={})
        with pytest.raises(DeviceMisconfigured, match="name its authority"):
            await stranger.open(stand.context())
        await stranger.close()
        gc.collect()
        with pytest.raises(DeviceMisconfigured, match=r"certificates .* cannot be read"):
            await stand.meraki(tls={"ca_file": "none.pem"}).open(stand.context())


async def test_the_twin_can_be_run_by_hand(stand: Stand) -> None:
    for vendor in ("meraki", "frigate", "axis"):
        line = [sys.executable, "-m", "aislewatch_sim", "camera", "--vendor", vendor]
        line += ["--broker", stand.broker.address, "--steps", "7", "--pause", "0"]
        run = await asyncio.create_subprocess_exec(*line, stdout=subprocess.PIPE)
        out, _ = await run.communicate()
        assert run.returncode == 0
        assert out.endswith(b"messages published\n")
