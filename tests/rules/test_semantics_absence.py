"""Absence: what it rests on, when it is told, and what makes it undecided."""

from __future__ import annotations

import pytest

from aislewatch.events.model import Device, StoreModel
from aislewatch.testing.lines import time_us
from aislewatch.testing.small import Shop, small_rule, types_of

EYES = StoreModel(
    devices={
        "eye": Device("eye", lane="1", sees=frozenset({"vision.person"})),
        "eye-2": Device("eye-2", lane="2", sees=frozenset({"vision.person"})),
    }
)
REFUND = "event: pos.refund, as: refund"
ALONE = small_rule(
    REFUND, "not_seen: vision.person, same: [lane], window: 10s before refund to 10s after refund"
)
CUSTOMER = small_rule(
    REFUND,
    "not_seen: vision.person, where: role != 'staff', same: [lane], window: 10s before refund",
)


def undecided(shop: Shop) -> list[object]:
    return [content["because"] for content in shop.said("judgement.undecided")]


def test_a_trailing_absence_holds_when_the_watermark_passes_its_deadline() -> None:
    shop = Shop(ALONE, lateness_us=2_000_000)
    shop.hear("10:00:00 pos.refund lane=1")
    assert types_of(shop.tick("10:00:11.999999"), "signal") == []
    (raised,) = (r for r in shop.tick("10:00:12") if r.type == "signal.raised")
    assert raised.time == time_us("10:00:10")


def test_a_final_tick_passes_every_deadline() -> None:
    shop = Shop(ALONE)
    shop.hear("10:00:00 pos.refund lane=1")
    assert "signal.raised" in types_of(shop.tick("10:00:00", final=True))


def test_an_event_at_the_deadline_itself_is_no_absence() -> None:
    shop = Shop(ALONE)
    shop.day("10:00:00 pos.refund lane=1\n10:00:10 vision.person lane=1")
    assert shop.signals == []
    assert undecided(shop) == []


def test_an_event_that_may_count_makes_an_absence_undecided() -> None:
    shop = Shop(CUSTOMER)
    shop.day("09:59:55 vision.person lane=1\n10:00:00 pos.refund lane=1")
    assert shop.signals == []
    (why,) = shop.said("judgement.undecided")
    assert why["clause"] == "not_seen vision.person"
    assert why["anchor"] == "test/2.0"


def test_an_event_that_certainly_does_not_count_leaves_an_absence_standing() -> None:
    shop = Shop(CUSTOMER)
    shop.day("09:59:55 vision.person lane=1 role=staff\n10:00:00 pos.refund lane=1")
    assert len(shop.signals) == 1


def test_an_event_that_certainly_counts_outweighs_one_that_may() -> None:
    shop = Shop(CUSTOMER)
    shop.day(
        """
        09:59:55 vision.person lane=1
        09:59:56 vision.person lane=1 role=customer
        10:00:00 pos.refund    lane=1
        """
    )
    assert shop.records[0].type == "store.configured"
    assert types_of(shop.records[1:]) == []


def test_an_absence_of_an_unknown_key_is_undecided() -> None:
    shop = Shop(ALONE)
    shop.day("10:00:00 pos.refund")
    assert undecided(shop) == ["what it joins on is unknown"]


@pytest.mark.parametrize("state", ["starting", "offline", "failed", "stopped"])
def test_a_sensor_that_could_not_see_makes_an_absence_undecided(state: str) -> None:
    shop = Shop(ALONE, model=EYES)
    shop.day(
        f"""
        09:00:00 device.state device=eye state={state} reason=crash
        10:00:00 pos.refund lane=1
        """
    )
    assert shop.signals == []
    assert undecided(shop) == [f"eye was {state} (crash) and would have seen vision.person"]


@pytest.mark.parametrize(
    ("down", "up", "decided"),
    [
        ("09:59:40", "09:59:50", True),
        ("09:59:40", "09:59:50.000001", False),
        ("10:00:10", "10:01:00", False),
        ("10:00:10.000001", "10:01:00", True),
        ("10:00:03", "10:00:04", False),
    ],
)
def test_a_sensor_must_have_been_healthy_for_all_of_the_window(
    down: str, up: str, decided: bool
) -> None:
    shop = Shop(ALONE, model=EYES)
    shop.day(
        "\n".join(
            sorted(
                [
                    f"{down} device.state device=eye state=offline",
                    f"{up} device.state device=eye state=online",
                    "10:00:00 pos.refund lane=1",
                ]
            )
        )
    )
    assert (len(shop.signals), len(undecided(shop))) == ((1, 0) if decided else (0, 1))


def test_a_sensor_that_is_connected_and_silent_is_healthy() -> None:
    shop = Shop(ALONE, model=EYES)
    shop.day("09:00:00 device.state device=eye state=online\n10:00:00 pos.refund lane=1")
    assert len(shop.signals) == 1


def test_a_sensor_that_was_never_heard_of_is_healthy() -> None:
    shop = Shop(ALONE, model=EYES)
    shop.day("10:00:00 pos.refund lane=1")
    assert len(shop.signals) == 1


