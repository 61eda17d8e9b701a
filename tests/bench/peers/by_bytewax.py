"""bytewax 0.21: a dataflow keyed by tag, whose logic is written by hand.

bytewax has no rules and no negation; what is measured is what its framework costs around the same
logic as the loop's. State of a tag goes with its sale; of what is never sold it stays, for a map
has no clock. Its event time is for windows only, so the map judges in the order of arrival.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from question import Alarm, Variant

from aislewatch.events.kinds import PosItem, RfidRead

Shelves = dict[tuple[int, int], int]
"""When a tag was last seen, by zone and limit of the shelf."""


class ByBytewax:
    """The logic of one tag; the flow is built when a stream is there to be taken."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self._operators: Any = importlib.import_module("bytewax.operators")
        self._dataflow: Any = importlib.import_module("bytewax.dataflow")
        self._testing: Any = importlib.import_module("bytewax.testing")
        self._exits: dict[str, list[tuple[Variant, tuple[int, int]]]] = {}
        self._shelves: dict[str, dict[tuple[int, int], None]] = {}
        for one in variants:
            shelf = one.zone, one.shelf_over_dbm
            self._exits.setdefault(f"exit-{one.zone}", []).append((one, shelf))
            self._shelves.setdefault(f"shelf-{one.zone}", {})[shelf] = None
        self._found: list[Alarm] = []

    def take(self, raws: Sequence[bytes], clock: Sequence[int]) -> None:
        """Run the flow over the stream, in batches as the engine's."""
        del clock
        op, testing = self._operators, self._testing
        decode = msgspec.json.Decoder(RfidRead | PosItem).decode
        out: list[Any] = []
        flow = self._dataflow.Dataflow("bench")
        taken = op.input("raws", flow, testing.TestingSource(raws, batch_size=1000))
        events = op.map("decode", taken, decode)
        tags = op.key_on("tag", events, _tag)
        found = op.stateful_flat_map("unpaid", tags, self._judge)
        op.output("alarms", found, testing.TestingSink(out))
        testing.run_main(flow)
        self._found = [alarm for _, alarm in out]

    def _judge(
        self, last: Shelves | None, event: RfidRead | PosItem
    ) -> tuple[Shelves | None, Iterable[Alarm]]:
        if isinstance(event, PosItem):
            return None, ()
        time, zone, rssi = event.time, event.zone_id or "", event.rssi_dbm or -99
        if event.zone_kind == "shelf":
            last = last or {}
            for shelf in self._shelves.get(zone, ()):
                if rssi > shelf[1]:
                    last[shelf] = time
            return last, ()
        if not last:
            return None, ()
        found = [
            Alarm(rule.id, event.epc or "", time)
            for rule, shelf in self._exits.get(zone, ())
            if shelf in last and rssi > rule.exit_over_dbm and time - last[shelf] <= rule.window_us
        ]
        return last, found

    def alarms(self) -> list[Alarm]:
        """Tell what was found."""
        return self._found


def _tag(event: RfidRead | PosItem) -> str:
    return event.epc or ""


def make(variants: Sequence[Variant], lateness_us: int) -> ByBytewax:
    """Sort the variants by zone; bytewax knows no lateness here."""
    del lateness_us
    return ByBytewax(variants)
