"""What a rule that holds says: the signal, with its evidence whole and its reason in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Struct

from aislewatch.detect.judging import Holds
from aislewatch.detect.order import in_order
from aislewatch.detect.signals import Signal
from aislewatch.events.kinds import Event
from aislewatch.events.model import StoreModel
from aislewatch.events.units import minor_per_major
from aislewatch.rules import emit
from aislewatch.rules.rule import Rule
from aislewatch.rules.template import Sentence

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
    bindings: Sequence[tuple[str, Any]]
    looks: list[ClauseLook]
    evidence: list[Event]


_time = attrgetter("time")
_encoder = msgspec.json.Encoder(order="deterministic")


class Speaker:
    """Makes the signals of one rule."""

    def __init__(self, rule: Rule, model: StoreModel) -> None:
        incident = rule.incident
        self._rule = rule
        self._model_hash = model.hash
        self._because = Sentence(incident.because, minor_per_major(model.currency))
        about = sorted(incident.about.items())
        group = incident.group.same if incident.group is not None else ()
        self._kinds = [kind for kind, _ in about]
        self._group = [name for name, _ in group]
        # One function for all that the signal says: a call for each would cost more than its work.
        exprs = [expr for _, expr in (*about, *group)] + self._because.exprs
        self._said = len(exprs)
        self._valued = incident.value is not None
        if incident.value is not None:
            exprs.append(incident.value)
        sources = [expr.bound_source(emit.binding_items(expr.names)) for expr in exprs]
        self._values = emit.compile_bindings(f"[{', '.join(sources)}]", model.lists)

    def signal(self, ident: str, anchor: Event, holds: Holds, decided: int) -> Signal:
        """Make the signal of a rule that holds for an anchor.

        Args:
            ident: the signal's id.
            anchor: the event that was judged.
            holds: what the judgement found.
            decided: event time at which the last window closed.
        """
        rule, incident, bindings = self._rule, self._rule.incident, holds.bindings
        values: list[Any] = self._values(bindings)
        about = tuple(
            [
                (kind, value if value.__class__ is str else str(value))
                for kind, value in zip(self._kinds, values, strict=False)
                if value is not None
            ]
        )
        grouped = len(self._kinds) + len(self._group)
        points_cb = CENTIBANS * (incident.points + holds.points)
        value = values[-1] if self._valued else None
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
            because=self._because.of(values[grouped : self._said]),
            bindings=holds.told,
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
            group=self._group_of(values[len(self._kinds) : grouped]),
            group_gap_us=incident.group.gap_us if incident.group is not None else 0,
            quiet_key=quiet_key,
            quiet_us=incident.quiet.us if incident.quiet is not None else 0,
            value_minor=value_minor,
            value_key=_value_key(about, ident),
            payload=_encoder.encode(payload),
        )

    def _group_of(self, values: Sequence[Any]) -> str:
        if not values or None in values:
            return ""
        same = [f"{name}={value}" for name, value in zip(self._group, values, strict=True)]
        return "\n".join([self._rule.incident.type, *same])


def _evidence(anchor: Event, holds: Holds) -> list[Event]:
    """Give every event that bore on the judgement, once, in the total order."""
    events = [anchor]
    for _, _, _, found in holds.looks:
        events.extend(found)
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
