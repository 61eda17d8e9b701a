"""`rules events`, as somebody uses it who has never seen Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aislewatch.cli.app import main

STORE = """\
store: shop
rules: [rules]
devices:
  till-1: {lane: T1, sees: [pos.refund, pos.item]}
  till-2: {lane: T2, sees: [pos.item]}
"""

RULE = """\
id: small
title: A small rule
when: {event: pos.item, as: line}
incident: {type: a.b, about: {lane: line.lane}, because: "at {line.lane}"}
"""


@pytest.fixture
def store(tmp_path: Path) -> str:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "small.yml").write_text(RULE)
    (tmp_path / "store.yml").write_text(STORE)
    return str(tmp_path / "store.yml")


def test_the_types_are_listed_with_what_they_tell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "events"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["pos.refund", "Money was given back for goods."] in lines


def test_a_kind_that_no_rule_can_name_is_not_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "events"]) == 0
    assert "clock.tick" not in capsys.readouterr().out


def test_of_a_type_that_is_named_the_fields_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "events", "pos.refund"]) == 0
    told = capsys.readouterr()
    assert "amount" in told.out
    assert "money, as in EUR 5" in told.out
    assert "seen by" not in told.out
    assert "joins" in told.err


def test_the_beginning_of_types_names_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "events", "shelf.", "rfid.read", "shelf", "--json"]) == 0
    types = [row["type"] for row in json.loads(capsys.readouterr().out)]
    assert types == ["shelf.removed", "shelf.returned", "rfid.read"]


def test_a_type_that_is_misspelt_is_told_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["rules", "events", "pos.refunds"]) == 2
    assert "did you mean 'pos.refund'?" in capsys.readouterr().err


def test_with_a_store_it_says_which_devices_see_what(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "events", "--store", store, "--json"]) == 0
    seen = {row["type"]: row["seen_by"] for row in json.loads(capsys.readouterr().out)}
    assert seen["pos.item"] == ["till-1", "till-2"]
    assert seen["pos.refund"] == ["till-1"]
    assert seen["pos.void"] == []
    assert main(["rules", "events", "pos.refund", "pos.void", "--store", store]) == 0
    out = capsys.readouterr().out
    assert "seen by till-1" in out
    assert "seen by no device" in out
