"""Operators in an expression: comparisons, membership, conditions joined, and figures computed."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.units import Dimension
from aislewatch.rules.checking import Checking, WrongPartError
from aislewatch.rules.dimensions import BARE, fits, mismatch
from aislewatch.rules.lexer import Problem
from aislewatch.rules.parser import COMPARISONS, Binary, ListOf, Name, Syntax, Unary, chain
from aislewatch.rules.tree import (
    FLAG,
    NUMBER,
    All,
    Any_,
    Arithmetic,
    ArithmeticOp,
    Compare,
    CompareOp,
    Constant,
    Field,
    Figure,
    InList,
    Not,
    OneOf,
    Term,
    Type,
)

MOST_PRODUCTS = 6
"""Multiplications and divisions in one expression: keeps every figure far below a float's range."""


class OperatorChecking(Checking):
    """Types what stands between two parts, by what both of them are."""

    def _unary(self, tree: Unary, span: tuple[int, int]) -> Term:
        if tree.op == "not":
            return Not(term=self._truth(tree.inner), type=FLAG, span=span)
        inner = self._amount(tree.inner)
        zero = Constant(value=Fraction(0), type=inner.type)
        return self._arithmetic("-", zero, inner, inner.type, span)

    def _binary(self, tree: Binary, span: tuple[int, int]) -> Term:
        if tree.op in {"and", "or"}:
            terms = self._each(chain(tree), self._truth)
            made = All if tree.op == "and" else Any_
            return made(terms=terms, type=FLAG, span=span)
        if tree.op == "in":
            return self._membership(tree, span)
        if tree.op in COMPARISONS:
            return self._comparison(tree, span)
        return self._computed(tree, span)

    def _comparison(self, tree: Binary, span: tuple[int, int]) -> Term:
        left, right = self._each((tree.left, tree.right), self._value)
        op = cast(CompareOp, tree.op)
        mine, other = left.type.dimension, right.type.dimension
        if not fits(mine, other):
            self._refuse(tree, *mismatch(left, right, "compare"))
        if mine in {Dimension.TEXT, Dimension.FLAG} and op not in {"==", "!="}:
            self._refuse(tree, f"{mine} has no order", "compare it with == or !=")
        if mine is Dimension.FLAG and not all(
            isinstance(t, (Field, Figure, Constant)) for t in (left, right)
        ):
            self._refuse(tree, "conditions are not compared", "join them with 'and', 'or', 'not'")
        self._possible(left, (right,), (tree.right,))
        self._possible(right, (left,), (tree.left,))
        return Compare(op=op, left=left, right=right, type=FLAG, span=span)

    def _possible(self, term: Term, others: tuple[Term, ...], trees: tuple[Syntax, ...]) -> None:
        """Refuse texts that a field can never be."""
        values = term.type.values
        wrong = False
        for other, tree in zip(others, trees, strict=True):
            if values and isinstance(other, Constant) and other.value not in values:
                name = term.path if isinstance(term, Field) else "this"
                self.problems.append(
                    Problem(
                        f"{other.value!r} is not a possible value of {name}",
                        tree.offset,
                        tree.end - tree.offset,
                        did_you_mean(str(other.value), values, label="possible values"),
                    )
                )
                wrong = True
        if wrong:
            raise WrongPartError

    def _membership(self, tree: Binary, span: tuple[int, int]) -> Term:
        right = tree.right
        name = self._listed(right)
        if name is not None:
            term = self._text(tree.left)
            if name not in self._scope.lists:
                hint = did_you_mean(name, self._scope.lists, label="known lists")
                self._refuse(right, f"unknown list {name!r}", hint or "no lists are defined")
            # The anchor is bound before all else; in a `where` the event at hand tells the time.
            at = "" if self._scope.event else next(iter(self._scope.bindings), "")
            return InList(term=term, name=name, at=at, type=FLAG, span=span)
        if not isinstance(right, ListOf):
            hint = "write x in ['a', 'b'], or x in lists.name"
            self._refuse(right, "'in' needs a list behind it", hint)
        if not right.items:
            self._refuse(right, "the list is empty")
        left, *items = self._each((tree.left, *right.items), self._value)
        for item, written in zip(items, right.items, strict=True):
            if not isinstance(item, Constant):
                self._refuse(written, "a list holds values only", "join conditions with 'or'")
            if not fits(left.type.dimension, item.type.dimension):
                self._refuse(written, *mismatch(left, item, "compare"))
        if left.type.dimension is Dimension.TEXT:
            self._possible(left, tuple(items), right.items)
            values = tuple(dict.fromkeys(str(cast(Constant, item).value) for item in items))
            return OneOf(term=left, values=values, type=FLAG, span=span)
        equal = tuple(Compare(op="==", left=left, right=item, type=FLAG) for item in items)
        return equal[0] if len(equal) == 1 else Any_(terms=equal, type=FLAG, span=span)

    def _listed(self, tree: Syntax) -> str | None:
        """Give the named list that is meant, by its name or by a parameter that selects one."""
        head, _, rest = tree.path.partition(".") if isinstance(tree, Name) else ("", "", "")
        if head == "params" and f"params.{rest}" in self._scope.broken:
            raise WrongPartError
        if head == "params":
            return self._scope.list_params.get(rest)
        return rest if head == "lists" else None

    def _computed(self, tree: Binary, span: tuple[int, int]) -> Term:
        if tree.op in {"+", "-"}:
            return self._summed(tree, span)
        left, right = self._each((tree.left, tree.right), self._amount)
        one, two = left.type.dimension, right.type.dimension
        self._products += 1
        if self._products > MOST_PRODUCTS:
            self._refuse(tree, f"more than {MOST_PRODUCTS} multiplications and divisions")
        if tree.op == "of":
            if one is not Dimension.RATIO:
                self._refuse(tree.left, "'of' needs a percentage before it", "write 15% of x")
            return self._arithmetic("*", left, right, right.type, span)
        if tree.op == "*":
            if one not in BARE and two not in BARE:
                self._refuse(tree, f"cannot multiply {one} with {two}")
            return self._arithmetic(
                "*", left, right, left.type if two in BARE else right.type, span
            )
        if isinstance(right, Constant) and right.value == 0:
            self._refuse(tree.right, "this divides by zero")
        if two not in BARE and one is not two:
            self._refuse(tree, f"cannot divide {one} by {two}")
        return self._arithmetic("/", left, right, left.type if two in BARE else NUMBER, span)

    def _summed(self, tree: Binary, span: tuple[int, int]) -> Term:
        left, right = self._each((tree.left, tree.right), self._figure)
        one, two = left.type.dimension, right.type.dimension
        op: ArithmeticOp = "+" if tree.op == "+" else "-"
        instant, duration = Dimension.INSTANT, Dimension.DURATION
        if one is instant and two is duration:
            return self._arithmetic(op, left, right, left.type, span)
        if one is duration and two is instant and op == "+":
            return self._arithmetic(op, left, right, right.type, span)
        if one is instant and two is instant and op == "-":
            return self._arithmetic(op, left, right, Type(duration), span)
        if one is instant or not fits(one, two):
            verb = "add" if op == "+" else "subtract"
            self._refuse(tree, *mismatch(left, right, verb))
        return self._arithmetic(op, left, right, left.type if one is two else NUMBER, span)

    def _arithmetic(
        self, op: ArithmeticOp, left: Term, right: Term, kind: Type, span: tuple[int, int]
    ) -> Term:
        made = Type(kind.dimension, exact=left.type.exact and right.type.exact)
        if isinstance(left, Constant) and isinstance(right, Constant):
            one, two = left.value, right.value
            assert isinstance(one, Fraction)
            assert isinstance(two, Fraction)
            folded = {"+": one + two, "-": one - two, "*": one * two}
            value = folded[op] if op in folded else one / two
            return Constant(value=value, type=made, span=span)
        return Arithmetic(op=op, left=left, right=right, type=made, span=span)
