"""The days of a backtest that count: all of the data, or its last so many.

All days are judged, so that quiet times and half-open windows are what they were; only what is told
of is cut to the days that count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from aislewatch.authoring.backtest_hits import Raised
from aislewatch.authoring.backtest_run import Run


class Span(NamedTuple):
    """The days that count.

    Attributes:
        first, last: the days that it begins and ends with; empty without any.
        days: by store, on how many of them its devices told anything.
        open: by day, how many stores' devices told anything.
        events: that they told.
    """

    first: str
    last: str
    days: Mapping[str, int]
    open: Mapping[str, int]
    events: int

    @classmethod
    def of(cls, run: Run, last_days: int | None) -> Span:
        """Find the days that count: all, or so many up to the last on which any store told."""
        told = [day for store in run.stores for day in store.days]
        first, last = min(told, default=""), max(told, default="")
        if told and last_days is not None:
            first = max(first, str(date.fromisoformat(last) - timedelta(days=last_days - 1)))
        kept = {s.store: {d: n for d, n in s.days.items() if first <= d} for s in run.stores}
        return cls(
            first,
            last,
            {name: len(days) for name, days in kept.items()},
            dict(sorted(Counter(day for days in kept.values() for day in days).items())),
            sum(sum(days.values()) for days in kept.values()),
        )

    def holds(self, day: str) -> bool:
        """Say whether a day counts."""
        return bool(self.first) and self.first <= day

    def cut(self, raised: Raised) -> Raised:
        """Leave out what lies before it."""
        return Raised(
            [hit for hit in raised.hits if self.holds(hit.day)],
            {day: n for day, n in raised.withdrawn.items() if self.holds(day)},
            {day: n for day, n in raised.incidents.items() if self.holds(day)},
        )

    def cut_both(self, raised: Raised) -> Raised:
        """Leave out what lies before it, and what lies behind: a ledger may know of later days."""
        kept = self.cut(raised)
        return Raised(
            [hit for hit in kept.hits if hit.day <= self.last],
            {day: n for day, n in kept.withdrawn.items() if day <= self.last},
            {day: n for day, n in kept.incidents.items() if day <= self.last},
        )
