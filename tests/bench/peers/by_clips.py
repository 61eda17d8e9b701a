"""CLIPS 6.4 by clipspy 1.0: a production system; a rule is a production, an event is a fact.

What is done about its faults:

- What is retracted outside a run is never swept, and what a Python function asserts within a run is
  held in the list of garbage, so that each event costs more than the one before. There is one run;
  a production pulls the next event as plain values and asserts the fact itself.
- Facts stay until they are retracted: productions let go of exits when they are judged, and of
  shelf reads when the tag is sold. What is never sold stays, for CLIPS has no clock.
- There is no event time: events are judged in the order of arrival.
- All pairs match: a tag read twice on a shelf raises two alarms at the exit.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from question import Alarm, Variant

from aislewatch.events.kinds import PosItem, RfidRead

COMMON = (
    "(deftemplate event (slot place) (slot epc) (slot rssi) (slot time (type INTEGER)))",
    "(deftemplate pulse (slot number (type INTEGER)))",
    """(defrule pull (declare (salience -100))
         ?p <- (pulse (number ?n))
         =>
         (retract ?p)
         (bind ?e (next-event))
         (if (neq (nth$ 1 ?e) end) then
           (assert (event (place (nth$ 1 ?e)) (epc (nth$ 2 ?e)) (rssi (nth$ 3 ?e))
                          (time (nth$ 4 ?e))))
           (assert (pulse (number (+ ?n 1))))))""",
    """(defrule sold (declare (salience -40))
         (event (place till) (epc ?e) (time ?p))
         ?s <- (event (place ~till) (epc ?e) (time ?t&:(<= ?t ?p)))
         =>
         (retract ?s))""",
    """(defrule told (declare (salience -50)) ?x <- (event (place till)) => (retract ?x))""",
)


def productions(variant: Variant) -> Iterator[str]:
    """Write a variant in CLIPS."""
    yield f"""(defrule {variant.id}
        (event (place shelf-{variant.zone}) (epc ?e) (time ?s)
               (rssi ?r&:(> ?r {variant.shelf_over_dbm})))
        (event (place exit-{variant.zone}) (epc ?e)
               (rssi ?q&:(> ?q {variant.exit_over_dbm}))
               (time ?t&:(and (<= ?s ?t) (<= (- ?t ?s) {variant.window_us}))))
        (not (event (place till) (epc ?e) (time ?p&:(and (>= ?p ?s) (<= ?p ?t)))))
        =>
        (alarm {variant.id} ?e ?t))"""


class ByClips:
    """An environment that knows the productions."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self._clips: Any = importlib.import_module("clips")
        self._environment = self._clips.Environment()
        self._found: list[Alarm] = []
        self._events: Iterator[tuple[Any, ...]] = iter(())
        self._end = (self._clips.Symbol("end"),)
        self._environment.define_function(self._next, "next-event")
        self._environment.define_function(self._alarm, "alarm")
        zones = {one.zone for one in variants}
        judged = [
            f"(defrule judged-{zone} (declare (salience -50))"
            f" ?x <- (event (place exit-{zone})) => (retract ?x))"
            for zone in zones
        ]
        rules = [text for one in variants for text in productions(one)]
        for text in [*COMMON, *judged, *rules]:
            self._environment.build(text)

    def take(self, raws: Sequence[bytes], clock: Sequence[int]) -> None:
        """Run once; the stream is pulled."""
        del clock
        decode = msgspec.json.Decoder(RfidRead | PosItem).decode
        symbol = self._clips.Symbol
        till = symbol("till")
        self._events = (
            (till, event.epc, 0, event.time)
            if isinstance(event, PosItem)
            else (symbol(event.zone_id), event.epc, event.rssi_dbm, event.time)
            for event in map(decode, raws)
        )
        self._environment.find_template("pulse").assert_fact(number=0)
        self._environment.run()

    def _next(self) -> tuple[Any, ...]:
        return next(self._events, self._end)

    def _alarm(self, rule: str, epc: str, time: int) -> None:
        self._found.append(Alarm(str(rule), epc, time))

    def alarms(self) -> list[Alarm]:
        """Tell what was found."""
        return self._found


def make(variants: Sequence[Variant], lateness_us: int) -> ByClips:
    """Build the productions; CLIPS knows no lateness."""
    del lateness_us
    return ByClips(variants)
