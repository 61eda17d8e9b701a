"""One total order out of many devices' arrivals, and what arrived twice, late or contradicting.

Events are held back until the watermark has passed them and are then released in the order
``(time, device, seq, content)``, so that any arrival order within the allowed lateness gives the
same sequence. The watermark is the latest tick of the clock less the lateness. It is moved by ticks
alone, which are events of the log like any other: a device whose clock runs ahead cannot poison it,
silence does not stop it, and a replay sees it move at the same places.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from operator import attrgetter, lt

from aislewatch.events.codec import content_hash
from aislewatch.events.kinds import ClockTick, Event

_END_OF_TIME = 1 << 62

_time = attrgetter("time")
_by_device = attrgetter("time", "device", "seq")


def order_key(event: Event) -> tuple[int, str, int, bytes]:
    """Give the place of an event in the total order."""
    return event.time, event.device, event.seq, content_hash(event)


class Fate(Enum):
    """What becomes of an event that arrives out of its time."""

    DUPLICATE = "duplicate"
    LATE = "late"
    TOO_LATE = "too late"
    AHEAD = "ahead"


@dataclass
class OrderState:
    """What the order remembers; everything a snapshot needs.

    Ids are known for two generations of event time, each at least a horizon long: the older goes
    whole, which costs nothing an event.

    Attributes:
        held: arrived, not yet released.
        known: by id, the events that count, of the running generation.
        older: those of the generation before; an id stands in one of the two.
        losers: by id, other contents that came under it and do not count.
        generation: number of the running generation.
        watermark: every event up to and including this time has been released.
        last: time of the latest tick.
    """

    held: list[Event] = field(default_factory=list[Event])
    known: dict[str, Event] = field(default_factory=dict[str, Event])
    older: dict[str, Event] = field(default_factory=dict[str, Event])
    losers: dict[str, list[Event]] = field(default_factory=dict[str, list[Event]])
    generation: int = -1
    watermark: int = -1
    last: int = -1


class Order:
    """Holds events back, releases them in the total order, knows those that came already.

    Args:
        lateness_us: how long after its time an event may arrive without being late.
        horizon_us: how far behind the watermark a late event still counts; older is too late.
        ahead_us: how far ahead of the clock an event may lie; further is a broken device clock.
        state: continue from here.
    """

    def __init__(
        self,
        lateness_us: int,
        horizon_us: int,
        ahead_us: int,
        state: OrderState | None = None,
    ) -> None:
        assert lateness_us >= 0
        assert horizon_us >= 0
        self.lateness_us = lateness_us
        self.horizon_us = horizon_us
        self.ahead_us = ahead_us
        self.state = state or OrderState()

    @property
    def watermark(self) -> int:
        """Every event up to and including this time has been released."""
        return self.state.watermark

    @property
    def admits(self) -> tuple[int, int]:
        """Give the times after and until which an event simply joins ``state.held``.

        What lies outside is looked at one by one: see :meth:`fate`. Before the first tick there
        is no clock that anything could be ahead of.
        """
        state = self.state
        return state.watermark, state.last + self.ahead_us if state.last >= 0 else _END_OF_TIME

    def fate(self, event: Event) -> Fate:
        """Say what becomes of an event that cannot simply be held back."""
        watermark = self.state.watermark
        if event.time > watermark:
            return Fate.AHEAD
        if self.is_duplicate(event):
            return Fate.DUPLICATE
        if event.time <= watermark - self.horizon_us:
            return Fate.TOO_LATE
        return Fate.LATE

    def known(self, ident: str) -> Event | None:
        """Give the event that counts under an id; None where none came that would matter yet."""
        return self.state.known.get(ident) or self.state.older.get(ident)

    def remember(self, event: Event) -> Event:
        """Know an event's id from now on.

        Returns:
            The event itself; or the one that is already known under its id, which then stays known
            until :meth:`contradict` says otherwise.
        """
        return self.known(event.id) or self.state.known.setdefault(event.id, event)

    def is_duplicate(self, event: Event) -> bool:
        """Say whether this very content came under this id before, whether it counts or not."""
        return self.known(event.id) == event or event in self.state.losers.get(event.id, ())

    def contradict(self, event: Event) -> Event:
        """Know a second content of a known id; the lowest hash counts, whatever came first.

        Returns:
            The event that counts, which is the one that is known from now on.
        """
        state = self.state
        winner, loser = self.remember(event), event
        if content_hash(event) < content_hash(winner):
            winner, loser = event, winner
        state.older.pop(event.id, None)
        state.known[event.id] = winner
        state.losers.setdefault(event.id, []).append(loser)
        return winner

    def tick(self, tick: ClockTick) -> list[Event]:
        """Move the watermark; give what it has passed, in the total order, duplicates included.

        A tick behind an earlier one changes nothing. A final one passes everything.
        """
        state = self.state
        state.last = max(state.last, tick.time)
        watermark = state.last - self.lateness_us
        if tick.final:
            watermark = max([state.last, *(event.time for event in state.held)])
        if watermark <= state.watermark:
            return []
        state.watermark = watermark
        return self._release(watermark)

    def advance(self, watermark: int) -> None:
        """Say that the watermark has passed a time beyond every event, as an ended log's does."""
        self.state.watermark = max(self.state.watermark, watermark)

    def _release(self, watermark: int) -> list[Event]:
        held = self.state.held
        if not held:
            return []
        times = list(map(_time, held))
        orderly = all(map(lt, times, islice(times, 1, None)))
        if not orderly:
            # Sorting by bare times is cheap where devices keep their order; ties are rare.
            held.sort(key=_time)
            times.sort()
        cut = bisect_right(times, watermark)
        released, self.state.held = held[:cut], held[cut:]
        if not orderly and len(set(times)) != len(times):
            released = list(_settle_ties(released))
        return released

    def forget(self, now: int, every_us: int) -> None:
        """Let go of the ids of events that are too old for a resend to count.

        Args:
            now: event time, a multiple of ``every_us``: everything up to it has been looked at.
            every_us: how often this is called, so that a generation ends at such a time.
        """
        state = self.state
        length = max(1, -(-self.horizon_us // every_us)) * every_us
        passed = now // length - state.generation
        if passed <= 0:
            return
        state.generation += passed
        # Where a whole generation went by without an event, the running one is too old as well.
        state.older = state.known if passed == 1 else {}
        state.known = {}
        for ident in [i for i in state.losers if i not in state.older]:
            del state.losers[ident]


def _settle_ties(events: list[Event]) -> Iterator[Event]:
    run: list[Event] = []
    for event in events:
        if run and event.time != run[0].time:
            yield from in_order(run)
            run = []
        run.append(event)
    yield from in_order(run)


def in_order(events: list[Event]) -> list[Event]:
    """Sort events into the total order, in place; content is hashed only where nothing else tells.

    Returns:
        The same list.
    """
    if len(events) > 1:
        events.sort(key=_time)
        times = list(map(_time, events))
        if len(set(times)) != len(times):
            events.sort(key=_by_device)
            if len(set(map(_by_device, events))) != len(events):
                events.sort(key=order_key)
    return events
