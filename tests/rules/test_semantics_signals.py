"""Rules that judge signals of other rules: what they see, when, and what becomes of it later."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.errors import FileMistakes
from aislewatch.events.codec import content_hash
from aislewatch.events.kinds import Event, PosVoid
from aislewatch.events.model import Device, StoreModel
from aislewatch.events.record import Record
from aislewatch.rules.load import load_rules
from aislewatch.rules.rule import Rule
from aislewatch.testing.lines import parse_lines
from aislewatch.testing.small import REGISTRY, Shop
from aislewatch.testing.streams import tick_at

VOIDED = """
id: voided
title: A line is voided and nothing is sold for ten seconds
status: %s
when: {event: pos.void, as: v}
match:
  - {not_seen: pos.item, same: [lane], window: 10s after v}
incident: {type: fraud.test, about: {cashier: v.cashier, zone: v.zone.id}, points: 3, because: x}
"""

OFTEN = """
id: often
title: It happens again
status: live
when: {event: signal.voided, as: last}
match:
  - {count: signal.voided, as: n, same: [cashier], window: 1h before last, at_least: 2}
incident: {type: fraud.test, about: {cashier: last.cashier}, points: 9, because: "{n} times"}
"""

QUIET_DAY = """
id: calm
title: A drawer is opened and the cashier voided nothing
status: live
when: {event: pos.no_sale, as: open}
match:
  - {not_seen: signal.voided, same: [cashier], window: 1m before open}
incident: {type: fraud.test, about: {cashier: open.cashier}, points: 1, because: x}
"""


def load(*texts: str) -> list[Rule]:
    return load_rules({f"{n}.yml": text for n, text in enumerate(texts)}, REGISTRY)


def raised(shop: Shop) -> list[tuple[str, str]]:
    return [(str(s["rule"]), str(s["because"])) for s in shop.signals]


def test_a_signal_is_an_event_at_the_time_at_which_its_rule_was_judged() -> None:
    shop = Shop(*load(VOIDED % "live", OFTEN))
    shop.day("10:00:00 pos.void lane=1 cashier=A\n10:30:00 pos.void lane=1 cashier=A")
    assert sorted(raised(shop)) == [("often", "2 times"), ("voided", "x"), ("voided", "x")]
    (often,) = (signal for signal in shop.signals if signal["rule"] == "often")
    (first, second) = often["evidence"]
    assert (first["type"], first["cashier"], first["points"]) == ("signal.voided", "A", 3)
    assert second["time"] == often["decided_us"]
    assert second["device"] == "test"


def test_signals_of_a_shadow_rule_are_judged_too() -> None:
    shop = Shop(*load(VOIDED % "shadow", OFTEN))
    shop.day("10:00:00 pos.void lane=1 cashier=A\n10:00:01 pos.void lane=1 cashier=A")
    assert [rule for rule, _ in raised(shop)].count("often") == 1


def test_what_waits_for_a_signal_is_judged_after_those_of_the_same_moment() -> None:
    # The void is judged at 10:00:10, the very moment at which the drawer opens.
    shop = Shop(*load(VOIDED % "live", QUIET_DAY))
    shop.day("10:00:00 pos.void lane=1 cashier=A\n10:00:10 pos.no_sale cashier=A")
    assert [rule for rule, _ in raised(shop)] == ["voided"]
    earlier = Shop(*load(VOIDED % "live", QUIET_DAY))
    earlier.day("10:00:00 pos.void lane=1 cashier=A\n10:00:09 pos.no_sale cashier=A")
    assert [rule for rule, _ in raised(earlier)] == ["calm", "voided"]


def test_a_signal_that_is_withdrawn_takes_what_was_judged_by_it_with_it() -> None:
    shop = Shop(*load(VOIDED % "live", OFTEN))
    shop.hear("10:00:00 pos.void lane=1 cashier=A\n10:01:00 pos.void lane=1 cashier=A")
    shop.tick("10:02:00")
    assert [rule for rule, _ in raised(shop)].count("often") == 1
    shop.hear("10:00:05 pos.item lane=1")
    shop.tick("10:02:01")
    assert raised(shop) == [("voided", "x")]


def test_what_was_judged_for_a_signal_goes_with_it_whatever_else_the_late_event_bears_on() -> None:
    counting = """
id: counting
title: What was sold before somebody voided
status: live
when: {event: signal.voided, as: last}
match:
  - {count: pos.item, as: n, window: 1m before last}
