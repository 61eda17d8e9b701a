"""Rules on signals of rules: what a signal is as an event, and who is judged before whom.

A signal of the rule ``x`` is an event of the type ``signal.x``, at the time at which the rule was
judged. It has the device and store of the event that the rule was judged for, and the entities
that the rule says it is about, under their names: what ``about: {zone: exit.zone.id}`` says is
``zone`` here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from aislewatch.errors import FileMistakes
from aislewatch.events.kinds import Event, Key, Money
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import is_mapping
from aislewatch.events.registry import ENVELOPE, Registry
from aislewatch.rules.rule import Evidence, Rule, Unmatched, flat

PREFIX = "signal."
"""Before a rule's id, the type of its signals as events."""

Entities = tuple[str, ...]
"""Names of what signals of a rule are about, sorted."""

_MENTIONED = re.compile(r"\bsignal\.([A-Za-z0-9_-]+)")


def mentioned(text: str) -> set[str]:
    """Give the ids of the rules of whose signals a rule file may speak."""
    return set(_MENTIONED.findall(text))


def entities_of(texts: Iterable[str]) -> dict[str, Entities]:
    """Give what signals are about by the rule's id, read off rule files, sound or not."""
    found: dict[str, Entities] = {}
    for text in texts:
        try:
            data: Any = LocatedYaml.parse(text, "").data
        except FileMistakes:
            continue
        if not is_mapping(data) or not isinstance(data.get("id"), str):
            continue
        incident = data.get("incident")
        about = incident.get("about") if is_mapping(incident) else None
        found[str(data["id"])] = tuple(sorted(about)) if is_mapping(about) else ()
    return found


def fields_told(entities: Iterable[str]) -> list[str]:
    """Give the entities that are fields of their own of a signal as an event.

    One that is called as a field that every signal has (``about: {device: ...}``) is none: there
    the device is that of the event that the rule was judged for.
    """
    return [
        name
        for name in entities
        if name not in ENVELOPE and name not in {"points", "value_minor"} and name.isidentifier()
    ]


@lru_cache(maxsize=4096)
def signal_kind(rule: str, entities: Entities) -> type[Event]:
    """Give the kind of event that signals of a rule are; the same class for the same rule."""
    fields: list[tuple[str, Any, Any]] = [
        (name, Annotated[Key | None, Meta(description=f"the {name} that it is about")], None)
        for name in fields_told(entities)
    ]
    points = Annotated[int | None, Meta(description="decibans that it adds")]
    value = Annotated[Money | None, Meta(description="what is at stake")]
    made: type[Any] = msgspec.defstruct(
        f"SignalOf_{rule}",
        [*fields, ("points", points, None), ("value_minor", value, None)],
        bases=(Event,),
        tag=f"{PREFIX}{rule}",
        namespace={"__doc__": f"The rule {rule} holds."},
        frozen=True,
        kw_only=True,
    )
    return made


def with_signals(registry: Registry, heard: Mapping[str, Entities]) -> Registry:
    """Give a registry that knows the signals of rules, too.

    Args:
        registry: the kinds of event of an installation.
        heard: what signals are about, by rule.
    """
    kinds = [signal_kind(rule, entities) for rule, entities in sorted(heard.items())]
    new = [kind for kind, rule in zip(kinds, sorted(heard), strict=True)
           if f"{PREFIX}{rule}" not in registry.kinds]  # fmt: skip
    return registry.extended(new) if new else registry


def heard_by(rules: Iterable[Rule]) -> dict[str, Entities]:
    """Give the rules whose signals some rules look for, with what those are about."""
    return {rule: entities for one in rules for rule, entities in one.hears.items()}


def heard_in(contents: Iterable[Mapping[str, Any]]) -> dict[str, Entities]:
    """Give the rules of whose signals some events tell, with what those are about there."""
    found: dict[str, set[str]] = {}
    for content in contents:
        type_ = str(content.get("type", ""))
        if type_.startswith(PREFIX):
            entities = found.setdefault(type_.removeprefix(PREFIX), set())
            entities.update(fields_told(content.keys() - {"type"}))
    return {rule: tuple(sorted(entities)) for rule, entities in found.items()}


def looked_for(rule: Rule) -> set[str]:
    """Give the ids of the rules whose signals a rule is judged for or looks for."""
    types = {*rule.anchor.types}
    for clause in flat(rule.clauses):
        if isinstance(clause, Evidence):
            types.update(clause.types)
        elif isinstance(clause, Unmatched):
            types.update(clause.left.types, clause.right.types)
    return {type_.removeprefix(PREFIX) for type_ in types if type_.startswith(PREFIX)}


def strata_of(rules: Sequence[Rule]) -> dict[str, int]:
    """Give for each rule how many layers of rules are judged before it.

    Rules that are judged by their own signals, over whatever way, are left out: :func:`cycles_of`
    tells of them.
    """
    wanted = {rule.id: looked_for(rule) for rule in rules}
    strata: dict[str, int] = {}
    while True:
        ready = [
            rule
            for rule, below in wanted.items()
            if rule not in strata and all(one in strata or one not in wanted for one in below)
        ]
        if not ready:
            return strata
        for rule in ready:
            below = [strata[one] + 1 for one in wanted[rule] if one in strata]
            strata[rule] = max(below, default=0)


def cycles_of(rules: Sequence[Rule]) -> dict[str, list[str]]:
    """Give the rules that are judged by their own signals, each with the way back to itself."""
    wanted = {rule.id: sorted(looked_for(rule)) for rule in rules}
    found: dict[str, list[str]] = {}
    for rule in wanted:
        way = _way(rule, rule, wanted, set())
        if way is not None:
            found[rule] = way
    return found


def _way(
    start: str, goal: str, wanted: Mapping[str, Sequence[str]], seen: set[str]
) -> list[str] | None:
    for one in wanted.get(start, ()):
        if one == goal:
            return [one]
        if one not in seen:
            seen.add(one)
            rest = _way(one, goal, wanted, seen)
            if rest is not None:
                return [one, *rest]
    return None
