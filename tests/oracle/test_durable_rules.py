"""Rules that durable-rules can express give the same signals there, on random streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from durable_twin import Crashed, fits, judge
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from aislewatch.detect.core import Core
from aislewatch.detect.order import order_key
from aislewatch.detect.settings import Settings
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Rule, Seen
from aislewatch.testing.running import standing
from aislewatch.testing.streams import (
    FIRST_STATE,
    SHOP,
    START_US,
    STEP_US,
    Pick,
    event_of,
    tick_at,
)

pytest.importorskip("durable.lang", reason="the extra 'oracle' is not installed")

ROOT = Path(__file__).parents[2]
REGISTRY = Registry()
END = tick_at(START_US + 400 * STEP_US, final=True)
tries = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

KEYS = {
    "rfid.read": ("epc", "person", "device"),
    "rfid.crossing": ("epc", "person"),
    "pos.item": ("epc", "lane", "sku"),
    "pos.void": ("lane", "cashier", "device"),
    "pos.refund": ("lane", "cashier", "receipt"),
    "vision.person": ("person", "lane", "device"),
    "shelf.removed": ("person", "shelf"),
    "shelf.returned": ("person", "shelf"),
}
WHERES = {
    "rfid.read": ("zone.kind == 'shelf'", "person != 'P1'", "not (sku == 'A' or epc == 'E1')"),
    "rfid.crossing": ("person == 'P1'", "not (person == 'P2')", "epc != 'E1'"),
    "pos.item": ("units >= 2", "units < 2 and sku == 'A'", "epc in ['E1', 'E3']", "units != 1"),
    "pos.void": ("units > 1", "units <= 2 or lane == 'L1'"),
    "pos.refund": ("receipt == 'R1'", "cashier == 'C1'", "not (receipt in ['R1', 'R2'])"),
    "vision.person": ("role == 'staff'", "role != 'staff'", "not (role == 'customer')"),
    "shelf.removed": ("units == 2", "person == 'P1' or units < 2"),
    "shelf.returned": ("units == 2", "shelf != 'S1'"),
}
kinds = st.sampled_from(sorted(KEYS))
spans = st.sampled_from(["0s", "0.5s", "1s", "3s", "5s"])
windows = st.one_of(
    st.tuples(spans, st.sampled_from(["before", "after", "around"])).map(
        lambda one: f"{one[0]} {one[1]} that"
    ),
    st.tuples(st.sampled_from(["4s", "2s"]), st.sampled_from(["1s", "0.5s", "0s"])).map(
        lambda one: f"{one[0]} before that to {one[1]} before that"
    ),
    st.tuples(spans, spans).map(lambda one: f"{one[0]} before that to {one[1]} after that"),
)


@st.composite
def clauses(draw: st.DrawFn, anchor: str, name: str) -> str:
    kind = draw(kinds)
    key = draw(st.sampled_from(["", *sorted(set(KEYS[kind]) & set(KEYS[anchor]))]))
    where = draw(st.sampled_from(["", *WHERES[kind]]))
    absent = draw(st.booleans())
    parts = [
        f"{'not_seen' if absent else 'seen'}: {kind}",
        f'where: "{where}"' if where else "",
        f"same: [{key}]" if key else "",
        f"window: {draw(windows)}",
    ]
    if not absent:
        parts += [f"as: {name}", f"pick: {draw(st.sampled_from(['nearest', 'first', 'last']))}"]
    return "{" + ", ".join(part for part in parts if part) + "}"


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    anchor = draw(kinds)
    where = draw(st.sampled_from(["", *WHERES[anchor]]))
    lines = [draw(clauses(anchor, f"b{n}")) for n in range(draw(st.integers(1, 3)))]
    if draw(st.booleans()):
        inner = ", ".join(draw(clauses(anchor, f"o{n}")) for n in range(2))
        lines.append("{" + f"any_of: [{inner}]" + "}")
    text = "id: twin\ntitle: A rule for two engines\nstatus: live\n"
    text += f"when: {{event: {anchor}, as: that" + (f', where: "{where}"' if where else "") + "}\n"
    text += "match:\n" + "".join(f"  - {line}\n" for line in lines)
    text += "incident: {type: test.twin, about: {device: that.device}, because: it}\n"
    return load_rule(text, "twin.yml", REGISTRY)


def stream_of(size: int, seed: int) -> list[Event]:
    """Make a stream full of ties, of all that devices tell but how they are."""
    random = Random(seed)
    picks = [
        Pick(
            random.randrange(FIRST_STATE),
            random.randrange(14),
            random.randrange(2),
            random.randrange(3),
            random.randrange(2),
        )
        for _ in range(size)
    ]
    made = [SHOP.enrich(event_of(pick, number)) for number, pick in enumerate(picks)]
    return sorted(made, key=order_key)


def ours(rule: Rule, events: Sequence[Event]) -> dict[str, dict[str, Any]]:
    core = Core(Settings(store="1", lateness_us=0), SHOP, [rule], REGISTRY)
    signals = standing(core.step([*events, END])).values()
    return {signal["anchor"]: dict(signal["bindings"]) for signal in signals}


def assert_alike(rule: Rule, events: Sequence[Event]) -> int:
    """Judge by both; what we bind is the one of theirs that the rule picks."""
    said, theirs = ours(rule, events), judge(rule, events)
    assert set(said) == set(theirs)
    by_id = {one.id: one for one in events}
    picked = [one for one in rule.clauses if isinstance(one, Seen) and one.name is not None]
    for anchor, bindings in said.items():
        at = by_id[anchor].time
        for clause in picked:
            assert clause.name is not None
            found = sorted((by_id[one] for one in theirs[anchor][clause.name]), key=order_key)
            if clause.pick == "nearest":
                before = [one for one in found if order_key(one) < order_key(by_id[anchor])]
                after = [one for one in found if order_key(one) > order_key(by_id[anchor])]
                near = [*before[-1:], *after[:1]]
                expected = min(near, key=lambda one: abs(one.time - at))
            else:
                expected = found[0 if clause.pick == "first" else -1]
            assert bindings[clause.name] == expected.id
    return len(said)


seeds = st.integers(0, 1 << 40)
sizes = st.sampled_from([4, 10, 25, 40])


@tries
@given(rules(), sizes, seeds)
def test_a_random_rule_gives_the_same_signals_by_another_engine(
    rule: Rule, size: int, seed: int
) -> None:
    if not fits(rule):
        event("does not fit")
        return
    try:
        held = assert_alike(rule, stream_of(size, seed))
    except Crashed:
        event("the other engine dies of it")
        return
    event("holds" if held else "holds for nothing")


FOLDER = ROOT / "tests" / "unit" / "detect_rules"


def written(name: str) -> Rule:
    """Load a rule of the core's tests; a silence is no matter of this engine."""
    rule = load_rule((FOLDER / f"{name}.yml").read_text(), name, REGISTRY)
    return replace(rule, incident=replace(rule.incident, quiet=None))


@pytest.mark.parametrize("name", ["kept", "unpaid"])
def test_a_written_rule_gives_the_same_signals_by_another_engine(name: str) -> None:
    rule = written(name)
    assert fits(rule)
    held = survived = 0
    for seed in range(40):
        try:
            held += assert_alike(rule, stream_of(30, seed))
        except Crashed:
            continue
        survived += 1
    assert survived > 30
    assert held > 10


def test_what_the_other_engine_cannot_say_does_not_fit() -> None:
    for name in ("avoidance", "desk", "either", "sweep", "voids"):
        assert not fits(written(name))


def test_the_twin_notices_a_rule_that_is_another() -> None:
    rule = written("unpaid")
    other = replace(rule, clauses=rule.clauses[:1])

    def differs(seed: int) -> bool:
        events = stream_of(30, seed)
        try:
            return set(ours(other, events)) != set(judge(rule, events))
        except Crashed:
            return False

    assert any(differs(seed) for seed in range(30))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_more_random_rules_give_the_same_signals_by_another_engine() -> None:
    more: Any = settings(tries, max_examples=2000)
    law: Any = test_a_random_rule_gives_the_same_signals_by_another_engine
    more(given(rules(), sizes, seeds)(law.hypothesis.inner_test))()
