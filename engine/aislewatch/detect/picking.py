"""Which of the events in a window count: what the total order puts inside, and the nearest."""

from __future__ import annotations

from collections.abc import Sequence

from aislewatch.detect.order import order_key
from aislewatch.events.kinds import Event
from aislewatch.events.registry import type_of


def nearest(found: Sequence[Event], anchor: Event) -> Event:
    """Give the event nearest to the anchor in the total order; of two as far, the earlier one."""
    own = order_key(anchor)
    nearest, distance = found[0], abs(found[0].time - anchor.time)
    for event in found[1:]:
        apart = abs(event.time - anchor.time)
        if apart < distance or (apart == distance and order_key(event) < own):
            nearest, distance = event, apart
    return nearest


def not_after(
    found: Sequence[Event], ref: Event, types: Sequence[str], keep: bool
) -> Sequence[Event]:
    """Leave out what the total order puts behind an event, and the event, unless it is kept.

    Only events of the given types are split at equal times; others are inside.
    """
    own = order_key(ref)
    return [
        e
        for e in found
        if (keep if e is ref else e.time < ref.time or not _of(e, types) or order_key(e) < own)
    ]


def not_before(
    found: Sequence[Event], ref: Event, types: Sequence[str], keep: bool
) -> Sequence[Event]:
    """Leave out what the total order puts before an event, and the event, unless it is kept.

    Only events of the given types are split at equal times; others are inside.
    """
    own = order_key(ref)
    return [
        e
        for e in found
        if (keep if e is ref else e.time > ref.time or not _of(e, types) or order_key(e) > own)
    ]


def _of(event: Event, types: Sequence[str]) -> bool:
    return type_of(event.__class__) in types
