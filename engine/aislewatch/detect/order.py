"""One total order out of many devices' arrivals, and what arrived twice, late or contradicting.

Events are held back until the watermark has passed them and are then released in the order
``(time, device, seq, content)``, so that any arrival order within the allowed lateness gives the
same sequence. The watermark is the latest tick of the clock less the lateness. It is moved by ticks
alone, which are events of the log like any other: a device whose clock runs ahead cannot poison it,
silence does not stop it, and a replay sees it move at the same places.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from operator import attrgetter

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

    Attributes:
        held: arrived, not yet released.
        recent: released within the horizon, in order of release; their ids are still known. Where
            one id stands for several contents, each of them.
        watermark: every event up to and including this time has been released.
        last: time of the latest tick.
    """

    held: list[Event] = field(default_factory=list[Event])
    recent: deque[Event] = field(default_factory=deque[Event])
    watermark: int = -1
    last: int = -1


class Order:
    """Holds events back, releases them in the total order.

    Attributes:
        known: by id, the events that count; a resend is a duplicate, another content a device
            fault.

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
        self.known: dict[str, Event] = {}
        self._losers: dict[str, list[Event]] = {}
        for event in self.state.recent:
            known = self.known.setdefault(event.id, event)
            if known is not event:
                self._settle(event, known)

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

    def remember(self, event: Event) -> Event:
        """Know an event's id from now on.

        Returns:
            The event itself; or the one that is already known under its id, which then stays known
            until :meth:`contradict` says otherwise.
        """
        known = self.known.setdefault(event.id, event)
        if known is event:
            self.state.recent.append(event)
        return known

    def is_duplicate(self, event: Event) -> bool:
        """Say whether this very content came under this id before, whether it counts or not."""
        return self.known.get(event.id) == event or event in self._losers.get(event.id, ())

    def contradict(self, event: Event) -> Event:
        """Know a second content of a known id; the lowest hash counts, whatever came first.

        Returns:
            The event that counts, which is the one that is known from now on.
        """
        self.state.recent.append(event)
        return self._settle(event, self.known[event.id])

    def _settle(self, event: Event, known: Event) -> Event:
        winner, loser = (known, event)
        if content_hash(event) < content_hash(known):
            winner, loser = event, known
        self.known[event.id] = winner
        self._losers.setdefault(event.id, []).append(loser)
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
        # Sorting by bare times is cheap where devices keep their order; ties are rare.
        held.sort(key=_time)
        if held[-1].time <= watermark:
            released, self.state.held = held, []
        else:
            cut = _first_after(held, watermark)
            released, self.state.held = held[:cut], held[cut:]
        if len({event.time for event in released}) != len(released):
            released = list(_settle_ties(released))
        return released

    def forget(self, oldest: int) -> None:
        """Let go of the ids of events up to a time: too old for a resend to count."""
        recent, known = self.state.recent, self.known
        kept: list[Event] = []
        while recent and recent[0].time <= oldest:
            event = recent.popleft()
            if event.id in self._losers:
                if self._forget_contents(event, oldest):
                    continue
                kept.append(event)
            elif known.get(event.id) is event:
                del known[event.id]
        recent.extendleft(reversed(kept))

    def _forget_contents(self, event: Event, oldest: int) -> bool:
        """Let go of all that an id ever stood for, where all of it is too old; say whether."""
        contents = [self.known[event.id], *self._losers[event.id]]
        if any(content.time > oldest for content in contents):
            return False
        for content in contents:
            if content is not event:
                self.state.recent.remove(content)
        del self.known[event.id]
        del self._losers[event.id]
        return True


def _first_after(events: list[Event], time: int) -> int:
    low, high = 0, len(events)
    while low < high:
        middle = (low + high) // 2
        if events[middle].time > time:
            high = middle
        else:
            low = middle + 1
    return low


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
        events.sort(key=_by_device)
        if len({_by_device(event) for event in events}) != len(events):
            events.sort(key=order_key)
    return events
