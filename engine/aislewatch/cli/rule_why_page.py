"""A judgement on a page: every clause, what it saw, and how near it came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from aislewatch.authoring.capture_uses import uses_of
from aislewatch.cli.rule_why_words import VERDICTS, Words
from aislewatch.cli.screen import table
from aislewatch.cli.wording import Local, count, span
from aislewatch.detect.explain_log import Blindness
from aislewatch.detect.explain_terms import Condition, Truth
from aislewatch.detect.explain_values import ClauseTold, Judgement, Miss, Pairing, Saw
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.rule import Rule

EVENTS_MAX: Final = 6
"""Events of one clause that are shown."""

_SHORT: Final = frozenset({"epc", "person", "receipt", "sku"})
"""Attributes by which an event that was told before is told apart from others."""

_STYLES: Final[dict[Truth, str]] = {True: "green", False: "red", None: "yellow"}
_INDENT: Final = 9


class JudgementPage:
    """Lays judgements out.

    An event that comes up again within one judgement is told in short.

    Args:
        local: how times and amounts are shown.
        fields: attributes of events that are shown; all where None.
        whole: show every event with every field, however many.
    """

    def __init__(
        self, local: Local, fields: frozenset[str] | None = None, *, whole: bool = False
    ) -> None:
        self._local = local
        self._words = Words(local)
        self._whole = whole
        self._fields = None if whole else fields
        self._told: set[tuple[str, int]] = set()

    def clauses(self, judgement: Judgement) -> Iterator[RenderableType]:
        """Give the anchor's condition and every clause, in the order of judging."""
        if judgement.when is not None:
            yield self._head(True, "when", judgement.when.text)
            yield from self.condition(judgement.when, _INDENT)
        for clause in judgement.clauses:
            yield from self._clause(clause, 0)

    def anchor(self, event: Event, indent: int = 0) -> RenderableType:
        """Give the event that a judgement is about; behind it, events are told in full again."""
        self._told.clear()
        return _indented(self._table([event]), indent)

    def event(self, event: Event) -> str:
        """Give an event in a line: when, from whom, what."""
        at = self._local.clock(event.time)
        return f"{at}  {event.device}  {type_of(type(event))}  {self._facts(event)}".rstrip()

    def events(self, events: Sequence[Event], indent: int) -> Iterator[RenderableType]:
        """Give events as a table, the first of very many."""
        if not events:
            return
        shown = events if self._whole else events[:EVENTS_MAX]
        yield _indented(self._table(shown), indent)
        if len(events) > len(shown):
            more = f"... and {len(events) - len(shown):,} more: --whole"
            yield _indented(Text(more, "dim"), indent)

    def condition(self, condition: Condition, indent: int) -> Iterator[RenderableType]:
        """Give what a condition saw, a line for each part."""
        for depth, truth, text in self._words.condition(condition):
            style = "" if truth is True else _STYLES[truth]
            yield _indented(Text(text, style), indent + 2 * depth)

    # Clauses -------------------------------------------------------------------------------------

    def _clause(self, clause: ClauseTold, indent: int) -> Iterator[RenderableType]:
        inner = indent + _INDENT
        yield _indented(self._head_of(clause), indent)
        if clause.saw is not None:
            yield from self._looked(clause, clause.saw, inner)
        if clause.figure is not None and clause.condition is None:
            told = f"{clause.figure.text} is {self._words.value(clause.figure)}"
            yield _indented(Text(told), inner)
        if clause.condition is not None:
            yield from self.condition(clause.condition, inner)
        if clause.pairing is not None:
            yield from self._pairing(clause.pairing, inner)
        if clause.why and not clause.blind:
            yield _indented(Text(clause.why, "yellow" if clause.truth is None else ""), inner)
        for blind in clause.blind:
            yield _indented(Text(self._blindness(blind), "yellow"), inner)
        for nested in clause.clauses:
            yield from self._clause(nested, inner)

    def _head_of(self, clause: ClauseTold) -> RenderableType:
        points = f", {clause.points:+} points" if clause.points else ""
        line = f"  (line {clause.line})" if clause.line else ""
        text = f"{_what(clause)}{points}"
        if clause.kind == "except":
            verdict = "excuses" if clause.truth else "no"
            style = "red" if clause.truth else "dim"
            return self._row_of(verdict, style, f"except {clause.label}", line)
        if not clause.judged:
            return self._row_of("figure", "cyan", text, line)
        return self._row_of(VERDICTS[clause.truth], _STYLES[clause.truth], text, line)

    def _head(self, truth: Truth, label: str, text: str) -> RenderableType:
        return self._row_of(VERDICTS[truth], _STYLES[truth], f"{label} {text}", "")

    def _row_of(self, verdict: str, style: str, text: str, line: str) -> RenderableType:
        made = table("", "", show_header=False)
        made.columns[0].width = _INDENT - 2
        made.add_row(Text(verdict, f"bold {style}"), Text.assemble((text, "bold"), (line, "dim")))
        return made

    def _looked(self, clause: ClauseTold, saw: Saw, indent: int) -> Iterator[RenderableType]:
        yield _indented(Text(self._where(saw), "dim"), indent)
        if saw.where:
            yield _indented(Text(f"where {saw.where}", "dim"), indent)
        if saw.picked is not None:
            yield from self.events([saw.picked], indent)
            more = len(saw.found) - 1
            if more > 0:
                told = f"the one that counts, of {more + 1:,} there"
                yield _indented(Text(told, "dim"), indent)
        elif saw.found:
            yield _indented(Text(f"found {count(len(saw.found), 'event')}:"), indent)
            yield from self.events(saw.found, indent)
        elif saw.from_us is not None and clause.truth is not None:
            yield _indented(Text("found nothing"), indent)
        if saw.doubtful:
            yield _indented(Text("of which it is unknown whether they count:"), indent)
            yield from self.events(saw.doubtful, indent)
        for miss in saw.misses:
            near = Text.assemble(("near: ", "magenta"), self.event(miss.event))
            yield _indented(near, indent)
            yield _indented(Text(self._miss(miss), "magenta"), indent + 6)

    def _where(self, saw: Saw) -> str:
        if saw.from_us is None or saw.to_us is None:
            return "nowhere to look"
        told = self._local.between(saw.from_us, saw.to_us)
        if saw.from_us > saw.to_us:
            told += ", which is no time at all"
        if saw.same:
            joins = ", ".join(
                f"{join.field} {join.value if join.value is not None else 'unknown'}"
                for join in saw.same
            )
            told += f", same {joins}"
        return told

    def _miss(self, miss: Miss) -> str:
        if miss.lacks == "window":
            side = "before the window begins" if miss.outside_us < 0 else "after the window ends"
            return f"{span(abs(miss.outside_us))} {side}"
        if miss.lacks == "where":
            assert miss.condition is not None
            return self._words.brief(miss.condition)
        if miss.lacks == "same":
            assert miss.joined is not None
            has = "unknown" if miss.has is None else miss.has
            return f"its {miss.joined.field} is {has}, not {miss.joined.value}"
        return "at the very instant of the window's edge, but on its other side in the total order"

    def _pairing(self, told: Pairing, indent: int) -> Iterator[RenderableType]:
        by = ", ".join(told.by)
        pairs = told.pairs if self._whole else told.pairs[:EVENTS_MAX]
        if pairs:
            yield _indented(Text(f"paired off by {by}:"), indent)
            for pair in pairs:
                units = f"  ({pair.units} units)" if pair.units > 1 else ""
                text = f"{self.event(pair.left)}  with  {self.event(pair.right)}{units}"
                yield _indented(Text(text), indent + 2)
            if len(told.pairs) > len(pairs):
                more = f"... and {count(len(told.pairs) - len(pairs), 'more pair')}: --whole"
                yield _indented(Text(more, "dim"), indent + 2)
        for side, events in (("left", told.left), ("right", told.right)):
            nothing = "nothing is left over" if not events else f"{len(events)} left over:"
            yield _indented(Text(f"{side}: {nothing}"), indent)
            yield from self.events(events, indent + 2)
        if told.anchor_side is not None:
            partner = self.event(told.partner) if told.partner is not None else "none"
            yield _indented(Text(f"opposite leftover: {partner}"), indent)

    def _blindness(self, blind: Blindness) -> str:
        until = f" to {self._local.clock(blind.until_us)}" if blind.until_us is not None else ""
        since = self._local.clock(blind.from_us)
        reason = f" ({blind.reason})" if blind.reason else ""
        spell = f"was {blind.state}{reason} from {since}{until or ' on'}"
        return f"{blind.device} {spell}, and would have seen {blind.type}"

    def _table(self, events: Sequence[Event]) -> Table:
        made = table("", "", "", "", show_header=False)
        for column in made.columns[:3]:
            column.no_wrap = True
        for event in events:
            at = self._local.clock(event.time)
            made.add_row(at, event.device, type_of(type(event)), self._facts(event))
        return made

    def _facts(self, event: Event) -> str:
        told: dict[str, Any] = msgspec.to_builtins(event)
        known = (event.id, event.time)
        if known in self._told and not self._whole:
            who = {name: value for name, value in told.items() if name in _SHORT}
            return f"{self._local.facts(who)}  (above)".lstrip()
        self._told.add(known)
        if self._fields is not None:
            told = {name: value for name, value in told.items() if name in self._fields}
        return self._local.facts(told)


