"""The showroom as its user runs it: in one command, and as two of which one opens the shop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from aislewatch.cli.simulator import shipped
from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.storefile import read_setup
from aislewatch_sim.camera.broker import brokers

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not brokers(), reason="no MQTT broker: install mosquitto, or amqtt"),
]


def bundled() -> set[str]:
    """Name the kinds of device that this installation brings plugins for."""
    points = entry_points(group="aislewatch.sensors")
    return {point.name for point in points if point.module.startswith("aislewatch_plugins.")}


@contextmanager
def started(*words: str) -> Generator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "aislewatch", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


Found = tuple[str, set[str], set[tuple[str, str]]]


def evidence(ledger: Path) -> list[Found]:
    """Give the incidents: type, the devices that the evidence names, and what each is about."""
    signals: dict[str, Mapping[str, Any]] = {}
    found: list[Found] = []
    with Ledger.read(ledger) as reader:
        assert verify(reader, "showroom").sound
        for record in reader.records("showroom"):
            told = json.loads(record.payload)
            if record.type == "signal.raised":
                signals[told["signal"]] = told
            if record.type == "incident.opened":
                signal_ = signals[told["because"]["signal"]]
                events = [event for event in signal_["evidence"] if event["simulated"]]
                about = {(kind, value) for kind, value in signal_["about"]}
                found.append((signal_["type"], {event["device"] for event in events}, about))
    return found


def tells(case: Found, planted: Mapping[str, Any]) -> bool:
    """Say whether an incident is what was planted, by the devices that saw it."""
    type_, devices, about = case
    wanted = {(kind, value) for kind, values in planted["about"].items() for value in values}
    return type_ == planted["type"] and set(planted["seen_by"]) <= devices and bool(wanted & about)


@pytest.mark.parametrize("host", ["inline", pytest.param("ray", marks=pytest.mark.slow)])
def test_one_command_brings_every_kind_of_device_online_and_into_an_incident(
    tmp_path: Path, host: str
) -> None:
    ledger = tmp_path / "found.db"
    words = ("run", "showroom", "--simulated", "--ledger", str(ledger), "--host", host, "--json")
    with started(*words) as watching:
        out, err = watching.communicate()
    assert watching.returncode == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    assert not [line for line in lines if "refused" in line]
    day = lines[-1]["day"]
    assert (day["missed"], day["false"], day["failures"]) == ([], [], [])
    assert [chain["sound"] for chain in day["chains"]] == [True]
    assert {device["plugin"] for device in day["devices"]} == bundled()
    assert not [one for one in day["devices"] if one["online_s"] is None or not one["incidents"]]
    standing = {case["id"] for case in day["incidents"]}
    assert {id_ for device in day["devices"] for id_ in device["incidents"]} == standing
    by_device = {device["device"]: set(device["incidents"]) for device in day["devices"]}
    pairs = [("kiosk-1", "kiosk-1-scale"), ("desk-till", "desk-camera")]
    assert all(by_device[one] == by_device[other] for one, other in pairs)
    assert evidence(ledger)
    assert not (tmp_path / "found.shop" / "wanted.json").exists()


def test_a_device_that_cannot_be_run_ends_the_day_before_it_begins(tmp_path: Path) -> None:
    shipped_shop = shipped("showroom")
    assert shipped_shop is not None
    shutil.copytree(shipped_shop.parent, tmp_path / "mine")
    store, ledger = tmp_path / "mine" / "store.yml", tmp_path / "found.db"
    text = store.read_text(encoding="utf-8")
    store.write_text(text.replace("badges.key", "lost.key"), encoding="utf-8")

    words = ("run", str(store), "--simulated", "--ledger", str(ledger), "--host", "inline")
    with started(*words) as watching:
        out, err = watching.communicate()

    assert watching.returncode == 2
    assert "1 device cannot be run; stockroom-badges: the badges' secret" in err
    assert "the day begins" not in err
    assert "incident" not in out


@pytest.mark.slow
def test_a_shop_that_is_opened_by_hand_is_watched_from_another_terminal(tmp_path: Path) -> None:
    shop, ledger = tmp_path / "shop", tmp_path / "found.db"
    with started("sim", "device", "shop", "--folder", str(shop), "--once", "--json") as opened:
        assert opened.stdout is not None
        at = json.loads(opened.stdout.readline())
        enrol = at["enrol"]
        papers = ("--reason", enrol["reason"], "--legal-basis", enrol["legal_basis"])
        face = ("watchlist", "enrol", enrol["embedding"], "--model", enrol["model"], *papers)
        with started(*face, "--store", at["store"]) as enrolling:
            assert enrolling.wait() == 0
        words = ("run", at["store"], "--simulated", "--ledger", str(ledger), "--host", "inline")
        with started(*words, "--json") as watching:
            assert json.loads(opened.stdout.readline()) == {"begun": True}
            planted = json.loads(opened.stdout.readline())["planted"]
            watching.send_signal(signal.SIGINT)
            out, err = watching.communicate()
        assert opened.wait() == 0
    assert watching.returncode == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    states = [line["process"] for line in lines if "process" in line]
    feeds = read_setup(Path(at["store"])).feeds
    assert set(feeds) <= {state["name"] for state in states if state["state"] == "online"}
    found = evidence(ledger)
    missed = [one["what"] for one in planted if not any(tells(case, one) for case in found)]
    assert missed == [], found
    assert sorted(case[0] for case in found) == sorted(one["type"] for one in planted)
    assert {feeds[device].plugin for _, devices, _ in found for device in devices} == bundled()
