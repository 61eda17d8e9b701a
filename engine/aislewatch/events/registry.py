"""What kinds of event there are, and what is known of each of their fields.

Read off the declarations in :mod:`aislewatch.events.kinds` once; the rule type checker, the mapping
files, the editor's schema and the documentation ask here and nowhere else.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import msgspec
from msgspec import inspect

from aislewatch.errors import UsageError
from aislewatch.events.kinds import BUILT_IN, NO_RULE_SEES, Event
from aislewatch.events.units import DISPLAY_UNIT, UNITS, Dimension

ENVELOPE = frozenset(Event.__struct_fields__)
"""Attribute names of the envelope, which every kind has."""

_UNIT_SUFFIXES = ("_mg", "_dbm", "_us", "_minor")


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """What is known of one field of one kind.

    Attributes:
        path: its name in rules, such as ``zone.kind`` or ``weight``.
        attr: its name on the wire and on the event, such as ``zone_kind`` or ``weight_mg``.
        dimension: what it measures.
        whole: it holds integers of the base unit; floats otherwise (numbers only).
        required: every event of the kind has it; otherwise it may be absent, that is, unknown.
        key: clauses may join on it.
        values: the only values it can have; empty where any is possible.
        doc: what it means, for people.
    """

    path: str
    attr: str
    dimension: Dimension
    whole: bool
    required: bool
    key: bool
    values: tuple[str, ...]
    doc: str

    @property
    def display_unit(self) -> str:
        """The unit that people read and write the field in; empty for a bare figure."""
        return DISPLAY_UNIT.get(self.dimension, "")

    @property
    def per_display_unit(self) -> int:
        """How many of what the event carries make one display unit."""
        unit = UNITS.get(self.display_unit)
        return int(unit.per_unit) if unit is not None else 1


@dataclass(frozen=True, slots=True)
class KindSpec:
    """What is known of one kind of event.

    Attributes:
        type: its name, such as ``rfid.read``.
        doc: what it means, in one sentence.
        struct: the class that carries it.
        fields: by path.
        instead: of a kind that no rule sees, what an author can do instead; empty of all others.
    """

    type: str
    doc: str
    struct: builtins.type[Event]
    fields: Mapping[str, FieldSpec]
    instead: str = ""


class Registry:
    """All kinds that this installation knows: the built-in ones and those that plugins bring.

    Args:
        extra: kinds from plugins, each a frozen subclass of :class:`Event` with a tag of its own.

    Raises:
        UsageError: two kinds share a type.
    """

    def __init__(self, extra: Iterable[type[Event]] = ()) -> None:
        structs = (*BUILT_IN, *extra)
        kinds: dict[str, KindSpec] = {}
        for struct in structs:
            kind = _kind_spec(struct)
            if kind.type in kinds:
                message = f"two kinds of event are called {kind.type!r}; rename the plugin's"
                raise UsageError(message)
            kinds[kind.type] = kind
        self.kinds: Mapping[str, KindSpec] = kinds
        self._structs = structs

    @cached_property
    def for_rules(self) -> Mapping[str, KindSpec]:
        """The kinds that rules can name, by type: all but those that the engine keeps to itself."""
        return {type_: kind for type_, kind in self.kinds.items() if not kind.instead}

    def extended(self, extra: Iterable[type[Event]]) -> Registry:
        """Give a registry that knows further kinds, too."""
        return Registry((*self._structs[len(BUILT_IN) :], *extra))

    def __reduce__(self) -> tuple[type[Registry], tuple[tuple[type[Event], ...]]]:
        """Be made anew in another process: a decoder cannot be sent there."""
        return Registry, (self._structs[len(BUILT_IN) :],)

    @cached_property
    def decoder(self) -> msgspec.json.Decoder[Event]:
        """Decodes any known kind from JSON, checking every field's type, range and values."""
        union: Any = self._structs[0]
        for struct in self._structs[1:]:
            union = union | struct
        return msgspec.json.Decoder(union)


def type_of(struct: type[Event]) -> str:
    """Give the type that a class of events carries.

    >>> from aislewatch.events.kinds import RfidRead
    >>> type_of(RfidRead)
    'rfid.read'
    """
    tag = struct.__struct_config__.tag
    assert isinstance(tag, str), f"{struct.__name__} has no tag"
    return tag


@cache  # A registry is often extended, and reading a class takes a while.
def _kind_spec(struct: type[Event]) -> KindSpec:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    fields = [_field_spec(field) for field in info.fields]
    doc = (struct.__doc__ or "").strip().splitlines()
    return KindSpec(
        type=type_of(struct),
        doc=doc[0] if doc else "",
        struct=struct,
        fields={field.path: field for field in fields},
        instead=NO_RULE_SEES.get(struct, ""),
    )


def _field_spec(field: inspect.Field) -> FieldSpec:
    layers: list[Any] = []  # Of inspect.Metadata, whose dictionaries are not typed.
    node: Any = field.type
    optional = False
    while True:
        if isinstance(node, inspect.Metadata):
            layers.append(node)
            node = node.type
        elif isinstance(node, inspect.UnionType):
            optional = True
            (node,) = (t for t in node.types if not isinstance(t, inspect.NoneType))
        else:
            break
    extra: dict[str, Any] = {}
    doc = ""
    for layer in reversed(layers):
        extra |= layer.extra or {}
        schema: dict[str, Any] = layer.extra_json_schema or {}
        doc = schema.get("description", doc)
    dimension, values = _dimension(field.name, node, extra)
    return FieldSpec(
        path=extra.get("path") or _without_unit(field.name),
        attr=field.name,
        dimension=dimension,
        whole=isinstance(node, inspect.IntType),
        required=field.required or not optional,
        key=bool(extra.get("key")) or field.name in {"store", "device"},
        values=values,
        doc=doc,
    )


def _dimension(name: str, node: Any, extra: dict[str, Any]) -> tuple[Dimension, tuple[str, ...]]:
    if isinstance(node, inspect.LiteralType):
        return Dimension.TEXT, tuple(str(value) for value in node.values)
    if isinstance(node, inspect.BoolType):
        return Dimension.FLAG, ()
    if isinstance(node, inspect.StrType):
        return Dimension.TEXT, ()
    if name == "time":
        return Dimension.INSTANT, ()
    return Dimension(extra.get("dimension", "number")), ()


def _without_unit(name: str) -> str:
    for suffix in _UNIT_SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name
