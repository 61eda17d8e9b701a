"""The shipped rules decide what their own tests say, and those tests can fail."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from aislewatch.events.registry import Registry
from aislewatch.rules.case import TestCase
from aislewatch.rules.load import load_rules
from aislewatch.rules.rule import Rule
from aislewatch.runtime.rule_folder import macros_of, rules_in
from aislewatch.testing.running import run_case

FOLDER = Path(__file__).parents[2] / "rules"
REGISTRY = Registry()
LISTS = {"open_transfers": frozenset({"E9"}), "flagged_cards": frozenset[str]()}
TEXTS = {str(path): path.read_text() for path in rules_in(FOLDER)}
RULES = load_rules(TEXTS, REGISTRY, lists=LISTS, macros=macros_of(TEXTS))
CASES = [(rule, case) for rule in RULES for case in rule.tests]


@pytest.mark.parametrize(
    ("rule", "case"), CASES, ids=[f"{rule.id}: {case.name}" for rule, case in CASES]
)
def test_a_shipped_rule_does_what_its_own_test_expects(rule: Rule, case: TestCase) -> None:
    assert run_case(rule, case, REGISTRY, LISTS).problems == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_shipped_rule_is_tested_firing_and_not_firing(rule: Rule) -> None:
    assert {bool(case.fires) for case in rule.tests} == {False, True}


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"fires": 2}, "fires 1 times, not 2"),
        ({"at": "10:20:01"}, "fires 1s earlier than 10:20:01"),
        ({"about": {"epc": "E2"}}, "is about epc E1, not E2"),
        ({"about": {"lane": "L1"}}, "is about lane None, not L1"),
        ({"points": 19}, "counts 20 points, not 19"),
    ],
)
def test_an_expectation_that_is_not_met_is_told(wrong: dict[str, object], problem: str) -> None:
    rule = next(rule for rule in RULES if rule.id == "unpaid-exit")
    case = replace(rule.tests[0], **wrong)  # type: ignore[arg-type] # one field of several types
    assert list(run_case(rule, case, REGISTRY, LISTS).problems) == [problem]


def test_a_test_may_say_that_a_device_was_blind() -> None:
    rule = next(rule for rule in RULES if rule.id == "unpaid-exit")
    dead = "10:15:00 device.state device=till state=failed"
    case = replace(rule.tests[0], fires=0, events=f"{rule.tests[0].events}\n{dead}")
    run = run_case(rule, case, REGISTRY, LISTS)
    assert run.problems == ()
    assert "judgement.undecided" in {record.type for record in run.records}


def test_the_readme_of_the_library_lists_every_rule_and_none_else() -> None:
    table, _, names = (FOLDER / "README.md").read_text().partition("## By what you are looking for")
    listed = re.findall(r"^\| \[([\w-]+)\]\(\1\.yml\) \|.*\| (\w+) \|", table, re.MULTILINE)
    assert sorted(listed) == sorted((rule.id, rule.status) for rule in RULES)
    named = set(re.findall(r"\[([\w-]+)\]\(\1\.yml\)", names))
    assert named <= {rule.id for rule in RULES}
