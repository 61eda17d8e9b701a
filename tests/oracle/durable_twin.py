"""Rules compiled to durable-rules, an independent Rete engine, to judge the same events, too.

What fits: an anchor, ``seen`` and ``not_seen`` of one type each, ``all_of``, and ``any_of`` of
which one must hold, joined on fields of the anchor, with conditions that compare a field with a
constant. A window may hang on an earlier ``seen`` where the other end is the anchor: then the
nearest event holds if any does. Everything else is refused (:class:`Unfit`).

Known faults of durable-rules 2.0.28, and what is done about them here:

- ``none()`` between two conditions cancels nothing. It stands last in every rule, and is right.
- A message is known by a 32-bit hash of what it holds; another of the same hash is refused as seen
  already. Every fact carries a grain of salt, which is changed until it is taken.
- There is no event time, and timers run by the wall clock. Times are numbers, which conditions
  compare; all that is evidence is told first, anchors last: nothing has to be awaited.
- Facts are never freed, more than 1024 sessions end in a crash, a rule set cannot be defined again,
  and a process that has defined some dozens dies of a segmentation fault. Each stream is judged in
  a process of its own, which knows one rule and one session; tags are no sessions.
- Some facts end the process with a segmentation fault, which goes away with any of their fields or
  with another order. Flags are left out, and rules that ask for them do not fit; a stream that the
  engine dies of is tried with other salt and padding, and given up after some attempts.
- More than some 60 rules for one event are an error: each rule is judged alone.
- A text is larger than any number, and null matches without a word. Fields hold what their kind
  declares; what is absent is left out.
- A fact stands for one condition of a match only: what two clauses look for would have to be there
  twice. Each clause has facts of its own (``twin_role``).
- What an action raises is swallowed: actions do nothing but keep what they were given.
- A message that no rule wants raises; it is known by then, so that this is passed over.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from aislewatch.events.kinds import Event
from aislewatch.events.registry import type_of
from aislewatch.rules.rule import Clause, Evidence, Expr, Join, NotSeen, Rule, Seen, SomeOf
from aislewatch.rules.tree import FLAG, TEXT, All, Any_, Compare, Constant, Field, Not, OneOf, Term
from aislewatch.rules.windows import Bound

WORKER = Path(__file__).with_name("durable_worker.py")

ATTEMPTS = 8
"""How often a stream is judged until the engine survives it."""


PATIENCE_S = 30.0
"""For how long an answer is waited for that takes a tenth of a second."""


class Crashed(Exception):
    """The engine dies of a stream, however often it is tried."""


class Unfit(Exception):
    """A rule holds what durable-rules cannot say, or says otherwise."""


def fits(rule: Rule) -> bool:
    """Tell whether a rule can be compiled."""
    lang: Any = importlib.import_module("durable.lang")
    try:
        for way in _ways(rule):
            for condition in way:
                condition(lang)
    except Unfit:
        return False
    return True


def judge(rule: Rule, log: Sequence[Event]) -> dict[str, dict[str, set[str]]]:
    """Judge what counts of a stream, in the total order, by a rule that fits.

    Returns:
        By id of an anchor for which the rule holds: what its names can stand for.

    Raises:
        Crashed: the engine did, again and again.
    """
    for attempt in range(ATTEMPTS):
        fired = _judge_apart(rule, log, attempt)
        if fired is not None:
            break
    else:
        raise Crashed
    found: dict[str, dict[str, set[str]]] = {}
    for bindings in fired:
        names = found.setdefault(bindings["anchor"], {})
        for name, ident in bindings.items():
            names.setdefault(name, set()).add(ident)
    return found


def _judge_apart(rule: Rule, log: Sequence[Event], attempt: int) -> list[dict[str, str]] | None:
    """Judge in a process of its own; None where that dies or hangs."""
    padding = {f"pad{number}": "x" * attempt for number in range(attempt)}
    facts = [padding | fact | {"twin_salt": attempt * 1000} for fact in _told(rule, log)]
    task = json.dumps({"rules": _definitions(rule), "facts": facts})
    try:
        done = subprocess.run(
            [sys.executable, WORKER],
            input=task.encode(),
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode < 0:  # By a signal: a crash.
        return None
    assert done.returncode == 0, done.stderr.decode()
    fired: list[dict[str, str]] = json.loads(done.stdout)
    return fired


def _definitions(rule: Rule) -> dict[str, Any]:
    """Give the rule set as durable-rules takes it, without the actions."""
    lang: Any = importlib.import_module("durable.lang")
    made = lang.ruleset("twin")
    with made:
        for way in _ways(rule):
            lang.when_all(*[one(lang) for one in way])(_nothing)
    definitions: dict[str, Any] = made.define()[1]
    return {name: one | {"run": None} for name, one in definitions.items()}


def _nothing(_: object) -> None:
    """Stand for the action, which the other process brings."""


def _told(rule: Rule, log: Sequence[Event]) -> Iterator[dict[str, Any]]:
    """Give the facts in the order in which they are told: evidence, then anchors."""
    facts = [_fact(event, place) for place, event in enumerate(log)]
    for number, clause in enumerate(_flat(rule.clauses)):
        for fact in facts:
            if isinstance(clause, Evidence) and fact["twin_type"] in clause.types:
                yield fact | {"twin_role": f"clause{number}"}
    for fact in facts:
        if fact["twin_type"] in rule.anchor.types:
            yield fact | {"twin_role": "anchor"}


def _fact(event: Event, place: int) -> dict[str, Any]:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    known = {name: value for name, value in fields.items() if not isinstance(value, bool | None)}
    del known["id"]  # A name with a meaning of its own in durable-rules.
    told = {"twin_type": type_of(type(event)), "twin_event": event.id, "twin_place": place}
    return known | told


# Rules ------------------------------------------------------------------------------------------

Condition = Callable[[Any], Any]
"""Makes a condition of the module ``durable.lang``."""


def _ways(rule: Rule) -> Iterator[list[Condition]]:
    """Give the conditions of each way in which a rule can hold: absences last."""
    if len(rule.anchor.types) > 1 or rule.excepts or rule.requires or rule.incident.quiet:
        message = "several types of anchor, an exception, a requirement or a silence"
        raise Unfit(message)
    for clauses in _alternatives(rule.clauses):
        writer = _Writer(rule, {id(c): f"clause{n}" for n, c in enumerate(_flat(rule.clauses))})
        # An absence that joins on what the anchor lacks is undecided, and no signal.
        needed = {writer.of_anchor(j) for c in clauses if isinstance(c, NotSeen) for j in c.same}
        present = [writer.anchor(sorted(needed))]
        present += [writer.present(one) for one in clauses if isinstance(one, Seen)]
        yield present + [writer.absent(one) for one in clauses if isinstance(one, NotSeen)]


def _flat(clauses: Sequence[Clause]) -> Iterator[Clause]:
    for clause in clauses:
        yield clause
        if isinstance(clause, SomeOf):
            yield from _flat(clause.clauses)


def _alternatives(clauses: Sequence[Clause]) -> Iterator[list[Clause]]:
    if not clauses:
        yield []
        return
    first, others = clauses[0], clauses[1:]
    ways: list[Sequence[Clause]] = [[first]]
    if isinstance(first, SomeOf):
        if first.at_least == len(first.clauses):
            ways = [first.clauses]
        elif first.at_least == 1:
            ways = [[one] for one in first.clauses]
        else:
            message = "some of several, more than one and not all"
            raise Unfit(message)
    elif not isinstance(first, Seen | NotSeen) or (isinstance(first, Seen) and first.optional):
        message = f"a clause other than seen and not_seen: {first.label}"
        raise Unfit(message)
    for way in ways:
        nested = _alternatives(way) if isinstance(first, SomeOf) else [list(way)]
        for inner in nested:
            for rest in _alternatives(others):
                yield [*inner, *rest]


@dataclass
class _Writer:
    rule: Rule
    roles: Mapping[int, str]
    types: dict[str, str] = field(default_factory=dict[str, str])
    nearest: set[str] = field(default_factory=set[str])

    def anchor(self, needed: Sequence[str]) -> Condition:
        anchor = self.rule.anchor
        self.types[anchor.name] = anchor.types[0]

        def condition(lang: Any) -> Any:
            said = (lang.m.twin_type == anchor.types[0]) & (lang.m.twin_role == "anchor")
            if anchor.where is not None:
                said &= _said(anchor.where, lang)
            for attr in needed:
                said &= +getattr(lang.m, attr)
            return lang.c.anchor << said

        return condition

    def present(self, clause: Seen) -> Condition:
        looks = self._looks(clause)
        where = clause.where
        name = clause.name or self.roles[id(clause)]
        self.types[name] = clause.types[0]
        window = clause.window
        one_sided = window.end.offset_us <= 0 or window.start.offset_us >= 0
        if clause.pick == "nearest" and one_sided:
            self.nearest.add(name)

        def condition(lang: Any) -> Any:
            said = looks(lang)
            if where is not None:
                said &= _said(where, lang)
            return getattr(lang.c, name) << said

        return condition

    def absent(self, clause: NotSeen) -> Condition:
        looks = self._looks(clause)
        where = clause.where

        def condition(lang: Any) -> Any:
            said = looks(lang)
            if where is not None:
                # What may meet the condition blocks an absence: it is undecided, and no signal.
                said &= _term(where.term, lang, positive=True, maybe=True)
            return lang.none(said)

        return condition

    def _looks(self, clause: Evidence) -> Condition:
        if len(clause.types) != 1:
            message = "evidence of several types"
            raise Unfit(message)
        joins = [(join.attr, self.of_anchor(join)) for join in clause.same]
        window, anchor = clause.window, self.rule.anchor.name
        ends = {window.start.ref, window.end.ref}
        hangs = ends != {anchor}
        if hangs and (anchor not in ends or window.start.offset_us or window.end.offset_us):
            message = "a window that hangs on evidence, and not between it and the anchor"
            raise Unfit(message)
        if hangs and (isinstance(clause, Seen) or not ends - {anchor} <= self.nearest):
            message = "a window that hangs on what may not be the nearest on one side"
            raise Unfit(message)
        type_, role = clause.types[0], self.roles[id(clause)]
        start, end = window.start, window.end

        def condition(lang: Any) -> Any:
            said = (lang.m.twin_type == type_) & (lang.m.twin_role == role)
            for attr, of_anchor in joins:
                said &= getattr(lang.m, attr) == getattr(lang.c.anchor, of_anchor)
            said &= self._bound(lang, start, type_, 1)
            said &= self._bound(lang, end, type_, -1)
            if type_ == self.types[anchor]:
                said &= lang.m.twin_place != lang.c.anchor.twin_place
            return said

        return condition

    def _bound(self, lang: Any, bound: Bound, type_: str, sign: int) -> Any:
        """Say on which side of a bound an event is; the total order splits its own type only."""
        name = "anchor" if bound.ref == self.rule.anchor.name else bound.ref
        ref = getattr(lang.c, name)
        if bound.offset_us == 0 and type_ == self.types[bound.ref]:
            return (
                lang.m.twin_place > ref.twin_place
                if sign > 0
                else lang.m.twin_place < ref.twin_place
            )
        limit = ref.time + bound.offset_us
        return lang.m.time >= limit if sign > 0 else lang.m.time <= limit

    def of_anchor(self, join: Join) -> str:
        term = join.expr.term
        if not isinstance(term, Field) or term.binding != self.rule.anchor.name:
            message = "a join on evidence: the nearest may not be the one that joins"
            raise Unfit(message)
        return term.attr


def _said(where: Expr, lang: Any) -> Any:
    return _term(where.term, lang, positive=True, maybe=False)


_INVERSE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _term(term: Term, lang: Any, *, positive: bool, maybe: bool) -> Any:
    """Say that a condition holds (or fails), or, ``maybe``, that it may."""
    if isinstance(term, Not):
        return _term(term.term, lang, positive=not positive, maybe=maybe)
    if isinstance(term, All | Any_):
        sides = [_term(one, lang, positive=positive, maybe=maybe) for one in term.terms]
        both = isinstance(term, All) is positive
        said = sides[0]
        for side in sides[1:]:
            said = said & side if both else said | side
        return said
    if isinstance(term, OneOf):
        tests = tuple(_equal(term.term, one) for one in term.values)
        return _term(Any_(terms=tests, type=FLAG), lang, positive=positive, maybe=maybe)
    if not isinstance(term, Compare) or not isinstance(term.left, Field):
        message = f"a condition that compares no field with a constant: {term}"
        raise Unfit(message)
    if not isinstance(term.right, Constant):
        message = "a condition that compares two fields"
        raise Unfit(message)
    said = _compared(getattr(lang.m, term.left.attr), term, positive=positive)
    return said | -getattr(lang.m, term.left.attr) if maybe and term.left.optional else said


def _equal(term: Term, value: str) -> Compare:
    return Compare(op="==", left=term, right=Constant(value=value, type=TEXT), type=FLAG)


def _compared(read: Any, term: Compare, *, positive: bool) -> Any:
    assert isinstance(term.right, Constant)
    value: Any = term.right.value
    if isinstance(value, bool):
        message = "a flag"
        raise Unfit(message)
    if isinstance(value, Fraction):
        if value.denominator != 1:
            message = "a constant that is no whole number"
            raise Unfit(message)
        value = int(value)
    op = term.op if positive else _INVERSE[term.op]
    made: dict[str, Callable[[], Any]] = {
        "==": lambda: read == value,
        "!=": lambda: read != value,
        "<": lambda: read < value,
        "<=": lambda: read <= value,
        ">": lambda: read > value,
        ">=": lambda: read >= value,
    }
    return made[op]()
