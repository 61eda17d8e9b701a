"""`run`, as its user sees it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

STORE = """\
store: s1
timezone: Europe/Amsterdam
currency: EUR
clock: CLOCK
rules: [rule.yml]
feeds:
  gate: {plugin: feed, config: {mapping: gate.mapping.yml, SOURCE}}
"""

MAPPING = """\
mapping: gate
time: at
id: "{n}"
cases:
  - {name: tag, type: rfid.crossing, fields: {epc: tag, direction: {value: out}}}
"""

RULE = """\
id: any-tag
title: A tag went out
status: live
when: {event: rfid.crossing, as: exit}
incident: {type: theft.exit, about: {epc: exit.epc}, points: 8, because: "{exit.epc} went out"}
"""

ROWS = [
    {"n": 1, "at": "2026-03-02T09:00:00Z", "tag": "E1"},
    {"n": 2, "at": "2026-03-02T09:10:00Z", "tag": "not hexadecimal"},
    {"n": 3, "at": "2026-03-02T09:20:00Z", "tag": "E2"},
]


def shop(folder: Path, *, clock: str, source: str) -> str:
    (folder / "store.yml").write_text(STORE.replace("CLOCK", clock).replace("SOURCE", source))
    (folder / "gate.mapping.yml").write_text(MAPPING)
    (folder / "rule.yml").write_text(RULE)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(folder / "store.yml")


def recorded(folder: Path) -> str:
    return shop(folder, clock="{recording: gate}", source="files: [rows.jsonl], recording: yes")


def aislewatch(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aislewatch", *words], capture_output=True, text=True, check=False
    )


def test_a_recording_is_run_to_its_end_and_shows_what_comes(tmp_path: Path) -> None:
    ledger = str(tmp_path / "found.db")
    ran = aislewatch("run", recorded(tmp_path), "--ledger", ledger, "--host", "inline")
    assert ran.returncode == 0, ran.stderr
    assert (
        "10:00:00  incident   s1-1            theft.exit, noted (0.6 %): E1 went out" in ran.stdout
    )
    assert "1 row made no sense; kept as a dead letter" in ran.stdout
    assert "s1: 2 incidents in this run; the chain has" in ran.stderr
    listed = aislewatch("incidents", "list", "--ledger", ledger, "--json")
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == ["s1-1", "s1-2"]


def test_a_run_and_a_replay_of_one_recording_end_at_one_head(tmp_path: Path) -> None:
    store, ledger = recorded(tmp_path), str(tmp_path / "found.db")
    ran = aislewatch("run", store, "--ledger", ledger, "--host", "inline", "--json")
    last = json.loads(ran.stdout.splitlines()[-1])["summary"]
    assert last["completed"]
    played = json.loads(aislewatch("replay", store, "--json").stdout)
    assert last["stores"]["s1"]["head"] == played["stores"]["s1"]["head"]


def test_a_device_that_does_not_answer_is_told_and_ctrl_c_stops_the_run(tmp_path: Path) -> None:
    # Nobody listens on port 1.
    store = shop(tmp_path, clock="system", source='tcp: "127.0.0.1:1"')
    words = ["run", store, "--ledger", str(tmp_path / "found.db"), "--host", "inline"]
    with subprocess.Popen(
        [sys.executable, "-m", "aislewatch", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as run:
        assert run.stdout is not None
        told = next(line for line in run.stdout if "gate" in line)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate()
    assert "offline: not-ready: 127.0.0.1:1 does not answer" in told
    assert run.returncode == 0
    assert "Traceback" not in err
    assert aislewatch("ledger", "verify", "--ledger", str(tmp_path / "found.db")).returncode == 0


def test_a_store_without_feeds_has_nothing_to_run(tmp_path: Path) -> None:
    (tmp_path / "store.yml").write_text("store: s1\n")
    ran = aislewatch("run", str(tmp_path / "store.yml"), "--ledger", str(tmp_path / "found.db"))
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[-1].endswith("has no feeds, so there is nothing to run")
    assert not (tmp_path / "found.db").exists()
