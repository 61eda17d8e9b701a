"""Expressions checked against what is declared: names, units, possible values.

An expression that passes cannot fail at run time: there is nothing to coerce, and what is absent is
unknown. Every problem of an expression is found in one pass.
"""

from __future__ import annotations

from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.units import Dimension
from aislewatch.rules.checking import WrongPartError
from aislewatch.rules.checking_names import NameChecking
from aislewatch.rules.checking_operators import OperatorChecking
from aislewatch.rules.dimensions import described, fits, mismatch
from aislewatch.rules.parser import Binary, Called, Name, Number, Syntax, Text, Truth, Unary
from aislewatch.rules.tree import (
    FLAG,
    NUMBER,
    TEXT,
    Bound,
    Call,
    Constant,
    Field,
    Figure,
    Has,
    Leftovers,
    Term,
    Type,
)

FUNCTIONS = {
    "has": 1,
    "abs": 1,
    "size": 1,
    "lower": 1,
    "startswith": 2,
    "contains": 2,
    "within": 3,
    "min": 0,
    "max": 0,
}
"""Every function and how many arguments it takes; 0 is two or more."""


class Checker(NameChecking, OperatorChecking):
    """Types one expression at a time and collects what is wrong with it; see :class:`Checking`."""

    def check(self, tree: Syntax, expected: Dimension | None = None) -> Term | None:
        """Type an expression.

        Args:
            tree: as parsed.
            expected: what it must be, such as FLAG for a condition; anything where None.

        Returns:
            The checked tree, or None where a problem was found.
        """
        before = len(self.problems)
        try:
            term = self._term(tree)
            if isinstance(term, (Bound, Leftovers)):
                self._refuse(tree, "this is an event, not a value", "name one of its fields")
            if expected is not None and not fits(term.type.dimension, expected):
                needed = described(Type(expected))
                self._refuse(tree, f"this is {described(term.type)}; {needed} is needed here")
        except WrongPartError:
            return None
        return term if len(self.problems) == before else None

    def _any(self, tree: Syntax) -> Term:
        span = (tree.offset, tree.end - tree.offset)
        if isinstance(tree, Number):
            return Constant(value=tree.value, type=Type(tree.dimension), span=span)
        if isinstance(tree, Text):
            return Constant(value=tree.value, type=TEXT, span=span)
        if isinstance(tree, Truth):
            return Constant(value=tree.value, type=FLAG, span=span)
        if isinstance(tree, Name):
            return self._name(tree, span)
        if isinstance(tree, Unary):
            return self._unary(tree, span)
        if isinstance(tree, Called):
            return self._called(tree, span)
        if isinstance(tree, Binary):
            return self._binary(tree, span)
        self._refuse(tree, "a list stands only behind 'in'")

    def _called(self, tree: Called, span: tuple[int, int]) -> Term:
        needed = FUNCTIONS.get(tree.name)
        if needed is None:
            hint = did_you_mean(tree.name, FUNCTIONS, label="functions")
            self._refuse(tree, f"unknown function {tree.name!r}", hint)
        if (needed and len(tree.args) != needed) or (not needed and len(tree.args) < 2):
            count = str(needed) if needed else "two or more"
            self._refuse(tree, f"{tree.name} takes {count}, there are {len(tree.args)}")
        if tree.name == "has":
            return self._has(tree, span)
        if tree.name == "size":
            term = self._term(tree.args[0])
            if not isinstance(term, Leftovers) and (
                term.type.dimension is not Dimension.TEXT or isinstance(term, Bound)
            ):
                self._refuse(tree.args[0], "size takes a text or what was left over")
            return Call(name="size", args=(term,), type=NUMBER, span=span)
        if tree.name in {"lower", "startswith", "contains"}:
            texts = self._each(tree.args, self._text)
            kind = TEXT if tree.name == "lower" else FLAG
            return Call(name=tree.name, args=texts, type=kind, span=span)
        figures = self._each(tree.args, self._amount if tree.name == "abs" else self._figure)
        for figure in figures[1:]:
            if not fits(figures[0].type.dimension, figure.type.dimension):
                self._refuse(tree, *mismatch(figures[0], figure, "compare"))
        exact = all(figure.type.exact for figure in figures)
        kind = FLAG if tree.name == "within" else Type(figures[0].type.dimension, exact=exact)
        return Call(name=tree.name, args=figures, type=kind, span=span)

    def _has(self, tree: Called, span: tuple[int, int]) -> Term:
        term = self._term(tree.args[0])
        if not isinstance(term, (Field, Figure, Bound)):
            self._refuse(tree.args[0], "has takes a field or a name")
        return Has(term=term, type=FLAG, span=span)
