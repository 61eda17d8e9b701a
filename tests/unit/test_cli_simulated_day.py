"""A simulated day in one command: what it needs, what it refuses, who has seen what."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from aislewatch.cli import main
from aislewatch.cli.cases import Case, Told
from aislewatch.cli.screen import Screen
from aislewatch.cli.simulator import shipped
from aislewatch.cli.witnesses import Witness, evidence_of, witness_table

SHOWROOM = shipped("showroom")


def told(signal: str, *devices: str) -> Told:
    evidence: list[dict[str, Any]] = [{"device": device} for device in devices]
    return Told(
        signal=signal,
        rule="r",
        title="",
        meaning="",
        status="live",
        type="theft.exit",
        anchor="",
        decided_us=0,
        about=[],
        points_cb=0,
        because="",
        looks=[],
        evidence=evidence,
    )


def case(id_: str, *signals: Told, state: Any = "open") -> Case:
    by_id = {signal.signal: signal for signal in signals}
    return Case("s", id_, 0, state=state, type="theft.exit", signals=by_id)


def test_a_device_is_a_witness_of_each_standing_incident_that_has_an_event_of_it() -> None:
    both = case("s-1", told("a", "gate", "till", "gate"), told("b", "till"))
    later = case("s-2", told("c", "till"))
    gone = case("s-3", told("d", "camera"), state="cleared")

    found = evidence_of([both, later, gone])

    assert found == {"gate": [both], "till": [both, later]}


def test_the_table_names_who_has_seen_nothing_and_who_never_came_online(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    idle = Witness("camera", "vision", None, 0, [])
    busy = Witness("till", "pos-json", 12.4, 1800, [case("s-1"), case("s-2")])

    Screen().show(witness_table([busy, idle]))

    heading, first, second, last = capsys.readouterr().out.splitlines()
    assert heading.split() == ["device", "kind", "online", "after", "evidence", "of"]
    assert first.split() == ["till", "pos-json", "12", "s", "s-1", "theft.exit"]
    assert second.split() == ["s-2", "theft.exit"]
    assert last.split() == ["camera", "vision", "never", "NOTHING"]


def test_a_shop_that_is_not_there_is_told_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "showrom", "--simulated"]) == 2
    assert "there is no store file showrom; the shops that are shipped: showroom" in (
        capsys.readouterr().err
    )


def test_a_simulated_shop_is_not_run_as_a_real_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "showroom"]) == 2
    assert "are simulated: say --simulated" in capsys.readouterr().err


def test_a_simulated_day_is_written_into_no_ledger_that_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "shop.db"
    ledger.write_bytes(b"a shop's own")

    assert main(["run", "showroom", "--simulated", "--ledger", str(ledger)]) == 2

    assert f"{ledger} is there already" in capsys.readouterr().err
    assert ledger.read_bytes() == b"a shop's own"


def test_a_simulator_that_cannot_open_a_shop_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = copied(tmp_path, "simulator: shop", "simulator: badge")

    assert main(["run", str(store), "--simulated", "--ledger", str(tmp_path / "found.db")]) == 2

    said = capsys.readouterr().err
    assert "the simulator 'badge' has ended before its day was over" in said
    assert "unrecognized arguments" in said


def test_a_simulator_that_is_not_installed_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = copied(tmp_path, "simulator: shop", "simulator: mall")

    assert main(["run", str(store), "--simulated", "--ledger", str(tmp_path / "found.db")]) == 2

    said = capsys.readouterr().err
    assert "the simulator 'mall', which the store file names, is not installed" in said


def test_a_mistake_in_a_shop_of_ones_own_is_told_where_it_was_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = copied(tmp_path, "timezone: Europe/London", "timezone: Europe/Lundon")

    assert main(["run", str(store), "--simulated", "--ledger", str(tmp_path / "found.db")]) == 1

    assert f"{store}:" in capsys.readouterr().err
    assert not (tmp_path / "found.shop").exists()


def test_the_shipped_shop_reads_without_a_mistake_and_its_rules_pass_their_tests() -> None:
    assert SHOWROOM is not None
    rules = str(SHOWROOM.parent / "rules")

    assert main(["rules", "check", rules, "--store", str(SHOWROOM)]) == 0
    assert main(["rules", "test", rules, "--strict"]) == 0


def copied(folder: Path, old: str, new: str) -> Path:
    """Copy the shop that is shipped, with a change; gives its store file."""
    assert SHOWROOM is not None
    shutil.copytree(SHOWROOM.parent, folder / "mine")
    store = folder / "mine" / "store.yml"
    text = store.read_text(encoding="utf-8")
    assert old in text
    store.write_text(text.replace(old, new), encoding="utf-8")
    return store
