"""Devices are found by what they say, on the lines that a person names, and as they are pasted."""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import yaml
from pydantic import BaseModel
from serial.tools import list_ports

from aislewatch.cli.app import main
from aislewatch.devices.usb import usb_ports
from aislewatch.errors import DeviceNotReady
from aislewatch.events.sensor import Candidate, Search, SensorPlugin
from aislewatch.runtime.discovering import Found, discover, searches
from aislewatch.runtime.discovery import find_sensor
from aislewatch_plugins.badge.sensor import Badge
from aislewatch_plugins.camera.sensor import CameraAxis, CameraFrigate, CameraMeraki
from aislewatch_plugins.feed.sensor import Feed
from aislewatch_plugins.llrp.sensor import Llrp
from aislewatch_plugins.scale.sensor import Scale
from aislewatch_sim.badge.bench import BadgeBench
from aislewatch_sim.camera import words
from aislewatch_sim.camera.broker import Broker, brokers
from aislewatch_sim.camera.scene import Scene
from aislewatch_sim.camera.twin import Publisher
from aislewatch_sim.faults import Faults
from aislewatch_sim.llrp.bench import LlrpBench
from aislewatch_sim.ports import Port, PtyPort, TcpPort
from aislewatch_sim.scale.pan import Build, Pan
from aislewatch_sim.scale.twin import ScaleTwin

NOW_S = 1_772_438_400.0


async def looked(
    kinds: dict[str, type[SensorPlugin]], *, within_s: float = 20.0, **settings: str
) -> tuple[list[Found], dict[str, str]]:
    found: list[Found] = []
    search = Search(settings, "/")
    troubles = await discover(kinds, search, within_s=within_s, on_found=found.append)
    return found, troubles


def configs(found: list[Found]) -> list[dict[str, Any]]:
    return [dict(one.candidate.config) for one in found]


def scale(voice: str) -> ScaleTwin:
    pan = Pan(Build(damping_s=0.01), Random(1))
    return ScaleTwin(pan, voice, Faults(Random(1), late_s=0.0, drip_s=0.0))


@pytest.mark.parametrize(
    ("voice", "protocol", "line"),
    [
        ("mt-sics", "mt-sics", "tcp"),
        ("mt-sics", "mt-sics", "pty"),
        ("toledo-8217", "toledo-8217", "tcp"),
        ("nci", "nci", "tcp"),
        ("and", "stream", "tcp"),
        ("cas", "stream", "pty"),
    ],
)
async def test_a_scale_is_found_by_the_protocol_in_which_it_answers(
    voice: str, protocol: str, line: str, tmp_path: Path
) -> None:
    twin = scale(voice)
    port: Port = TcpPort(twin.serve) if line == "tcp" else PtyPort(twin.serve, tmp_path / "scale")
    async with port:
        where: dict[str, Any] = {"tcp" if line == "tcp" else "port": port.address}
        found, troubles = await looked({"scale": Scale}, **where)
    assert troubles == {}
    assert configs(found) == [{"protocol": protocol, **where, "kind": "checkout"}]
    assert found[0].candidate.sure


async def test_what_speaks_no_protocol_of_scales_is_none(tmp_path: Path) -> None:
    async with LlrpBench(tmp_path, 1) as bench:
        found, _ = await looked({"scale": Scale}, tcp=bench.config["address"])
    assert found == []


async def test_a_reader_is_found_in_a_network_and_its_antennas_are_counted(tmp_path: Path) -> None:
    async with LlrpBench(tmp_path, 1) as bench:
        host, _, port = str(bench.config["address"]).rpartition(":")
        assert host == "127.0.0.1"
        network, _ = await looked({"llrp": Llrp}, address=f"127.0.0.0/29:{port}")
        alone, _ = await looked({"llrp": Llrp}, address=f"{host}:{port}")
    assert network == alone
    (config,) = configs(network)
    assert config["address"] == f"{host}:{port}"
    assert set(config["antennas"]) == set(range(1, len(config["antennas"]) + 1))
    assert network[0].candidate.device == "reader-127-0-0-1"


