"""A rule after it was checked: what the detector runs.

Everything here is frozen, in base units, and needs no text of the author's any more. Conditions are
:class:`Expr`; :mod:`aislewatch.rules.emit` turns them into Python source to be inlined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from aislewatch.rules import emit
from aislewatch.rules.backtest import Backtest
from aislewatch.rules.case import TestCase
from aislewatch.rules.compiling import Lists, binding_items, compile_bindings, compile_event
from aislewatch.rules.tree import InList, Term, Type, parts
from aislewatch.rules.windows import Reach, Window

Status = Literal["draft", "shadow", "live", "retired"]
Severity = Literal["info", "low", "medium", "high"]
Pick = Literal["nearest", "first", "last"]
AggregateOp = Literal["count", "sum", "max", "min", "avg", "distinct"]


@dataclass(frozen=True, slots=True)
class Expr:
    """A checked expression.

    Attributes:
        text: as written, for people.
        line: where it stands in the rule's file; 0 where it was not written (``same: [epc]``).
        column: likewise.
        term: the checked tree; empty binding names mean the event of a ``where``.
        names: bindings, figures and leftovers that it uses; empty for a ``where``.
        plain: the text with its macros written out.
    """

    text: str
    line: int
    column: int
    term: Term
    names: frozenset[str]
    plain: str = ""

    @property
    def shown(self) -> str:
        """The text as people are told of it: with its macros written out."""
        return self.plain or self.text

    @property
    def type(self) -> Type:
        """What its value is."""
        return self.term.type

    @property
    def lists(self) -> frozenset[str]:
        """The named lists that it looks into."""
        return frozenset(part.name for part in parts(self.term) if isinstance(part, InList))

    def where_source(self, var: str = "e") -> str:
        """Give Python source over one event: True, False, or None where unknown."""
        return emit.kleene(self.term, {"": var})

    def holds_source(self, names: Mapping[str, str]) -> str:
        """Give Python source that is True only where the condition certainly holds.

        Args:
            names: Python variables by binding; the event of a ``where`` under the empty name.
        """
        return emit.holds(self.term, names)

    def fails_source(self, names: Mapping[str, str]) -> str:
        """Give Python source that is True only where the condition certainly does not hold."""
        return emit.fails(self.term, names)

    def bound_source(self, names: Mapping[str, str]) -> str:
        """Give Python source over bindings: a Kleene value, or a value in base units or None.

        Args:
            names: the Python variable of every name in :attr:`names`. A variable holds an event,
                or None where an optional event is not there; a list for leftovers; a number for a
                figure, or None.
        """
        return emit.value(self.term, names)

    def compile_where(self, lists: Lists | None = None) -> Callable[[Any], bool | None]:
        """Give a function of one event: True, False, or None where unknown."""
        return compile_event(self.where_source(), lists or {})

    def compile_bound(self, lists: Lists | None = None) -> Callable[[Mapping[str, Any]], Any]:
        """Give a function of a mapping that holds every name in :attr:`names`."""
        return compile_bindings(self.bound_source(binding_items(self.names)), lists or {})


@dataclass(frozen=True, slots=True)
class Join:
    """One equality of a ``same``: a field of the clause's event equals a value of the bindings.

    A null on either side joins nothing.
    """

    attr: str
    expr: Expr


@dataclass(frozen=True, slots=True)
class Anchor:
    """The event that a rule is judged for, once each.

    Attributes:
        types: the kinds of event.
        name: what other clauses call it.
        where: which of them; all where None.
    """

    types: tuple[str, ...]
    name: str
    where: Expr | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """What all clauses have.

    Attributes:
        label: how tests and explanations name it: ``not_seen pos.item``, or its ``as``.
        points: decibans that it adds where it holds; None where it says none.
        line: where it begins in the file.
    """

    label: str
    points: int | None
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Clause):
    """A clause that looks for events of some kinds in a window.

    Attributes:
        types: the kinds of event.
        where: which of them, over one event; all where None.
        same: joins; all must hold.
        window: when.
    """

    types: tuple[str, ...]
    where: Expr | None
    same: tuple[Join, ...]
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Evidence):
    """Holds where such an event is there; binds it.

    Attributes:
        name: what later clauses call it; None where nothing refers to it.
        pick: which of several: the nearest to the anchor, the first or the last.
        optional: holds also where there is none; ``name`` is then bound to None.
    """

    name: str | None
    pick: Pick
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSeen(Evidence):
    """Holds where no such event is there and what would have seen it was healthy throughout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate(Evidence):
    """A figure over the events of the window, the anchor included if it is of their kind.

    Attributes:
        name: of the figure; made up where the author gave none.
        op: how it is computed. ``sum`` and ``count`` of nothing are 0, ``distinct`` too; ``max``,
            ``min`` and ``avg`` of nothing are None. With a field absent anywhere, every figure but
            ``count`` and ``distinct`` is None: a sum with an unknown part is unknown.
        attr: the field; None for ``count``.
        type: of the figure, in the field's base unit; ``avg`` is a float.
        holds: the condition on it, over bindings and itself; None where it only names a figure.
    """

    name: str
    op: AggregateOp
    attr: str | None
    type: Type
    holds: Expr | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsOf(Evidence):
    """A figure's statistics over peers: other events that the rule is judged for.

    Binds ``name.n``, the number of peers whose figure is known, and ``mean``, ``stdev``, ``median``
    and ``mad`` of their figures; see :mod:`aislewatch.detect.peers`. The anchor itself is no peer.

    Attributes:
        name: what its figures are called by.
        figure: name of the figure.
        type: of the figure, and of the mean, the median and the mad of several.
        made_by: the clauses that compute the figure from an anchor alone, in order; their limits
            do not matter here.
        others: fields in which peers differ from the anchor; unknown ones make no peer.
    """

    name: str
    figure: str
    type: Type
    made_by: tuple[Clause, ...]
    others: tuple[Join, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Clause):
    """A condition over bindings; unknown does not hold."""

    expr: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Let(Clause):
    """Names a value of the bindings for later clauses; holds always."""

    name: str
    expr: Expr


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two kinds that are paired off."""

    types: tuple[str, ...]
    where: Expr | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched(Clause):
    """Two kinds paired off in total order; binds the lists ``left`` and ``right`` of what is over.

    Attributes:
        left: one kind.
        right: the other.
        same: joins of both kinds.
        by: attributes that are equal in a pair, on the left and on the right.
        window: when.
        anchor_side: ``left`` or ``right`` where the anchor is of that kind: then it holds only if
            the anchor itself is left over, and ``partner`` is bound; None otherwise.
    """

    left: Side
    right: Side
    same: tuple[tuple[Join, ...], tuple[Join, ...]]
    by: tuple[tuple[str, str], ...]
    window: Window
    anchor_side: Literal["left", "right"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeOf(Clause):
    """Holds where at least ``at_least`` of the nested clauses do (``any_of``, ``all_of``)."""

    clauses: tuple[Clause, ...]
    at_least: int


def flat(clauses: Iterable[Clause]) -> Iterator[Clause]:
    """Give clauses and, behind each, those that are nested in it."""
    for clause in clauses:
        yield clause
        if isinstance(clause, SomeOf):
            yield from flat(clause.clauses)


@dataclass(frozen=True, slots=True)
class Except:
    """What excuses a signal: a condition over bindings, until the end of a day.

    Attributes:
        until: the last day, as written.
        ends_us: the first instant behind that day at the shop, microseconds UTC.
    """

    name: str
    where: Expr
    reason: str
    owner: str
    until: date
    ends_us: int


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence with values in it: texts and expressions in turn."""

    parts: tuple[str | Expr, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Signals that are equal in ``same`` and at most ``gap_us`` apart are one sliding incident."""

    same: tuple[tuple[str, Expr], ...]
    gap_us: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """Silence after a signal, for so long, about the same value of one entity."""

    us: int
    entity: str


@dataclass(frozen=True, slots=True)
class Incident:
    """What a signal of the rule says.

    Attributes:
        type: such as ``theft.shoplifting``.
        about: entities by name; null values are left out.
        points: decibans, besides those of clauses.
        half_life_us: of the contribution; None where it does not decay.
        quiet: silence between signals.
        family: of correlated rules, of which only the largest counts.
        group: signals that become one incident.
        because: the sentence.
        value: an amount in minor units, int or Fraction, or None.
    """

    type: str
    about: Mapping[str, Expr]
    points: int
    half_life_us: int | None
    quiet: Quiet | None
    family: str | None
    group: Group | None
    because: Template
    value: Expr | None


@dataclass(frozen=True, slots=True)
class Requirement:
    """A kind of event whose sensors must be healthy.

    Attributes:
        type: the kind.
        on: where they stand, as a field of the anchor: its lane or its zone; anywhere where None.
        text: as written.
    """

    type: str
    on: Join | None
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A checked rule.

    Attributes:
        file: where it was read from.
        clauses: those of ``let`` first, then those of ``match``, in the order of the file.
        reach: how far from the anchor's time any of its windows can look; decides retention and
            when the rule is judged.
        params: the parameters' values in force, as written.
        backtest: what a run over past days must keep to.
        hears: rules of whose signals it speaks, with the entities that those are about.
        meaning: hash of everything that changes what it decides (hexadecimal SHA-256).
        declared: the same with the file's own parameters, whatever a site sets.
        version: which one of its meanings this is, by the lock file; None where that does not know.
    """

    id: str
    title: str
    status: Status
    severity: Severity
    owner: str | None
    file: str
    anchor: Anchor
    clauses: tuple[Clause, ...]
    excepts: tuple[Except, ...]
    incident: Incident
    requires: tuple[Requirement, ...]
    params: Mapping[str, str]
    reach: Reach
    known_false_alarms: tuple[str, ...]
    runbook: str
    tests: tuple[TestCase, ...]
    backtest: Backtest
    hears: Mapping[str, tuple[str, ...]]
    meaning: str
    declared: str
    version: int | None = None
