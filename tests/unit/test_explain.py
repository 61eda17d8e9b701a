"""What an explanation says of a judgement: the judge's own verdict, and more than the judge saw."""

from __future__ import annotations

from collections.abc import Sequence
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
from aislewatch.detect.explain_values import ClauseTold, Judgement
from aislewatch.detect.health import Health
from aislewatch.detect.judging import Fails, Holds, Undecided
from aislewatch.detect.order import in_order
from aislewatch.detect.plan import Plan
from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.load import load_rule, load_rules
from aislewatch.rules.rule import Rule
from aislewatch.testing.streams import FIRST_STATE, KINDS, SHOP, Pick, stream_of

REGISTRY = Registry()
FOLDER = Path(__file__).parent / "detect_rules"
RULES = load_rules({path.name: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}, REGISTRY)
SHIPPED = sorted((Path(__file__).parents[2] / "rules").glob("*.yml"))
TRANSFERS = {"open_transfers": frozenset({"E9"}), "staff": frozenset[str]()}


# The same verdict as the judge -------------------------------------------------------------------


def check_all(rule: Rule, events: Sequence[Event], model: StoreModel) -> int:
    """Explain every anchor of a stream beside the compiled judge; give how many there were."""
    by_id = {event.id: model.enrich(event) for event in events}
    log = in_order(list(by_id.values()))
    health = Health()
    plan = Plan(
        [rule], REGISTRY, model, health, horizon_us=10**12, take_anchor=lambda plan, anchor: None
    )
    for event in log:
        plan.insert(event)
        if isinstance(event, DeviceState):
            health.tell(event)
    if not plan.rules:
        return 0
    (compiled,) = plan.rules
    judge = plan.traced(compiled)
    explainer = Explainer(rule, Log(log, model), REGISTRY)
    anchors = 0
    for event in log:
        if type_of(type(event)) not in rule.anchor.types:
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
    return value


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
    rule = load_rule(file.read_text(), file.name, REGISTRY, lists=lists)
    anchors = 0
    for case in rule.tests:
        events = parse_lines(case.events, REGISTRY)
        anchors += check_all(rule, events, model_of(events, REGISTRY, lists))
    assert anchors


def lists_in(file: Path) -> set[str]:
    return {word.partition("lists.")[2].strip(" ,)}]'\"") for word in file.read_text().split()
            if word.startswith("lists.")}  # fmt: skip
