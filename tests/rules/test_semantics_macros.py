"""Macros: what they stand for, what they see, and where their mistakes are told."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.authoring.mutants import sites_of
from aislewatch.errors import FileMistakes, Mistake
from aislewatch.rules.english import english
from aislewatch.rules.load import load_rules
from aislewatch.rules.macros import LARGEST, Macros, read_macros
from aislewatch.rules.rule import Rule
from aislewatch.testing.small import REGISTRY, Shop

RULE = """
id: %s
title: A tag leaves
status: live
when: {event: rfid.read, as: exit, where: "%s"}
match:
  - {not_seen: pos.item, same: [epc], window: 1h before exit}
incident: {type: theft.test, about: {epc: exit.epc}, points: 3, because: x}
"""

MACROS = """
at_exit: zone.kind == 'exit'
loud:
  expression: rssi > -60dBm or macros.moving
  description: A tag that the gate hears well.
  for: [rfid.read]
moving: has(antenna)
"""


def load(macros: str, *wheres: str) -> list[Rule]:
    files = {f"{n}.yml": RULE % (f"r{n}", where) for n, where in enumerate(wheres)}
    known = read_macros(macros, "macros.yml")
    return load_rules(files, REGISTRY, macros=dict.fromkeys(files, known))


def mistakes(macros: str, *wheres: str) -> list[Mistake]:
    with pytest.raises(FileMistakes) as found:
        load(macros, *wheres)
    return list(found.value.mistakes)


def told(macros: str, *wheres: str) -> list[str]:
    return [f"{m.file}:{m.line}:{m.column} {m.message}" for m in mistakes(macros, *wheres)]


def test_a_macro_stands_for_what_it_says_in_brackets() -> None:
    (short, long, unlike) = load(
        MACROS,
        "macros.at_exit and macros.loud",
        "zone.kind == 'exit' and (rssi > -60dBm or has(antenna))",
        "zone.kind == 'exit' and rssi > -60dBm or has(antenna)",
    )
    assert short.anchor.where is not None
    assert long.anchor.where is not None
    assert unlike.anchor.where is not None
    assert short.anchor.where.term == long.anchor.where.term
    assert short.anchor.where.term != unlike.anchor.where.term
    assert short.anchor.where.shown == (
        "(zone.kind == 'exit') and (rssi > -60dBm or (has(antenna)))"
    )
    shop = Shop(short)
    shop.day(
        "10:00:00 rfid.read epc=E1 zone.kind=exit rssi=-50\n"
        "10:00:01 rfid.read epc=E2 zone.kind=exit rssi=-70\n"
        "10:00:02 rfid.read epc=E3 zone.kind=shelf rssi=-50 antenna=1\n"
        "10:00:03 rfid.read epc=E4 zone.kind=exit rssi=-70 antenna=1\n"
    )
    assert [dict(signal["about"])["epc"] for signal in shop.signals] == ["E1", "E4"]


def test_the_meaning_of_a_rule_does_not_tell_whether_a_macro_was_used() -> None:
    (short,) = load(MACROS, "macros.at_exit")
    (long,) = load(MACROS, "zone.kind == 'exit'")
    (other,) = load(MACROS, "zone.kind == 'shelf'")
    assert short.meaning == long.meaning == short.declared
    assert other.meaning != long.meaning
    assert english(short, REGISTRY.kinds) == english(long, REGISTRY.kinds)


def test_a_macro_is_checked_against_the_event_that_it_is_used_for() -> None:
    macros = "strong: rssi > -60dBm"
    assert load(macros, "macros.strong")
    at_the_till = RULE.replace("rfid.read", "pos.void").replace("epc: exit.epc", "d: exit.device")
    known = read_macros(macros, "macros.yml")
    with pytest.raises(FileMistakes) as found:
        load_rules(
            {"r.yml": at_the_till.replace("same: [epc], ", "") % ("r", "macros.strong")},
            REGISTRY,
            macros={"r.yml": known},
        )
    (mistake,) = found.value.mistakes
    assert (mistake.file, mistake.line, mistake.column) == ("macros.yml", 1, 9)
    assert mistake.message == "unknown field 'rssi' of pos.void"


def test_a_macro_that_says_what_it_is_for_is_used_for_nothing_else() -> None:
    macros = "tilled: {expression: has(lane), for: pos.item}"
    assert told(macros, "macros.tilled") == [
        "0.yml:5:44 this macro is for pos.item and not for rfid.read"
    ]
    bound = "tilled: {expression: has(exit.lane), for: rfid.read}"
    rule = RULE.replace("match:", "match:\n  - {check: macros.tilled}") % ("r", "has(epc)")
    with pytest.raises(FileMistakes) as found:
        load_rules({"r.yml": rule}, REGISTRY, macros={"r.yml": read_macros(bound, "macros.yml")})
    messages = [mistake.message for mistake in found.value.mistakes]
    assert "this macro is for rfid.read and not for events that are bound" in messages


def test_a_macro_that_says_what_it_is_for_is_checked_though_nobody_uses_it() -> None:
    macros = "tilled: {expression: 'lane > 5g', for: [pos.item, pos.itm]}"
    assert told(macros, "has(epc)") == [
        "macros.yml:1:23 cannot compare text with mass",
        "macros.yml:1:51 unknown type of event 'pos.itm'",
    ]


def test_a_macro_names_what_is_bound_where_it_is_used() -> None:
    rule = RULE.replace("match:", "match:\n  - {check: macros.laned}") % ("r", "has(epc)")
    known = read_macros("laned: exit.lane == 'L1'", "macros.yml")
    (made,) = load_rules({"r.yml": rule}, REGISTRY, macros={"r.yml": known})
    shop = Shop(made)
    shop.day("10:00:00 rfid.read epc=E1 lane=L1\n10:00:01 rfid.read epc=E2 lane=L2")
    assert [dict(signal["about"])["epc"] for signal in shop.signals] == ["E1"]


def test_a_mistake_inside_a_macro_is_told_once_and_by_whom_it_was_met() -> None:
    found = mistakes("far: rssi > 60g", "macros.far", "has(epc) and macros.far and macros.far")
    (one,) = found
    assert (one.file, one.line, one.column, one.length) == ("macros.yml", 1, 6, 10)
    assert one.message == "cannot compare level with mass"
    assert one.hint.endswith("used in 0.yml:5")


def test_a_mistake_inside_a_macro_hides_none_of_the_rule() -> None:
    assert told("far: rssi > 60g\nbad: (rssi", "macros.far and macros.bad and zone.knd == 'x'") == [
        "0.yml:5:74 unknown field 'zone.knd' of rfid.read",
        "macros.yml:1:6 cannot compare level with mass",
        "macros.yml:2:6 '(' is opened and never closed",
    ]


def test_an_unknown_macro_is_a_mistake_with_the_nearest_name() -> None:
    (mistake,) = mistakes(MACROS, "macros.at_exot")
    assert (mistake.file, mistake.line, mistake.column) == ("0.yml", 5, 44)
    assert mistake.message == "unknown macro 'at_exot'"
    assert mistake.hint.startswith("did you mean 'at_exit'?")
    (inside,) = mistakes("here: macros.ther\nthere: has(epc)", "macros.there")
    assert (inside.file, inside.line, inside.message) == ("macros.yml", 1, "unknown macro 'ther'")


def test_macros_that_are_made_of_themselves_are_a_mistake_in_each_of_them() -> None:
    cycle = "a: macros.b\nb: has(epc) or macros.c\nc: not macros.a\nd: macros.d\ne: macros.a"
    assert sorted(told(cycle, "macros.e and macros.b")) == [
        "macros.yml:1:4 this macro is made of itself: a -> b -> c -> a",
        "macros.yml:2:16 this macro is made of itself: b -> c -> a -> b",
        "macros.yml:3:8 this macro is made of itself: c -> a -> b -> c",
        "macros.yml:4:4 this macro is made of itself: d -> d",
    ]


def test_a_macro_sees_no_parameters() -> None:
    (mistake,) = mistakes("near: rssi > params.near", "macros.near")
    assert (mistake.file, mistake.column) == ("macros.yml", 14)
    assert mistake.message == "a macro sees no parameters: rules with others share it"


def test_macros_that_grow_by_powers_are_refused() -> None:
    lines = [f"m{n}: macros.m{n + 1} and macros.m{n + 1}" for n in range(40)]
    found = told("\n".join([*lines, "m40: has(epc)"]), "macros.m0", "macros.m39")
    assert found
    assert {line.partition(" ")[2] for line in found} == {
        "with the macros in it written out, this is too large"
    }
    deep = [f"m{n}: not (macros.m{n + 1} or has(sku))" for n in range(12)]
    assert told("\n".join([*deep, "m12: has(epc)"]), "macros.m12")
    wide = f"m: {' or '.join(['has(epc)'] * 100)}"
    assert load(wide, "macros.m or macros.m")
    assert told(wide, " or ".join(["macros.m"] * (LARGEST // 200 + 1)))


def test_each_value_inside_a_macro_is_to_be_pinned_by_tests_of_the_rules_that_use_it() -> None:
    (rule,) = load("near: rssi > -60dBm and zone.kind == 'exit'", "has(epc) and macros.near")
    text = RULE % ("r0", "has(epc) and macros.near")
    changes = [mutant.change for site in sites_of(rule, text) for mutant in site.mutants]
    assert "changing -60dBm in macros.near to -120dBm" in changes
    assert "changing > in macros.near to >=" in changes
    assert any(change.startswith("changing 'exit' in macros.near to ") for change in changes)


@settings(deadline=None, max_examples=150)
@given(
    st.text("ab:\n{}[]'\"#&*!| >-.macros()=<5gforexpression", max_size=80)
    | st.dictionaries(
        st.sampled_from("abc"),
        st.text("macros.ab and or not has(epc) == 'x' < 5g params.", max_size=30)
        | st.sampled_from(["macros.a", "macros.b", "not macros.c", "has(epc)"]),
        max_size=3,
    ).map(lambda d: "\n".join(f"{name}: {text!r}" for name, text in d.items()))
)
def test_any_file_of_macros_is_read_or_refused_with_places(text: str) -> None:
    macros = read_macros(text, "macros.yml")
    assert isinstance(macros, Macros)
    for mistake in macros.mistakes:
        assert mistake.file == "macros.yml"
    for name in macros.known:
        try:
            load_rules(
                {"r.yml": RULE % ("r", f"macros.{name}")},
                REGISTRY,
                macros={"r.yml": macros},
            )
        except FileMistakes as found:
            refused = found.mistakes
        else:
            refused = []
        assert all(mistake.line for mistake in refused)
        assert bool(refused) >= bool(macros.known[name].flaws)
