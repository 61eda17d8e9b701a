"""`rules check --sarif` and `--github`: what build servers and code hosts show at the line."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate

from aislewatch.authoring.annotations import github_line, sarif_of
from aislewatch.cli.app import main
from aislewatch.errors import Mistake

RULES = Path(__file__).parents[2] / "rules"

TWO_MISTAKES = """\
id: bad
title: A rule with two mistakes
status: draft
when: {event: pos.void, as: void}
match:
  - {seen: pos.item, same: [recipt], window: 10 before void}
incident:
  type: fraud.void
  about: {receipt: void.receipt}
  points: 5
  because: "a line was taken back"
"""

# The properties of the standard that a log of results must or may have (sections 3.13 to 3.33 of
# SARIF 2.1.0), closed against all others, so that a word that it does not know is seen.
TEXT = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}
REGION = {
    "type": "object",
    "required": ["startLine"],
    "properties": {
        "startLine": {"type": "integer", "minimum": 1},
        "startColumn": {"type": "integer", "minimum": 1},
        "endColumn": {"type": "integer", "minimum": 1},
        "snippet": TEXT,
    },
    "additionalProperties": False,
}
PLACE = {
    "type": "object",
    "required": ["artifactLocation"],
    "properties": {
        "artifactLocation": {
            "type": "object",
            "required": ["uri"],
            "properties": {"uri": {"type": "string", "pattern": r"^[^\s\\]+$"}},
            "additionalProperties": False,
        },
        "region": REGION,
    },
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "required": ["ruleId", "level", "message", "locations"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["error", "warning"]},
        "message": TEXT,
        "locations": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["physicalLocation"],
                "properties": {"physicalLocation": PLACE},
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
LOG = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {"type": "object", "required": ["driver"]},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}


def log_of(text: bytes) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(text)
    validate(log, LOG)
    driver = log["runs"][0]["tool"]["driver"]
    for result in log["runs"][0]["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    return log


def test_each_mistake_is_a_result_at_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "a rule.yml", tmp_path / "found.sarif"
    file.write_text(TWO_MISTAKES)
    assert main(["rules", "check", str(file), "--sarif", str(out), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["mistakes"]
    results: list[dict[str, Any]] = log_of(out.read_bytes())["runs"][0]["results"]
    assert len(results) == len(told) == 2
    for result, mistake in zip(results, told, strict=True):
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == file.as_uri()
        region = place["region"]
        assert (region["startLine"], region["startColumn"]) == (mistake["line"], mistake["column"])
        start, end = int(region["startColumn"]), int(region["endColumn"])
        line = TWO_MISTAKES.splitlines()[int(region["startLine"]) - 1]
        assert line[start - 1 : end - 1] in {"recipt", "10"}
        assert result["level"] == "error"
        assert result["message"]["text"].startswith(mistake["message"])


def test_rules_without_mistakes_give_a_log_of_warnings_alone(tmp_path: Path) -> None:
    out = tmp_path / "found.sarif"
    assert main(["rules", "check", str(RULES), "--sarif", str(out)]) == 0
    levels = {result["level"] for result in log_of(out.read_bytes())["runs"][0]["results"]}
    assert levels == {"warning"}


def test_a_log_without_findings_still_says_that_it_was_looked() -> None:
    assert log_of(sarif_of([], version="1.0"))["runs"][0]["results"] == []


def test_a_mistake_of_a_whole_file_has_a_file_and_no_line() -> None:
    whole = Mistake("rules/rules.lock", 0, 0, "it is no YAML")
    (result,) = log_of(sarif_of([whole], version="1.0"))["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "rules/rules.lock"}}


def test_each_mistake_is_an_annotation_that_github_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rule.yml"
    file.write_text(TWO_MISTAKES)
    assert main(["rules", "check", str(file), "--github"]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert len(lines) == 2
    assert all(line.startswith(f"::error file={file.as_posix()},line=6,col=") for line in lines)


def test_what_would_end_an_annotation_is_escaped() -> None:
    mistake = Mistake("a,b:c.yml", 3, 0, "5% of\nx", hint="no", severity="warning")
    assert github_line(mistake) == "::warning file=a%2Cb%3Ac.yml,line=3::5%25 of%0Ax (no)"


def test_json_and_annotations_do_not_share_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["rules", "check", str(RULES), "--github", "--json"]) == 2
    assert "take one of them" in capsys.readouterr().err
