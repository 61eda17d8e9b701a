"""Values: what is missing is unknown, texts are texts, figures are exact in their units."""

from __future__ import annotations

import pytest

from aislewatch.events.model import StoreModel
from aislewatch.rules.load import load_rule
from aislewatch.testing.small import REGISTRY, Shop, small_rule

REFUND = "event: pos.refund, as: refund"

TRUE, FALSE, UNKNOWN = "refund.cashier == 'C1'", "refund.cashier == 'C2'", "refund.receipt == 'R'"
WORDS = {True: TRUE, False: FALSE, None: UNKNOWN}
LINE = "10:00:00 pos.refund cashier=C1 lane=1 units=2 amount=5"
"""A refund without a receipt."""


def verdict(condition: str, line: str = LINE) -> bool | None:
    """Tell what a condition is of one refund: it holds, its contrary does, or neither."""
    held: list[bool] = []
    for text in (condition, f"not ({condition})"):
        shop = Shop(small_rule(REFUND, f'check: "{text}"'))
        shop.day(line)
        held.append(bool(shop.signals))
    assert held != [True, True]
    return None if held == [False, False] else held[0]


def holds(clause: str, *lines: str) -> bool:
    shop = Shop(small_rule(REFUND, clause))
    shop.day("\n".join([*lines, LINE]))
    return bool(shop.signals)


# What is missing -------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [True, False, None])
@pytest.mark.parametrize("right", [True, False, None])
def test_and_is_false_where_either_side_is_and_unknown_where_that_would_decide(
    left: bool | None, right: bool | None
) -> None:
    expected = False if False in (left, right) else None if None in (left, right) else True
    assert verdict(f"({WORDS[left]}) and ({WORDS[right]})") is expected


@pytest.mark.parametrize("left", [True, False, None])
@pytest.mark.parametrize("right", [True, False, None])
def test_or_is_true_where_either_side_is_and_unknown_where_that_would_decide(
    left: bool | None, right: bool | None
) -> None:
    expected = True if True in (left, right) else None if None in (left, right) else False
    assert verdict(f"({WORDS[left]}) or ({WORDS[right]})") is expected


def test_the_contrary_of_unknown_is_unknown() -> None:
    assert [verdict(f"not ({WORDS[one]})") for one in (True, False, None)] == [False, True, None]


@pytest.mark.parametrize("sign", ["==", "!="])
def test_equal_and_unequal_are_both_unknown_of_what_is_missing(sign: str) -> None:
    assert verdict(f"refund.receipt {sign} 'R'") is None
    assert verdict(f"refund.original_receipt {sign} refund.receipt") is None


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
def test_more_and_less_are_unknown_of_what_is_missing(sign: str) -> None:
    assert verdict(f"refund.price {sign} EUR 3") is None


@pytest.mark.parametrize(
    "condition",
    [
        "refund.receipt in ['R', 'S']",
        "refund.receipt not in ['R', 'S']",
        "startswith(refund.receipt, 'R')",
        "contains(lower(refund.receipt), 'r')",
        "size(refund.receipt) > 0",
        "within(refund.price, EUR 1, EUR 2)",
    ],
)
def test_what_asks_a_missing_value_anything_is_unknown(condition: str) -> None:
    assert verdict(condition) is None


def test_whether_a_missing_text_is_on_a_named_list_is_unknown() -> None:
    text = (
        "id: r\ntitle: r\nstatus: live\nwhen: {event: pos.refund, as: refund}\n"
        'match: [{check: "refund.receipt %s lists.known"}]\n'
        "incident: {type: theft.test, about: {lane: refund.lane}, because: b}\n"
    )
    lists = {"known": frozenset({"R"})}
    fired: dict[str, list[int]] = {}
    for op in ("in", "not in"):
        rule = load_rule(text % op, "r.yml", REGISTRY, lists=lists)
        for line in (f"{LINE} receipt=R", f"{LINE} receipt=S", LINE):
            shop = Shop(rule, model=StoreModel(lists=lists))
            shop.day(line)
            fired.setdefault(op, []).append(len(shop.signals))
    assert fired == {"in": [1, 0, 0], "not in": [0, 1, 0]}


def test_whether_something_is_there_is_never_unknown() -> None:
    assert verdict("has(refund.receipt)") is False
    assert verdict("has(refund.cashier)") is True


@pytest.mark.parametrize(
    "figure",
    [
        "refund.price + EUR 1",
        "EUR 1 - refund.price",
        "refund.price * 2",
        "10% of refund.price",
        "abs(refund.price)",
        "min(refund.price, EUR 1)",
        "max(EUR 1, refund.price)",
    ],
)
def test_a_figure_with_a_missing_part_is_unknown(figure: str) -> None:
    assert verdict(f"{figure} >= EUR 0") is None


def test_a_figure_divided_by_zero_is_unknown() -> None:
    assert verdict("refund.amount / refund.units > EUR 1") is True
    assert verdict("refund.amount / (refund.units - 2) > EUR 1") is None


def test_a_missing_amount_is_not_zero() -> None:
    assert verdict("refund.price == EUR 0") is None
    assert verdict("refund.price == EUR 0", f"{LINE} price=0") is True


def test_what_is_unknown_at_the_top_does_not_hold() -> None:
    assert not holds(f'check: "{UNKNOWN}"')
    assert not holds("count: pos.item, window: 9s before refund, at_least: refund.price / EUR 1")


