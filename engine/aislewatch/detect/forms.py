"""Conditions that differ in one value alone: ``zone.id == 'Z1'``, ``zone.id == 'Z2'`` and so on.

Rules made from one blueprint for a thousand zones ask the same of evidence but for the zone. Where
so many do, the field joins the key of one shared index instead of making an index for each value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from aislewatch.events.record import canonical_json
from aislewatch.rules.rule import Evidence, Expr, Rule, flat
from aislewatch.rules.tree import All, Compare, Constant, Field, OneOf, Term, canonical

MANY = 5
"""From so many values on, an index that they share is cheaper than one for each."""


def gate_of(term: Term) -> tuple[str, tuple[str, ...]] | None:
    """Give the field and the values of it that a condition asks for; None where it asks else."""
    if isinstance(term, OneOf) and isinstance(term.term, Field):
        return term.term.attr, term.values
    if not isinstance(term, Compare) or term.op != "==":
        return None
    for field, constant in ((term.left, term.right), (term.right, term.left)):
        if (
            isinstance(field, Field)
            and isinstance(constant, Constant)
            and isinstance(constant.value, str)
        ):
            return field.attr, (constant.value,)
    return None


def terms_of(term: Term) -> tuple[Term, ...]:
    """Give the conditions that must all hold."""
    return term.terms if isinstance(term, All) else (term,)


def without(term: Term, attr: str) -> Term | None:
    """Give what is left to test of a condition where its gate on a field holds."""
    terms = list(terms_of(term))
    for part in terms:
        gate = gate_of(part)
        if gate is not None and gate[0] == attr:
            terms.remove(part)
            break
    if len(terms) > 1:
        assert isinstance(term, All)
        return replace(term, terms=tuple(terms))
    return terms[0] if terms else None


def form_of(*parts: object) -> str:
    """Give a text that is equal for equal parts; terms by what they mean."""
    return canonical_json(
        [canonical(part) if isinstance(part, Term) else part for part in parts]
    ).decode()


class Forms:
    """Which conditions of some rules' evidence differ in one value alone, and how many do."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._values: dict[str, set[str]] = {}
        for clause in (clause for rule in rules for clause in flat(rule.clauses)):
            if isinstance(clause, Evidence) and clause.where is not None:
                attrs = tuple(join.attr for join in clause.same)
                for form, _, value, _ in _readings(clause.types, clause.where, attrs):
                    self._values.setdefault(form, set()).add(value)

    def split(
        self, types: Sequence[str], where: Expr | None, attrs: tuple[str, ...]
    ) -> tuple[Expr | None, tuple[str, ...], tuple[str, ...]]:
        """Give what an index for some evidence tests, what it is keyed by, and keys to ask with.

        Args:
            types: the kinds of event.
            where: which of them.
            attrs: what the clause joins on.

        Returns:
            The condition that is left; the join fields, with those that took its place; the values
            of these.
        """
        if where is not None:
            for form, attr, value, rest in _readings(types, where, attrs):
                if len(self._values.get(form, ())) >= MANY:
                    left = replace(where, term=rest) if rest is not None else None
                    return left, (*attrs, attr), (value,)
        return where, attrs, ()


def _readings(
    types: Sequence[str], where: Expr, attrs: tuple[str, ...]
) -> Iterator[tuple[str, str, str, Term | None]]:
    """Give each way to read a condition as a form with a value: form, field, value, rest."""
    for part in terms_of(where.term):
        gate = gate_of(part)
        if gate is not None and len(gate[1]) == 1 and gate[0] not in attrs:
            attr, (value,) = gate
            rest = without(where.term, attr)
            yield form_of(sorted(types), attrs, attr, rest), attr, value, rest
