"""`rules check`, as its user sees it."""

import json
from pathlib import Path

import pytest

from aislewatch.cli.app import main
from aislewatch.runtime.rule_folder import rules_in

ROOT = Path(__file__).parents[2]

RULE = """\
id: {id}
title: A tag was heard
status: live
when: {{event: rfid.read, as: seen, where: zone.kind == 'exit'}}
match:
  - {{not_seen: pos.item, same: [epc], window: 12h before seen}}
except:
  - name: transfers
    where: seen.epc in lists.open_transfers
    reason: they leave by the goods door
    owner: jane.doe
    until: 2999-01-01
incident:
  type: theft.exit
  about: {{epc: seen.epc}}
  points: 8
  because: "{{seen.epc}} was heard"
tests:
  - name: a tag is heard
    events: |
      10:00:00 rfid.read epc=E1 zone.kind=exit
    expect: {{fires: 1}}
  - name: nothing is heard
    events: |
      10:00:00 rfid.crossing epc=E1
    expect: {{fires: 0}}
"""

SIX_MISTAKES = """\
id: bad
title: A rule with six mistakes
status: livee
severityy: low
when: {event: rfid.raed, as: exit}
match:
  - {seen: rfid.read, as: shelf, where: weight > 4g, same: [epc], window: 12 before exit}
  - {not_seen: pos.item, same: [epk], window: 5m after shelf}
incident:
  type: theft.x
  about: {epc: shelf.epc}
  because: "{shelf.epc} left"
"""


def write(folder: Path, text: str, name: str = "rule.yml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_the_shipped_rules_are_without_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check", str(ROOT / "rules")]) == 0
    files = rules_in(ROOT / "rules")
    assert f"{len(files)} rules without mistakes" in capsys.readouterr().out


def test_all_six_mistakes_are_told_each_with_its_place_and_caret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, SIX_MISTAKES)
    assert main(["rules", "check", file]) == 1
    out = capsys.readouterr().out
    places = [line for line in out.splitlines() if line.startswith(file)]
    assert len(places) == 6
    assert all(": error: " in place for place in places)
    carets = [line for line in out.splitlines() if line.strip() and not line.strip(" ^")]
    assert len(carets) == 6
    assert "0 rules without mistakes, 6 mistakes" in out


def test_a_rule_says_what_it_makes_the_engine_keep_and_when_it_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, RULE.format(id="any-tag"))
    assert main(["rules", "check", file, "--json"]) == 0
    (rule,) = json.loads(capsys.readouterr().out)["rules"]
    assert rule["keeps"] == ["pos.item", "rfid.read"]
    # Twelve hours back, and as long as a late event may come.
    assert rule["keeps_us"] == (12 * 3600 + 15 * 60) * 1_000_000
    assert rule["keeps_most"] % 2_000_000 == 0
    assert rule["keeps_most"] >= 2 * 2_000_000
    assert rule["answers_us"] == 0
    assert rule["lists"] == ["open_transfers"]


def test_a_trailing_window_makes_the_answer_late(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = RULE.format(id="any-tag").replace("12h before seen", "10s after seen")
    file = write(tmp_path, text)
    assert main(["rules", "check", file]) == 0
    assert "10s after" in capsys.readouterr().out


def test_warnings_are_findings_only_where_it_is_strict(tmp_path: Path) -> None:
    text = RULE.format(id="any-tag").replace("12h before seen", "10s after seen")
    file = write(tmp_path, text)
    assert main(["rules", "check", file]) == 0
    assert main(["rules", "check", file, "--strict"]) == 1


def test_a_rule_that_needs_what_no_device_of_the_store_sees_is_idle_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, RULE.format(id="any-tag"))
    store = write(
        tmp_path,
        "store: s1\nlists: {open_transfers: []}\ndevices: {g: {sees: [rfid.read]}}\n",
        "store.yml",
    )
    assert main(["rules", "check", file, "--store", store, "--json"]) == 0
    (rule,) = json.loads(capsys.readouterr().out)["rules"]
    assert rule["idle"] == "no device of this store sees pos.item"
    assert rule["lists"] == []
    assert rule["keeps_us"] > 0


def test_a_type_that_two_parts_of_a_rule_need_is_named_once_where_nobody_sees_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = write(tmp_path, "store: s1\ndevices: {t: {sees: [pos.refund]}}\n", "store.yml")
    file = str(ROOT / "rules" / "ghost-refund.yml")
    assert main(["rules", "check", file, "--store", store, "--json"]) == 0
    (rule,) = json.loads(capsys.readouterr().out)["rules"]
    assert rule["idle"] == "no device of this store sees vision.person"


def test_a_list_that_the_store_does_not_have_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, RULE.format(id="any-tag"))
    store = write(tmp_path, "store: s1\n", "store.yml")
    assert main(["rules", "check", file, "--store", store]) == 1
    assert "open_transfers" in capsys.readouterr().out


def test_two_rules_of_one_name_are_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write(tmp_path, RULE.format(id="any-tag"), "a.yml")
    second = write(tmp_path, RULE.format(id="any-tag"), "b.yml")
    assert main(["rules", "check", first, second]) == 1
    assert f"the rule 'any-tag' is in {first} already" in capsys.readouterr().out


def test_json_holds_the_mistakes_and_nothing_else_is_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, SIX_MISTAKES)
    assert main(["rules", "check", file, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert len(found["mistakes"]) == 6
    assert {"file", "line", "column", "message", "hint", "severity"} <= found["mistakes"][0].keys()
    assert found["rules"] == []


def test_a_folder_without_rules_could_not_be_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "check", str(tmp_path)]) == 2
    assert "holds no rules" in capsys.readouterr().err
