"""What a condition saw, in words: both sides of every comparison, and how near it came."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from aislewatch.cli.wording import Local, plain, span
from aislewatch.detect.explain_terms import Comparison, Condition, Several, Test, Truth, Value
from aislewatch.events.units import Dimension

VERDICTS: dict[Truth, str] = {True: "holds", False: "fails", None: "unknown"}
"""What a clause comes to, in a word."""

_SHORT = {">": "short", ">=": "short", "<": "too much", "<=": "too much"}
_PLACES = 6


class Words:
    """Says figures and conditions as a shop's people read them.

    Args:
        local: what the shop calls its times and amounts.
    """

    def __init__(self, local: Local) -> None:
        self.local = local

    def figure(self, value: float | str | bool | None, dimension: Dimension) -> str:
        """Say a value with its unit: ``-71 dBm``, ``512 g``, ``'out'``."""
        if value is None:
            return "unknown"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str):
            return f"'{value}'"
        if dimension is Dimension.INSTANT:
            return self.local.clock(int(value))
        if dimension is Dimension.MONEY:
            return self.local.money(round(value))
        if dimension is Dimension.DURATION:
            return span(round(value))
        per, unit = _SHOWN_IN.get(dimension, (Fraction(1), ""))
        return f"{_rounded(value, per)}{unit}"

    def value(self, value: Value) -> str:
        """Say what a figure is, and what it is computed of."""
        told = self.figure(value.value, value.dimension)
        if not value.made_of:
            return told
        parts = [f"{one.text} {self.figure(one.value, one.dimension)}" for one in value.made_of]
        return f"{told} ({', '.join(parts)})"

    def condition(self, condition: Condition) -> Iterator[tuple[int, Truth, str]]:
        """Say what a condition saw, a line for each of its parts.

        Yields:
            How deep the part is nested, whether it holds, and its sentence.
        """
        if isinstance(condition, Several):
            joint = {"and": "all of", "or": "any of", "not": "not"}[condition.joint]
            yield 0, condition.truth, f"{joint}:"
            for part in condition.parts:
                for depth, truth, text in self.condition(part):
                    yield depth + 1, truth, text
        elif isinstance(condition, Comparison):
            yield 0, condition.truth, self.comparison(condition)
        else:
            yield 0, condition.truth, self._test(condition)

    def brief(self, condition: Condition) -> str:
        """Say in a line what keeps a condition from holding."""
        parts = [text for _, truth, text in self.condition(condition) if truth is not True]
        told = [text for text in parts if not text.endswith(":")]
        return "; ".join(told or parts)

    def comparison(self, told: Comparison) -> str:
        """Say both sides of a comparison, and how far apart they are."""
        left, right = told.left, told.right
        if left.fixed and not right.fixed:
            return f"{right.text} is {self.value(right)}: {told.text}"
        sides = f"{left.text} is {self.value(left)}"
        limit = self.figure(right.value, right.dimension)
        if not right.fixed:
            sides += f", needs {told.op} {right.text}, which is {self.value(right)}"
        elif told.op in {"==", "!="} and told.truth is not None:
            # Being the one thing is being none of the others.
            equal = (told.op == "==") is told.truth
            sides = sides if equal else f"{sides}, not {limit}"
        else:
            sides += f", needs {told.op} {limit}"
        near = self._near(told)
        return f"{sides}: {near}" if near else sides

    def _near(self, told: Comparison) -> str:
        if told.truth is None or told.apart is None:
            return ""
        dimension = told.left.dimension
        apart = abs(told.apart)
        gap = self.gap(apart, dimension)
        if told.op in {"==", "!="}:
            return f"{gap} apart" if apart and told.op == "==" else ""
        if not apart:
            return "right at the limit"
        return f"met by {gap}" if told.truth else f"{gap} {_SHORT[told.op]}"

    def gap(self, apart: float, dimension: Dimension) -> str:
        """Say how far two figures are from each other."""
        if dimension is Dimension.LEVEL:
            return f"{_rounded(apart, Fraction(1))} dB"
        if dimension is Dimension.INSTANT:
            return span(round(apart))
        return self.figure(apart, dimension)

    def _test(self, told: Test) -> str:
        if told.text.startswith("has("):
            there = "is there" if told.truth else "is not there"
            return f"{told.text}: {told.values[0].text} {there}"
        seen = ", ".join(f"{one.text} is {self.value(one)}" for one in told.values if not one.fixed)
        if [one.text for one in told.values] == [told.text]:
            return seen
        return f"{told.text}: {seen}"


_SHOWN_IN = {
    Dimension.MASS: (Fraction(1000), " g"),
    Dimension.LEVEL: (Fraction(1), " dBm"),
    Dimension.RATIO: (Fraction(1, 100), " %"),
}


def _rounded(value: float, per: Fraction) -> str:
    exact = Fraction(str(value)) / per
    decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
    return plain(round(decimal, _PLACES))
