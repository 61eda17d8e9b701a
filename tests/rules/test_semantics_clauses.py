"""Clauses: windows that hang on other events, what need not be there, so many of several."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from aislewatch.errors import FileMistakes
from aislewatch.events.model import Device, StoreModel
from aislewatch.rules.load import load_rule
from aislewatch.testing.lines import parse_lines
from aislewatch.testing.small import REGISTRY, Shop, small_rule

VOID = "event: pos.void, as: void"
DAY = 86_400_000_000
CLOSED = "10:00:10 pos.void lane=1 cashier=C1"


def shop_of(*match: str, lines: str, when: str = VOID, **incident: str) -> Shop:
    shop = Shop(small_rule(when, *match, **incident))
    shop.day(lines)
    return shop


def fires(*match: str, lines: str, when: str = VOID) -> int:
    return len(shop_of(*match, lines=lines, when=when).signals)


def undecided(shop: Shop) -> list[str]:
    return [content["clause"] for content in shop.said("judgement.undecided")]


# Windows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "window",
    ["before void", "after void", "10s", "between void", "ever before void", "until void", "void"],
)
def test_a_window_has_two_ends(window: str) -> None:
    with pytest.raises(FileMistakes) as found:
        small_rule(VOID, f"seen: pos.item, window: {window}")
    (mistake,) = found.value.mistakes
    assert "is not a" in mistake.message


def test_a_window_that_ends_before_it_begins_is_a_mistake() -> None:
    with pytest.raises(FileMistakes, match="ends before it begins"):
        small_rule(VOID, "seen: pos.item, window: 5s after void to 5s before void")


def test_a_window_is_measured_from_what_earlier_clauses_have_bound() -> None:
    window = "window: 5s after item"
    with pytest.raises(FileMistakes, match="bound only by a later clause"):
        small_rule(
            VOID, f"seen: pos.drawer, {window}", "seen: pos.item, as: item, window: 9s before void"
        )


def test_between_steps_that_came_the_other_way_round_there_is_nothing() -> None:
    rule = small_rule(
        VOID,
        "seen: pos.item, as: item, window: 9s around void",
        "seen: pos.drawer, window: between item and void",
    )
    absent = small_rule(
        VOID,
        "seen: pos.item, as: item, window: 9s around void",
        "not_seen: pos.drawer, window: between item and void",
    )
    drawer = "10:00:12 pos.drawer"
    for item, seen in (("10:00:14", [0, 1]), ("10:00:06", [0, 1])):
        found: list[int] = []
        for one in (rule, absent):
            shop = Shop(one)
            shop.day("\n".join(sorted([CLOSED, drawer, f"{item} pos.item"])))
            found.append(len(shop.signals))
        assert found == seen
    shop = Shop(rule)
    shop.day(f"10:00:06 pos.item\n10:00:08 pos.drawer\n{CLOSED}")
    assert len(shop.signals) == 1


def test_the_event_that_a_window_begins_or_ends_with_is_outside_unless_it_is_a_counted_anchor() -> (
    None
):
    shelf = "seen: rfid.read, as: shelf, where: zone.kind == 'shelf', window: 1h before exit"
    count = "count: rfid.read, as: n, window: between shelf and exit"
    rule = small_rule("event: rfid.read, as: exit, where: zone.kind == 'exit'", shelf, count,
                      because="'{n}'")  # fmt: skip
    shop = Shop(rule)
    shop.day(
        """
        10:00:00 rfid.read epc=E1 zone.kind=shelf
        10:00:10 rfid.read epc=E1 zone.kind=scan
        10:00:20 rfid.read epc=E1 zone.kind=exit
        """
    )
    assert [s["because"] for s in shop.signals] == ["2"]


def test_a_window_at_an_event_that_is_not_there_holds_nothing() -> None:
    item = "seen: pos.item, as: item, window: 9s before void, optional: true"
    rest = "window: 5s after item"
    assert fires(item, f"seen: pos.drawer, {rest}", lines=f"{CLOSED}\n10:00:11 pos.drawer") == 0
    for limit in ("at_least: 0", "at_most: 9"):
        assert fires(item, f"count: pos.drawer, {rest}, {limit}", lines=CLOSED) == 0
    shop = shop_of(item, f"not_seen: pos.drawer, {rest}", lines=CLOSED)
    assert shop.signals == []
    assert undecided(shop) == ["not_seen pos.drawer"]
    there = f"10:00:08 pos.item\n{CLOSED}"
    assert fires(item, f"not_seen: pos.drawer, {rest}", lines=there) == 1


def test_a_rule_is_judged_when_its_last_window_has_closed_and_at_that_time() -> None:
    shop = shop_of(
        "seen: pos.item, as: item, window: 9s after void",
        "not_seen: pos.drawer, window: 20s after item",
        lines=f"{CLOSED}\n10:00:12 pos.item",
    )
    (signal,) = shop.signals
    (record,) = (r for r in shop.records if r.type == "signal.raised")
    assert record.time == signal["decided_us"]
    earlier = shop_of(
        "seen: pos.item, window: 9s before void", lines=f"10:00:09 pos.item\n{CLOSED}"
    )
    # The latest that the windows can reach, and not where this day's item happened to be.
    assert signal["decided_us"] - earlier.signals[0]["decided_us"] == 29_000_000


# What need not be there -------------------------------------------------------------------------


def test_what_is_optional_holds_without_and_leaves_its_fields_unknown() -> None:
    item = "seen: pos.item, as: item, window: 9s before void, optional: true"
    there = f"10:00:08 pos.item sku=A\n{CLOSED}"
    for condition, found in (
        ("has(item)", (0, 1)),
        ("not has(item)", (1, 0)),
        ("item.sku == 'A'", (0, 1)),
        ("item.sku != 'B'", (0, 1)),
    ):
        clauses = (item, f'check: "{condition}"')
        assert (fires(*clauses, lines=CLOSED), fires(*clauses, lines=there)) == found, condition


def test_the_points_of_an_optional_clause_always_count() -> None:
    item = "seen: pos.item, window: 9s before void, optional: true, points: 5"
    for lines in (CLOSED, f"10:00:08 pos.item\n{CLOSED}"):
        assert shop_of(item, lines=lines).signals[0]["points_cb"] == 100 + 50


def test_points_that_a_rule_can_do_without_stand_in_an_any_of_beside_what_is_true() -> None:
    maybe = "any_of: [{check: true}, {seen: pos.item, window: 9s before void, points: 5}]"
    points = [
        shop_of(maybe, lines=lines).signals[0]["points_cb"]
        for lines in (CLOSED, f"10:00:08 pos.item\n{CLOSED}")
    ]
    assert points == [100, 150]


def test_a_value_that_was_named_holds_whatever_it_is() -> None:
    rule = small_rule(VOID, "count: pos.item, as: n, window: 9s before void", because="'{n}'")
    shop = Shop(rule)
    shop.day(CLOSED)
    assert [s["because"] for s in shop.signals] == ["0"]


def test_all_limits_of_a_figure_hold_together() -> None:
    count = "count: pos.item, window: 9s before void, at_least: 2, less_than: 4"
    found = [
        fires(count, lines=f"10:00:08 pos.item *{n}\n{CLOSED}" if n else CLOSED) for n in range(6)
    ]
    assert found == [0, 0, 1, 1, 0, 0]


# So many of several -----------------------------------------------------------------------------

PARTS = {True: "void.cashier == 'C1'", False: "void.cashier == 'C2'", None: "void.receipt == 'R'"}


@pytest.mark.parametrize(
    ("parts", "least"),
    [
        ((True, False, None), 1),
        ((True, True, False), 2),
        ((True, True, None), 2),
        ((True, True, True), 3),
    ],
)
def test_any_of_holds_where_enough_of_its_clauses_do_whatever_is_unknown_of_others(
    parts: tuple[bool | None, ...], least: int
) -> None:
    checks = ", ".join(f'{{check: "{PARTS[one]}"}}' for one in parts)
    assert fires(f"any_of: [{checks}], at_least: {least}", lines=CLOSED) == 1
    if least < 3:
        assert fires(f"any_of: [{checks}], at_least: {least + 1}", lines=CLOSED) == 0


def test_any_of_is_undecided_only_where_an_unknown_absence_would_decide() -> None:
    blind = StoreModel(devices={"t": Device("t", sees=frozenset({"pos.item", "pos.drawer"}))})
    absent = "{not_seen: pos.item, window: 9s before void}"
    down = "09:00:00 device.state device=t state=offline"
    for other, least, told in (
        ("C1", 1, (1, 0)),
        ("C2", 1, (0, 1)),
        ("C1", 2, (0, 1)),
        ("C2", 2, (0, 0)),
    ):
        check = f"{{check: \"void.cashier == '{other}'\"}}"
        rule = small_rule(VOID, f"any_of: [{absent}, {check}], at_least: {least}")
        shop = Shop(rule, model=blind)
        shop.day(f"{down}\n{CLOSED}")
        assert (len(shop.signals), len(undecided(shop))) == told, (other, least)


def test_all_of_holds_where_all_of_its_clauses_do() -> None:
    for parts, found in (((True, True), 1), ((True, False), 0), ((True, None), 0)):
        checks = ", ".join(f'{{check: "{PARTS[one]}"}}' for one in parts)
        assert fires(f"all_of: [{checks}]", lines=CLOSED) == found


def test_points_of_nested_clauses_count_where_they_hold_beside_those_of_the_group() -> None:
    group = (
        "any_of: [{check: \"void.cashier == 'C1'\", points: 3}, "
        "{check: \"void.lane == '1'\", points: 4}, {check: \"void.lane == '2'\", points: 5}], "
        "points: -2"
    )
    assert shop_of(group, lines=CLOSED).signals[0]["points_cb"] == 10 * (10 + 3 + 4 - 2)


def test_points_of_a_clause_can_speak_for_innocence() -> None:
    badge = "any_of: [{check: true}, {seen: badge.read, window: 1m around void, points: -15}]"
    lines = f"10:00:00 badge.read badge=B1\n{CLOSED}"
    assert shop_of(badge, lines=lines).signals[0]["points_cb"] == -50


# Excuses and needs ------------------------------------------------------------------------------

EXCUSED = """\
id: r
title: r
status: live
when: {event: pos.void, as: void}
match: [{not_seen: pos.item, window: 9s before void}]
incident: {type: theft.test, about: {lane: void.lane}, because: b}
except:
  - {name: training, where: "void.cashier == 'C1'", reason: trains, owner: A, until: 2026-01-01}
