"""`rules lock`, as its user sees it, and what signals then tell."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aislewatch.cli.app import main

RULE = """\
id: {id}
title: A line was taken back
status: live
when: {{event: pos.void, as: line, where: units >= {units}}}
incident:
  type: fraud.void
  about: {{receipt: line.receipt}}
  points: 8
  because: "a line was taken back"
"""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str | Path) -> tuple[int, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out + err

    return command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.yml").write_text(RULE.format(id=name, units=1))
    return folder


def change(folder: Path, name: str = "one", **figures: int) -> None:
    (folder / f"{name}.yml").write_text(RULE.format(id=name, **figures))


def test_a_lock_is_written_once_and_is_then_up_to_date(folder: Path, run: Run) -> None:
    code, out = run("rules", "lock", folder)
    assert (code, "2 rules, 2 changes written" in out) == (0, True)
    first = (folder / "rules.lock").read_bytes()
    assert run("rules", "lock", folder)[1].endswith("2 rules, up to date\n")
    assert run("rules", "lock", folder, "--check")[0] == 0
    assert (folder / "rules.lock").read_bytes() == first


def test_a_changed_rule_is_a_finding_until_it_is_locked(folder: Path, run: Run) -> None:
    run("rules", "lock", folder)
    change(folder, units=2)
    code, out = run("rules", "lock", folder, "--check")
    assert code == 1
    assert "one.yml:1:5: warning: the rule is another than version 1" in out
    code, out = run("rules", "lock", folder)
    assert (code, "version 1, live -> version 2, live" in out) == (0, True)
    assert run("rules", "lock", folder, "--check")[0] == 0


def test_a_comment_and_a_title_are_no_change(folder: Path, run: Run) -> None:
    run("rules", "lock", folder)
    file = folder / "one.yml"
    file.write_text("# Why.\n" + file.read_text().replace("A line was", "Something was"))
    assert run("rules", "lock", folder, "--check")[0] == 0


def test_check_without_a_lock_says_how_to_write_one(folder: Path, run: Run) -> None:
    code, out = run("rules", "lock", folder, "--check")
    assert (code, f"aislewatch rules lock {folder}" in out) == (1, True)
    assert not (folder / "rules.lock").exists()


def test_the_changes_come_as_json(folder: Path, run: Run) -> None:
    run("rules", "lock", folder)
    change(folder, units=2)
    (folder / "two.yml").unlink()
    _, out = run("rules", "lock", folder, "--json")
    assert json.loads(out)["changes"] == [
        {"rule": "one", "what": "meaning", "was": [1, "live"], "now": [2, "live"]},
        {"rule": "two", "what": "gone", "was": [1, "live"], "now": None},
    ]


def test_rules_check_warns_of_everything_that_the_lock_does_not_say(folder: Path, run: Run) -> None:
    run("rules", "lock", folder)
    change(folder, units=2)
    (folder / "two.yml").rename(folder / "three.yml")
    change(folder, "three", units=1)
    code, out = run("rules", "check", folder)
    assert code == 0
    assert "one.yml:1:5: warning: the rule is another than version 1" in out
    assert "three.yml:1:5: warning: rules.lock does not know this rule" in out
    assert "rules.lock:8:3: warning: there is no rule 'two' any more" in out
    assert run("rules", "check", folder, "--strict")[0] == 1


def test_a_status_that_was_changed_by_hand_is_told_at_its_line(folder: Path, run: Run) -> None:
    run("rules", "lock", folder)
    file = folder / "one.yml"
    file.write_text(file.read_text().replace("status: live", "status: shadow"))
    _, out = run("rules", "check", folder)
    assert "one.yml:3:9: warning: the status is shadow, rules.lock says live" in out


def test_one_file_is_checked_without_asking_for_the_others(folder: Path, run: Run) -> None:
    run("rules", "lock", folder)
    (folder / "two.yml").unlink()
    _, out = run("rules", "check", folder / "one.yml")
    assert "two" not in out


def test_a_lock_that_cannot_be_read_is_a_mistake_in_its_line(folder: Path, run: Run) -> None:
    (folder / "rules.lock").write_text("rules:\n  one: {version: none}\n")
    for words in (("lock",), ("check",)):
        code, out = run("rules", *words, folder)
        assert code == 1
        assert "rules.lock:2:" in out


def test_rules_without_a_lock_are_not_warned_of(folder: Path, run: Run) -> None:
    _, out = run("rules", "check", folder)
    assert "rules.lock" not in out


MAPPING = """\
mapping: rows
time: at
id: "{n}"
device: "{src}"
cases: [{name: void, type: pos.void, fields: {receipt: r, units: {value: "1"}}}]
"""

STORE = """\
store: s1
clock: {recording: rows}
rules: [rules]
feeds:
  rows: {plugin: feed, config: {mapping: rows.mapping.yml, files: [rows.jsonl]}}
"""


@pytest.fixture
def told(folder: Path, run: Run) -> Callable[[], list[object]]:
    """Replay a day; gives the version in each signal."""
    shop = folder.parent
    (shop / "rows.mapping.yml").write_text(MAPPING)
    (shop / "store.yml").write_text(STORE)
    (shop / "rows.jsonl").write_text(
        '{"n": 1, "at": "2026-03-02T09:00:00Z", "src": "t", "r": "R1"}\n'
    )
    (folder / "two.yml").unlink()

    def replay() -> list[object]:
        ledger = shop / "found.db"
        ledger.unlink(missing_ok=True)
        code, out = run("replay", shop / "store.yml", "--out", ledger)
        assert code == 0, out
        _, out = run("ledger", "tail", "--ledger", ledger, "--json")
        rows = [json.loads(line) for line in out.splitlines()]
        told = [row["payload"] for row in rows if row["type"] == "signal.raised"]
        return [payload.get("version", "left out") for payload in told]

    return replay


def test_signals_tell_the_version_of_their_rule(
    folder: Path, run: Run, told: Callable[[], list[object]]
) -> None:
    assert told() == ["left out"]
    run("rules", "lock", folder)
    assert told() == [1]
    ledger = folder.parent / "found.db"
    assert (
        "one v1, +8.0: A line was taken back"
        in run("incidents", "show", "s1-1", "--ledger", ledger)[1]
    )
    change(folder, units=0)
    assert told() == ["left out"], "a version that the rule is not would be a lie"
    run("rules", "lock", folder)
    assert told() == [2]


def test_an_incident_shown_whole_says_what_its_rules_ask_for(
    folder: Path, run: Run, told: Callable[[], list[object]]
) -> None:
    told()
    shop = folder.parent
    words = ("incidents", "show", "s1-1", "--ledger", shop / "found.db")
    whole = (*words, "--store", shop / "store.yml", "--whole")
    code, out = run(*whole)
    assert code == 0, out
    assert "What the rules ask for" in out
    assert (
        "  one:\n    Judged for every pos.void where units is at least 1, here called line." in out
    )
    assert "What the rules ask for" not in run(*words, "--whole")[1]
    change(folder, units=2)
    assert "one has changed since; it now reads:" in run(*whole)[1]
