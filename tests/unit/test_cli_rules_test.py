"""`aislewatch rules test` for people, scripts and build servers."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from aislewatch.cli.app import main

RULE = """\
id: weak-void
title: A void after a scan
status: live
when: {event: pos.void, as: void}
match:
  - {seen: pos.item, as: scan, same: [lane], window: 5s before void}
except:
  - {name: training, where: void.lane in lists.training, reason: r, owner: o, until: 2099-01-01}
incident:
  type: fraud.x
  about: {lane: void.lane}
  because: it held
tests:
  - name: a scan and a void
    events: |
      10:00:00 pos.item lane=L1
      10:00:03 pos.void lane=L1
    expect: {fires: 1, at: "10:00:03"}
  - name: the scan is on another lane
    events: |
      10:00:00 pos.item lane=L2
      10:00:03 pos.void lane=L1
    expect: {fires: 0, because_not: scan}
  - name: the scan is too long ago
    events: |
      10:00:00 pos.item lane=L1
      10:00:11 pos.void lane=L1
    expect: {fires: 0, because_not: scan}
"""


def write(folder: Path, text: str = RULE, name: str = "rule.yml") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_what_holds_each_place_is_shown_and_what_nothing_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "test", write(tmp_path)]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "weak-void 3 passed"
    assert 'join `lane` pinned by "the scan is on another lane"' in lines
    assert "window `5s before void` HALF PINNED" in lines
    assert "arrival order 20 shuffles of each test within the lateness: same signals" in lines
    assert lines[-1] == "1 rule, 3 tests passed, 0 places not pinned, 1 half pinned"


def test_a_failed_test_is_a_finding_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, RULE.replace("because_not: scan", "because_not: when", 1))
    assert main(["rules", "test", file]) == 1
    out = capsys.readouterr().out
    told = "the scan is on another lane: expected because_not when, got scan"
    assert f"{file}:23:37: error: {told}" in out
    assert "1 rule, 2 tests passed, 1 failed" in out


def test_places_that_nothing_holds_are_findings_only_where_it_is_strict(tmp_path: Path) -> None:
    file = write(tmp_path, RULE.replace("  because: it held", "  points: 4\n  because: it held"))
    assert main(["rules", "test", file]) == 0
    assert main(["rules", "test", file, "--strict"]) == 1
    assert main(["rules", "test", file, "--strict", "--no-mutants"]) == 0


def test_a_rule_without_tests_is_a_finding_only_where_it_is_strict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, RULE.partition("tests:")[0])
    assert main(["rules", "test", file]) == 0
    assert "weak-void  no tests" in capsys.readouterr().out
    assert main(["rules", "test", file, "--strict"]) == 1


def test_json_holds_tests_places_and_the_seed_and_is_the_same_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path)
    assert main(["rules", "test", file, "--json", "--seed", "7"]) == 0
    first = capsys.readouterr().out
    assert main(["rules", "test", file, "--json", "--seed", "7"]) == 0
    assert capsys.readouterr().out == first
    told = json.loads(first)
    assert told["seed"] == 7
    (rule,) = told["rules"]
    assert rule["passed"] is True
    assert [test["passed"] for test in rule["tests"]] == [True, True, True]
    (window,) = [place for place in rule["places"] if place["kind"] == "window"]
    assert (window["line"], window["hold"]) == (6, "half pinned")
    assert window["unnoticed"] == ["changing 5s to 10s"]
    assert rule["arrival"] == {"orders": 60, "different": []}


def test_without_mutants_only_tests_and_orders_are_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "test", write(tmp_path), "--json", "--no-mutants"]) == 0
    (rule,) = json.loads(capsys.readouterr().out)["rules"]
    assert rule["places"] == []
    assert len(rule["tests"]) == 3


def test_junit_tells_tests_places_and_failures(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    file = write(tmp_path, RULE.replace("fires: 1,", "fires: 2,"))
    assert main(["rules", "test", file, "--junit", str(report)]) == 1
    (suite,) = ElementTree.fromstring(report.read_bytes())
    assert suite.attrib["name"] == "weak-void"
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("3", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == "a scan and a void: expected fires 2, got 1"


def test_junit_takes_what_nothing_holds_for_skipped_or_failed(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    file = write(tmp_path, RULE.replace("  because: it held", "  points: 4\n  because: it held"))
    for words, counts in (([], ("0", "2")), (["--strict"], ("1", "1"))):
        main(["rules", "test", file, "--junit", str(report), *words])
        whole = ElementTree.fromstring(report.read_bytes())
        assert (whole.attrib["failures"], whole.attrib["skipped"]) == counts


def test_the_lists_of_a_store_are_those_of_its_rules(tmp_path: Path) -> None:
    file = write(tmp_path)
    store = write(tmp_path, "store: s1\nlists: {training: [L1]}\n", "store.yml")
    assert main(["rules", "test", file, "--no-mutants"]) == 0
    assert main(["rules", "test", file, "--no-mutants", "--store", store]) == 1


def test_mistakes_of_a_file_come_before_its_tests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, RULE.replace("as: void}", "as: viod}"))
    assert main(["rules", "test", file]) == 1
    assert "unknown name 'void'" in capsys.readouterr().err


def test_a_file_that_is_not_there_could_not_be_tested(tmp_path: Path) -> None:
    assert main(["rules", "test", str(tmp_path / "none.yml")]) == 2
