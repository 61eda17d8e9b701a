"""Signals that may be: judgements that are undecided, for whoever looks for signals and finds none.

A rule that is undecided says nothing. Who took its silence for "it does not hold" would accuse by
what nobody knows. So the signal that there would be is remembered, with as much of it as the event
that was judged tells; what only the rule's clauses could tell of it may be anything.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from aislewatch.detect.evidence import Key
from aislewatch.detect.order import order_key
from aislewatch.events.kinds import Event
from aislewatch.events.registry import type_of
from aislewatch.rules.compiling import Lists, compile_event_later
from aislewatch.rules.rule import Expr, Rule
from aislewatch.rules.signals import PREFIX, Entities, fields_told, signal_kind
from aislewatch.rules.tree import Field, Has, parts

_time = attrgetter("time")

_OF_CLAUSES = frozenset({"points", "value_minor"})
"""Fields of every signal that its clauses decide."""


class _Maker(NamedTuple):
    """Makes what may be a signal of one rule.

    Attributes:
        kind: of its signals as events.
        wait_us: how long after its anchor the rule is judged.
        known: by field, what gives its value from the anchor.
        open: fields whose values only clauses tell.
    """

    kind: Any
    wait_us: int
    known: Mapping[str, Callable[[Event], Any]]
    open: frozenset[str]


class Doubts:
    """Remembers undecided judgements of rules whose signals others look for.

    Args:
        rules: those at hand.
        heard: of which of them others look for signals, with what those are about.
        lists: the named lists.
        store: where.
        events: remembered before, by the id that the signal would have; kept up to date.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        heard: Mapping[str, Entities],
        lists: Lists,
        store: str,
        events: dict[str, Event],
    ) -> None:
        self._lists = lists
        self._store = store
        self._events = events
        self._makers = {
            rule.id: _maker(rule, heard[rule.id], lists) for rule in rules if rule.id in heard
        }
        self._by_type: dict[str, list[Event]] = {}
        for event in events.values():
            insort(self._by_type.setdefault(type_of(type(event)), []), event, key=order_key)

    def tell(self, rule: str, ident: str, anchor: Event) -> Event | None:
        """Remember an undecided judgement.

        Args:
            rule: whose.
            ident: the id that its signal would have.
            anchor: what was judged.

        Returns:
            What there may be; None where nobody looks for it.
        """
        maker = self._makers.get(rule)
        if maker is None:
            return None
        event: Event = maker.kind(
            **{name: value(anchor) for name, value in maker.known.items()},
            id=ident,
            store=self._store,
            device=anchor.device,
            time=anchor.time + maker.wait_us,
        )
        self.untell(ident)
        self._events[ident] = event
        insort(self._by_type.setdefault(type_of(type(event)), []), event, key=order_key)
        return event

    def untell(self, ident: str) -> Event | None:
        """Forget one that is decided now; give what there might have been."""
        event = self._events.pop(ident, None)
        if event is not None:
            self._by_type[type_of(type(event))].remove(event)
        return event

    def forget(self, before_us: int) -> None:
        """Forget what no judgement can ask for any more."""
        for type_, events in self._by_type.items():
            gone = bisect_left(events, before_us, key=_time)
            for event in events[:gone]:
                del self._events[event.id]
            self._by_type[type_] = events[gone:]

    def asked(
        self, types: Sequence[str], where: Expr | None, attrs: tuple[str, ...]
    ) -> MaybeSignals | None:
        """Give where a clause looks for signals that may be; None where it looks for no signals."""
        mine = [type_ for type_ in types if type_.startswith(PREFIX)]
        return MaybeSignals(self, mine, where, attrs, self._lists) if mine else None

    def between(self, type_: str, start_us: int, end_us: int) -> Sequence[Event]:
        """Give those of one type from one time to another, both included, in order."""
        events = self._by_type.get(type_)
        if not events:
            return ()
        low = bisect_left(events, start_us, key=_time)
        return events[low : bisect_left(events, end_us + 1, key=_time)]

    def open_fields(self, type_: str) -> frozenset[str]:
        """Give the fields of signals of a type that an undecided judgement leaves open."""
        maker = self._makers.get(type_.removeprefix(PREFIX))
        return maker.open if maker is not None else _OF_CLAUSES


class MaybeSignals:
    """What one clause would count among signals that may be; see :meth:`Doubts.asked`."""

    def __init__(
        self,
        doubts: Doubts,
        types: Sequence[str],
        where: Expr | None,
        attrs: tuple[str, ...],
        lists: Lists,
    ) -> None:
        self._doubts = doubts
        self._types = types
        self._attrs = attrs
        self._where = where
        source = where.fails_source({"": "e"}) if where is not None else "False"
        self._fails = compile_event_later(source, lists)

    def between(self, key: Key, start_us: int, end_us: int) -> Sequence[Event]:
        """Give those of a key, as far as it is known, from one time to another, in order."""
        values: Any = (key,) if len(self._attrs) == 1 else key
        found = [
            event
            for type_ in self._types
            for event in self._doubts.between(type_, start_us, end_us)
            if self._joins(event, values, self._doubts.open_fields(type_))
            and self._may_count(event, type_)
        ]
        return sorted(found, key=order_key) if len(self._types) > 1 else found

    def _joins(self, event: Event, values: Sequence[Any], open_: frozenset[str]) -> bool:
        return all(
            attr in open_ or getattr(event, attr) == value
            for attr, value in zip(self._attrs, values, strict=True)
        )

    def _may_count(self, event: Event, type_: str) -> bool:
        if self._where is None:
            return True
        open_ = self._doubts.open_fields(type_)
        # A condition on what is open is unknown; but ``has`` would take it for missing.
        guessed = any(
            isinstance(part, Has) and isinstance(part.term, Field) and part.term.attr in open_
            for part in parts(self._where.term)
        )
        return guessed or not self._fails(event)


def left_open(signals: Sequence[Event]) -> str:
    """Say why there may be signals where none was found."""
    rules = sorted({type_of(type(event)).removeprefix(PREFIX) for event in signals})
    return f"whether {' or '.join(rules)} holds was undecided, too"


def _maker(rule: Rule, entities: Entities, lists: Lists) -> _Maker:
    anchor = rule.anchor.name
    told = fields_told(entities)
    about = {name: expr for name, expr in rule.incident.about.items() if name in told}
    known = {name: expr for name, expr in about.items() if expr.names <= {anchor}}
    return _Maker(
        kind=signal_kind(rule.id, entities),
        wait_us=max(0, rule.reach.latest_us),
        known={name: _of_anchor(expr, anchor, lists) for name, expr in known.items()},
        open=_OF_CLAUSES | about.keys() - known.keys(),
    )


def _of_anchor(expr: Expr, anchor: str, lists: Lists) -> Callable[[Event], Any]:
    value = expr.compile_bound(lists)
    return lambda event: value({anchor: event})
