"""Which named lists a rule asks, and what of its conditions asks none.

What stands on a list is told by events that may come late. So an event is put aside by the part of
a condition that asks no list, and lists are asked when a judgement is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from aislewatch.rules.rule import Expr, Rule
from aislewatch.rules.tree import All, InList, parts


def lists_of(rule: Rule) -> frozenset[str]:
    """Give the named lists that any expression of a rule asks."""
    return frozenset(name for expr in _expressions(rule) for name in expr.lists)


def without_lists(where: Expr | None) -> Expr | None:
    """Give the conditions of a ``where`` that must all hold and ask no list; None without any.

    Whatever stands on the lists, what meets the whole meets these, and what fails one of these
    fails the whole.
    """
    if where is None or not where.lists:
        return where
    whole = where.term
    terms = whole.terms if isinstance(whole, All) else (whole,)
    left = [one for one in terms if not any(isinstance(part, InList) for part in parts(one))]
    if len(left) > 1:
        assert isinstance(whole, All)
        return replace(where, term=replace(whole, terms=tuple(left)))
    return replace(where, term=left[0]) if left else None


def _expressions(part: object) -> Iterator[Expr]:
    if isinstance(part, Expr):
        yield part
    elif isinstance(part, tuple):
        for one in cast("tuple[object, ...]", part):
            yield from _expressions(one)
    elif isinstance(part, Mapping):
        for one in cast("Mapping[str, object]", part).values():
            yield from _expressions(one)
    elif is_dataclass(part):
        whole: Any = part
        for field in fields(whole):
            yield from _expressions(getattr(whole, field.name))
