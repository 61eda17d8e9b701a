"""What a rule file says of its backtest: which days, how much noise it may make, what errors cost.

::

    backtest:
      data: last 28d
      budget: {max_per_store_day: 3, min_precision: 40%}
      cost: {false_alarm: EUR 12, miss: EUR 35}

It changes nothing that the rule decides, and so is no part of its meaning.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BeforeValidator, Field, WithJsonSchema

from aislewatch.events.model_mistakes import Misread
from aislewatch.events.quantities import parse_duration_us
from aislewatch.events.units import minor_per_major
from aislewatch.rules.vocabulary import Shape

DAY_US: Final = 86_400_000_000

_MONEY = re.compile(r"([A-Z]{3})\s*(\d+(?:\.\d+)?)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)")
_LONGEST_TEXT = 40


class Money(NamedTuple):
    """An amount: ISO 4217 code, and whole minor units."""

    currency: str
    minor: int


def read_money(text: str) -> Money:
    """Read an amount such as ``EUR 12.50``.

    >>> read_money("EUR 12.50"), read_money("JPY 400")
    (Money(currency='EUR', minor=1250), Money(currency='JPY', minor=400))

    Raises:
        ValueError: it is none, or finer than the currency's smallest part.
    """
    match = _MONEY.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    if match is None:
        message = f"{text!r} is no amount of money"
        raise Misread(message, hint="write e.g. EUR 12.50")
    minor = Decimal(match[2]) * minor_per_major(match[1])
    if minor != int(minor):
        message = f"{match[1]} has no parts that small"
        raise Misread(message)
    return Money(match[1], int(minor))


def read_share(text: str) -> Decimal:
    """Read a share from 0 to 1, such as ``40%`` or ``0.4``.

    >>> read_share("40%"), read_share("0.4")
    (Decimal('0.4'), Decimal('0.4'))

    Raises:
        ValueError: it is none.
    """
    match = _SHARE.fullmatch(text.strip()) if len(text) <= _LONGEST_TEXT else None
    share = Decimal(match[1]) / (100 if match[2] else 1) if match is not None else Decimal(-1)
    if not 0 <= share <= 1:
        message = f"{text!r} is no share"
        raise Misread(message, hint="write 0% to 100%")
    return share


def read_days(text: str) -> int:
    """Read how many days count, such as ``last 28d`` or ``28d``.

    >>> read_days("last 28d")
    28

    Raises:
        ValueError: it is no whole number of days.
    """
    hint = "write e.g. last 28d"
    try:
        duration_us = parse_duration_us(text.strip().removeprefix("last "))
    except ValueError:
        duration_us = 0
    if not duration_us or duration_us % DAY_US:
        message = f"{text!r} is no number of days"
        raise Misread(message, hint=hint)
    return duration_us // DAY_US


def read_rate(text: str) -> Decimal:
    """Read how many a day are allowed: a number that is not negative.

    Raises:
        ValueError: it is none.
    """
    try:
        rate = Decimal(text) if len(text) <= _LONGEST_TEXT else Decimal(-1)
    except InvalidOperation:
        rate = Decimal(-1)
    if not rate.is_finite() or rate < 0:
        message = f"{text!r} is no number that may be had a day"
        raise Misread(message, hint="write e.g. 3 or 0.5")
    return rate


def _of_text(read: Any) -> BeforeValidator:
    """Read texts; values that a program gives are taken as they are."""
    return BeforeValidator(lambda value: read(value) if isinstance(value, str) else value)


class Budget(Shape):
    """How much noise the rule may make.

    Attributes:
        max_per_store_day: incidents that a store may have of it in a day, on average; None where
            nobody says.
        min_precision: share of the labelled hits that must be right.
    """

    max_per_store_day: Annotated[
        Decimal | None,
        _of_text(read_rate),
        WithJsonSchema({"type": ["number", "string"], "description": "incidents: 3, 0.5"}),
        Field(description="Incidents that a store may have a day, on average."),
    ] = None
    min_precision: Annotated[
        Decimal | None,
        _of_text(read_share),
        WithJsonSchema({"type": ["number", "string"], "description": "a share: 40%"}),
        Field(description="Share of the labelled hits that must be right."),
    ] = None


class Cost(Shape):
    """What errors cost.

    Attributes:
        false_alarm: one honest customer who was looked at, and the time that it took; None where
            nobody says.
        miss: a loss of which neither a label nor the rule tells the value.
    """

    false_alarm: Annotated[
        Money | None,
        _of_text(read_money),
        WithJsonSchema({"type": "string", "description": "an amount: EUR 12.50"}),
        Field(description="What one false alarm costs."),
    ] = None
    miss: Annotated[
        Money | None,
        _of_text(read_money),
        WithJsonSchema({"type": "string", "description": "an amount: EUR 12.50"}),
        Field(description="What a loss costs where nothing tells its value."),
    ] = None


class Backtest(Shape):
    """What a rule file says of its backtest.

    Attributes:
        data: how many days count, the last ones of the data; all where None.
        budget: the noise that it may make.
        cost: of its errors.
    """

    data: Annotated[
        int | None,
        _of_text(read_days),
        WithJsonSchema({"type": "string", "description": "days: last 28d"}),
        Field(description="How many days count, the last ones of the data."),
    ] = None
    budget: Annotated[Budget, Field(description="The noise that it may make.")] = Budget()
    cost: Annotated[Cost, Field(description="What its errors cost.")] = Cost()
