"""A rule turned into one Python function that judges an anchor.

Clause by clause, in the order of the file, source is generated that asks the evidence indexes and
stops at the first clause that does not hold. A clause's verdict is True, False or None; None is
"cannot be told", and an absence that cannot be told is an :class:`Undecided` judgement, never a
signal. Names in the source are made up here; nothing that an author wrote is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from fractions import Fraction
from operator import attrgetter
from typing import Any, Protocol, cast

from msgspec import Struct

from aislewatch.detect.doubts import MaybeSignals, left_open
from aislewatch.detect.evidence import Index, Key, Sifted
from aislewatch.detect.order import order_key
from aislewatch.detect.pairing import unmatched
from aislewatch.detect.peers import Stats, peers_among, statistics_of
from aislewatch.detect.picking import nearest, not_after, not_before
from aislewatch.events.kinds import Event
from aislewatch.rules.compiling import Lists, compile_event, define
from aislewatch.rules.needs import Sight, needed, watching
from aislewatch.rules.rule import (
    Aggregate,
    Check,
    Clause,
    Evidence,
    Expr,
    Join,
    Let,
    NotSeen,
    Rule,
    Seen,
    SomeOf,
    StatsOf,
    Unmatched,
)
from aislewatch.rules.tree import FIRST
from aislewatch.rules.windows import Bound

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


def compile_judge(rule: Rule, indexes: Indexes, blind: Blind, lists: Lists) -> Judge:
    """Generate the function that judges an anchor by a rule."""
    made: Judge = _Writer(rule, indexes, blind, lists).judge()
    return made


def compile_traced_judge(rule: Rule, indexes: Indexes, blind: Blind, lists: Lists) -> TracedJudge:
    """Generate the judge's twin, which judges alike and says which clause did not hold."""
    made: TracedJudge = _Writer(rule, indexes, blind, lists, traced=True).judge()
    return made


