"""Each place of a rule is written otherwise, and what no test notices is told."""

import pytest

from aislewatch.authoring.mutants import sites_of
from aislewatch.authoring.sites import Site
from aislewatch.authoring.trial import Pin, try_rule
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Rule, SomeOf

REGISTRY = Registry()

HEAD = """\
id: r
title: A rule
status: live
params: {floor: -60dBm}
when: {event: rfid.read, as: read, where: WHERE}
match:
MATCH
incident:
  type: theft.x
  about: {epc: read.epc}
  points: 10
  because: it held
"""

TESTS = """\
tests:
  - name: enough removals
    events: |
      10:00:00 shelf.removed shelf=S1 units=1 *3
      10:00:05 rfid.read epc=E1 zone.kind=exit rssi=-50
    expect: {fires: 1, points: 10}
  - name: too few
    events: |
      10:00:00 shelf.removed shelf=S1 units=1 *2
      10:00:05 rfid.read epc=E1 zone.kind=exit rssi=-50
    expect: {fires: 0}
"""

COUNT = "{count: shelf.removed, window: 10s before read, at_least: 3}"
EXIT = "zone.kind == 'exit'"


def text_of(*match: str, where: str = EXIT, tests: str = "") -> str:
    clauses = "\n".join(f"  - {clause}" for clause in match)
    return HEAD.replace("WHERE", where).replace("MATCH", clauses) + tests


def load(text: str) -> Rule:
    return load_rule(text, "r.yml", REGISTRY)


def sites(*match: str, where: str = EXIT) -> list[Site]:
    text = text_of(*match, where=where)
    return sites_of(load(text), text)


def changes(found: list[Site]) -> list[tuple[str, list[str]]]:
    return [(site.kind, [mutant.change for mutant in site.mutants]) for site in found]


def underlined(site: Site) -> str:
    place = site.place
    return place.source[place.column - 1 : place.column - 1 + place.length]


def pins_of(text: str) -> dict[str, Pin]:
    return {pin.shown: pin for pin in try_rule(load(text), text, REGISTRY).pins}


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("{check: read.rssi >= -60dBm}", [
            ("clause", ["dropping 'check'"]),
            ("comparison", ["changing >= to >"]),
            ("literal", ["changing -60dBm to -120dBm", "changing -60dBm to -30dBm"]),
        ]),
        ("{check: read.rssi != params.floor}", [
            ("clause", ["dropping 'check'"]),
            ("literal", ["changing params.floor to params.floor doubled",
                         "changing params.floor to params.floor halved"]),
        ]),
        ("{not_seen: pos.item, same: [epc], window: 60s before read to 10s after read}", [
            ("clause", ["dropping 'not_seen pos.item'"]),
            ("join", ["dropping the join on epc"]),
            ("window", ["changing 60s to 120s", "changing 60s to 30s"]),
            ("window", ["changing 10s to 20s", "changing 10s to 5s"]),
        ]),
        ("{not_seen: pos.item, same: {epc: read.epc}, window: 3s around read}", [
            ("clause", ["dropping 'not_seen pos.item'"]),
            ("join", ["dropping the join on epc"]),
            ("window", ["changing 3s to 6s", "changing 3s to 1.5s"]),
        ]),
        ("{not_seen: pos.item, window: 1us after read to 5s after read}", [
            ("clause", ["dropping 'not_seen pos.item'"]),
            ("window", ["changing 1us to 0us"]),
            ("window", ["changing 5s to 10s", "changing 5s to 2.5s"]),
        ]),
        (COUNT, [
            ("clause", ["dropping 'count shelf.removed'"]),
            ("window", ["changing 10s to 20s", "changing 10s to 5s"]),
            ("comparison", ["changing >= to >"]),
            ("literal", ["changing 3 to 4", "changing 3 to 2"]),
        ]),
        ("{not_seen: device.state, where: \"state in ['failed', 'offline']\", window: 1m before read}", [  # noqa: E501
            ("clause", ["dropping 'not_seen device.state'"]),
            ("literal", ["changing state in ['failed', 'offline'] to anything at all"]),
            ("literal", ["leaving out 'failed'"]),
            ("literal", ["leaving out 'offline'"]),
            ("window", ["changing 1m to 2m", "changing 1m to 0.5m"]),
        ]),
    ],
)  # fmt: skip
def test_each_place_of_a_clause_is_written_otherwise(
    clause: str, expected: list[tuple[str, list[str]]]
) -> None:
    found = [site for site in sites(clause) if site.place.line == 7]
    assert changes(found) == expected


def test_an_enumerated_text_becomes_another_of_its_values_and_then_any() -> None:
    (site, *_) = sites(COUNT)
    assert underlined(site) == "'exit'"
    first, second = (mutant.change for mutant in site.mutants)
    assert first.startswith("changing 'exit' to '")
    assert "'exit' to 'exit'" not in first
    assert second == "changing 'exit' to anything at all"


def test_what_others_name_is_made_optional_and_not_dropped() -> None:
    found = sites(
        "{seen: rfid.read, as: shelf, where: zone.kind == 'shelf', window: 1h before read}",
        "{not_seen: pos.item, window: between shelf and read}",
    )
    kinds = [mutant.change for site in found if site.kind == "clause" for mutant in site.mutants]
    assert kinds == ["making 'shelf' optional", "dropping 'not_seen pos.item'"]


