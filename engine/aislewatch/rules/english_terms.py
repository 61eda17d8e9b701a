"""Checked expressions and windows in plain words: ``rssi is more than -60 dBm``.

Made from the typed tree and not from what the author wrote, so that a reviewer reads what will be
decided: parameters are their values, sums of constants are done, names are resolved.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from aislewatch.events.units import UNITS, Dimension
from aislewatch.rules.emit import INVERSE
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
    Type,
)
from aislewatch.rules.windows import Bound as End
from aislewatch.rules.windows import Window

_AMOUNTS: dict[CompareOp, str] = {
    "==": "is", "!=": "is not", "<": "is less than", "<=": "is at most", ">": "is more than",
    ">=": "is at least",
}  # fmt: skip
_TIMES: dict[CompareOp, str] = {
    "==": "is", "!=": "is not", "<": "is earlier than", "<=": "is not later than",
    ">": "is later than", ">=": "is not earlier than",
}  # fmt: skip
_OPERATORS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
_STATISTICS = {
    "n": "the number", "mean": "the mean", "stdev": "the standard deviation",
    "median": "the median", "mad": "the median absolute deviation",
}  # fmt: skip
_SPELT_OUT = (
    ("d", "day"), ("h", "hour"), ("m", "minute"), ("s", "second"), ("ms", "millisecond"),
    ("us", "microsecond"),
)  # fmt: skip
_KILOGRAM = 1_000_000


def condition(term: Term) -> str:
    """Give a condition as words that can stand behind ``where``."""
    if isinstance(term, (All, Any_)):
        word = " and " if isinstance(term, All) else " or "
        return word.join(_part(one, term) for one in term.terms)
    if isinstance(term, Not):
        return _negated(term.term)
    if isinstance(term, Compare):
        return _compared(term, term.op)
    if isinstance(term, Has):
        return _there(term.term, there=True)
    if isinstance(term, OneOf):
        return f"{value(term.term)} is {listed([repr(v) for v in term.values], 'or')}"
    if isinstance(term, InList):
        return f"{value(term.term)} is on the list {term.name}"
    if isinstance(term, Constant):
        return "anything" if term.value else "nothing"
    if isinstance(term, Call):
        return _called(term, holds=True)
    return f"{value(term)} is true"


def value(term: Term) -> str:
    """Give a value as words that can stand for it."""
    if isinstance(term, Constant):
        return amount(term.value, term.type)
    if isinstance(term, Field):
        if term.binding.startswith(FIRST):
            return f"the first left over {term.binding.removeprefix(FIRST)} event's {term.path}"
        return f"{term.binding}'s {term.path}" if term.binding else term.path
    if isinstance(term, Figure):
        return _figure(term.name)
    if isinstance(term, Bound):
        return term.name
    if isinstance(term, Leftovers):
        return f"what is left over on the {term.name}"
    if isinstance(term, Arithmetic):
        return _computed(term)
    if isinstance(term, Call) and term.type.dimension is not Dimension.FLAG:
        return _function(term)
    return f"whether {condition(term)}"


def _figure(name: str) -> str:
    peers, _, figure = name.partition(".")
    return f"{_STATISTICS.get(figure, figure)} of {peers}" if figure else name


def _part(term: Term, whole: Term) -> str:
    words = condition(term)
    mixed = isinstance(term, (All, Any_)) and type(term) is not type(whole)
    return f"({words})" if mixed else words


def _negated(term: Term) -> str:
    if isinstance(term, Compare):
        return _compared(term, INVERSE[term.op])
    if isinstance(term, Has):
        return _there(term.term, there=False)
    if isinstance(term, OneOf):
        return f"{value(term.term)} is not {listed([repr(v) for v in term.values], 'or')}"
    if isinstance(term, InList):
        return f"{value(term.term)} is not on the list {term.name}"
    if isinstance(term, Call):
        return _called(term, holds=False)
    if isinstance(term, Not):
        return condition(term.term)
    if isinstance(term, (All, Any_)):
        return f"it is not so that ({condition(term)})"
    if isinstance(term, Constant):
        return "nothing" if term.value else "anything"
    return f"{value(term)} is false"


def _compared(term: Compare, op: CompareOp) -> str:
    words = _TIMES if term.left.type.dimension is Dimension.INSTANT else _AMOUNTS
    return f"{value(term.left)} {words[op]} {value(term.right)}"


def _there(term: Term, *, there: bool) -> str:
    if isinstance(term, Bound):
        return f"there is {'a' if there else 'no'} {term.name}"
    return f"{value(term)} is {'known' if there else 'unknown'}"


def _called(term: Call, *, holds: bool) -> str:
    words = [value(arg) for arg in term.args]
    if term.name == "within":
        return f"{words[0]} lies {'' if holds else 'not '}between {words[1]} and {words[2]}"
    verb = {"startswith": "begin", "contains": "contain"}[term.name]
    joint = " with" if term.name == "startswith" else ""
    return f"{words[0]} {verb + 's' if holds else 'does not ' + verb}{joint} {words[1]}"


def _function(term: Call) -> str:
    words = [value(arg) for arg in term.args]
    if term.name == "size":
        counted = isinstance(term.args[0], Leftovers)
        return f"the number of {words[0]}" if counted else f"the length of {words[0]}"
    if term.name == "lower":
        return f"{words[0]} in lower case"
    if term.name == "abs":
        return f"the size of ({words[0]})"
    return f"the {'least' if term.name == 'min' else 'greatest'} of {listed(words, 'and')}"


def _computed(term: Arithmetic) -> str:
    left, right = term.left, term.right
    if term.op == "-" and isinstance(left, Constant) and left.value == 0:
        return f"minus {_side(right, term)}"
    if term.op == "*" and isinstance(left, Constant) and left.type.dimension is Dimension.RATIO:
        return f"{value(left)} of {_side(right, term)}"
    return f"{_side(left, term)} {_OPERATORS[term.op]} {_side(right, term)}"


def _side(term: Term, whole: Arithmetic) -> str:
    words = value(term)
    if not isinstance(term, Arithmetic):
        return words
    # Sums of sums read from left to right; anything else says what is done first.
    plain = term is whole.left and whole.op in "+-" and term.op in "+-"
    return words if plain else f"({words})"


# Figures ------------------------------------------------------------------------------------------


def amount(figure: Fraction | str | bool, kind: Type) -> str:
    """Give a constant as people write it: ``250 g``, ``12 hours``, ``80 %``, ``'exit'``.

    Money is in major units of the shop's currency, which a rule does not know.

    >>> amount(Fraction(1_250_000), Type(Dimension.MASS))
    '1.25 kg'
    """
    if isinstance(figure, bool):
        return "true" if figure else "false"
    if isinstance(figure, str):
        return repr(figure)
    dimension = kind.dimension
    if dimension is Dimension.DURATION and figure.denominator == 1:
        return duration(int(figure))
    if dimension is Dimension.MASS:
        unit = "kg" if abs(figure) >= _KILOGRAM else "g"
        return f"{_decimal(figure / Fraction(UNITS[unit].per_unit))} {unit}"
    if dimension is Dimension.LEVEL:
        return f"{_decimal(figure)} dBm"
    if dimension is Dimension.RATIO:
        return f"{_decimal(figure * 100)} %"
    if dimension is Dimension.MONEY and (figure * 100).denominator == 1:
        return f"{Decimal(figure.numerator) / figure.denominator / 100:.2f}"
    return _decimal(figure)


def duration(us: int) -> str:
    """Give a stretch of time in words.

    >>> duration(5_400_000_000), duration(1)
    ('1 hour 30 minutes', '1 microsecond')
    """
    if us < 0:
        return f"minus {duration(-us)}"
    parts: list[str] = []
    rest = us
    for symbol, name in _SPELT_OUT:
        count, rest = divmod(rest, int(UNITS[symbol].per_unit))
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(parts) or "0 seconds"


def odds(points: int) -> str:
    """Say what points (decibans) make of the odds, in two digits.

    >>> odds(20), odds(-3)
    ('100 times the odds', 'the odds divided by 2')
    """
    factor = Decimal(10) ** (Decimal(abs(points)) / 10)
    digits = factor.quantize(Decimal(1).scaleb(factor.adjusted() - 1), ROUND_HALF_EVEN)
    shown = f"{digits:,f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return f"{shown} times the odds" if points >= 0 else f"the odds divided by {shown}"


def listed(words: list[str], joint: str) -> str:
    """Give several words in a row: ``a, b or c``."""
    return f"{', '.join(words[:-1])} {joint} {words[-1]}" if len(words) > 1 else words[0]


def _decimal(figure: Fraction) -> str:
    exact = Decimal(figure.numerator) / Decimal(figure.denominator)
    if Fraction(exact) != figure:
        return f"{figure.numerator}/{figure.denominator}"
    shown = f"{exact:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


# Windows ------------------------------------------------------------------------------------------


def stretch(window: Window) -> str:
    """Give a window as words that say when.

    >>> stretch(Window(End("exit", -43_200_000_000), End("exit", 0)))
    'in the 12 hours up to exit'
    """
    start, end = window.start, window.end
    if start.ref != end.ref:
        if start.offset_us == end.offset_us == 0:
            return f"between {start.ref} and {end.ref}"
        return f"from {_end(start)} to {_end(end)}"
    if start.offset_us == end.offset_us == 0:
        return f"at the time of {start.ref}"
    if end.offset_us == 0:
        return f"in the {duration(-start.offset_us)} up to {end.ref}"
    if start.offset_us == 0:
        return f"in the {duration(end.offset_us)} from {start.ref} on"
    if start.offset_us == -end.offset_us:
        return f"within {duration(end.offset_us)} of {start.ref}, before or after"
    return f"from {_end(start)} to {_end(end)}"


def _end(end: End) -> str:
    if end.offset_us == 0:
        return end.ref
    side = "after" if end.offset_us > 0 else "before"
    if abs(end.offset_us) == 1:
        return f"just {side} {end.ref}"
    return f"{duration(abs(end.offset_us))} {side} {end.ref}"
