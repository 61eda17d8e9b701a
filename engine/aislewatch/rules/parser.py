"""Expressions read into a syntax tree by precedence climbing (Pratt, 1973).

From loose to tight: ``or``; ``and``; ``not``; comparisons and ``in``, which do not chain; ``+ -``;
``* /``; ``of``; minus; calls, names and literals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from aislewatch.events.units import Dimension
from aislewatch.rules.lexer import Problem, Refused, Word, lex, money_behind

DEEPEST = 30
"""Levels of one expression. Python's compiler gives up at 200 brackets; we use a few a level."""

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Syntax:
    """A part of an expression as written.

    Attributes:
        offset: where it begins in the text.
        end: where it ends.
    """

    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class Number(Syntax):
    """A figure in base units, as spelt in ``unit``."""

    value: Fraction
    dimension: Dimension
    unit: str


@dataclass(frozen=True, slots=True)
class Text(Syntax):
    """A quoted text."""

    value: str


@dataclass(frozen=True, slots=True)
class Truth(Syntax):
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True, slots=True)
class Name(Syntax):
    """A dotted name."""

    path: str


@dataclass(frozen=True, slots=True)
class ListOf(Syntax):
    """A list of values in brackets."""

    items: tuple[Syntax, ...]


@dataclass(frozen=True, slots=True)
class Unary(Syntax):
    """``not x`` or ``-x``."""

    op: str
    inner: Syntax


@dataclass(frozen=True, slots=True)
class Binary(Syntax):
    """Two parts with an operator between them; ``of`` too."""

    op: str
    left: Syntax
    right: Syntax


@dataclass(frozen=True, slots=True)
class Called(Syntax):
    """A function with its arguments."""

    name: str
    args: tuple[Syntax, ...]


def chain(tree: Binary) -> tuple[Syntax, ...]:
    """Give the links of a chain of one operator, first to last. No recursion: chains are long."""
    links: list[Syntax] = []
    at: Syntax = tree
    while isinstance(at, Binary) and at.op == tree.op:
        links.append(at.right)
        at = at.left
    return (at, *reversed(links))


def parse(text: str) -> Syntax:
    """Read an expression.

    Raises:
        Refused: it is none; the problem says where it stops being one.
    """
    if not text.strip():
        raise Refused(Problem("the expression is empty", 0, 1))
    reader = _Reader(lex(text))
    tree = reader.either(0)
    reader.finish()
    return tree


