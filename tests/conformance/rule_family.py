"""Patterns of other engines said as rules: one rule for each way in which a pattern can come true.

A rule binds one event a clause, so a pattern of which one element repeats, or can be met by either
of two events, becomes a small family of rules; whatever one of them says is a match. Each rule is
written out as a file and loaded as any author's, and is judged by the core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import msgspec
import yaml
from msgspec import Meta

from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.events.kinds import ClockTick, Event
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rules
from aislewatch.testing.running import standing

EPOCH_US = 1_600_000_000_000_000
FAR_US = 3_600_000_000
"""An hour: longer than any stream of the cases lasts. A look-ahead must be bounded."""

KIND = "test.event"
TEXT: Any = Annotated[str, Meta(extra={"key": True})]
FIGURE: Any = Annotated[float, Meta()]


@dataclass(frozen=True)
class Point:
    """Where a pattern has got to: so long after a bound event."""

    name: str
    offset_us: int = 0

    def plus(self, us: int) -> Point:
        return replace(self, offset_us=self.offset_us + us)


@dataclass(frozen=True)
class Draft:
    """A rule in the making.

    Attributes:
        anchor: which events it is judged for.
        clauses: of ``match``.
        at: where the pattern has got to.
        first: the event at which it began; None before.
        bound: what the elements of the pattern are bound to, in order.
        made: how many names it has made up.
        depth: how many events must have come one after the other to get here.
        within_us: how far from ``first`` it may still get; None for any distance.
        patience_us: how long the next event is waited for.
        again: it is in what begins again and again.
        same: a field that is equal in all its events; empty where there is none.
    """

    anchor: str
    clauses: tuple[Mapping[str, Any], ...] = ()
    at: Point = Point("anchor")
    first: str | None = None
    bound: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    made: int = 0
    depth: int = 0
    within_us: int | None = None
    patience_us: int = FAR_US
    again: bool = False
    same: str = ""

    def also(self, **clause: Any) -> Draft:
        return replace(self, clauses=(*self.clauses, clause))

    def check(self, condition: str) -> Draft:
        return self.also(check=condition)

    def bind(self, element: str, name: str) -> Draft:
        names = (*self.bound.get(element, ()), name)
        return replace(self, bound={**self.bound, element: names}, first=self.first or name)

    def seen(self, where: str, window: str) -> tuple[Draft, str]:
        """Look for the first event of a window; the pattern then is where that stands."""
        name = f"x{self.made + 1}"
        clause = {"seen": KIND, "as": name, "pick": "first", **self.which(where)}
        draft = self.also(**clause, window=window)
        draft = replace(draft, at=Point(name), made=self.made + 1, depth=self.depth + 1)
        return replace(draft, patience_us=FAR_US), name

    def not_seen(self, where: str, window: str) -> Draft:
        return self.also(not_seen=KIND, **self.which(where), window=window)

    def back_at(self, place: Draft) -> Draft:
        """Give the same rule with the pattern where it was before."""
        return replace(self, at=place.at, depth=place.depth)

    def until(self, us: int) -> str:
        """Give the window from here on, for so long."""
        here = self.at
        if here.offset_us == 0:
            return f"{us}us after {here.name}"
        return f"{here.offset_us}us after {here.name} to {here.offset_us + us}us after {here.name}"

    def which(self, where: str) -> dict[str, Any]:
        which: dict[str, Any] = {"where": where} if where else {}
        return which | ({"same": [self.same]} if self.same else {})


def kind_of(fields: Mapping[str, Any]) -> type[Event]:
    """Declare the kind that a case's events are of, all its streams in one total order."""
    declared = [(name, type_ | None, None) for name, type_ in fields.items()]
    made: Any = msgspec.defstruct(
        "TestEvent", declared, bases=(Event,), tag=KIND, frozen=True, kw_only=True
    )
    kind: type[Event] = made
    return kind


def event_of(kind: type[Event], number: int, time_us: int, content: Mapping[str, Any]) -> Event:
    return kind(
        id=f"engine/1/{number}", store="1", device="engine", time=EPOCH_US + time_us, seq=number,
        **content,
    )  # fmt: skip


def matches(
    family: Sequence[Draft], events: Sequence[Event], kind: type[Event]
) -> list[dict[str, list[Event]]]:
    """Judge a family of rules; give what the elements were bound to, a dictionary a signal."""
    registry = Registry([kind])
    files = {f"r{number}.yml": rule_text(draft, number) for number, draft in enumerate(family)}
    rules = load_rules(files, registry)
    core = Core(Settings(store="1", lateness_us=0), StoreModel(), rules, registry)
    end = EPOCH_US + 40 * FAR_US
    tick = ClockTick(id="clock/1/end", store="1", device="clock", time=end, final=True)
    by_id = {event.id: event for event in events}
    found: list[dict[str, list[Event]]] = []
    for signal in standing(core.step([*events, tick])).values():
        draft = family[int(signal["rule"].removeprefix("r"))]
        bindings = {**dict(signal["bindings"]), "anchor": signal["anchor"]}
        found.append(
            {
                element: [by_id[bindings[name]] for name in names]
                for element, names in draft.bound.items()
            }
        )
    return found


def rule_text(draft: Draft, number: int) -> str:
    """Give a draft as the file of a rule."""
    rule = {
        "id": f"r{number}",
        "title": "A way in which the pattern comes true",
        "status": "live",
        "when": {"event": KIND, "as": "anchor", "where": draft.anchor},
        "match": [dict(clause) for clause in draft.clauses],
        "incident": {"type": "test.match", "about": {"device": "anchor.device"}, "because": "it"},
    }
    return yaml.safe_dump(rule, sort_keys=False)
