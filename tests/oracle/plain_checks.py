"""What the core says of a stream beside what a plain reading of the language comes to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from random import Random
from typing import Any, cast

from plain_reading import UNDECIDED, Maybe, Reference

from aislewatch.detect.core import Core
from aislewatch.detect.order import order_key
from aislewatch.detect.settings import Settings
from aislewatch.detect.signals import signal_id
from aislewatch.detect.snapshot import decode_state
from aislewatch.events.codec import content_hash
from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.rule import Evidence, Rule, SomeOf, Unmatched
from aislewatch.rules.signals import heard_by, signal_kind, with_signals
from aislewatch.rules.tree import FIRST
from aislewatch.testing.running import standing
from aislewatch.testing.streams import KINDS, SHOP, START_US, STEP_US, Pick, stream_of, tick_at

REGISTRY = Registry()


def named(value: Any) -> Any:
    if isinstance(value, Event):
        return value.id
    if isinstance(value, list):
        return [named(one) for one in cast("list[Event | int | Fraction | None]", value)]
    return float(value) if isinstance(value, Fraction) else value


def expected_signals(
    rule: Rule, log: Sequence[Event], maybe: Sequence[Maybe] = ()
) -> tuple[dict[str, Any], dict[str, Event]]:
    """Give what stands (id: bindings, about, points, time, device) and what is undecided."""
    held: list[tuple[int, str, str, Any]] = []
    unsure: dict[str, Event] = {}
    wait = max(0, rule.reach.latest_us)
    for anchor in log:
        where = rule.anchor.where
        if type_of(type(anchor)) not in rule.anchor.types:
            continue
        if where is not None and where.compile_where()(anchor) is not True:
            continue
        found = Reference(rule, log, maybe).judge(anchor)
        if found.truth == UNDECIDED:
            unsure[signal_id(rule.id, anchor)] = anchor
        if found.truth is not True:
            continue
        about = {
            name: expr.compile_bound()(found.bindings) for name, expr in rule.incident.about.items()
        }
        said = {
            "bindings": {
                name: named(value)
                for name, value in found.bindings.items()
                if not name.startswith(FIRST)
            },
            "about": {name: value for name, value in about.items() if value is not None},
            "points_cb": 10 * (rule.incident.points + found.points),
        }
        held.append((anchor.time + wait, signal_id(rule.id, anchor), anchor.device, said))
    standing_now: dict[str, Any] = {}
    loud: dict[Any, int] = {}
    for time, ident, device, said in sorted(held, key=lambda one: one[:2]):
        quiet = rule.incident.quiet
        entity = said["about"].get(quiet.entity) if quiet is not None else None
        if quiet is not None and entity is not None:
            if entity in loud and time - loud[entity] <= quiet.us:
                continue
            loud[entity] = time
        standing_now[ident] = {**said, "decided_us": time, "device": device}
    return standing_now, unsure


def log_of(events: Sequence[Event]) -> list[Event]:
    """Give what counts of a stream, in the total order: of one id, the lowest hash."""
    chosen: dict[str, Event] = {}
    for event in sorted(map(SHOP.enrich, events), key=content_hash):
        chosen.setdefault(event.id, event)
    return sorted(chosen.values(), key=order_key)


# What the core says -----------------------------------------------------------------------------

FIGURES = Settings(store="1", lateness_us=0, priors_cb={"theft": -250, "theft.exit": -150})
END = tick_at(START_US + 400 * STEP_US, final=True)


def check_judgement(rules: Sequence[Rule], events: Sequence[Event]) -> dict[str, Any]:
    """Hold the core to the plain reading; give what stands.

    Args:
        rules: those whose signals others judge before those others.
        events: a stream.
    """
    core = Core(FIGURES, SHOP, rules, REGISTRY)
    stands = standing(core.step([*events, END]))
    expected: dict[str, Any] = {}
    unsure: set[str] = set()
    log = log_of(events)
    maybe: list[Maybe] = []
    for rule in rules:
        held, open_still = expected_signals(rule, log, maybe)
        log = sorted([*log, *heard(rule, held)], key=order_key)
        maybe += [may_be(rule, ident, anchor) for ident, anchor in open_still.items()]
        expected |= held
        unsure |= open_still.keys()
    said = {
        ident: {
            "bindings": dict(signal["bindings"]),
            "about": dict(signal["about"]),
            "points_cb": signal["points_cb"],
            "decided_us": signal["decided_us"],
        }
        for ident, signal in stands.items()
    }
    for one in expected.values():
        del one["device"]
    assert said == expected
    registry = with_signals(REGISTRY, heard_by(rules))
    assert decode_state(core.snapshot(), registry).undecided.keys() == unsure
    return expected


def heard(rule: Rule, held: Mapping[str, Any]) -> Iterator[Event]:
    """Give what stands of a rule as events that others can judge."""
    kind: Any = signal_kind(rule.id, tuple(sorted(rule.incident.about)))
    for ident, said in held.items():
        about = {name: value for name, value in said["about"].items() if name != "device"}
        yield kind(
            **about,
            id=ident,
            store="1",
            device=said["device"],
            time=said["decided_us"],
            points=said["points_cb"] // 10,
        )


def may_be(rule: Rule, ident: str, anchor: Event) -> Maybe:
    """Give the signal that there would be if an undecided judgement held."""
    kind: Any = signal_kind(rule.id, tuple(sorted(rule.incident.about)))
    told = {name: e for name, e in rule.incident.about.items() if name != "device"}
    known = {name: e for name, e in told.items() if e.names <= {rule.anchor.name}}
    event = kind(
        **{name: expr.compile_bound()({rule.anchor.name: anchor}) for name, expr in known.items()},
        id=ident,
        store="1",
        device=anchor.device,
        time=anchor.time + max(0, rule.reach.latest_us),
    )
    return Maybe(event, frozenset({"points", "value_minor"} | told.keys() - known.keys()))


def types_named(rule: Rule) -> set[str]:
    found = set(rule.anchor.types) | {"device.state"}
    clauses = list(rule.clauses)
    for clause in clauses:
        if isinstance(clause, SomeOf):
            clauses += clause.clauses
        elif isinstance(clause, Unmatched):
            found |= {*clause.left.types, *clause.right.types}
        elif isinstance(clause, Evidence):
            found |= set(clause.types)
    return found


def crowd(rules: Sequence[Rule], size: int, seed: int) -> list[Event]:
    """Make a stream full of ties of what concerns some rules."""
    random = Random(seed)
    named_types = set[str]().union(*map(types_named, rules))
    zero = [stream_of([Pick(kind, 0, 0, 0, 0)])[0] for kind in range(KINDS)]
    kinds = [kind for kind in range(KINDS) if type_of(type(zero[kind])) in named_types]
    # Devices fail less often than things happen.
    kinds += [kind for kind in kinds if not isinstance(zero[kind], DeviceState)] * 4
    picks = [
        Pick(
            random.choice(kinds),
            random.randrange(random.choice([12, 30])),
            random.randrange(2),
            random.randrange(3),
            random.randrange(2),
        )
        for _ in range(size)
    ]
    doubles = [(random.randrange(size), random.randrange(size))] if random.random() < 0.2 else []
    return stream_of(picks, doubles)
