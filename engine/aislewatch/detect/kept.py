"""All that is kept of the past: one index for each question that clauses ask, shared by all rules.

Also how long each is kept, the anchors that may be judged anew, and what goes into which index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aislewatch.detect.doubts import Doubts, MaybeSignals
from aislewatch.detect.evidence import Index
from aislewatch.detect.forms import Forms
from aislewatch.detect.intake import Put
from aislewatch.detect.order import order_key
from aislewatch.events.kinds import Event
from aislewatch.events.record import canonical_json
from aislewatch.rules.listed import without_lists
from aislewatch.rules.rule import Expr
from aislewatch.rules.tree import canonical


class Kept:
    """The indexes of a store; see :class:`aislewatch.detect.judgement.Indexes` for what judges ask.

    Args:
        forms: what rules have in common but for one value.
        doubts: undecided judgements of rules whose signals others look for.
        lists: the store file's.

    Attributes:
        turn_at: from which time on :meth:`turn` must be called before an event is put in.
        asked: what was asked for since :meth:`ask`.
    """

    def __init__(self, forms: Forms, doubts: Doubts, lists: Mapping[str, frozenset[str]]) -> None:
        self._forms = forms
        self._doubts = doubts
        self._lists = lists
        self._indexes: dict[str, Index] = {}
        self._anchors: dict[tuple[str, ...], Index] = {}
        self._wanted: list[Put] = []
        # By index: each value that is asked for by itself; and which are asked without any.
        self._only: dict[int, dict[str, str]] = {}
        self._whole: set[int] = set()
        self._puts: list[tuple[Put, Callable[[Any], bool]]] = []
        self._span_us = 0
        self._by_span: dict[int, list[Index]] = {}
        self._turns_at: dict[int, int] = {}
        self.turn_at = -1
        self.asked: list[Index] = []

    # What rules ask for -------------------------------------------------------------------------

    def ask(self, span_us: int) -> None:
        """Have what is asked for from now on kept for so long."""
        self._span_us = span_us
        self.asked = []

    def keyed_index(
        self, types: Sequence[str], where: Expr | None, attrs: tuple[str, ...], *, maybe: bool
    ) -> tuple[Index, tuple[str, ...]]:
        """Give an index as :meth:`index` does, and what to ask with besides the join fields."""
        where = without_lists(where)
        if maybe and where is not None:
            # What is unknown in a key would not be found, and must be.
            return self.index(types, where, attrs, maybe=maybe), ()
        rest, keyed, values = self._forms.split(types, where, attrs)
        if not values:
            return self.index(types, where, attrs, maybe=maybe), ()
        index = self._shared(types, rest, keyed, maybe=False)
        only = self._only.setdefault(id(index), {})
        return index, tuple(only.setdefault(value, value) for value in values)

    def index(
        self, types: Sequence[str], where: Expr | None, attrs: tuple[str, ...], *, maybe: bool
    ) -> Index:
        """Give the index of events that hold (or, ``maybe``, that do not certainly fail).

        What of the condition asks lists is left out, so that a list may change afterwards.
        """
        index = self._shared(types, without_lists(where), attrs, maybe=maybe)
        self._whole.add(id(index))
        return index

    def _shared(
        self, types: Sequence[str], where: Expr | None, attrs: tuple[str, ...], *, maybe: bool
    ) -> Index:
        content = [
            sorted(types),
            canonical(where.term) if where is not None else None,
            attrs,
            maybe and where is not None,
        ]
        key = canonical_json(content).decode()
        index = self._indexes.get(key)
        if index is None:
            index = self._indexes[key] = Index(attrs, self._span_us)
            self._wanted.append(Put(index, frozenset(types), where, maybe))
        index.span_us = max(index.span_us, self._span_us)
        if index not in self.asked:
            self.asked.append(index)
        return index

    def undecided(
        self, types: Sequence[str], where: Expr | None, attrs: tuple[str, ...]
    ) -> MaybeSignals | None:
        """Give where signals are that may be; None where none of the types is a signal."""
        return self._doubts.asked(types, where, attrs)

    def anchors_of(self, types: tuple[str, ...], span_us: int) -> Index:
        """Give the index that keeps what rules of these kinds of anchor are judged for."""
        index = self._anchors.setdefault(types, Index((), span_us))
        index.span_us = max(index.span_us, span_us)
        return index

    def settle(self) -> None:
        """Say that all has been asked for.

        What is compiled later, a judge's twin, asks what was asked before, and for no longer.
        """
        self.ask(0)
        for put in self._wanted:
            # What nobody asks for by its value need not be kept.
            only = None if id(put.index) in self._whole else self._only[id(put.index)]
            narrow = replace(put, only=only)
            self._puts.append((narrow, narrow.compile(self._lists)))
        # All of one span turn at one time; a thousand need not be asked when.
        for index in self._all():
            self._by_span.setdefault(index.span_us, []).append(index)
        self._turns_at = dict.fromkeys(self._by_span, -1)

    # What comes and goes --------------------------------------------------------------------------

    def turn(self, time: int) -> None:
        """Make a time the present of every index; drops what no judgement can ask for any more."""
        for span_us, indexes in self._by_span.items():
            if time >= self._turns_at[span_us]:
                for index in indexes:
                    index.turn(time)
                self._turns_at[span_us] = indexes[0].turn_at
        self.turn_at = min(self._turns_at.values(), default=1 << 62)

    def puts_of(self, type_: str) -> Iterator[tuple[Put, Callable[[Any], bool]]]:
        """Give what events of a type may go into, with the test of one that does."""
        return (pair for pair in self._puts if type_ in pair[0].types)

    def insert(self, event: Event, type_: str) -> None:
        """Put an event in where it is asked for, at its place in the total order."""
        for put, admits in self.puts_of(type_):
            if admits(event):
                put.index.insert(event)

    def remove(self, event: Event, type_: str) -> None:
        """Take an event back."""
        for put, _ in self.puts_of(type_):
            put.index.remove(event)

    def retained(self) -> list[Event]:
        """Give every event that is still needed, once, in the total order."""
        events = {id(event): event for index in self._all() for event in index}
        return sorted(events.values(), key=order_key)

    @property
    def indexes(self) -> dict[str, Index]:
        """Everything that keeps events, by what it is asked."""
        anchors = {f"when {', '.join(types)}": one for types, one in self._anchors.items()}
        return {**self._indexes, **anchors}

    def _all(self) -> list[Index]:
        return [*self._indexes.values(), *self._anchors.values()]