incident: {type: fraud.test, about: {cashier: last.cashier}, points: 9, because: "{n} sold"}
"""
    shop = Shop(*load(VOIDED % "live", counting))
    shop.hear("10:00:00 pos.void lane=1 cashier=A")
    shop.tick("10:01:00")
    assert sorted(raised(shop)) == [("counting", "0 sold"), ("voided", "x")]
    shop.hear("10:00:05 pos.item lane=1")
    shop.tick("10:01:01")
    assert raised(shop) == []


def test_the_signal_of_a_content_that_does_not_count_is_heard_by_nobody() -> None:
    at_once = (VOIDED % "live").replace(
        "match:\n  - {not_seen: pos.item, same: [lane], window: 10s after v}\n", ""
    )
    (one,) = parse_lines("10:00:00 pos.void lane=1 cashier=A", REGISTRY)
    assert isinstance(one, PosVoid)
    other = msgspec.structs.replace(one, cashier="B")
    lower, higher = sorted((one, other), key=lambda e: content_hash(StoreModel().enrich(e)))
    shop = Shop(*load(at_once, QUIET_DAY))
    shop.take([higher])
    shop.hear("\n10:00:30 pos.no_sale cashier=" + (higher.cashier or ""))
    shop.tick("10:01:00")
    assert raised(shop) == [("voided", "x")]
    shop.take([lower])
    shop.tick("10:01:01")
    assert [(s["rule"], dict(s["about"])["cashier"]) for s in shop.signals] == [
        ("voided", lower.cashier),
        ("calm", higher.cashier),
    ]


def test_a_signal_about_a_device_is_of_the_device_of_what_was_judged() -> None:
    shop = Shop(
        *load(
            (VOIDED % "live").replace("about: {", "about: {device: v.device, "),
            OFTEN.replace("same: [cashier]", "same: [device]"),
        )
    )
    shop.day("10:00:00 pos.void lane=1 cashier=A\n10:30:00 pos.void lane=1 cashier=B")
    assert [rule for rule, _ in raised(shop)].count("often") == 1


def test_a_signal_that_comes_late_is_judged_and_counted_late() -> None:
    shop = Shop(*load(VOIDED % "live", OFTEN, QUIET_DAY))
    shop.hear("10:01:00 pos.void lane=1 cashier=A\n10:01:15 pos.no_sale cashier=A")
    shop.hear("10:00:30 pos.no_sale cashier=A")
    shop.tick("10:02:00")
    assert [rule for rule, _ in raised(shop)] == ["calm", "voided"]
    shop.hear("10:00:00 pos.void lane=1 cashier=A")
    shop.tick("10:02:01")
    assert sorted(rule for rule, _ in raised(shop)) == ["often", "voided", "voided"]


def test_an_absence_of_signals_of_a_rule_that_is_not_judged_accuses_nobody() -> None:
    opened = "10:00:00 pos.no_sale cashier=A"
    draft = Shop(*load(VOIDED % "draft", QUIET_DAY))
    draft.day(opened)
    assert draft.signals == []
    # Nor does it where the rule is not judged because no device sees what it would need.
    till = Device("till", sees=frozenset({"pos.void", "pos.no_sale"}))
    unseen = Shop(*load(VOIDED % "live", QUIET_DAY), model=StoreModel(devices={"till": till}))
    unseen.day(opened)
    assert unseen.signals == []


TILL = StoreModel(
    devices={
        "till": Device("till", lane="1", sees=frozenset({"pos.item", "pos.void", "pos.no_sale"})),
        "other": Device("other", lane="2", sees=frozenset({"pos.item", "pos.void", "pos.no_sale"})),
    }
)
DEAD = (
    "10:00:02 device.state device=till lane=1 state=offline\n"
    "10:00:04 device.state device=till lane=1 state=online\n"
)
VOIDS = "10:00:00 pos.void lane=1 cashier=A zone.id=Z\n"


def open_clauses(shop: Shop) -> set[tuple[str, str]]:
    return {(told["rule"], told["clause"]) for told in shop.said("judgement.undecided")}


def test_an_absence_of_signals_of_a_rule_that_was_undecided_is_undecided() -> None:
    shop = Shop(*load(VOIDED % "live", QUIET_DAY), model=TILL)
    shop.day(VOIDS + DEAD + "10:00:30 pos.no_sale cashier=A")
    assert raised(shop) == []
    assert open_clauses(shop) == {
        ("voided", "not_seen pos.item"),
        ("calm", "not_seen signal.voided"),
    }
    (calm,) = [t for t in shop.said("judgement.undecided") if t["rule"] == "calm"]
    assert calm["because"] == "whether voided holds was undecided, too"


def test_what_the_anchor_tells_of_a_signal_that_may_be_decides_whether_it_counts() -> None:
    # The void is of another cashier, so that no signal of it could be about this one.
    other = Shop(*load(VOIDED % "live", QUIET_DAY), model=TILL)
    other.day(VOIDS + DEAD + "10:00:30 pos.no_sale cashier=B")
    assert raised(other) == [("calm", "x")]
    # Nor does it count where it would lie outside the window: it would be of 10:00:10.
    early = Shop(*load(VOIDED % "live", QUIET_DAY), model=TILL)
    early.day(VOIDS + DEAD + "10:00:09 pos.no_sale cashier=A")
    assert raised(early) == [("calm", "x")]
    # What only clauses could tell may be anything: the points, here.
    for where, said in (("points >= 3", []), ("has(points)", []), ("cashier != 'A'", ["calm"])):
        looks = QUIET_DAY.replace("same: [cashier]", f'where: "{where}", same: [cashier]')
        shop = Shop(*load(VOIDED % "live", looks), model=TILL)
        shop.day(VOIDS + DEAD + "10:00:30 pos.no_sale cashier=A")
        assert [rule for rule, _ in raised(shop)] == said, where


def test_what_a_clause_found_may_be_anything_in_a_signal_that_may_be() -> None:
    found = (VOIDED % "live").replace(
        "match:", "match:\n  - {seen: pos.no_sale, as: s, window: 1m before v, optional: true}"
    ).replace("cashier: v.cashier", "cashier: s.cashier")  # fmt: skip
    shop = Shop(*load(found, QUIET_DAY), model=TILL)
    shop.day(VOIDS + DEAD + "10:00:30 pos.no_sale cashier=B")
    assert (raised(shop), ("calm", "not_seen signal.voided") in open_clauses(shop)) == ([], True)


def test_leftovers_are_undecided_where_a_signal_that_may_be_would_explain_them() -> None:
    pairs = """