def test_a_window_between_two_events_is_tried_past_both() -> None:
    found = sites(
        "{seen: rfid.read, as: shelf, window: 1h before read}",
        "{not_seen: pos.item, window: between shelf and read}",
    )
    between = [site for site in found if site.kind == "window" and site.place.line == 8]
    assert [underlined(site) for site in between] == ["shelf", "read"]
    assert [site.mutants[0].change for site in between] == [
        "changing shelf to 12h before it",
        "changing read to 12h after it",
    ]
    assert between[1].mutants[0].rule.reach.latest_us == 12 * 3_600_000_000


def test_a_clause_left_out_of_a_group_lowers_how_many_must_hold() -> None:
    found = sites(
        "{all_of: [{check: read.rssi > -60dBm}, {not_seen: pos.item, window: 1m before read}]}"
    )
    (dropped,) = [s for s in found if s.shown == "not_seen pos.item"]
    (group,) = dropped.mutants[0].rule.clauses
    assert isinstance(group, SomeOf)
    assert (len(group.clauses), group.at_least) == (1, 1)


def test_the_rule_itself_is_left_as_it_was() -> None:
    text = text_of(COUNT, tests=TESTS)
    rule = load(text)
    sites_of(rule, text)
    assert rule == load(text)


def test_the_same_rule_gives_the_same_mutants_each_time() -> None:
    assert sites(COUNT) == sites(COUNT)


def test_a_figure_is_pinned_only_where_tests_notice_both_sides() -> None:
    text = text_of(COUNT, tests=TESTS)
    pins = pins_of(text)
    assert pins["literal `3`"].hold == "pinned"
    assert dict(pins["literal `3`"].noticed) == {
        "changing 3 to 4": "enough removals",
        "changing 3 to 2": "too few",
    }
    one_sided = pins_of(text.replace("at_least: 3", "at_least: 2").replace("units=1 *2", "units=1"))
    assert one_sided["literal `2`"].hold == "half pinned"
    assert list(one_sided["literal `2`"].unnoticed) == ["changing 2 to 3"]


def test_what_no_test_notices_is_told_with_line_and_caret() -> None:
    text = text_of(COUNT, tests=TESTS)
    pin = pins_of(text)["window `10s before read`"]
    assert pin.hold == "not pinned"
    message, source, caret = pin.warning().render().splitlines()
    assert message == (
        "r.yml:7:36: warning: NOT PINNED: changing 10s to 20s or to 5s breaks no test"
    )
    assert source[caret.index("^") : caret.rindex("^") + 1] == "10s"


def test_points_are_pinned_by_a_test_that_counts_them() -> None:
    text = text_of(COUNT, tests=TESTS)
    assert pins_of(text)["points `10`"].hold == "pinned"
    silent = text.replace(", points: 10", "")
    assert pins_of(silent)["points `10`"].hold == "not pinned"


def test_a_pairing_is_tried_without_each_of_its_joins() -> None:
    found = sites(
        "{unmatched: {left: rfid.read, right: pos.item}, same: [lane], by: [sku], "
        "window: 2s around read}",
        "{check: not has(partner)}",
    )
    here = [site for site in found if site.place.line == 7]
    assert changes(here) == [
        ("join", ["dropping the join on lane"]),
        ("window", ["changing 2s to 4s", "changing 2s to 1s"]),
    ]
    assert [site.mutants[0].change for site in found if site.place.line == 8] == [
        "dropping 'check'"
    ]


def test_how_many_of_a_group_must_hold_is_tried_one_up_and_one_down() -> None:
    found = sites(
        "{any_of: [{check: read.rssi > -60dBm, points: 3}, "
        "{not_seen: pos.item, window: 1m before read}], at_least: 1}"
    )
    (least,) = [site for site in found if site.shown == "1"]
    assert [mutant.change for mutant in least.mutants] == ["changing 1 to 2", "changing 1 to 0"]
    (points,) = [site for site in found if site.kind == "points" and site.shown == "3"]
    assert underlined(points) == "3"


def test_a_figure_that_others_name_loses_its_limit_only() -> None:
    found = sites(
        "{sum: shelf.removed.units, as: taken, window: 1m before read, more_than: 2}",
        "{check: taken < 50}",
    )
    whole = [site.mutants[0] for site in found if site.kind == "clause"]
    assert [mutant.change for mutant in whole] == [
        "dropping the limit of 'taken'",
        "dropping 'check'",
    ]


def test_every_mutant_of_a_rule_can_be_judged() -> None:
    match = (
        "{seen: rfid.read, as: shelf, where: zone.kind == 'shelf', same: [epc], "
        "window: 1h before read}",
        "{any_of: [{seen: pos.item, as: scan, same: [lane], window: 1m before read}, "
        "{check: shelf.rssi < -40dBm}]}",
        "{unmatched: {left: rfid.read, right: pos.item}, same: [lane], by: [sku], "
        "window: 2s around read}",
        "{not_seen: pos.void, same: {lane: scan.lane}, window: between shelf and read}",
        "{avg: scale.weight.weight, as: mean, window: 1m before read, at_most: 5kg}",
        "{check: size(left) > 0 or has(scan)}",
    )
    tests = """\
tests:
  - name: everything is there
    events: |
      09:30:00 rfid.read epc=E1 sku=A lane=1 zone.kind=shelf rssi=-50
      10:00:30 scale.weight lane=1 weight=100
      10:00:40 pos.item lane=1 sku=B
      10:00:50 rfid.read epc=E1 sku=A lane=1 zone.kind=exit rssi=-50
    expect: {fires: 1}
"""
    text = text_of(*match, tests=tests)
    trial = try_rule(load(text), text, REGISTRY)
    assert trial.passed
    assert {pin.site.kind for pin in trial.pins} == {
        "clause", "comparison", "join", "literal", "points", "window"
    }  # fmt: skip
