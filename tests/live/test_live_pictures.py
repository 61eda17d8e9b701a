"""A camera is asked for a picture when a till is paid, and the incident shows it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aislewatch.cli import main
from aislewatch.devices.pictures import place_of
from aislewatch.ledger import Ledger, StoredRecord, verify
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.storefile import read_setup
from aislewatch_sim.camera.broker import Broker, brokers
from aislewatch_sim.camera.dashboard import PICTURE, Dashboard
from aislewatch_sim.faults import Faults
from aislewatch_sim.pos import json_words
from aislewatch_sim.pos.posting import Poster

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not brokers(), reason="no MQTT broker: install mosquitto or amqtt"),
]

SECRET = b"a secret that the till signs with"
API_KEY = "a key of the shop at the dashboard"
SERIAL = "Q2XX-AAAA-BBBB"
CUSTOMER = "loyalty-number-4711"
SHA256 = hashlib.sha256(PICTURE).hexdigest()
RULE = """\
id: any-payment
title: Somebody paid
status: live
owner: loss-prevention
severity: low
when: {event: pos.tender, as: paid}
incident:
  type: theft.checkout
  about: {receipt: paid.receipt}
  points: 8
  because: "{paid.receipt} was paid at {paid.lane}"
tests:
  - name: somebody pays
    events: |
      10:00:00 pos.tender receipt=R1 lane=K1
    expect: {fires: 1}
  - name: nobody pays
    events: |
      10:00:00 pos.item receipt=R1 lane=K1
    expect: {fires: 0, because_not: when}
