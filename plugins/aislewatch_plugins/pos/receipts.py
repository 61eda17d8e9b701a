"""Printed lines put together to receipts, and what each receipt tells.

A receipt ends with a cut, a line that says so, the first line of the next, or silence. Only then it
is told, because its number often stands at its end; each line has the time at which it was printed.
A drawer kick is told at once. One that no receipt explains is a no-sale: nothing printed shortly
before or after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from aislewatch_plugins.pos.escpos import EscPos, Token
from aislewatch_plugins.pos.linear import Pattern
from aislewatch_plugins.pos.patterns import Patterns
from aislewatch_plugins.pos.told import Counts, Fact, Flaw, Found

MOST_LINES = 2_000
"""Lines of one receipt; more are a journal, or a stream without ends."""

REMEMBERED = 1_000
"""Receipts of which it is remembered that they were told."""

_BASKETS = frozenset({"pos.item", "pos.refund", "pos.tender", "pos.suspend", "pos.resume"})
_EXPLAINS = _BASKETS | {"pos.no_sale", "pos.void", "shift.closed"}
_PAYS = frozenset({"pos.tender", "pos.refund", "pos.void"})
_NEVER_US = -(1 << 62)
_ALONE = frozenset({"pos.sign_on", "pos.sign_off", "pos.no_sale", "shift.closed"})
"""What happens outside of receipts, though a slip may be printed for it."""


class _Printed(NamedTuple):
    text: str
    time_us: int


@dataclass(slots=True)
class _Open:
    """The receipt that is being printed."""

    lines: list[_Printed] = field(default_factory=list[_Printed])
    kicks: list[int] = field(default_factory=list[int])


class Receipts:
    """Reads one printer.

    Args:
        patterns: what lines mean.
        name: tells this printer and this opening from others; part of every key.
        idle_us: silence that ends a receipt.
        near_us: how near a kick is to what explains it.
        lone_kick: a kick that nothing explains is a no-sale.
        counts: kept up.
    """

    def __init__(
        self,
        patterns: Patterns,
        *,
        name: str,
        idle_us: int,
        near_us: int,
        lone_kick: bool,
        counts: Counts,
    ) -> None:
        self._patterns = patterns
        self._name = name
        self._idle_us = idle_us
        self._near_us = near_us
        self._lone_kick = lone_kick
        self._counts = counts
        self._bytes = EscPos(patterns.file.encoding)
        self._open = _Open()
        self._number = 0
        self._told = 0
        self._paid_us = _NEVER_US
        self._seen: dict[bytes, None] = {}

    @property
    def resyncs(self) -> int:
        """How often the bytes made no sense and were gone on behind."""
        return self._bytes.resyncs

    @property
    def wait_us(self) -> int | None:
        """How much silence would be news: None where nothing is open."""
        if self._open.lines or self._bytes.pending:
            return self._idle_us
        return self._near_us if self._open.kicks else None

    def feed(self, data: bytes, time_us: int) -> list[Found]:
        """Take bytes that came at a time; gives what they tell."""
        return [one for token in self._bytes.feed(data) for one in self._take(token, time_us)]

    def silence(self, time_us: int) -> list[Found]:
        """Take notice that nothing has come for a while."""
        found = [one for token in self._bytes.silence() for one in self._take(token, time_us)]
        return [*found, *self._end()]

    def _take(self, token: Token, time_us: int) -> Iterator[Found]:
        match token.kind:
            case "text":
                yield from self._print(token.text, time_us)
            case "kick":
                yield self._fact("pos.drawer", time_us, {"open": True})
                if self._open.lines or time_us - self._paid_us > self._near_us:
                    self._open.kicks.append(time_us)
                else:
                    self._paid_us = _NEVER_US  # Explains one kick: the till's, after the paper's.
            case "cut":
                yield from self._end()
            case "init":
                pass  # Some tills send it before each line.

    def _print(self, text: str, time_us: int) -> Iterator[Found]:
        patterns = self._patterns
        if self._open.lines and _any(patterns.begins, text):
            yield from self._end()
        if text or self._open.lines:
            self._open.lines.append(_Printed(text, time_us))
        if _any(patterns.ends, text) or len(self._open.lines) >= MOST_LINES:
            yield from self._end()

    def _end(self) -> Iterator[Found]:
        receipt, self._open = self._open, _Open()
        while receipt.lines and not receipt.lines[-1].text:
            receipt.lines.pop()
        if not receipt.lines:
            if self._lone_kick:
                yield from (self._fact("pos.no_sale", at, {}) for at in receipt.kicks)
            return
        self._counts.frames += 1
        texts = [line.text for line in receipt.lines]
        if any(_any(self._patterns.practice, text) for text in texts):
            self._counts.training += 1
            return
        names = self._names(texts)
        if any(_any(self._patterns.copies, text) for text in texts) or self._repeated(texts, names):
            self._counts.repeats += 1
            return
        yield from self._tell(receipt, names)

    def _tell(self, receipt: _Open, names: Mapping[str, Any]) -> Iterator[Found]:
        self._number += 1
        known = {"basket": names.get("receipt") or f"{self._name}/{self._number}", **names}
        first_us, last_us = receipt.lines[0].time_us, receipt.lines[-1].time_us
        found = list(self._lines(receipt, known))
        facts = [one for one in found if isinstance(one, Fact)]
        types = {fact.type for fact in facts}
        if not found:
            text = "\n".join(line.text for line in receipt.lines).encode()
            reason = f"none of the patterns fits one of its {len(receipt.lines)} lines"
            yield Flaw(text, reason, "receipt", blinds=False)
        resumed = next((f.fields["basket"] for f in facts if f.type == "pos.resume"), None)
        basket = {"basket": resumed} if resumed else {}
        if types & _BASKETS and "pos.resume" not in types:
            yield self._fact("pos.basket_open", first_us, known)
        for one in found:
            yield self._numbered(_placed(one, basket)) if isinstance(one, Fact) else one
        if types & _BASKETS and "pos.suspend" not in types:
            yield self._fact("pos.basket_close", last_us, {**known, **basket})
        self._paid_us = last_us if types & _PAYS and not receipt.kicks else _NEVER_US
        if self._lone_kick and not types & _EXPLAINS:
            yield from (self._fact("pos.no_sale", at, {}) for at in receipt.kicks)

    def _lines(self, receipt: _Open, known: Mapping[str, Any]) -> Iterator[Found]:
        before = ""
        for text, time_us in receipt.lines:
            try:
                fact = self._line(before, text, time_us, known)
            except ValueError as error:
                yield Flaw(text.encode(), str(error), "receipt line", time_us=time_us)
                fact = None
            else:
                if fact is None and self._odd(text):
                    reason = "it looks like a line that tells something, and fits none of 'lines'"
                    yield Flaw(text.encode(), reason, "receipt line", time_us=time_us)
            if fact is not None:
                yield fact
            before = text

    def _line(self, before: str, text: str, time_us: int, known: Mapping[str, Any]) -> Fact | None:
        for line in self._patterns.lines:
            match = line.pattern.search(text if line.over == 1 else f"{before}\n{text}")
            if match is not None:
                read = self._patterns.read(match.groupdict().items())
                return _unnumbered(line.type, time_us, {**known, **line.says, **read})
        return None

    def _odd(self, text: str) -> bool:
        patterns = self._patterns
        return _any(patterns.must_match, text) and not _any(patterns.ignored, text)

    def _names(self, texts: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for text in texts:
            for pattern in self._patterns.names:
                match = pattern.search(text)
                if match is not None:
                    for name, value in self._patterns.read(match.groupdict().items()).items():
                        found.setdefault(name, value)
        return found

    def _repeated(self, texts: list[str], names: Mapping[str, Any]) -> bool:
        """Say whether a receipt with a number came before, letter for letter."""
        if "receipt" not in names:
            return False  # Two customers who buy a can each get two receipts that are alike.
        digest = hashlib.sha256("\n".join(texts).encode("utf-8", "replace")).digest()
        if digest in self._seen:
            return True
        self._seen[digest] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return False

    def _fact(self, type_: str, time_us: int, fields: Mapping[str, Any]) -> Fact:
        return self._numbered(_unnumbered(type_, time_us, fields))

    def _numbered(self, fact: Fact) -> Fact:
        """Number what is told next: of one time, what has the lower number comes before."""
        self._told += 1
        return replace(fact, key=f"{self._name}/{self._told}", seq=self._told)


def _unnumbered(type_: str, time_us: int, fields: Mapping[str, Any]) -> Fact:
    return Fact(type_, time_us, "", 0, "", fields, "arrival")


def _placed(fact: Fact, basket: Mapping[str, Any]) -> Fact:
    """Say of which receipt and basket something is; what goes back to another is of that one."""
    fields = dict(fact.fields)
    if fact.type in _ALONE:
        fields |= {"receipt": None, "basket": None}
    elif fields.get("post_void"):
        fields["basket"] = fields.get("receipt")
    else:
        fields |= basket
    return replace(fact, fields=fields)


def _any(patterns: tuple[Pattern, ...], text: str) -> bool:
    return any(pattern.search(text) is not None for pattern in patterns)
