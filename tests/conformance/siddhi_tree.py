"""Siddhi's patterns as a tree, what can be asked about their shape, and why one cannot be said."""

from __future__ import annotations

from dataclasses import dataclass, replace

ONE = (1, 1)
"""How often an element is there that does not repeat."""


@dataclass(frozen=True)
class Reason:
    """Why the rule language cannot say a case.

    Attributes:
        feature: what the case has that cannot be said, in few words.
        why: in a sentence.
    """

    feature: str
    why: str


class NotSaid(Exception):
    """The rule language cannot say a case."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(f"{reason.feature}: {reason.why}")


@dataclass(frozen=True)
class Value:
    """A field of the event at hand (no owner), of an earlier one, or a literal.

    Attributes:
        owner: the name of an earlier event; empty for the event at hand.
        at: which of several that it collected, as written: a number, ``last`` or ``last-1``.
        name: the field.
        literal: as the rule language writes it; empty for a field.
    """

    owner: str = ""
    at: str = "0"
    name: str = ""
    literal: str = ""


@dataclass(frozen=True)
class Test:
    """``left op right``, or, with ``is null``, ``left`` alone."""

    op: str
    left: Value
    right: Value = Value()


@dataclass(frozen=True)
class Logic:
    """``and``, ``or`` or ``not`` over conditions."""

    op: str
    parts: tuple[Condition, ...]


Condition = Test | Logic


@dataclass(frozen=True)
class Stream:
    """An element: events of one stream.

    Attributes:
        name: what the event is called; empty where nothing refers to it.
        stream: its stream.
        where: the filter; None where all count.
        least: how many there must be at least.
        most: and at most; None for any number.
    """

    name: str
    stream: str
    where: Condition | None
    least: int = 1
    most: int | None = 1


@dataclass(frozen=True)
class Absent:
    """An element: no such event, for so long; without a time, until the other one comes."""

    stream: Stream
    for_us: int | None


@dataclass(frozen=True)
class Either:
    """Two elements with ``and`` or ``or``."""

    op: str
    left: Stream | Absent
    right: Stream | Absent


@dataclass(frozen=True)
class Chain:
    """Elements one behind the other.

    Attributes:
        strict: a sequence, where nothing comes in between; a pattern otherwise.
        within_us: how far the last may be from the first; None for any distance.
    """

    units: tuple[Unit, ...]
    strict: bool
    within_us: int | None = None


@dataclass(frozen=True)
class Unit:
    """An element of a chain, or a chain in brackets; started anew and anew where ``every``."""

    body: Stream | Absent | Either | Chain
    every: bool


@dataclass(frozen=True)
class Query:
    """A query: what to look for, and the columns of what comes out."""

    chain: Chain
    columns: tuple[Value, ...]


def unwrapped(chain: Chain) -> Chain:
    """Take brackets off that hold the whole pattern."""
    only = chain.units[0]
    if len(chain.units) > 1 or not isinstance(only.body, Chain) or only.every:
        return chain
    within = only.body.within_us if chain.within_us is None else chain.within_us
    return replace(only.body, within_us=within)


def binds(chain: Chain) -> bool:
    """Tell whether anything of a pattern is an event."""
    for unit in chain.units:
        body = unit.body
        sides = (body.left, body.right) if isinstance(body, Either) else (body,)
        if any(binds(one) if isinstance(one, Chain) else isinstance(one, Stream) for one in sides):
            return True
    return False


def streams_of(chain: Chain) -> set[str]:
    found: set[str] = set()
    for unit in chain.units:
        body = unit.body
        if isinstance(body, Chain):
            found |= streams_of(body)
            continue
        for one in (body.left, body.right) if isinstance(body, Either) else (body,):
            found.add(one.stream.stream if isinstance(one, Absent) else one.stream)
    return found


def without_kill(body: Either) -> Stream | Either:
    """Leave an absence without a time out: what breaks it begins the sequence anew."""
    for one, other in ((body.left, body.right), (body.right, body.left)):
        if isinstance(one, Absent) and one.for_us is None and isinstance(other, Stream):
            return other
    return body


def repeats(unit: Unit) -> bool:
    body = unit.body
    if isinstance(body, Chain):
        return any(map(repeats, body.units))
    return isinstance(body, Stream) and (body.least, body.most) != ONE


def is_silence(body: Either) -> bool:
    return isinstance(body.left, Absent) and isinstance(body.right, Absent)


def longest_us(body: Stream | Absent | Either | Chain) -> int:
    if isinstance(body, Absent):
        return body.for_us or 0
    if isinstance(body, Either):
        return max(longest_us(body.left), longest_us(body.right))
    return (
        max(map(longest_us, (unit.body for unit in body.units)), default=0)
        if isinstance(body, Chain)
        else 0
    )