def test_a_single_read_error_is_no_state_of_health() -> None:
    shop = Shop(ALONE, model=EYES)
    shop.day(
        """
        09:59:59 device.state device=eye state=degraded reason=read-error
        10:00:00 pos.refund lane=1
        """
    )
    assert len(shop.signals) == 1


def test_a_sensor_of_another_lane_does_not_matter() -> None:
    shop = Shop(ALONE, model=EYES)
    shop.day("09:00:00 device.state device=eye-2 state=failed\n10:00:00 pos.refund lane=1")
    assert len(shop.signals) == 1


def test_what_was_seen_needs_no_healthy_sensor() -> None:
    rule = small_rule(REFUND, "seen: vision.person, same: [lane], window: 10s before refund")
    shop = Shop(rule, model=EYES)
    shop.day(
        """
        09:59:58 vision.person device=eye
        09:59:59 device.state device=eye state=failed
        10:00:00 pos.refund lane=1
        """
    )
    assert len(shop.signals) == 1


def test_a_dead_sensor_does_not_hide_that_another_clause_fails() -> None:
    rule = small_rule(
        REFUND,
        "not_seen: vision.person, same: [lane], window: 10s before refund",
        "check: refund.units > 5",
    )
    shop = Shop(rule, model=EYES)
    shop.day(
        """
        09:59:59 device.state device=eye state=failed
        10:00:00 pos.refund lane=1 units=4
        """
    )
    assert undecided(shop) == []


def test_a_crash_told_late_withdraws_what_rested_on_silence() -> None:
    shop = Shop(ALONE, model=EYES)
    shop.hear("10:00:00 pos.refund lane=1")
    shop.tick("10:00:20")
    assert len(shop.signals) == 1
    said = shop.hear("09:59:00 device.state device=eye state=failed")
    assert types_of(said, "signal") == ["signal.withdrawn"]
    assert types_of(said, "judgement") == ["judgement.undecided"]
    said = shop.hear("09:59:30 device.state device=eye state=online")
    assert types_of(said, "signal") == ["signal.raised"]


STEPS = (
    "seen: rfid.read, as: shelf, where: zone.kind == 'shelf', same: [epc], window: 1h before exit",
    "not_seen: pos.item, same: [epc], window: between shelf and exit",
)
EXIT = "event: rfid.read, as: exit, where: zone.kind == 'exit'"


def test_an_absence_between_two_steps_cancels_without_falling_back_to_an_older_one() -> None:
    shop = Shop(small_rule(EXIT, *STEPS))
    shop.day(
        """
        10:00:00 rfid.read epc=E1 zone.kind=shelf
        10:01:00 rfid.read epc=E1 zone.kind=shelf
        10:02:00 pos.item  epc=E1
        10:03:00 rfid.read epc=E1 zone.kind=exit
        """
    )
    assert shop.signals == []


def test_a_sale_before_the_nearest_step_cancels_nothing_unless_pick_goes_further_back() -> None:
    lines = """
        10:00:00 rfid.read epc=E1 zone.kind=shelf
        10:01:00 pos.item  epc=E1
        10:02:00 rfid.read epc=E1 zone.kind=shelf
        10:03:00 rfid.read epc=E1 zone.kind=exit
        """
    nearest = Shop(small_rule(EXIT, *STEPS))
    nearest.day(lines)
    assert len(nearest.signals) == 1
    first = Shop(small_rule(EXIT, f"{STEPS[0]}, pick: first", STEPS[1]))
    first.day(lines)
    assert first.signals == []


def test_an_absence_cancels_wherever_it_stands_in_the_text() -> None:
    also = "seen: rfid.crossing, same: [epc], window: 1h before exit"
    lines = """
        10:00:00 rfid.read     epc=E1 zone.kind=shelf
        10:00:30 rfid.crossing epc=E1
        10:01:00 pos.item      epc=E1
        10:02:00 rfid.read     epc=E1 zone.kind=exit
        """
    for clauses in ((*STEPS, also), (STEPS[0], also, STEPS[1]), (also, *STEPS)):
        shop = Shop(small_rule(EXIT, *clauses))
        shop.day(lines)
        assert shop.signals == []


def test_an_undecided_alternative_does_not_spoil_one_that_holds() -> None:
    rule = small_rule(
        REFUND,
        "any_of: [{not_seen: vision.person, same: [lane], window: 10s before refund, points: 4}, "
        "{check: refund.units > 5, points: 3}]",
    )
    dead = "09:59:00 device.state device=eye state=failed\n"
    shop = Shop(rule, model=EYES)
    shop.day(f"{dead}10:00:00 pos.refund lane=1 units=6")
    assert [signal["points_cb"] for signal in shop.signals] == [130]
    assert undecided(shop) == []
    shop = Shop(rule, model=EYES)
    shop.day(f"{dead}10:00:00 pos.refund lane=1 units=5")
    assert shop.signals == []
    assert len(undecided(shop)) == 1
