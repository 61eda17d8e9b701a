"""`aislewatch rules tune` on the archive of a small shop, as it is typed."""

import json
from pathlib import Path
from typing import Any

import pytest

from aislewatch.authoring.tune_values import values_around
from aislewatch.cli.app import main
from aislewatch.rules.model import ParamShape
from aislewatch.testing.archives import archive_of_lines

RULE = """\
id: soon-void
title: A line is voided soon after its scan
status: draft
params:
  soon: {default: 30s, min: 5s, max: 60s, doc: "from scan to void"}   # of one shop
  least: 1
when: {event: pos.void, as: v}
match:
  - {seen: pos.item, as: scan, same: [lane], window: params.soon before v}
  - check: v.units >= params.least
incident: {type: fraud.void, about: {receipt: v.receipt}, points: 10, because: "{v.receipt}"}
tests:
  - name: soon
    events: |
      10:00:00 pos.item lane=1
      10:00:05 pos.void lane=1 receipt=R1
    expect: {fires: 1}
  - name: long after
    events: |
      10:00:00 pos.item lane=1
      10:02:00 pos.void lane=1 receipt=R1
    expect: {fires: 0}
"""
STORE = """\
store: [north]
timezone: UTC
currency: EUR
rules: [rules]
"""
GAPS_S = [*((2 + n % 8, "theft") for n in range(20)), *((11 + n, "honest") for n in range(18))]
"""From each scan to its void, and what was found out about it."""


