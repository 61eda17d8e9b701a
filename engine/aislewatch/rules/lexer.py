"""Expressions cut into words, each with its place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.units import UNITS, Dimension, minor_per_major

LONGEST = 4000
"""Characters of one expression. Longer ones belong into several clauses."""

_LARGEST = 10**18

_WORD = re.compile(
    r"""
    (?P<blank>\s+)
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
  | (?P<text>'[^']*'|"[^"]*")
  | (?P<sign>==|!=|<=|>=|&&|\|\||[<>+\-*/()\[\],!])
    """,
    re.VERBOSE,
)
_UNIT = re.compile(r"%|[A-Za-zµ]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SPELT = {"&&": "and", "||": "or", "!": "not"}
_WORDS = frozenset({"and", "or", "not", "in", "of", "true", "false"})


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an expression, and where in its text."""

    message: str
    offset: int
    length: int
    hint: str = ""


class Refused(Exception):
    """The text is no expression; nothing after this problem was read."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of an expression.

    Attributes:
        kind: ``number``, ``name``, ``text``, ``sign`` (keywords too) or ``end``.
        text: as spelt; a keyword for the signs that stand for one.
        offset: where it begins.
        length: in characters.
        value: of a number, in base units.
        dimension: of a number.
        unit: of a number, as spelt: a unit's symbol or a currency.
    """

    kind: str
    text: str
    offset: int
    length: int
    value: Fraction = Fraction(0)
    dimension: Dimension = Dimension.NUMBER
    unit: str = ""


def lex(text: str) -> list[Word]:
    """Cut an expression into words; the last is of kind ``end``.

    Raises:
        Refused: it holds something that is no word.
    """
    if len(text) > LONGEST:
        raise Refused(Problem(f"longer than {LONGEST} characters", 0, 1, "use several clauses"))
    words: list[Word] = []
    at = 0
    while at < len(text):
        found = _WORD.match(text, at)
        if found is None:
            raise Refused(_stranger(text, at))
        kind, spelt = str(found.lastgroup), found[0]
        if kind == "number":
            word = _number(text, at)
            before = words[-1] if words else None
            if before is not None and _is_currency(before):
                words.pop()
                word = _money(before, word)
            words.append(word)
            at = word.offset + word.length
            continue
        if kind == "text":
            words.append(Word("text", spelt[1:-1], at, len(spelt)))
        elif kind == "sign" or spelt in _WORDS:
            words.append(Word("sign", _SPELT.get(spelt, spelt), at, len(spelt)))
        elif kind == "name":
            words.append(Word("name", spelt, at, len(spelt)))
        at = found.end()
    words.append(Word("end", "", len(text), 1))
    return words


def _is_currency(word: Word) -> bool:
    return word.kind == "name" and re.fullmatch("[A-Z]{3}", word.text) is not None


def _number(text: str, at: int) -> Word:
    """Read a figure with its unit; durations may be compound, as in 1h30m."""
    start = at
    total: Fraction | None = None
    dimension = Dimension.NUMBER
    symbols: list[str] = []
    while (digits := _NUMBER.match(text, at)) is not None:
        number = Fraction(Decimal(digits[0]))
        found = _UNIT.match(text, digits.end())
        if found is None:
            if total is not None:
                raise Refused(Problem("a unit is missing", at, len(digits[0]), "write e.g. 1h30m"))
            total, at = number, digits.end()
            break
        unit = UNITS.get(found[0])
        if unit is None:
            figure = text[start : digits.end()]
            hint = money_behind(figure, found[0]) or did_you_mean(found[0], UNITS, label="units")
            raise Refused(Problem(f"unknown unit {found[0]!r}", digits.end(), len(found[0]), hint))
        if total is not None and (unit.dimension, dimension) != (Dimension.DURATION,) * 2:
            raise Refused(Problem("only durations are written in two units", at, len(found[0])))
        total = (total or Fraction(0)) + number * Fraction(unit.per_unit)
        dimension, at = unit.dimension, found.end()
        symbols.append(found[0])
    assert total is not None
    if total > _LARGEST:
        raise Refused(Problem("the figure is too large", start, at - start))
    return Word("number", text[start:at], start, at - start, total, dimension, "".join(symbols))


def money_behind(figure: str, currency: str) -> str:
    """Give a hint where a currency stands behind its amount; empty where it is no currency."""
    code = _SPOKEN.get(currency.lower(), currency.upper())
    known = currency.lower() in _SPOKEN or currency in _COMMON
    return f"a currency stands before its amount: {code} {figure}" if known else ""


_SPOKEN = {
    "euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD", "pound": "GBP",
    "pounds": "GBP", "franc": "CHF", "francs": "CHF", "yen": "JPY",
}  # fmt: skip
_COMMON = frozenset(
    {"AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HUF", "INR", "JPY", "KRW",
     "MXN", "NOK", "NZD", "PLN", "SEK", "SGD", "TRY", "USD", "ZAR"}
)  # fmt: skip
_SIGNS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}


def _money(currency: Word, number: Word) -> Word:
    if number.unit:
        raise Refused(
            Problem("money has no second unit", number.offset, number.length, "write e.g. EUR 5")
        )
    minor = number.value * minor_per_major(currency.text)
    length = number.offset + number.length - currency.offset
    if minor.denominator != 1:
        message = f"{currency.text} has no parts that small"
        raise Refused(Problem(message, currency.offset, length))
    return Word(
        "number",
        f"{currency.text} {number.text}",
        currency.offset,
        length,
        minor,
        Dimension.MONEY,
        currency.text,
    )


def _stranger(text: str, at: int) -> Problem:
    sign = text[at]
    if sign == "=":
        return Problem("'=' is not a comparison", at, 1, "use '==' to compare")
    if sign in "'\"":
        return Problem("this quote is opened and never closed", at, len(text) - at)
    if sign in "&|":
        word = "and" if sign == "&" else "or"
        return Problem(f"'{sign}' is not an operator", at, 1, f"write '{word}'")
    if sign == "%":
        return Problem("'%' stands only behind a number", at, 1, "write e.g. 15% of x")
    if sign in _SIGNS:
        code = _SIGNS[sign]
        return Problem(f"{sign!r} is not a currency", at, 1, f"write e.g. {code} 5")
    return Problem(f"{sign!r} cannot stand in an expression", at, 1)
