"""``aislewatch sim``: twins found by entry point, listed, and run by hand as whole processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial

from aislewatch.cli.app import main

BY_CLI = [sys.executable, "-m", "aislewatch", "sim", "device"]
BY_SIM = [sys.executable, "-m", "aislewatch_sim"]


@contextmanager
def twin(*arguments: str, by: list[str] | None = None) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*(by or BY_SIM), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def order(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(words + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_the_kinds_are_listed_with_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "list", "--json"]) == 0
    kinds = {row["kind"]: row["about"] for row in json.loads(capsys.readouterr().out)}
    assert "scale" in kinds["scale"]
    assert main(["sim", "list"]) == 0
    assert kinds["scale"] in capsys.readouterr().out


def test_a_kind_that_misses_a_package_hides_no_other_and_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [name for name in sys.modules if name.startswith("aislewatch_sim.camera")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "aiomqtt", None)
    assert main(["sim", "list", "--json"]) == 0
    rows = {row["kind"]: row for row in json.loads(capsys.readouterr().out)}
    assert "scale" in rows["scale"]["about"]
    assert rows["camera"]["trouble"].endswith("pip install 'aislewatch[mqtt]'")
    assert main(["sim", "device", "camera"]) == 2
    told = capsys.readouterr().err
    assert "needs aiomqtt, which is not installed: pip install 'aislewatch[mqtt]'" in told


def test_a_kind_that_is_not_there_is_a_clear_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "device", "toaster"]) == 2
    assert "there is no simulated device 'toaster'; installed: " in capsys.readouterr().err


@pytest.mark.parametrize("by", [BY_CLI, BY_SIM], ids=["cli", "sim"])
def test_a_scale_can_be_poked_at_through_a_pseudo_terminal(by: list[str], tmp_path: Path) -> None:
    link = str(tmp_path / "scale")
    with twin("scale", "--pty", link, "--load", "250", "--json", by=by) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        assert said == {"kind": "scale (mt-sics)", "address": link}
        with serial.Serial(link, timeout=10) as line:
            line.write(b"SI\r\n")
            assert line.readline() == b"S S        250 g\r\n"
            assert order(process, "put 500") == "750 g lie on it"
            line.write(b"S\r\n")
            assert line.readline() == b"S S        750 g\r\n"
            assert order(process, "fault silence") == "silence hits the next"
            line.write(b"SI\r\nI4\r\n")
            assert line.readline() == b'I4 A "0123456789"\r\n'
        assert "'dance' is none of: fault, unplug" in order(process, "dance")
        assert "is none of: cut, garbage" in order(process, "fault nonsense")
        assert order(process, "put") == "say a figure: G"
        assert order(process, "quit") == "ends"
        assert process.wait(10) == 0
    assert not (tmp_path / "scale").is_symlink()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_twin_ends_in_order_when_it_is_interrupted(stop: signal.Signals, tmp_path: Path) -> None:
    link = tmp_path / "scale"
    with twin("scale", "--pty", str(link)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(stop)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert not link.is_symlink()


def test_a_port_that_is_taken_is_a_clear_sentence() -> None:
    with twin("scale", "--json") as first:
        assert first.stdout is not None
        where = json.loads(first.stdout.readline())["address"]
        with twin("scale", "--tcp", where) as second:
            _, error = second.communicate(timeout=20)
            assert second.returncode == 2
    assert f"cannot listen on {where}: " in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["--fault", "cut=2"], "it lies between 0 and 1"),
        (["--fault", "mischief"], "is no fault; write NAME=CHANCE"),
        (["--tcp", "here"], "write host:port"),
        (["--step", "0"], "--step must be more than nothing"),
    ],
)
def test_what_a_twin_cannot_use_is_said(
    arguments: list[str], mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["sim", "device", "scale", *arguments])
    assert caught.value.code == 2
    assert mistake in capsys.readouterr().err
