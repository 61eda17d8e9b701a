"""Which clause stopped each judgement of a rule, counted while the core judges.

In place of a rule's judge stands its tracing twin, which judges alike and says what failed. An
anchor that late evidence has judged anew counts once, by its last judgement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from aislewatch.authoring.backtest_hits import day_of
from aislewatch.detect.judgement import NO_ANCHOR, Blind, Fails, Indexes, Judge, Undecided, Verdict
from aislewatch.detect.judging import compile_traced_judge
from aislewatch.events.kinds import Event
from aislewatch.rules.compiling import Lists
from aislewatch.rules.rule import Rule

HELD: Final = ""
"""In place of a clause: none failed."""

UNDECIDED: Final = "?"
"""Before a clause: it could not be told."""

Stops = Mapping[str, Mapping[str, int]]
"""By day: how many judgements each clause stopped; `HELD` and `UNDECIDED` as above."""


class StopCounter:
    """Counts, by day, what became of the judgements of one rule in one store.

    Args:
        zone: the store's time zone.
        again_us: how long after an anchor it may be judged anew.
    """

    def __init__(self, zone: str, again_us: int) -> None:
        self._zone = zone
        self._again_us = again_us
        self._days: dict[str, Counter[str]] = {}
        self._recent: dict[tuple[str, int], str] = {}

    @property
    def stops(self) -> Stops:
        """The counts so far."""
        return {day: +counts for day, counts in sorted(self._days.items())}

    def compile(self, rule: Rule, indexes: Indexes, blind: Blind, lists: Lists) -> Judge:
        """Make a judge that counts: what a core is given as its compiler."""
        traced = compile_traced_judge(rule, indexes, blind, lists)

        def judge(anchor: Event) -> Verdict:
            verdict = traced(anchor)
            if isinstance(verdict, Fails):
                if verdict.clause != NO_ANCHOR:
                    self._count(anchor, verdict.clause)
                return None
            if isinstance(verdict, Undecided):
                self._count(anchor, UNDECIDED + verdict.clause)
            else:
                self._count(anchor, HELD)
            return verdict

        return judge

    def _count(self, anchor: Event, outcome: str) -> None:
        key = anchor.id, anchor.time
        counts = self._days.setdefault(day_of(anchor.time, self._zone), Counter())
        before = self._recent.pop(key, None)
        if before is not None:
            counts[before] -= 1
        counts[outcome] += 1
        self._recent[key] = outcome
        # The oldest stand first, for anchors are judged in the order of their times.
        while next(iter(self._recent))[1] < anchor.time - self._again_us:
            del self._recent[next(iter(self._recent))]