class _Reader:
    def __init__(self, words: list[Word]) -> None:
        self._words = words
        self._at = 0

    def either(self, depth: int) -> Syntax:
        return self._chain(("or",), self._both, depth)

    def finish(self) -> None:
        word = self._word
        if word.kind == "end":
            return
        if word.text in COMPARISONS or word.text == "in":
            hint = "compare two at a time: a < b and b < c"
            raise Refused(Problem("comparisons do not chain", word.offset, word.length, hint))
        raise Refused(self._unexpected("here an operator such as 'and' is expected"))

    def _both(self, depth: int) -> Syntax:
        return self._chain(("and",), self._negated, depth)

    def _negated(self, depth: int) -> Syntax:
        word = self._word
        if not self._take("not"):
            return self._compared(depth)
        inner = self._negated(_deeper(depth, word))
        return Unary(word.offset, inner.end, "not", inner)

    def _compared(self, depth: int) -> Syntax:
        left = self._sum(depth)
        word = self._word
        if word.kind == "sign" and (word.text in COMPARISONS or word.text == "in"):
            self._at += 1
            right = self._sum(_deeper(depth, word))
            return Binary(left.offset, right.end, word.text, left, right)
        if word.kind == "sign" and word.text == "not":
            following = self._words[self._at + 1]
            if following.text == "in" and following.kind == "sign":
                self._at += 2
                right = self._sum(_deeper(depth, word))
                inner = Binary(left.offset, right.end, "in", left, right)
                return Unary(left.offset, right.end, "not", inner)
        return left

    def _sum(self, depth: int) -> Syntax:
        return self._chain(("+", "-"), self._product, depth)

    def _product(self, depth: int) -> Syntax:
        return self._chain(("*", "/"), self._share, depth)

    def _share(self, depth: int) -> Syntax:
        return self._chain(("of",), self._signed, depth)

    def _signed(self, depth: int) -> Syntax:
        word = self._word
        if not self._take("-"):
            return self._primary(depth)
        inner = self._signed(_deeper(depth, word))
        if isinstance(inner, Number):
            return Number(word.offset, inner.end, -inner.value, inner.dimension, inner.unit)
        return Unary(word.offset, inner.end, "-", inner)

    def _primary(self, depth: int) -> Syntax:
        word = self._word
        end = word.offset + word.length
        if word.kind == "number":
            self._at += 1
            return Number(word.offset, end, word.value, word.dimension, word.unit)
        if word.kind == "text":
            self._at += 1
            return Text(word.offset, end, word.text)
        if word.kind == "name":
            self._at += 1
            if not self._take("("):
                return Name(word.offset, end, word.text)
            args, end = self._items(")", _deeper(depth, word))
            return Called(word.offset, end, word.text, args)
        if self._take("("):
            inner = self.either(_deeper(depth, word))
            self._need(")", word)
            return inner
        if self._take("["):
            items, end = self._items("]", _deeper(depth, word))
            return ListOf(word.offset, end, items)
        if word.kind == "sign" and word.text in {"true", "false"}:
            self._at += 1
            return Truth(word.offset, end, word.text == "true")
        raise Refused(self._unexpected("a field, a value or '(' is expected here"))

    def _items(self, closing: str, depth: int) -> tuple[tuple[Syntax, ...], int]:
        opening = self._words[self._at - 1]
        items: list[Syntax] = []
        while not (self._word.kind == "sign" and self._word.text == closing):
            items.append(self.either(depth))
            if not self._take(","):
                break
        return tuple(items), self._need(closing, opening)

    def _chain(self, ops: tuple[str, ...], inner: Callable[[int], Syntax], depth: int) -> Syntax:
        left = inner(depth)
        links = depth
        while (word := self._word).kind == "sign" and word.text in ops:
            self._at += 1
            # 'and' and 'or' are flattened later; a chain of sums is as deep as it is long.
            links = _deeper(links, word) if word.text not in {"and", "or"} else links
            right = inner(_deeper(depth, word))
            left = Binary(left.offset, right.end, word.text, left, right)
        return left

    @property
    def _word(self) -> Word:
        return self._words[self._at]

    def _take(self, sign: str) -> bool:
        if self._word.kind == "sign" and self._word.text == sign:
            self._at += 1
            return True
        return False

    def _need(self, closing: str, opening: Word) -> int:
        word = self._word
        if self._take(closing):
            return word.offset + word.length
        if word.kind == "end":
            message = f"{opening.text!r} is opened and never closed"
            raise Refused(Problem(message, opening.offset, opening.length, f"add {closing!r}"))
        raise Refused(self._unexpected(f"{closing!r} is expected here"))

    def _unexpected(self, expected: str) -> Problem:
        word = self._word
        if word.kind == "end":
            before = self._words[max(0, self._at - 1)]
            end = before.offset + before.length
            return Problem(f"the expression stops short: {expected}", max(0, end - 1), 1)
        hint = ""
        if self._at and word.kind == "name" and self._words[self._at - 1].kind == "number":
            hint = money_behind(self._words[self._at - 1].text, word.text)
        return Problem(f"{word.text!r} does not fit: {expected}", word.offset, word.length, hint)


def _deeper(depth: int, word: Word) -> int:
    if depth >= DEEPEST:
        message = f"nested more than {DEEPEST} levels deep"
        raise Refused(Problem(message, word.offset, word.length, "use several clauses"))
    return depth + 1
