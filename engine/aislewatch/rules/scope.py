"""What names mean at one place of a rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TypeVar

from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.registry import FieldSpec, KindSpec
from aislewatch.rules.macros import NO_MACROS, Macros
from aislewatch.rules.tree import Constant, Type

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Binding:
    """An event that a clause binds.

    Attributes:
        kinds: what it can be; a field must be known to all of them.
        unbound: it may be absent.
    """

    kinds: tuple[KindSpec, ...]
    unbound: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that an expression may use.

    Attributes:
        event: in a ``where``, the kinds of the event at hand, whose fields are named bare.
        bindings: bound events.
        figures: named figures: their type, and whether they may be unknown.
        leftovers: lists of events left over; ``left.epc`` is the first one's.
        stats: statistics over peers: the type of each of their figures.
        params: the rule's parameters with the values in force.
        list_params: the list that is meant by each parameter that selects one.
        lists: named lists that exist.
        macros: expressions that may be named here.
        beside: names that are bound and that a ``where`` must not speak of.
        later: names that only a later clause binds, with that clause.
        broken: names whose own clause is a mistake already; what uses them is not complained of.
    """

    event: tuple[KindSpec, ...] = ()
    bindings: Mapping[str, Binding] = field(default_factory=dict[str, Binding])
    figures: Mapping[str, tuple[Type, bool]] = field(default_factory=dict[str, tuple[Type, bool]])
    leftovers: Mapping[str, tuple[KindSpec, ...]] = field(
        default_factory=dict[str, tuple[KindSpec, ...]]
    )
    stats: Mapping[str, Mapping[str, Type]] = field(default_factory=dict[str, Mapping[str, Type]])
    params: Mapping[str, Constant] = field(default_factory=dict[str, Constant])
    list_params: Mapping[str, str] = field(default_factory=dict[str, str])
    lists: frozenset[str] = frozenset()
    macros: Macros = NO_MACROS
    beside: frozenset[str] = frozenset()
    later: Mapping[str, str] = field(default_factory=dict[str, str])
    broken: frozenset[str] = frozenset()

    def for_event(self, kinds: tuple[KindSpec, ...]) -> Scope:
        """Give the scope of a ``where`` over these kinds: no bindings, bare fields."""
        alone = replace(self, bindings={}, figures={}, leftovers={}, stats={}, later={})
        return replace(alone, event=kinds, beside=self.names)

    def for_macro(self) -> Scope:
        """Give the scope of a macro that is used here: all names but the rule's parameters."""
        return replace(self, params={}, list_params={})

    def with_binding(self, name: str, binding: Binding) -> Scope:
        """Give the scope behind a clause that binds an event."""
        return replace(self, bindings=_with(self.bindings, name, binding))

    def with_figure(self, name: str, kind: Type, *, optional: bool) -> Scope:
        """Give the scope behind a clause that names a figure."""
        return replace(self, figures=_with(self.figures, name, (kind, optional)))

    def with_stats(self, name: str, kinds: Mapping[str, Type]) -> Scope:
        """Give the scope behind a clause that names statistics."""
        return replace(self, stats=_with(self.stats, name, kinds))

    @property
    def names(self) -> frozenset[str]:
        """Everything that clauses have bound so far."""
        return frozenset([*self.bindings, *self.figures, *self.leftovers, *self.stats])


def _with(known: Mapping[str, Value], name: str, value: Value) -> dict[str, Value]:
    return {**known, name: value}


def field_of(kinds: tuple[KindSpec, ...], path: str) -> FieldSpec | None:
    """Give a field that all kinds have under one name and meaning; None where they do not.

    A field that only some of the kinds require is optional.
    """
    found = [kind.fields.get(path) for kind in kinds]
    first = found[0] if found else None
    if first is None:
        return None
    required, values = True, first.values
    for one in found:
        if one is None or (one.attr, one.dimension, one.whole) != (
            first.attr,
            first.dimension,
            first.whole,
        ):
            return None
        required = required and one.required
        values = values if values == one.values else ()
    return FieldSpec(
        path=first.path,
        attr=first.attr,
        dimension=first.dimension,
        whole=first.whole,
        required=required,
        key=all(one is not None and one.key for one in found),
        values=values,
        doc=first.doc,
    )


def unknown_field(kinds: tuple[KindSpec, ...], path: str, owner: str = "") -> tuple[str, str]:
    """Give message and hint for a field that the kinds do not have."""
    types = ", ".join(kind.type for kind in kinds)
    lacking = [kind.type for kind in kinds if path not in kind.fields]
    whose = f"{owner!r} ({types})" if owner else types
    if len(lacking) < len(kinds):
        reason = f"{', '.join(lacking)} has none" if lacking else "its kinds differ in it"
        return f"not every event here has a field {path!r}: {reason}", ""
    shared = set(kinds[0].fields).intersection(*(kind.fields for kind in kinds[1:]))
    hint = did_you_mean(path, shared, label="known")
    # A far guess helps nobody. What a signal has, its own rule says.
    near = get_close_matches(path, shared, n=1, cutoff=0.75) or "known:" in hint
    if not near and not types.startswith("signal."):
        hint = f"{hint} its fields: aislewatch rules events {kinds[0].type}".strip()
    return f"unknown field {path!r} of {whose}", hint
