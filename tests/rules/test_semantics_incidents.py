"""The life of an incident: opened, rescored, merged, split, cleared, escalated, settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aislewatch.rules.rule import Status
from aislewatch.testing.lines import time_us
from aislewatch.testing.small import Shop, small_rule, types_of

VOID = "event: pos.void, as: void"


def shop_of(*texts: str, **settings: Any) -> Shop:
    shop = Shop(
        small_rule(
            "event: pos.no_sale, as: a",
            about="{cashier: a.cashier, lane: a.lane, receipt: a.receipt, customer: a.customer}",
            points="12",
        ),
        small_rule(
            "event: pos.refund, as: b",
            "not_seen: pos.item, same: [receipt], window: 1h before b",
            rule="s",
            about="{cashier: b.cashier, lane: b.lane, receipt: b.receipt, customer: b.customer}",
            points="15",
            family="f",
        ),
        small_rule(
            "event: queue.level, as: c",
            rule="q",
            type="operations.queue",
            about="{lane: c.lane, zone: c.zone.id}",
            points="3",
        ),
        **settings,
    )
    for text in texts:
        shop.hear(text)
        shop.tick(text.split()[0])
    return shop


def steps(shop: Shop) -> list[str]:
    return types_of(shop.records, "incident")


def last(shop: Shop, ident: str) -> Mapping[str, Any]:
    told = shop.said("incident.opened", "incident.rescored")
    return [content for content in told if content["incident"] == ident][-1]


def test_a_strong_entity_merges_alone() -> None:
    shop = shop_of("10:00:00 pos.no_sale receipt=R1", "10:01:00 pos.refund receipt=R1")
    assert steps(shop) == ["incident.opened", "incident.rescored"]
    assert last(shop, "1-1")["score_cb"] == -300 + 120 + 150
    assert last(shop, "1-1")["level"] == "noted"


def test_weak_entities_merge_only_together() -> None:
    one_weak = shop_of(
        "10:00:00 pos.no_sale cashier=C1", "10:01:00 pos.refund cashier=C1 receipt=R"
    )
    assert steps(one_weak) == ["incident.opened", "incident.opened"]
    two_weak = shop_of(
        "10:00:00 pos.no_sale cashier=C1 lane=1", "10:01:00 pos.refund cashier=C1 lane=1 receipt=R"
    )
    assert steps(two_weak) == ["incident.opened", "incident.rescored"]


def test_losses_of_another_class_stay_apart() -> None:
    shop = shop_of("10:00:00 pos.no_sale lane=1", "10:00:01 queue.level lane=1 customers=6")
    assert steps(shop) == ["incident.opened", "incident.opened"]


def test_the_merge_window_includes_its_bound() -> None:
    first = "10:00:00 pos.no_sale receipt=R1"
    inside = shop_of(first, "10:30:00 pos.no_sale receipt=R1", ahead_us=4_000_000_000)
    assert steps(inside) == ["incident.opened", "incident.rescored"]
    outside = shop_of(first, "10:30:00.000001 pos.no_sale receipt=R1", ahead_us=4_000_000_000)
    assert steps(outside) == ["incident.opened", "incident.opened"]


def test_a_signal_that_belongs_to_two_incidents_merges_them_into_the_older() -> None:
    shop = shop_of(
        "10:00:00 pos.no_sale receipt=R1",
        "10:00:01 pos.no_sale customer=P1",
        "10:00:02 pos.no_sale receipt=R1 customer=P1",
    )
    assert steps(shop)[-2:] == ["incident.merged", "incident.rescored"]
    (merged,) = shop.said("incident.merged")
    assert (merged["incident"], merged["into"]) == ("1-2", "1-1")
    assert last(shop, "1-1")["signals"] == 3


def test_an_incident_falls_apart_when_what_held_it_together_is_withdrawn() -> None:
    shop = shop_of(
        "10:00:00 pos.no_sale customer=P1",
        "10:00:01 pos.no_sale receipt=R1",
        "10:00:02 pos.refund receipt=R1 customer=P1",
    )
    assert len(shop.said("incident.merged")) == 1
    before = len(shop.records)
    shop.hear("09:59:00 pos.item receipt=R1")
    said = [record.type for record in shop.records[before:]]
    assert said == ["event.late", "signal.withdrawn", "incident.rescored", "incident.opened"]
    opened = shop.said("incident.opened")[-1]
    assert opened["incident"] == "1-3"
    assert opened["split_from"] == ["1-1"]
    assert {last(shop, ident)["signals"] for ident in ("1-1", "1-3")} == {1}


def test_an_incident_is_cleared_when_its_last_signal_is_withdrawn() -> None:
    shop = shop_of("10:00:00 pos.refund receipt=R1")
    said = shop.hear("09:59:00 pos.item receipt=R1")
    assert types_of(said, "incident") == ["incident.cleared"]
    said = shop.hear("09:59:30 pos.no_sale receipt=R1")
    assert types_of(said, "incident") == ["incident.opened"]
    assert last(shop, "1-2")["signals"] == 1


def test_an_incident_escalates_when_it_reaches_a_level_for_the_first_time() -> None:
    shop = shop_of(
        "10:00:00 pos.no_sale receipt=R1",
        "10:00:01 pos.refund receipt=R1",
        "10:00:02 pos.no_sale receipt=R1",
        priors_cb={"theft": -120},
    )
    assert [(e["from"], e["to"]) for e in shop.said("incident.escalated")] == [
        ("noted", "even-odds"),
        ("even-odds", "likely"),
        ("likely", "near-certain"),
    ]
    assert last(shop, "1-1")["score_cb"] == -120 + 120 + 150 + 60
    shop.hear("09:59:00 pos.item receipt=R1")
    shop.hear("09:59:01 pos.item receipt=R1")
    assert last(shop, "1-1")["level"] == "even-odds"
    assert len(shop.said("incident.escalated")) == 3


def test_an_incident_settles_when_no_signal_can_join_it_any_more() -> None:
    shop = shop_of("10:00:00 pos.no_sale receipt=R1")
    # Merged within half an hour; told a quarter of an hour late at worst; house kept now and then.
    assert "incident.settled" not in types_of(shop.tick("10:45:00"))
    (settled,) = (r for r in shop.tick("11:00:00") if r.type == "incident.settled")
    assert settled.time == time_us("10:30:00")


def test_incidents_that_settle_at_once_are_told_in_the_order_of_their_ends() -> None:
    shop = shop_of(
        "10:00:00 pos.no_sale receipt=R1",
        "10:00:01 pos.no_sale receipt=R2",
        "10:02:00 pos.no_sale receipt=R1",
    )
    shop.tick("12:00:00")
    assert [s["incident"] for s in shop.said("incident.settled")] == ["1-2", "1-1"]


def test_a_sliding_group_waits_for_as_long_as_any_of_its_signals_does() -> None:
    both = "{lane: a.lane, cashier: a.cashier}"
    wide = small_rule(
        "event: pos.void, as: a", rule="w", about=both, group="{same: [lane], gap: 2h}"
    )
    near = small_rule("event: pos.no_sale, as: a", rule="n", about=both)
    shop = Shop(wide, near, ahead_us=10**11)
    for text in (
        "10:00:00 pos.void lane=1 cashier=C1",
        "10:00:01 pos.no_sale lane=1 cashier=C1",
        "12:00:00 pos.void lane=1",
    ):
        shop.hear(text)
        shop.tick(text.split()[0])
    assert steps(shop) == ["incident.opened", "incident.rescored", "incident.rescored"]


def test_a_burst_at_the_exit_is_one_incident_and_not_one_a_tag() -> None:
    rule = small_rule(
        "event: rfid.crossing, as: exit", about="{epc: exit.epc}", group="{same: [store], gap: 60s}"
    )
    shop = Shop(rule)
    for text in (
        "10:00:00 rfid.crossing epc=E1",
        "10:01:00 rfid.crossing epc=E2",
        "10:02:00.000001 rfid.crossing epc=E3",
    ):
        shop.hear(text)
        shop.tick(text.split()[0])
    assert [c["signals"] for c in shop.said("incident.opened", "incident.rescored")] == [1, 2, 1]


def test_a_shadow_rule_speaks_and_makes_no_incident() -> None:
    shop = Shop(replace(small_rule(VOID), status="shadow"))
    shop.day("10:00:00 pos.void lane=1")
    assert len(shop.signals) == 1
    assert steps(shop) == []


def test_quiet_silences_and_is_judged_again_when_the_silencer_is_withdrawn() -> None:
    rule = small_rule(
        "event: rfid.crossing, as: exit",
        "not_seen: pos.item, same: [epc], window: 3s before exit",
        about="{epc: exit.epc}",
        quiet="30m per epc",
    )
    shop = Shop(rule)
    shop.hear("10:00:00 rfid.crossing epc=E1")
    shop.hear("10:00:09 rfid.crossing epc=E1")
    shop.tick("10:00:10")
    assert [signal["anchor"] for signal in shop.signals] == ["test/1.0"]
    said = shop.hear("09:59:59 pos.item epc=E1")
    assert types_of(said, "signal") == ["signal.withdrawn", "signal.raised"]
    assert [signal["anchor"] for signal in shop.signals] == ["test/2.0"]


# Quiet ------------------------------------------------------------------------------------------

EXIT = "event: rfid.crossing, as: exit"


def silenced(*clocks: str, **incident: str) -> list[str]:
    """Give the anchors' clocks of the signals that stand."""
    said = {"about": "{epc: exit.epc, person: exit.person}", "quiet": "30m per epc", **incident}
    shop = Shop(small_rule(EXIT, because="'{exit.rssi}'", **said))
    shop.day("\n".join(f"{clock} rfid.crossing epc=E1 rssi=-{n}" for n, clock in enumerate(clocks)))
    return [clocks[-int(signal["because"])] for signal in shop.signals]


