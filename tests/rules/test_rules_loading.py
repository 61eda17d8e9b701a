"""Rule files: loaded whole, or refused with every mistake in its place."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.detect.judgement import Holds
from aislewatch.detect.lists import NamedLists
from aislewatch.detect.saying import Speaker
from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.kinds import Event, PosItem, RfidCrossing, ScaleChanged
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry
from aislewatch.rules.backtest import Backtest, Budget
from aislewatch.rules.load import load_rule, load_rules
from aislewatch.rules.rule import (
    Aggregate,
    Check,
    Let,
    NotSeen,
    Rule,
    Seen,
    SomeOf,
    Unmatched,
)
from aislewatch.rules.windows import Bound, Reach, Window

REGISTRY = Registry()
LISTS = {"transfers": frozenset({"E9"})}
HOUR_US = 3_600_000_000

EXIT = """\
id: gone-unpaid
title: A tag leaves and was not sold
status: live
owner: loss-prevention
severity: high
params:
  back: 12h
  weakest: {default: -60dBm, doc: reads below are from beyond the gate}
when: {event: rfid.crossing, as: exit, where: direction == 'out' and rssi > params.weakest}
match:
  - seen: rfid.read
    as: shelf
    where: zone.kind == 'shelf'
    same: [epc]
    window: params.back before exit
  - not_seen: [pos.item, pos.tender]
    same: {lane: exit.lane}
    window: between shelf and exit
except:
  - {name: moved, where: exit.epc in lists.transfers, reason: agreed, owner: jo, until: 2026-12-31}
incident:
  type: theft.shoplifting
  about: {epc: exit.epc, person: exit.person}
  points: 20
  half_life: 4h
  quiet: 30m per epc
  family: exits
  group: {same: [store, epc], gap: 60s}
  because: "{exit.epc} of {shelf.price} from {shelf.zone.id} at {exit.rssi} dBm"
  value: exit.price
requires: [rfid.read on exit.zone.id healthy]
known_false_alarms: [A swapped tag]
runbook: Look at the gate camera.
tests:
  - name: leaves
    events: |
      10:00:00 rfid.read epc=E1 zone.kind=shelf
    expect: {fires: 1, at: "10:20:00", about: {epc: E1}, points: 20}
