"""What a rule file says of its backtest: read into values, or refused in its place."""

from decimal import Decimal

import pytest

from aislewatch.errors import FileMistakes
from aislewatch.events.registry import Registry
from aislewatch.rules.backtest import Backtest, Budget, Cost, Money
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Rule

RULE = """\
id: void
title: A void
when: {event: pos.void, as: v}
incident: {type: fraud.void, about: {lane: v.lane}, because: a void}
"""


def load(backtest: str) -> Rule:
    return load_rule(f"{RULE}backtest: {backtest}\n", "void.yml", Registry())


def test_days_budget_and_cost_are_read_into_exact_values() -> None:
    rule = load(
        "{data: last 28d, budget: {max_per_store_day: 0.5, min_precision: 40%}, "
        "cost: {false_alarm: EUR 12.50, miss: JPY 400}}"
    )
    assert rule.backtest == Backtest(
        data=28,
        budget=Budget(max_per_store_day=Decimal("0.5"), min_precision=Decimal("0.4")),
        cost=Cost(false_alarm=Money("EUR", 1250), miss=Money("JPY", 400)),
    )


def test_a_rule_that_says_nothing_of_it_has_no_limits() -> None:
    assert load("{}").backtest == Backtest()
    assert load_rule(RULE, "void.yml", Registry()).backtest == Backtest()


def test_it_is_no_part_of_what_the_rule_means() -> None:
    assert load("{budget: {max_per_store_day: 1}}").meaning == load("{}").meaning


@pytest.mark.parametrize(
    ("backtest", "column", "told"),
    [
        ("{data: last 28}", 18, "'last 28' is no number of days"),
        ("{data: last 36h}", 18, "'last 36h' is no number of days"),
        ("{budget: {max_per_store_day: many}}", 40, "'many' is no number that may be had a day"),
        ("{budget: {max_per_store_day: -1}}", 40, "'-1' is no number that may be had a day"),
        ("{budget: {max_per_store_day: NaN}}", 40, "'NaN' is no number that may be had a day"),
        ("{budget: {min_precision: 140%}}", 36, "'140%' is no share"),
        ("{budget: {min_precison: 40%}}", 21, "unknown key 'min_precison'"),
        ("{cost: {miss: 5}}", 25, "'5' is no amount of money"),
        ("{cost: {miss: EUR 0.001}}", 25, "EUR has no parts that small"),
        ("{cost: {miss: JPY 0.5}}", 25, "JPY has no parts that small"),
    ],
)
def test_what_makes_no_sense_is_told_in_its_place(backtest: str, column: int, told: str) -> None:
    with pytest.raises(FileMistakes) as found:
        load(backtest)
    (mistake,) = found.value.mistakes
    assert (mistake.line, mistake.column, mistake.message) == (5, column, told)


def test_all_mistakes_of_it_are_told_at_once() -> None:
    with pytest.raises(FileMistakes) as found:
        load("{data: x, budget: {min_precision: x}, cost: {miss: x, false_alarm: x}}")
    assert len(found.value.mistakes) == 4
