"""Expressions checked against what is declared: names, units, possible values.

An expression that passes cannot fail at run time: there is nothing to coerce, and what is absent is
unknown. Every problem of an expression is found in one pass.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import NoReturn, cast

from aislewatch.errors import Mistake
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.units import Dimension
from aislewatch.rules.dimensions import (
    BARE,
    FIGURES,
    described,
    fits,
    mismatch,
    type_of_field,
)
from aislewatch.rules.lexer import Problem
from aislewatch.rules.macros import LARGEST, Macro
from aislewatch.rules.parser import (
    COMPARISONS,
    DEEPEST,
    Binary,
    Called,
    ListOf,
    Name,
    Number,
    Syntax,
    Text,
    Truth,
    Unary,
    chain,
)
from aislewatch.rules.scope import Scope, field_of, unknown_field
from aislewatch.rules.tree import (
    FIRST,
    FLAG,
    NUMBER,
    TEXT,
    All,
    Any_,
    Arithmetic,
    ArithmeticOp,
    Bound,
    Call,
    Compare,
    CompareOp,
    Constant,
    Field,
    Figure,
    Has,
    InList,
    Leftovers,
    Not,
    OneOf,
    Term,
    Type,
    standing_at,
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

MOST_PRODUCTS = 6
"""Multiplications and divisions in one expression: keeps every figure far below a float's range."""


class _Wrong(Exception):
    """A part that cannot be typed; its problem is recorded already."""


class Checker:
    """Types one expression at a time and collects what is wrong with it.

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
        except _Wrong:
            return None
        return term if len(self.problems) == before else None

    def _refuse(self, at: Syntax, message: str, hint: str = "") -> NoReturn:
        self.problems.append(Problem(message, at.offset, at.end - at.offset, hint))
        raise _Wrong

    def _term(self, tree: Syntax) -> Term:
        self._depth += 1
        try:
            return self._any(tree)
        finally:
            self._depth -= 1

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

    # Names

    def _name(self, tree: Name, span: tuple[int, int]) -> Term:
        scope = self._scope
        head, _, rest = tree.path.partition(".")
        if head in {"params", "macros"}:
            return (self._param if head == "params" else self._macro)(tree, rest, span)
        if head == "lists":
            self._refuse(tree, "a named list stands only behind 'in'", "write x in lists.name")
        if scope.event:
            return self._field(tree, "", tree.path, unbound=False)
        if head in scope.bindings:
            binding = scope.bindings[head]
            if not rest:
                return Bound(name=head, unbound=binding.unbound, type=TEXT, span=span)
            return self._field(tree, head, rest, unbound=binding.unbound)
        if head in scope.figures and not rest:
            kind, optional = scope.figures[head]
            return Figure(name=head, optional=optional, type=kind, span=span)
        if head in scope.stats:
            return self._statistic(tree, head, rest, span)
        if head in scope.leftovers:
            if not rest:
                return Leftovers(name=head, type=TEXT, span=span)
            return self._field(tree, FIRST + head, rest, unbound=True)
        if head in scope.broken:
            raise _Wrong
        if head in scope.later:
            self._refuse(tree, f"{head!r} is bound only by a later clause", "move that clause up")
        if head in scope.names:
            self._refuse(tree, f"{head!r} has no fields")
        broken = [name for name in scope.broken if "." not in name]
        known = [*scope.names, *broken, *(["params"] if scope.params else [])]
        self._refuse(tree, f"unknown name {head!r}", did_you_mean(head, known, label="bound here"))

    def _statistic(self, tree: Name, name: str, figure: str, span: tuple[int, int]) -> Term:
        kinds = self._scope.stats[name]
        if figure not in kinds:
            message = f"unknown figure {figure!r} of {name!r}" if figure else f"{name!r} is several"
            hint = did_you_mean(figure, kinds, label="known") if figure else ""
            self._refuse(tree, message, hint or f"write e.g. {name}.mean")
        return Figure(name=tree.path, optional=True, type=kinds[figure], span=span)

    def _param(self, tree: Name, name: str, span: tuple[int, int]) -> Term:
        params = self._scope.params
        if name in self._scope.list_params:
            self._refuse(tree, "a named list stands only behind 'in'", f"write x in params.{name}")
        if name in params:
            return Constant(value=params[name].value, type=params[name].type, span=span)
        if tree.path in self._scope.broken:
            raise _Wrong
        hint = did_you_mean(name, params, label="declared")
        self._refuse(tree, f"unknown parameter {name!r}", hint or "declare it under 'params'")

    def _macro(self, tree: Name, name: str, span: tuple[int, int]) -> Term:
        """Check what a macro stands for as if it stood here; its parts then stand here, too."""
        macros = self._scope.macros
        macro = macros.known.get(name)
        if macro is None and not macros.unreadable:
            hint = did_you_mean(name, macros.known, label="macros") or "no macros are defined here"
            self._refuse(tree, f"unknown macro {name!r}", hint)
        if macro is None or macro.tree is None or macro.flaws:
            self.flaws += macro.flaws if macro is not None else macros.mistakes
            raise _Wrong
        self._grown += macro.size
        if self._depth + macro.depth > DEEPEST or self._grown > LARGEST:
            message = "with what macros stand for, this is too large"
            self._refuse(tree, message, "use several clauses")
        types = [kind.type for kind in self._scope.event]
        strange = [type_ for type_ in types if macro.kinds and type_ not in macro.kinds]
        if macro.kinds and (strange or not types):
            meant = f"this macro is for {', '.join(macro.kinds)}"
            hint = "" if strange else "only a 'where' looks at such an event"
            instead = ", ".join(strange) or "events that are bound"
            self._refuse(tree, f"{meant} and not for {instead}", hint)
        inner = Checker(self._scope.for_macro())
        inner._depth, inner._products = self._depth, self._products
        try:
            term = inner._term(macro.tree)
        except _Wrong:
            self.inside += [*inner.inside, *((macro, problem) for problem in inner.problems)]
            self.flaws += inner.flaws
            raise
        self._products = inner._products
        return standing_at(term, span)

    def _field(self, tree: Name, binding: str, path: str, *, unbound: bool) -> Term:
        scope = self._scope
        if binding.startswith(FIRST):
            kinds = scope.leftovers[binding.removeprefix(FIRST)]
        else:
            kinds = scope.bindings[binding].kinds if binding else scope.event
        spec = field_of(kinds, path)
        if spec is None:
            message, hint = unknown_field(kinds, path, binding.removeprefix(FIRST))
            other = path.partition(".")[0]
            if not binding and other in scope.beside:
                message = f"a 'where' speaks of its own event alone, and not of {other!r}"
                hint = "name the event with 'as', and compare the two in a check: below it"
            self._refuse(tree, message, hint)
        return Field(
            binding=binding,
            attr=spec.attr,
            path=spec.path,
            optional=not spec.required,
            unbound=unbound,
            type=type_of_field(spec),
            span=(tree.offset, tree.end - tree.offset),
        )

    # Operators

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

    def _each(self, trees: tuple[Syntax, ...], read: Callable[[Syntax], Term]) -> tuple[Term, ...]:
        """Read several parts, so that the problems of all of them are found."""
        terms: list[Term] = []
        wrong = False
        for tree in trees:
            try:
                terms.append(read(tree))
            except _Wrong:
                wrong = True
        if wrong:
            raise _Wrong
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
            raise _Wrong

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
            raise _Wrong
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

    # Functions

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
