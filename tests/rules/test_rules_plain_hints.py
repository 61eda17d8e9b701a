"""What authors get wrong most, told in words that they know."""

import pytest

from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.registry import Registry
from aislewatch.rules.lint import lint
from aislewatch.rules.load import load_rule

RULE = """\
id: dear-look
title: t
when: {event: pos.refund, as: refund, where: amount > EUR 20}
match:
  - {seen: vision.item, as: look, same: [lane], where: confidence > 80%, window: 30s before refund}
incident: {type: theft.x, about: {lane: refund.lane}, because: "{refund.sku} was refunded"}
tests:
  - {name: a, events: 10:00:00 pos.refund amount=30, expect: {fires: 1, at: "10:00:00"}}
  - {name: b, events: 10:00:00 pos.refund amount=20, expect: {fires: 0}}
"""


def mistakes(old: str, new: str) -> list[Mistake]:
    assert old in RULE
    with pytest.raises(FileMistakes) as caught:
        load_rule(RULE.replace(old, new), "r.yml", Registry())
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        (
            "confidence > 80%",
            "price > refund.price",
            "a 'where' speaks of its own event alone, and not of 'refund'",
            "name the event with 'as', and compare the two in a check: below it",
        ),
        (
            "amount > EUR 20",
            "amount > 20 EUR",
            "'EUR' does not fit: here an operator such as 'and' is expected",
            "a currency stands before its amount: EUR 20",
        ),
        (
            "amount > EUR 20",
            "amount > 20.50euro",
            "unknown unit 'euro'",
            "a currency stands before its amount: EUR 20.50",
        ),
        (
            "amount > EUR 20",
            "amount > \N{POUND SIGN}20",
            "'\N{POUND SIGN}' is not a currency",
            "write e.g. GBP 5",
        ),
        (
            "match:\n  - {",
            "match:\n\t- {",
            "a tab stands where YAML wants spaces",
            "indent with spaces",
        ),
        (
            "id: dear-look",
            "id: dear look",
            "'dear look' is no name here: small letters, digits and hyphens, a letter first",
            "",
        ),
        ('at: "10:00:00"', 'at: "10:00"', "'10:00' is no time of day; write e.g. 10:00:03", ""),
        (
            "{refund.sku} was",
            "{refund.sku was",
            "'{' is opened and never closed",
            "close it with '}'; a brace itself is '{{'",
        ),
    ],
)
def test_a_common_mistake_is_told_in_plain_words(
    old: str, new: str, message: str, hint: str
) -> None:
    assert [(one.message, one.hint) for one in mistakes(old, new)] == [(message, hint)]


def test_a_hint_names_no_figure_that_the_author_has_not_named() -> None:
    figures = """\
let:
  voids: {count: pos.void, same: [lane], window: 1h before refund}
  peers: {stats_of: void, others: [lane], window: 1d before refund}
match:
"""
    (one,) = mistakes("match:\n", figures)
    assert one.hint == "did you mean 'voids'? named above: voids"


@pytest.mark.parametrize(("share", "found"), [("80", 1), ("1.5", 1), ("80%", 0), ("1", 0)])
def test_a_share_of_more_than_the_whole_is_a_warning(share: str, found: int) -> None:
    text = RULE.replace("80%", share)
    rule = load_rule(text, "r.yml", Registry())
    told = [one for one in lint(rule, text) if "never more than 1" in one.message]
    assert len(told) == found
    assert all((one.line, one.hint) == (5, f"a share of 100: {share}%") for one in told)


def test_a_place_without_a_column_names_none() -> None:
    assert Mistake("r.yml", 1, 0, "no test").render() == "r.yml:1: error: no test"