async def test_who_answers_and_is_no_reader_is_only_perhaps_one() -> None:
    twin = scale("cas")
    async with TcpPort(twin.serve) as port:
        found, _ = await looked({"llrp": Llrp}, address=port.address)
    assert [one.candidate.sure for one in found] == [False]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("10.0.0.0/8", "name a part"),
        ("10.0.0.0/what", "no network"),
        ("::/64", "name a part"),
        ("a b", "not a reader's address"),
    ],
)
async def test_no_network_is_searched_that_is_too_large_or_none(address: str, says: str) -> None:
    found, troubles = await looked({"llrp": Llrp}, address=address)
    assert found == []
    assert says in troubles["llrp"]


async def test_a_badge_reader_is_found_when_a_badge_is_held_before_it(tmp_path: Path) -> None:
    async with BadgeBench(tmp_path, 1) as bench:
        port = str(bench.config["port"])
        looking = asyncio.create_task(looked({"badge": Badge}, port=port))
        while not looking.done():
            await bench.act()
            await asyncio.wait({looking}, timeout=0.1)
        found, troubles = await looking
        assert (configs(found), troubles) == ([{"port": port, "key_file": "badges.key"}], {})


@pytest.mark.skipif(not brokers(), reason="no MQTT broker: install mosquitto or amqtt")
async def test_cameras_are_found_by_what_comes_at_a_broker() -> None:
    scene = Scene({"desk": (0.0, 0.0, 1.0, 1.0)})
    scene.enter(0.5, 0.5, NOW_S)
    visitor = next(iter(scene.visitors.values()))
    messages = [
        *words.meraki("/merakimv/Q2XX-AAAA-BBBB", scene, NOW_S),
        *words.meraki("/merakimv/Q2XX-AAAA-CCCC", scene, NOW_S),
        words.frigate_event("frigate", "till", scene, visitor, "new", NOW_S),
        words.axis_frame("axis/door", scene, NOW_S),
    ]
    kinds: dict[str, type[SensorPlugin]] = {
        "camera-meraki": CameraMeraki,
        "camera-frigate": CameraFrigate,
        "camera-axis": CameraAxis,
    }
    faults = Faults(Random(1), late_s=0.0, drip_s=0.0)
    found: list[Found] = []
    async with Broker(brokers()[0]) as broker, Publisher("127.0.0.1", broker.port, faults) as twin:
        search = Search({"broker": broker.address}, "/")
        looking = asyncio.create_task(discover(kinds, search, within_s=20.0, on_found=found.append))
        while len(found) < 4 and not looking.done():
            await twin.say(*messages)
            await asyncio.wait({looking}, timeout=0.05)
        looking.cancel()
        await asyncio.wait({looking})
    shared = {"broker": broker.address, "key_file": "cameras.key"}
    assert sorted((one.plugin, one.candidate.device) for one in found) == [
        ("camera-axis", "camera-axis-door"),
        ("camera-frigate", "camera-till"),
        ("camera-meraki", "camera-q2xx-aaaa-bbbb"),
        ("camera-meraki", "camera-q2xx-aaaa-cccc"),
    ]
    by_name = {one.candidate.device: dict(one.candidate.config) for one in found}
    assert by_name["camera-till"] == {**shared, "camera": "till", "prefix": "frigate"}
    assert by_name["camera-axis-door"]["topic"] == "axis/door"
    assert by_name["camera-q2xx-aaaa-bbbb"] == {
        **shared,
        "serial": "Q2XX-AAAA-BBBB",
        "prefix": "/merakimv",
    }


async def test_a_broker_that_is_not_there_is_told() -> None:
    found, troubles = await looked({"camera-meraki": CameraMeraki}, broker="127.0.0.1:1")
    assert found == []
    assert "cannot be reached" in troubles["camera-meraki"]


