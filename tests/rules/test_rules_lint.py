"""Warnings about rules that load."""

import pytest

from aislewatch.events.registry import Registry
from aislewatch.rules.lint import lint
from aislewatch.rules.load import load_rule

CLEAN = """\
id: r
title: t
when: {event: scale.changed, as: weigh, where: delta > 30g and delta < 3kg}
match:
  - {not_seen: pos.item, same: [lane], window: 3s before weigh}
incident: {type: theft.x, about: {lane: weigh.lane}, because: "{weigh.delta} g"}
tests:
  - {name: a, events: 10:00:00 scale.changed delta=40, expect: {fires: 1}}
  - {name: b, events: 10:00:00 scale.changed delta=20, expect: {fires: 0}}
"""


def warnings(text: str) -> list[tuple[int, str]]:
    found = lint(load_rule(text, "r.yml", Registry()), text)
    assert all(one.severity == "warning" for one in found)
    return [(one.line, one.message) for one in found]


def test_a_sound_rule_has_no_warnings() -> None:
    assert warnings(CLEAN) == []


def test_peers_of_the_whole_shop_are_what_is_meant() -> None:
    text = CLEAN.replace(
        "match:\n",
        """\
let:
  before: {count: scale.changed, same: [lane], window: 1h before weigh}
  others: {stats_of: before, others: [lane], window: 1d before weigh}
match:
  - {check: before >= others.mean}
""",
    )
    assert warnings(text) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("same: [lane], ", "", 5, "'not_seen pos.item' joins on nothing"),
        ("delta < 3kg", "delta < 30g", 3, "this can never hold: delta > 30g and delta < 30g"),
        ("fires: 1", "fires: 0", 1, "no inline test in which the rule fires"),
        ("fires: 0", "fires: 1", 1, "no inline test in which the rule does not fire"),
        (
            "3s before weigh}",
            "3s before weigh}\n  - {seen: pos.void, same: [lane], window: 3s before weigh, "
            "optional: true, points: 5}",
            6,
            "'seen pos.void' is optional: its points count also where there is none",
        ),
        ("3s before weigh", "3s around weigh", 1, "the rule answers 3s after its anchor"),
    ],
)
def test_what_is_likely_a_mistake_is_warned_of(old: str, new: str, line: int, message: str) -> None:
    assert old in CLEAN
    (found,) = warnings(CLEAN.replace(old, new))
    assert found[0] == line
    assert found[1].startswith(message)


def test_bounds_that_meet_in_one_value_are_no_contradiction() -> None:
    assert (
        warnings(CLEAN.replace("delta > 30g and delta < 3kg", "delta >= 3g and delta <= 3g")) == []
    )


def test_a_person_in_the_sentence_is_warned_of_where_it_stands() -> None:
    text = CLEAN.replace("event: scale.changed", "event: pos.void").replace(
        ", where: delta > 30g and delta < 3kg", ""
    )
    text = text.replace("{weigh.delta} g", "by {weigh.cashier}")
    (found,) = lint(load_rule(text, "r.yml", Registry()), text)
    assert (found.line, found.message) == (6, "'because' names a person by 'cashier'")
    assert found.source[found.column - 1 :].startswith("weigh.cashier")
