"""The sum: what points are, how they repeat, fade and share, and what the sum is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from aislewatch.rules.rule import Rule
from aislewatch.testing.small import Shop, small_rule

PRIOR = -300


def rule(letter: str, event: str, points: int, **incident: str) -> Rule:
    about = "{receipt: x.receipt}"
    said = {"about": about, "points": str(points), **incident}
    return small_rule(f"event: {event}, as: x", rule=letter, **said)


def told(*rules: Rule, lines: str, **settings: Any) -> Mapping[str, Any]:
    """Give what was last said of the one incident of a day."""
    shop = Shop(*rules, **settings)
    shop.day(lines)
    return shop.said("incident.opened", "incident.rescored")[-1]


def score(*rules: Rule, lines: str, **settings: Any) -> int:
    return int(told(*rules, lines=lines, **settings)["score_cb"])


VOID, SALE = "10:00:00 pos.void receipt=R", "10:00:00 pos.no_sale receipt=R"


def test_the_score_is_the_prior_and_all_points() -> None:
    rules = rule("a", "pos.void", 12), rule("b", "pos.no_sale", -5)
    assert score(*rules, lines=f"{VOID}\n{SALE}") == PRIOR + 120 - 50


def test_the_prior_is_the_stores_by_type_then_by_its_first_word_and_else_one_to_a_thousand() -> (
    None
):
    one = rule("a", "pos.void", 0, type="fraud.refund")
    priors: list[dict[str, int]] = [
        {"fraud.refund": -120, "fraud": -200}, {"fraud": -200}, {"theft": -5}, {}
    ]  # fmt: skip
    found = [score(one, lines=VOID, priors_cb=prior) for prior in priors]
    assert found == [-120, -200, PRIOR, PRIOR]
    assert told(one, lines=VOID)["probability_ppm"] == 999


def test_ten_points_are_ten_times_the_odds() -> None:
    odds: list[float] = []
    for points in (0, 10, 20):
        ppm = told(rule("a", "pos.void", points), lines=VOID)["probability_ppm"]
        odds.append(ppm / (1_000_000 - ppm))
    assert odds[1] / odds[0] == pytest.approx(10, rel=0.01)
    assert odds[2] / odds[1] == pytest.approx(10, rel=0.01)


def test_the_second_signal_of_a_rule_counts_half_the_third_a_quarter() -> None:
    lines = "\n".join(f"10:00:0{n} pos.void receipt=R" for n in range(4))
    assert score(rule("a", "pos.void", 16), lines=lines) == PRIOR + 160 + 80 + 40 + 20


def test_points_halve_in_the_half_life_until_the_latest_signal() -> None:
    fading = rule("a", "pos.void", 16, half_life="10m")
    later = rule("b", "pos.no_sale", 1)
    for minutes, left in ((0, 160), (10, 80), (20, 40)):
        lines = f"{VOID}\n10:{minutes:02d}:00 pos.no_sale receipt=R"
        assert score(fading, later, lines=lines) == PRIOR + left + 10
        assert score(rule("a", "pos.void", 16), later, lines=lines) == PRIOR + 160 + 10


def test_of_a_family_only_the_rule_with_the_most_points_counts() -> None:
    lines = f"{VOID}\n{SALE}"
    both = [rule("a", "pos.void", 12, family="f"), rule("b", "pos.no_sale", 15, family="f")]
    assert score(*both, lines=lines) == PRIOR + 150
    apart = [rule("a", "pos.void", 12, family="f"), rule("b", "pos.no_sale", 15, family="g")]
    assert score(*apart, lines=lines) == PRIOR + 270


@pytest.mark.parametrize(
    ("points", "level"),
    [
        (29, "noted"),
        (30, "even-odds"),
        (39, "even-odds"),
        (40, "likely"),
        (49, "likely"),
        (50, "near-certain"),
    ],
)
def test_the_levels_begin_at_nought_ten_and_twenty(points: int, level: str) -> None:
    assert told(rule("a", "pos.void", points), lines=VOID)["level"] == level


def test_an_incident_is_of_the_type_with_the_most_points() -> None:
    rules = rule("a", "pos.void", 3, type="theft.a"), rule("b", "pos.no_sale", 4, type="fraud.b")
    assert told(*rules, lines=f"{VOID}\n{SALE}")["type"] == "fraud.b"


def test_what_is_at_stake_is_counted_once_for_each_tag() -> None:
    said = {"value": "x.price", "about": "{epc: x.epc, person: x.person}"}
    worth = [
        small_rule(f"event: {event}, as: x", rule=letter, **said)
        for letter, event in (("a", "rfid.crossing"), ("b", "rfid.read"))
    ]
    lines = (
        "10:00:00 rfid.read     epc=E1 price=5 person=P\n"
        "10:00:01 rfid.crossing epc=E1 price=5 person=P\n"
        "10:00:02 rfid.read     epc=E2 price=7 person=P"
    )
    assert told(*worth, lines=lines)["value_minor"] == 1200


def test_what_a_signal_does_not_know_it_is_not_about() -> None:
    shop = Shop(small_rule("event: pos.void, as: x", about="{receipt: x.receipt, lane: x.lane}"))
    shop.day("10:00:00 pos.void lane=1")
    assert shop.signals[0]["about"] == [["lane", "1"]]


def test_the_sentence_says_unknown_where_a_value_is_missing() -> None:
    shop = Shop(small_rule("event: pos.void, as: x", because="'{x.amount} on {x.receipt}, {{}}'"))
    shop.day("10:00:00 pos.void amount=4.5")
    assert shop.signals[0]["because"] == "4.50 on unknown, {}"