"""


def excused(lines: str, model: StoreModel | None = None) -> Shop:
    shop = Shop(load_rule(EXCUSED, "r.yml", REGISTRY), model=model)
    shop.day(lines)
    return shop


def test_an_excuse_that_is_unknown_excuses_nobody() -> None:
    assert excused(CLOSED).signals == []
    assert len(excused("10:00:10 pos.void cashier=C2").signals) == 1
    assert len(excused("10:00:10 pos.void").signals) == 1


def test_what_is_excused_is_not_undecided_either() -> None:
    down = "09:00:00 device.state device=test state=offline"
    model = StoreModel(devices={"test": Device("test", sees=frozenset({"pos.item"}))})
    for cashier, told in (("C1", []), ("C2", ["not_seen pos.item"])):
        shop = excused(f"{down}\n10:00:10 pos.void cashier={cashier}", model)
        assert shop.signals == []
        assert undecided(shop) == told


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        ("UTC", datetime(2026, 1, 2, tzinfo=UTC)),
        ("Asia/Tokyo", datetime(2026, 1, 1, 15, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 1, 2, 5, tzinfo=UTC)),
    ],
)
def test_an_exception_ends_with_its_last_day_in_the_shop_by_the_anchors_time(
    zone: str, end: datetime
) -> None:
    rule = load_rule(EXCUSED, "r.yml", REGISTRY, zone=zone)
    (void,) = parse_lines("10:00:00 pos.void cashier=C1", REGISTRY)
    end_us = int(end.timestamp()) * 1_000_000
    for time_us, fires_ in ((end_us - 1, 0), (end_us, 1)):
        shop = Shop(rule, timezone=zone, ahead_us=2 * DAY)
        shop.take([msgspec.structs.replace(void, time=time_us)])
        shop.tick("23:59:59.999999", final=True)
        assert len(shop.signals) == fires_, time_us


@pytest.mark.parametrize(
    ("zone", "until", "end"),
    [
        # Midnight of the 24th is left out: clocks go from 23:59:59 to one o'clock.
        ("Africa/Cairo", "2026-04-23", datetime(2026, 4, 23, 22, tzinfo=UTC)),
        # All of the 30th is left out.
        ("Pacific/Apia", "2011-12-29", datetime(2011, 12, 30, 10, tzinfo=UTC)),
        # The last hour of the 24th comes twice.
        ("America/Scoresbysund", "2026-10-24", datetime(2026, 10, 25, 2, tzinfo=UTC)),
    ],
)
def test_a_day_ends_with_the_change_of_clocks_that_leaves_its_midnight_out(
    zone: str, until: str, end: datetime
) -> None:
    text = EXCUSED.replace("2026-01-01", until)
    (excuse,) = load_rule(text, "r.yml", REGISTRY, zone=zone).excepts
    assert datetime.fromtimestamp(excuse.ends_us / 1_000_000, UTC) == end


def test_an_exception_may_end_with_the_last_day_of_the_calendar() -> None:
    text = EXCUSED.replace("2026-01-01", "9999-12-31")
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        (excuse,) = load_rule(text, "r.yml", REGISTRY, zone=zone).excepts
        assert excuse.ends_us > int(datetime(9999, 12, 30, tzinfo=UTC).timestamp()) * 1_000_000


def test_a_rule_means_the_same_wherever_the_days_of_its_exceptions_end() -> None:
    plain, there = (load_rule(EXCUSED, "r.yml", REGISTRY, zone=z) for z in ("UTC", "Asia/Tokyo"))
    assert there.excepts[0].ends_us != plain.excepts[0].ends_us
    assert there.meaning == there.declared == plain.meaning


def test_an_exception_that_has_ended_is_a_mistake_from_the_next_day_on() -> None:
    load_rule(EXCUSED, "r.yml", REGISTRY, today=date(2026, 1, 1))
    with pytest.raises(FileMistakes, match="the exception 'training' ended on 2026-01-01"):
        load_rule(EXCUSED, "r.yml", REGISTRY, today=date(2026, 1, 2))


def test_what_a_rule_requires_must_have_been_in_order_all_over_the_shop() -> None:
    eye = Device("eye", lane="2", sees=frozenset({"vision.person"}))
    text = EXCUSED.replace("match:", "requires: [vision.person healthy]\nmatch:")
    rule = load_rule(text, "r.yml", REGISTRY)
    till = Device("till", sees=frozenset({"pos.item"}))
    model = StoreModel(devices={"eye": eye, "till": till})
    for down, up, told in (
        ("10:00:00.5", "10:00:00.9", 0),
        ("10:00:00.5", "10:00:05", 1),
        ("10:00:10", "10:00:20", 1),
        ("10:00:10.5", "10:00:20", 0),
    ):
        shop = Shop(rule, model=model)
        shop.day("\n".join(sorted([
            f"{down} device.state device=eye state=offline",
            f"{up} device.state device=eye state=online",
            "10:00:10 pos.void lane=1",
        ])))  # fmt: skip
        assert (len(shop.signals), len(undecided(shop))) == (1 - told, told), down


PLACES = StoreModel(
    devices={
        "desk": Device("desk", zone="D", lane="1", sees=frozenset({"vision.person"})),
        "door": Device("door", zone="X", sees=frozenset({"vision.person"})),
        "hall": Device("hall", sees=frozenset({"vision.person"})),
    },
)
NOBODY = """
id: nobody
title: Nobody was there
status: live
when: {event: pos.refund, as: refund}
match:
  - {not_seen: vision.person, same: [store], window: 1m before refund}
