"""What the core promises about any stream: order, batches, ticks, snapshots and lateness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.detect.snapshot import decode_state
from aislewatch.events.kinds import ClockTick, Event
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.load import load_rules
from aislewatch.rules.rule import Evidence, Rule, SomeOf, Unmatched
from aislewatch.testing.running import standing
from aislewatch.testing.streams import (
    FIRST_STATE,
    KINDS,
    SHOP,
    START_US,
    STEP_US,
    Arrival,
    Pick,
    arrive,
    event_of,
    last_slot,
    stream_of,
    tick_at,
)

SECOND = 1_000_000
REGISTRY = Registry()
FOLDER = Path(__file__).parent / "detect_rules"
RULES = {
    rule.id: rule
    for rule in load_rules(
        {path.name: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}, REGISTRY
    )
}
HOUR = 3600 * SECOND
PATIENT = Settings(store="1", lateness_us=2 * SECOND, horizon_us=HOUR, ahead_us=HOUR)
HASTY = PATIENT._replace(horizon_us=SECOND, merge_window_us=4 * SECOND)


def names_types(rule: Rule) -> set[str]:
    """Give the types of event that a rule names."""
    found = set(rule.anchor.types)
    clauses = list(rule.clauses)
    for clause in clauses:
        if isinstance(clause, SomeOf):
            clauses += clause.clauses
        elif isinstance(clause, Unmatched):
            found |= {*clause.left.types, *clause.right.types}
        elif isinstance(clause, Evidence):
            found |= set(clause.types)
    return found


tries = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
# Mostly some seconds full of ties; now and then minutes later, so that house is kept.
NEAR = range(20)
FAR = (60, 610, 611, 1250, 1900)
times = st.one_of(*[st.sampled_from(NEAR)] * 4, st.sampled_from(FAR))
small = st.integers(0, 1)
places = st.integers(0, 40)
KINDS_OF = {
    name: [
        kind
        for kind in range(KINDS)
        if type_of(type(event_of(Pick(kind, 0, 0, 0, 0), 0)))
        in {"device.state", *names_types(rule)}
    ]
    for name, rule in RULES.items()
}


class Scenario(NamedTuple):
    """Some rules, and a stream of what concerns them."""

    rules: list[Rule]
    events: list[Event]


def crowd(kinds: Sequence[int], size: int, random: Random) -> list[Pick]:
    # A device's troubles are as frequent as any one kind of event, not as all of them.
    kinds = [kind for kind in kinds if kind < FIRST_STATE] * 2 + list(kinds)
    return [
        Pick(
            random.choice(kinds),
            random.choice(FAR if random.random() < 0.1 else NEAR),
            random.randrange(2),
            random.randrange(3),
            random.randrange(2),
        )
        for _ in range(size)
    ]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    names = sorted(draw(st.sets(st.sampled_from(sorted(RULES)), min_size=1, max_size=3)))
    kinds = sorted({kind for name in names for kind in KINDS_OF[name]})
    if draw(st.booleans()):
        others = st.integers(0, 2)
        pick = st.builds(
            Pick, kind=st.sampled_from(kinds), time=times, key=small, other=others, seq=small
        )
        picks = draw(st.lists(pick, max_size=12))
    else:
        # Figures drawn one by one shrink well, but crowd around the smallest.
        picks = crowd(
            kinds, draw(st.sampled_from([10, 25, 50])), Random(draw(st.integers(0, 1 << 32)))
        )
    doubles = draw(st.lists(st.tuples(places, places), max_size=2))
    return Scenario([RULES[name] for name in names], stream_of(picks, doubles))


ticks_within = st.lists(st.integers(0, 40), max_size=6).map(
    lambda steps: [tick_at(START_US + step * STEP_US) for step in sorted(steps)]
)
figures_of_either = st.sampled_from([PATIENT, HASTY])
ARRIVING = (scenarios(), ticks_within, st.data())
CUT_UP = (scenarios(), ticks_within, st.sets(places), figures_of_either)
WALKED = (
    scenarios(),
    st.sets(st.one_of(st.integers(0, 40), st.integers(0, 3600))),
    figures_of_either,
)
RESTORED = (scenarios(), ticks_within, places, figures_of_either)
FIRST = tick_at(START_US - 10 * SECOND)
END = tick_at(START_US + 2000 * STEP_US, final=True)


def fresh(rules: Sequence[Rule], figures: Settings = PATIENT) -> Core:
    return Core(figures, SHOP, rules, REGISTRY)


def in_time(
    data: st.DataObject, events: Sequence[Event], ticks: Sequence[ClockTick]
) -> list[Arrival]:
    """Draw when events arrive, none of them late."""
    slots = [last_slot(event, ticks, PATIENT.lateness_us) for event in events]
    return [Arrival(data.draw(st.integers(0, slot)), data.draw(places)) for slot in slots]


@tries
@given(*ARRIVING)
def test_any_order_of_arrival_within_the_lateness_gives_the_same_bytes(
    scenario: Scenario, between: list[ClockTick], data: st.DataObject
) -> None:
    rules, events = scenario
    ticks = [FIRST, *between, END]
    again = data.draw(st.lists(st.sampled_from(events), max_size=3)) if events else []
    resent = [msgspec.structs.replace(event) for event in again]
    one = fresh(rules).step(arrive(events, ticks, in_time(data, events, ticks)))
    core = fresh(rules)
    other = core.step(arrive([*events, *resent], ticks, in_time(data, [*events, *resent], ticks)))
    assert other == one
    assert not core.counters.get("late")


@tries
@given(*CUT_UP)
def test_how_inputs_are_cut_into_batches_does_not_matter(
    scenario: Scenario,
    between: list[ClockTick],
    cuts: set[int],
    figures: Settings,
) -> None:
    rules, events = scenario
    log = [FIRST, *events[::2], *between, *events[1::2], END]
    core = fresh(rules, figures)
    pieces: list[Record] = []
    edges = [0, *sorted(cut for cut in cuts if cut < len(log)), len(log)]
    for start, end in pairwise(edges):
        pieces += core.step(log[start:end])
    whole = fresh(rules, figures)
    assert whole.step(log) == pieces
    assert whole.snapshot() == core.snapshot()


@tries
@given(*WALKED)
def test_a_jump_of_the_watermark_gives_what_a_walk_gives(
    scenario: Scenario, steps: set[int], figures: Settings
) -> None:
    rules, events = scenario
    walk = [tick_at(START_US + step * STEP_US) for step in sorted(steps)]
    far = tick_at(START_US + 3600 * STEP_US)
    jumped = fresh(rules, figures).step([FIRST, *events, far])
    assert fresh(rules, figures).step([FIRST, *events, *walk, far]) == jumped


@tries
@given(*RESTORED)
def test_a_core_that_is_restored_goes_on_as_if_never_stopped(
    scenario: Scenario, between: list[ClockTick], cut: int, figures: Settings
) -> None:
    rules, events = scenario
    log = [FIRST, *events[::2], *between, *events[1::2], END]
    whole = fresh(rules, figures)
    before = whole.step(log[:cut])
    taken = whole.snapshot()
    restored = Core(figures, SHOP, rules, REGISTRY, taken)
    assert restored.snapshot() == taken
    for item in log[cut:]:
        assert restored.step([item]) == whole.step([item])
        assert restored.snapshot() == whole.snapshot()
    again = fresh(rules, figures)
    assert again.step(log[:cut]) == before


def outcome(core: Core, records: Sequence[Record]) -> dict[str, Any]:
    """Give what stands at the end, without the numbers of incidents and the way there."""
    state = decode_state(core.snapshot(), REGISTRY)
    last: dict[str, Mapping[str, Any]] = {}
    for record in records:
        if record.type in {"incident.opened", "incident.rescored"}:
            content = msgspec.json.decode(record.payload)
            last[content["incident"]] = content
        elif record.type in {"incident.cleared", "incident.merged"}:
            del last[msgspec.json.decode(record.payload)["incident"]]
    assert set(last) == set(state.incidents.open)
    way = {"incident", "because", "split_from", "members"}
    return {
        "signals": standing(records),
        "undecided": set(state.undecided),
        "incidents": {
            tuple(signal.id for signal in incident.signals): {
                name: value for name, value in last[incident.id].items() if name not in way
            }
            for incident in state.incidents.open.values()
        },
    }


@tries
@given(*ARRIVING)
def test_late_events_lead_to_what_stands_had_they_been_in_time(
    scenario: Scenario, between: list[ClockTick], data: st.DataObject
) -> None:
    rules, events = scenario
    ticks = [FIRST, *between, END]
    prompt = fresh(rules)
    expected = outcome(prompt, prompt.step([FIRST, *events, END]))
    slots = st.integers(0, len(ticks) - 1)
    arrivals = [Arrival(data.draw(slots), data.draw(places)) for _ in events]
    core = fresh(rules)
    assert outcome(core, core.step(arrive(events, ticks, arrivals))) == expected


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("promise", "given_to"),
    [
        (test_any_order_of_arrival_within_the_lateness_gives_the_same_bytes, ARRIVING),
        (test_how_inputs_are_cut_into_batches_does_not_matter, CUT_UP),
        (test_a_jump_of_the_watermark_gives_what_a_walk_gives, WALKED),
        (test_a_core_that_is_restored_goes_on_as_if_never_stopped, RESTORED),
        (test_late_events_lead_to_what_stands_had_they_been_in_time, ARRIVING),
    ],
)
def test_the_promises_hold_for_many_more_streams(promise: Any, given_to: tuple[Any, ...]) -> None:
    more: Any = settings(tries, max_examples=5000)
    give: Any = given
    more(give(*given_to)(promise.hypothesis.inner_test))()