def test_an_event_of_which_the_condition_is_unknown_is_no_anchor() -> None:
    shop = Shop(small_rule(f"{REFUND}, where: receipt != 'R'"))
    shop.day(f"{LINE}\n{LINE} receipt=R\n{LINE} receipt=S")
    assert len(shop.signals) == 1


def test_an_event_of_which_the_condition_is_unknown_is_neither_seen_nor_counted() -> None:
    rest = "where: units > 1, window: 9s before refund"
    unsure, sure = "09:59:59 pos.item lane=1", "09:59:59 pos.item lane=1 units=2"
    assert [holds(f"seen: pos.item, {rest}", one) for one in (unsure, sure)] == [False, True]
    counted = f"count: pos.item, {rest}, exactly: 1"
    assert [holds(counted, one) for one in (unsure, sure)] == [False, True]
    assert holds(counted, unsure, sure)


# Figures of many events -------------------------------------------------------------------------

ITEMS = ("09:59:58 pos.item units=2 weight=300 sku=A", "09:59:59 pos.item units=4 sku=A")
"""The second is of unknown weight."""


def aggregate(op: str, field: str, limit: str, *lines: str) -> bool:
    target = f"pos.item.{field}" if field else "pos.item"
    return holds(f"{op}: {target}, window: 9s before refund, {limit}", *lines)


@pytest.mark.parametrize("op", ["count", "sum", "distinct"])
def test_the_count_sum_and_distinct_of_nothing_are_zero(op: str) -> None:
    assert aggregate(op, "" if op == "count" else "units", "exactly: 0")


@pytest.mark.parametrize("op", ["max", "min", "avg"])
def test_the_max_min_and_avg_of_nothing_are_unknown(op: str) -> None:
    for limit in ("at_least: 0", "at_most: 0", "less_than: 0", "more_than: 0"):
        assert not aggregate(op, "units", limit)


@pytest.mark.parametrize(
    ("op", "figure"), [("count", 2), ("sum", 6), ("max", 4), ("min", 2), ("avg", 3)]
)
def test_a_figure_is_made_of_all_events_of_the_window(op: str, figure: int) -> None:
    field = "" if op == "count" else "units"
    assert aggregate(op, field, f"exactly: {figure}", *ITEMS)
    assert not aggregate(op, field, f"more_than: {figure}", *ITEMS)
    assert not aggregate(op, field, f"less_than: {figure}", *ITEMS)


@pytest.mark.parametrize("op", ["sum", "max", "min", "avg"])
def test_a_figure_over_a_missing_field_is_unknown(op: str) -> None:
    limits = ("at_least: 0g", "at_most: 0g")
    assert [aggregate(op, "weight", one, *ITEMS) for one in limits] == [False, False]
    assert aggregate(op, "weight", "exactly: 300g", ITEMS[0])


def test_distinct_leaves_missing_values_out() -> None:
    assert aggregate("distinct", "sku", "exactly: 1", *ITEMS, "09:59:59 pos.item")


def test_a_figure_joined_on_a_missing_key_is_unknown() -> None:
    rest = "same: [receipt], window: 9s before refund"
    for limit in ("at_least: 0", "at_most: 0"):
        assert not holds(f"count: pos.item, {rest}, {limit}", *ITEMS)
        assert not holds(f"sum: pos.item.units, {rest}, {limit}", *ITEMS)


# Texts and figures ------------------------------------------------------------------------------


def test_texts_are_compared_as_they_stand() -> None:
    line = f"{LINE} receipt=01"
    assert verdict("refund.receipt == '01'", line) is True
    assert verdict("refund.receipt == '1'", line) is False
    assert verdict("refund.cashier == 'c1'", line) is False
    assert verdict("lower(refund.cashier) == 'c1'", line) is True


def test_a_rule_files_digits_stay_text_until_they_are_needed_as_a_figure() -> None:
    rule = small_rule(REFUND, rule="r1", about="{gtin: refund.gtin}", because="00012345600012")
    assert "".join(map(str, rule.incident.because.parts)) == "00012345600012"


def test_figures_in_any_unit_are_exact() -> None:
    line = f"{LINE} weight=250.3"
    for same in ("0.2503kg", "250.3g", "250300mg", "200.2g + 50.1g", "10% of 2.503kg"):
        assert verdict(f"refund.weight == {same}", line) is True
    assert verdict("refund.amount == EUR 4.90 + EUR 0.10") is True
    assert verdict("refund.amount < EUR 5.01") is True


def test_a_share_is_a_bare_number() -> None:
    line = "10:00:00 vision.item confidence=0.7"
    for condition, fires in (("70%", 1), ("0.7", 1), ("71%", 0)):
        shop = Shop(small_rule(f'event: vision.item, as: v, where: "confidence >= {condition}"'))
        shop.day(line)
        assert len(shop.signals) == fires


def test_a_difference_of_times_is_a_duration() -> None:
    rule = small_rule(
        REFUND,
        "seen: pos.item, as: item, window: 1h before refund",
        "check: refund.time - item.time >= 30s",
    )
    for clock, fires in (("09:59:30", 1), ("09:59:30.000001", 0)):
        shop = Shop(rule)
        shop.day(f"{clock} pos.item\n{LINE}")
        assert len(shop.signals) == fires