id: pairs
title: A drawer is opened and nothing voided explains it
status: live
when: {event: pos.no_sale, as: open}
match:
  - {unmatched: {left: pos.no_sale, right: signal.voided}, same: [cashier], window: 1m around open}
incident: {type: fraud.test, about: {cashier: open.cashier}, points: 1, because: x}
"""
    shop = Shop(*load(VOIDED % "live", pairs), model=TILL)
    shop.day(VOIDS + DEAD + "10:00:30 pos.no_sale cashier=A\n10:00:31 pos.no_sale cashier=B")
    assert [dict(s["about"])["cashier"] for s in shop.signals] == ["B"]
    assert ("pairs", "unmatched") in open_clauses(shop)


def test_what_was_open_for_want_of_a_judgement_is_judged_anew_when_that_is_made() -> None:
    for late, said in (
        ("10:00:03 pos.item lane=1", ["calm"]),  # Sold after all, so that no signal can be.
        ("10:00:01.5 device.state device=till lane=1 state=online", []),  # Still dead afterwards.
    ):
        shop = Shop(*load(VOIDED % "live", QUIET_DAY), model=TILL)
        shop.hear(VOIDS + DEAD + "10:00:30 pos.no_sale cashier=A")
        shop.tick("10:02:00")
        assert raised(shop) == []
        shop.hear(late)
        shop.tick("10:02:01")
        assert [rule for rule, _ in raised(shop)] == said
    # And what was decided comes to be open when it turns out that nobody could see.
    shop = Shop(*load(VOIDED % "live", QUIET_DAY), model=TILL)
    shop.hear(VOIDS + "10:00:03 pos.item lane=1\n10:00:30 pos.no_sale cashier=A")
    shop.tick("10:02:00")
    assert raised(shop) == [("calm", "x")]
    shop.hear("10:00:06 device.state device=till state=failed\n10:00:05 pos.void lane=1 cashier=A")
    shop.tick("10:02:01")
    assert raised(shop) == []
    assert [told["rule"] for told in shop.said("signal.withdrawn")] == ["calm"]


def test_what_may_be_a_signal_is_known_after_a_restart_too() -> None:
    rules = load(VOIDED % "live", QUIET_DAY)
    figures = Settings("1", lateness_us=0)
    first = Core(figures, TILL, rules, REGISTRY)
    events = parse_lines(VOIDS + DEAD + "10:00:30 pos.no_sale cashier=A", REGISTRY)
    first.step([*events[:3], tick_at(events[2].time + 10_000_000)])
    second = Core(figures, TILL, rules, REGISTRY, first.snapshot())
    records = second.step([events[3], tick_at(events[3].time, final=True)])
    assert [r.type for r in records if r.type.startswith(("signal", "judgement"))] == [
        "judgement.undecided"
    ]


def test_layers_of_layers_are_judged_from_below() -> None:
    third = OFTEN.replace("id: often", "id: third").replace("voided", "often")
    shop = Shop(*load(third.replace("at_least: 2", "at_least: 1"), OFTEN, VOIDED % "live"))
    shop.day("10:00:00 pos.void lane=1 cashier=A\n10:00:01 pos.void lane=1 cashier=A")
    assert [rule for rule, _ in raised(shop)].count("third") == 1


def test_rules_that_are_judged_by_their_own_signals_are_a_mistake_in_each_of_them() -> None:
    back = (VOIDED % "live").replace("pos.void, as: v", "signal.often, as: v").replace(
        "match:\n  - {not_seen: pos.item, same: [lane], window: 10s after v}\n", ""
    ).replace(", zone: v.zone.id", "")  # fmt: skip
    with pytest.raises(FileMistakes) as found:
        load(back, OFTEN)
    told = [(m.file, m.line, m.message) for m in found.value.mistakes]
    assert told == [
        ("0.yml", 5, "this rule is judged by its own signals: voided -> often -> voided"),
        ("1.yml", 5, "this rule is judged by its own signals: often -> voided -> often"),
    ]


def test_a_signal_of_a_rule_that_is_not_there_is_a_mistake_with_the_nearest_name() -> None:
    with pytest.raises(FileMistakes) as found:
        load(VOIDED % "live", OFTEN.replace("count: signal.voided", "count: signal.voidet"))
    (mistake,) = found.value.mistakes
    assert mistake.message == "there is no rule 'voidet' beside this one"
    assert "voided" in (mistake.hint or "")


def test_a_field_that_a_rule_is_not_about_is_no_field_of_its_signals() -> None:
    with pytest.raises(FileMistakes, match="unknown field 'receipt'"):
        load(VOIDED % "live", OFTEN.replace("same: [cashier]", "same: [receipt]"))


LINES = st.lists(
    st.builds(
        "10:{:02}:{:02} {} lane=1 cashier={}".format,
        st.integers(0, 2), st.integers(0, 59),
        st.sampled_from(["pos.void", "pos.void", "pos.item", "pos.no_sale"]),
        st.sampled_from("AB"),
    ),
    max_size=14,
)  # fmt: skip


def core() -> Core:
    rules = load(VOIDED % "live", OFTEN, QUIET_DAY)
    return Core(Settings("1", lateness_us=0), StoreModel(), rules, REGISTRY)


def ended(core: Core, events: Sequence[Event]) -> list[tuple[str, int, bytes]]:
    """Take events and the log's end; give what was said."""
    at = max((event.time for event in events), default=0)
    return told(core.step([*events, tick_at(at, final=True)]))


