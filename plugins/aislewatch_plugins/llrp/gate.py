"""The gate's filter: from the reads of its antennas to one crossing for each tag and passage.

A tag's *passage* is its reads until it falls silent. What was heard too weakly or too seldom, or on
one side only of a gate that has two, did not pass. The way is told by the passage's first and last
seconds (`edges`): where the tag came from and where it went, however long somebody stood in the
door in between, and whoever turns round at the gate has come from where they went.

A tag that stays near the gate for minutes is a *stray*: stock that was put too close to the door, a
parked trolley. It is told once, for somebody to move it, and passes only if the side to which it
goes hears it clearly stronger than in all the time before, as it does a tag that is carried there.

A reader may tell what it heard some seconds late. So silence is measured twice: between the reads,
by when they were made, and after the last one, by when it came in.

Pure: times come in, nothing is awaited. The same reads give the same crossings.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from aislewatch.events.kinds import TimedBy
from aislewatch_plugins.llrp.config import GatePart
from aislewatch_plugins.llrp.passage import (
    INSIDE,
    OUTSIDE,
    Direction,
    Judgement,
    Sighting,
    judge,
)

SIGHTINGS_MAX = 2_000
"""In a few seconds; a reader hears a tag some hundred times in a second at most."""

RECENT_US = 10_000_000
"""How long ago a read is still part of what a tag does now, and not of what is usual with it."""

_NEVER_DBM = -1000.0


class Crossing(NamedTuple):
    """A tag passed.

    Attributes:
        epc: the tag.
        time_us: of its last read.
        direction: None where the gate cannot tell.
        confidence: of the direction, 0 to 1; None where the gate has one side only.
        reads: how often it was heard, over all antennas.
        best_dbm: strongest read; None where the reader does not say.
        timed_by: where the time is from, unless it is the reader's own.
    """

    epc: str
    time_us: int
    direction: Direction | None
    confidence: float | None
    reads: int
    best_dbm: float | None
    timed_by: TimedBy | None = None


class Stray(NamedTuple):
    """A tag stays near the gate, or does not any more.

    Attributes:
        epc: the tag.
        time_us: when that was known.
        since_us: since when it has been near.
        gone: it is near no more.
    """

    epc: str
    time_us: int
    since_us: int
    gone: bool = False


Finding = Crossing | Stray


@dataclass(slots=True)
class _Near:
    """A tag near the gate, and the passage that it may be making."""

    since_us: int
    last_us: int
    came_us: int
    timed_by: TimedBy | None
    stray: bool = False
    usual_dbm: list[float] = field(default_factory=lambda: [_NEVER_DBM] * 3)
    """By side, the strongest that it was heard, but for the last seconds."""
    reads: int = 0
    head: list[Sighting] = field(default_factory=list[Sighting])
    """The passage's first seconds."""
    recent: deque[Sighting] = field(default_factory=deque[Sighting])
    """Its last seconds, more of them than say where it went."""

    def take(self, sighting: Sighting, settings: GatePart) -> None:
        self.reads += sighting.reads
        first = not self.head or sighting.time_us <= self.head[0].time_us + settings.edges
        if first and len(self.head) < SIGHTINGS_MAX:
            self.head.append(sighting)
        self.recent.append(sighting)
        self.settle(self.last_us - RECENT_US)

    def settle(self, before_us: int) -> None:
        """Let reads from before a time count as what is usual."""
        recent = self.recent
        while recent and (recent[0].time_us < before_us or len(recent) > SIGHTINGS_MAX):
            past = recent.popleft()
            self.usual_dbm[past.side] = max(self.usual_dbm[past.side], _level(past))

    def edges(self, edges_us: int) -> list[Sighting]:
        """Give the passage's first and last seconds."""
        late_us = self.last_us - edges_us
        early = [sighting for sighting in self.head if sighting.time_us < late_us]
        return early + [sighting for sighting in self.recent if sighting.time_us >= late_us]

    def end(self) -> None:
        """Begin another passage."""
        self.settle(self.last_us + 1)
        self.head.clear()
        self.reads = 0


