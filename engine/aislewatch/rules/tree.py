"""Expressions after they were checked: a tree in which every name and unit is resolved.

Python source is generated from this tree alone; what an author wrote never reaches ``compile``.
Numbers are in the base units that events carry, and exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, Literal, TypeGuard

from aislewatch.events.units import Dimension

CompareOp = Literal["==", "!=", "<", "<=", ">", ">="]
ArithmeticOp = Literal["+", "-", "*", "/"]


@dataclass(frozen=True, slots=True)
class Type:
    """What a value is.

    Attributes:
        dimension: what it measures; FLAG for anything that is true or false.
        exact: it is computed in whole numbers and fractions; False where a sensor's float is in it.
        values: the only texts it can be; empty where any is possible.
    """

    dimension: Dimension
    exact: bool = True
    values: tuple[str, ...] = ()


FLAG = Type(Dimension.FLAG)
TEXT = Type(Dimension.TEXT)
NUMBER = Type(Dimension.NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A part of an expression.

    Attributes:
        type: what it is.
        span: offset and length in the author's text; no part of its meaning.
    """

    type: Type
    span: tuple[int, int] = field(default=(0, 0), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Term):
    """A literal or a parameter, in base units."""

    value: Fraction | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Field(Term):
    """A field of the event at hand (``binding`` is empty) or of a bound event.

    Attributes:
        binding: which event; empty for the one that a ``where`` looks at.
        attr: the attribute that carries it.
        path: its name in rules.
        optional: it may be absent.
        unbound: the event itself may be absent.
    """

    binding: str
    attr: str
    path: str
    optional: bool
    unbound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure(Term):
    """A figure that an earlier clause named; None where ``optional`` and unknown."""

    name: str
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound(Term):
    """A bound event as such; only ``has`` takes it."""

    name: str
    unbound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers(Term):
    """A list of events that ``unmatched`` left over; only ``size`` takes it."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Has(Term):
    """Whether something is there; never unknown."""

    term: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(Term):
    """Two values of one dimension compared; unknown where either is."""

    op: CompareOp
    left: Term
    right: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf(Term):
    """A text that is one of these; unknown where the text is."""

    term: Term
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InList(Term):
    """A text that stands on a named list; unknown where the text is.

    Attributes:
        term: the text.
        name: of the list.
        at: the binding whose time is meant: the anchor; empty for the event of a ``where``.
    """

    term: Term
    name: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class All(Term):
    """Kleene conjunction of two or more."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Any_(Term):
    """Kleene disjunction of two or more."""

    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Term):
    """Kleene negation."""

    term: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic(Term):
    """Two figures computed; unknown where either is, or where it divides by zero."""

    op: ArithmeticOp
    left: Term
    right: Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Term):
    """A function of the closed list over its arguments; unknown where one of them is."""

    name: str
    args: tuple[Term, ...]


_NOT_MEANT = frozenset({"span", "type", "path", "optional", "unbound", "at"})
"""What follows from the declared kinds or is only shown."""


def parts(term: Term) -> Iterator[Term]:
    """Walk a term and everything in it, the whole first."""
    yield term
    for one in fields(term):
        value: Any = getattr(term, one.name)
        for inner in value if _is_tuple(value) else (value,):
            if isinstance(inner, Term):
                yield from parts(inner)


def standing_at(term: Term, span: tuple[int, int]) -> Term:
    """Give a term of which everything that was written stands at one place of another text."""
    moved: dict[str, Any] = {}
    for one in fields(term):
        value: Any = getattr(term, one.name)
        if _is_tuple(value):
            value = tuple(standing_at(v, span) if isinstance(v, Term) else v for v in value)
        elif isinstance(value, Term):
            value = standing_at(value, span)
        moved[one.name] = value
    moved["span"] = span if term.span[1] else term.span
    return type(term)(**moved)


def _is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


def canonical(term: Term) -> Any:
    """Give what a term means as plain JSON values, the same for the same meaning on any machine."""
    shown: list[Any] = [type(term).__name__]
    for one in fields(term):
        if one.name in _NOT_MEANT:
            continue
        value: Any = getattr(term, one.name)
        if _is_tuple(value):
            shown.append([canonical(v) if isinstance(v, Term) else v for v in value])
        elif isinstance(value, Term):
            shown.append(canonical(value))
        else:
            shown.append(str(value) if isinstance(value, Fraction) else value)
    return shown


FIRST = "first "
"""Put before the name of a list of leftovers, names its first event (no author can write it)."""
