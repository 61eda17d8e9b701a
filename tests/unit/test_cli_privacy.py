"""What is kept of a person, by commands: found, forgotten, and both recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aislewatch.cli import main
from aislewatch.events.record import Record, canonical_json
from aislewatch.ledger import Ledger, verify
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.names_store import NamesFile

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)  # Where a ledger is looked for that nobody names.
    (tmp_path / "store.yml").write_text("store: s1\npersonal_data: {pseudonyms: yes}\n")

    def typed(*words: str) -> tuple[int, str, str]:
        code = main(["privacy", *words, "--store", str(tmp_path / "store.yml"), "--by", "dpo"])
        told = capsys.readouterr()
        return code, told.out, told.err

    return typed


def known(folder: Path, kind: str = "cashier", number: str = "207") -> str:
    """Have somebody be heard of, now."""
    with NamesFile(folder / "names.db") as file:
        return file.name(kind, number, SystemClock().now_us())


def written(folder: Path, name: str) -> Path:
    """Write a ledger in which two records name somebody, and one names nobody."""
    contents: list[object] = [{"about": [["cashier", name]]}, {}, {"evidence": [{"by": name}]}]
    records = [
        Record("s1", f"signal/{n}", "signal.raised", 1_772_449_200_000_000, canonical_json(content))
        for n, content in enumerate(contents)
    ]
    with Ledger.open(folder / "ledger.db") as ledger:
        ledger.append("s1", records, recorded_us=1)
    return folder / "ledger.db"


def test_what_is_held_of_somebody_is_told_and_the_look_is_recorded(
    run: Run, tmp_path: Path
) -> None:
    name = known(tmp_path)
    ledger = written(tmp_path, name)
    code, out, _ = run("find", "cashier", "207", "--ledger", str(ledger), "--json")
    told = json.loads(out)
    assert (code, told["pseudonym"]) == (0, name)
    assert [(one["type"], one["records"]) for one in told["held"]] == [("signal.raised", 2)]
    _, out, _ = run("find", "cashier", "207", "--ledger", str(ledger))
    assert f"cashier 207 is {name}" in out
    assert [json.loads(line)["action"] for line in run("access", "--json")[1].splitlines()] == [
        "shown",
        "shown",
        "reviewed",
    ]


def test_who_is_forgotten_is_found_no_more_and_the_ledger_stays_sound(
    run: Run, tmp_path: Path
) -> None:
    name = known(tmp_path)
    ledger = written(tmp_path, name)
    before = ledger.read_bytes()
    code, out, _ = run("erase", "cashier", "207", "--request", "DSR-12", "--ledger", str(ledger))
    assert (code, f"{name} is nobody's" in out) == (0, True)
    code, _, err = run("find", "cashier", "207", "--ledger", str(ledger))
    assert code == 2
    assert "nobody heard of them, or they were erased" in err
    assert ledger.read_bytes() == before
    with Ledger.read(ledger) as reader:
        assert verify(reader, "s1").sound
    assert known(tmp_path) != name


def test_without_a_ledger_it_is_said_that_there_is_none(run: Run, tmp_path: Path) -> None:
    known(tmp_path)
    code, out, _ = run("find", "cashier", "207", "--ledger", str(tmp_path / "none.db"))
    assert code == 0
    assert "there is no ledger" in out
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("find", "cashiers", "207"), "did you mean 'cashier'"),
        (("erase", "till", "1", "--no-pictures"), "is nothing that can be asked for"),
        (("erase", "customer", "207", "--no-pictures"), "no customer '207' is known"),
        (("erase", "cashier", "207", "--request", "Jane Doe", "--no-pictures"), "no names"),
        (("erase", "cashier", "207"), "name it with --ledger, so that pictures of cashier 207"),
        (("find", "receipt", "R1"), "no picture of receipt 'R1' is on record"),
        (("find", "picture", "abc"), "names no picture"),
        (("find", "picture", "not-a-hash"), "names no picture"),
    ],
)
def test_what_cannot_be_found_or_forgotten_is_told_why(
    run: Run, tmp_path: Path, words: tuple[str, ...], why: str
) -> None:
    known(tmp_path)
    code, _, err = run(*words)
    assert code == 2
    assert why in err


def test_a_shop_that_keeps_no_names_is_told_how_it_would(run: Run, tmp_path: Path) -> None:
    assert run("purge")[0] == 0
    code, _, err = run("access")
    assert code == 2
    assert "say 'personal_data: {pseudonyms: yes}' in it" in err
    assert list(tmp_path.iterdir()) == [tmp_path / "store.yml"]
