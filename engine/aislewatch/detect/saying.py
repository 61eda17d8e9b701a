"""What a rule that holds says: the signal, with its evidence whole and its reason in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, cast

import msgspec
from msgspec import Struct

from aislewatch.detect.judging import Holds
from aislewatch.detect.order import in_order
from aislewatch.detect.signals import Signal, signal_id
from aislewatch.events.kinds import Event
from aislewatch.events.model import StoreModel
from aislewatch.events.units import minor_per_major
from aislewatch.rules.rule import Expr, Rule
from aislewatch.rules.template import compile_template
from aislewatch.rules.tree import FIRST

CENTIBANS = 10
"""Centibans in a deciban, the unit that authors write."""


class ClauseLook(Struct, frozen=True, gc=False):
    """What one clause looked at: from when to when, microseconds, and the ids of what was there."""

    clause: str
    from_us: int
    to_us: int
    found: list[str]


class SignalPayload(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
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
    version: int | None = None
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
    bindings: list[tuple[str, Any]]
    looks: list[ClauseLook]
    evidence: list[Event]


_encoder = msgspec.json.Encoder(order="deterministic")


class Speaker:
    """Makes the signals of one rule."""

    def __init__(self, rule: Rule, model: StoreModel) -> None:
        def compiled(expr: Expr) -> Callable[[Mapping[str, Any]], Any]:
            return expr.compile_bound(model.lists)

        incident = rule.incident
        self._rule = rule
        self._model_hash = model.hash
        self._about = [(kind, compiled(expr)) for kind, expr in sorted(incident.about.items())]
        self._because = compile_template(
            incident.because, model.lists, minor_per_major(model.currency)
        )
        self._value = compiled(incident.value) if incident.value is not None else None
        self._group = (
            [(name, compiled(expr)) for name, expr in incident.group.same]
            if incident.group is not None
            else None
        )

    def signal(self, anchor: Event, holds: Holds, decided: int) -> Signal:
        """Make the signal of a rule that holds for an anchor.

        Args:
            anchor: the event that was judged.
            holds: what the judgement found.
            decided: event time at which the last window closed.
        """
        rule, incident, bindings = self._rule, self._rule.incident, holds.bindings
        ident = signal_id(rule.id, anchor)
        entities = [(kind, get(bindings)) for kind, get in self._about]
        about = tuple((kind, str(value)) for kind, value in entities if value is not None)
        points_cb = CENTIBANS * (incident.points + holds.points)
        value = self._value(bindings) if self._value is not None else None
        value_minor = max(0, round(Fraction(value))) if value is not None else None
        quiet_key = ""
        if incident.quiet is not None:
            entity = dict(about).get(incident.quiet.entity)
            quiet_key = f"{rule.id}\n{entity}" if entity is not None else ""
        payload = SignalPayload(
            signal=ident,
            rule=rule.id,
            title=rule.title,
            meaning=rule.meaning,
            version=rule.version,
            model=self._model_hash,
            status=rule.status,
            type=incident.type,
            anchor=anchor.id,
            decided_us=decided,
            about=about,
            points_cb=points_cb,
            half_life_us=incident.half_life_us,
            family=incident.family,
            value_minor=value_minor,
            because=self._because(bindings),
            bindings=[(n, _named(v)) for n, v in bindings.items() if n[:6] != FIRST],
            looks=[
                ClauseLook(clause, start, end, [event.id for event in found])
                for clause, start, end, found in holds.looks
            ],
            evidence=_evidence(anchor, holds),
        )
        return Signal(
            time=decided,
            id=ident,
            rule=rule.id,
            type=incident.type,
            live=rule.status == "live",
            about=about,
            points_cb=points_cb,
            half_life_us=incident.half_life_us,
            family=incident.family,
            group=self._group_of(bindings),
            group_gap_us=incident.group.gap_us if incident.group is not None else 0,
            quiet_key=quiet_key,
            quiet_us=incident.quiet.us if incident.quiet is not None else 0,
            value_minor=value_minor,
            value_key=_value_key(about, ident),
            payload=_encoder.encode(payload),
        )

    def _group_of(self, bindings: Mapping[str, Any]) -> str:
        if self._group is None:
            return ""
        values = [(name, get(bindings)) for name, get in self._group]
        if any(value is None for _, value in values):
            return ""
        return "\n".join([self._rule.incident.type, *(f"{name}={value}" for name, value in values)])


def _named(value: Any) -> Any:
    if isinstance(value, Event):
        return value.id
    if isinstance(value, list | tuple):
        return [_named(member) for member in cast("Sequence[Any]", value)]
    if isinstance(value, Fraction):
        return float(value)
    return value


def _evidence(anchor: Event, holds: Holds) -> list[Event]:
    """Give every event that bore on the judgement, once, in the total order."""
    events = {id(anchor): anchor}
    for value in holds.bindings.values():
        if isinstance(value, Event):
            events[id(value)] = value
    for _, _, _, found in holds.looks:
        for event in found:
            events[id(event)] = event
    return in_order(list(events.values()))


def _value_key(about: tuple[tuple[str, str], ...], ident: str) -> str:
    """Give what a loss is counted once by: the tag, where the signal is about one."""
    for kind, value in about:
        if kind == "epc":
            return value
    return ident
