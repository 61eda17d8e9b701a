"""The showroom as its user runs it: one command opens the shop, another watches it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.storefile import read_setup
from aislewatch_sim.camera.broker import brokers

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not brokers(), reason="no MQTT broker: install mosquitto, or amqtt"),
]

ELSEWHERE = {"camera-faces"}
"""Kinds that do not stand in the showroom: nobody is looked for by his face there."""


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


def test_every_kind_of_device_comes_online_and_gives_evidence_of_an_incident(
    tmp_path: Path,
) -> None:
    shop, ledger = tmp_path / "shop", tmp_path / "found.db"
    with started("sim", "device", "shop", "--folder", str(shop), "--once", "--json") as opened:
        assert opened.stdout is not None
        at = json.loads(opened.stdout.readline())
        words = ("run", at["store"], "--simulated", "--ledger", str(ledger), "--host", "inline")
        with started(*words, "--json") as watching:
            planted = json.loads(opened.stdout.readline())["planted"]
            watching.send_signal(signal.SIGINT)
            out, err = watching.communicate()
        assert opened.wait() == 0
    assert watching.returncode == 0, err
    lines = [json.loads(line) for line in out.splitlines()]
    online = {
        line["process"]["name"]
        for line in lines
        if line.get("process", {}).get("state") == "online"
    }
    feeds = read_setup(Path(at["store"])).feeds
    plugins = {device: feed.plugin for device, feed in feeds.items()}
    assert set(plugins) <= online
    assert not [line for line in lines if "refused" in line]
    bundled = {
        point.name
        for point in entry_points(group="aislewatch.sensors")
        if point.module.startswith("aislewatch_plugins.") and point.name not in ELSEWHERE
    }
    assert bundled == set(plugins.values())
    found = evidence(ledger)
    missed = [one["what"] for one in planted if not any(tells(case, one) for case in found)]
    assert missed == [], found
    assert sorted(case[0] for case in found) == sorted(one["type"] for one in planted)
    told = {plugins[device] for _, devices, _ in found for device in devices}
    assert told == bundled
