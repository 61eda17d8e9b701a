"""`rules schema`, as its user sees it."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from aislewatch.cli.app import main
from aislewatch.events.located import LocatedYaml

SMALL = """\
id: small
title: A small rule
when: {event: rfid.read, as: exit}
incident: {type: a.b, about: {epc: exit.epc}, because: "{exit.epc} left"}
"""

STORE = """\
store: shop
rules: [rules]
zones: {door: {kind: exit}}
lists: {open_transfers: [E1]}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "store.yml").write_text(STORE)
    (tmp_path / "rules" / "small.yml").write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_writes_what_an_editor_reads(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "schema", "--store", "store.yml", "--out", "schema/rule.json"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("schema/rule.json: knows ")
    assert told.endswith(" types of event, 1 rule, 1 zone, 1 list\n")
    written = (shop / "schema" / "rule.json").read_text()
    assert main(["rules", "schema", "--store", "store.yml"]) == 0
    assert capsys.readouterr().out == written
    assert main(["rules", "schema", "--store", "store.yml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(written)
    assert "signal.small" in written
    schema: Any = Draft7Validator(json.loads(written))
    assert schema.is_valid(LocatedYaml.parse(SMALL, "small.yml").data)
    assert not schema.is_valid({"id": "small"})


def test_rules_that_are_not_finished_do_not_keep_the_schema_from_being_made(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "rules" / "begun.yml").write_text("id: begun\nwhen: {event: rfid.")
    (shop / "rules" / "half.yml").write_text("id: half\nwhen: {event: rfid.raed}\n")
    assert main(["rules", "schema", "rules", "--out", "s.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rules"] == ["half", "small"]


def test_what_is_mistaken_in_a_store_file_is_told_and_the_rest_is_offered(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "store.yml").write_text(STORE.replace("zones: {", "zones: {pad: {kind: skan}, "))
    assert main(["rules", "schema", "--store", "store.yml", "--out", "s.json", "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["zones"] == ["door"]
    assert "'skan' is not one of" in told.err
    assert json.loads((shop / "s.json").read_text())["title"] == "rule"


def test_a_schema_that_cannot_be_made_or_written_is_one_clear_line(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "schema", "--store", "nowhere.yml"]) == 2
    assert "store file nowhere.yml cannot be read" in capsys.readouterr().err
    assert main(["rules", "schema", "--out", "store.yml/rule.json"]) == 2
    assert "cannot be written" in capsys.readouterr().err
    (shop / "store.yml").write_text("store: [")
    assert main(["rules", "schema", "--store", "store.yml"]) == 1
    assert "store.yml:1:" in capsys.readouterr().err
