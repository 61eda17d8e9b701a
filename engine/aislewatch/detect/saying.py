"""What a rule that holds says: the signal, with its evidence whole and its reason in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from aislewatch.detect.judgement import Holds
from aislewatch.detect.order import in_order
from aislewatch.detect.signals import Signal
from aislewatch.events.kinds import Event
from aislewatch.events.model import StoreModel
from aislewatch.events.units import Dimension, minor_per_major
from aislewatch.rules.compiling import Lists, define
from aislewatch.rules.rule import Expr, Rule
from aislewatch.rules.template import UNKNOWN, show

CENTIBANS = 10
"""Centibans in a deciban, the unit that authors write."""


class ClauseLook(Struct, frozen=True, gc=False):
    """What one clause looked at: from when to when, microseconds, and the ids of what was there."""

    clause: str
    from_us: int
    to_us: int
    found: list[str]


class SignalPayload(Struct, frozen=True, gc=False):
    """The content of a ``signal.raised`` or ``signal.revised`` record: all that proves it.

    Attributes:
        signal: its id.
        rule: whose.
        title: the rule's.
        meaning: hash of the rule's meaning.
        version: of the rule, by its lock file; left out where that does not know it.
        model: hash of the store model.
        status: ``live`` or ``shadow``.
        type: the incident type that it speaks for.
        anchor: id of the event that was judged.
        decided_us: event time at which the last window had closed.
        about: entities, as (kind, value).
        points_cb: centibans.
        half_life_us: of the points; null keeps them.
        family: rules that see the same thing; only the largest of a family counts.
        value_minor: what is at stake.
        because: the reason, a sentence.
        bindings: what the rule's names stand for: ids of events, figures.
        looks: what each clause looked at.
        evidence: every event that bore on it, whole, in the total order.
    """

    signal: str
    rule: str
    title: str
    meaning: str
    version: int | UnsetType
    model: str
    status: str
    type: str
    anchor: str
    decided_us: int
    about: tuple[tuple[str, str], ...]
    points_cb: int
    half_life_us: int | None
    family: str | None
    value_minor: int | None
    because: str
    bindings: Sequence[tuple[str, Any]]
    looks: list[ClauseLook]
    evidence: list[Event]


_time = attrgetter("time")
_encoder = msgspec.json.Encoder(order="deterministic")


Words = tuple[tuple[tuple[str, str], ...], str, str, str, int | None]
"""What a signal is about, its reason, what ``quiet`` compares, its group, its value."""


class Speaker:
    """Makes the signals of one rule."""

    def __init__(self, rule: Rule, model: StoreModel, lists: Lists) -> None:
        incident = rule.incident
        self._rule = rule
        self._model_hash = model.hash
        self._words = _compile_words(rule, model.currency, lists)
        self._live = rule.status == "live"
        self._quiet_us = incident.quiet.us if incident.quiet is not None else 0
        self._group_gap_us = incident.group.gap_us if incident.group is not None else 0

    def signal(self, ident: str, anchor: Event, holds: Holds, decided: int) -> Signal:
        """Make the signal of a rule that holds for an anchor.

        Args:
            ident: the signal's id.
            anchor: the event that was judged.
            holds: what the judgement found.
            decided: event time at which the last window closed.
        """
        rule, incident = self._rule, self._rule.incident
        # Both are made by place: by name, making them costs eight times as much, and more than all
        # else that is done for a signal.
        about, because, quiet_key, group, value_minor = self._words(holds.bindings)
        points_cb = CENTIBANS * (incident.points + holds.points)
        payload = SignalPayload(
            ident,
            rule.id,
            rule.title,
            rule.meaning,
            UNSET if rule.version is None else rule.version,
            self._model_hash,
            rule.status,
            incident.type,
            anchor.id,
            decided,
            about,
            points_cb,
            incident.half_life_us,
            incident.family,
            value_minor,
            because,
            holds.told,
            [
                # What was not there is looked for most often.
                ClauseLook(clause, start, end, [event.id for event in found] if found else [])
                for clause, start, end, found in holds.looks
            ],
            _evidence(anchor, holds),
        )
        return Signal(
            decided,
            ident,
            rule.id,
            anchor.device,
            incident.type,
            self._live,
            about,
            points_cb,
            incident.half_life_us,
            incident.family,
            group,
            self._group_gap_us,
            quiet_key,
            self._quiet_us,
            value_minor,
            _value_key(about, ident),
            _encoder.encode(payload),
        )


def _compile_words(rule: Rule, currency: str, lists: Lists) -> Callable[[Mapping[str, Any]], Words]:
    """Generate the function from bindings to what the signal says of them.

    One function for all: a call for each value would cost more than the values.
    """
    incident = rule.incident
    given: dict[str, Any] = {"show": show, "kind_of": incident.type, "rule_is": f"{rule.id}\n"}
    lines: list[str] = []
    bound: dict[str, str] = {}

    def value(expr: Expr) -> str:
        for one in sorted(expr.names - bound.keys()):
            bound[one] = f"b{len(bound)}"
            lines.append(f"{bound[one]} = b[{one!r}]")
        name = f"x{len(lines)}"
        lines.append(f"{name} = {expr.bound_source(bound)}")
        return name

    def text(expr: Expr) -> str:
        name = value(expr)
        is_text = expr.type.dimension is Dimension.TEXT
        return name if is_text else f"(None if {name} is None else str({name}))"

    kinds = {kind: text(expr) for kind, expr in sorted(incident.about.items())}
    pairs = ", ".join(f"({kind!r}, {name})" for kind, name in kinds.items())
    lines.append(f"about = tuple([pair for pair in ({pairs},) if pair[1] is not None])")
    quiet = kinds.get(incident.quiet.entity) if incident.quiet is not None else None
    lines.append(f"silent = {quiet}")
    lines.append("quiet = '' if silent is None else rule_is + silent")
    same = incident.group.same if incident.group is not None else ()
    parts = [text(expr) for _, expr in same]
    labels = [f"{chr(10)}{name}=" for name, _ in same]
    joined = " + ".join(
        ["kind_of"] + [f"{label!r} + {part}" for label, part in zip(labels, parts, strict=True)]
    )
    unknown = " or ".join(f"{part} is None" for part in parts) or "True"
    lines.append(f"group = '' if {unknown} else {joined}")
    said: list[str] = []
    for part in incident.because.parts:
        if isinstance(part, str):
            said.append(repr(part))
            continue
        name = value(part)
        if part.type.dimension is Dimension.TEXT:
            said.append(f"({UNKNOWN!r} if {name} is None else {name})")
        else:
            given[f"kind_{name}"] = part.type
            said.append(f"show({name}, kind_{name}, {minor_per_major(currency)})")
    lines.append(f"because = ''.join([{', '.join(said)}])")
    lines.append("at_stake = None")
    if incident.value is not None:
        name = value(incident.value)
        lines.append(f"if {name} is not None: at_stake = max(0, round(_fraction({name})))")
    lines.append("return about, because, quiet, group, at_stake")
    source = "def words(b):\n    " + "\n    ".join(lines)
    # Generated from the checked trees; texts of the author's are in it as constants alone.
    made: Callable[[Mapping[str, Any]], Words] = define(source, given, lists)
    return made


def _evidence(anchor: Event, holds: Holds) -> list[Event]:
    """Give every event that bore on the judgement, once, in the total order."""
    events: list[Event] = []
    for _, _, _, found in holds.looks:
        events += found
    events.append(anchor)
    if len(events) == 2 and events[0].time < events[1].time:
        return events
    if len(set(map(_time, events))) == len(events):
        events.sort(key=_time)
        return events
    return in_order(list({id(event): event for event in events}.values()))


def _value_key(about: tuple[tuple[str, str], ...], ident: str) -> str:
    """Give what a loss is counted once by: the tag, where the signal is about one."""
    for kind, value in about:
        if kind == "epc":
            return value
    return ident