class Gate:
    """See the module.

    Args:
        settings: of the filter.
        sides: the sides that the gate's antennas look at.

    Attributes:
        weak: reads that were below the floor.
        undecided: passages that were none: too few reads, one side only, a stray that stayed.
    """

    def __init__(self, settings: GatePart, sides: frozenset[int]) -> None:
        self.weak = 0
        self.undecided = 0
        self._settings = settings
        self._two_sided = len(sides) > 1
        self._near: dict[str, _Near] = {}
        self._found: list[Finding] = []

    @property
    def strays(self) -> list[str]:
        """The tags that stay near the gate, in the order in which they came."""
        return [epc for epc, near in self._near.items() if near.stray]

    def heard(self, epc: str, sighting: Sighting, now_us: int) -> None:
        """Take one read of a tag; reads come nearly in order of time.

        Args:
            epc: the tag.
            sighting: the read.
            now_us: when it came in.
        """
        settings, time_us = self._settings, sighting.time_us
        if sighting.rssi_dbm is not None and sighting.rssi_dbm < settings.floor_dbm:
            self.weak += 1
            return
        near = self._near.get(epc)
        if near is not None and near.last_us + settings.gap < time_us:
            self._found += self._judged(epc, near)
            if near.last_us + settings.stray_gone < time_us:
                self._forget(epc, near)
                near = None
        if near is None:
            near = self._near[epc] = _Near(time_us, time_us, now_us, sighting.timed_by)
        if time_us >= near.last_us:
            near.last_us, near.timed_by = time_us, sighting.timed_by
        near.came_us = max(near.came_us, now_us)
        near.take(sighting, settings)
        if not near.stray and near.last_us - near.since_us >= settings.stray_after:
            near.stray = True
            self._found.append(Stray(epc, near.last_us, near.since_us))

    def advance(self, now_us: int) -> list[Finding]:
        """Say what has come to be known by now, in order of time."""
        settings = self._settings
        for epc, near in list(self._near.items()):
            if near.reads and near.came_us + settings.gap <= now_us:
                self._found += self._judged(epc, near)
            if near.came_us + settings.stray_gone <= now_us:
                self._forget(epc, near)
        return self._known()

    def close(self) -> list[Finding]:
        """Judge the passages that are under way, as if nothing more came."""
        for epc, near in self._near.items():
            self._found += self._judged(epc, near)
        return self._known()

    def _known(self) -> list[Finding]:
        found, self._found = self._found, []
        return sorted(found, key=lambda finding: (finding.time_us, finding.epc))

    def _forget(self, epc: str, near: _Near) -> None:
        del self._near[epc]
        if near.stray:
            gone_us = near.last_us + self._settings.stray_gone
            self._found.append(Stray(epc, gone_us, near.since_us, gone=True))

    def _judged(self, epc: str, near: _Near) -> Iterator[Crossing]:
        """Judge a tag's passage, which is over."""
        if not near.reads:
            return
        settings, edges, reads = self._settings, near.edges(self._settings.edges), near.reads
        judgement = judge(edges, settings.floor_dbm)
        one_side = len({sighting.side for sighting in edges}) == 1
        stays = near.stray and not self._stands_out(near, judgement)
        best_dbm = max(_level(sighting) for sighting in (*edges, *near.recent))
        near.end()
        if reads < settings.min_reads or (self._two_sided and one_side) or stays:
            self.undecided += 1
            return
        sure = judgement.confidence >= settings.min_confidence
        yield Crossing(
            epc=epc,
            time_us=near.last_us,
            direction=judgement.direction if sure else None,
            confidence=judgement.confidence if self._two_sided else None,
            reads=reads,
            best_dbm=None if best_dbm == _NEVER_DBM else best_dbm,
            timed_by=near.timed_by,
        )

    def _stands_out(self, near: _Near, judgement: Judgement) -> bool:
        """Say whether a stray was heard as it never was, where it went."""
        settings = self._settings
        where = {"out": {OUTSIDE}, "in": {INSIDE}, None: set[int]()}[judgement.direction]
        if not self._two_sided:
            where = {sighting.side for sighting in near.recent}
        elif judgement.confidence < settings.min_confidence:
            return False
        return any(
            _level(sighting) >= near.usual_dbm[sighting.side] + settings.stray_margin_db
            for sighting in near.recent
            if sighting.side in where and sighting.rssi_dbm is not None
        )


def _level(sighting: Sighting) -> float:
    return _NEVER_DBM if sighting.rssi_dbm is None else sighting.rssi_dbm
