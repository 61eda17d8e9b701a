"""What is in a window: its bounds, equal times, the anchor itself, and which event is bound."""

from __future__ import annotations

import pytest

from aislewatch.testing.small import Shop, small_rule

VOID = "event: pos.void, as: void"


def fires(match: str, *lines: str, when: str = VOID) -> int:
    shop = Shop(small_rule(when, match))
    shop.day("\n".join(lines))
    return len(shop.signals)


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        ("10s before void", ["10:00:00", "10:00:10"], ["09:59:59.999999", "10:00:10.000001"]),
        ("10s after void", ["10:00:10", "10:00:20"], ["10:00:09.999999", "10:00:20.000001"]),
        ("3s around void", ["10:00:07", "10:00:13"], ["10:00:06.999999", "10:00:13.000001"]),
        (
            "6s before void to 2s after void",
            ["10:00:04", "10:00:12"],
            ["10:00:03.999999", "10:00:12.000001"],
        ),
        (
            "6s before void to 2s before void",
            ["10:00:04", "10:00:08"],
            ["10:00:03.999999", "10:00:08.000001"],
        ),
    ],
)
def test_both_bounds_are_inside_and_an_event_is_present_or_absent_never_both(
    window: str, inside: list[str], outside: list[str]
) -> None:
    anchor = "10:00:10 pos.void lane=1"
    for clock in [*inside, *outside]:
        lines = sorted([anchor, f"{clock} pos.item lane=1"])
        seen = fires(f"seen: pos.item, same: [lane], window: {window}", *lines)
        not_seen = fires(f"not_seen: pos.item, same: [lane], window: {window}", *lines)
        assert (seen, not_seen) == ((1, 0) if clock in inside else (0, 1)), clock


@pytest.mark.parametrize("device", ["a", "z"])
@pytest.mark.parametrize("window", ["10s before void", "10s after void"])
def test_events_of_another_type_at_the_anchors_time_are_inside(device: str, window: str) -> None:
    lines = ["10:00:10 pos.void lane=1 device=m", f"10:00:10 pos.item lane=1 device={device}"]
    assert fires(f"seen: pos.item, same: [lane], window: {window}", *lines) == 1
    assert fires(f"not_seen: pos.item, same: [lane], window: {window}", *lines) == 0
    both = "[pos.item, pos.void]"
    assert fires(f"seen: {both}, same: [lane], window: {window}", *lines) == 1
    assert fires(f"not_seen: {both}, same: [lane], window: {window}", *lines) == 0


def test_events_of_the_anchors_own_type_at_its_time_are_split_by_the_total_order() -> None:
    lines = ["10:00:10 pos.void lane=1 device=a", "10:00:10 pos.void lane=1 device=b"]
    for window, first in (("10s before void", "b"), ("10s after void", "a")):
        shop = Shop(small_rule(VOID, f"seen: pos.void, same: [lane], window: {window}"))
        shop.day("\n".join(lines))
        assert [dict(s["about"])["device"] for s in shop.signals] == [first]


def test_the_anchor_counts_in_aggregates_and_is_never_seen_or_missed() -> None:
    line = "10:00:10 pos.void lane=1"
    for window in ("10s before void", "10s after void", "10s around void"):
        rest = f"same: [lane], window: {window}"
        assert fires(f"count: pos.void, {rest}, exactly: 1", line) == 1
        assert fires(f"seen: pos.void, {rest}", line) == 0
        assert fires(f"not_seen: pos.void, {rest}", line) == 1


def test_a_missing_key_joins_nothing() -> None:
    seen = "seen: pos.item, same: [basket], window: 10s before void"
    assert fires(seen, "10:00:00 pos.item basket=B", "10:00:01 pos.void basket=B") == 1
    assert fires(seen, "10:00:00 pos.item", "10:00:01 pos.void") == 0
    assert fires(seen, "10:00:00 pos.item", "10:00:01 pos.void basket=B") == 0
    count = "count: pos.item, same: [basket], window: 10s before void, at_most: 5"
    assert fires(count, "10:00:00 pos.item", "10:00:01 pos.void basket=B") == 1
    assert fires(count, "10:00:00 pos.item", "10:00:01 pos.void") == 0


