"""Two kinds of event paired off one to one: which are left over, and opposite what.

Pairs are made greedily in the total order: each event takes the oldest event of the other kind that
is equal in ``by``, still free, and no further away than the window reaches. Taking the pairs from
the stream and not from one window keeps a pair together that straddles a window's edge; otherwise
the half inside it would be accused of having no partner.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aislewatch.detect.evidence import Key, Looked
from aislewatch.detect.order import order_key
from aislewatch.events.kinds import Event

By = Callable[[Event], Hashable]

CHAIN = 32
"""How many reaches before its window a pairing is followed back at most, to where nothing happened
for a whole reach: cut there, no pair is cut in two."""

AGAIN_US = 600_000_000
"""For how long a tag that is heard again is the same item as before: longer than anybody stands at
a kiosk, shorter than it takes to bring an item back and sell it."""


class Pair(NamedTuple):
    """Units of one event of either kind that explain each other."""

    left: Event
    right: Event
    units: int


@dataclass(slots=True)
class _Free:
    """An event's units that have no partner yet."""

    event: Event
    is_left: bool
    units: int


def units_of(event: Event) -> int:
    """Give how many units an event stands for; one where it does not say."""
    units = getattr(event, "units", None)
    return 1 if units is None else int(units)


def once_per_tag(events: Sequence[Event]) -> list[Event]:
    """Leave out repeated reads: a tag is one item, however often it is heard."""
    seen: set[str] = set()
    kept: list[Event] = []
    for event in events:
        epc: str | None = getattr(event, "epc", None)
        if epc is None:
            kept.append(event)
        elif epc not in seen:
            seen.add(epc)
            kept.append(event)
    return kept


def leftovers(
    left: Sequence[Event],
    right: Sequence[Event],
    left_by: By,
    right_by: By,
    reach_us: int | None,
    pairs: list[Pair] | None = None,
) -> tuple[list[Event], list[Event]]:
    """Pair events off and give those that are left over on either side, in the total order.

    Args:
        left: in the total order; repeated reads of one tag already left out.
        right: likewise.
        left_by: what must be equal in a pair; None joins nothing.
        right_by: likewise.
        reach_us: how far apart the two of a pair may be; None for any distance.
        pairs: takes the pairs that are made, where somebody asks for them.
    """
    entries = [_Free(event, True, units_of(event)) for event in left]
    entries += [_Free(event, False, units_of(event)) for event in right]
    entries.sort(key=lambda entry: (order_key(entry.event), entry.is_left))
    waiting: dict[tuple[bool, Hashable], deque[_Free]] = {}
    for entry in entries:
        by = (left_by if entry.is_left else right_by)(entry.event)
        if by is None:
            continue
        _pair(entry, waiting.get((not entry.is_left, by)), reach_us, pairs)
        if entry.units:
            waiting.setdefault((entry.is_left, by), deque()).append(entry)
    over = [entry for entry in entries if entry.units]
    return [e.event for e in over if e.is_left], [e.event for e in over if not e.is_left]


def _pair(
    entry: _Free, others: deque[_Free] | None, reach_us: int | None, pairs: list[Pair] | None
) -> None:
    while others and entry.units:
        other = others[0]
        if reach_us is not None and entry.event.time - other.event.time > reach_us:
            others.popleft()
            continue
        paired = min(entry.units, other.units)
        entry.units -= paired
        other.units -= paired
        if pairs is not None:
            left, right = (entry, other) if entry.is_left else (other, entry)
            pairs.append(Pair(left.event, right.event, paired))
        if not other.units:
            others.popleft()


def _since(start: int, reach: int, key: Key, left: Looked, right: Looked) -> int:
    """Give from when on to pair: before it nothing happened for a whole reach."""
    earliest = start - CHAIN * reach
    times = [e.time for index in (left, right) for e in index.between(key, earliest, start)]
    since = start
    for moment in sorted(times, reverse=True):
        if moment < since - reach:
            break
        since = min(since, moment)
    return since


def _heard_first(events: Sequence[Event], since: int) -> list[Event]:
    """Leave out what was heard before, and tags that are only heard again."""
    return [event for event in once_per_tag(events) if event.time >= since]


def unmatched(
    anchor: Event,
    on_left: bool | None,
    key: Key,
    left_index: Looked,
    right_index: Looked,
    left_by: Callable[[Event], Key],
    right_by: Callable[[Event], Key],
    start: int,
    end: int,
    reach: int | None,
    pairs: list[Pair] | None = None,
) -> tuple[bool, list[Event], list[Event], Event | None, list[Event]]:
    """Pair off what happened around an anchor.

    Args:
        anchor: the event that is judged.
        on_left: the side that it is on; None where it is on neither.
        key: the join key of both sides.
        left_index: where one kind is.
        right_index: where the other is.
        left_by: see :func:`leftovers`.
        right_by: likewise.
        start: first instant of the window.
        end: last instant of the window.
        reach: how far apart the two of a pair may be; None where the anchor is on neither side.
        pairs: see :func:`leftovers`.

    Returns:
        The verdict; what is left over on either side in the window; the opposite leftover of the
        anchor's rank; and all that was in the window.
    """
    since = start
    if reach is not None:
        since = _since(start, reach, key, left_index, right_index)
    before = since - AGAIN_US
    lefts = _heard_first(left_index.between(key, before, end), since)
    rights = _heard_first(right_index.between(key, before, end), since)
    over_left, over_right = leftovers(lefts, rights, left_by, right_by, reach, pairs)
    left = [event for event in over_left if event.time >= start]
    right = [event for event in over_right if event.time >= start]
    both = sorted((e for e in (*lefts, *rights) if e.time >= start), key=order_key)
    if on_left is None:
        return True, left, right, None, both
    mine, others = (left, right) if on_left else (right, left)
    rank = next((i for i, event in enumerate(mine) if event is anchor), None)
    if rank is None:
        return False, left, right, None, both
    return True, left, right, others[rank] if rank < len(others) else None, both
