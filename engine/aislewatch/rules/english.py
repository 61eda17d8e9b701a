"""A rule as English sentences, for review and for whoever must answer for an incident.

The sentences are made from what was checked, so they say what will be decided: every condition and
window, what a missing event rests on, what the points do to the odds, and when the answer comes.
Same rule, same sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from aislewatch.events.registry import KindSpec
from aislewatch.rules.english_terms import (
    condition,
    duration,
    listed,
    odds,
    stretch,
    value,
)
from aislewatch.rules.rule import (
    Aggregate,
    AggregateOp,
    Check,
    Clause,
    Evidence,
    Expr,
    Join,
    Let,
    NotSeen,
    Rule,
    Seen,
    Side,
    SomeOf,
    StatsOf,
    Status,
    Unmatched,
)
from aislewatch.rules.tree import All, Compare, Field

_STATUS: Mapping[Status, str] = {
    "draft": "It is a draft: it is tested and does not run.",
    "shadow": "It is in shadow: it runs and writes signals, and makes no incident.",
    "live": "It is live: its signals make incidents.",
    "retired": "It is retired: it is kept and does not run.",
}
_FIGURES: Mapping[AggregateOp, str] = {
    "count": "the number of {types}",
    "sum": "the sum of {field} over all {types}",
    "max": "the greatest {field} of all {types}",
    "min": "the least {field} of all {types}",
    "avg": "the mean {field} of all {types}",
    "distinct": "the number of different {field} among all {types}",
}
_UNHEALTHY = "Where a device that would have seen {what} was not in order, nothing is decided."


@dataclass(frozen=True, slots=True)
class Statement:
    """What one clause says.

    Attributes:
        label: how tests and explanations name the clause.
        line: where it begins in the rule's file.
        text: one or more sentences.
        points: decibans that it adds where it holds; None where it says none.
        parts: the clauses inside it.
    """

    label: str
    line: int
    text: str
    points: int | None = None
    parts: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class English:
    """A rule in sentences.

    Attributes:
        id: the rule's.
        title: the rule's.
        when: which events it is judged for.
        match: what must hold, in the order of the file; of clauses of ``let``, what they name.
        unless: what excuses it.
        requires: what must be in order.
        then: what it says and how much that counts.
        answers: how long after the anchor it is judged.
        params: its parameters with the values in force, as written.
        events: what each type of event that it speaks of is.
    """

    id: str
    title: str
    when: str
    match: tuple[Statement, ...]
    unless: tuple[str, ...]
    requires: tuple[str, ...]
    then: tuple[str, ...]
    answers: str
    params: Mapping[str, str]
    events: Mapping[str, str]


def english(rule: Rule, kinds: Mapping[str, KindSpec], lateness_us: int | None = None) -> English:
    """Put a rule into sentences.

    Args:
        rule: a checked rule.
        kinds: the kinds of event that it was checked against.
        lateness_us: how long a store waits for late events; not told where None.
    """
    words = _Words(rule, kinds)
    types = sorted({*rule.anchor.types, *(t for c in rule.clauses for t in words.types_of(c))})
    return English(
        id=rule.id,
        title=rule.title,
        when=words.when(),
        match=tuple(words.statement(clause) for clause in rule.clauses),
        unless=tuple(
            f"{one.name}: {condition(one.where.term)}, until {one.until.isoformat()}. "
            f"{_sentence(one.reason)} {one.owner} answers for it."
            for one in rule.excepts
        ),
        requires=tuple(
            f"What sees {one.type}{f' at {value(one.on.expr.term)}' if one.on else ''} must be in "
            "order; where it is not, nothing is decided."
            for one in rule.requires
        ),
        then=tuple(words.then()),
        answers=_answers(rule, lateness_us),
        params=rule.params,
        events={name: kinds[name].doc for name in types if name in kinds},
    )


class _Words:
    """Finds the words for the parts of one rule."""

    def __init__(self, rule: Rule, kinds: Mapping[str, KindSpec]) -> None:
        self._rule = rule
        self._kinds = kinds

    def when(self) -> str:
        anchor = self._rule.anchor
        where = f" where {condition(anchor.where.term)}" if anchor.where is not None else ""
        return f"Judged for every {_types(anchor.types)}{where}, here called {anchor.name}."

    def types_of(self, clause: Clause) -> Iterator[str]:
        if isinstance(clause, Evidence):
            yield from clause.types
        elif isinstance(clause, Unmatched):
            yield from (*clause.left.types, *clause.right.types)
        elif isinstance(clause, SomeOf):
            for inner in clause.clauses:
                yield from self.types_of(inner)

    def statement(self, clause: Clause) -> Statement:
        parts: tuple[Statement, ...] = ()
        if isinstance(clause, SomeOf):
            parts = tuple(self.statement(inner) for inner in clause.clauses)
        text = self._said(clause)
        if clause.points is not None:
            text += f" Counts {clause.points:+} points: {odds(clause.points)}."
        return Statement(clause.label, clause.line, text, clause.points, parts)

    def _said(self, clause: Clause) -> str:
        if isinstance(clause, Seen):
            return self._seen(clause)
        if isinstance(clause, NotSeen):
            none = f"No {_types(clause.types)} {self._found(clause)}."
            return f"{none} {_UNHEALTHY.format(what='one')}"
        if isinstance(clause, Aggregate):
            return self._figure(clause)
        if isinstance(clause, StatsOf):
            return self._peers(clause)
        if isinstance(clause, Check):
            return f"{_opened(condition(clause.expr.term))}."
        if isinstance(clause, Let):
            return f"{clause.name} stands for {value(clause.expr.term)}."
        if isinstance(clause, Unmatched):
            return self._unmatched(clause)
        assert isinstance(clause, SomeOf), f"no words for {type(clause).__name__}"
        if clause.at_least == len(clause.clauses):
            return "All of these hold:"
        return f"At least {clause.at_least} of these {len(clause.clauses)} hold:"

    def _seen(self, clause: Seen) -> str:
        types, found = _types(clause.types), self._found(clause)
        which = {
            "nearest": f"the one nearest to {self._rule.anchor.name}",
            "first": "the first of them",
            "last": "the last of them",
        }[clause.pick]
        if clause.optional:
            called = f"; if so, {which} is called {clause.name}" if clause.name else ""
            return f"There may be {types} {found}{called}."
        called = f" {_capital(which)} is called {clause.name}." if clause.name else ""
        return f"At least one {types} {found}.{called}"

    def _figure(self, clause: Aggregate) -> str:
        field = self._path(clause.types, clause.attr) if clause.attr is not None else ""
        noun = _FIGURES[clause.op].format(field=field, types=_types(clause.types))
        own = frozenset(clause.types) & frozenset(self._rule.anchor.types)
        counted = f" ({self._rule.anchor.name} itself counts)" if own else ""
        noun = f"{noun} {self._found(clause)}{counted}"
        named = not clause.name.startswith("_")
        if clause.holds is None:
            return f"{clause.name} stands for {noun}."
        limits = " and ".join(_limit(clause.name, one) for one in _each(clause.holds))
        return f"{_capital(noun)}, {limits}." + (f" It is called {clause.name}." if named else "")

    def _peers(self, clause: StatsOf) -> str:
        anchor = self._rule.anchor
        others = [self._path(clause.types, join.attr) for join in clause.others]
        differing = f", each with another {listed(others, 'and')}" if others else ""
        return (
            f"{clause.name} compares {clause.figure} with its peers: the same figure for every "
            f"other {_types(clause.types)} {self._found(clause)}{differing}; {anchor.name} is none "
            "of them."
        )

    def _unmatched(self, clause: Unmatched) -> str:
        left, right = _side(clause.left), _side(clause.right)
        by = [self._path(clause.left.types, one) for one, _ in clause.by]
        equal = f", each with one of equal {listed(by, 'and')}" if by else ""
        paired = (
            f"{_capital(left)} are paired off with {right} {stretch(clause.window)}"
            f"{self._same(clause.same[0], clause.left.types)}, one to one{equal}."
        )
        if clause.anchor_side is None:
            return (
                f"{paired} What is left over is called left and right. "
                f"{_UNHEALTHY.format(what='a partner')}"
            )
        return (
            f"{paired} {self._rule.anchor.name} itself is left over; what is left over opposite "
            f"it, if anything, is called partner. {_UNHEALTHY.format(what='its partner')}"
        )

    def _found(self, clause: Evidence) -> str:
        where = f", where {condition(clause.where.term)}" if clause.where is not None else ""
        return f"{stretch(clause.window)}{self._same(clause.same, clause.types)}{where}"

    def _same(self, joins: Iterable[Join], types: tuple[str, ...]) -> str:
        alike: dict[str, list[str]] = {}
        others: list[str] = []
        for join in joins:
            path, term = self._path(types, join.attr), join.expr.term
            if isinstance(term, Field) and term.attr == join.attr:
                alike.setdefault(term.binding, []).append(path)
            else:
                others.append(f"whose {path} is {value(term)}")
        words = [f"with the same {listed(paths, 'and')} as {of}" for of, paths in alike.items()]
        return "".join(f", {one}" for one in (*words, *others)) or ", anywhere in the shop"

    def _path(self, types: tuple[str, ...], attr: str) -> str:
        kind = self._kinds.get(types[0])
        specs = kind.fields.values() if kind is not None else ()
        return next((spec.path for spec in specs if spec.attr == attr), attr)

    def then(self) -> Iterator[str]:
        incident = self._rule.incident
        own = f"{incident.points} points: {odds(incident.points)}"
        if not incident.points:
            own = "the points of its clauses"
        yield f"It speaks for {incident.type} with {own}."
        yield (
            f"The points halve every {duration(incident.half_life_us).removeprefix('1 ')}."
            if incident.half_life_us is not None
            else "The points do not fade."
        )
        if incident.family is not None:
            yield f"Of all rules of the family {incident.family} only the strongest counts."
        about = [f"{name} ({value(expr.term)})" for name, expr in incident.about.items()]
        yield f"It is about {listed(about, 'and')}; what is unknown is left out."
        if incident.quiet is not None:
            quiet = incident.quiet
            yield f"Then it is silent for {duration(quiet.us)} about the same {quiet.entity}."
        if incident.group is not None:
            same = listed([name for name, _ in incident.group.same], "and")
            pause = duration(incident.group.gap_us)
            yield f"Signals of the same {same}, at most {pause} apart, are one incident."
        if incident.value is not None:
            yield f"At stake is {value(incident.value.term)}."
        said = "".join(
            part if isinstance(part, str) else f"{{{value(part.term)}}}"
            for part in incident.because.parts
        )
        yield f'It says: "{said}"'
        yield _STATUS[self._rule.status]


def _answers(rule: Rule, lateness_us: int | None) -> str:
    late = "the store's lateness"
    if lateness_us is not None:
        late += f", {duration(lateness_us)}"
    if rule.reach.latest_us <= 0:
        return f"It answers at once, that is, after {late}."
    return f"It answers {duration(rule.reach.latest_us)} after {rule.anchor.name}, and {late}."


def _types(types: tuple[str, ...]) -> str:
    return listed(list(types), "or")


def _side(side: Side) -> str:
    where = f" where {condition(side.where.term)}" if side.where is not None else ""
    return f"all {_types(side.types)}{where}"


def _each(holds: Expr) -> tuple[Compare, ...]:
    terms = holds.term.terms if isinstance(holds.term, All) else (holds.term,)
    return tuple(term for term in terms if isinstance(term, Compare))


def _limit(name: str, term: Compare) -> str:
    return condition(term).removeprefix(f"{name} ")


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _opened(words: str) -> str:
    """Begin a sentence with a capital where it does not begin with a name."""
    return _capital(words) if words.startswith(("the ", "there ", "it ", "what ")) else words


def _sentence(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."