"""


def shop(folder: Path, *, broker: str, dashboard: str, till_port: int) -> LiveStore:
    (folder / "any-payment.yml").write_text(RULE)
    (folder / "till.secret").write_bytes(SECRET)
    (folder / "camera.key").write_bytes(b"what pseudonyms of tracks are made with")
    (folder / "dashboard.key").write_text(API_KEY)
    camera: dict[str, Any] = {
        "broker": broker,
        "key_file": "camera.key",
        "serial": SERIAL,
        "snapshots": {
            "api_key": {"file": "dashboard.key"},
            "lanes": ["K1"],
            "api": dashboard,
            "pause": "10ms",
        },
    }
    till = {"http": f":{till_port}/till", "secrets": [{"file": "till.secret"}]}
    described = {
        "store": "s1",
        "timezone": "Europe/Amsterdam",
        "currency": "EUR",
        "clock": "system",
        "rules": ["any-payment.yml"],
        "personal_data": {"pseudonyms": True},
        "feeds": {
            "tills": {"plugin": "pos-json", "config": till},
            "cam-1": {"plugin": "camera-meraki", "config": camera},
        },
    }
    (folder / "store.yml").write_text(json.dumps(described))
    return LiveStore(read_setup(folder / "store.yml"))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Records:
    def __init__(self) -> None:
        self.all: list[StoredRecord] = []
        self.news = asyncio.Event()

    def take(self, record: StoredRecord) -> None:
        self.all.append(record)
        self.news.set()

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [json.loads(one.payload) for one in self.all if one.type == type_]

    def states(self) -> list[dict[str, Any]]:
        return [{"reason": None} | one["event"] for one in self.of("device.state")]

    async def until(self, holds: Callable[[Records], object], *, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                while not holds(self):
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            return False
        return True


async def pay(port: int, lane: str, receipt: str) -> int:
    """Pay at a till as it says so itself: signed, over HTTP."""
    now_us = SystemClock().now_us()
    row = {
        "id": f"{lane}/{receipt}",
        "kind": "tender",
        "at": datetime.fromtimestamp(now_us / 1e6, UTC).isoformat(timespec="milliseconds"),
        "till": lane,
        "receipt": receipt,
        "customer": CUSTOMER,
        "method": "card",
        "amount_minor": 1250,
    }
    body = json_words.body([row])
    poster = Poster("127.0.0.1", port, "/till", Faults(Random(1)))
    return (await poster.post(json_words.headers(SECRET, now_us // 1_000_000, body), body)).status


@asynccontextmanager
async def watched(
    folder: Path, dashboard: str, broker: Broker | None = None
) -> AsyncGenerator[tuple[Records, int]]:
    records, stop, port = Records(), asyncio.Event(), free_port()
    async with asyncio.timeout(120), broker or Broker(brokers()[0]) as listening:
        live = shop(folder, broker=listening.address, dashboard=dashboard, till_port=port)
        options = Options(
            ledger=folder / "found.db", folder=folder / "found.run", host="inline", snapshot_s=0.05
        )
        running = asyncio.create_task(run([live], options, on_record=records.take, stop=stop))
        try:
            yield records, port
        finally:
            stop.set()
            await running


async def paid_until(records: Records, port: int, holds: Callable[[Records], object]) -> None:
    """Pay, a receipt after the other: the first may be paid before the camera listens."""
    for number in range(1, 60):
        await pay(port, "K2", f"other-{number}")
        await pay(port, "K1", f"r{number}")
        if await records.until(holds, within_s=1.5):
            return
    raise AssertionError([record.type for record in records.all])


def shown(folder: Path, incident: str, *words: str) -> str:
    command = [sys.executable, "-m", "aislewatch", "incidents", "show", incident]
    command += ["--ledger", str(folder / "found.db"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


async def test_a_payment_has_the_camera_s_picture_kept_and_the_incident_shows_it(
    tmp_path: Path,
) -> None:
    async with (
        Dashboard(API_KEY) as dashboard,
        watched(tmp_path, dashboard.address) as (records, port),
    ):
        await paid_until(records, port, lambda found: found.of("picture.kept"))
    event = records.of("picture.kept")[0]["event"]
    assert (event["picture"], event["size_bytes"], event["device"]) == (
        SHA256,
        len(PICTURE),
        "cam-1",
    )
    assert event["lane"] == "K1"
    assert {serial for serial, _ in dashboard.asked} == {SERIAL}
    taken = datetime.fromtimestamp(event["taken_us"] // 1_000_000, UTC)
    assert {"timestamp": taken.isoformat().replace("+00:00", "Z")} in [
        body for _, body in dashboard.asked
    ]
    kept = place_of(tmp_path / "found.pictures", SHA256)
    assert kept.read_bytes() == PICTURE
    cases = [one for one in records.of("signal.raised") if one["anchor"] == event["cause"]]
    (incident,) = [
        one["incident"]
        for one in records.of("incident.opened")
        if one["because"]["signal"] == cases[0]["signal"]
    ]
    with Ledger.read(tmp_path / "found.db") as ledger:
        assert verify(ledger, "s1").sound

    (signal,) = json.loads(shown(tmp_path, incident, "--json"))["signals"]
    (picture,) = signal["pictures"]
    assert (picture["event"], picture["sha256"], picture["state"]) == (
        event["cause"],
        SHA256,
        "whole",
    )
    assert "as it was kept" in " ".join(shown(tmp_path, incident).split())
    kept.write_bytes(PICTURE + b"!")
    assert (
        json.loads(shown(tmp_path, incident, "--json"))["signals"][0]["pictures"][0]["state"]
        == "changed"
    )
    kept.unlink()
    page = " ".join(shown(tmp_path, incident).split())
    assert "its file is not there, and nobody deleted it on record" in page


async def test_a_customer_s_picture_is_found_and_erased_by_their_number_and_the_ledger_stays_sound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        Dashboard(API_KEY) as dashboard,
        watched(tmp_path, dashboard.address) as (records, port),
    ):
        await paid_until(records, port, lambda found: found.of("picture.kept"))
    event = records.of("picture.kept")[0]["event"]
    paid = [one["evidence"][0] for one in records.of("signal.raised")]
    # The till's number was exchanged where it was told, and the camera told the same person.
    assert {event["customer"]} == {one["customer"] for one in paid}
    assert event["customer"].startswith("customer-")
    ledger = ["--ledger", str(tmp_path / "found.db")]
    store = ["--store", str(tmp_path / "store.yml"), *ledger, "--by", "dpo"]

    def typed(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main([*words])
        return code, capsys.readouterr().out

    code, out = typed("privacy", "find", "customer", CUSTOMER, *store, "--json")
    (found,) = json.loads(out)["pictures"]
    assert (code, found["sha256"], found["state"]) == (0, SHA256, "whole")
    assert found["incidents"]
    assert typed("ledger", "verify", *ledger)[0] == 0
    code, out = typed("privacy", "erase", "customer", CUSTOMER, *store, "--json")
    assert (code, json.loads(out)["pictures"]) == (1, [])  # An incident rests on it.
    file = place_of(tmp_path / "found.pictures", SHA256)
    assert file.read_bytes() == PICTURE
    code, out = typed("privacy", "erase", "picture", SHA256[:12], "--evidence", *store)
    assert (code, file.exists()) == (0, False)
    code, out = typed("ledger", "verify", *ledger)
    assert (code, "1 picture: 0 as kept, 1 deleted on record" in out) == (0, True)
    (incident, *_) = found["incidents"]
    assert "deleted 20" in " ".join(shown(tmp_path, incident).split())


@pytest.mark.slow
async def test_what_is_paid_while_the_camera_s_feed_is_down_gets_its_picture_when_it_is_back(
    tmp_path: Path,
) -> None:
    broker = Broker(brokers()[0])
    async with (
        Dashboard(API_KEY) as dashboard,
        watched(tmp_path, dashboard.address, broker) as (records, port),
    ):
        await paid_until(records, port, lambda found: found.of("picture.kept"))
        await broker.stop()
        down = {"connecting", "reconnecting", "offline", "failed"}
        assert await records.until(
            lambda found: any(
                one["device"] == "cam-1" and one["state"] in down for one in found.states()
            ),
            within_s=30,
        ), records.states()
        assert await pay(port, "K1", "while-down") == 202
        await broker.start()
        assert await records.until(
            lambda found: "while-down" in repr(found.of("picture.kept")), within_s=60
        )
    (kept,) = [one for one in records.of("picture.kept") if "while-down" in repr(one)]
    (paid,) = [
        one for one in records.of("signal.raised") if one["anchor"] == kept["event"]["cause"]
    ]
    assert "while-down was paid at K1" in repr(paid)


async def test_a_picture_that_cannot_be_had_degrades_the_camera_and_tells_no_key(
    tmp_path: Path,
) -> None:
    async with (
        Dashboard("another key than the shop has") as dashboard,
        watched(tmp_path, dashboard.address) as (records, port),
    ):
        await paid_until(
            records, port, lambda found: "no-picture" in {s["reason"] for s in found.states()}
        )
    told = repr([one.payload for one in records.all])
    assert "may not see Q2XX-AAAA-BBBB" in told
    assert API_KEY not in told
    assert records.of("picture.kept") == []
