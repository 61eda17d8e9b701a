"""Judgements that are due: at once and with others of their kind, or when the last window closes.

All run in one order, that of their deadlines and then of their anchors, so that a jump of the
watermark judges what a walk would have judged.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple

from aislewatch.detect.plan import RulePlan
from aislewatch.events.kinds import Event

END_OF_TIME = 1 << 62

Judgement = tuple[RulePlan, Event]
"""A rule and the anchor that it is judged for."""


class _Pending(NamedTuple):
    """A judgement that waits for its last window to close; sorts into the order of judging.

    Of one deadline, rules come before those that judge their signals.
    """

    deadline: int
    stratum: int
    time: int
    device: str
    seq: int
    number: int
    tie: int
    plan: RulePlan
    anchor: Event


class Due:
    """The judgements of a store that have not been made yet.

    Attributes:
        at_once: those that wait for nothing, in the total order of their anchors. Generated code
            puts what comes in order behind it in place.
    """

    def __init__(self) -> None:
        self.at_once: list[Judgement] = []
        self._later: list[_Pending] = []
        self._ties = count()

    def __bool__(self) -> bool:
        """Say whether anything is due, whenever it is."""
        return bool(self.at_once or self._later)

    @property
    def next_us(self) -> int:
        """The first deadline of what waits; the end of time where nothing does."""
        return self._later[0].deadline if self._later else END_OF_TIME

    @property
    def last_us(self) -> int:
        """The last deadline of what waits; -1 where nothing does."""
        return max((pending.deadline for pending in self._later), default=-1)

    def wait(self, plan: RulePlan, anchor: Event, deadline: int) -> None:
        """Have an anchor judged by a rule once everything up to a time is there."""
        place = (anchor.time, anchor.device, anchor.seq, plan.number, next(self._ties))
        heappush(self._later, _Pending(deadline, plan.stratum, *place, plan, anchor))

    def waiting(self) -> Iterable[tuple[RulePlan, int, Event]]:
        """Give what waits, with its deadline, in the order of judging."""
        return ((one.plan, one.deadline, one.anchor) for one in sorted(self._later))

    def take_before(self, time: int) -> list[Judgement]:
        """Take out what waits for nothing, of anchors before a time; in the total order."""
        due = self.at_once
        if not due or due[-1][1].time < time:
            taken = due[:]
            due.clear()
            return taken
        cut = bisect_left(due, time, key=_time_of_anchor)
        taken = due[:cut]
        del due[:cut]
        return taken

    def take_next(self) -> list[Judgement]:
        """Take out what waited until the first deadline, and what did not need to, in order."""
        later = self._later
        due = self.take_before(self.next_us + 1)
        first = later[0][:2]
        while later and later[0][:2] == first:
            pending = heappop(later)
            due.append((pending.plan, pending.anchor))
        due.sort(key=judging_order)
        return due

    def drop(self, event: Event) -> None:
        """Let no rule be judged for an event that turned out not to count."""
        self.at_once[:] = [(plan, anchor) for plan, anchor in self.at_once if anchor != event]
        self._later[:] = [pending for pending in self._later if pending.anchor != event]
        heapify(self._later)


def judging_order(due: Judgement) -> tuple[int, str, int, int]:
    """Give the place of a judgement among those of one deadline."""
    plan, anchor = due
    return anchor.time, anchor.device, anchor.seq, plan.number


def _time_of_anchor(due: Judgement) -> int:
    return due[1].time
