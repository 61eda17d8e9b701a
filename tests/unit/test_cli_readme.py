"""What the README tells its reader to write works as it stands there."""

import json
import re
from pathlib import Path

import pytest

from aislewatch.cli.app import COMMANDS, main

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

ROW = re.compile(r"```json\n(\{.*\})\n```")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Write every file that the README shows to where it says."""
    for name, text in re.findall(r"```yaml\n# (\S+)\n(.*?)```", README, re.DOTALL):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_the_readme_names_every_command() -> None:
    assert all(f"`aislewatch {name}" in README for name in COMMANDS if name != "version")


def test_its_rule_is_without_mistakes_and_warnings(shop: Path) -> None:
    assert main(["rules", "check", str(shop / "rules"), "--strict"]) == 0


def test_its_till_its_store_and_its_rule_find_what_they_are_for(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = ROW.findall(README)
    rows = [{**json.loads(row), "at": f"2026-03-02T09:0{minute}:05"} for minute in range(5)]
    (shop / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ledger = str(shop / "found.db")
    store, events = str(shop / "store.yml"), str(shop / "rows.jsonl")
    assert main(["replay", store, "--events", events, "--out", ledger, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["refused"] == 0
    assert main(["incidents", "list", "--ledger", ledger, "--json"]) == 0
    (incident,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert incident["because"] == "5 lines were taken back within ten minutes, the last on T3"


def test_what_it_shows_of_a_verified_ledger_is_what_is_told(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = ROW.findall(README)
    (shop / "rows.jsonl").write_text(row)
    ledger, events = str(shop / "found.db"), str(shop / "rows.jsonl")
    assert main(["replay", str(shop / "store.yml"), "--events", events, "--out", ledger]) == 0
    capsys.readouterr()
    assert main(["ledger", "verify", "--ledger", ledger]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    shown = README.partition("$ aislewatch ledger verify")[2].splitlines()[1:3]
    heading, chain = [line.split() for line in shown]
    assert told[0] == heading
    assert (told[1][0], told[1][2], len(told[1][3])) == ("my-shop", chain[2], 64)
    assert len(told[1]) == len(chain)
    assert chain[1].isdecimal()
    assert chain[3] == "..."


def test_the_mistakes_that_it_shows_are_those_that_are_told(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = shop / "rules" / "many-voids.yml"
    text = rule.read_text().replace("[cashier]", "[cashir]").replace("10m before", "10 before")
    rule.write_text(text)
    monkeypatch.chdir(shop)
    assert main(["rules", "check", "rules"]) == 1
    assert capsys.readouterr().out.strip() in README
