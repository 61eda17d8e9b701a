"""Windows: the stretch of time that a clause looks at, as a sentence.

``30s before x`` · ``10m after x`` · ``3s around x`` · ``60s before x to 10s after x`` ·
``between x and y``. Both bounds belong to the window. Every form is bounded on both sides by an
event and a duration, so an unbounded window cannot be written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from aislewatch.events.quantities import parse_duration_us
from aislewatch.events.units import Dimension
from aislewatch.rules.lexer import Problem, Refused
from aislewatch.rules.tree import Constant

FORMS = "30s before x, 10m after x, 3s around x, 60s before x to 10s after x, between x and y"


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a window.

    Attributes:
        ref: the binding whose event time it is measured from.
        offset_us: microseconds after it; negative before it.
    """

    ref: str
    offset_us: int


@dataclass(frozen=True, slots=True)
class Window:
    """From ``start`` to ``end``, both included; empty where the end comes before the start."""

    start: Bound
    end: Bound


@dataclass(frozen=True, slots=True)
class Reach:
    """How far from the anchor something can be: microseconds, negative before it."""

    earliest_us: int
    latest_us: int


_BETWEEN = re.compile(r"\s*between\s+(\S+)\s+and\s+(\S+)\s*")
_SIDE = r"\s*(\S+)\s+(before|after)\s+(\S+)\s*"
_ONE = re.compile(_SIDE)
_TWO = re.compile(_SIDE + r"\s*\bto\b" + _SIDE)
_AROUND = re.compile(r"\s*(\S+)\s+around\s+(\S+)\s*")


def parse_window(
    text: str, bound: frozenset[str], params: Mapping[str, Constant]
) -> tuple[Window | None, list[tuple[Problem, str]]]:
    """Read a window.

    Args:
        text: as written.
        bound: not used to refuse, only kept apart from durations; names are checked by the caller.
        params: durations that may be named, as in ``params.back before x``.

    Returns:
        The window, None where it is none; and every problem with it. With a problem comes the name
        that it is about, empty where it is about no name.
    """
    problems: list[tuple[Problem, str]] = []

    def name(found: re.Match[str], group: int) -> str:
        word = found[group]
        if word not in bound:
            problems.append((Problem("", found.start(group), len(word)), word))
        return word

    def duration(found: re.Match[str], group: int) -> int:
        try:
            return _duration(found[group], params)
        except ValueError as error:
            problem = Problem(str(error), found.start(group), len(found[group]))
            problems.append((problem, ""))
            return 0

    def side(found: re.Match[str], group: int) -> Bound:
        offset = duration(found, group)
        return Bound(name(found, group + 2), -offset if found[group + 1] == "before" else offset)

    window: Window | None = None
    if found := _BETWEEN.fullmatch(text):
        window = Window(Bound(name(found, 1), 0), Bound(name(found, 2), 0))
    elif found := _AROUND.fullmatch(text):
        offset, ref = duration(found, 1), name(found, 2)
        window = Window(Bound(ref, -offset), Bound(ref, offset))
    elif found := _TWO.fullmatch(text):
        window = Window(side(found, 1), side(found, 4))
    elif found := _ONE.fullmatch(text):
        edge = side(found, 1)
        here = Bound(edge.ref, 0)
        window = Window(edge, here) if found[2] == "before" else Window(here, edge)
    else:
        problem = Problem(f"{text!r} is not a window", 0, max(1, len(text)), f"write e.g. {FORMS}")
        return None, [(problem, "")]
    start, end = window.start, window.end
    if not problems and start.ref == end.ref and start.offset_us > end.offset_us:
        message = "this window ends before it begins"
        problems.append((Problem(message, 0, len(text), "swap its two sides"), ""))
    return (None if problems else window), problems


def read_bare_duration(text: str, params: Mapping[str, Constant]) -> int:
    """Read a duration or the name of a parameter that is one, into microseconds.

    Raises:
        Refused: it is neither.
    """
    try:
        return _duration(text, params)
    except ValueError as error:
        raise Refused(Problem(str(error), 0, max(1, len(text)))) from None


def _duration(text: str, params: Mapping[str, Constant]) -> int:
    name = text.removeprefix("params.")
    if name == text:
        return parse_duration_us(text)
    constant = params.get(name)
    if constant is None:
        message = f"unknown parameter {name!r}"
        raise ValueError(message)
    value = constant.value
    if constant.type.dimension is not Dimension.DURATION or not isinstance(value, Fraction):
        message = f"the parameter {name!r} is no duration"
        raise ValueError(message)
    if value.denominator != 1 or value < 0:
        message = f"the parameter {name!r} is no whole number of microseconds, 0 or more"
        raise ValueError(message)
    return int(value)


def reach_of(window: Window, reaches: Mapping[str, Reach]) -> Reach:
    """Give how far from the anchor an event of this window can be.

    Args:
        window: all of whose refs are in ``reaches``.
        reaches: of every binding; the anchor's is (0, 0).
    """
    start, end = reaches[window.start.ref], reaches[window.end.ref]
    earliest = start.earliest_us + window.start.offset_us
    return Reach(earliest, max(earliest, end.latest_us + window.end.offset_us))
