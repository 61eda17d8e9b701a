"""What a store sets for rules, as the rule author's commands take it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aislewatch.cli.app import main
from aislewatch.errors import UsageError
from aislewatch.rules.lock import Lock
from aislewatch.runtime.clock import RecordingClock
from aislewatch.runtime.rule_folder import lock_in, lock_path, locks_of, rules_in
from aislewatch.runtime.setup_shelf import SetupShelf
from aislewatch.runtime.storefile import read_setup

ROOT = Path(__file__).parents[2]

RULE = """\
id: void
title: Many units are taken back
params:
  units: {default: 5, min: 2, max: 50}
  lane: {default: L1, select: lane}
  known: {default: staff_cards, select: list}
when: {event: pos.void, as: line, where: units >= params.units and lane == params.lane}
except:
  - name: staff
    where: line.customer in params.known
    reason: they may
    owner: jane
    until: 2999-01-01
incident: {type: fraud.void, about: {lane: line.lane}, points: 8, because: "{line.units} units"}
tests:
  - name: many
    events: |
      10:00:00 pos.void lane={params.lane} units={params.units}
    expect: {fires: 1}
  - name: fewer
    events: |
      10:00:00 pos.void lane={params.lane} units={params.units - 1}
    expect: {fires: 0, because_not: when}
  - name: five
    events: |
      10:00:00 pos.void lane=L1 units=5
    expect: {fires: 1}
"""

STORE = """\
store: s1
lateness: 3s
lists: {vip: []}
devices: {till: {lane: T7, sees: [pos.void]}}
params:
  void:
    units: 8
    lane: T7
    known: vip
  other: {far: 3s}
