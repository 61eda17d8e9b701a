"""`run`, as its user sees it."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
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


def started(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "aislewatch", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def posted(url: str, body: bytes, run: subprocess.Popen[str]) -> int:
    """Post once somebody listens; fails if the run ends before."""
    while run.poll() is None:
        try:
            with urllib.request.urlopen(url, body) as answer:
                return int(answer.status)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
    pytest.fail("the run ended before it listened")


def test_a_recording_is_run_to_its_end_and_shows_what_comes(tmp_path: Path) -> None:
    ledger = str(tmp_path / "found.db")
    ran = aislewatch("run", recorded(tmp_path), "--ledger", ledger, "--host", "inline")
    assert ran.returncode == 0, ran.stderr
    assert (
        "10:00:00  incident   s1-1            theft.exit, noted (0.6 %): E1 went out" in ran.stdout
    )
    assert "'not hexadecimal' is not hexadecimal (at gate.mapping.yml:5" in ran.stdout
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
    with started(*words) as run:
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


def test_a_run_is_archived_and_its_replay_ends_at_the_same_head(tmp_path: Path) -> None:
    store, ledger = recorded(tmp_path), str(tmp_path / "found.db")
    ran = aislewatch("run", store, "--ledger", ledger, "--host", "inline", "--json")
    last = json.loads(ran.stdout.splitlines()[-1])["summary"]
    folder, archive = str(tmp_path / "found.run"), str(tmp_path / "the archive")
    told = aislewatch("archive", "--folder", folder, "--out", archive)
    assert told.returncode == 0, told.stderr
    assert f"--events '{archive}'" in told.stdout
    played = json.loads(aislewatch("replay", store, "--events", archive, "--json").stdout)
    assert last["stores"]["s1"]["head"] == played["stores"]["s1"]["head"]
    again = aislewatch("archive", "--folder", folder, "--out", archive, "--json")
    assert json.loads(again.stdout)["added"] == 0


def test_what_a_run_refused_is_read_with_reason_place_and_what_was_sent(tmp_path: Path) -> None:
    store, ledger = recorded(tmp_path), str(tmp_path / "found.db")
    assert aislewatch("run", store, "--ledger", ledger, "--host", "inline").returncode == 0
    words = ("dead-letters", "--folder", str(tmp_path / "found.run"))
    (letter,) = map(json.loads, aislewatch(*words, "--json").stdout.splitlines())
    assert (letter["store"], letter["device"]) == ("s1", "gate")
    assert "is not hexadecimal" in letter["reason"]
    assert letter["place"] == "gate.mapping.yml:5 fields.epc, row rows.jsonl:2"
    assert json.loads(letter["raw"])["n"] == 2
    assert "1 dead letter in" in aislewatch(*words).stdout
    assert "0 dead letters in" in aislewatch(*words, "--only", "s2").stdout


def test_a_folder_that_no_run_has_left_is_told(tmp_path: Path) -> None:
    told = aislewatch("dead-letters", "--folder", str(tmp_path))
    assert told.returncode == 2
    assert "is no folder of a run" in told.stderr


def test_a_second_run_is_told_at_once_who_has_the_ledger(tmp_path: Path) -> None:
    store = shop(tmp_path, clock="system", source='tcp: "127.0.0.1:1"')
    words = ["run", store, "--ledger", str(tmp_path / "found.db"), "--host", "inline"]
    with started(*words) as run:
        assert run.stdout is not None
        next(line for line in run.stdout if "gate" in line)
        same = aislewatch(*words)
        other = aislewatch(*words, "--folder", str(tmp_path / "other"))
        archiving = aislewatch(
            "archive", "--folder", str(tmp_path / "found.run"), "--out", str(tmp_path / "archive")
        )
        run.send_signal(signal.SIGINT)
        run.communicate()
    holder = f"another run (process {run.pid}) holds {tmp_path / 'found.run'}"
    for told in (same, archiving):
        assert (told.returncode, holder in told.stderr) == (2, True), told.stderr
    assert "watching" not in same.stderr
    assert other.returncode == 2
    assert f"is being written by process {run.pid}" in other.stderr


def test_ctrl_c_after_requests_were_served_ends_in_order_and_the_last_state_is_told(
    tmp_path: Path,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    store = shop(tmp_path, clock="system", source=f'http: "{address}/rows"')
    ledger = str(tmp_path / "found.db")
    with started("run", store, "--ledger", ledger, "--host", "inline") as run:
        assert run.stdout is not None
        body = json.dumps(ROWS[0]).encode()
        answer = posted(f"http://{address}/rows", body, run)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate()
    assert (run.returncode, answer) == (0, 202)
    assert "Traceback" not in err
    assert "never retrieved" not in err
    # In the stream: the ledger has them once its clock has moved on.
    archive = tmp_path / "archive"
    folder = str(tmp_path / "found.run")
    assert aislewatch("archive", "--folder", folder, "--out", str(archive)).returncode == 0
    lines = [line for file in archive.rglob("*.jsonl") for line in file.read_text().splitlines()]
    events = [json.loads(line)["event"] for line in lines]
    states = [event["state"] for event in events if event["type"] == "device.state"]
    assert ("online" in states, "degraded" in states, states[-1]) == (True, False, "stopped")
