"""What a scale says: readings, troubles, asides, and frames that are none of these.

Figures are exact: a decimal text and its unit become whole milligrams without a binary fraction in
between.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from aislewatch.events.conversion import mass_mg

MOST_MG = 10**12
"""A thousand tonnes; what a figure beyond it says is nonsense."""

Word = Literal["moving", "busy", "overload", "underload", "fault", "rejected"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A weight.

    Attributes:
        weight_mg: what lies on the scale, less the tare.
        digit_mg: one unit of the figure's last digit; the scale's step is this or a few of it.
        stable: the scale's own word on whether it has settled; None where it has none.
    """

    weight_mg: int
    digit_mg: int
    stable: bool | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """A well-formed answer that says why there is no weight.

    Attributes:
        word: ``moving`` and ``busy`` pass by themselves; ``overload`` and ``underload`` say on
            which side of its range the scale is; ``fault`` needs a technician; ``rejected`` means
            that the scale does not know what it was asked.
        detail: in a sentence.
    """

    word: Word
    detail: str


@dataclass(frozen=True, slots=True)
class Aside:
    """A well-formed frame that says nothing of a weight, such as a serial number."""

    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that are no frame of the protocol.

    Attributes:
        raw: exactly what came.
        reason: one sentence.
        offset: of its first byte since the line was opened.
    """

    raw: bytes
    reason: str
    offset: int


Said = Reading | Trouble | Aside | Refused

MOVING = Trouble("moving", "what lies on the scale moves")
OVERLOAD = Trouble("overload", "more lies on the scale than it can weigh")
UNDERLOAD = Trouble("underload", "the scale weighs less than nothing: is its plate missing?")


NO_UNIT = "the weight has no unit: set the scale to send it, or say 'unit:'"


def weighed(figure: str, unit: str, stable: bool | None) -> Reading:
    """Make a reading of a decimal figure and its unit.

    >>> weighed("-0.25", "kg", True)
    Reading(weight_mg=-250000, digit_mg=10000, stable=True)

    Raises:
        ValueError: the unit is none of mass, or the figure is absurd; a sentence.
    """
    weight_mg = mass_mg(figure, unit)
    if abs(weight_mg) > MOST_MG:
        message = f"{figure} {unit} is more than anything weighs"
        raise ValueError(message)
    decimals = len(figure.partition(".")[2])
    return Reading(weight_mg, mass_mg(Decimal(1).scaleb(-decimals), unit), stable)
