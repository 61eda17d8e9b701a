"""Time-ordered evidence by join key, kept exactly as long as a judgement may ask for it.

An :class:`Index` holds the events of one type that meet one condition, under the values of the
fields that clauses join on; clauses of any rule that ask the same share it. Time is cut into
buckets of the index's span. What is asked for never reaches back further than one span, so two
buckets answer every question and the third last is dropped whole, also for keys of which no event
ever comes again: a shop's tags are short-lived keys, and state that waits for them never ends.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Hashable, Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, cast

from aislewatch.detect.order import order_key
from aislewatch.events.kinds import Event

_time = attrgetter("time")

Key = Hashable
"""Values of the join fields: the bare value of one, a tuple of several, () of none."""

Bucket = dict[Key, Event | list[Event]]
"""By join key; most keys have one event, which then stands there bare: no list to make and drop."""


class Looked(Protocol):
    """What pairing looks into."""

    def between(self, key: Key, start_us: int, end_us: int) -> Sequence[Event]:
        """Give the events of a key from one time to another, both included, in order."""
        ...


class Sifted(NamedTuple):
    """An index with a condition that can only be asked when one looks: of what stands on lists.

    Attributes:
        might: what might be meant.
        admits: says of an event of it whether it is.
    """

    might: Looked
    admits: Callable[[Any], bool]

    def between(self, key: Key, start_us: int, end_us: int) -> Sequence[Event]:
        """Give the events of a key from one time to another, both included, in order."""
        admits = self.admits
        return [event for event in self.might.between(key, start_us, end_us) if admits(event)]


class Index:
    """Events of one type that meet one condition, by join key, in the total order.

    Attributes:
        attrs: the join fields, as attribute names.
        span_us: how far back a question may reach from the newest time it was turned to.
        current: the bucket of the newest time; :meth:`turn` keeps it so. Generated code puts what
            comes in order into it, and looks into both buckets, in place.
        previous: the bucket before it.
        since: the time at which the current bucket begins.
        turn_at: the time at which it ends.
        floor_us: up to and including this time everything was let go, before its time.
    """

    __slots__ = (
        "_get", "_number", "attrs", "current", "floor_us", "previous", "since", "span_us",
        "turn_at",
    )  # fmt: skip

    def __init__(self, attrs: tuple[str, ...], span_us: int) -> None:
        self.attrs = attrs
        self.span_us = max(span_us, 1_000_000)
        self._get = attrgetter(*attrs) if attrs else None
        self._number: int = -1
        self.since: int = -1
        self.previous: Bucket = {}
        self.current: Bucket = {}
        self.turn_at = -1
        self.floor_us = -1

    def turn(self, time: int) -> None:
        """Make the bucket of a time the current one; drop those that no question can reach."""
        if time < self.turn_at:
            return
        number = time // self.span_us
        self.previous = self.current if number == self._number + 1 else {}
        self.current = {}
        self._number = number
        self.since = number * self.span_us
        self.turn_at = self.since + self.span_us

    def key_of(self, event: Event) -> Key | None:
        """Give an event's join key; None where a field is absent: it joins nothing."""
        if self._get is None:
            return ()
        key = cast("Key | None", self._get(event))  # Bare for one field, a tuple for several.
        if len(self.attrs) > 1 and None in cast("tuple[Key | None, ...]", key):
            return None
        return key

    def insert(self, event: Event) -> None:
        """Take an event in at its place in the total order, wherever that is."""
        key = self.key_of(event)
        if key is None or event.time <= self.floor_us:
            return
        if event.time >= self.turn_at:
            self.turn(event.time)
        bucket = self._bucket_of(event)
        if bucket is None:
            return  # No question reaches back so far any more.
        there = bucket.setdefault(key, event)
        if there is event:
            return
        events = there if isinstance(there, list) else [there]
        insort(events, event, key=order_key)
        bucket[key] = events

    def remove(self, event: Event) -> None:
        """Take an event back that turned out not to be one."""
        key = self.key_of(event)
        bucket = self._bucket_of(event)
        there = bucket.get(key) if key is not None and bucket is not None else None
        if bucket is None or key is None or there is None:
            return
        if isinstance(there, list) and event in there:
            there.remove(event)
        if there in (event, []):
            del bucket[key]

    def trim(self, most: int) -> tuple[int, int]:
        """Let go of the oldest, whole instants of them, until no more than so many are held.

        Args:
            most: fewer than are held.

        Returns:
            How many events went, and the time of the oldest.
        """
        times = sorted(event.time for event in self)
        self.floor_us = until = times[len(times) - most - 1]
        for bucket in (self.previous, self.current):
            for key, there in list(bucket.items()):
                events = there if isinstance(there, list) else [there]
                rest = events[bisect_right(events, until, key=_time) :]
                if not rest:
                    del bucket[key]
                elif len(rest) < len(events):
                    bucket[key] = rest
        return bisect_right(times, until), times[0]

    def between(self, key: Key, start_us: int, end_us: int) -> Sequence[Event]:
        """Give the events of a key from one time to another, both included, in order.

        The answer may be the index's own list: to be read before the next event is put in.
        """
        found = self.current.get(key)
        if start_us < self.since:
            older = self.previous.get(key)
            if older is not None:
                found = older if found is None else one_after_the_other(older, found)
        if found is None:
            return ()
        if not isinstance(found, list):
            return (found,) if start_us <= found.time <= end_us else ()
        return within(found, start_us, end_us)

    def __iter__(self) -> Iterator[Event]:
        """Give everything that is held; in no order that means anything."""
        for bucket in (self.previous, self.current):
            for events in bucket.values():
                yield from events if isinstance(events, list) else (events,)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _bucket_of(self, event: Event) -> Bucket | None:
        number = event.time // self.span_us
        if number == self._number:
            return self.current
        return self.previous if number == self._number - 1 else None


def one_after_the_other(older: Event | list[Event], newer: Event | list[Event]) -> list[Event]:
    """Give what two buckets have under one key."""
    return [
        *(older if isinstance(older, list) else (older,)),
        *(newer if isinstance(newer, list) else (newer,)),
    ]


def within(events: list[Event], start_us: int, end_us: int) -> list[Event]:
    """Give those of some events, of which there is one at least, that lie in a span of time."""
    first, last = events[0].time, events[-1].time
    if first < start_us or last > end_us:
        low = bisect_left(events, start_us, key=_time)
        return events[low : bisect_right(events, end_us, key=_time)]
    return events
