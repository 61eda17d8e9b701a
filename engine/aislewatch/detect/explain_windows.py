"""Where one judgement's clauses look, and what they find there: joins, windows, conditions.

Holds what the judgement's names stand for so far, as windows and joins are measured from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aislewatch.detect.explain_log import Blindness, Log
from aislewatch.detect.explain_terms import Tracer, Truth
from aislewatch.detect.explain_values import Joined, Miss, Saw
from aislewatch.detect.picking import not_after, not_before
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry
from aislewatch.rules.needs import Sight
from aislewatch.rules.rule import Evidence, Expr, Join, Rule
from aislewatch.rules.windows import Bound, Window


class Windows:
    """Looks into windows for one anchor.

    Args:
        rule: whose clauses look.
        anchor: the event that is judged.
        log: everything that is known.
        tracer: computes joins and conditions.
        registry: says what rules call a field.

    Attributes:
        names: what names stand for so far; None for an event that was not found.
        types: the kinds of event that a name can be.
    """

    def __init__(
        self, rule: Rule, anchor: Event, log: Log, tracer: Tracer, registry: Registry
    ) -> None:
        self.names: dict[str, Any] = {rule.anchor.name: anchor}
        self.types: dict[str, tuple[str, ...]] = {rule.anchor.name: rule.anchor.types}
        self._rule = rule
        self._anchor = anchor
        self._log = log
        self._tracer = tracer
        self._registry = registry

    def look(
        self, clause: Evidence, *, maybe: bool = False, keep_anchor: bool = False
    ) -> tuple[list[Event] | None, Saw]:
        """Give what counts in a clause's window.

        Args:
            clause: whose.
            maybe: give also what is not certain not to count.
            keep_anchor: the anchor may count, too.

        Returns:
            The events in the total order, None where the window or a join is unknown; and where
            was looked.
        """
        where = clause.where.shown if clause.where is not None else ""
        saw = self.where_to_look(clause.types, clause.window, clause.same, where)
        if saw.from_us is None or saw.to_us is None or is_unknown(saw):
            return None, saw
        attrs = [join.attr for join in clause.same]
        key = [join.value for join in saw.same]
        refused = (False,) if maybe else (False, None)
        found: Sequence[Event] = [
            event
            for event in self._log.between(clause.types, saw.from_us, saw.to_us)
            if [getattr(event, attr) for attr in attrs] == key
            and self.counts(clause.where, event) not in refused
        ]
        return self._trimmed(clause, found, keep_anchor=keep_anchor), saw

    def may_be(self, clause: Evidence, saw: Saw) -> list[Event]:
        """Give signals that may be and would count in a clause's window, which is known."""
        assert saw.from_us is not None
        assert saw.to_us is not None
        key = {join.attr: one.value for join, one in zip(clause.same, saw.same, strict=True)}
        span = (saw.from_us, saw.to_us)
        return self._trimmed(clause, self._log.may_be(clause.types, clause.where, key, span))

    def _trimmed(
        self, clause: Evidence, found: Sequence[Event], *, keep_anchor: bool = False
    ) -> list[Event]:
        for bound, trim in ((clause.window.start, not_before), (clause.window.end, not_after)):
            types = self.types.get(bound.ref, ())
            # Among events of the type of the one that the window is measured from, the total order
            # says what is before and what is after.
            if bound.offset_us == 0 and set(types) & set(clause.types):
                keep = keep_anchor and bound.ref == self._rule.anchor.name
                found = trim(found, self.names[bound.ref], sorted(types), keep)
        return [event for event in found if keep_anchor or event is not self._anchor]

    def where_to_look(
        self, types: Sequence[str], window: Window, same: Sequence[Join], where: str = ""
    ) -> Saw:
        """Give a window in time, and joins with their values."""
        joined = [
            Joined(
                self.path_of(types, join.attr),
                join.expr.text,
                self._tracer.raw(join.expr.term, self.names),
            )
            for join in same
        ]
        return Saw(list(types), self._bound(window.start), self._bound(window.end), joined, where)

    def counts(self, where: Expr | None, event: Event) -> Truth:
        """Say whether an event meets a condition."""
        if where is None:
            return True
        truth: Truth = self._tracer.raw(where.term, {"": event})
        return truth

    def blind(
        self, sights: Iterable[Sight], start_us: int | None, end_us: int | None
    ) -> list[Blindness]:
        """Give the devices that could not see at some time of a span that is known."""
        assert start_us is not None
        assert end_us is not None
        found: dict[str, Blindness] = {}
        for sight in sights:
            lane, zone = (
                None if where is None else self._tracer.raw(where.term, self.names)
                for where in (sight.lane, sight.zone)
            )
            for one in self._log.blind(sight.types, lane, start_us, end_us, zone):
                found.setdefault(one.device, one)
        return list(found.values())

    def path_of(self, types: Sequence[str], attr: str) -> str:
        """Give what rules call an attribute of some kinds of event."""
        fields = self._registry.kinds[types[0]].fields
        return next(path for path, field in fields.items() if field.attr == attr)

    def _bound(self, bound: Bound) -> int | None:
        ref: Event | None = self.names.get(bound.ref)
        return ref.time + bound.offset_us if ref is not None else None


def is_unknown(saw: Saw) -> bool:
    """Say whether a join has no value: it then joins nothing."""
    return any(join.value is None for join in saw.same)


def why_unknown(saw: Saw) -> str:
    """Say why nobody knows where to look, or for what."""
    if saw.from_us is None or saw.to_us is None:
        return "what its window is measured from was not found"
    unknown = ", ".join(join.text for join in saw.same if join.value is None)
    return f"what it joins on is unknown: {unknown}"


def filled(
    saw: Saw,
    found: Sequence[Event] | None,
    misses: Sequence[Miss] = (),
    *,
    doubtful: Sequence[Event] = (),
    picked: Event | None = None,
) -> Saw:
    """Give where was looked together with what was there."""
    return Saw(
        saw.types,
        saw.from_us,
        saw.to_us,
        saw.same,
        saw.where,
        list(found or ()),
        list(doubtful),
        picked,
        list(misses),
    )
