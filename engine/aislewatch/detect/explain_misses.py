"""Events that nearly counted: just outside a window, stopped by a condition, equal in all but one.

What an author asks of a clause that did not hold is whether there was anything at all; and of an
absence that did hold, whether the sale came two seconds too late to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence

from aislewatch.detect.explain_log import Log
from aislewatch.detect.explain_terms import Tracer
from aislewatch.detect.explain_values import Joined, Miss, Saw
from aislewatch.events.kinds import Event
from aislewatch.rules.rule import Evidence

MOST = 2
"""How many events are told of each kind of lack."""

_LEAST_BEYOND_US = 60_000_000
_MOST_BEYOND_US = 3_600_000_000


class Misses:
    """Looks beside the windows of one judgement.

    Args:
        log: everything that is known.
        tracer: computes conditions.
        anchor: the event that is judged; it never counts as a near miss of its own clauses.
    """

    def __init__(self, log: Log, tracer: Tracer, anchor: Event) -> None:
        self._log = log
        self._tracer = tracer
        self._anchor = anchor

    @staticmethod
    def beyond(width_us: int) -> int:
        """Give how far outside a window is still near: its width, but a minute to an hour."""
        return min(max(width_us, _LEAST_BEYOND_US), _MOST_BEYOND_US)

    def of(self, clause: Evidence, saw: Saw, found: Sequence[Event]) -> list[Miss]:
        """Give the events that lack one thing to count, the nearest first.

        Args:
            clause: a clause whose window and joins are known.
            saw: where it looked.
            found: what counted.
        """
        start, end = saw.from_us, saw.to_us
        assert start is not None
        assert end is not None
        beyond = self.beyond(end - start)
        counted = {id(event) for event in (*found, self._anchor)}
        lacking: dict[str, list[tuple[int, Miss]]] = {}
        for event in self._log.between(clause.types, start - beyond, end + beyond):
            if id(event) in counted:
                continue
            outside = min(0, event.time - start) or max(0, event.time - end)
            miss = self._miss(clause, saw, event, outside)
            if miss is not None:
                far = abs(outside) or abs(event.time - self._anchor.time)
                lacking.setdefault(miss.lacks, []).append((far, miss))
        told: list[Miss] = []
        for lacks in ("order", "window", "where", "same"):
            nearest = sorted(lacking.get(lacks, []), key=lambda one: one[0])
            # Under another key there is always something; it means little where something else
            # was nearer.
            most = MOST if lacks != "same" else 1 if not told else 0
            told += [miss for _, miss in nearest[:most]]
        return told

    def _miss(self, clause: Evidence, saw: Saw, event: Event, outside: int) -> Miss | None:
        differs = [
            (joined, getattr(event, join.attr))
            for join, joined in zip(clause.same, saw.same, strict=True)
            if getattr(event, join.attr) != joined.value
        ]
        condition = None
        if clause.where is not None:
            condition = self._tracer.condition(clause.where.term, {"": event})
        stopped = condition is not None and condition.truth is not True
        if (outside != 0) + stopped + len(differs) > 1:
            return None
        if outside:
            return Miss(event, "window", outside_us=outside)
        if stopped:
            return Miss(event, "where", condition=condition)
        if differs:
            joined: Joined
            joined, has = differs[0]
            return Miss(event, "same", joined=joined, has=has)
        return Miss(event, "order")
