"""Siddhi's pattern queries read into a tree: the part of SiddhiQL that its pattern tests use.

Siddhi's grammar: a pattern joins elements with ``->`` (others may come in between), a sequence with
``,`` (nothing may). An element is a stream with a filter and perhaps a count, an absence with or
without a time, or two of them with ``and`` or ``or``; ``every`` starts it again and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from siddhi_tree import (
    Absent,
    Chain,
    Condition,
    Either,
    Logic,
    NotSaid,
    Query,
    Reason,
    Stream,
    Test,
    Unit,
    Value,
)

TIMES_US = {
    "millisecond": 1_000, "milliseconds": 1_000, "sec": 1_000_000, "second": 1_000_000,
    "seconds": 1_000_000, "min": 60_000_000, "minute": 60_000_000,
}  # fmt: skip

_TOKEN = re.compile(
    r"\s*(->|==|!=|<=|>=|'[^']*'|\"[^\"]*\"|\d+(?:\.\d+)?(?:[fFdDlL]\b)?|#?[A-Za-z_]\w*|[^\s\w])"
)
_COMPARED = {"==", "!=", "<", "<=", ">", ">="}


_WINDOW = Reason(
    "windows as streams",
    "every event of a window is put out again; a rule says signals about an anchor",
)
_CASCADE = Reason(
    "queries in a row",
    "a query that reads what another one puts out; these rules read what devices tell",
)
_UNREAD = Reason("words that are not known", "the reader of queries knows Siddhi's patterns alone")
_HAVING = Reason("having", "a filter over the output's columns; a rule has none")
_FUNCTION = Reason("functions of Siddhi", "they are not among the functions of the language")
_ARITHMETIC = Reason(
    "arithmetic over repetitions", "a repetition that is not there yet is no figure to add to"
)


def read_query(text: str) -> Query:
    """Read one query.

    Raises:
        NotSaid: it is none of a pattern or a sequence.
    """
    if "#window" in text:
        raise NotSaid(_WINDOW)
    if text.count("insert") > 1:
        raise NotSaid(_CASCADE)
    if "from" not in text:
        raise NotSaid(_UNREAD)
    return _Reader(_tokens(text[text.index("from") :])).query()


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise NotSaid(_UNREAD)
        tokens.append(found[1])
        at = found.end()
    return [*tokens, ""]


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def query(self) -> Query:
        self._need("from")
        chain = self._chain()
        if self._take("within"):
            chain = replace(chain, within_us=self._time())
        self._need("select")
        columns = [self._column()]
        while self._take(","):
            columns.append(self._column())
        if self._peek() == "having":
            raise NotSaid(_HAVING)
        return Query(chain, tuple(columns))

    def _chain(self) -> Chain:
        units = [self._unit()]
        strict = self._peek() == ","
        while self._take(",") or self._take("->"):
            units.append(self._unit())
        return Chain(tuple(units), strict)

    def _unit(self) -> Unit:
        every = self._take("every")
        if not self._take("("):
            return Unit(self._element(), every)
        body = self._chain()
        self._need(")")
        if self._take("within"):
            body = replace(body, within_us=self._time())
        only = body.units[0]
        if len(body.units) == 1 and body.within_us is None:
            return replace(only, every=every or only.every)
        return Unit(body, every)

    def _element(self) -> Stream | Absent | Either:
        left = self._basic()
        if self._peek() in {"and", "or"}:
            return Either(self._next(), left, self._basic())
        return left

    def _basic(self) -> Stream | Absent:
        if self._take("not"):
            stream = self._stream("")
            return Absent(stream, self._time() if self._take("for") else None)
        name = ""
        if self._tokens[self._at + 1] == "=":
            name = self._next()
            self._need("=")
        return self._stream(name)

    def _stream(self, name: str) -> Stream:
        stream = self._next()
        where = None
        if self._take("["):
            where = self._either()
            self._need("]")
        if self._take("*"):
            return Stream(name, stream, where, 0, None)
        if self._take("+"):
            return Stream(name, stream, where, 1, None)
        if self._take("?"):
            return Stream(name, stream, where, 0, 1)
        if not self._take("<"):
            return Stream(name, stream, where)
        least = 0 if self._peek() == ":" else int(self._next())
        most: int | None = least
        if self._take(":"):
            most = None if self._peek() == ">" else int(self._next())
        self._need(">")
        return Stream(name, stream, where, least, most)

    # Conditions

    def _either(self) -> Condition:
        return self._logic("or", self._both)

    def _both(self) -> Condition:
        return self._logic("and", self._negated)

    def _logic(self, op: str, read: Callable[[], Condition]) -> Condition:
        parts = [read()]
        while self._take(op):
            parts.append(read())
        return parts[0] if len(parts) == 1 else Logic(op, tuple(parts))

    def _negated(self) -> Condition:
        if self._take("not"):
            return Logic("not", (self._negated(),))
        if self._take("("):
            inner = self._either()
            self._need(")")
            return inner
        left = self._value()
        if self._take("is"):
            self._need("null")
            return Test("is null", left)
        op = self._next()
        if op not in _COMPARED:
            raise NotSaid(_FUNCTION)
        right = self._value()
        if self._peek() in {"+", "-"}:
            raise NotSaid(_ARITHMETIC)
        return Test(op, left, right)

    def _value(self) -> Value:
        token = self._next()
        if token[0] in "'\"":
            return Value(literal=f"'{token[1:-1]}'")
        if token[0].isdigit():
            return Value(literal=token.rstrip("fFdDlL"))
        if self._peek() == "(":
            raise NotSaid(_FUNCTION)
        at = "0"
        if self._take("["):
            at = self._next()
            while not self._take("]"):
                at += self._next()
        if not self._take("."):
            return Value(name=token)
        return Value(owner=token, at=at, name=self._next())

    def _column(self) -> Value:
        column = self._value()
        if self._take("as"):
            self._next()
        return column

    # Tokens

    def _time(self) -> int:
        return int(self._next()) * TIMES_US[self._next()]

    def _peek(self) -> str:
        return self._tokens[self._at]

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, token: str) -> bool:
        found = self._peek() == token
        self._at += found
        return found

    def _need(self, token: str) -> None:
        if self._next() != token:
            raise NotSaid(_UNREAD)
