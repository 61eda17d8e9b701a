"""From draft to live: a rule's status changes where its tests and its days in shadow bear it."""

import json
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from aislewatch.authoring.promotion import LADDER, needs, with_status
from aislewatch.cli.app import main
from aislewatch.errors import FileMistakes, UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.rules.rule import Status

RULE = """\
# Why there is such a rule.
id: big-void
title: Many units are taken back    # in one line
status: {status}   # draft -> shadow -> live
when: {{event: pos.void, as: line, where: units >= {least}}}
incident:
  type: fraud.void
  about: {{receipt: line.receipt}}
  points: 8
  because: "{{line.units}} units were taken back"
tests:
  - name: many
    events: |
      10:00:00 pos.void units={least} receipt=R1
    expect: {{fires: 1, points: 8}}
  - name: fewer
    events: |
      10:00:00 pos.void units={fewer}
    expect: {{fires: 0, because_not: when}}
{more}"""

BUDGET = "backtest: {budget: {max_per_store_day: 0.5, min_precision: 60%}}\n"

HEARTBEAT = """\
id: any-void
title: A line was taken back
status: live
when: {event: pos.void, as: line}
incident: {type: operations.void, about: {lane: line.lane}, because: one}
"""

MAPPING = """\
mapping: rows
time: at
id: "{n}"
device: "{src}"
cases: [{name: void, type: pos.void, fields: {receipt: r, units: u}}]
"""

STORE = """\
store: s1
timezone: Europe/Amsterdam
clock: {recording: rows}
rules: [rules]
params: {}
feeds:
  rows: {plugin: feed, config: {mapping: rows.mapping.yml, files: [rows.jsonl]}}
"""

Run = Callable[..., tuple[int, str]]
Promote = Callable[..., tuple[int, str]]


def rule_text(status: Status = "shadow", least: int = 5, more: str = BUDGET) -> str:
    return RULE.format(status=status, least=least, fewer=least - 1, more=more)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*words: str | Path) -> tuple[int, str]:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out + err

    return command


@pytest.fixture
def file(tmp_path: Path, run: Run) -> Path:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "heartbeat.yml").write_text(HEARTBEAT)
    file = rules / "big-void.yml"
    file.write_text(rule_text())
    assert run("rules", "lock", rules)[0] == 0
    return file


@pytest.fixture
def promote(file: Path, run: Run) -> Promote:
    def command(to: str, *words: str | Path) -> tuple[int, str]:
        return run("rules", "promote", file, "--to", to, "--on", "2026-11-21", *words)

    return command


