"""The demo as a visitor sees it: the installed command, its output, what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live


README = Path(__file__).parents[2] / "README.md"


def command(*words: str, code: int = 0, columns: int = 120) -> str:
    """Run the command without a terminal, as a build does; gives standard output."""
    ran = subprocess.run(
        [sys.executable, "-m", "aislewatch", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": str(columns)},
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout


def where(home: Path) -> list[str]:
    return ["--ledger", str(home / "demo.db"), "--store", str(home / "shop" / "store.yml")]


def shown_in_readme(beginning: str) -> list[str]:
    """Give the lines of the README's example that begins so, without those that say "and so on"."""
    blocks = README.read_text(encoding="utf-8").split("\n```")
    block = next(block for block in blocks if block.lstrip("\n").startswith(beginning))
    return [line for line in block.strip("\n").splitlines() if line != "..."]


def test_the_demo_finds_what_was_planted_and_says_how_to_go_on(tmp_path: Path) -> None:
    told = command("demo", "--pace", "120", "--folder", str(tmp_path / "demo"))
    assert "8 of 8 planted found, 0 false; 1 of 1 damaged rows refused and kept." in told
    assert "the same head again" in told
    assert "sound" in told
    # Devices come online, and each feed lives in a process of its own.
    processes = [line.split()[-1] for line in told.splitlines() if ": feed, process " in line]
    assert len(set(processes)) == 3
    assert "kiosk-1-till    failed: software-crash" in told
    assert "so nobody is pointed at" in told
    assert "nothing is left to look at" in told
    for line in shown_in_readme("09:03:16  incident"):
        assert line in told.splitlines()
    page = command("incidents", "show", "corner-shop-3", *where(tmp_path / "demo"), columns=100)
    assert page.splitlines() == shown_in_readme("$ aislewatch incidents show")[1:-3]
    # What it proposes works as it stands there.
    proposed = told.partition("Go on with:\n")[2].splitlines()
    assert len(proposed) == 3
    for line in proposed:
        command(*line.removeprefix("$ aislewatch ").split())


def test_the_demo_gives_lines_of_json_and_leaves_a_ledger_that_verifies(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    told = command("demo", "--host", "inline", "--pace", "120", "--folder", str(home), "--json")
    lines = [json.loads(line) for line in told.splitlines()]
    assert {key for line in lines for key in line} == {"process", "record", "refused", "demo"}
    end = lines[-1]["demo"]
    assert (end["planted"], len(end["found"]), end["missed"], end["false"]) == (8, 8, [], [])
    assert end["replay_equal"]
    (chain,) = end["chains"]
    records = [line["record"] for line in lines if "record" in line]
    assert [record["position"] for record in records] == list(range(1, chain["records"] + 1))
    assert records[-1]["hash"] == chain["head"]
    verified = command("ledger", "verify", "--ledger", str(home / "demo.db"), "--json")
    assert json.loads(verified)["chains"][0]["head"] == chain["head"]


def test_an_interrupted_demo_stops_in_order_and_says_so(tmp_path: Path) -> None:
    words = ["demo", "--host", "inline", "--pace", "1", "--folder", str(tmp_path / "demo")]
    with subprocess.Popen(
        [sys.executable, "-m", "aislewatch", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if ": feed, process " in line:
                demo.send_signal(signal.SIGINT)
                break
        _, err = demo.communicate()
    assert demo.returncode == 2
    assert "stopped before the end of the day" in err
    assert "Traceback" not in err
    command("ledger", "verify", "--ledger", str(tmp_path / "demo" / "demo.db"))


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    command("demo", "--folder", str(tmp_path), code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
