"""A loop written by hand: a decoder and dictionaries; no lateness, no evidence, no reason.

It judges in the order of arrival, forgets nothing, and knows which rules an event concerns by a
look-up of its zone. ``make_ordered`` puts a heap before it, which gives events out in the order of
their times: what event time costs at least.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from question import Alarm, Variant

from aislewatch.events.kinds import PosItem, RfidRead


class ByHand:
    """The loop and what it keeps."""

    def __init__(self, variants: Sequence[Variant], heap_us: int | None) -> None:
        self._heap_us = heap_us
        self._decode = msgspec.json.Decoder(RfidRead | PosItem).decode
        self._shelves: dict[str, dict[int, dict[str, int]]] = {}
        self._exits: dict[str, list[tuple[Variant, dict[str, int]]]] = {}
        for one in variants:
            # Rules of one zone and one limit share what they remember.
            remembered = self._shelves.setdefault(f"shelf-{one.zone}", {})
            last = remembered.setdefault(one.shelf_over_dbm, {})
            self._exits.setdefault(f"exit-{one.zone}", []).append((one, last))
        self._found: list[Alarm] = []

    def take(self, raws: Sequence[bytes], clock: Sequence[int]) -> None:
        """Go through the stream."""
        events = map(self._decode, raws)
        if self._heap_us is not None:
            self._judge(_ordered(events, clock, self._heap_us))
        else:
            self._judge(events)

    def _judge(self, events: Iterable[RfidRead | PosItem]) -> None:
        shelves, exits, found = self._shelves, self._exits, self._found
        sold: dict[str, int] = {}
        for event in events:
            epc, time = event.epc, event.time
            if epc is None:
                continue
            if isinstance(event, PosItem):
                sold[epc] = time
                continue
            zone, rssi = event.zone_id or "", event.rssi_dbm or -99
            if event.zone_kind == "shelf":
                for over_dbm, last in shelves.get(zone, {}).items():
                    if rssi > over_dbm:
                        last[epc] = time
            elif event.zone_kind == "exit":
                for rule, last in exits.get(zone, ()):
                    since = last.get(epc)
                    if (
                        since is not None
                        and rssi > rule.exit_over_dbm
                        and time - since <= rule.window_us
                        and sold.get(epc, -1) < since
                    ):
                        found.append(Alarm(rule.id, epc, time))

    def alarms(self) -> list[Alarm]:
        """Tell what was found."""
        return self._found


def _ordered(
    events: Iterable[RfidRead | PosItem], clock: Sequence[int], heap_us: int
) -> Iterator[RfidRead | PosItem]:
    """Hold events back until none can come that happened before them."""
    held: list[tuple[int, int, RfidRead | PosItem]] = []
    for number, (event, now) in enumerate(zip(events, clock, strict=True)):
        heapq.heappush(held, (event.time, number, event))
        while held[0][0] <= now - heap_us:
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]


def make(variants: Sequence[Variant], lateness_us: int) -> ByHand:
    """Make the loop that judges as events arrive, whatever the lateness."""
    del lateness_us
    return ByHand(variants, None)


def make_ordered(variants: Sequence[Variant], lateness_us: int) -> ByHand:
    """Make the loop behind a heap."""
    return ByHand(variants, lateness_us)
