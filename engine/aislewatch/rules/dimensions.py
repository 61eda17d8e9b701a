"""Which figures go together, and what to say where they do not."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

from aislewatch.events.registry import FieldSpec
from aislewatch.events.units import DISPLAY_UNIT, UNITS, Dimension
from aislewatch.rules.tree import Constant, Term, Type

BARE = frozenset({Dimension.NUMBER, Dimension.RATIO})
"""Dimensions without a unit: 80% is 0.8."""

FIGURES = frozenset(Dimension) - {Dimension.TEXT, Dimension.FLAG}
"""Dimensions that one computes with."""


def type_of_field(spec: FieldSpec) -> Type:
    """Give the type of what a field holds; a sensor's floats are not exact."""
    whole = spec.whole or spec.dimension not in FIGURES
    return Type(spec.dimension, exact=whole, values=spec.values)


def fits(one: Dimension, two: Dimension) -> bool:
    """Tell whether two values can be compared or added."""
    return one is two or (one in BARE and two in BARE)


def described(kind: Type) -> str:
    """Give a noun with its article."""
    words = {
        Dimension.FLAG: "a condition",
        Dimension.TEXT: "a text",
        Dimension.NUMBER: "a number",
        Dimension.RATIO: "a ratio",
        Dimension.DURATION: "a duration",
        Dimension.INSTANT: "a point in time",
        Dimension.MASS: "a mass",
        Dimension.MONEY: "an amount of money",
        Dimension.LEVEL: "a signal level",
    }
    return words[kind.dimension]


def mismatch(left: Term, right: Term, verb: str) -> tuple[str, str]:
    """Give message and hint for two values that do not go together."""
    one, two = left.type.dimension, right.type.dimension
    joint = "to" if verb == "add" else "from" if verb == "subtract" else "with"
    message = f"cannot {verb} {one} {joint} {two}"
    for bare, other in ((left, two), (right, one)):
        if isinstance(bare, Constant) and bare.type.dimension is Dimension.NUMBER:
            number = _spelt(cast(Fraction, bare.value))
            if other is Dimension.MONEY:
                return message, f"add a currency, e.g. EUR {number}"
            unit = DISPLAY_UNIT.get(other) or ""
            if unit in UNITS:
                return message, f"add a unit, e.g. {number}{unit}"
        text = isinstance(bare, Constant) and bare.type.dimension is Dimension.TEXT
        if text and other in FIGURES:
            return message, "a figure is written without quotes"
    return message, ""


def _spelt(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):g}"
