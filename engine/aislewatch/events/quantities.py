"""Durations and masses as people write them in files, read exactly into base units.

The types here go into pydantic models: ``half_life: DurationUs`` takes the text ``4h``.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from aislewatch.events.units import UNITS, Dimension

_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d)")
_MASS = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(mg|kg|g|lb|oz)")
_LONGEST_TEXT = 40
_LONGEST_US = 36_525 * 86_400_000_000
"""A hundred years: nothing in a shop takes longer, and arithmetic on it stays far from 64 bits."""


def parse_duration_us(text: str) -> int:
    """Read a duration such as ``30s``, ``250ms``, ``14d`` or ``1h30m`` into microseconds.

    Raises:
        ValueError: it is no duration, or not a whole number of microseconds.

    >>> parse_duration_us("1h30m"), parse_duration_us("0.5s")
    (5400000000, 500000)
    """
    stripped = text.strip()
    parts = _PART.findall(stripped) if len(stripped) <= _LONGEST_TEXT else []
    if not parts or "".join(number + unit for number, unit in parts) != stripped:
        message = f"{text!r} is not a duration; write e.g. 30s, 5m, 12h, 1h30m"
        raise ValueError(message)
    sizes = [UNITS[unit].per_unit for _, unit in parts]
    if any(later >= earlier for earlier, later in pairwise(sizes)):
        message = f"{text!r} is not a duration; larger units come first and each once, as in 1h30m"
        raise ValueError(message)
    total = sum(
        (Decimal(number) * size for (number, _), size in zip(parts, sizes, strict=True)), Decimal(0)
    )
    if total != int(total):
        message = f"{text!r} is finer than a microsecond"
        raise ValueError(message)
    if total > _LONGEST_US:
        message = f"{text!r} is longer than a hundred years"
        raise ValueError(message)
    return int(total)


def parse_mass_mg(text: str) -> int:
    """Read a mass such as ``250g``, ``0.25kg`` or ``1.1lb`` into milligrams, the nearest whole one.

    Raises:
        ValueError: it is no mass, or has no unit.

    >>> parse_mass_mg("0.25kg"), parse_mass_mg("1.1lb")
    (250000, 498952)
    """
    match = _MASS.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        message = f"{text!r} is not a mass; write e.g. 250g, 0.25kg, 1.1lb"
        raise ValueError(message)
    unit = UNITS[match[2]]
    assert unit.dimension is Dimension.MASS
    return int((Decimal(match[1]) * unit.per_unit).to_integral_value(ROUND_HALF_EVEN))


def _duration(value: Any) -> Any:
    return parse_duration_us(value) if isinstance(value, str) else value


def _mass(value: Any) -> Any:
    return parse_mass_mg(value) if isinstance(value, str) else value


DurationUs = Annotated[
    int,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(\d+(\.\d+)?(us|ms|s|m|h|d))+$",
            "description": "a duration: 30s, 5m, 12h, 14d, 1h30m",
        }
    ),
]
"""Microseconds, written as a duration."""

MassMg = Annotated[
    int,
    BeforeValidator(_mass),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^[+-]?\d+(\.\d+)?\s*(mg|kg|g|lb|oz)$",
            "description": "a mass: 250g, 0.25kg, 1.1lb",
        }
    ),
]
"""Milligrams, written as a mass."""


def written_duration(us: int) -> str:
    """Give a stretch of time as it is written in rules.

    >>> written_duration(1_800_000_000), written_duration(5_401_500_000), written_duration(0)
    ('30m', '1h30m1s500ms', '0s')
    """
    parts: list[str] = []
    rest = abs(us)
    for symbol in ("d", "h", "m", "s", "ms", "us"):
        count, rest = divmod(rest, int(UNITS[symbol].per_unit))
        if count:
            parts.append(f"{count}{symbol}")
    return ("-" if us < 0 else "") + ("".join(parts) or "0s")
