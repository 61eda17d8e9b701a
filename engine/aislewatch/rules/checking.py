"""What every part of an expression is typed with: the scope, refusals, and what a part may be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NoReturn

from aislewatch.errors import Mistake
from aislewatch.events.units import Dimension
from aislewatch.rules.dimensions import FIGURES, described
from aislewatch.rules.lexer import Problem
from aislewatch.rules.macros import Macro
from aislewatch.rules.parser import Syntax
from aislewatch.rules.scope import Scope
from aislewatch.rules.tree import Bound, Leftovers, Term


class WrongPartError(Exception):
    """A part that cannot be typed; its problem is recorded already."""


class Checking(ABC):
    """Types parts of one expression; what there is to type, its subclasses know.

    Attributes:
        problems: everything found so far.
        inside: problems of macros that were used here, each with its macro.
        flaws: what is wrong with macros that were used here, whatever they are used for.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._products = 0
        self._depth = 0
        self._grown = 0
        self.problems: list[Problem] = []
        self.inside: list[tuple[Macro, Problem]] = []
        self.flaws: list[Mistake] = []

    def _refuse(self, at: Syntax, message: str, hint: str = "") -> NoReturn:
        self.problems.append(Problem(message, at.offset, at.end - at.offset, hint))
        raise WrongPartError

    def _term(self, tree: Syntax) -> Term:
        self._depth += 1
        try:
            return self._any(tree)
        finally:
            self._depth -= 1

    @abstractmethod
    def _any(self, tree: Syntax) -> Term:
        """Type a part by what kind of part it is."""

    def _each(self, trees: tuple[Syntax, ...], read: Callable[[Syntax], Term]) -> tuple[Term, ...]:
        """Read several parts, so that the problems of all of them are found."""
        terms: list[Term] = []
        wrong = False
        for tree in trees:
            try:
                terms.append(read(tree))
            except WrongPartError:
                wrong = True
        if wrong:
            raise WrongPartError
        return tuple(terms)

    def _truth(self, tree: Syntax) -> Term:
        term = self._term(tree)
        if term.type.dimension is not Dimension.FLAG:
            message = f"this is {described(term.type)}, not a condition"
            self._refuse(tree, message, "compare it: x == y")
        return term

    def _figure(self, tree: Syntax) -> Term:
        term = self._value(tree)
        if term.type.dimension not in FIGURES:
            self._refuse(tree, f"this is {described(term.type)}, not a figure")
        return term

    def _amount(self, tree: Syntax) -> Term:
        term = self._figure(tree)
        if term.type.dimension is Dimension.INSTANT:
            self._refuse(tree, "this is a point in time, not an amount", "subtract another time")
        return term

    def _text(self, tree: Syntax) -> Term:
        term = self._value(tree)
        if term.type.dimension is not Dimension.TEXT:
            self._refuse(tree, f"this is {described(term.type)}, not a text")
        return term

    def _value(self, tree: Syntax) -> Term:
        term = self._term(tree)
        if isinstance(term, (Bound, Leftovers)):
            self._refuse(tree, "this is an event, not a value", "name one of its fields")
        return term