backtest: {data: last 28d, budget: {max_per_store_day: 3}}
"""


def load(text: str, **options: Any) -> Rule:
    return load_rule(text, "r.yml", REGISTRY, lists=LISTS, **options)


def found_in(text: str, **options: Any) -> list[Mistake]:
    with pytest.raises(FileMistakes) as caught:
        load(text, **options)
    return caught.value.mistakes


def rule_with(match: str, when: str = "{event: pos.item, as: scan}", **incident: str) -> str:
    extra = "".join(f"\n  {key}: {value}" for key, value in incident.items())
    return (
        f"id: r\ntitle: t\nwhen: {when}\nmatch:\n{match}\n"
        f"incident:\n  type: fraud.x\n  about: {{lane: scan.lane}}\n  because: x{extra}\n"
    )


def messages(match: str, **options: Any) -> list[str]:
    return [f"{m.message} | {m.hint}" for m in found_in(rule_with(match, **options))]


def test_a_whole_rule_is_read_into_values_of_base_units() -> None:
    rule = load(EXIT)
    assert (rule.id, rule.status, rule.severity, rule.owner) == (
        "gone-unpaid", "live", "high", "loss-prevention",
    )  # fmt: skip
    assert (rule.anchor.types, rule.anchor.name) == (("rfid.crossing",), "exit")
    assert rule.anchor.where is not None
    assert rule.anchor.where.holds_source({"": "e"}) == (
        "((e.direction == 'out') and (e.rssi_dbm is not None and e.rssi_dbm > -60.0))"
    )
    seen, absent = rule.clauses
    assert isinstance(seen, Seen)
    assert seen.window == Window(Bound("exit", -12 * HOUR_US), Bound("exit", 0))
    assert [(join.attr, join.expr.text, sorted(join.expr.names)) for join in seen.same] == [
        ("epc", "exit.epc", ["exit"])
    ]
    assert isinstance(absent, NotSeen)
    assert absent.types == ("pos.item", "pos.tender")
    assert absent.label == "not_seen pos.item|pos.tender"
    assert absent.window == Window(Bound("shelf", 0), Bound("exit", 0))
    assert rule.reach == Reach(-12 * HOUR_US, 0)
    incident = rule.incident
    assert (incident.points, incident.half_life_us, incident.family) == (20, 4 * HOUR_US, "exits")
    assert incident.quiet is not None
    assert (incident.quiet.us, incident.quiet.entity) == (HOUR_US // 2, "epc")
    assert incident.group is not None
    assert [name for name, _ in incident.group.same] == ["store", "epc"]
    assert rule.requires[0].type == "rfid.read"
    on = rule.requires[0].on
    assert on is not None
    assert (on.attr, on.expr.text) == ("zone_id", "exit.zone.id")
    assert rule.excepts[0].until == date(2026, 12, 31)
    assert rule.params == {"back": "12h", "weakest": "-60dBm"}
    (test,) = rule.tests
    assert (test.line, test.fires, test.at, test.about) == (37, 1, "10:20:00", {"epc": "E1"})
    assert rule.backtest == Backtest(data=28, budget=Budget(max_per_store_day=Decimal(3)))


def sentence(rule: Rule, bindings: dict[str, Event]) -> str:
    anchor = next(iter(bindings.values()))
    speaker = Speaker(rule, StoreModel(lists=LISTS), NamedLists(LISTS).asked(LISTS))
    signal = speaker.signal("signal", anchor, Holds(bindings, [], [], 0), 0)
    return str(msgspec.json.decode(signal.payload)["because"])


def test_the_sentence_shows_display_units_and_says_unknown() -> None:
    rule = load(EXIT)
    crossing = RfidCrossing(id="1", store="S", device="D", time=0, epc="E1", rssi_dbm=-52.5)
    read = RfidCrossing(id="2", store="S", device="D", time=0, epc="E1", price_minor=499)
    said = sentence(rule, {"exit": crossing, "shelf": read})
    assert said == "E1 of 4.99 from unknown at -52.5 dBm"


def test_a_mass_is_shown_in_grams() -> None:
    rule = load(rule_with("  []", when="{event: scale.changed, as: scan}").replace(
        "because: x", 'because: "{scan.delta} g, {{so}}"'))  # fmt: skip
    change = ScaleChanged(id="1", store="S", device="D", time=0, delta_mg=412_500)
    assert sentence(rule, {"scan": change}) == "412.5 g, {so}"


def test_six_mistakes_in_one_file_are_six_located_errors_in_one_go() -> None:
    text = (
        "id: sweep\n"
        "title: Many units leave one shelf\n"
        "staus: live\n"
        "severity: hi\n"
        "when: {event: shelf.removed, as: pick, where: zone.kind == 'exitt'}\n"
        "match:\n"
        "  - sum: shelf.removed.units\n"
        "    as: taken\n"
        "    same: [shelf]\n"
        "    window: 30 seconds before pick\n"
        "  - seen: scale.changed\n"
        "    where: delta > 250\n"
        "    same: [lane]\n"
        "    window: 3s around pick\n"
        "  - check: taken > 4 and pik.units > 1\n"
        "incident:\n"
        "  type: theft.sweep\n"
        "  about: {shelf: pick.shelf}\n"
        '  because: "{taken} units"\n'
    )
    with pytest.raises(FileMistakes) as caught:
        load_rules({"rules/sweep.yml": text}, REGISTRY)
    assert str(caught.value) == (
        "rules/sweep.yml:3:1: error: unknown key 'staus'\n"
        "    staus: live\n"
        "    ^^^^^\n"
        "    hint: did you mean 'status'?\n"
        "rules/sweep.yml:4:11: error: 'hi' is not one of info, low, medium, high\n"
        "    severity: hi\n"
        "              ^^\n"
        "    hint: did you mean 'high'?\n"
        "rules/sweep.yml:5:60: error: 'exitt' is not a possible value of zone.kind\n"
        "    when: {event: shelf.removed, as: pick, where: zone.kind == 'exitt'}\n"
        "                                                               ^^^^^^^\n"
        "    hint: did you mean 'exit'? possible values: bagging, checkout, entrance, exit, "
        "fitting-room, restricted, sales-floor, scan, service-desk, shelf, staging, stockroom\n"
        "rules/sweep.yml:10:13: error: '30 seconds before pick' is not a window\n"
        "        window: 30 seconds before pick\n"
        "                ^^^^^^^^^^^^^^^^^^^^^^\n"
        "    hint: write e.g. 30s before x, 10m after x, 3s around x, 60s before x to 10s after x, "
        "between x and y\n"
        "rules/sweep.yml:12:12: error: cannot compare mass with number\n"
        "        where: delta > 250\n"
        "               ^^^^^^^^^^^\n"
        "    hint: add a unit, e.g. 250g\n"
        "rules/sweep.yml:15:26: error: unknown name 'pik'\n"
        "      - check: taken > 4 and pik.units > 1\n"
        "                             ^^^^^^^^^\n"
        "    hint: did you mean 'pick'? bound here: pick, taken"
    )


MISSPELT = """\
id: sweep
titel: Many units leave one shelf
severity: hi
wehn: {event: shelf.removed, as: pick, whre: zone.kind == 'exitt'}
mach:
  - {sum: shelf.removed.units, as: taken, same: [shelf], window: 30 seconds before pick}
  - {seen: scale.changed, where: delta > 250, same: [lane], windw: 3s around pick}
  - {check: taken > 4 and pik.units > 1}
