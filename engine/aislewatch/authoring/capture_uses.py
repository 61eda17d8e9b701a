"""What a rule looks at: the fields of events that it reads, and the texts that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, cast

from aislewatch.rules.rule import Aggregate, Join, Rule, Unmatched
from aislewatch.rules.tree import Constant, Field, OneOf

_PAIRED = frozenset({"epc", "units"})
"""What pairing off reads of an event without being told to."""


@dataclass(frozen=True, slots=True)
class Uses:
    """What a rule looks at.

    Attributes:
        attrs: attributes of events, of whatever kind.
        texts: texts that it compares with.
    """

    attrs: frozenset[str]
    texts: frozenset[str]


def uses_of(rule: Rule) -> Uses:
    """Give what a rule looks at, in its anchor, clauses, exceptions and in what it says."""
    attrs: set[str] = set()
    texts: set[str] = set()
    for part in _parts((rule.anchor, rule.clauses, rule.excepts, rule.incident)):
        if isinstance(part, Field | Join | Aggregate) and part.attr is not None:
            attrs.add(part.attr)
        elif isinstance(part, Unmatched):
            attrs |= _PAIRED | {attr for pair in part.by for attr in pair}
        elif isinstance(part, Constant) and isinstance(part.value, str):
            texts.add(part.value)
        elif isinstance(part, OneOf):
            texts.update(part.values)
    return Uses(frozenset(attrs), frozenset(texts))


def _parts(value: Any) -> Iterator[Any]:
    """Walk everything that a checked rule is made of."""
    if is_dataclass(value):
        yield value
        for one in fields(value):
            yield from _parts(getattr(value, one.name))
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[str, Any]", value).values():
            yield from _parts(inner)
    elif isinstance(value, tuple | list):
        for inner in cast("tuple[Any, ...]", value):
            yield from _parts(inner)
