"""The dimensions that a field can have and the units that people write them in.

An event carries integers of the base unit (microseconds, milligrams, minor units of money), because
5.1 - 2.1 < 3.0 in binary fractions and somebody is accused over it. People write and read the
display unit; ``per_unit`` is how many of the base it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Dimension(StrEnum):
    """What a figure measures; figures of two dimensions are never compared."""

    TEXT = "text"
    FLAG = "flag"
    NUMBER = "number"
    RATIO = "ratio"
    DURATION = "duration"
    INSTANT = "instant"
    MASS = "mass"
    MONEY = "money"
    LEVEL = "level"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that people write.

    Attributes:
        symbol: as written behind (for money: before) the number.
        dimension: what it measures.
        per_unit: how many base units one of it is; exact.
    """

    symbol: str
    dimension: Dimension
    per_unit: Decimal


def _table(*rows: tuple[str, Dimension, str]) -> dict[str, Unit]:
    return {symbol: Unit(symbol, dimension, Decimal(per)) for symbol, dimension, per in rows}


UNITS = _table(
    ("us", Dimension.DURATION, "1"),
    ("ms", Dimension.DURATION, "1000"),
    ("s", Dimension.DURATION, "1000000"),
    ("m", Dimension.DURATION, "60000000"),
    ("h", Dimension.DURATION, "3600000000"),
    ("d", Dimension.DURATION, "86400000000"),
    ("mg", Dimension.MASS, "1"),
    ("g", Dimension.MASS, "1000"),
    ("kg", Dimension.MASS, "1000000"),
    # The avoirdupois pound is exactly 0.45359237 kg (international agreement of 1959).
    ("lb", Dimension.MASS, "453592.37"),
    ("oz", Dimension.MASS, "28349.523125"),
    ("dBm", Dimension.LEVEL, "1"),
    ("%", Dimension.RATIO, "0.01"),
)
"""Every unit that is written behind its number, by symbol. Base units: us, mg, dBm, 1."""

CURRENCY_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "BHD": 3, "KWD": 3, "TND": 3}
"""Digits behind the point, where they are not two (ISO 4217)."""


def minor_per_major(currency: str) -> int:
    """Give how many minor units one major unit of a currency (ISO 4217 code) holds.

    >>> minor_per_major("EUR"), minor_per_major("JPY")
    (100, 1)
    """
    return int(10 ** CURRENCY_DIGITS.get(currency, 2))


DISPLAY_UNIT = {
    Dimension.DURATION: "s",
    Dimension.MASS: "g",
    Dimension.LEVEL: "dBm",
    Dimension.RATIO: "",
    Dimension.MONEY: "",
}
"""The unit that a bare figure is shown in, and that a bare figure in an inline test is read in."""
