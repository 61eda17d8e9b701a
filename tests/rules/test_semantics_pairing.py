"""Pairing one to one: what is a pair, what is the same item, what was not told."""

from __future__ import annotations

import pytest

from aislewatch.events.model import Device, StoreModel
from aislewatch.testing.small import Shop, small_rule

UNSCANNED = small_rule(
    "event: rfid.read, as: read",
    "unmatched: {left: rfid.read, right: pos.item}, same: [lane], by: [sku], "
    "window: 2s around read",
    "check: not has(partner)",
    about="{epc: read.epc, lane: read.lane}",
)
LANES = StoreModel(
    devices={
        "pad": Device("pad", lane="1", sees=frozenset({"rfid.read"})),
        "till": Device("till", lane="1", sees=frozenset({"pos.item"})),
    }
)


def accused(text: str, model: StoreModel | None = None) -> list[str]:
    shop = Shop(UNSCANNED, model=model)
    shop.day(text)
    return [dict(signal["about"])["epc"] for signal in shop.signals]


PAIRED = "unmatched: {left: rfid.read, right: pos.item}, same: [lane], by: [sku]"


def over(clause: str, *lines: str, when: str = "event: pos.payment_start, as: a") -> list[object]:
    """Give how many are left over on the left and on the right, by signal."""
    shop = Shop(small_rule(when, clause, because="'{size(left)} {size(right)}'"))
    shop.day("\n".join(lines))
    return [signal["because"] for signal in shop.signals]


def test_what_has_no_partner_on_the_other_side_is_left_over() -> None:
    paid = "10:00:09 pos.payment_start lane=1"
    window = "window: 1m before a"
    reads = "10:00:01 rfid.read lane=1 sku=A epc=E1", "10:00:02 rfid.read lane=1 sku=B epc=E2"
    items = "10:00:03 pos.item lane=1 sku=B", "10:00:04 pos.item lane=1 sku=C"
    assert over(f"{PAIRED}, {window}", *reads, *items, paid) == ["1 1"]
    assert over(f"{PAIRED}, {window}", reads[1], items[0], paid) == ["0 0"]
    assert over(f"{PAIRED}, {window}", paid) == ["0 0"]
    elsewhere = items[0].replace("lane=1", "lane=2")
    assert over(f"{PAIRED}, {window}", reads[1], elsewhere, paid) == ["1 0"]


def test_a_line_of_so_many_units_has_so_many_partners() -> None:
    paid = "10:00:09 pos.payment_start lane=1"
    reads = [f"10:00:0{n} rfid.read lane=1 sku=A epc=E{n}" for n in range(1, 4)]
    for units, left in ((" units=2", "1 0"), (" units=3", "0 0"), (" units=4", "0 1"), ("", "2 0")):
        item = f"10:00:05 pos.item lane=1 sku=A{units}"
        assert over(f"{PAIRED}, window: 1m before a", *reads, item, paid) == [left]


def test_what_misses_the_value_that_pairs_have_in_common_is_left_over() -> None:
    lines = "10:00:01 rfid.read lane=1 epc=E1", "10:00:02 pos.item lane=1"
    paid = "10:00:09 pos.payment_start lane=1"
    assert over(f"{PAIRED}, window: 1m before a", *lines, paid) == ["1 1"]


def test_only_what_meets_its_sides_condition_is_paired() -> None:
    lines = (
        "10:00:01 rfid.read lane=1 sku=A epc=E1 zone.kind=exit",
        "10:00:02 pos.item lane=1 sku=A",
        "10:00:09 pos.payment_start lane=1",
    )
    scan = "where_left: zone.kind == 'scan'"
    assert over(f"{PAIRED}, {scan}, window: 1m before a", *lines) == ["0 1"]
    assert over(f"{PAIRED}, where_right: has(epc), window: 1m before a", *lines) == ["1 0"]


def test_an_anchor_on_a_side_must_be_left_over_itself() -> None:
    when = "event: rfid.read, as: a"
    lines = (
        "10:00:01 rfid.read lane=1 sku=A epc=E1",
        "10:00:01 rfid.read lane=1 sku=B epc=E2",
        "10:00:02 pos.item lane=1 sku=A",
    )
    shop = Shop(small_rule(when, f"{PAIRED}, window: 3s around a", about="{epc: a.epc}"))
    shop.day("\n".join(lines))
    assert [dict(signal["about"])["epc"] for signal in shop.signals] == ["E2"]


