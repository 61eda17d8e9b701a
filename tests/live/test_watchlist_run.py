"""A whole run with a watchlist: a match becomes an incident, and no face is left in any byte."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aislewatch.cli import main
from aislewatch.ledger import Ledger, StoredRecord, verify
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.storefile import read_setup
from aislewatch.runtime.watchlist import Watchlist
from aislewatch_sim.camera import face_words
from aislewatch_sim.camera.broker import Broker, brokers
from aislewatch_sim.camera.twin import Publisher
from aislewatch_sim.faults import Faults

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        not brokers(), reason="no MQTT broker: install mosquitto, or amqtt of the extra dev"
    ),
]

RULES = Path(__file__).parents[2] / "rules"
TOPIC = "faces/door"


def shop(folder: Path, broker: str, *, enabled: bool) -> LiveStore:
    rule = (RULES / "watchlist-match.yml").read_text(encoding="utf-8")
    assert "\nstatus: draft\n" in rule
    (folder / "watchlist-match.yml").write_text(rule.replace("status: draft", "status: live"))
    (folder / "camera.key").write_bytes(b"a secret of thirty-two bytes, ok")
    config = {"broker": broker, "key_file": "camera.key", "topic": TOPIC}
    written: dict[str, Any] = {
        "store": "s1",
        "lateness": "1s",
        "rules": ["watchlist-match.yml"],
        "zones": {"door": {"kind": "entrance"}},
        "devices": {"door-camera": {"zone": "door", "sees": ["person.match"]}},
        "feeds": {"door-camera": {"plugin": "camera-faces", "config": config}},
        "known_offenders": {
            "enabled": enabled,
            "purpose": "prevention of repeated theft",
            "retention": "30d",
            "threshold": 0.6,
            "false_match_rate": "0.0001%",
            "four_eyes": False,
        },
    }
    (folder / "store.yml").write_text(json.dumps(written))
    return LiveStore(read_setup(folder / "store.yml"))


async def incidents(live: LiveStore, folder: Path, port: int, number: int) -> list[dict[str, Any]]:
    """Run a shop before whose camera a face stands; stop at an incident, or when it was counted."""
    stop = asyncio.Event()
    found: list[dict[str, Any]] = []

    def note(record: StoredRecord) -> None:
        if record.type == "incident.opened":
            found.append(json.loads(record.payload))
            stop.set()

    async def act() -> None:
        async with Publisher("127.0.0.1", port, Faults(Random(1))) as twin:
            # Until it is heard: nobody listens yet when it begins.
            for count in range(400):
                now_s = SystemClock().now_us() / 1e6
                seen = ("t1", face_words.face(number))
                broken = face_words.frame(TOPIC, now_s, [seen])
                await twin.say(face_words.frame(TOPIC, now_s, [seen]))
                await twin.say(broken._replace(payload=broken.payload[:-30]))
                await asyncio.sleep(0.05)
                if count == 100 and live.setup.watchlist is None:
                    stop.set()

    acting = asyncio.ensure_future(act())
    options = Options(
        ledger=folder / "ledger.db", folder=folder / "run", host="inline", snapshot_s=0.05
    )
    try:
        async with asyncio.timeout(40):
            summary = await run([live], options, on_record=note, stop=stop)
    finally:
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)
    assert summary.failures == ()
    return found


def left_of(face: Sequence[float], folder: Path) -> list[str]:
    """Name the files in which a figure of a face stands, in any form that it could have."""
    texts = {str(abs(figure)).encode() for figure in face}
    forms = [text for text in texts if len(text) >= 8]
    forms += [struct.pack("<d", figure) for figure in face]
    forms += [struct.pack("<ff", *pair) for pair in pairwise(face)]
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    ]


async def test_a_match_is_an_incident_and_no_byte_of_a_face_lies_anywhere_but_on_the_list(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with Broker(brokers()[0]) as broker:
        live = shop(tmp_path, broker.address, enabled=True)
        assert live.setup.watchlist is not None
        known = Watchlist(live.setup.watchlist, SystemClock())
        id_ = known.enrol(
            [face_words.face(7)],
            model=face_words.MODEL,
            reason="case 117",
            legal_basis="LIA-3",
            by="lp-7",
        ).id
        (incident,) = await incidents(live, tmp_path, broker.port, 7)
    assert incident["type"] == "theft.watchlist"
    assert f"entry={id_}" in incident["entities"]
    archive = ["archive", "--folder", str(tmp_path / "run"), "--out", str(tmp_path / "archive")]
    assert await asyncio.to_thread(main, archive) == 0
    assert any((tmp_path / "archive").rglob("*"))
    assert left_of(face_words.face(7), tmp_path) == ["watchlist.db"]
    assert not any(str(abs(figure)) in caplog.text for figure in face_words.face(7))
    known.erase(id_, "lp-9")
    assert left_of(face_words.face(7), tmp_path) == []
    with Ledger.read(tmp_path / "ledger.db") as ledger:
        assert verify(ledger, "s1").sound


async def test_a_shop_that_has_not_opted_in_keeps_nothing_and_says_how_much_was_dropped(
    tmp_path: Path,
) -> None:
    async with Broker(brokers()[0]) as broker:
        live = shop(tmp_path, broker.address, enabled=False)
        assert live.setup.watchlist is None
        assert await incidents(live, tmp_path, broker.port, 7) == []
    assert not (tmp_path / "watchlist.db").exists()
    assert left_of(face_words.face(7), tmp_path) == []
