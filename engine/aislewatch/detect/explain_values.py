"""What an explanation is made of: a judgement, its clauses, and what each of them saw.

Plain values that go into JSON as they are: times in microseconds, figures in base units, events
whole.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from aislewatch.detect.explain_log import Blindness
from aislewatch.detect.explain_terms import Condition, Truth, Value
from aislewatch.events.kinds import Event

Outcome = Literal["holds", "undecided", "fails"]
"""What a judgement comes to."""


class Joined(Struct, frozen=True):
    """One equality of a ``same``.

    Attributes:
        field: of the events that are looked for.
        text: what it must equal, as rules write it.
        value: what that was; None where unknown, and then it joins nothing.
    """

    field: str
    text: str
    value: int | float | str | bool | None


class Miss(Struct, frozen=True, omit_defaults=True):
    """An event that lacks one thing to count for a clause.

    Attributes:
        event: the event.
        lacks: ``window``: it is outside; ``order``: it happened at the very instant at which the
            window begins or ends, on the other side of it; ``where``: a condition; ``same``: it
            is equal in all joins but one.
        outside_us: how far outside the window; negative before it.
        condition: the ``where``, and what it saw.
        joined: the join in which it differs.
        has: what it has there instead.
    """

    event: Event
    lacks: Literal["window", "order", "where", "same"]
    outside_us: int = 0
    condition: Condition | None = None
    joined: Joined | None = None
    has: int | float | str | bool | None = None


class Saw(Struct, frozen=True, omit_defaults=True):
    """Where a clause looked and what was there.

    Attributes:
        types: the kinds of event that it looked for.
        from_us: first instant of the window; None where what it is measured from was not found.
        to_us: last instant.
        same: its joins.
        where: its condition as rules write it; empty for none.
        found: the events that counted, in the total order.
        doubtful: those of which it is unknown whether they do.
        picked: the one that the clause's name stands for.
        misses: those that nearly counted, the nearest first.
    """

    types: list[str]
    from_us: int | None
    to_us: int | None
    same: list[Joined]
    where: str = ""
    found: list[Event] = []
    doubtful: list[Event] = []
    picked: Event | None = None
    misses: list[Miss] = []


class Paired(Struct, frozen=True):
    """Two events that explain each other, and how many units of them do."""

    left: Event
    right: Event
    units: int


class Pairing(Struct, frozen=True):
    """What pairing off two kinds of event came to.

    Attributes:
        by: the fields that are equal in a pair.
        anchor_side: the side that the anchor is on; None where it is on neither.
        pairs: those of the window.
        left: left over.
        right: left over.
        partner: the opposite leftover of the anchor's rank.
    """

    by: list[str]
    anchor_side: Literal["left", "right"] | None
    pairs: list[Paired]
    left: list[Event]
    right: list[Event]
    partner: Event | None


class ClauseTold(Struct, frozen=True, omit_defaults=True):
    """One clause of a rule, and all that it saw.

    Attributes:
        kind: ``seen``, ``not_seen``, ``count`` and the other aggregates, ``check``, ``let``,
            ``unmatched``, ``some_of``, ``requires`` or ``except``.
        label: how rules and tests name it.
        line: where it begins in the rule's file; 0 where it has no place of its own.
        truth: whether it holds; None where that is unknown. Of an exception: whether it excuses.
        judged: it bears on the verdict; a figure that is only named does not.
        points: decibans that it added.
        why: what makes it unknown, in a sentence.
        saw: where it looked.
        field: what an aggregate is computed of, as rules call it; empty for none.
        figure: what an aggregate or a ``let`` came to.
        condition: of a check, an aggregate or an exception, and what it saw.
        pairing: of an ``unmatched``.
        blind: devices that would have seen what was not seen, and could not.
        clauses: the nested ones.
        at_least: how many of them must hold.
    """

    kind: str
    label: str
    line: int
    truth: Truth
    judged: bool = True
    points: int = 0
    why: str = ""
    saw: Saw | None = None
    field: str = ""
    figure: Value | None = None
    condition: Condition | None = None
    pairing: Pairing | None = None
    blind: list[Blindness] = []
    clauses: list[ClauseTold] = []
    at_least: int = 0


class Judgement(Struct, frozen=True):
    """One rule, judged for one anchor, with everything that was looked at.

    Attributes:
        rule: its id.
        title: the rule's.
        meaning: hash of the rule's meaning.
        anchor: the event.
        decided_us: event time at which its last window had closed.
        outcome: what it came to.
        stopped_at: the clause at which a judge stops: the first that does not hold, or whose
            unknown leaves it undecided; empty where the rule holds.
        when: the anchor's condition; None where it has none.
        clauses: in the order of judging: what is required, clauses, exceptions.
        points: decibans together, those of the incident included.
        about: entities that it would speak of, by kind; what is unknown is left out.
        bindings: what names stand for: ids of events, figures.
    """

    rule: str
    title: str
    meaning: str
    anchor: Event
    decided_us: int
    outcome: Outcome
    stopped_at: str
    when: Condition | None
    clauses: list[ClauseTold]
    points: int
    about: dict[str, str]
    bindings: dict[str, Any]
