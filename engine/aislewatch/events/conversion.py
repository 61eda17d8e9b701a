"""What foreign systems write, converted exactly into what events carry.

Devices write pounds, major units of money, local times and percentages; events carry milligrams,
minor units, UTC microseconds and ratios. Everything here goes through :class:`decimal.Decimal`, so
8.11 lb is 8.11 lb and no binary neighbour of it. What cannot be converted without guessing is
refused with a sentence that says what was missing: a zone, a unit, a digit.

Every function raises ``ValueError``; its text is a sentence for the person who wires the device.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from aislewatch.events.units import UNITS, Dimension, minor_per_major

Rounding = Literal["nearest", "down", "up"]
"""Nearest whole base unit, halves to even; or outward, down for a least and up for a greatest."""

UNIT_ALIASES = {
    "lbs": "lb",
    "pound": "lb",
    "pounds": "lb",
    "ounce": "oz",
    "ounces": "oz",
    "gram": "g",
    "grams": "g",
    "kgs": "kg",
    "sec": "s",
    "seconds": "s",
    "min": "m",
    "minutes": "m",
    "hours": "h",
    "msec": "ms",
    "dbm": "dBm",
    "percent": "%",
}
"""Other spellings of units that devices are known to send."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MODES = {"nearest": ROUND_HALF_EVEN, "down": ROUND_FLOOR, "up": ROUND_CEILING}
_EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
_MOST_DIGITS = 40
_GREATEST_EXPONENT = 30
"""Beyond these a figure is an attack or a fault: ``1E+999999999`` as an integer fills memory."""

_WRITTEN = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z%]+)\s*")
_EPOCH_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_FLAGS = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_GTIN_LENGTHS = frozenset({8, 12, 13, 14})
_HEX = re.compile(r"[0-9A-Fa-f]+")


def exact(value: Any) -> Decimal:
    """Read a figure without losing a digit.

    Args:
        value: an int, a Decimal, a text with a point as the decimal sign, or a binary float, which
            is taken as the shortest text that gives it.

    >>> exact("8.11"), exact(8.11)
    (Decimal('8.11'), Decimal('8.11'))
    """
    if isinstance(value, bool):
        message = f"{show(value)} is not a number"
        raise ValueError(message)
    if isinstance(value, int):
        number = Decimal(value)
    elif isinstance(value, Decimal):
        number = value
    elif isinstance(value, (float, str)) and len(str(value)) <= 2 * _MOST_DIGITS:
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            message = f"{show(value)} is not a number; write it with a point, as in 12.5"
            raise ValueError(message) from None
    else:
        message = f"{show(value)} is not a number"
        raise ValueError(message)
    if not number.is_finite():
        message = f"{show(value)} is not a number"
        raise ValueError(message)
    if len(number.as_tuple().digits) > _MOST_DIGITS or abs(number.adjusted()) > _GREATEST_EXPONENT:
        message = f"{show(value)} has more digits than anything in a shop"
        raise ValueError(message)
    return number


def whole(number: Decimal, rounding: Rounding | None = None) -> int:
    """Give a whole number; without a rounding the figure must be whole already."""
    result = number.to_integral_value(_MODES[rounding or "nearest"])
    if rounding is None and result != number:
        message = f"{number} is not a whole number"
        raise ValueError(message)
    return int(result)


def times(number: Decimal, factor: Decimal | int) -> Decimal:
    """Multiply exactly."""
    return _EXACT.multiply(number, Decimal(factor))


def unit_symbol(unit: Any, dimension: Dimension) -> str:
    """Give the symbol of a unit under any of its known spellings.

    >>> unit_symbol("lbs", Dimension.MASS)
    'lb'
    """
    text = str(unit).strip()
    symbol = text if text in UNITS else UNIT_ALIASES.get(text.lower(), text.lower())
    known = UNITS.get(symbol)
    if known is None or known.dimension is not dimension:
        possible = ", ".join(u.symbol for u in UNITS.values() if u.dimension is dimension)
        message = f"{show(unit)} is no unit of {dimension.value}; known are {possible}"
        raise ValueError(message)
    return symbol


def in_base_units(value: Any, unit: str, dimension: Dimension) -> Decimal:
    """Convert a figure into the base unit of its dimension, without rounding.

    Args:
        value: the figure; where ``unit`` is ``written``, a text with the unit behind the figure.
        unit: a symbol or a known spelling, or ``written``.
        dimension: what it measures.

    >>> in_base_units("8.11", "lbs", Dimension.MASS)
    Decimal('3678634.1207')
    >>> in_base_units(".5s", "written", Dimension.DURATION)
    Decimal('500000.0')
    """
    if unit == "written":
        match = _WRITTEN.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            message = f"{show(value)} has no unit behind its figure"
            raise ValueError(message)
        value, unit = match[1], match[2]
    return times(exact(value), UNITS[unit_symbol(unit, dimension)].per_unit)


def mass_mg(value: Any, unit: str, rounding: Rounding = "nearest") -> int:
    """Convert a mass to milligrams.

    >>> mass_mg("0.385", "lb", "down"), mass_mg("0.395", "lb", "up")
    (174633, 179169)
    """
    return whole(in_base_units(value, unit, Dimension.MASS), rounding)