incidnt:
  type: theft.sweep
  abuot: {shelf: pick.shelf, lane: pick.units}
  quiet: 30m per shelf
  group: {same: [shelf], gapp: 60}
  because: "{taken} units"
"""


def test_a_misspelt_key_hides_no_other_mistake_wherever_it_stands() -> None:
    found = [(m.line, m.column, m.message.partition(";")[0]) for m in found_in(MISSPELT)]
    assert sorted(found) == [
        (2, 1, "unknown key 'titel'"),
        (3, 11, "'hi' is not one of info, low, medium, high"),
        (4, 1, "unknown key 'wehn'"),
        (4, 40, "unknown key 'whre'"),
        (4, 59, "'exitt' is not a possible value of zone.kind"),
        (5, 1, "unknown key 'mach'"),
        (6, 66, "'30 seconds before pick' is not a window"),
        (7, 34, "cannot compare mass with number"),
        (7, 61, "unknown key 'windw'"),
        (8, 27, "unknown name 'pik'"),
        (9, 1, "unknown key 'incidnt'"),
        (11, 3, "unknown key 'abuot'"),
        (11, 36, "this is a number"),
        (13, 26, "unknown key 'gapp'"),
        (13, 32, "'60' is not a duration"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("id: gone-unpaid\n", "", "'id' is missing"),
        ("id: gone-unpaid", "id: Gone!", "'Gone!' is no name here"),
        ("title: A tag leaves and was not sold\n", "", "'title' is missing"),
        ("  type: theft.shoplifting\n", "", "'type' is missing"),
        ("type: theft.shoplifting", "type: '!'", "'!' is no type of incident"),
        ("  about: {epc: exit.epc, person: exit.person}\n", "", "'about' is missing"),
        ("about: {epc: exit.epc, person: exit.person}", "about: x", "a mapping (key: value)"),
        ("owner: loss", "notes: loss", "unknown key 'notes'"),
    ],
)
def test_a_required_value_that_is_not_there_hides_no_other_mistake(
    old: str, new: str, expected: str
) -> None:
    assert old in EXIT
    text = EXIT.replace(old, new).replace("zone.kind == 'shelf'", "zone.kind == 'shelv'")
    messages = [mistake.message for mistake in found_in(text)]
    other = "'shelv' is not a possible value of zone.kind"
    assert other in messages
    assert [message.startswith(expected) for message in messages if message != other] == [True]


def test_the_mistakes_of_all_files_come_at_once() -> None:
    files: dict[str, str | bytes] = {
        "a.yml": "id: [",
        "b.yml": b"id: \xff",
        "c.yml": EXIT,
        "d.yml": "- x",
    }
    with pytest.raises(FileMistakes) as caught:
        load_rules(files, REGISTRY, lists=LISTS)
    assert [(m.file, m.line) for m in caught.value.mistakes] == [
        ("a.yml", 1), ("b.yml", 1), ("d.yml", 1),
    ]  # fmt: skip


def test_one_id_belongs_to_one_file() -> None:
    with pytest.raises(FileMistakes, match=r"'gone-unpaid' is in a\.yml already"):
        load_rules({"a.yml": EXIT, "b.yml": EXIT}, REGISTRY, lists=LISTS)


def test_a_comment_that_cuts_an_expression_short_is_a_mistake() -> None:
    text = rule_with("  - check: scan.units > 1 # and scan.lane == 'L1'")
    (mistake,) = found_in(text)
    assert mistake.message.startswith("everything behind '#' is a comment")
    assert (mistake.line, mistake.source[mistake.column - 1]) == (5, "#")
    assert load(rule_with("  - check: scan.units > 1 # several of one product"))


def test_an_expression_in_a_folded_block_is_located_in_its_own_line() -> None:
    text = rule_with("  - check: >\n      scan.units > 1\n      and scan.lnae == 'L1'")
    (mistake,) = found_in(text)
    assert (mistake.line, mistake.column, mistake.length) == (7, 11, 9)


def test_site_parameters_are_read_over_the_defaults() -> None:
    rule = load(EXIT, params={"gone-unpaid": {"back": "2h"}})
    assert rule.reach.earliest_us == -2 * HOUR_US
    assert rule.meaning != load(EXIT).meaning


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ({"back": "2kg"}, "back of gone-unpaid is '2kg': it is a mass, not a duration"),
        ({"back": "2 hours"}, "back of gone-unpaid is '2 hours': "),
        ({"bakc": "2h"}, "the rule 'gone-unpaid' has no parameter 'bakc'"),
    ],
)
def test_a_wrong_site_parameter_is_the_sites_mistake(site: dict[str, str], expected: str) -> None:
    (mistake,) = found_in(EXIT, params={"gone-unpaid": site}, params_file="site.yml")
    assert mistake.file == "site.yml"
    assert mistake.message.startswith(expected)


def test_a_wrong_default_is_one_mistake_and_not_one_for_each_use() -> None:
    (mistake,) = found_in(EXIT.replace("default: -60dBm", "default: -60dBmm"))
    assert mistake.message == "unknown unit 'dBmm'"


def test_parameters_for_a_rule_that_is_not_there_are_a_mistake() -> None:
    with pytest.raises(FileMistakes, match="a rule that is not there: 'gone'"):
        load_rules({"a.yml": EXIT}, REGISTRY, lists=LISTS, params={"gone": {}})


def test_an_expired_exception_is_a_mistake() -> None:
    assert load(EXIT, today=date(2026, 12, 31))
    (mistake,) = found_in(EXIT, today=date(2027, 1, 1))
    assert mistake.message == "the exception 'moved' ended on 2026-12-31"
    assert mistake.source[mistake.column - 1 :].startswith("2026-12-31")


# Clauses


def test_figures_of_all_sorts_name_what_later_clauses_use() -> None:
    rule = load(
        rule_with(
            "  - {count: pos.item, as: lines, same: [lane], window: 1m before scan}\n"
            "  - {sum: pos.item.weight, same: [lane], window: 1m before scan, more_than: 2kg}\n"
            "  - {max: pos.item.price, as: top, same: [lane], window: 1m before scan}\n"
            "  - {avg: pos.item.units, as: mean, same: [lane], window: 1m before scan}\n"
            "  - {distinct: pos.item.sku, as: kinds, same: [lane], window: 1m before scan}\n"
            "  - {check: lines > 2 and top > EUR 5 and mean >= 1.5 and kinds < lines}"
        )
    )
    count, total, top, mean, kinds, check = rule.clauses
    assert isinstance(total, Aggregate)
    assert (total.op, total.attr, total.name) == ("sum", "weight_mg", "_sum2")
    assert total.holds is not None
    assert total.holds.holds_source({"_sum2": "v"}) == "(v is not None and v > 2000000)"
    assert isinstance(count, Aggregate)
    assert count.holds is None
    assert isinstance(check, Check)
    source = check.expr.holds_source({"lines": "a", "top": "b", "mean": "c", "kinds": "d"})
    assert "a > 2)" in source
    assert "(b is not None and b > 500)" in source
    assert "(c is not None and c >= 1.5)" in source
    assert {clause.label for clause in (top, mean, kinds)} == {"top", "mean", "kinds"}


def test_let_names_figures_and_expressions_before_the_clauses() -> None:
    text = rule_with("  - check: lines > few and scan.units > 1").replace(
        "match:",
        "let:\n  lines: {count: pos.item, same: [lane], window: 1m before scan}\n"
        "  few: scan.units * 2\nmatch:",
    )
    count, few, check = load(text).clauses
    assert isinstance(count, Aggregate)
    assert count.name == "lines"
    assert isinstance(few, Let)
    assert isinstance(check, Check)
    assert check.expr.names == {"lines", "few", "scan"}


def test_a_figure_under_let_has_no_limits_and_no_second_name() -> None:
    for extra in ("at_least: 2", "as: other"):
        text = rule_with("  []").replace(
            "match:",
            f"let:\n  lines: {{count: pos.item, window: 1m before scan, {extra}}}\nmatch:",
        )
        (mistake,) = found_in(text)
        assert mistake.message.startswith("a figure under 'let' is called by its key")
        assert mistake.line == 5


def test_the_anchor_is_not_called_by_a_word_of_the_language() -> None:
    found = found_in(rule_with("  []", when="{event: pos.item, as: lists}"))
    assert "'lists' is a word of the language" in [one.message for one in found]


def test_unmatched_binds_its_leftovers_and_the_partner_of_an_anchor_on_a_side() -> None:
    rule = load(
        rule_with(
            "  - unmatched: {left: rfid.read, right: pos.item}\n"
            "    same: [lane]\n    by: [gtin]\n    window: 5m before scan\n"
            "    where_left: zone.kind == 'checkout'\n"
            "  - check: size(left) > 1 and partner.epc == 'E1'"
        )
    )
    unmatched, check = rule.clauses
    assert isinstance(unmatched, Unmatched)
    assert (unmatched.anchor_side, unmatched.by) == ("right", (("gtin", "gtin"),))
    assert [join.attr for side in unmatched.same for join in side] == ["lane", "lane"]
    assert isinstance(check, Check)
    assert check.expr.holds_source({"left": "l", "partner": "p"}) == (
        "((len(l) > 1) and (p is not None and p.epc == 'E1'))"
    )


def test_an_anchor_on_no_side_has_no_partner() -> None:
    found = messages(
        "  - {unmatched: {left: rfid.read, right: vision.item}, same: [lane], "
        "window: 5m before scan}\n  - check: has(partner)"
    )
    assert found == ["unknown name 'partner' | bound here: left, right, scan"]


def test_a_partner_of_an_anchor_of_an_unknown_type_is_no_second_mistake() -> None:
    (mistake,) = found_in(
        rule_with(
            "  - {unmatched: {left: rfid.read, right: pos.item}, same: [lane], "
            "window: 5m before scan}\n  - check: has(partner)",
            when="{event: pos.itme, as: scan}",
        )
    )
    assert mistake.message == "unknown type of event 'pos.itme'"


def test_any_of_carries_points_and_what_it_binds_may_be_absent() -> None:
    rule = load(
        rule_with(
            "  - any_of:\n"
            "      - {seen: vision.item, as: look, same: [sku], window: 5s after scan, points: 3}\n"
            "      - {check: scan.units > 5, points: 2}\n"
            "    at_least: 1\n"
            "  - check: look.confidence > 80%"
        )
    )
    group, check = rule.clauses
    assert isinstance(group, SomeOf)
    assert [inner.points for inner in group.clauses] == [3, 2]
    assert isinstance(check, Check)
    assert check.expr.holds_source({"look": "k"}).startswith("(k is not None and k.confidence is")
    assert rule.reach == Reach(0, 5_000_000)


def test_all_of_needs_every_clause() -> None:
    rule = load(rule_with("  - all_of: [{check: scan.units > 5}, {check: scan.units < 9}]"))
    (group,) = rule.clauses
    assert isinstance(group, SomeOf)
    assert group.at_least == 2


def test_windows_reach_as_far_as_the_windows_that_they_are_measured_from() -> None:
    rule = load(
        rule_with(
            "  - {seen: vision.item, as: a, same: [lane], window: 10s before scan}\n"
            "  - {seen: scale.changed, as: b, same: [lane], window: 1m before a to 2m after scan}\n"
            "  - {not_seen: pos.void, same: [lane], window: 3s after b}"
        )
    )
    assert rule.reach == Reach(-70_000_000, 123_000_000)


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("  - {seen: pos.itme, window: 1m before scan}", "unknown type of event 'pos.itme'"),
        ("  - {seen: signal.other, window: 1m before scan}",
         "there is no rule 'other' beside this one"),
        ("  - {seen: pos.void, window: 1m before}", "'1m before' is not a window"),
        ("  - {seen: pos.void, window: 1 before scan}", "'1' is not a duration"),
        ("  - {seen: pos.void, window: 1m before scna}", "unknown name 'scna' | did you mean"),
        ("  - {seen: pos.void, window: 1m after scan to 1m before scan}", "this window ends"),
        ("  - {seen: pos.void, window: 1m before params.x}", "unknown name 'params.x'"),
        ("  - {seen: pos.void, same: [rssi], window: 1m before scan}", "unknown field 'rssi'"),
        ("  - {seen: pos.void, same: [weight], window: 1m before scan}", "'weight' is no key"),
        ("  - {seen: rfid.read, same: [person], window: 1m before scan}", "unknown field 'person'"),
        ("  - {seen: pos.void, same: [colour], window: 1m before scan}",
         "unknown field 'colour' of pos.void | its fields: aislewatch rules events pos.void"),
        ("  - {seen: pos.void, as: scan, window: 1m before scan}", "'scan' is bound already"),
        ("  - {seen: pos.void, as: lists, window: 1m before scan}", "'lists' is a word of the"),
        ("  - {sum: pos.item, window: 1m before scan}", "sum needs a field"),
        ("  - {sum: pos.item.sku, window: 1m before scan}", "there is no sum of sku: it is a text"),
        ("  - {sum: pos.itm.units, window: 1m before scan}", "unknown type of event 'pos.itm'"),
        ("  - {sum: pos.item.weight, window: 1m before scan, at_least: 5}", "cannot compare mass"),
        ("  - {stats_of: x, window: 1m before scan}", "statistics need a name"),
        ("  - {any_of: [{check: 'true'}], at_least: 2}", "at_least is 2, but there are 1"),
        ("  - {unmatched: {left: pos.item, right: pos.item}, window: 1m before scan}",
         "pos.item stands on both sides"),
        ("  - {window: 1m before scan}", "a clause needs one of seen, not_seen"),
        ("  - {sean: pos.void, window: 1m before scan}", "unknown key 'sean' | did you mean"),
        ("  - {check: later.lane == 'L1'}\n"
         "  - {seen: pos.void, as: later, window: 1m before scan}",
         "'later' is bound only by a later clause | move that clause up"),
    ],
)  # fmt: skip
def test_mistakes_in_clauses_are_said_in_plain_words(match: str, expected: str) -> None:
    found = messages(match)
    assert any(one.startswith(expected) for one in found), found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("quiet: 30m per epc", "quiet: 30m per epcs", "'epcs' is not in 'about'"),
        ("quiet: 30m per epc", "quiet: 30m", "'30m' is no silence"),
        ("value: exit.price", "value: exit.epc", "this is a text; an amount of money is needed"),
        ("same: [store, epc]", "same: [stor]", "'stor' is neither in 'about' nor a key"),
        ("person: exit.person", "person: exit.rssi", "this is a signal level; a text is needed"),
        ('"{exit.epc} of', '"{exit.epc of', "'{' is opened and never closed"),
        ('"{exit.epc} of', '"{exit.epcc} of', "unknown field 'epcc' of 'exit'"),
        ("healthy", "helthy", "'rfid.read on exit.zone.id helthy' is no requirement"),
        ("lists.transfers", "lists.transfer", "unknown list 'transfer'"),
        ("until: 2026-12-31", "until: soon", "'soon' is not a date"),
        ("points: 20\n", "points: many\n", "'many' is not a whole number"),
        ("default: -60dBm", "default: exit.rssi", "unknown name 'exit'"),
    ],
)
def test_mistakes_around_the_clauses_are_said_in_plain_words(
    old: str, new: str, expected: str
) -> None:
    assert old in EXIT
    found = found_in(EXIT.replace(old, new, 1))
    assert any(one.message.startswith(expected) for one in found), [m.message for m in found]


# Meaning


def test_what_does_not_decide_is_no_part_of_the_meaning() -> None:
    changed = (
        EXIT.replace("title: A tag", "title: # why\n  A label")
        .replace("status: live", "status: draft")
        .replace("severity: high", "severity: low")
        .replace("runbook: Look", "runbook: Peer")
        .replace("direction == 'out' and", 'direction   ==  "out" &&')
        .replace("reason: agreed", "reason: approved")
        .replace("12h", "720m")
    )
    assert load(changed).meaning == load(EXIT).meaning


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'out'", "'in'"),
        ("-60dBm", "-61dBm"),
        ("back: 12h", "back: 13h"),
        ("same: [epc]", "same: [store]"),
        ("points: 20\n", "points: 21\n"),
        ("30m per epc", "31m per epc"),
        ("not_seen: [pos.item, pos.tender]", "not_seen: [pos.item]"),
        ("until: 2026-12-31", "until: 2027-12-31"),
        ("gap: 60s", "gap: 61s"),
    ],
)
def test_what_decides_is_part_of_the_meaning(old: str, new: str) -> None:
    assert old in EXIT
    assert load(EXIT.replace(old, new)).meaning != load(EXIT).meaning


# Anything at all


@given(
    st.integers(0, len(EXIT)),
    st.integers(0, 12),
    st.sampled_from(
        ["", "x", ":", "- ", "'", '"', "{", "]", "#", "\n", "  ", "\t", "&a ", "!t ", "é"]
    )
    | st.text(max_size=5),
)
@settings(max_examples=300, deadline=None)
def test_a_mutated_rule_file_loads_or_gives_located_mistakes(at: int, cut: int, put: str) -> None:
    check_loading(EXIT[:at] + put + EXIT[at + cut :])


@given(st.binary(max_size=80))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_give_located_mistakes(raw: bytes) -> None:
    check_loading(raw)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_rule_file_with_lines_dropped_or_moved_gives_located_mistakes(
    data: st.DataObject,
) -> None:
    lines = EXIT.splitlines()
    picked = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=4))
    target = data.draw(st.integers(0, len(lines) - 1))
    moved = [lines[i] for i in picked]
    rest = [line for i, line in enumerate(lines) if i not in picked]
    keep = data.draw(st.booleans())
    check_loading("\n".join(rest[:target] + (moved if keep else []) + rest[target:]))


def check_loading(text: str | bytes) -> None:
    found: list[Mistake] = []
    try:
        load_rules({"r.yml": text}, REGISTRY, lists=LISTS)
    except FileMistakes as caught:
        found = caught.mistakes
    for mistake in found:
        assert mistake.line >= 1
        assert mistake.message
        if mistake.column:
            assert mistake.column <= len(mistake.source) + 1


def test_a_rule_is_a_value() -> None:
    rule = load(EXIT)
    assert load(EXIT) == rule
    assert replace(rule, id="other") != rule
    item = PosItem(id="1", store="S", device="D", time=0, epc="AB")
    where = rule.excepts[0].where.compile_bound(LISTS)
    assert where({"exit": item}) is False


def test_points_that_halve_in_no_time_are_refused_at_their_place() -> None:
    text = """\
id: r
title: A rule
when: {event: pos.void, as: v}
incident: {type: fraud.till, about: {lane: v.lane}, points: 5, half_life: 0s, because: x}
"""
    with pytest.raises(FileMistakes) as told:
        load_rules({"r.yml": text}, Registry())
    (mistake,) = told.value.mistakes
    assert (mistake.line, mistake.column) == (4, 75)
    assert "halve in no time" in mistake.message
