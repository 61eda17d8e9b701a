"""What is allowed in a rule and still likely a mistake: warnings, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from aislewatch.errors import Mistake
from aislewatch.events.quantities import written_duration
from aislewatch.events.units import Dimension
from aislewatch.rules.rule import (
    Aggregate,
    Check,
    Clause,
    Evidence,
    Expr,
    Rule,
    Seen,
    StatsOf,
    Unmatched,
    flat,
)
from aislewatch.rules.tree import All, Compare, Constant, Field, Term, parts

PERSONAL = frozenset({"person", "cashier", "customer", "card", "card_before", "entry"})
"""Fields that name a person, if by a pseudonym; a sentence travels further than an entity does."""

_BELOW = frozenset({"<", "<="})
_ABOVE = frozenset({">", ">="})


def lint(rule: Rule, text: str = "") -> list[Mistake]:
    """Give the warnings about a rule, in the order of its file.

    Args:
        rule: a checked rule.
        text: its file, to show the lines; they are left out where it is empty.
    """
    lines = text.splitlines()
    found = [
        Mistake(
            file=rule.file,
            line=line,
            column=column,
            message=message,
            source=lines[line - 1] if column and 0 < line <= len(lines) else "",
            hint=hint,
            severity="warning",
        )
        for line, column, message, hint in _warnings(rule)
    ]
    return sorted(found, key=lambda one: (one.line, one.column, one.message))


_Warning = tuple[int, int, str, str]


def _warnings(rule: Rule) -> Iterator[_Warning]:
    for clause in flat(rule.clauses):
        yield from _joins(clause)
        yield from _given_away(clause)
    for expr in _conditions(rule):
        yield from _contradictions(expr)
        yield from _beyond_shares(expr)
    yield from _personal(rule)
    fires = [test.fires > 0 for test in rule.tests]
    for wanted, word in ((True, "fires"), (False, "does not fire")):
        if wanted not in fires:
            yield 1, 0, f"no inline test in which the rule {word}", "add one under 'tests'"
    if rule.reach.latest_us > 0:
        late = written_duration(rule.reach.latest_us)
        message = f"the rule answers {late} after its anchor, and the allowed lateness later"
        yield 1, 0, message, "windows that end at the anchor answer at once"


def _joins(clause: Clause) -> Iterator[_Warning]:
    bare = (
        isinstance(clause, Evidence)
        and not clause.same
        # Peers are told apart by 'others'; to compare with all of the shop is what is meant.
        and not isinstance(clause, StatsOf)
    ) or (isinstance(clause, Unmatched) and not clause.same[0])
    if bare:
        message = f"{clause.label!r} joins on nothing: events of the whole shop meet it"
        yield clause.line, 0, message, "add e.g. same: [lane]"


def _given_away(clause: Clause) -> Iterator[_Warning]:
    if isinstance(clause, Seen) and clause.optional and clause.points:
        message = f"{clause.label!r} is optional: its points count also where there is none"
        hint = "for points only where it is seen: any_of: [{check: true}, {seen: ..., points: ...}]"
        yield clause.line, 0, message, hint


def _conditions(rule: Rule) -> Iterator[Expr]:
    if rule.anchor.where is not None:
        yield rule.anchor.where
    for clause in flat(rule.clauses):
        if isinstance(clause, Evidence) and clause.where is not None:
            yield clause.where
        if isinstance(clause, Aggregate) and clause.holds is not None:
            yield clause.holds
        if isinstance(clause, Check):
            yield clause.expr


def _contradictions(expr: Expr) -> Iterator[_Warning]:
    """Find bounds of one figure in one conjunction that leave nothing between them."""
    for part in parts(expr.term):
        if not isinstance(part, All):
            continue
        bounds = [one for term in part.terms if (one := _bound(term)) is not None]
        for what, op, low in bounds:
            for other, against, high in bounds:
                if op not in _ABOVE or against not in _BELOW or what != other:
                    continue
                met = op == ">=" and against == "<="
                if low > high or (low == high and not met):
                    yield expr.line, expr.column, f"this can never hold: {expr.shown}", ""


def _beyond_shares(expr: Expr) -> Iterator[_Warning]:
    """Find shares that are compared with more than the whole, as 80 for 80 %."""
    for part in parts(expr.term):
        if not isinstance(part, Compare):
            continue
        field, value = part.left, part.right
        if isinstance(value, Field):
            field, value = value, field
        if not isinstance(field, Field) or not isinstance(value, Constant):
            continue
        share = field.type.dimension is Dimension.RATIO
        if share and isinstance(value.value, Fraction) and value.value > 1:
            message = f"{field.path!r} is never more than 1, which is 100%: {expr.text}"
            yield expr.line, expr.column, message, f"a share of 100: {float(value.value):g}%"


def _bound(term: Term) -> tuple[Term, str, Fraction] | None:
    if not isinstance(term, Compare) or not isinstance(term.right, Constant):
        return None
    value = term.right.value
    return (term.left, term.op, value) if isinstance(value, Fraction) else None


def _personal(rule: Rule) -> Iterator[_Warning]:
    for piece in rule.incident.because.parts:
        if not isinstance(piece, Expr):
            continue
        for part in parts(piece.term):
            if isinstance(part, Field) and part.attr in PERSONAL:
                message = f"'because' names a person by {part.path!r}"
                yield piece.line, piece.column, message, "put it into 'about' and out of the text"
