"""A rule turned into one Python function that judges an anchor.

Clause by clause, in the order of the file, source is generated that asks the evidence indexes and
stops at the first clause that does not hold. A clause's verdict is True, False or None; None is
"cannot be told", and an absence that cannot be told is an :class:`Undecided` judgement, never a
signal. Names in the source are made up here; nothing that an author wrote is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from operator import attrgetter
from typing import Any, cast

from aislewatch.detect.doubts import left_open
from aislewatch.detect.evidence import Key, one_after_the_other, within
from aislewatch.detect.judgement import (
    NO_ANCHOR,
    Blind,
    Fails,
    Holds,
    Indexes,
    Judge,
    TracedJudge,
    Undecided,
)
from aislewatch.detect.looking import Looking
from aislewatch.detect.order import order_key
from aislewatch.detect.pairing import unmatched
from aislewatch.detect.peers import Stats, peers_among, statistics_of
from aislewatch.detect.picking import nearest, not_after, not_before
from aislewatch.events.kinds import Event
from aislewatch.rules.compiling import Lists, Shared, define
from aislewatch.rules.needs import needed, watching
from aislewatch.rules.rule import (
    Aggregate,
    Check,
    Clause,
    Let,
    NotSeen,
    Rule,
    Seen,
    SomeOf,
    StatsOf,
    Unmatched,
)
from aislewatch.rules.tree import FIRST


def compile_judge(rule: Rule, indexes: Indexes, blind: Blind, lists: Lists) -> Judge:
    """Generate the function that judges an anchor by a rule."""
    made: Judge = _Writer(rule, indexes, blind, lists).judge()
    return made


def compile_traced_judge(rule: Rule, indexes: Indexes, blind: Blind, lists: Lists) -> TracedJudge:
    """Generate the judge's twin, which judges alike and says which clause did not hold."""
    made: TracedJudge = _Writer(rule, indexes, blind, lists, traced=True).judge()
    return made


class _Writer(Looking):
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
            if isinstance(clause, Seen) and not clause.optional and clause.name is not None:
                self.certain.add(self.names[clause.name])
            if apart:
                self._line(f"why = {before} or why")
        for excuse in rule.excepts:
            # An excuse ends with its day, by the anchor's event time: a replay excuses the same.
            until = self._constant(excuse.ends_us)
            excused = f"a.time < {until} and {excuse.where.holds_source(self.names)}"
            self._line(f"if {excused}: {self._fails(excuse.name)}")
        self._line("if why is not None: return Undecided(*why)")
        bindings = ", ".join(f"{name!r}: {variable}" for name, variable in self.names.items())
        looks = "".join(f"({look}), " for look in self.looks)
        self._line(f"return Holds({{{bindings}}}, [{self._told()}], ({looks}), points)")
        source = "def judge(a):\n" + "\n".join(self.lines)
        # Generated from the checked tree above, never from an author's text.
        return define(source, {**self.constants, "_blind": self.blind}, self.lists, _SHARED)

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
        unknown = self._unknown(key, start, end)
        if unknown:
            self._line(f"if {unknown}:")
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
        self.depth -= 2 if unknown else 1
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
        made: Callable[[Event], Any] = define(source, self.constants, self.lists, _SHARED)
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


def _unseen(
    blind: Blind,
    types: Sequence[str],
    lane: object,
    start: int,
    end: int,
    label: str,
    zone: object,
) -> tuple[str, str] | None:
    because = blind(types, lane, start, end, zone)
    return None if because is None else (label, because)


def _tell(value: Any) -> Any:
    if isinstance(value, Event):
        return value.id
    if isinstance(value, list | tuple):
        return [_tell(member) for member in cast("Sequence[Any]", value)]
    if isinstance(value, Fraction):
        return float(value)
    return value


_SHARED: Shared = (
    ("Holds", Holds),
    ("Undecided", Undecided),
    ("Fails", Fails),
    ("order_key", order_key),
    ("nearest", nearest),
    ("not_after", not_after),
    ("not_before", not_before),
    ("unmatched", unmatched),
    ("both", one_after_the_other),
    ("within", within),
    ("peers_among", peers_among),
    ("statistics_of", statistics_of),
    ("left_open", left_open),
    ("tell", _tell),
    ("_unseen", _unseen),
)


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