def test_quiet_includes_its_last_instant_and_ends_after_it() -> None:
    assert silenced("10:00:00", "10:30:00") == ["10:00:00"]
    assert silenced("10:00:00", "10:30:00.000001") == ["10:00:00", "10:30:00.000001"]


def test_what_was_silenced_silences_nobody() -> None:
    assert silenced("10:00:00", "10:20:00", "10:40:00") == ["10:00:00", "10:40:00"]


def test_a_signal_about_nothing_known_is_not_silenced() -> None:
    assert len(silenced("10:00:00", "10:01:00", quiet="30m per person")) == 2


def test_quiet_silences_its_own_rule_about_the_same_thing_alone() -> None:
    one, other = (
        small_rule(EXIT, rule=name, about="{epc: exit.epc}", quiet="30m per epc") for name in "rs"
    )
    shop = Shop(one, other)
    shop.day("10:00:00 rfid.crossing epc=E1\n10:00:01 rfid.crossing epc=E2\n"
             "10:00:02 rfid.crossing epc=E1")  # fmt: skip
    assert len(shop.signals) == 4


# The life of a rule -----------------------------------------------------------------------------


def test_draft_and_retired_rules_say_nothing() -> None:
    expected: dict[Status, int] = {"draft": 0, "retired": 0, "shadow": 1, "live": 1}
    for status, signals in expected.items():
        shop = Shop(replace(small_rule(VOID), status=status))
        shop.day("10:00:00 pos.void lane=1")
        assert len(shop.signals) == signals, status


def test_a_signal_tells_the_meaning_and_version_of_its_rule() -> None:
    rule = replace(small_rule(VOID), version=3)
    shop = Shop(rule)
    shop.day("10:00:00 pos.void lane=1")
    (signal,) = shop.signals
    assert (signal["meaning"], signal["version"]) == (rule.meaning, 3)


def test_the_meaning_of_a_rule_is_what_it_decides_and_not_how_it_is_written() -> None:
    when = "event: pos.void, as: {}, where: amount > {}"
    plain = small_rule(when.format("v", "EUR 5"), about="{lane: v.lane}")
    same = small_rule(when.format("v", "EUR 5.00"), about="{lane: v.lane}")
    assert plain.meaning == same.meaning
    other = small_rule(when.format("v", "EUR 5.01"), about="{lane: v.lane}")
    assert plain.meaning != other.meaning
