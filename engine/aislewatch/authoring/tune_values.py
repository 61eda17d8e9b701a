"""Values that a parameter of a rule could have instead: around the one in force, within its bounds.

A figure is tried at a half to twice what it is, a level some decibels up and down, a name at all
that the file or the shop has to choose from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fractions import Fraction
from math import floor, log10
from typing import Final

from aislewatch.events.quantities import written_duration
from aislewatch.events.units import UNITS, Dimension, minor_per_major
from aislewatch.rules.lexer import Refused
from aislewatch.rules.model import ParamShape
from aislewatch.rules.params import unquoted
from aislewatch.rules.parser import Number, parse

_TIMES: Final = (
    Fraction(1, 2), Fraction(2, 3), Fraction(4, 5), Fraction(1),
    Fraction(5, 4), Fraction(3, 2), Fraction(2),
)  # fmt: skip
_DECIBELS: Final = (-10, -6, -3, 0, 3, 6, 10)
_DIGITS: Final = 2


def values_around(shape: ParamShape, now: str, names: Collection[str]) -> list[str]:
    """Give the values that are worth a try, the one in force among them, as authors write them.

    Args:
        shape: of the parameter.
        now: its value in force.
        names: what the shop has of what it selects.

    Returns:
        The value alone where nothing says what else it could be.
    """
    if shape.one_of:
        return list(dict.fromkeys([*shape.one_of, now]))
    if shape.select is not None:
        return sorted({*names, unquoted(now)})
    figure = _figure(now)
    if figure is None:
        return [now]
    bounds = [_figure(text) if text is not None else None for text in (shape.min, shape.max)]
    least, greatest = (bound.value if bound is not None else None for bound in bounds)
    found: dict[Fraction, str] = {figure.value: now}
    for text in (*_around(figure), *(text for text in (shape.min, shape.max) if text is not None)):
        other = _figure(text)
        if other is None or other.dimension is not figure.dimension:
            continue
        above = least is None or other.value >= least
        if above and (greatest is None or other.value <= greatest):
            found.setdefault(other.value, text)
    return [found[value] for value in sorted(found)]


def given_values(shape: ParamShape, name: str, texts: Collection[str], now: str) -> list[str]:
    """Give the values that somebody named, with the one in force.

    Raises:
        ValueError: one is no value of the kind that the parameter has.
    """
    figure = _figure(now) if shape.select is None else None
    for text in texts:
        other = _figure(text)
        if figure is not None and (other is None or other.dimension is not figure.dimension):
            message = f"{text!r} is none that {name} could have; write one like {now}"
            raise ValueError(message)
    if figure is None:
        return list(dict.fromkeys([now, *texts]))
    by_value = {one.value: text for text in (*texts, now) if (one := _figure(text)) is not None}
    return [by_value[value] for value in sorted(by_value)]


def _figure(text: str) -> Number | None:
    try:
        tree = parse(text)
    except Refused:
        return None
    return tree if isinstance(tree, Number) else None


def _around(figure: Number) -> Iterator[str]:
    """Give figures around one, in its own unit, in two digits."""
    if figure.dimension is Dimension.LEVEL:
        yield from (f"{_plain(figure.value + step)}dBm" for step in _DECIBELS)
        return
    whole = figure.dimension is Dimension.NUMBER and figure.value.denominator == 1
    for times in _TIMES:
        value = figure.value * times
        if whole:
            # A count of less than one would ask for nothing.
            yield str(max(1, floor(value + Fraction(1, 2))))
        elif figure.dimension is Dimension.MONEY:
            major = value / minor_per_major(figure.unit)
            yield f"{figure.unit} {_plain(_rounded(major))}"
        elif figure.unit in UNITS:
            unit = UNITS[figure.unit]
            yield f"{_plain(_rounded(value / Fraction(unit.per_unit)))}{figure.unit}"
        elif figure.dimension is Dimension.DURATION:
            # Of several units the last is fine enough.
            unit = next(one for symbol, one in UNITS.items() if figure.unit[1:] == symbol)
            yield written_duration(int(round(value / Fraction(unit.per_unit)) * unit.per_unit))
        else:
            yield _plain(_rounded(value))


def _rounded(value: Fraction) -> Fraction:
    if not value:
        return value
    step = Fraction(10) ** (floor(log10(abs(value))) - _DIGITS + 1)
    return round(value / step) * step


def _plain(value: Fraction) -> str:
    return str(int(value)) if value.denominator == 1 else f"{float(value):g}"