requires: [vision.person healthy]
incident: {type: fraud.test, about: {cashier: refund.cashier}, because: x}
"""


def blinded(requires: str, place: str, dead: str, text: str = NOBODY) -> tuple[int, int]:
    rule = load_rule(text.replace("vision.person healthy", requires), "r.yml", REGISTRY)
    shop = Shop(rule, model=PLACES)
    where = " zone.id=N" if dead == "new" else ""
    shop.day(
        f"09:59:00 device.state device={dead} state=offline{where}\n"
        f"10:00:00 pos.refund cashier=C {place}"
    )
    return len(shop.signals), len(undecided(shop))


def test_what_a_rule_requires_somewhere_must_have_been_in_order_there() -> None:
    zone, lane = "vision.person on refund.zone.id healthy", "vision.person on refund.lane healthy"
    for requires, place, told in (
        ("vision.person healthy", "zone.id=D", {"desk", "door", "hall"}),
        (zone, "zone.id=D", {"desk", "hall"}),
        (zone, "zone.id=X", {"door", "hall"}),
        (zone, "zone.id=N", {"hall", "new"}),
        (zone, "lane=1", {"desk", "door", "hall"}),  # Where it is, nobody knows.
        (lane, "lane=1", {"desk", "door", "hall"}),
        (lane, "lane=2", {"door", "hall"}),
    ):
        for dead in ("desk", "door", "hall", "new"):
            expected = (0, 1) if dead in told else (1, 0)
            assert blinded(requires, place, dead) == expected, (requires, place, dead)


def test_a_desk_is_the_zone_of_what_is_judged() -> None:
    desk = "vision.person on refund.desk healthy"
    assert blinded(desk, "zone.id=D", "door") == (1, 0)
    assert blinded(desk, "zone.id=D", "desk") == (0, 1)


def test_an_absence_rests_on_the_devices_that_a_rule_requires_for_it() -> None:
    zone = "vision.person on refund.zone.id healthy"
    # Nothing but the absence looks at that time: the requirement alone would see less.
    assert blinded(zone, "zone.id=D", "door") == (1, 0)
    assert blinded("rfid.read on refund.zone.id healthy", "zone.id=D", "door") == (0, 0)
    # Where all over the shop is asked, too, it is all over the shop.
    assert blinded(f"{zone}, vision.person healthy", "zone.id=D", "door") == (0, 1)
    # Two places are both meant.
    both = f"{zone}, vision.person on refund.lane healthy"
    assert blinded(both, "zone.id=X lane=2", "door") == (0, 1)
    assert blinded(both, "zone.id=X lane=2", "desk") == (1, 0)


@pytest.mark.parametrize(
    ("requires", "message"),
    [
        ("vision.person on refund.door healthy", "unknown field 'door' of 'refund' (pos.refund)"),
        ("vision.person on desk healthy", "unknown name 'desk'"),
        (
            "vision.person on refund.cashier healthy",
            "'refund.cashier' is neither the lane nor the zone of what is judged",
        ),
        ("signal.nobody healthy", "there is no rule 'nobody' beside this one"),
    ],
)
def test_a_place_that_is_none_is_a_mistake_where_it_stands(requires: str, message: str) -> None:
    text = NOBODY.replace("vision.person healthy", requires)
    with pytest.raises(FileMistakes) as found:
        load_rule(text, "r.yml", REGISTRY)
    assert [(one.line, one.message) for one in found.value.mistakes] == [(8, message)]


def test_what_rules_say_has_no_devices_that_could_be_required() -> None:
    text = NOBODY.replace("vision.person healthy", "signal.other healthy")
    with pytest.raises(FileMistakes, match="signals come from rules, and no device sees them"):
        load_rule(text, "r.yml", REGISTRY, beside={"other": ()})


def test_a_rule_that_needs_what_no_device_of_the_shop_sees_is_not_judged_there() -> None:
    eye = Device("eye", sees=frozenset({"vision.person"}))
    shop = excused("10:00:10 pos.void cashier=C2", StoreModel(devices={"eye": eye}))
    assert (shop.signals, undecided(shop)) == ([], [])
    assert shop.said("store.configured")[0]["rules"] == {}
    till = Device("till", sees=frozenset({"pos.item"}))
    shop = excused("10:00:10 pos.void cashier=C2", StoreModel(devices={"till": till}))
    assert len(shop.signals) == 1
    assert set(shop.said("store.configured")[0]["rules"]) == {"r"}
