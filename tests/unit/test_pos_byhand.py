"""Simulated tills run by hand: what they print, and the code that they end with."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from aislewatch_plugins.pos.poslog_xml import transactions
from aislewatch_sim.pos import byhand, receipt_words
from aislewatch_sim.pos.till import OPENS


def test_all_four_tills_are_found_by_entry_point() -> None:
    kinds = {point.name for point in entry_points(group="aislewatch.twins")}
    assert {"pos-json", "pos-poslog", "pos-printer", "pos-square"} <= kinds


@pytest.mark.parametrize("version", ["2.2", "6"])
def test_a_hand_run_till_drops_a_file_for_each_transaction(
    tmp_path: Path, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--folder", str(tmp_path), "--pause", "0", "--version", version, "--aside"]
    assert byhand.poslog(arguments, prog="sim") == 0
    files = sorted(tmp_path.iterdir())
    assert capsys.readouterr().out == f"{len(files)} sent, {len(files)} taken\n"
    assert all(len(list(transactions(file.read_bytes()))) == 1 for file in files)
    # Of now, not of the day that the tests' shifts are on.
    assert f"{OPENS:%Y-%m-%d}".encode() not in files[0].read_bytes()


def test_a_till_whose_posts_nobody_takes_says_so_and_ends_with_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a secret that only this shop has")
    for command in (byhand.json_till, byhand.square):
        where = ["--url", "http://127.0.0.1:1/till", "--secret", str(secret), "--pause", "0"]
        assert command(where, prog="sim") == 1
        assert "not answered" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "arguments", "says"),
    [
        (byhand.poslog, ["--folder", "/nowhere/at/all"], "is no folder"),
        (byhand.json_till, ["--url", "ftp://x", "--secret", "pyproject.toml"], "is no address"),
        (byhand.square, ["--url", "http://x/", "--secret", "/nowhere"], "cannot be read"),
        (byhand.printer, ["--tcp", "x"], "is not an address"),
    ],
)
def test_arguments_that_make_no_sense_end_with_2_and_a_sentence(
    command: byhand.Command,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        command(arguments, prog="sim")
    assert caught.value.code == 2
    assert says in capsys.readouterr().err


async def test_a_hand_run_printer_says_where_it_is_and_prints_to_who_listens(
    tmp_path: Path,
) -> None:
    patterns = tmp_path / "p.yml"
    arguments = ["--json", "--pause", "0", "--patterns", str(patterns)]
    printer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aislewatch_sim", "pos-printer", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert printer.stdout is not None
    assert printer.stdin is not None
    async with asyncio.timeout(30):
        said = json.loads(await printer.stdout.readline())
        host, _, port = said["address"].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        heard = b""
        while receipt_words.CUT not in heard:
            heard += await reader.read(4_096)
        writer.close()
        await writer.wait_closed()
        printer.stdin.write(b"quit\n")
        await printer.communicate()
    assert printer.returncode == 0
    assert patterns.read_text() == receipt_words.PATTERNS
