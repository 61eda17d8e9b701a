"""What an explanation says of a judgement: the judge's own verdict, and more than the judge saw."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.authoring.lines import parse_lines
from aislewatch.authoring.running import model_of
from aislewatch.detect.explain import Explainer
from aislewatch.detect.explain_log import Log
from aislewatch.detect.explain_terms import Comparison, Condition, Several, as_written
from aislewatch.detect.explain_values import ClauseTold, Judgement, Saw
from aislewatch.detect.health import Health
from aislewatch.detect.judgement import Fails, Holds, Undecided
from aislewatch.detect.lists import NamedLists
from aislewatch.detect.order import in_order
from aislewatch.detect.plan import Plan
from aislewatch.events.kinds import DeviceState, Event, ListChanged
from aislewatch.events.model import Device, StoreModel
from aislewatch.events.registry import Registry, type_of
from aislewatch.events.units import Dimension
from aislewatch.rules.checker import Checker
from aislewatch.rules.load import load_rule, load_rules
from aislewatch.rules.parser import parse
from aislewatch.rules.rule import Evidence, Expr, Rule
from aislewatch.rules.scope import Scope
from aislewatch.rules.signals import entities_of, with_signals
from aislewatch.rules.tree import Constant, Term, canonical, parts
from aislewatch.runtime.rule_folder import macros_of, rules_in
from aislewatch.testing.small import small_rule
from aislewatch.testing.streams import FIRST_STATE, KINDS, SHOP, Pick, stream_of

REGISTRY = Registry()
FOLDER = Path(__file__).parent / "detect_rules"
RULES = load_rules({path.name: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}, REGISTRY)
SHIPPED = rules_in(Path(__file__).parents[2] / "rules")
MACROS = macros_of([str(SHIPPED[0])])[str(SHIPPED[0])]
BESIDE = entities_of(file.read_text() for file in SHIPPED)
TRANSFERS = {"open_transfers": frozenset({"E9"}), "staff": frozenset[str]()}


# The same verdict as the judge -------------------------------------------------------------------


def check_all(rule: Rule, events: Sequence[Event], model: StoreModel) -> int:
    """Explain every anchor of a stream beside the compiled judge; give how many there were."""
    by_id = {event.id: model.enrich(event) for event in events}
    log = in_order(list(by_id.values()))
    health, lists = Health(), NamedLists(model.lists)
    registry = with_signals(REGISTRY, rule.hears)
    plan = Plan(
        *([rule], registry, model, health),
        horizon_us=10**12,
        take_anchor=lambda plan, anchor: None,
        lists=lists,
    )
    for event in log:
        plan.insert(event)
        if isinstance(event, ListChanged):
            lists.tell(event)
        if isinstance(event, DeviceState):
            health.tell(event)
    if not plan.rules:
        return 0
    (compiled,) = plan.rules
    judge = plan.traced(compiled)
    explainer = Explainer(rule, Log(log, model), registry)
    anchors = 0
    for event in log:
        if type_of(type(event)) not in rule.anchor.types:
            continue
        # Lists are asked when a judgement is made, so that more may be judged than are anchors.
        asked_later = rule.anchor.where is not None and bool(rule.anchor.where.lists)
        if compiled.matches(event) and not explainer.is_anchor(event):
            assert asked_later
            assert isinstance(judge(event), Fails)
            continue
        assert explainer.is_anchor(event) is bool(compiled.matches(event))
        if compiled.matches(event):
            check(explainer.judge(event), judge(event), rule)
            anchors += 1
    return anchors


def check(told: Judgement, verdict: Holds | Undecided | Fails, rule: Rule) -> None:
    # Whatever it is, it can be written down.
    assert msgspec.json.encode(told)
    if isinstance(verdict, Fails):
        assert (told.outcome, told.stopped_at) == ("fails", verdict.clause)
        return
    if isinstance(verdict, Undecided):
        assert (told.outcome, told.stopped_at) == ("undecided", verdict.clause)
        return
    assert told.outcome == "holds"
    assert told.points == rule.incident.points + verdict.points
    bound = {name: value for name, value in verdict.bindings.items() if name in told.bindings}
    assert {name: shown(value) for name, value in bound.items()} == told.bindings
    windows = {
        (clause.label, saw.from_us, saw.to_us, *(event.id for event in (*saw.found, *saw.doubtful)))
        for clause in flat(told.clauses)
        if (saw := clause.saw) is not None
    }
    assert {
        (label, start, end, *(event.id for event in found))
        for label, start, end, found in verdict.looks
    } == windows


def shown(value: Any) -> Any:
    if isinstance(value, Event):
        return value.id
    if isinstance(value, list):
        return [shown(one) for one in cast("Sequence[Any]", value)]
    return float(value) if isinstance(value, Fraction) else value


def flat(clauses: Sequence[ClauseTold]) -> list[ClauseTold]:
    return [one for clause in clauses for one in (clause, *flat(clause.clauses))]


def picks_of(rule: Rule) -> st.SearchStrategy[list[Pick]]:
    kinds = [kind for kind in range(KINDS) if kind >= FIRST_STATE or concerns(rule, kind)]
    # Devices fail less often than things happen.
    often = [kind for kind in kinds if kind < FIRST_STATE] * 4 + kinds
    one = st.builds(
        Pick,
        st.sampled_from(often),
        st.integers(0, 15),
        st.integers(0, 1),
        st.integers(0, 2),
        st.integers(0, 1),
    )
    return st.lists(one, min_size=2, max_size=25)


def concerns(rule: Rule, kind: int) -> bool:
    (event,) = stream_of([Pick(kind, 0, 0, 0, 0)])
    return f"'{type_of(type(event))}'" in repr((rule.anchor, rule.clauses))


tries = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=25)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@tries
@given(st.data())
def test_an_explanation_comes_to_what_the_judge_comes_to(rule: Rule, data: st.DataObject) -> None:
    check_all(rule, stream_of(data.draw(picks_of(rule))), SHOP)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@settings(tries, max_examples=2000)
@given(st.data())
def test_explanations_of_many_more_streams_come_to_what_the_judge_comes_to(
    rule: Rule, data: st.DataObject
) -> None:
    check_all(rule, stream_of(data.draw(picks_of(rule))), SHOP)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_test_of_a_shipped_rule_is_explained_as_it_is_judged(file: Path) -> None:
    lists = {name: TRANSFERS.get(name, frozenset[str]()) for name in lists_in(file)}
    beside: dict[str, Any] = {"lists": lists, "beside": BESIDE, "macros": MACROS}
    rule = load_rule(file.read_text(), file.name, REGISTRY, **beside)
    registry = with_signals(REGISTRY, rule.hears)
    anchors = 0
    for case in rule.tests:
        events = parse_lines(case.events, registry)
        anchors += check_all(rule, events, model_of(events, REGISTRY, lists))
    assert anchors


def lists_in(file: Path) -> set[str]:
    return {word.partition("lists.")[2].strip(" ,)}]'\"") for word in file.read_text().split()
            if word.startswith("lists.")}  # fmt: skip


# What a clause saw, and how near it came ---------------------------------------------------------


def judged(rule: Rule, text: str, model: StoreModel | None = None, which: int = -1) -> Judgement:
    """Explain one of the anchors among some lines: the last if not said."""
    events = parse_lines(text, REGISTRY)
    shop = model or model_of(events, REGISTRY)
    explainer = Explainer(rule, Log([shop.enrich(event) for event in events], shop), REGISTRY)
    anchors = [e for e in explainer.log.between(rule.anchor.types, 0, 1 << 60)
               if explainer.is_anchor(e)]  # fmt: skip
    return explainer.judge(anchors[which])


UNSOLD = small_rule(
    "event: rfid.crossing, as: out",
    "seen: rfid.read, as: shelf, where: rssi > -60dBm, same: [epc], window: 10m before out",
    "not_seen: pos.item, same: [epc], window: between shelf and out",
    "check: out.reads >= 3",
)
LEAVES = "10:20:00 rfid.crossing epc=E1 reads=5\n"
SHELF = "10:15:00 rfid.read epc=E1 rssi=-50\n"


def clause_of(told: Judgement, label: str) -> ClauseTold:
    (found,) = [clause for clause in flat(told.clauses) if clause.label == label]
    return found


def saw(clause: ClauseTold) -> Saw:
    assert clause.saw is not None
    return clause.saw


def compared(condition: Condition | None) -> Comparison:
    assert isinstance(condition, Comparison)
    return condition


def test_a_weak_read_is_near_and_eleven_decibels_short() -> None:
    told = judged(UNSOLD, "10:15:00 rfid.read epc=E1 rssi=-71\n" + LEAVES)
    (miss,) = saw(clause_of(told, "shelf")).misses
    seen = compared(miss.condition)
    assert (miss.lacks, seen.text, seen.truth) == ("where", "rssi > -60dBm", False)
    assert (seen.left.value, seen.right.value, seen.apart) == (-71.0, -60, -11.0)


def test_a_read_without_a_strength_is_near_and_unknown() -> None:
    told = judged(UNSOLD, "10:15:00 rfid.read epc=E1\n" + LEAVES)
    (miss,) = saw(clause_of(told, "shelf")).misses
    assert compared(miss.condition).truth is None
    assert compared(miss.condition).left.value is None


@pytest.mark.parametrize(
    ("clock", "outside"),
    [("10:09:58", -2_000_000), ("10:20:03", 3_000_000), ("10:09:00", -60_000_000)],
)
def test_what_lies_just_outside_a_window_is_told_with_how_far(clock: str, outside: int) -> None:
    told = judged(UNSOLD, f"{clock} rfid.read epc=E1 rssi=-50\n" + LEAVES)
    (miss,) = saw(clause_of(told, "shelf")).misses
    assert (miss.lacks, miss.outside_us) == ("window", outside)


def test_a_sale_two_seconds_too_late_to_cancel_is_told_though_the_rule_holds() -> None:
    told = judged(UNSOLD, SHELF + LEAVES + "10:20:02 pos.item epc=E1\n")
    assert told.outcome == "holds"
    (miss,) = saw(clause_of(told, "not_seen pos.item")).misses
    assert (miss.lacks, miss.outside_us) == ("window", 2_000_000)


def test_another_tag_is_near_only_where_nothing_else_is() -> None:
    other = "10:15:30 rfid.read epc=E2 rssi=-50\n"
    (miss,) = saw(clause_of(judged(UNSOLD, other + LEAVES), "shelf")).misses
    assert (miss.lacks, miss.has) == ("same", "E2")
    assert miss.joined is not None
    assert (miss.joined.field, miss.joined.value) == ("epc", "E1")
    weak = "10:15:00 rfid.read epc=E1 rssi=-71\n"
    told = judged(UNSOLD, other + weak + LEAVES)
    assert [miss.lacks for miss in saw(clause_of(told, "shelf")).misses] == ["where"]


def test_an_event_of_the_same_instant_behind_the_anchor_is_outside_by_order_alone() -> None:
    rule = small_rule(
        "event: pos.void, as: v", "seen: pos.void, as: other, same: [lane], window: 5s before v"
    )
    told = judged(rule, "10:00:00 pos.void lane=L1 cashier=a\n10:00:00 pos.void lane=L1", which=0)
    assert told.outcome == "fails"
    assert [miss.lacks for miss in saw(clause_of(told, "other")).misses] == ["order"]


def test_clauses_behind_the_one_that_failed_are_told_too() -> None:
    told = judged(UNSOLD, "10:20:00 rfid.crossing epc=E1 reads=2\n")
    assert (told.outcome, told.stopped_at) == ("fails", "shelf")
    absent = clause_of(told, "not_seen pos.item")
    assert (absent.truth, absent.why) == (None, "what its window is measured from was not found")
    assert (saw(absent).from_us, saw(absent).to_us is None) == (None, False)
    check = compared(clause_of(told, "check").condition)
    assert (check.truth, check.left.value, check.apart) == (False, 2, -1)


def test_a_sum_tells_what_it_is_of_what_it_came_to_and_what_it_lacks() -> None:
    rule = small_rule(
        "event: shelf.removed, as: pick",
        "sum: shelf.removed.units, as: taken, same: [shelf], window: 30s before pick, at_least: 5",
    )
    told = judged(
        rule,
        "10:00:00 shelf.removed shelf=S units=3\n10:00:20 shelf.removed shelf=S units=2\n"
        "10:00:31 shelf.removed shelf=S units=2\n",
    )
    taken = clause_of(told, "taken")
    assert (taken.kind, taken.field, len(saw(taken).found)) == ("sum", "units", 2)
    assert compared(taken.condition).apart == -1
    (miss,) = saw(taken).misses
    assert (miss.lacks, miss.outside_us) == ("window", -1_000_000)


def test_a_figure_with_an_unknown_part_says_that_it_is_unknown() -> None:
    rule = small_rule(
        "event: shelf.removed, as: pick",
        "max: pos.item.weight, as: most, window: 30s before pick, at_least: 5g",
    )
    nothing = clause_of(judged(rule, "10:00:00 shelf.removed shelf=S units=3"), "most")
    assert (nothing.truth, nothing.why) == (None, "there is no max of nothing")
    unknown = clause_of(
        judged(rule, "10:00:00 pos.item lane=L\n10:00:01 shelf.removed shelf=S units=3"), "most"
    )
    assert unknown.truth is None
    assert "does not tell the figure" in unknown.why


def test_computed_figures_tell_what_they_are_computed_of() -> None:
    rule = small_rule(
        "event: pos.item, as: scan",
        'check: "abs(scan.weight - scan.expected_weight) > 15% of scan.expected_weight"',
    )
    told = judged(rule, "10:00:00 pos.item lane=L weight=510 expected_weight=500")
    check = compared(clause_of(told, "check").condition)
    assert (check.left.value, check.right.value, check.apart) == (10_000, 75_000, -65_000)
    assert [(one.text, one.value) for one in check.left.made_of] == [
        ("scan.weight", 510_000),
        ("scan.expected_weight", 500_000),
    ]
    assert check.text == "abs(scan.weight - scan.expected_weight) > 15% * scan.expected_weight"


def test_a_dead_till_is_named_with_the_time_for_which_it_was_dead() -> None:
    dead = (
        "10:16:00 device.state device=till state=failed reason=crash\n"
        "10:18:00 device.state device=till state=online\n"
    )
    told = judged(UNSOLD, SHELF + dead + LEAVES)
    assert (told.outcome, told.stopped_at) == ("undecided", "not_seen pos.item")
    (blind,) = clause_of(told, "not_seen pos.item").blind
    assert (blind.device, blind.type, blind.reason) == ("till", "pos.item", "crash")
    assert blind.until_us == blind.from_us + 120_000_000


def test_all_blind_devices_are_named_and_not_the_first_alone() -> None:
    sees = frozenset({"pos.item"})
    shop = StoreModel(devices={name: Device(name, sees=sees) for name in ("t1", "t2", "t3")})
    dead = "".join(f"10:1{n}:00 device.state device=t{n} state=offline\n" for n in (1, 2))
    told = judged(UNSOLD, SHELF + dead + LEAVES, shop)
    blind = clause_of(told, "not_seen pos.item").blind
    assert [(one.device, one.until_us) for one in blind] == [("t1", None), ("t2", None)]


EXCUSED = """\
id: excused
title: A tag leaves
when: {event: rfid.crossing, as: out}
except:
  - {name: over, where: out.epc == 'E1', reason: r, owner: o, until: 2020-01-01}
  - {name: moved, where: out.epc in lists.moved, reason: r, owner: o, until: 2030-01-01}