def ledger_of(file: Path, run: Run, days: int, big: int) -> Path:
    """Replay so many days of a shop, with so many large voids on the first of them."""
    shop = file.parents[1]
    (shop / "rows.mapping.yml").write_text(MAPPING)
    (shop / "store.yml").write_text(STORE)
    rows: list[Mapping[str, Any]] = [
        {"n": f"d{day}", "src": "till", "at": f"2026-03-{day:02}T12:00:00Z", "r": "R0", "u": 1}
        for day in range(1, days + 1)
    ]
    rows[1:1] = [
        {"n": f"b{n}", "src": "till", "at": f"2026-03-01T13:{n:02}:00Z", "r": f"R{n}", "u": 9}
        for n in range(1, big + 1)
    ]
    (shop / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ledger = shop / "found.db"
    ledger.unlink(missing_ok=True)
    code, out = run("replay", shop / "store.yml", "--out", ledger)
    assert code == 0, out
    return ledger


# The ladder ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("now", "to"), list(product(LADDER, LADDER)))
def test_a_rule_goes_one_step_and_needs_something_only_upwards(now: Status, to: Status) -> None:
    if abs(LADDER.index(now) - LADDER.index(to)) != 1:
        with pytest.raises(UsageError):
            needs(now, to)
        return
    needed = needs(now, to)
    assert needed.evidence == (to == "live")
    assert needed.tests == (to == "live" or (now, to) == ("draft", "shadow"))


def test_a_status_that_there_is_not_is_refused(promote: Promote) -> None:
    code, out = promote("lively")
    assert (code, "--to lively is no status; there are draft, shadow, live, retired" in out) == (
        2, True,
    )  # fmt: skip


# The file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_only_the_word_behind_status_changes(newline: str) -> None:
    text = rule_text().replace("\n", newline)
    assert with_status(text, "r.yml", "live") == text.replace("status: shadow", "status: live")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_file_that_says_no_status_gets_a_line_behind_its_title(newline: str) -> None:
    text = rule_text().replace("\n", newline)
    lines = text.split(newline)
    bare = newline.join([*lines[:3], *lines[4:]])
    made = with_status(bare, "r.yml", "shadow")
    assert made == newline.join([*lines[:3], "status: shadow", *lines[4:]])


def test_a_file_of_one_line_is_left_alone() -> None:
    with pytest.raises(FileMistakes, match="there is no room for a line 'status: shadow'"):
        with_status("{id: a, title: b, when: {event: pos.void}}", "r.yml", "shadow")


def test_a_title_at_the_very_end_of_a_file_is_followed_by_the_status() -> None:
    made = with_status("id: a\ntitle: b", "r.yml", "shadow")
    assert LocatedYaml.parse(made, "r.yml").data == {"id": "a", "title": "b", "status": "shadow"}


# Tests --------------------------------------------------------------------------------------------


def test_a_draft_whose_tests_hold_it_goes_into_shadow(file: Path, promote: Promote) -> None:
    file.write_text(rule_text("draft"))
    code, out = promote("shadow")
    assert code == 0, out
    assert file.read_text() == rule_text("shadow")
    assert "{from: draft, to: shadow, on: 2026-11-21, version: 1}" in lock(file)


def lock(file: Path) -> str:
    return (file.parent / "rules.lock").read_text()


def test_a_draft_that_its_tests_leave_open_stays_one(file: Path, promote: Promote) -> None:
    text = rule_text("draft").replace("units=5", "units=9")
    file.write_text(text)
    before = lock(file)
    code, out = promote("shadow")
    assert code == 1
    assert "NOT PINNED: changing >= to > breaks no test" in out
    assert (file.read_text(), lock(file)) == (text, before)


def test_a_draft_without_tests_stays_one_whatever_the_reason(file: Path, promote: Promote) -> None:
    file.write_text(rule_text("draft").partition("tests:")[0])
    code, out = promote("shadow", "--because", "we are in a hurry")
    assert (code, "it has no tests" in out) == (1, True)


def test_a_draft_whose_tests_fail_stays_one_whatever_the_reason(
    file: Path, promote: Promote
) -> None:
    file.write_text(rule_text("draft").replace("fires: 1", "fires: 2"))
    code, out = promote("shadow", "--because", "we are in a hurry")
    assert (code, "expected fires 2, got 1" in out) == (1, True)


def test_a_file_with_a_mistake_is_told_of_and_goes_nowhere(file: Path, promote: Promote) -> None:
    file.write_text(rule_text("draft").replace("units >= 5", "units >= 5kg"))
    assert promote("shadow")[0] == 1


# Evidence -----------------------------------------------------------------------------------------


def test_weeks_in_shadow_within_the_budget_make_a_rule_live(
    file: Path, run: Run, promote: Promote
) -> None:
    ledger = ledger_of(file, run, days=15, big=3)
    code, out = promote("live", "--ledger", ledger)
    assert code == 0, out
    assert file.read_text() == rule_text("live")
    assert (
        "moves:\n      - {from: shadow, to: live, on: 2026-11-21, version: 1, evidence: "
        '"15 days in shadow in 1 store, 3 signals, at most 0.20 a day (s1)"}'
    ) in lock(file)
    assert run("rules", "lock", file.parent, "--check")[0] == 0


@pytest.mark.parametrize(
    ("days", "big", "words", "told"),
    [
        (13, 1, [], "13 of 14 days in shadow"),
        (3, 0, ["--days", "4"], "3 of 4 days in shadow"),
        (15, 8, [], "s1 has 0.53 signals a day, over the budget of 0.5"),
    ],
)
def test_too_few_days_and_too_much_noise_are_told_and_change_nothing(
    file: Path, run: Run, promote: Promote, days: int, big: int, words: list[str], told: str
) -> None:
    ledger = ledger_of(file, run, days=days, big=big)
    before = lock(file)
    code, out = promote("live", "--ledger", ledger, *words)
    assert code == 1
    assert "big-void.yml:4:9: error: " in out
    assert told in out
    assert (file.read_text(), lock(file)) == (rule_text(), before)


def test_days_of_another_meaning_do_not_count(file: Path, run: Run, promote: Promote) -> None:
    ledger = ledger_of(file, run, days=15, big=0)
    file.write_text(rule_text(least=6))
    code, out = promote("live", "--ledger", ledger)
    assert (code, "no day in shadow with this meaning" in out) == (1, True)


def test_days_on_which_it_was_live_are_no_days_in_shadow(
    file: Path, run: Run, promote: Promote
) -> None:
    file.write_text(rule_text("live"))
    ledger = ledger_of(file, run, days=15, big=0)
    file.write_text(rule_text("shadow"))
    assert "no day in shadow with this meaning" in promote("live", "--ledger", ledger)[1]


def test_days_with_what_a_store_sets_count_where_the_store_is_named(
    file: Path, run: Run, promote: Promote
) -> None:
    text = rule_text().replace("units >= 5", "units >= params.least")
    file.write_text(text.replace("when:", "params: {least: 5}\nwhen:"))
    ledger_of(file, run, days=1, big=0)
    store, ledger = file.parents[1] / "store.yml", file.parents[1] / "found.db"
    store.write_text(STORE.replace("params: {}", "params: {big-void: {least: 4}}"))
    ledger.unlink()
    assert run("replay", store, "--out", ledger)[0] == 0
    words = ("live", "--check", "--because", "a pilot", "--days", "1", "--ledger", ledger)
    assert "no day in shadow with this meaning" in promote(*words)[1]
    assert "in spite of" not in promote(*words, "--store", store)[1]


def test_without_a_budget_nobody_can_say_that_it_was_kept(
    file: Path, run: Run, promote: Promote
) -> None:
    file.write_text(rule_text(more=""))
    ledger = ledger_of(file, run, days=15, big=0)
    code, out = promote("live", "--ledger", ledger)
    assert (code, "it has no noise budget to keep" in out) == (1, True)


def test_labels_that_say_it_is_too_often_wrong_hold_it_back(
    file: Path, run: Run, promote: Promote
) -> None:
    ledger = ledger_of(file, run, days=15, big=4)
    labels = file.parents[1] / "labels.csv"
    rows = [f"2026-03-01T14:0{n}:00,receipt=R{n},{v}" for n, v in
            enumerate(["theft", "theft", "honest", "unknown"], 1)]  # fmt: skip
    labels.write_text("\n".join(["time,about,verdict", *rows]) + "\n")
    code, out = promote("live", "--check", "--ledger", ledger, "--labels", labels)
    assert (code, "2 of 3 labelled ones right" in out) == (0, True)
    labels.write_text(labels.read_text().replace("unknown", "honest"))
    code, out = promote("live", "--ledger", ledger, "--labels", labels)
    assert (code, "2 of 4 labelled signals are right, below 60%" in out) == (1, True)


def test_one_day_is_called_one_day(file: Path, run: Run, promote: Promote) -> None:
    ledger = ledger_of(file, run, days=1, big=1)
    _, out = promote("live", "--ledger", ledger, "--because", "a pilot", "--check")
    assert "1 day in shadow in 1 store, 1 signal, at most 1.00 a day (s1)" in out


def test_no_ledger_is_no_evidence(promote: Promote) -> None:
    code, out = promote("live")
    assert (code, "name one with --ledger" in out) == (1, True)


# A reason in its place ----------------------------------------------------------------------------


def test_a_reason_outweighs_missing_evidence_and_is_written_down(
    file: Path, promote: Promote
) -> None:
    reason = 'asked for by "region north": pilot, ends in May'
    code, out = promote("live", "--because", reason)
    assert code == 0, out
    assert "in spite of: no ledger tells how it did in shadow" in out
    document = LocatedYaml.parse(lock(file), "rules.lock")
    (move,) = document.data["rules"]["big-void"]["moves"]
    assert move == {
        "from": "shadow", "to": "live", "on": "2026-11-21", "version": "1", "because": reason,
    }  # fmt: skip


def test_a_reason_that_was_not_needed_is_not_written_down(
    file: Path, run: Run, promote: Promote
) -> None:
    ledger = ledger_of(file, run, days=15, big=1)
    assert promote("live", "--ledger", ledger, "--because", "to be sure")[0] == 0
    assert "to be sure" not in lock(file)


def test_a_reason_is_one_line(promote: Promote) -> None:
    assert promote("live", "--because", "a\nb")[0] == 2


# Around it ----------------------------------------------------------------------------------------


def test_a_live_rule_is_stopped_at_once_and_without_asking(file: Path, promote: Promote) -> None:
    file.write_text(rule_text("live").partition("tests:")[0])
    assert promote("shadow")[0] == 0
    assert "status: shadow   # draft -> shadow -> live" in file.read_text()


def test_a_changed_rule_gets_its_version_when_it_moves(file: Path, promote: Promote) -> None:
    file.write_text(rule_text("live", least=6))
    _, out = promote("retired")
    assert "big-void, version 2, went from live to retired" in out


def test_asking_changes_nothing(file: Path, promote: Promote) -> None:
    before = lock(file)
    code, out = promote("live", "--check", "--because", "a pilot")
    assert (code, "could go from shadow to live" in out) == (0, True)
    assert (file.read_text(), lock(file)) == (rule_text(), before)


def test_without_a_lock_it_says_how_to_make_one(file: Path, promote: Promote) -> None:
    (file.parent / "rules.lock").unlink()
    code, out = promote("retired")
    assert (code, f"aislewatch rules lock {file.parent}" in out) == (2, True)


def test_what_was_done_comes_as_json(file: Path, promote: Promote) -> None:
    _, out = promote("draft", "--json")
    assert json.loads(out) == {
        "rule": "big-void", "version": 1, "from": "shadow", "to": "draft", "on": "2026-11-21",
        "written": True, "evidence": None, "because": None, "in_spite_of": [],
    }  # fmt: skip