@dataclass
class _Writer:
    rule: Rule
    indexes: Indexes
    blind: Blind
    lists: Lists
    traced: bool = False
    lines: list[str] = field(default_factory=list[str])
    looks: list[str] = field(default_factory=list[str])
    names: dict[str, str] = field(default_factory=dict[str, str])
    types: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    constants: dict[str, Any] = field(default_factory=dict[str, Any])
    depth: int = 1
    made: int = 0

    def judge(self) -> Any:
        rule = self.rule
        self.names[rule.anchor.name] = "a"
        self.types[rule.anchor.name] = rule.anchor.types
        self._line("why = None; points = 0")
        when = rule.anchor.where
        if when is not None and when.lists:
            # What stands on a list at the anchor's time may have come to be known only now.
            self._line(f"if not {when.holds_source({'': 'a'})}: {self._fails(NO_ANCHOR)}")
        for requirement in rule.requires:
            start, end = rule.reach.earliest_us, rule.reach.latest_us
            unseen = self._unseen_source(
                [needed(requirement)], f"a.time + {start}", f"a.time + {end}", requirement.text
            )
            self._line(f"why = why or {unseen}")
        for clause in rule.clauses:
            # Whether this one is undecided is for itself to say, not for those before it.
            apart = isinstance(clause, Unmatched | SomeOf) and _rests_on_absence(clause)
            before = self._set("why") if apart else ""
            if apart:
                self._line("why = None")
            verdict = self._clause(clause)
            if verdict is None:
                continue
            failed = f"{verdict} is not True"
            if _rests_on_absence(clause):
                failed = f"{verdict} is False or ({verdict} is None and why is None)"
            self._line(f"if {failed}: {self._fails(clause.label)}")
            if apart:
                self._line(f"why = {before} or why")
        for excuse in rule.excepts:
            # An excuse ends with its day, by the anchor's event time: a replay excuses the same.
            until = self._constant(_end_of_day(excuse.until))
            excused = f"a.time < {until} and {excuse.where.holds_source(self.names)}"
            self._line(f"if {excused}: {self._fails(excuse.name)}")
        self._line("if why is not None: return Undecided(*why)")
        bindings = ", ".join(f"{name!r}: {variable}" for name, variable in self.names.items())
        looks = "".join(f"({look}), " for look in self.looks)
        self._line(f"return Holds({{{bindings}}}, [{self._told()}], ({looks}), points)")
        source = "def judge(a):\n" + "\n".join(self.lines)
        # Generated from the checked tree above, never from an author's text.
        return define(
            source, {**_GIVEN, "tell": _tell, **self.constants, "_unseen": self._unseen}, self.lists
        )

    def _told(self) -> str:
        told: list[str] = []
        for name, variable in self.names.items():
            if name == self.rule.anchor.name:
                told.append(f"({name!r}, a.id)")
            elif name in self.types:
                told.append(f"({name!r}, None if {variable} is None else {variable}.id)")
            elif not name.startswith(FIRST):
                told.append(f"({name!r}, tell({variable}))")
        return ", ".join(told)

    def _fails(self, label: str) -> str:
        return f"return Fails({label!r})" if self.traced else "return"

    # Clauses: each leaves its verdict in a variable and gives its name; None for "always holds" ---

    def _clause(self, clause: Clause) -> str | None:
        verdict: str | None
        if isinstance(clause, Seen):
            verdict = self._seen(clause)
        elif isinstance(clause, NotSeen):
            verdict = self._not_seen(clause)
        elif isinstance(clause, Aggregate):
            verdict = self._aggregate(clause)
        elif isinstance(clause, Check):
            verdict = self._set(clause.expr.bound_source(self.names))
        elif isinstance(clause, Let):
            self.names[clause.name] = self._set(clause.expr.bound_source(self.names))
            verdict = None
        elif isinstance(clause, StatsOf):
            self._stats_of(clause)
            verdict = None
        elif isinstance(clause, Unmatched):
            verdict = self._unmatched(clause)
        else:
            assert isinstance(clause, SomeOf)
            verdict = self._some_of(clause)
        if clause.points:
            self._line(
                f"if {verdict} is True: points += {clause.points}"
                if verdict is not None
                else f"points += {clause.points}"
            )
        return verdict

    def _seen(self, clause: Seen) -> str:
        found = self._found(clause, maybe=False)
        variable = self._set(f"{self._picked(clause, found)} if {found} else None")
        if clause.name is not None:
            self.names[clause.name] = variable
            self.types[clause.name] = clause.types
        return self._set("True") if clause.optional else self._set(f"{variable} is not None")

    def _not_seen(self, clause: NotSeen) -> str:
        verdict = self._variable()
        index, values = self._index(clause, maybe=True)
        key, start, end = self._where_to_look(clause, values)
        label = clause.label
        found = self._variable()
        self._line(f"{verdict} = None; {found} = ()")
        self._line(f"if {key} is None or {start} is None or {end} is None:")
        self._line(f"    why = why or ({label!r}, 'what it joins on is unknown')")
        self._line("else:")
        self.depth += 1
        self._between(clause, index, key, start, end, into=found, maybe=True)
        self.looks.append(f"{label!r}, {start}, {end}, {found}")
        if clause.where is None:
            self._line(f"if {found}: {verdict} = False")
        else:
            holds = self._constant_function(clause.where)
            self._line(f"if any({holds}(e) for e in {found}): {verdict} = False")
            self._line(f"elif {found}: why = why or ({label!r}, {_UNSURE!r})")
        sights = watching(self.rule, clause.types, clause.same)
        self._line("else:")
        self.depth += 1
        self._line(f"unseen = {self._unseen_source(sights, start, end, label)}")
        attrs = tuple(join.attr for join in clause.same)
        maybe = self.indexes.undecided(clause.types, clause.where, attrs)
        if maybe is not None:
            possible = self._set(f"{self._constant(maybe)}.between({key}, {start}, {end})")
            self._trim(clause, possible)
            self._line(f"if {possible}: unseen = unseen or ({label!r}, left_open({possible}))")
        self._line(f"if unseen is None: {verdict} = True")
        self._line("else: why = why or unseen")
        self.depth -= 2
        return verdict

    def _aggregate(self, clause: Aggregate) -> str | None:
        found = self._found(clause, maybe=False, unknown_key="None", keep_anchor=True)
        figure = self._variable()
        self.names[clause.name] = figure
        self._line(f"{figure} = None if {found} is None else {_figure(clause, found)}")
        if clause.holds is None:
            return None
        return self._set(clause.holds.bound_source(self.names))

    def _stats_of(self, clause: StatsOf) -> None:
        found = self._found(clause, maybe=False, unknown_key="None")
        maker = _Writer(self.rule, self.indexes, self.blind, self.lists)
        figure = self._constant(maker.figure(clause))
        others = ", ".join(
            f"({join.attr!r}, {join.expr.bound_source(self.names)})" for join in clause.others
        )
        figures, stats = self._variable(), self._variable()
        # What it looked at, for the record, is the peers alone.
        self._line(f"if {found} is not None: {found} = peers_among({found}, [{others}])")
        self._line(f"{figures} = None if {found} is None else [{figure}(e) for e in {found}]")
        self._line(f"{stats} = None if {figures} is None else statistics_of({figures})")
        for index, name in enumerate(Stats._fields):
            one = self._set(f"None if {stats} is None else {stats}[{index}]")
            self.names[f"{clause.name}.{name}"] = one
        # What the statistics are made of, so that they can be proved from the record.
        self.names[f"{clause.name}.{clause.figure}"] = figures

    def figure(self, clause: StatsOf) -> Callable[[Event], Any]:
        """Generate the function that makes a figure of a peer in the anchor's place."""
        self.names[self.rule.anchor.name] = "a"
        self.types[self.rule.anchor.name] = self.rule.anchor.types
        self._line("why = None; points = 0")
        for made_by in clause.made_by:
            self._clause(made_by)
        self._line(f"return {self.names[clause.figure]}")
        source = "def figure(a):\n" + "\n".join(self.lines)
        made: Callable[[Event], Any] = define(source, {**_GIVEN, **self.constants}, self.lists)
        return made

    def _unmatched(self, clause: Unmatched) -> str:
        sides: list[str] = []
        for side, same in zip((clause.left, clause.right), clause.same, strict=True):
            attrs = tuple(join.attr for join in same)
            index = self.indexes.index(side.types, side.where, attrs, maybe=False)
            sides.append(self._sifted(self._constant(index), side.where))
        key = self._key(clause.same[0])
        start, end = self._bound(clause.window.start), self._bound(clause.window.end)
        by = [self._constant(_getter([pair[side] for pair in clause.by])) for side in (0, 1)]
        reach = "None"
        if clause.anchor_side is not None:
            reach = f"max(a.time - {start}, {end} - a.time)"
        left, right, partner, verdict = (self._variable() for _ in range(4))
        both = self._variable()
        self._line(f"{left} = {right} = {both} = (); {partner} = None; {verdict} = None")
        self._line(f"if {key} is not None and {start} is not None and {end} is not None:")
        self.depth += 1
        anchored = {"left": "True", "right": "False", None: "None"}[clause.anchor_side]
        self._line(
            f"{verdict}, {left}, {right}, {partner}, {both} = unmatched(a, {anchored}, {key}, "
            f"{sides[0]}, {sides[1]}, {by[0]}, {by[1]}, {start}, {end}, {reach})"
        )
        self.looks.append(f"{clause.label!r}, {start}, {end}, {both}")
        # Leftovers are absences of their partners: whoever would have seen those must have been
        # able to.
        opposite = clause.left if clause.anchor_side == "right" else clause.right
        self.types["partner"] = opposite.types
        sights = watching(self.rule, opposite.types, clause.same[0])
        self._line(f"if {verdict} is True:")
        self._line(f"    unseen = {self._unseen_source(sights, start, end, clause.label)}")
        attrs = tuple(join.attr for join in clause.same[opposite is clause.right])
        maybe = self.indexes.undecided(opposite.types, opposite.where, attrs)
        if maybe is not None:
            self._line(f"    possible = {self._constant(maybe)}.between({key}, {start}, {end})")
            self._line("    if possible:")
            self._line(f"        unseen = unseen or ({clause.label!r}, left_open(possible))")
        self._line(f"    if unseen is not None: {verdict} = None; why = why or unseen")
        self.depth -= 1
        first = [self._set(f"{side}[0] if {side} else None") for side in (left, right)]
        named = {"left": left, "right": right, "partner": partner}
        self.names |= named | {FIRST + "left": first[0], FIRST + "right": first[1]}
        return verdict

    def _some_of(self, clause: SomeOf) -> str:
        outer = self._set("why")
        self._line("why = None")
        verdicts = [self._clause(inner) or "True" for inner in clause.clauses]
        held = " + ".join(f"({verdict} is True)" for verdict in verdicts)
        possible = " + ".join(f"({verdict} is not False)" for verdict in verdicts)
        least = clause.at_least
        verdict = self._set(
            f"True if {held} >= {least} else False if {possible} < {least} else None"
        )
        # What is unknown inside matters only where the rest does not decide without it.
        self._line(f"why = {outer} or (why if {verdict} is None else None)")
        return verdict

    # What clauses are made of ---------------------------------------------------------------------

    def _found(
        self,
        clause: Evidence,
        *,
        maybe: bool,
        unknown_key: str = "()",
        keep_anchor: bool = False,
    ) -> str:
        """Look; give the variable of what was found, or of ``unknown_key`` without a key."""
        index, values = self._index(clause, maybe=maybe)
        key, start, end = self._where_to_look(clause, values)
        found = self._variable()
        self._line(f"{found} = {unknown_key}")
        self._line(f"if {key} is not None and {start} is not None and {end} is not None:")
        self.depth += 1
        self._between(
            clause, index, key, start, end, into=found, maybe=maybe, keep_anchor=keep_anchor
        )
        self.looks.append(f"{clause.label!r}, {start}, {end}, {found} or ()")
        self.depth -= 1
        return found

    def _index(self, clause: Evidence, *, maybe: bool) -> tuple[str, tuple[str, ...]]:
        """Give the variable of an index, and those of what it is asked with besides the joins."""
        attrs = tuple(join.attr for join in clause.same)
        index, values = self.indexes.keyed_index(clause.types, clause.where, attrs, maybe=maybe)
        return self._constant(index), tuple(map(self._constant, values))

    def _where_to_look(self, clause: Evidence, values: Sequence[str]) -> tuple[str, str, str]:
        window = clause.window
        return self._key(clause.same, values), self._bound(window.start), self._bound(window.end)

    def _between(
        self,
        clause: Evidence,
        index: str,
        key: str,
        start: str,
        end: str,
        *,
        into: str,
        maybe: bool,
        keep_anchor: bool = False,
    ) -> None:
        found = into
        self._line(f"{found} = {index}.between({key}, {start}, {end})")
        sift = self._sift(clause.where, maybe=maybe)
        if sift is not None:
            self._line(f"if {found}: {found} = [e for e in {found} if {sift}(e)]")
        self._trim(clause, found, keep_anchor=keep_anchor)

    def _trim(self, clause: Evidence, found: str, *, keep_anchor: bool = False) -> None:
        """Leave out what stands outside a window by the total order alone."""
        window, anchor = clause.window, self.rule.anchor
        trimmed_at_anchor = False
        for bound, trim, edge, reaches in (
            (window.start, "not_before", 0, "<="),
            (window.end, "not_after", -1, ">="),
        ):
            # Among events of the type of the one that the window is measured from, the total order
            # says what is before and what is after; for all others equal times are inside.
            if bound.offset_us == 0 and set(self.types[bound.ref]) & set(clause.types):
                keep = keep_anchor and bound.ref == anchor.name
                ref = self.names[bound.ref]
                types = tuple(sorted(self.types[bound.ref]))
                self._line(
                    f"if {found} and {found}[{edge}].time {reaches} {ref}.time: "
                    f"{found} = {trim}({found}, {ref}, {types!r}, {keep})"
                )
                trimmed_at_anchor |= bound.ref == anchor.name
        if not keep_anchor and not trimmed_at_anchor and set(anchor.types) & set(clause.types):
            self._line(f"if {found}: {found} = [e for e in {found} if e is not a]")

    def _picked(self, clause: Seen, found: str) -> str:
        if clause.pick == "nearest":
            window, anchor = clause.window, self.rule.anchor
            at = Bound(anchor.name, 0)
            # At the anchor's own time, events of other types stand on both sides of it.
            if at not in (window.start, window.end):
                return f"nearest({found}, a)"
            edge = f"{found}[{-1 if window.end == at else 0}]"
            if set(clause.types) <= set(anchor.types):
                return edge
            return f"({edge} if {edge}.time != a.time else nearest({found}, a))"
        return f"{found}[0]" if clause.pick == "first" else f"{found}[-1]"

    def _key(self, same: Sequence[Join], values: Sequence[str] = ()) -> str:
        """Give the variable of a join key with constants behind it; None where it is unknown."""
        if not same and not values:
            return self._set("()")
        parts = [self._set(join.expr.bound_source(self.names)) for join in same]
        if len(parts) + len(values) == 1:
            return [*parts, *values][0]
        unknown = " or ".join(f"{part} is None" for part in parts) or "False"
        return self._set(f"None if {unknown} else ({', '.join([*parts, *values])})")

    def _unseen_source(self, sights: Iterable[Sight], start: str, end: str, label: str) -> str:
        """Give source for why something may have gone unseen; None where it could not have."""
        asked: list[str] = []
        for types, *place in sights:
            lane, zone = (
                "None" if where is None else where.bound_source(self.names) for where in place
            )
            asked.append(f"_unseen({types!r}, {lane}, {start}, {end}, {label!r}, {zone})")
        return " or ".join(asked)

    def _bound(self, bound: Bound) -> str:
        ref = self.names[bound.ref]
        offset = f" + {bound.offset_us}" if bound.offset_us else ""
        if ref == "a":
            return self._set(f"a.time{offset}")
        return self._set(f"None if {ref} is None else {ref}.time{offset}")

    # Lines and names ------------------------------------------------------------------------------

    def _line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def _variable(self) -> str:
        self.made += 1
        return f"v{self.made}"

    def _set(self, source: str) -> str:
        variable = self._variable()
        self._line(f"{variable} = {source}")
        return variable

    def _constant(self, value: object) -> str:
        for name, known in self.constants.items():
            if known is value:
                return name
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def _sift(self, where: Expr | None, *, maybe: bool) -> str | None:
        """Give the variable of what tests the part of a condition that no index can."""
        if where is None or not where.lists:
            return None
        names = {"": "e"}
        source = f"not {where.fails_source(names)}" if maybe else where.holds_source(names)
        return self._constant(compile_event(source, self.lists))

    def _sifted(self, index: str, where: Expr | None) -> str:
        """Give the variable of an index in which lists have been asked, too."""
        sift = self._sift(where, maybe=False)
        if sift is None:
            return index
        return self._constant(Sifted(self.constants[index], self.constants[sift]))

    def _constant_function(self, where: Expr) -> str:
        source = where.holds_source({"": "e"})
        return self._constant(compile_event(source, self.lists))

    def _unseen(
        self, types: Sequence[str], lane: object, start: int, end: int, label: str, zone: object
    ) -> tuple[str, str] | None:
        because = self.blind(types, lane, start, end, zone)
        return None if because is None else (label, because)