def test_the_partner_is_the_leftover_opposite_or_is_not_there() -> None:
    rule = small_rule("event: rfid.read, as: a", f"{PAIRED}, window: 3s around a",
                      because="'{a.sku} {partner.sku}'")  # fmt: skip
    shop = Shop(rule)
    shop.day(
        """
        10:00:01 rfid.read lane=1 sku=A epc=E1
        10:00:01 rfid.read lane=1 sku=B epc=E2
        10:00:02 pos.item  lane=1 sku=C
        """
    )
    assert [s["because"] for s in shop.signals] == ["A C", "B unknown"]


def test_a_pairing_over_a_missing_key_does_not_hold() -> None:
    clause = f"{PAIRED}, window: 1m before a"
    assert over(clause, "10:00:01 rfid.read sku=A epc=E1", "10:00:09 pos.payment_start") == []


@pytest.mark.parametrize("cans", [2, 10, 25])
def test_many_of_a_kind_in_one_go_are_paired_from_the_first_on(cans: int) -> None:
    lines: list[str] = []
    for can in range(cans):
        minute, second = divmod(2 * can, 60)
        lines.append(f"10:{minute:02d}:{second:02d} pos.item lane=1 sku=A")
        lines.append(f"10:{minute:02d}:{second + 1:02d} rfid.read lane=1 sku=A epc=E{can}")
    assert accused("\n".join(lines)) == []
    # One line missing in the middle, and exactly one can is over.
    del lines[2 * (cans // 2)]
    assert len(accused("\n".join(lines))) == 1


def test_a_tag_that_is_heard_again_is_the_same_item() -> None:
    day = """\
10:00:00 rfid.read lane=1 sku=A epc=E1
10:00:00 pos.item  lane=1 sku=A
10:00:15 rfid.read lane=1 sku=A epc=E1
10:09:59 rfid.read lane=1 sku=A epc=E1"""
    assert accused(day) == []


def test_a_tag_that_is_heard_much_later_is_an_item_again() -> None:
    day = """\
10:00:00 rfid.read lane=1 sku=A epc=E1
10:00:00 pos.item  lane=1 sku=A
10:20:00 rfid.read lane=1 sku=A epc=E1"""
    assert accused(day) == ["E1"]


def test_a_row_that_could_not_be_read_blinds_its_instant_and_no_more() -> None:
    day = """\
10:00:00 rfid.read    lane=1 sku=A epc=E1 device=pad
10:00:01 device.state lane=1 device=till state=degraded reason=refused-row
10:05:00 rfid.read    lane=1 sku=A epc=E2 device=pad"""
    assert accused(day, LANES) == ["E2"]


def test_a_window_may_begin_at_the_partner_itself_which_lies_outside() -> None:
    switched = small_rule(
        "event: rfid.read, as: read",
        "unmatched: {left: rfid.read, right: pos.item}, same: [lane], by: [sku], "
        "window: 5s around read",
        "count: pos.item, as: later, same: [lane], window: between partner and read, exactly: 1",
    )
    wrong = "10:00:00 pos.item lane=1 sku=B\n"
    read = "10:00:02 rfid.read lane=1 sku=A epc=E1"
    for lines, holds in ((wrong, 0), (f"{wrong}10:00:01 pos.item lane=1 sku=C\n", 1), ("", 0)):
        shop = Shop(switched)
        shop.day(lines + read)
        assert len(shop.signals) == holds


def test_a_single_read_error_blinds_nothing() -> None:
    day = """\
10:00:00 rfid.read    lane=1 sku=A epc=E1 device=pad
10:00:01 device.state lane=1 device=till state=degraded reason=read-error"""
    assert accused(day, LANES) == ["E1"]


def test_a_device_of_the_lane_that_the_store_file_forgot_can_be_blind_too() -> None:
    day = """\
09:59:00 device.state lane=1 device=other-till state=failed reason=system-crash
10:00:00 rfid.read    lane=1 sku=A epc=E1 device=pad"""
    assert accused(day, LANES) == []
    assert accused(day.replace("lane=1 device=other", "lane=2 device=other"), LANES) == ["E1"]


def test_two_baskets_are_two_customers_whatever_else_they_share() -> None:
    odd = small_rule(
        "event: pos.item, as: line, where: has(weight)",
        about="{lane: line.lane, sku: line.sku, basket: line.basket}",
    )
    for other, incidents in (("b", 2), ("a", 1)):
        shop = Shop(odd)
        shop.day(
            "10:00:00 pos.item lane=1 sku=A weight=5 basket=a\n"
            f"10:16:00 pos.item lane=1 sku=A weight=5 basket={other}"
        )
        assert len(shop.said("incident.opened")) == incidents
