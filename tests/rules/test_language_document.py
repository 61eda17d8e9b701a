"""What the reference of the rule language says is what the language does.

Every statement of its semantics names a test and every such test is named; every example loads and
passes its own tests; the tables hold every word of the language and no other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from aislewatch.detect.incidents import STRONG
from aislewatch.detect.scoring import LEVELS
from aislewatch.events.units import UNITS
from aislewatch.rules import model
from aislewatch.rules.backtest import Backtest, Budget, Cost
from aislewatch.rules.checker import FUNCTIONS
from aislewatch.rules.incident_model import GroupShape, IncidentShape
from aislewatch.rules.load import load_rule
from aislewatch.rules.parser import COMPARISONS
from aislewatch.rules.rule import Severity, Status
from aislewatch.rules.signals import entities_of
from aislewatch.rules.windows import parse_window
from aislewatch.testing.running import run_case
from aislewatch.testing.small import REGISTRY

HERE = Path(__file__).parent
TEXT = (HERE.parents[1] / "rules" / "LANGUAGE.md").read_text(encoding="utf-8")
SEMANTICS = TEXT.partition("\n## Semantics\n")[2]

STATEMENT = re.compile(r"^- \*\*\[([a-z-]+)\]\*\* (.+?)\s+`(test_\w+)`$", re.MULTILINE | re.DOTALL)
STATEMENTS = [match.groups() for match in STATEMENT.finditer(SEMANTICS)]

EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
REST = {
    "id": "id: example",
    "title": "title: An example",
    "when": "when: {event: pos.refund, as: refund}",
    "incident": "incident:\n  {type: fraud.test, about: {cashier: refund.cashier}, because: b}",
}
"""What a short example leaves out."""

LIMITS = {"at_least", "at_most", "more_than", "less_than", "exactly"}

CLAUSES: dict[str, type[BaseModel]] = {
    "seen": model.SeenShape,
    "not_seen": model.NotSeenShape,
    "count": model.CountShape,
    "sum": model.SumShape,
    "max": model.MaxShape,
    "min": model.MinShape,
    "avg": model.AvgShape,
    "distinct": model.DistinctShape,
    "unmatched": model.UnmatchedShape,
    "check": model.CheckShape,
    "any_of": model.AnyOfShape,
    "all_of": model.AllOfShape,
    "stats_of": model.StatsOfShape,
}


def semantics_tests() -> list[str]:
    return [
        node.name
        for file in sorted(HERE.glob("test_semantics_*.py"))
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def table(heading: str) -> list[list[str]]:
    """Give the cells of the table whose first column is headed so."""
    (found,) = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", TEXT, re.M)
    return [[cell.strip() for cell in line[1:-1].split(" | ")] for line in found.splitlines()]


def words(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def first_words(heading: str) -> set[str]:
    return {word for row in table(heading) for word in words(row[0])}


def keys(shape: type[BaseModel], *, required: bool = False) -> set[str]:
    fields = shape.model_fields.items()
    return {
        field.alias or name for name, field in fields if field.is_required() or not required
    }  # fmt: skip


def bold(cells: Iterable[str]) -> set[str]:
    return {word for cell in cells for word in re.findall(r"\*\*`([^`]+)`\*\*", cell)}


# Statements -------------------------------------------------------------------------------------


def test_every_statement_has_a_name_of_its_own_and_is_one_sentence() -> None:
    names = [name for name, _, _ in STATEMENTS]
    assert len(names) == len(set(names)) == SEMANTICS.count("\n- ")
    for name, sentence, _ in STATEMENTS:
        assert sentence.endswith("."), name
        assert ". " not in " ".join(sentence.split()), name


def test_every_statement_names_a_test_that_exists_and_every_test_is_named() -> None:
    named = {test for _, _, test in STATEMENTS}
    known = semantics_tests()
    assert len(known) == len(set(known))
    assert sorted(named - set(known)) == []
    assert sorted(set(known) - named) == []


# Examples ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_loads_and_passes_its_own_tests(text: str) -> None:
    left_out = [rest for key, rest in REST.items() if not re.search(rf"^{key}:", text, re.M)]
    others = entities_of(EXAMPLES)
    rule = load_rule("\n".join([*left_out, text]), "example.yml", REGISTRY, beside=others)
    for case in rule.tests:
        assert run_case(rule, case, REGISTRY).problems == ()


def test_the_first_example_is_a_whole_rule_with_tests_both_ways() -> None:
    rule = load_rule(EXAMPLES[0], "example.yml", REGISTRY)
    assert {case.fires > 0 for case in rule.tests} == {True, False}


# Words ------------------------------------------------------------------------------------------


def test_the_clauses_with_all_their_keys_are_told() -> None:
    rows = {min(words(name)): cell for name, _, cell in table("clause")}
    assert set(rows) == set(CLAUSES) == set(model.CLAUSES)
    for clause, cell in rows.items():
        told = words(cell) | (LIMITS if re.search(r"(?<!`)\blimits\b", cell) else set[str]())
        assert told == keys(CLAUSES[clause]), clause
        assert bold([cell]) == keys(CLAUSES[clause], required=True), clause


@pytest.mark.parametrize(
    ("heading", "shape"),
    [
        ("key", model.RuleShape),
        ("key of `when`", model.WhenShape),
        ("key of a parameter", model.ParamShape),
        ("key of `incident`", IncidentShape),
        ("key of an `except`", model.ExceptShape),
        ("key of a test", model.TestShape),
        ("key of `expect`", model.ExpectShape),
        ("key of `backtest`", Backtest),
    ],
)
def test_the_keys_of_each_mapping_are_told(heading: str, shape: type[BaseModel]) -> None:
    assert first_words(heading) == keys(shape)
    assert bold(row[0] for row in table(heading)) == keys(shape, required=True)


def test_the_budget_the_cost_and_the_group_are_told_with_their_keys() -> None:
    rows = {min(words(name)): cell for name, cell in table("key of `backtest`")}
    assert words(rows["budget"]) == keys(Budget)
    assert words(rows["cost"]) == keys(Cost)
    (group,) = [cell for name, cell in table("key of `incident`") if name == "`group`"]
    assert set(re.findall(r"(\w+): ", min(words(group)))) == keys(GroupShape)


def test_the_units_and_functions_and_operators_are_told() -> None:
    assert first_words("unit") == set(UNITS)
    for cell, what in table("unit"):
        assert len({UNITS[symbol].dimension for symbol in words(cell)}) == 1, what
    assert first_words("function") == set(FUNCTIONS)
    arithmetic = {"-", "+", "*", "/", "of"}
    logic = {"not", "and", "or", "in", "not in"}
    assert first_words("operators") == arithmetic | logic | COMPARISONS


def test_the_limits_statuses_severities_and_selections_are_told() -> None:
    assert first_words("limit") == LIMITS
    assert first_words("status") == set(get_args(Status))
    assert words(TEXT.partition("`severity` is one of ")[2].partition(".")[0]) == set(
        get_args(Severity)
    )
    (row,) = [row for row in table("key of a parameter") if row[0] == "`select`"]
    (choices,) = get_args(model.ParamShape.model_fields["select"].annotation)[:1]
    assert words(row[1]) == set(get_args(choices))
    picks = TEXT.partition("- `pick` says")[2].partition("\n- ")[0]
    assert words(picks) == set(get_args(model.SeenShape.model_fields["pick"].annotation))


def test_the_levels_and_the_strong_entities_are_told() -> None:
    told = {min(words(row[0])): int(row[1]) * 10 for row in table("level")}
    assert told == {name: least for least, name in LEVELS}
    entities = TEXT.partition("one strong entity\n(")[2].partition(")")[0]
    assert words(entities) == STRONG


def test_every_form_of_window_that_is_shown_is_read() -> None:
    rows = table("window")
    for row in rows:
        window, problems = parse_window(min(words(row[0])), frozenset({"x", "y"}), {})
        assert window is not None, row
        assert problems == []
    assert len(rows) >= 5