def bound_by(clause: str, *lines: str) -> list[object]:
    shop = Shop(small_rule(VOID, f"{clause}, as: found", because="'{found.sku}'"))
    shop.day("\n".join(lines))
    return [signal["because"] for signal in shop.signals]


ITEMS = (
    "10:00:01 pos.item lane=1 sku=A",
    "10:00:02 pos.item lane=1 sku=B",
    "10:00:02 pos.item lane=1 sku=C",
    "10:00:04 pos.void lane=1",
    "10:00:06 pos.item lane=1 sku=D",
    "10:00:06 pos.item lane=1 sku=E",
    "10:00:07 pos.item lane=1 sku=F",
)


@pytest.mark.parametrize(
    ("window", "pick", "bound"),
    [
        ("10s before void", "nearest", "C"),
        ("10s after void", "nearest", "D"),
        ("10s before void", "first", "A"),
        ("10s before void", "last", "C"),
        ("10s after void", "first", "D"),
        ("10s after void", "last", "F"),
        ("10s before void to 1s before void", "nearest", "C"),
        ("1s after void to 10s after void", "nearest", "D"),
        ("10s around void", "nearest", "C"),
        ("3s before void to 1s before void", "first", "A"),
    ],
)
def test_the_nearest_in_the_total_order_is_bound_unless_pick_says_otherwise(
    window: str, pick: str, bound: str
) -> None:
    clause = f"seen: pos.item, same: [lane], window: {window}, pick: {pick}"
    assert bound_by(clause, *ITEMS) == [bound]


def test_a_window_between_two_steps_takes_in_both_their_times() -> None:
    rule = small_rule(
        "event: rfid.read, as: exit, where: zone.kind == 'exit'",
        "seen: rfid.read, as: shelf, where: zone.kind == 'shelf', same: [epc], "
        "window: 1h before exit",
        "count: pos.item, as: n, same: [epc], window: between shelf and exit, exactly: 2",
    )
    shop = Shop(rule)
    shop.day(
        """
        09:59:59.999999 pos.item  epc=E1
        10:00:00        rfid.read epc=E1 zone.kind=shelf
        10:00:00        pos.item  epc=E1
        10:01:00        rfid.read epc=E1 zone.kind=exit
        10:01:00        pos.item  epc=E1
        10:01:00.000001 pos.item  epc=E1
        """
    )
    assert len(shop.signals) == 1


def test_one_anchor_has_one_verdict_and_repeats_are_its_evidence() -> None:
    shop = Shop(small_rule(VOID, "seen: pos.item, same: [lane], window: 10s before void"))
    shop.day(
        """
        10:00:00 pos.item lane=1 *3
        10:00:01 pos.void lane=1
        """
    )
    (signal,) = shop.signals
    assert len(signal["evidence"]) == 4
    assert len(signal["looks"][0]["found"]) == 3


@pytest.mark.parametrize("group", ["any_of", "all_of"])
@pytest.mark.parametrize(
    "second",
    ["check: x.units > 1", "seen: pos.refund, same: {sku: x.sku}, window: 10s after void"],
)
def test_a_nested_clause_may_speak_of_what_the_one_before_it_did_not_find(
    group: str, second: str
) -> None:
    match = (
        f"{group}: [{{seen: pos.item, as: x, window: 10s before void}}, {{{second}}}, "
        "{check: void.lane == '1'}]"
    )
    there = ["10:00:00 pos.item lane=1 sku=A units=2", "10:00:05 pos.void lane=1",
             "10:00:06 pos.refund sku=A"]  # fmt: skip
    assert fires(match, *there) == 1
    assert fires(match, *there[1:]) == (1 if group == "any_of" else 0)


def test_what_all_of_has_found_is_there_behind_it() -> None:
    rule = small_rule(
        VOID,
        "all_of: [{seen: pos.item, as: x, window: 10s before void}, {check: x.units > 1}]",
        because='"{x.sku}"',
    )
    shop = Shop(rule)
    shop.day("10:00:00 pos.item lane=1 sku=A units=2\n10:00:05 pos.void lane=1")
    assert shop.signals[0]["because"] == "A"
