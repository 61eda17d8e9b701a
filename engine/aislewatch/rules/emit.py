"""Checked expressions turned into Python source, fast enough to run for every event.

Three values without a call: for every condition two Python expressions are generated, one that is
True where the condition holds and one that is True where it certainly does not; where neither is,
it is unknown. Negation swaps the two, so nothing grows. What may be absent is tested for ``None``
in front of its use, what is always there is not.

Figures stay exact: two whole sides are brought to a common denominator and compared as integers
(``abs(a - b) * 100 > b * 15``). Only where a sensor's float takes part are constants floats, the
nearest to the decimal as written, so that 0.7 as sent is at least 70%.

Into the source go attribute names from the declared kinds, variable names that the caller chose,
and ``repr`` of numbers and texts: nothing that an author wrote as code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from aislewatch.events.units import Dimension
from aislewatch.rules.compiling import LIST_PREFIX
from aislewatch.rules.tree import (
    All,
    Any_,
    Arithmetic,
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
    parts,
)

INVERSE: dict[CompareOp, CompareOp] = {
    "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"
}  # fmt: skip


def kleene(term: Term, names: Mapping[str, str]) -> str:
    """Give source whose value is True, False or, where unknown, None.

    Args:
        term: a condition.
        names: the Python variable of each binding, figure and leftover; of the event of a ``where``
            under the empty name.
    """
    source = _Source(names)
    holds = source.holds(term)
    if not source.guards(term):
        return holds
    return f"(True if {holds} else False if {source.fails(term)} else None)"


def holds(term: Term, names: Mapping[str, str]) -> str:
    """Give source that is True where a condition certainly holds, else False: the faster half."""
    return _Source(names).holds(term)


def fails(term: Term, names: Mapping[str, str]) -> str:
    """Give source that is True where a condition certainly does not hold, else False."""
    return _Source(names).fails(term)


def value(term: Term, names: Mapping[str, str]) -> str:
    """Give source for a value in base units: None where unknown.

    Figures are int or Fraction where exact, else float; conditions are Kleene values.
    """
    if term.type.dimension is Dimension.FLAG:
        return kleene(term, names)
    source = _Source(names)
    code = source.text(term) if term.type.dimension is Dimension.TEXT else source.figure(term)
    guards = source.guards(term)
    return f"({code} if {' and '.join(guards)} else None)" if guards else code


@dataclass(frozen=True, slots=True)
class _Exact:
    """An exact figure: the integer (or fraction) ``code`` over a whole denominator."""

    code: str
    denominator: int

    def over(self, denominator: int) -> str:
        factor = denominator // self.denominator
        return self.code if factor == 1 else _times(self.code, factor)


def _times(code: str, factor: int) -> str:
    if code.lstrip("-").isdigit():
        return str(int(code) * factor)
    return f"({code} * {factor})"


class _Source:
    """Generates source with the variables that the caller chose."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    # Conditions

    def holds(self, term: Term) -> str:
        if isinstance(term, Not):
            return self.fails(term.term)
        if isinstance(term, All):
            return f"({' and '.join(map(self.holds, term.terms))})"
        if isinstance(term, Any_):
            return f"({' or '.join(map(self.holds, term.terms))})"
        return self._leaf(term, positive=True)

    def fails(self, term: Term) -> str:
        if isinstance(term, Not):
            return self.holds(term.term)
        if isinstance(term, All):
            return f"({' or '.join(map(self.fails, term.terms))})"
        if isinstance(term, Any_):
            return f"({' and '.join(map(self.fails, term.terms))})"
        return self._leaf(term, positive=False)

    def _leaf(self, term: Term, *, positive: bool) -> str:
        if isinstance(term, Constant):
            return repr(bool(term.value) is positive)
        if isinstance(term, Has):
            known = self._known(term.term)
            if not known:
                return repr(positive)
            return f"({' and '.join(known)})" if positive else f"(not ({' and '.join(known)}))"
        guards = self.guards(term)
        if isinstance(term, (Field, Figure)):
            code = f"{self._read(term)} is {positive}"
            guards = [guard for guard in guards if not guard.startswith(f"{self._read(term)} is")]
        elif isinstance(term, Compare):
            code, safe = self._comparison(term, positive=positive)
            if safe:
                guards = guards[:-1]
        elif isinstance(term, OneOf):
            members = "{" + ", ".join(repr(one) for one in term.values) + "}"
            code = f"{self.text(term.term)} {'' if positive else 'not '}in {members}"
        elif isinstance(term, InList):
            asked = f"{self.text(term.term)}, {self._names[term.at]}.time"
            code = f"{'' if positive else 'not '}{LIST_PREFIX}{term.name}({asked})"
        else:
            assert isinstance(term, Call)
            code = self._test(term)
            code = code if positive else f"not ({code})"
        return f"({' and '.join([*guards, code])})"

    def _comparison(self, term: Compare, *, positive: bool) -> tuple[str, bool]:
        """Give the comparison, and whether it needs no test for None of its one field."""
        op = term.op if positive else INVERSE[term.op]
        left, right = self._pair(term.left, term.right)
        bare = term.left
        safe = (
            op == "=="
            and isinstance(bare, (Field, Figure))
            and isinstance(term.right, Constant)
            and bare.optional
            and left == self._read(bare)
        )
        return f"{left} {op} {right}", safe

    def _pair(self, left: Term, right: Term) -> tuple[str, str]:
        if left.type.dimension is Dimension.TEXT:
            return self.text(left), self.text(right)
        if left.type.dimension is Dimension.FLAG:
            return self._flag(left), self._flag(right)
        one, two = self._aligned((left, right))
        return one, two

    def _aligned(self, terms: tuple[Term, ...]) -> list[str]:
        """Give figures that can be compared as they stand: all whole, or all floats."""
        if not all(term.type.exact for term in terms):
            return [self.inexact(term) for term in terms]
        figures = [self.exact(term) for term in terms]
        common = lcm(*(figure.denominator for figure in figures))
        return [figure.over(common) for figure in figures]

    def _flag(self, term: Term) -> str:
        if isinstance(term, Constant):
            return repr(bool(term.value))
        assert isinstance(term, (Field, Figure))
        return self._read(term)

    def _test(self, term: Call) -> str:
        if term.name == "within":
            value, low, high = self._aligned(term.args)
            return f"{low} <= {value} <= {high}"
        one, two = map(self.text, term.args)
        return f"{one}.startswith({two})" if term.name == "startswith" else f"{two} in {one}"

    # Values

    def text(self, term: Term) -> str:
        if isinstance(term, Constant):
            return repr(term.value)
        if isinstance(term, Call):
            return f"{self.text(term.args[0])}.lower()"
        assert isinstance(term, (Field, Figure))
        return self._read(term)

    def figure(self, term: Term) -> str:
        if not term.type.exact:
            return self.inexact(term)
        exact = self.exact(term)
        if exact.denominator == 1:
            return exact.code
        return f"_fraction({exact.code}, {exact.denominator})"

    def exact(self, term: Term) -> _Exact:
        if isinstance(term, Constant):
            assert isinstance(term.value, Fraction)
            return _Exact(str(term.value.numerator), term.value.denominator)
        if isinstance(term, (Field, Figure)):
            return _Exact(self._read(term), 1)
        if isinstance(term, Call):
            return self._exact_call(term)
        assert isinstance(term, Arithmetic)
        left, right = self.exact(term.left), self.exact(term.right)
        if term.op in {"+", "-"}:
            common = lcm(left.denominator, right.denominator)
            return _Exact(f"({left.over(common)} {term.op} {right.over(common)})", common)
        if term.op == "*":
            return _Exact(f"({left.code} * {right.code})", left.denominator * right.denominator)
        if isinstance(term.right, Constant):
            inverse = 1 / Fraction(str(term.right.value))
            times = _Exact(str(inverse.numerator), inverse.denominator)
            return _Exact(f"({left.code} * {times.code})", left.denominator * times.denominator)
        common = lcm(left.denominator, right.denominator)
        return _Exact(f"_fraction({left.over(common)}, {right.over(common)})", 1)

    def _exact_call(self, term: Call) -> _Exact:
        if term.name == "size":
            inner = term.args[0]
            read = self._names[inner.name] if isinstance(inner, Leftovers) else self.text(inner)
            return _Exact(f"len({read})", 1)
        figures = [self.exact(arg) for arg in term.args]
        common = lcm(*(figure.denominator for figure in figures))
        return _Exact(f"{term.name}({', '.join(f.over(common) for f in figures)})", common)

    def inexact(self, term: Term) -> str:
        if isinstance(term, Constant):
            assert isinstance(term.value, Fraction)
            return repr(float(term.value))
        if term.type.exact:
            exact = self.exact(term)
            code = exact.code
            if any(self._may_divide_by_zero(part) for part in parts(term)):
                # Python compares a fraction with a float exactly, and 1/10 is not 0.1.
                return f"float({code} / {exact.denominator})"
            return code if exact.denominator == 1 else f"({code} / {exact.denominator})"
        if isinstance(term, (Field, Figure)):
            return self._read(term)
        if isinstance(term, Call):
            return f"{term.name}({', '.join(map(self.inexact, term.args))})"
        assert isinstance(term, Arithmetic)
        return f"({self.inexact(term.left)} {term.op} {self.inexact(term.right)})"

    def _read(self, term: Field | Figure) -> str:
        if isinstance(term, Figure):
            return self._names[term.name]
        return f"{self._names[term.binding]}.{term.attr}"

    # What must be there

    def guards(self, term: Term) -> list[str]:
        """Give the tests that must pass before a term can be computed, each once, in order."""
        return list(dict.fromkeys(self._tests(term)))

    def _tests(self, term: Term) -> list[str]:
        if isinstance(term, (Field, Figure)):
            return self._known(term)
        if isinstance(term, (All, Any_)):
            return [test for inner in term.terms for test in self._tests(inner)]
        if isinstance(term, (OneOf, InList, Not)):
            return self._tests(term.term)
        if isinstance(term, Call):
            return [test for inner in term.args for test in self._tests(inner)]
        if isinstance(term, (Compare, Arithmetic)):
            tests = [*self._tests(term.left), *self._tests(term.right)]
            if isinstance(term, Arithmetic) and self._may_divide_by_zero(term):
                tests.append(f"{self._divisor(term)} != 0")
            return tests
        return []

    def _may_divide_by_zero(self, term: Term) -> bool:
        if not isinstance(term, Arithmetic):
            return False
        return term.op == "/" and not isinstance(term.right, Constant)

    def _divisor(self, term: Arithmetic) -> str:
        right = term.right
        return self.exact(right).code if term.type.exact else self.inexact(right)

    def _known(self, term: Term) -> list[str]:
        if isinstance(term, Bound):
            return [f"{self._names[term.name]} is not None"] if term.unbound else []
        tests: list[str] = []
        if isinstance(term, Field) and term.unbound:
            tests.append(f"{self._names[term.binding]} is not None")
        if isinstance(term, (Field, Figure)) and term.optional:
            tests.append(f"{self._read(term)} is not None")
        return tests
