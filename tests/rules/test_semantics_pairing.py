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
