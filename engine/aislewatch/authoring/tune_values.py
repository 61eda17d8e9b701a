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

RANGE_MAX: Final = 200
"""Values that a range may hold."""


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


def values_between(name: str, text: str, now: str) -> list[str]:
    """Give the values of a range: ``1..5``, ``10s..60s/10s``.

    Args:
        name: of the parameter.
        text: from, to, and how far apart; by ones of the unit that it begins in where not said.
        now: the parameter's value in force.

    Raises:
        ValueError: it is no range of what the parameter is.
    """
    first, _, behind = text.partition("..")
    last, _, apart = behind.partition("/")
    like = _figure(now)
    ends = [_figure(one.strip()) for one in (first, last)]
    step = _figure(apart.strip()) if apart else None
    known = [one for one in (*ends, step) if one is not None]
    least, most = ends
    if (
        like is None
        or least is None
        or most is None
        or (apart and step is None)
        or any(one.dimension is not like.dimension for one in known)
    ):
        example = f"{now}..{now}" if like is not None else "values with commas between them"
        message = f"{text!r} is no range of what {name} could be; write one like {example}"
        raise ValueError(message)
    by = step.value if step is not None else _unit(least)
    if by <= 0 or most.value < least.value:
        message = f"{text!r} holds no value: write the lesser first, and a step above nought"
        raise ValueError(message)
    number = (most.value - least.value) // by + 1
    if number > RANGE_MAX:
        message = f"{text!r} holds {number:,} values: say how far apart, as in {text}/STEP"
        raise ValueError(message)
    return [_written(least, least.value + at * by) for at in range(int(number))]


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
        yield from (_written(figure, figure.value + step) for step in _DECIBELS)
        return
    whole = figure.dimension is Dimension.NUMBER and figure.value.denominator == 1
    for times in _TIMES:
        value = figure.value * times
        if whole:
            # A count of less than one would ask for nothing.
            yield str(max(1, floor(value + Fraction(1, 2))))
        else:
            unit = _unit(figure)
            # Of several units the last is fine enough.
            plain = figure.dimension is not Dimension.DURATION or figure.unit in UNITS
            rounded = _rounded(value / unit) if plain else Fraction(round(value / unit))
            yield _written(figure, rounded * unit)


def _unit(figure: Number) -> Fraction:
    """Give how much one of a figure's unit is in base units; of several units, one of the last."""
    if figure.dimension is Dimension.MONEY:
        return Fraction(minor_per_major(figure.unit))
    if figure.unit in UNITS:
        return Fraction(UNITS[figure.unit].per_unit)
    if figure.dimension is Dimension.DURATION:
        last = next(one for symbol, one in UNITS.items() if figure.unit[1:] == symbol)
        return Fraction(last.per_unit)
    return Fraction(1)


def _written(figure: Number, value: Fraction) -> str:
    """Write a value as authors do, in the unit of a figure."""
    if figure.dimension is Dimension.MONEY:
        return f"{figure.unit} {_plain(value / _unit(figure))}"
    if figure.unit in UNITS:
        return f"{_plain(value / _unit(figure))}{figure.unit}"
    if figure.dimension is Dimension.DURATION:
        return written_duration(int(value))
    return _plain(value)


def _rounded(value: Fraction) -> Fraction:
    if not value:
        return value
    step = Fraction(10) ** (floor(log10(abs(value))) - _DIGITS + 1)
    return round(value / step) * step


def _plain(value: Fraction) -> str:
    return str(int(value)) if value.denominator == 1 else f"{float(value):g}"