"""

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "void.yml").write_text(RULE)
    other = RULE.replace("id: void", "id: other").replace("default: staff_cards", "default: vip")
    (tmp_path / "rules" / "other.yml").write_text(other.replace("params:", "params:\n  far: 1s"))
    store(tmp_path, STORE)

    def command(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        code = main(["rules", *words])
        out, err = capsys.readouterr()
        return code, out + err

    return command


def store(folder: Path, text: str) -> None:
    (folder / "store.yml").write_text(f"rules: [rules]\n{text}")


# check --------------------------------------------------------------------------------------------


def test_check_for_a_store_takes_what_the_store_sets(run: Run) -> None:
    code, out = run("check", "rules/void.yml", "--store", "store.yml", "--json")
    assert code == 0
    (rule,) = json.loads(out)["rules"]
    assert rule["params"] == {"units": "8", "lane": "T7", "known": "vip"}
    _, out = run("check", "rules/void.yml", "--json")
    (own,) = json.loads(out)["rules"]
    assert own["params"] == {"units": "5", "lane": "L1", "known": "staff_cards"}
    assert own["meaning"] != rule["meaning"]
    assert own["lists"] == ["staff_cards"]


def test_check_says_what_the_store_sets(run: Run) -> None:
    _, out = run("check", "rules/void.yml", "--store", "store.yml")
    assert "as the store sets units = 8, lane = T7, known = vip" in out
    assert "as the store sets" not in run("check", "rules/void.yml")[1]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("units: 1", "8:12: error: units of void is '1': less than 2, the least"),
        ("units: 5kg", "8:12: error: units of void is '5kg': it is a mass, not a number"),
        ("unit: 8", "8:5: error: the rule 'void' has no parameter 'unit'"),
    ],
)
def test_what_the_store_may_not_set_is_told_in_its_file(
    run: Run, tmp_path: Path, written: str, told: str
) -> None:
    store(tmp_path, STORE.replace("units: 8", written))
    code, out = run("check", "rules/void.yml", "--store", "store.yml")
    assert code == 1
    assert f"store.yml:{told}" in out


def test_what_the_store_does_not_have_cannot_be_named(run: Run, tmp_path: Path) -> None:
    store(tmp_path, STORE.replace("    lane: T7", "    lane: T8").replace("known: vip", "known: x"))
    code, out = run("check", "rules/void.yml", "--store", "store.yml")
    assert code == 1
    assert "lane of void is 'T8': there is no such lane" in out
    assert "known of void is 'x': there is no such list" in out


def test_another_version_of_a_rule_is_held_against_what_the_store_sets(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "new.yml").write_text(RULE.replace("max: 50", "max: 7"))
    code, out = run("check", "new.yml", "--store", "store.yml")
    assert code == 1
    assert "store.yml:8:12: error: units of void is '8': more than 7, the greatest" in out


# test ---------------------------------------------------------------------------------------------


def test_tests_run_with_what_the_store_sets(run: Run) -> None:
    code, out = run("test", "rules/void.yml", "--store", "store.yml", "--no-mutants")
    assert code == 1
    assert "as the store sets units = 8" in out
    assert "void  2 passed, 1 failed" in out
    assert "five: expected fires 1, got 0" in out


def test_tests_run_with_the_rules_own_values_where_no_store_is_named(run: Run) -> None:
    code, out = run("test", "rules/void.yml", "--no-mutants")
    assert (code, "void  3 passed" in out) == (0, True)


# read ---------------------------------------------------------------------------------------------


def test_a_rule_is_read_with_what_the_store_sets_and_how_long_it_waits(run: Run) -> None:
    code, out = run("read", "rules/void.yml", "--store", "store.yml")
    assert code == 0
    assert "Judged for every pos.void where units is at least 8 and lane is 'T7'" in out
    assert "staff: line's customer is on the list vip, until 2999-01-01. They may." not in out
    assert "staff: line's customer is on the list vip, until 2999-01-01. they may. jane" in out
    assert "It answers at once, that is, after the store's lateness, 3 seconds." in out
    assert "Parameters: units = 8, lane = T7, known = vip." in out


def test_what_is_read_comes_as_json(run: Run) -> None:
    _, out = run("read", "rules/void.yml", "--json")
    (rule,) = json.loads(out)["rules"]
    assert rule["when"].startswith("Judged for every pos.void where units is at least 5")
    assert (rule["version"], rule["status"]) == (None, "draft")


def test_a_rule_with_a_mistake_is_not_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules" / "void.yml").write_text(RULE.replace("units >=", "unit >="))
    code, out = run("read", "rules")
    assert (code, "unknown field 'unit'" in out) == (1, True)


# The folder and its lock --------------------------------------------------------------------------


def test_blueprints_in_a_shops_folder_of_rules_are_not_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rules" / "blueprints").mkdir()
    blueprint = tmp_path / "rules" / "blueprints" / "b.yml"
    blueprint.write_text(RULE.replace("id: void", "id: blueprint"))
    assert [rule.id for rule in read_setup(Path("store.yml")).rules] == ["other", "void"]
    names = [path.name for path in rules_in(tmp_path / "rules")]
    assert names == ["other.yml", "void.yml"]
    assert rules_in(blueprint.parent) == [blueprint]
    assert (
        json.loads(run("check", "rules/blueprints", "--json")[1])["rules"][0]["id"] == "blueprint"
    )


def test_versions_reach_the_engine_whatever_the_store_sets(run: Run, tmp_path: Path) -> None:
    assert run("lock", "rules")[0] == 0
    setup = read_setup(tmp_path / "store.yml")
    assert [(rule.id, rule.version) for rule in setup.rules] == [("other", 1), ("void", 1)]
    (tmp_path / "rules" / "rules.lock").unlink()
    without = read_setup(tmp_path / "store.yml")
    assert [rule.version for rule in without.rules] == [None, None]
    assert setup.meaning != without.meaning


def test_a_lock_is_for_the_folders_below_it_too_but_for_the_blueprints(tmp_path: Path) -> None:
    deep = tmp_path / "rules" / "till" / "front" / "a.yml"
    blueprint = tmp_path / "rules" / "blueprints" / "b.yml"
    for file in (deep, blueprint):
        file.parent.mkdir(parents=True)
        file.write_text("")
    assert lock_path(deep) is None
    lock = tmp_path / "rules" / "rules.lock"
    lock.write_text("rules: {}\n")
    assert lock_path(deep) == lock
    assert lock_path(blueprint) is None
    assert locks_of([deep, blueprint]) == {lock: [deep]}
    nearer = deep.parent / "rules.lock"
    nearer.write_text("rules: {}\n")
    assert lock_path(deep) == nearer


def test_no_lock_is_an_empty_one_and_an_unreadable_one_is_told(tmp_path: Path) -> None:
    assert lock_in(tmp_path / "rules.lock") == Lock()
    (tmp_path / "rules.lock").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="it is not UTF-8"):
        lock_in(tmp_path / "rules.lock")


# An exception's last day --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "ended"), [("UTC", False), ("Pacific/Kiritimati", True), ("Pacific/Niue", False)]
)
def test_check_for_a_store_ends_an_exception_with_the_day_that_it_is_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str, *, ended: bool
) -> None:
    noon = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
    monkeypatch.setattr("aislewatch.cli.rule_check.SystemClock", lambda: RecordingClock(noon))
    file = tmp_path / "rules" / "void.yml"
    file.write_text(RULE.replace("2999-01-01", "2026-03-01"))
    store(tmp_path, f"{STORE}timezone: {zone}\n")
    code, out = run("check", "rules/void.yml", "--store", "store.yml")
    assert (code == 1) is ended
    assert ("void.yml:13:12: error: the exception 'staff' ended on 2026-03-01" in out) is ended


def test_a_stores_days_are_those_of_its_rules_exceptions_and_their_versions_stay(
    run: Run, tmp_path: Path
) -> None:
    assert run("lock", "rules")[0] == 0
    ends: list[int] = []
    for zone in ("UTC", "Asia/Tokyo"):
        store(tmp_path, f"{STORE}timezone: {zone}\n")
        setup = read_setup(tmp_path / "store.yml")
        rule = next(rule for rule in setup.rules if rule.id == "void")
        assert rule.version == 1
        ends.append(rule.excepts[0].ends_us)
        shelf = SetupShelf(tmp_path / "setups")
        shelf.put_in_force(0, setup)
        again = SetupShelf(shelf.folder).in_force(0)
        assert again.rules[0].excepts[0].ends_us == setup.rules[0].excepts[0].ends_us
    assert ends[0] - ends[1] == 9 * 3_600_000_000