def told(records: Sequence[Record]) -> list[tuple[str, int, bytes]]:
    """Give records but for what the shop is made of, which is told when the clock first ticks."""
    return [(r.stream, r.time, r.payload) for r in records if r.stream != "store"]


@settings(deadline=None, max_examples=40)
@given(LINES, st.data())
def test_a_walk_gives_what_a_jump_gives_and_a_restart_what_no_restart_gives(
    lines: list[str], data: st.DataObject
) -> None:
    events = sorted(parse_lines("\n".join(lines), REGISTRY), key=lambda e: (e.time, e.seq))
    jumped = ended(core(), events)
    walking = core()
    walked: list[tuple[str, int, bytes]] = []
    cut = data.draw(st.integers(0, len(events)))
    for number, event in enumerate(events):
        if number == cut:
            rules = load(VOIDED % "live", OFTEN, QUIET_DAY)
            figures = Settings("1", lateness_us=0)
            walking = Core(figures, StoreModel(), rules, REGISTRY, walking.snapshot())
        later = [one for one in events[number + 1 :] if one.time == event.time]
        records = walking.step([event] if later else [event, tick_at(event.time)])
        walked += told(records)
    end = events[-1].time if events else 0
    walked += told(walking.step([tick_at(end, final=True)]))
    assert walked == jumped
