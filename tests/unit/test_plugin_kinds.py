"""A kind of event that a plugin brings is known everywhere, like a built-in one."""

import json
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from aislewatch.cli.app import main
from aislewatch.errors import UsageError
from aislewatch.runtime.discovery import installed_registry

KIND = """\
from typing import Annotated
from msgspec import Meta
from aislewatch.events.kinds import Key, Placed

class ShoeScan(Placed, frozen=True, kw_only=True, tag="shoe.scan"):
    \"\"\"A mat saw a shoe.\"\"\"
    shoe: Annotated[Key, Meta(description="which shoe")]
"""

RULE = """\
id: shoe-out
title: A shoe leaves
status: live
when: {event: shoe.scan, as: scan, where: zone.kind == 'exit'}
match:
  - {not_seen: shoe.scan, same: [shoe], where: zone.kind == 'checkout', window: 1h before scan}
incident:
  type: theft.shoe
  about: {zone: scan.zone.id, shoe: scan.shoe}
  points: 30
  because: "{scan.shoe} left"
tests:
  - name: it leaves
    events: |
      10:00:00 shoe.scan shoe=S1 zone.id=door zone.kind=exit
    expect: {fires: 1}
  - name: it was paid
    events: |
      09:59:00 shoe.scan shoe=S1 zone.id=till zone.kind=checkout
      10:00:00 shoe.scan shoe=S1 zone.id=door zone.kind=exit
    expect: {fires: 0}
"""

MAPPING = """\
mapping: mat
zone: Europe/Amsterdam
time: at
device: mat-1
fields: {shoe: shoe}
cases:
  - {name: scan, when: {do: scan}, type: shoe.scan}
"""

STORE = """\
store: shop
rules: [shoe-out.yml]
zones: {door: {kind: exit}}
devices: {mat-1: {zone: door, sees: [shoe.scan]}}
feeds: {mats: {plugin: feed, config: {mapping: mat.mapping.yml, files: [rows.jsonl]}}}
clock: {recording: mats}
"""


def install(folder: Path, place: str) -> None:
    """Install a package that brings a kind, as far as Python's metadata is concerned."""
    (folder / "shoe_mat.py").write_text(KIND)
    info = folder / "shoe_mat-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shoe-mat\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[aislewatch.kinds]\nshoe-scan = {place}\n")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.delitem(sys.modules, "shoe_mat", raising=False)
    installed_registry.cache_clear()
    yield folder
    installed_registry.cache_clear()


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shoe-out.yml").write_text(RULE)
    (tmp_path / "mat.mapping.yml").write_text(MAPPING)
    (tmp_path / "store.yml").write_text(STORE)
    row = {"at": "2026-03-02T09:00:00", "do": "scan", "shoe": "S1"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_the_plugin_its_kind_is_unknown(
    packages: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "check", "shoe-out.yml"]) == 1
    assert "unknown type of event 'shoe.scan'" in capsys.readouterr().out


def test_rules_on_it_are_checked_tested_and_completed(
    packages: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(packages, "shoe_mat:ShoeScan")
    assert main(["rules", "check", "shoe-out.yml"]) == 0
    assert main(["rules", "test", "shoe-out.yml", "--no-mutants"]) == 0
    assert main(["rules", "schema", "--store", "store.yml", "--out", "schema.json"]) == 0
    assert "**shoe.scan**: A mat saw a shoe.\\n\\nSent here by mat-1." in (
        (shop / "schema.json").read_text()
    )


def test_a_replay_takes_it_from_a_recording_to_an_incident(
    packages: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(packages, "shoe_mat:ShoeScan")
    assert main(["replay", "store.yml", "--events", "rows.jsonl", "--out", "found.db"]) == 0
    capsys.readouterr()
    assert main(["incidents", "list", "--ledger", "found.db", "--json"]) == 0
    (incident,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert incident["because"] == "S1 left"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("shoe_mat:Boot", "the kind of event 'shoe-scan' (shoe_mat:Boot) cannot be imported"),
        ("no_such_package:ShoeScan", "cannot be imported: ModuleNotFoundError"),
        ("shoe_mat:Annotated", "is no subclass of Event"),
        ("aislewatch.events.kinds:RfidRead", "two kinds of event are called 'rfid.read'"),
    ],
)
def test_a_kind_that_cannot_be_had_is_one_clear_sentence(
    packages: Path, place: str, said: str
) -> None:
    install(packages, place)
    with pytest.raises(UsageError) as caught:
        installed_registry()
    assert said in str(caught.value)
