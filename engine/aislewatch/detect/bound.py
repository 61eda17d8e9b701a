"""The bound on what is kept: what holds more events than the store allows lets go of the oldest.

That happens when house is kept, at full steps of event time, and is told. A judgement that would
have looked at what is gone is undecided for it: it neither accuses nor acquits. Time lets go of
events unasked; only a flood, or a bound too small for the shop, comes here. What was never kept,
because no rule asked for it yet, is gone in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from aislewatch.detect.judgement import Fails, Judge, Undecided, Verdict
from aislewatch.detect.plan import Plan, RulePlan
from aislewatch.events.kinds import Event
from aislewatch.rules.rule import Evidence, NotSeen, SomeOf, Unmatched

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LABEL = "evidence"
"""What is undecided, in place of a clause's name, where what was kept does not suffice."""


class LetGo(NamedTuple):
    """What one index let go of.

    Attributes:
        asked: the question that it answers: types of event, condition, join fields.
        rules: ids of those that ask it.
        events: how many.
        from_us: time of the oldest of them.
        until_us: up to and including this time nothing is left.
    """

    asked: str
    rules: tuple[str, ...]
    events: int
    from_us: int
    until_us: int


class Bound:
    """Keeps every index of a plan within a number of events.

    Args:
        plan: of the rules.
        most: events that one index may hold.
        floors: by index, until when it has let go of everything; kept up to date, for snapshots.
        begun: by id of a rule, until when not all was kept that it looks for; see
            :mod:`aislewatch.detect.begun`.
    """

    def __init__(
        self, plan: Plan, most: int, floors: dict[str, int], begun: Mapping[str, int]
    ) -> None:
        self._plan = plan
        self._begun = begun
        self._plainly = {one.rule.id: one.judge for one in plan.rules}
        self._most = most
        self._floors = floors
        # How many events may come before any index can be too full; not counted yet.
        self._room = -1
        self._coming = 0
        for name, index in plan.indexes.items():
            index.floor_us = floors.get(name, -1)
        self._shorten()

    def coming(self, events: int) -> None:
        """Note that so many events are put in from now on, until this is said again."""
        self._coming = events
        self._room -= events

    def grown(self) -> None:
        """Note that an event was put in besides."""
        self._room -= 1

    def keep(self) -> list[LetGo]:
        """Let go of what is too much; costs nothing where too little has come for that."""
        if self._room >= 0:
            return []
        found: list[LetGo] = []
        fullest = 0
        for name, index in self._plan.indexes.items():
            held = len(index)
            if held > self._most:
                events, oldest = index.trim(self._most)
                held -= events
                self._floors[name] = index.floor_us
                found.append(LetGo(name, self._askers(name), events, oldest, index.floor_us))
            fullest = max(fullest, held)
        self._room = self._most - fullest - self._coming
        if found:
            self._shorten()
        return found

    def forget(self, before_us: int) -> None:
        """Forget of what time everything was let go, where no judgement looks there any more."""
        for name in [name for name, floor in self._floors.items() if floor < before_us]:
            del self._floors[name]

    def _askers(self, name: str) -> tuple[str, ...]:
        index = self._plan.indexes[name]
        asking = (p for p in self._plan.rules if index is p.anchors or index in p.indexes)
        return tuple(plan.rule.id for plan in asking)

    def _shorten(self) -> None:
        """Have rules judged with care that look into an index which has let go of something."""
        for plan in self._plan.rules:
            gone_us = max((index.floor_us for index in plan.indexes), default=-1)
            begun_us = self._begun.get(plan.rule.id, -1)
            if max(gone_us, begun_us) >= 0:
                why = _GONE if gone_us >= begun_us else _NEVER_KEPT
                floor = _Floor(max(gone_us, begun_us), why)
                careful = _careful(self._plan, plan, floor, self._plainly[plan.rule.id])
                self._plan.judge_by(plan, careful)


class _Floor(NamedTuple):
    """Up to and including when not all is there, and why, with room for the time."""

    time_us: int
    why: str


_GONE = "more came than is kept; what was seen until {} is gone"
_NEVER_KEPT = "the rule is newer; not all that it looks for was kept until {}"


def _careful(plan: Plan, rule: RulePlan, floor: _Floor, plainly: Judge) -> Judge:
    """Make a judge that leaves open what may rest on events that are gone."""
    earliest_us = min([0, rule.rule.reach.earliest_us, *(t.earliest_us for t in rule.touches)])
    certain = _certain(rule)
    traced = plan.traced(rule)
    floor_us = floor.time_us
    until = (_EPOCH + timedelta(microseconds=floor_us)).isoformat().replace("+00:00", "Z")
    because = floor.why.format(until)

    def judge(anchor: Event) -> Verdict:
        if anchor.time + earliest_us > floor_us:
            return plainly(anchor)
        verdict = traced(anchor)
        if isinstance(verdict, Undecided):
            return verdict
        if isinstance(verdict, Fails) and verdict.clause in certain:
            return None
        return Undecided(LABEL, because)

    return judge


def _certain(plan: RulePlan) -> frozenset[str]:
    """Give what fails whatever is gone: excuses, what was not to be seen, what asks the anchor."""
    certain = [excuse.name for excuse in plan.rule.excepts]
    asked = False
    clauses: Sequence[Any] = plan.rule.clauses
    for clause in clauses:
        if isinstance(clause, NotSeen):
            certain.append(clause.label)
        asked = asked or isinstance(clause, Evidence | Unmatched | SomeOf)
        if not asked:
            certain.append(clause.label)
    return frozenset(certain)
