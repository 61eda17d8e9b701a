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

from aislewatch.detect.order import order_key
from aislewatch.events.kinds import Event

By = Callable[[Event], Hashable]


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
) -> tuple[list[Event], list[Event]]:
    """Pair events off and give those that are left over on either side, in the total order.

    Args:
        left: in the total order; repeated reads of one tag already left out.
        right: likewise.
        left_by: what must be equal in a pair; None joins nothing.
        right_by: likewise.
        reach_us: how far apart the two of a pair may be; None for any distance.
    """
    entries = [_Free(event, True, units_of(event)) for event in left]
    entries += [_Free(event, False, units_of(event)) for event in right]
    entries.sort(key=lambda entry: (order_key(entry.event), entry.is_left))
    waiting: dict[tuple[bool, Hashable], deque[_Free]] = {}
    for entry in entries:
        by = (left_by if entry.is_left else right_by)(entry.event)
        if by is None:
            continue
        _pair(entry, waiting.get((not entry.is_left, by)), reach_us)
        if entry.units:
            waiting.setdefault((entry.is_left, by), deque()).append(entry)
    over = [entry for entry in entries if entry.units]
    return [e.event for e in over if e.is_left], [e.event for e in over if not e.is_left]


def _pair(entry: _Free, others: deque[_Free] | None, reach_us: int | None) -> None:
    while others and entry.units:
        other = others[0]
        if reach_us is not None and entry.event.time - other.event.time > reach_us:
            others.popleft()
            continue
        paired = min(entry.units, other.units)
        entry.units -= paired
        other.units -= paired
        if not other.units:
            others.popleft()
