"""A checked rule with one of its parts put another way.

Rules are frozen values, so a part is swapped by building what holds it anew; everything else is
shared. Nothing is read from text again: what the checker made of it is what is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeGuard

from aislewatch.rules.peers import evidence_of_peers
from aislewatch.rules.rule import Clause, Evidence, Expr, Rule, StatsOf, Unmatched, flat
from aislewatch.rules.tree import Bound as BoundTerm
from aislewatch.rules.tree import Field
from aislewatch.rules.windows import Reach, Window, reach_of


def with_part(rule: Rule, old: object, new: object | None) -> Rule:
    """Give the rule with one part of it, told by identity, in another form.

    Args:
        rule: a checked rule.
        old: a clause, a window, an expression or a part of one.
        new: what stands in its place; None leaves it out of the list that it is in.
    """
    return _reaching(_rebuilt(rule, lambda part: new if part is old else part))


def with_unbound(rule: Rule, name: str) -> Rule:
    """Give the rule with every use of a bound event prepared for its absence."""

    def unbound(part: Any) -> Any:
        if isinstance(part, Field) and part.binding == name:
            return replace(part, unbound=True)
        if isinstance(part, BoundTerm) and part.name == name:
            return replace(part, unbound=True)
        return part

    made: Rule = _rebuilt(rule, unbound)
    return made


def names_used(rule: Rule, *, besides: Clause) -> frozenset[str]:
    """Give the names that expressions and windows of a rule refer to outside one clause."""
    names: set[str] = set()
    for part in _parts(rule, besides):
        if isinstance(part, Expr):
            names |= part.names
        elif isinstance(part, Window):
            names |= {part.start.ref, part.end.ref}
    return frozenset(names)


def _rebuilt(value: Any, change: Callable[[Any], Any]) -> Any:
    changed = change(value)
    if changed is not value:
        return changed
    if _is_tuple(value):
        inner = [_rebuilt(one, change) for one in value]
        if all(new is old for new, old in zip(inner, value, strict=True)):
            return value
        pairs = zip(inner, value, strict=True)
        return tuple(new for new, old in pairs if new is not None or old is None)
    if _is_mapping(value):
        table = {key: _rebuilt(one, change) for key, one in value.items()}
        return value if all(table[key] is value[key] for key in table) else table
    if not is_dataclass(value) or isinstance(value, type):
        return value
    new = {one.name: _rebuilt(getattr(value, one.name), change) for one in fields(value)}
    if all(new[name] is getattr(value, name) for name in new):
        return value
    return replace(value, **new)


def _reaching(rule: Rule) -> Rule:
    """Work out anew how far the windows of a rule look."""
    reaches = {rule.anchor.name: Reach(0, 0)}
    whole = Reach(0, 0)
    for clause in flat(rule.clauses):
        if not isinstance(clause, Evidence | Unmatched):
            continue
        reach = reach_of(clause.window, reaches)
        name = "partner" if isinstance(clause, Unmatched) else getattr(clause, "name", None)
        if name is not None:
            reaches[name] = reach
        looked = [reach]
        if isinstance(clause, StatsOf):
            looked += [wide for _, wide in evidence_of_peers(clause, rule.anchor.name)]
        whole = Reach(
            min(whole.earliest_us, *(one.earliest_us for one in looked)),
            max(whole.latest_us, *(one.latest_us for one in looked)),
        )
    return replace(rule, reach=whole)


def _parts(value: Any, besides: object) -> Iterator[Any]:
    if value is besides:
        return
    yield value
    if _is_tuple(value):
        inner = list(value)
    elif _is_mapping(value):
        inner = list(value.values())
    elif is_dataclass(value) and not isinstance(value, type):
        inner = [getattr(value, one.name) for one in fields(value)]
    else:
        return
    for one in inner:
        yield from _parts(one, besides)


def _is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def _is_mapping(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)
