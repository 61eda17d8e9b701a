"""The tracing twin of expressions: what every comparison in a condition saw, on both sides.

The compiled form of a condition says whether it holds and stops at the first part that decides;
this one goes through all parts, on request. Each part is computed by the source that
:mod:`aislewatch.rules.emit` generates for it, so that the twin cannot differ from what it explains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from msgspec import Struct

from aislewatch.events.units import DISPLAY_UNIT, UNITS, Dimension
from aislewatch.rules import emit
from aislewatch.rules.compiling import Lists, binding_items, compile_bindings
from aislewatch.rules.tree import (
    FIRST,
    All,
    Any_,
    Arithmetic,
    Bound,
    Call,
    Compare,
    CompareOp,
    Constant,
    Field,
    Figure,
    Has,
    InList,
    Leftovers,
    Not,
    OneOf,
    Term,
    parts,
)

Truth = bool | None
"""Of a condition; None where it is unknown."""


class Value(Struct, frozen=True, omit_defaults=True):
    """A figure or text of an expression.

    Attributes:
        text: as rules write it.
        value: in base units; None where unknown.
        dimension: what it measures.
        fixed: it is written in the rule.
        made_of: the fields and figures that it is computed from, where it is computed.
    """

    text: str
    value: int | float | str | bool | None
    dimension: Dimension
    fixed: bool = False
    made_of: list[Value] = []


class Comparison(Struct, frozen=True, tag="comparison", tag_field="part"):
    """Two values compared.

    Attributes:
        text: as rules write it.
        truth: whether it holds.
        op: the sign between them.
        left: one side.
        right: the other.
        apart: left less right, in base units; None for texts and where either is unknown.
    """

    text: str
    truth: Truth
    op: CompareOp
    left: Value
    right: Value
    apart: int | float | None


class Test(Struct, frozen=True, tag="test", tag_field="part"):
    """Any other single condition: ``x in [...]``, ``has(x)``, a field that is true or false.

    Attributes:
        text: as rules write it.
        truth: whether it holds.
        values: what it looked at.
    """

    __test__ = False

    text: str
    truth: Truth
    values: list[Value]


class Several(Struct, frozen=True, tag="several", tag_field="part"):
    """Conditions joined by ``and`` or ``or``, or one behind ``not``.

    Attributes:
        text: as rules write it.
        truth: whether it holds.
        joint: ``and``, ``or`` or ``not``.
        parts: the conditions.
    """

    text: str
    truth: Truth
    joint: str
    parts: list[Condition]


Condition = Comparison | Test | Several
"""A condition, and what it saw."""

Names = Mapping[str, Any]
"""What names stand for; the event of a ``where`` under the empty name. An event that a clause did
not find is None, also where a rule that judges would not have come so far."""


class _Compiled(NamedTuple):
    term: Term  # Held so that its identity stays its own.
    compute: Callable[[Names], Any]
    needed: frozenset[str]


class Tracer:
    """Computes expressions part by part.

    Args:
        lists: the named lists.
    """

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._known: dict[int, _Compiled] = {}

    def raw(self, term: Term, names: Names) -> Any:
        """Give the value of a term as rules compute with it; None where it is unknown."""
        known = self._known.get(id(term))
        if known is None:
            items = binding_items(_names_in(term))
            compute = compile_bindings(emit.value(term, items), self._lists)
            known = self._known[id(term)] = _Compiled(term, compute, _needed(term))
        if all(names[name] is not None for name in known.needed):
            return known.compute(names)
        if isinstance(term, All | Any_ | Not):
            return self.condition(term, names).truth
        return False if isinstance(term, Has) else None

    def condition(self, term: Term, names: Names) -> Condition:
        """Give what a condition saw."""
        text = as_written(term)
        if isinstance(term, All | Any_):
            told = [self.condition(part, names) for part in term.terms]
            decides = isinstance(term, Any_)
            truths = [one.truth for one in told]
            truth = decides if decides in truths else None if None in truths else not decides
            return Several(text, truth, "or" if decides else "and", told)
        if isinstance(term, Not):
            inner = self.condition(term.term, names)
            return Several(text, None if inner.truth is None else not inner.truth, "not", [inner])
        truth = self.raw(term, names)
        if isinstance(term, Compare):
            left, right = self.value(term.left, names), self.value(term.right, names)
            return Comparison(text, truth, term.op, left, right, self._apart(term, names))
        return Test(text, truth, [self.value(part, names) for part in _looked_at(term)])

    def value(self, term: Term, names: Names) -> Value:
        """Give what a figure or text is."""
        whole = isinstance(term, Field | Figure | Constant | Bound)
        made_of = (
            [] if whole else [part for part in parts(term) if isinstance(part, Field | Figure)]
        )
        if isinstance(term, Bound):
            event = names[term.name]
            value = event.id if event is not None else None
        else:
            value = plain(self.raw(term, names))
        return Value(
            as_written(term),
            value,
            term.type.dimension,
            isinstance(term, Constant),
            [self.value(part, names) for part in dict.fromkeys(made_of)],
        )

    def _apart(self, term: Compare, names: Names) -> int | float | None:
        if term.left.type.dimension in {Dimension.TEXT, Dimension.FLAG}:
            return None
        left, right = self.raw(term.left, names), self.raw(term.right, names)
        if left is None or right is None:
            return None
        if isinstance(left, float) or isinstance(right, float):
            return float(left) - float(right)
        return plain_figure(Fraction(left) - Fraction(right))


def plain(value: Any) -> Any:
    """Give a value as JSON has it: a fraction becomes the nearest float."""
    return plain_figure(value) if isinstance(value, Fraction) else value


def plain_figure(value: Fraction) -> int | float:
    """Give a fraction as a whole number, or else as the nearest float."""
    return int(value) if value.denominator == 1 else float(value)


def _names_in(term: Term) -> frozenset[str]:
    return frozenset(_name_of(part) for part in parts(term) if _is_named(part))


def _is_named(part: Term) -> bool:
    return isinstance(part, Field | Figure | Bound | Leftovers | InList)


def _name_of(part: Term) -> str:
    if isinstance(part, Field):
        return part.binding
    if isinstance(part, InList):
        return part.at
    assert isinstance(part, Figure | Bound | Leftovers)
    return part.name


def _needed(term: Term) -> frozenset[str]:
    """Give the events without which a term cannot be computed: those that clauses must find."""
    return frozenset(
        _name_of(part)
        for part in parts(term)
        if isinstance(part, Field | Bound) and not part.unbound
    )


def _looked_at(term: Term) -> list[Term]:
    if isinstance(term, OneOf | InList):
        return [term.term]
    if isinstance(term, Has):
        return [term.term]
    if isinstance(term, Call):
        return list(term.args)
    return [term]


# As rules write it ------------------------------------------------------------------------------


def as_written(term: Term) -> str:
    """Write a term as a rule could have it; parameters and macros stand there with their values.

    An amount of money stands without its currency, which a checked rule no longer knows.

    >>> from aislewatch.rules.tree import Type
    >>> limit = Constant(value=Fraction(-60), type=Type(Dimension.LEVEL))
    >>> as_written(limit)
    '-60dBm'
    """
    return _written(term, 0)


_ARITHMETIC = {"+": 5, "-": 5, "*": 6, "/": 6}


def _written(term: Term, outer: int) -> str:
    text, binds = _text_of(term)
    return f"({text})" if binds < outer else text


def _text_of(term: Term) -> tuple[str, int]:
    """Give a term's text, and how tightly it holds together: 9 for a name or a call."""
    if isinstance(term, Constant):
        return _constant(term), 9
    if isinstance(term, Field):
        binding = term.binding.removeprefix(FIRST)
        return f"{binding}.{term.path}" if binding else term.path, 9
    if isinstance(term, Figure | Bound | Leftovers):
        # A figure without a name is the only one of its clause.
        return term.name if term.name[0] != "_" else term.name.strip("_0123456789"), 9
    if isinstance(term, Has):
        return f"has({_written(term.term, 0)})", 9
    if isinstance(term, Call):
        return f"{term.name}({', '.join(_written(arg, 0) for arg in term.args)})", 9
    if isinstance(term, OneOf):
        return f"{_written(term.term, 4)} in [{', '.join(map(repr, term.values))}]", 4
    if isinstance(term, InList):
        return f"{_written(term.term, 4)} in lists.{term.name}", 4
    if isinstance(term, Compare):
        return f"{_written(term.left, 5)} {term.op} {_written(term.right, 5)}", 4
    if isinstance(term, Not):
        return f"not {_written(term.term, 3)}", 3
    if isinstance(term, All):
        return " and ".join(_written(part, 3) for part in term.terms), 2
    if isinstance(term, Any_):
        return " or ".join(_written(part, 2) for part in term.terms), 1
    assert isinstance(term, Arithmetic)
    binds = _ARITHMETIC[term.op]
    return f"{_written(term.left, binds)} {term.op} {_written(term.right, binds + 1)}", binds


_UNITS_OF = {
    Dimension.DURATION: ("d", "h", "m", "s", "ms", "us"),
    Dimension.MASS: ("kg", "g", "mg"),
    Dimension.LEVEL: ("dBm",),
    Dimension.RATIO: ("%",),
}
"""Units in which a written figure is shown: the largest of which it is a whole number."""


def _constant(term: Constant) -> str:
    value, dimension = term.value, term.type.dimension
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value)
    for unit in _UNITS_OF.get(dimension, ()) if value else ():
        shown = value / Fraction(UNITS[unit].per_unit)
        if shown.denominator == 1:
            return f"{shown}{unit}"
    if dimension is Dimension.MONEY:
        # The language writes major units; two digits is what nearly all currencies have.
        return f"{float(value) / 100:.2f}"
    unit = DISPLAY_UNIT.get(dimension, "")
    exact = value / Fraction(UNITS[unit].per_unit) if unit else value
    decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
    return f"{decimal.normalize():f}{unit}"