_GIVEN: dict[str, Any] = {
    "Holds": Holds,
    "Undecided": Undecided,
    "Fails": Fails,
    "order_key": order_key,
    "nearest": nearest,
    "not_after": not_after,
    "not_before": not_before,
    "unmatched": unmatched,
    "peers_among": peers_among,
    "statistics_of": statistics_of,
    "left_open": left_open,
}


def _tell(value: Any) -> Any:
    if isinstance(value, Event):
        return value.id
    if isinstance(value, list | tuple):
        return [_tell(member) for member in cast("Sequence[Any]", value)]
    if isinstance(value, Fraction):
        return float(value)
    return value


_UNSURE = "an event is there of which it is unknown whether it counts"


def _figure(clause: Aggregate, found: str) -> str:
    if clause.op == "count":
        return f"len({found})"
    values = f"[e.{clause.attr} for e in {found}]"
    if clause.op == "distinct":
        return f"len({{e.{clause.attr} for e in {found}}} - {{None}})"
    empty = "0" if clause.op == "sum" else "None"
    figure = f"{clause.op}(x)" if clause.op != "avg" else "sum(x) / len(x)"
    # A sum with an unknown part is unknown: an article of unknown weight accuses nobody.
    return f"[None if None in x else {figure} if x else {empty} for x in ({values},)][0]"


def _rests_on_absence(clause: Clause) -> bool:
    if isinstance(clause, SomeOf):
        return any(_rests_on_absence(inner) for inner in clause.clauses)
    return isinstance(clause, NotSeen | Unmatched)


def _end_of_day(day: date) -> int:
    return int(datetime.combine(day, time.max, UTC).timestamp()) * 1_000_000 + 1_000_000


def _getter(attrs: Sequence[str]) -> Callable[[Event], Key]:
    if not attrs:
        return lambda event: ()  # Whatever is equal in ``same`` is a pair.
    if len(attrs) == 1:
        return attrgetter(attrs[0])
    get = attrgetter(*attrs)

    def values(event: Event) -> Key:
        found: tuple[Any, ...] = get(event)
        return None if None in found else found

    return values