def _what(clause: ClauseTold) -> str:
    kind, label = clause.kind, clause.label
    if kind == "some_of":
        return f"{label}: at least {clause.at_least} of {len(clause.clauses)}"
    if kind in {"check", "let"}:
        return label if label.startswith(kind) else f"{kind} {label}"
    if kind == "requires":
        return f"{kind} {label}"
    if clause.saw is None or kind == "unmatched":
        return label
    what = f"{kind} {'|'.join(clause.saw.types)}"
    what += f".{clause.field}" if clause.field else ""
    if label.startswith(f"{kind} "):
        return what
    return f"{what} as {label}"


def fields_shown(rule: Rule, registry: Registry) -> frozenset[str]:
    """Give the attributes of events that matter to a rule: what it looks at, and who is who."""
    keys = {"epc", "person", "receipt", "basket", "cashier", "lane", "sku"}
    required = {
        field.attr for kind in registry.kinds.values() for field in kind.fields.values()
        if field.required
    }  # fmt: skip
    return uses_of(rule).attrs | keys | required


def verdict(judgement: Judgement) -> str:
    """Say in a line what a judgement came to."""
    if judgement.outcome == "holds":
        return f"holds, {judgement.points:+} points"
    if judgement.outcome == "undecided":
        return f"cannot be decided: {judgement.stopped_at} is unknown"
    stops = [
        clause.line
        for clause in judgement.clauses
        if clause.label == judgement.stopped_at and clause.truth is not True and clause.line
    ]
    line = f" (line {stops[0]})" if stops else ""
    return f"does not hold: it stops at {judgement.stopped_at}{line}"


def _indented(what: RenderableType, columns: int) -> RenderableType:
    return Padding(what, (0, 0, 0, columns), expand=False)
