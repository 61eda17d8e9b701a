"""What a judgement is: what comes of one, and what whoever makes it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from aislewatch.detect.doubts import MaybeSignals
from aislewatch.detect.evidence import Index
from aislewatch.events.kinds import Event
from aislewatch.rules.compiling import Lists
from aislewatch.rules.rule import Expr, Rule

Look = tuple[str, int, int, Sequence[Event]]
"""What one clause looked at: its label, the window's first and last instant, what was in it."""


class Holds(Struct, frozen=True, gc=False):
    """A rule that holds.

    Attributes:
        bindings: what its names stand for.
        told: the same for the record: ids of events, figures, lists of ids.
        looks: what was looked at.
        points: of clauses, decibans.
    """

    bindings: Mapping[str, Any]
    told: Sequence[tuple[str, Any]]
    looks: Sequence[Look]
    points: int


class Undecided(Struct, frozen=True, gc=False):
    """A rule that would hold if something were known that is not."""

    clause: str
    because: str


class Fails(Struct, frozen=True, gc=False):
    """A rule that does not hold: the label of its first clause that does not, or of its excuse."""

    clause: str


Verdict = Holds | Undecided | None
Judge = Callable[[Event], Verdict]

NO_ANCHOR = "when"
"""In place of a clause: the event is none that the rule is judged for."""

Traced = Holds | Undecided | Fails
TracedJudge = Callable[[Event], Traced]


class Indexes(Protocol):
    """Where a judge's indexes come from; the same question gets the same index."""

    def index(
        self, types: Sequence[str], where: Expr | None, attrs: tuple[str, ...], *, maybe: bool
    ) -> Index:
        """Give the index of events that hold (or, ``maybe``, that do not certainly fail).

        What of the condition asks lists is left out: that is for whoever looks to ask.
        """
        ...

    def keyed_index(
        self, types: Sequence[str], where: Expr | None, attrs: tuple[str, ...], *, maybe: bool
    ) -> tuple[Index, tuple[str, ...]]:
        """Give such an index, possibly keyed by more, and what to ask it with besides."""
        ...

    def undecided(
        self, types: Sequence[str], where: Expr | None, attrs: tuple[str, ...]
    ) -> MaybeSignals | None:
        """Give where signals are that may be; None where none of the types is a signal."""
        ...


class Blind(Protocol):
    """Says why something of some types might have gone unseen; None where it could not."""

    def __call__(
        self, types: Sequence[str], lane: object, start: int, end: int, zone: object = None
    ) -> str | None:
        """Ask about a lane and a zone (None for the whole shop) and a span of time."""
        ...


Compiler = Callable[[Rule, Indexes, Blind, Lists], Judge]
"""Makes a rule's judge, as :func:`compile_judge` does; what it makes must judge alike."""