async def test_without_settings_nobody_is_spoken_to_and_what_is_plugged_in_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugged = [
        SimpleNamespace(device="/dev/ttyS0", vid=None, pid=None, product=None),
        SimpleNamespace(device="/dev/ttyUSB0", vid=0x0403, pid=0x6001, product="FT232R"),
        SimpleNamespace(device="/dev/ttyUSB1", vid=0x0EB8, pid=0x2300, product=None),
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: plugged)
    kinds: dict[str, type[SensorPlugin]] = {
        "scale": Scale,
        "badge": Badge,
        "llrp": Llrp,
        "camera-axis": CameraAxis,
    }
    found, troubles = await looked(kinds)
    assert troubles == {}
    assert sorted((one.plugin, one.candidate.config["port"]) for one in found) == [
        ("badge", "/dev/ttyUSB0"),
        ("badge", "/dev/ttyUSB1"),
        ("scale", "/dev/ttyUSB0"),
        ("scale", "/dev/ttyUSB1"),
    ]
    assert not any(one.candidate.sure for one in found)
    assert sorted(one.candidate.device for one in found) == [
        "badges",
        "badges-2",
        "scale",
        "scale-2",
    ]
    assert any("0eb8:2300" in one.candidate.detail for one in found)


def test_a_port_has_the_name_that_stays_when_it_is_plugged_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = tmp_path / "ttyUSB7"
    port.touch()
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    (by_id / "usb-FTDI_FT232R_A5-if00").symlink_to(port)
    plugged = [SimpleNamespace(device=str(port), vid=1, pid=2, product="it")]
    monkeypatch.setattr(list_ports, "comports", lambda: plugged)
    (found,) = usb_ports(by_id)
    assert found.name == str(by_id / "usb-FTDI_FT232R_A5-if00")
    assert found.ids == "0001:0002"


class _Config(BaseModel):
    there: int


class Odd(Badge):
    Config: ClassVar[type[BaseModel]] = _Config
    gives: ClassVar[list[Candidate | Exception]] = []

    @classmethod
    async def discover(cls, search: Search) -> AsyncIterator[Candidate]:
        for one in cls.gives:
            if isinstance(one, Exception):
                raise one
            yield one
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("gives", "count", "says"),
    [
        ([Candidate("a b!", {"there": 1}, "here"), Candidate("x", {"there": 2}, "there")], 2, ""),
        ([Candidate("x", {"there": 1}, "here"), DeviceNotReady("it sleeps")], 1, "it sleeps"),
        ([Candidate("x", {"there": 1}, "here"), ZeroDivisionError("by 0")], 1, "search broke"),
        ([Candidate("x", {"gone": 1}, "here")], 0, "settings that it refuses"),
    ],
)
async def test_what_a_search_does_wrong_is_told_and_what_it_found_before_stands(
    gives: list[Candidate | Exception], count: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Odd, "gives", gives)
    found, troubles = await looked({"odd": Odd}, within_s=0.3)
    assert len(found) == count
    assert says in troubles.get("odd", "")
    assert bool(troubles) is bool(says)
    if count == 2:
        assert [one.candidate.device for one in found] == ["odd", "x"]


def test_only_kinds_that_can_look_are_asked_to() -> None:
    assert [searches(kind) for kind in (Scale, Llrp, CameraMeraki, Feed)] == [
        True,
        True,
        True,
        False,
    ]
    assert searches(find_sensor("badge"))


def test_what_was_found_is_printed_as_it_is_pasted_into_a_store_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plugged = [SimpleNamespace(device="/dev/ttyUSB0", vid=0x0403, pid=0x6001, product="FT232R")]
    monkeypatch.setattr(list_ports, "comports", lambda: plugged)
    assert main(["plugin", "discover", "scale"]) == 0
    pasted = yaml.safe_load(capsys.readouterr().out)
    assert pasted == {
        "feeds": {
            "scale": {
                "plugin": "scale",
                "config": {"protocol": "mt-sics", "port": "/dev/ttyUSB0", "kind": "checkout"},
            }
        }
    }
    assert main(["plugin", "discover", "scale", "--json"]) == 0
    given = json.loads(capsys.readouterr().out)
    assert (given["device"], given["sure"], given["feed"]) == (
        "scale",
        False,
        pasted["feeds"]["scale"],
    )


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["feed"], 2, "cannot look for devices"),
        (["scale", "port"], 2, "is no setting"),
        (["nobody"], 2, "no sensor plugin"),
        (["llrp"], 1, "nothing was found by llrp"),
    ],
)
def test_a_search_that_cannot_be_is_told(
    words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "discover", *words]) == code
    assert says in textwrap.dedent(capsys.readouterr().err)