def money_minor(value: Any, currency: str, rounding: Rounding | None = None) -> int:
    """Convert an amount to minor units.

    Args:
        value: the amount; not negative, because the kind of event says the direction.
        currency: an ISO 4217 code: the amount is in its major unit. ``minor``: it already is in
            minor units.
        rounding: what to do with fractions of a minor unit; None refuses them.

    >>> money_minor("69.9", "EUR"), money_minor(540, "JPY"), money_minor(450, "minor")
    (6990, 540, 450)
    """
    number = exact(value)
    if number < 0:
        message = f"{show(value)} is a negative amount"
        raise ValueError(message)
    if currency != "minor":
        number = times(number, minor_per_major(currency))
    if rounding is None and number != number.to_integral_value():
        message = f"{show(value)} has fractions of the smallest coin; say 'round: nearest' to allow"
        raise ValueError(message)
    return whole(number, rounding)


def instant_us(value: Any, *, zone: str | None, form: str | None = None) -> int:
    """Convert a point in time to microseconds since 1970 UTC.

    Args:
        value: ISO 8601 text with date and time of day; a text in the form of ``form``; a figure
            where ``form`` is ``s``, ``ms`` or ``us`` (since 1970, always UTC).
        zone: IANA name of the zone that a time without one is in. A zone in the value wins.
        form: None for ISO 8601, an epoch unit, or a ``strptime`` pattern.

    A local time that occurs twice, when clocks go back, is taken as the first of the two: summer
    time. One that does not occur, when they go forward, is refused.

    >>> instant_us("2025-08-13T16:00:00", zone="Asia/Colombo")
    1755081000000000
    >>> instant_us("1755081000.5", zone=None, form="s")
    1755081000500000
    """
    if form in _EPOCH_UNITS:
        return whole(times(exact(value), _EPOCH_UNITS[form]), "nearest")
    if not isinstance(value, str):
        message = f"{show(value)} is not a time; if it counts from 1970, say 'unit: s', ms or us"
        raise ValueError(message)
    return _instant_of_text(value, zone, form)


def duration_us(value: Any, unit: str) -> int:
    """Convert a duration to microseconds; it cannot be negative.

    >>> duration_us("44.1", "s")
    44100000
    """
    result = whole(in_base_units(value, unit, Dimension.DURATION), "nearest")
    if result < 0:
        message = f"{show(value)} is a negative duration"
        raise ValueError(message)
    return result


def flag(value: Any) -> bool:
    """Read a yes or no: true/false, yes/no, on/off, 1/0, in any case."""
    found = _FLAGS.get(str(value).strip().lower())
    if found is None:
        message = f"{show(value)} is neither yes nor no"
        raise ValueError(message)
    return found


def text(value: Any) -> str:
    """Read a text; whole numbers are written as they came.

    A fraction, a truth value, a list or an object is no text: an id that arrives as 1.5 is a
    mistake somewhere.
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    message = f"{show(value)} is not a text"
    raise ValueError(message)


def gtin14(value: Any) -> str | None:
    """Read a GTIN-8, -12, -13 or -14 and pad it to fourteen digits.

    Returns:
        None where it is none: another length, other characters, or a wrong check digit.

    >>> gtin14("4006381333931"), gtin14("4006381333932")
    ('04006381333931', None)
    """
    digits = text(value)
    if len(digits) not in _GTIN_LENGTHS or not (digits.isascii() and digits.isdigit()):
        return None
    padded = digits.zfill(14)
    total = sum(int(d) * (3 if at % 2 == 0 else 1) for at, d in enumerate(padded))
    return padded if total % 10 == 0 else None


def epc_hex(value: Any) -> str:
    """Read a tag's code: hexadecimal digits of any number, given in capitals, so that they join."""
    code = text(value)
    if not _HEX.fullmatch(code):
        message = f"{show(value)} is not hexadecimal"
        raise ValueError(message)
    return code.upper()


def known_zone(name: str) -> str:
    """Give the name of a time zone back, if there is such a zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = f"{show(name)} is no time zone; write e.g. Europe/Amsterdam or UTC"
        raise ValueError(message) from None
    return name


def show(value: Any) -> str:
    """Give a foreign value for a message: quoted, cut short."""
    shown = repr(value) if isinstance(value, str) else str(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


@lru_cache(maxsize=4096)  # Rows of one second repeat their timestamp.
def _instant_of_text(value: str, zone: str | None, form: str | None) -> int:
    value = value.strip()
    try:
        if form is None:
            if len(value) <= 10 or not value[:4].isdigit():
                raise ValueError
            moment = datetime.fromisoformat(value)
        else:
            # The zone is settled below; strptime gives naive times for most patterns.
            moment = datetime.strptime(value, form)  # noqa: DTZ007
    except ValueError:
        wanted = f"the pattern {form!r}" if form else "ISO 8601, as in 2025-08-13T16:00:00+05:30"
        message = f"{show(value)} is not a time in {wanted}"
        raise ValueError(message) from None
    if moment.tzinfo is None:
        if zone is None:
            message = f"{show(value)} says no time zone and the file states none"
            raise ValueError(message)
        local = moment.replace(tzinfo=ZoneInfo(zone))
        try:
            moment = local.astimezone(UTC)
            exists = moment.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(
                tzinfo=None
            )
        except OverflowError:
            message = f"{show(value)} is outside of the calendar"
            raise ValueError(message) from None
        if not exists:
            message = f"{show(value)} did not occur in {zone}: clocks had gone forward"
            raise ValueError(message)
    return (moment - _EPOCH) // _MICROSECOND