class Desk:
    """A folder with a rule, a store file, a day, and labels of what happened on it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        (folder / "rules").mkdir()
        self.rule = folder / "rules" / "soon-void.yml"
        self.rule.write_text(RULE)
        (folder / "store.yml").write_text(STORE)
        lines: list[str] = []
        labels = ["store,time,about,verdict,amount"]
        for number, (gap, verdict) in enumerate(GAPS_S):
            clock = f"{8 + number // 6:02}:{10 * (number % 6):02}"
            lines.append(f"{clock}:00 pos.item store=north lane=1")
            lines.append(f"{clock}:{gap:02} pos.void store=north lane=1 receipt=R{number} units=1")
            amount = "20.00" if verdict == "theft" else ""
            labels.append(f"north,2026-01-01 {clock}:{gap:02},receipt=R{number},{verdict},{amount}")
        (folder / "labels.csv").write_text("\n".join(labels) + "\n")
        self.days = archive_of_lines(folder / "days", lines, "20:00:00")

    def run(self, *words: str, labelled: bool = True) -> tuple[int, str, str]:
        fixed = ["--store", str(self.folder / "store.yml"), "--events", str(self.days)]
        known = ["--labels", str(self.folder / "labels.csv"), "--within", "1s"] if labelled else []
        code = main(["rules", "tune", str(self.rule), *fixed, *known, *words])
        out, err = self.capsys.readouterr()
        return code, out, err

    def told(self, *words: str) -> dict[str, Any]:
        _, out, _ = self.run("--json", *words)
        return dict(json.loads(out))


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, capsys)


def test_the_value_that_costs_least_and_loses_nothing_is_proposed(desk: Desk) -> None:
    code, out, err = desk.run("--param", "soon")
    assert code == 1
    rows = {words[0]: words for line in out.splitlines() if (words := line.strip(" =>").split())}
    assert rows["30s"][:4] == ["30s", "38", "20", "of"]
    assert rows["15s"][:4] == ["15s", "25", "20", "of"]
    assert "proposed: 15s instead of 30s" in out
    assert "  >  15s  " in out
    assert "  =  30s  " in out
    assert "cost counts one for each miss and each false alarm" in err
    assert max(map(len, out.splitlines())) <= 80
    assert desk.rule.read_text() == RULE


def test_each_value_is_told_with_what_it_catches_accuses_and_loses(desk: Desk) -> None:
    told = desk.told("--param", "soon=5s,10s", "--false-alarm", "EUR 2")
    (param,) = told["params"]
    assert (told["priced"], told["currency"], param["proposed"]) == (True, "EUR", "10s")
    found = {one["value"]: one for one in param["tried"]}
    assert list(found) == ["5s", "10s", "30s"]
    counts = {value: (o["caught"], o["false"], o["lost"], o["cost"]) for value, o in found.items()}
    # Of the thefts 11 took more than five seconds; each was of 20.00, and a false alarm is 2.00.
    slow = sum(gap > 5 for gap, verdict in GAPS_S if verdict == "theft")
    assert counts == {"5s": (20 - slow, 0, slow, slow * 2000), "10s": (20, 0, 0, 0),
                      "30s": (20, 18, 0, 3600)}  # fmt: skip
    low, estimate, high = found["30s"]["precision"]
    assert (round(low, 3), round(estimate, 3), round(high, 3)) == (0.373, 0.526, 0.675)


def test_what_loses_a_labelled_loss_is_proposed_only_to_whoever_says_so(desk: Desk) -> None:
    dear = ("--param", "soon=5s", "--false-alarm", "EUR 200")
    (param,) = desk.told(*dear)["params"]
    assert param["proposed"] is None
    assert "loses labelled losses that are caught now" in param["says"]
    (param,) = desk.told(*dear, "--may-lose")["params"]
    assert param["proposed"] == "5s"


def test_without_labels_or_with_few_nothing_is_proposed(desk: Desk) -> None:
    code, out, _ = desk.run(labelled=False)
    assert code == 0
    assert "none proposed: no label speaks of it" in out
    labels = desk.folder / "labels.csv"
    known = labels.read_text().splitlines(keepends=True)
    labels.write_text("".join([*known[:11], *known[-12:]]))
    code, out, _ = desk.run("--param", "soon")
    assert code == 0
    assert "22 labels are too few to propose it (at least 30)" in out


def test_write_sets_the_files_own_value_and_leaves_every_other_byte(desk: Desk) -> None:
    code, out, err = desk.run("--write")
    assert code == 0
    assert desk.rule.read_text() == RULE.replace("default: 30s", "default: 15s")
    assert "soon is 15s now, it was 30s" in out
    assert "aislewatch rules lock" in err


def test_a_proposal_with_which_the_rules_tests_fail_is_not_written(desk: Desk) -> None:
    strict = RULE.replace("10:00:05 pos.void", "10:00:25 pos.void")
    desk.rule.write_text(strict)
    code, _, err = desk.run("--write")
    assert code == 1
    assert "its tests fail" in err
    assert desk.rule.read_text() == strict


def test_a_value_that_the_store_sets_is_for_the_store_file_to_change(desk: Desk) -> None:
    (desk.folder / "store.yml").write_text(STORE + "params: {soon-void: {soon: 40s}}\n")
    code, _, err = desk.run("--write")
    assert code == 2
    assert "sets soon of soon-void" in err
    assert desk.rule.read_text() == RULE


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ("sooner", "has no parameter 'sooner'; did you mean 'soon'?"),
        ("soon=5kg", "'5kg' is none that soon could have; write one like 30s"),
        ("soon=2m", "more than 60s, the greatest that it may be"),
        (f"least={','.join(map(str, range(2, 70)))}", "more than can be tried at once"),
    ],
)
def test_a_value_that_cannot_be_tried_is_told(desk: Desk, param: str, message: str) -> None:
    code, _, err = desk.run("--param", param)
    assert code in {1, 2}
    assert message in err


@pytest.mark.parametrize(
    ("shape", "now", "expected"),
    [
        ({}, "30s", ["15s", "20s", "24s", "30s", "38s", "45s", "60s"]),
        ({"min": "20s", "max": "40s"}, "30s", ["20s", "24s", "30s", "38s", "40s"]),
        ({}, "4", ["2", "3", "4", "5", "6", "8"]),
        ({}, "1", ["1", "2"]),
        ({}, "-60dBm", ["-70dBm", "-66dBm", "-63dBm", "-60dBm", "-57dBm", "-54dBm", "-50dBm"]),
        ({}, "EUR 5", ["EUR 2.5", "EUR 3.3", "EUR 4", "EUR 5", "EUR 6.2", "EUR 7.5", "EUR 10"]),
        ({"max": "100%"}, "80%", ["40%", "53%", "64%", "80%", "100%"]),
        ({}, "0.25kg", ["0.12kg", "0.17kg", "0.2kg", "0.25kg", "0.31kg", "0.38kg", "0.5kg"]),
        ({}, "1h30m", ["45m", "1h", "1h12m", "1h30m", "1h52m", "2h15m", "3h"]),
        ({"one_of": ["'a'", "'b'"]}, "'a'", ["'a'", "'b'"]),
        ({"select": "zone"}, "shelf", ["door", "shelf"]),
        ({}, "'exit'", ["'exit'"]),
    ],
)  # fmt: skip
def test_values_lie_around_the_one_in_force_and_within_its_bounds(
    shape: dict[str, Any], now: str, expected: list[str]
) -> None:
    declared = ParamShape.model_validate({"default": now, **shape})
    assert values_around(declared, now, {"door"}) == expected