incident: {type: theft.x, about: {epc: out.epc}, because: it left}
"""


def test_an_exception_says_whether_it_excuses_and_that_it_has_ended() -> None:
    lists = {"moved": frozenset({"E1"})}
    rule = load_rule(EXCUSED, "excused.yml", REGISTRY, lists=lists)
    told = judged(rule, LEAVES, StoreModel(lists=lists))
    assert (told.outcome, told.stopped_at) == ("fails", "moved")
    over, moved = told.clauses
    assert (over.truth, over.why) == (False, "ended with 2020-01-01")
    assert (moved.truth, moved.why) == (True, "")


def test_nested_clauses_tell_each_their_own_and_the_points_that_they_add() -> None:
    rule = small_rule(
        "event: rfid.crossing, as: out",
        "any_of: [{check: out.reads >= 3, as: often, points: 4}, "
        "{seen: vision.person, window: 3s around out}], at_least: 2",
    )
    told = judged(rule, LEAVES + "10:20:04 vision.person person=P1\n")
    (group,) = told.clauses
    often, person = group.clauses
    assert (group.truth, group.at_least, often.points) == (False, 2, 4)
    assert [miss.outside_us for miss in saw(person).misses] == [1_000_000]


def test_a_pairing_tells_its_pairs_and_what_is_left_over() -> None:
    rule = small_rule(
        "event: pos.payment_start, as: pay",
        "unmatched: {left: rfid.read, right: pos.item}, same: [lane], by: [sku], "
        "window: 60s before pay",
        "check: size(left) > 0",
    )
    told = judged(
        rule,
        "10:00:00 rfid.read epc=E1 lane=K sku=A\n10:00:01 rfid.read epc=E2 lane=K sku=B\n"
        "10:00:02 pos.item lane=K sku=A\n10:00:09 pos.payment_start lane=K\n",
    )
    pairing = clause_of(told, "unmatched").pairing
    assert pairing is not None
    ((left, right, units),) = [(p.left, p.right, p.units) for p in pairing.pairs]
    assert (getattr(left, "epc", ""), getattr(right, "sku", ""), units) == ("E1", "A", 1)
    assert [getattr(event, "epc", "") for event in pairing.left] == ["E2"]
    assert pairing.right == []
    size = compared(clause_of(told, "check").condition)
    assert (size.left.text, size.left.value) == ("size(left)", 1)


AVOIDED = small_rule(
    "event: rfid.read, as: read",
    "unmatched: {left: rfid.read, right: pos.item}, same: [lane], by: [sku], "
    "window: 2s around read",
)
READ = "10:00:00 rfid.read epc=E1 lane=K sku=A\n"


@pytest.mark.parametrize(
    ("line", "outside"),
    [
        ("10:00:03 pos.item lane=K sku=A", [1_000_000]),
        ("09:59:50 pos.item lane=K sku=A", [-8_000_000]),
        ("10:00:03 pos.item lane=K sku=B", []),
        ("10:00:03 pos.item lane=L sku=A", []),
        ("10:05:00 pos.item lane=K sku=A", []),
    ],
)
def test_the_line_that_would_explain_a_tag_is_near_where_it_came_a_second_too_late(
    line: str, outside: list[int]
) -> None:
    told = judged(AVOIDED, READ + line)
    assert told.outcome == "holds"
    misses = saw(clause_of(told, "unmatched")).misses
    assert [miss.outside_us for miss in misses] == outside


def test_an_event_that_is_not_left_over_says_whether_it_has_a_pair_or_is_no_item() -> None:
    paired = judged(AVOIDED, READ + "10:00:01 pos.item lane=K sku=A\n")
    assert "has its pair" in clause_of(paired, "unmatched").why
    again = judged(AVOIDED, READ + "10:00:01 rfid.read epc=E1 lane=K sku=A\n")
    assert again.outcome == "fails"
    assert "is no item of its side" in clause_of(again, "unmatched").why


def test_of_a_whole_basket_leftovers_of_both_sides_tell_what_would_explain_them() -> None:
    rule = small_rule(
        "event: pos.payment_start, as: pay",
        "unmatched: {left: rfid.read, right: pos.item}, same: [lane], by: [sku], "
        "window: 10s before pay",
    )
    told = judged(
        rule,
        READ + "10:00:01 pos.item lane=K sku=B\n09:59:50 pos.item lane=K sku=A\n"
        "10:00:12 rfid.read epc=E2 lane=K sku=B\n10:00:05 pos.payment_start lane=K\n",
    )
    misses = saw(clause_of(told, "unmatched")).misses
    assert [miss.outside_us for miss in misses] == [-5_000_000, 7_000_000]


def test_a_condition_of_parts_tells_every_part_also_behind_the_one_that_decides() -> None:
    rule = small_rule(
        "event: pos.item, as: i, where: \"lane == 'K' and (units > 3 or not has(sku))\""
    )
    (event,) = parse_lines("10:00:00 pos.item lane=L units=2", REGISTRY)
    told = Explainer(rule, Log([event], StoreModel()), REGISTRY).when(event)
    assert isinstance(told, Several)
    first, second = told.parts
    assert (told.joint, told.truth, first.truth, second.truth) == ("and", False, False, True)
    assert isinstance(second, Several)
    assert [part.truth for part in second.parts] == [False, True]


def wheres() -> list[tuple[str, Expr, tuple[str, ...]]]:
    found: list[tuple[str, Expr, tuple[str, ...]]] = []
    for file in SHIPPED:
        lists = dict.fromkeys(lists_in(file), frozenset[str]())
        beside: dict[str, Any] = {"lists": lists, "beside": BESIDE, "macros": MACROS}
        rule = load_rule(file.read_text(), file.name, REGISTRY, **beside)
        if rule.anchor.where is not None:
            found.append((f"{rule.id}-when", rule.anchor.where, rule.anchor.types))
        found += [
            (f"{rule.id}-{clause.label}", clause.where, clause.types)
            for clause in rule.clauses
            if isinstance(clause, Evidence) and clause.where is not None
        ]
    # An amount is shown without its currency, which a checked rule no longer knows.
    return [one for one in found if not any(map(is_amount, parts(one[1].term)))]


def is_amount(part: Term) -> bool:
    return isinstance(part, Constant) and part.type.dimension is Dimension.MONEY


@pytest.mark.parametrize(("where", "types"), [one[1:] for one in wheres()],
                         ids=[one[0] for one in wheres()])  # fmt: skip
def test_a_condition_as_it_is_shown_is_one_that_means_the_same(
    where: Expr, types: tuple[str, ...]
) -> None:
    kinds = tuple(with_signals(REGISTRY, BESIDE).kinds[type_] for type_ in types)
    scope = Scope(lists=frozenset(where.lists)).for_event(kinds)
    again = Checker(scope).check(parse(as_written(where.term)))
    assert again is not None
    assert canonical(again) == canonical(where.term)
