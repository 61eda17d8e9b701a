"""The sentence that a signal says: text with ``{expressions}`` in it, shown in display units."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

from aislewatch.events.units import DISPLAY_UNIT, UNITS, Dimension
from aislewatch.rules.lexer import Problem, Refused
from aislewatch.rules.tree import Type

UNKNOWN = "unknown"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACES = 6


def split_template(text: str) -> Iterator[tuple[int, str, bool]]:
    """Cut a template into texts and expressions.

    ``{{`` and ``}}`` stand for the braces themselves.

    Yields:
        Offset, text, and whether it is an expression.

    Raises:
        Refused: a brace is opened and not closed, or closed and not opened.
    """
    plain: list[str] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if text[at : at + 2] in {"{{", "}}"}:
            plain.append(sign)
            at += 2
        elif sign == "}":
            raise Refused(Problem("'}' is closed and never opened", at, 1, "write '}}' for '}'"))
        elif sign == "{":
            end = text.find("}", at)
            if end < 0 or "{" in text[at + 1 : end]:
                hint = "close it with '}'; a brace itself is '{{'"
                raise Refused(Problem("'{' is opened and never closed", at, 1, hint))
            if plain:
                yield at, "".join(plain), False
                plain = []
            yield at + 1, text[at + 1 : end], True
            at = end + 1
        else:
            plain.append(sign)
            at += 1
    if plain:
        yield at, "".join(plain), False


def show(value: Any, kind: Type, minor_per_major: int = 100) -> str:
    """Show a value as people read it: g, s, dBm, major units of money, without the unit's name.

    Args:
        value: in base units, or None.
        kind: what it is.
        minor_per_major: of the store's currency.

    >>> show(412_000, Type(Dimension.MASS)), show(None, Type(Dimension.MASS))
    ('412', 'unknown')
    """
    if value is None:
        return UNKNOWN
    if kind.dimension is Dimension.TEXT:
        return str(value)
    if kind.dimension is Dimension.FLAG:
        return "yes" if value else "no"
    if kind.dimension is Dimension.INSTANT:
        moment = _EPOCH + timedelta(microseconds=int(value))
        return moment.isoformat(timespec="auto").replace("+00:00", "Z")
    if kind.dimension is Dimension.MONEY:
        digits = len(str(minor_per_major)) - 1
        return _decimal(value, Decimal(minor_per_major), digits, keep=True)
    unit = UNITS.get(DISPLAY_UNIT.get(kind.dimension, ""))
    return _decimal(value, unit.per_unit if unit else Decimal(1), _PLACES, keep=False)


def _decimal(value: float | Fraction, per: Decimal, digits: int, *, keep: bool) -> str:
    if isinstance(value, float):
        exact = Decimal(repr(value)) / per
    else:
        whole = Fraction(value)
        exact = Decimal(whole.numerator) / Decimal(whole.denominator) / per
    if not exact.is_finite():
        return UNKNOWN
    rounded = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    shown = f"{rounded:f}"
    if not keep and "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown
