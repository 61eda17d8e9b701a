"""durable-rules 2.0.28, a Rete engine in C: a rule is a rule, an event is a fact.

What is done about its faults (more of them stand in the oracle's twin of rules):

- ``none()`` between two conditions cancels nothing: it stands last.
- A message is known by a 32-bit hash; another of the same hash is refused as seen already. It is
  told again with a grain of salt.
- Facts are never freed: an exit is retracted when it was told, the rest when the longest window is
  over, here and by hand.
- It may die of a segmentation fault: the contest gives each a process of its own.
- There is no event time: events are judged in the order of arrival. All pairs match.
- Some 700 rules hang it, and some 60 that one event concerns are an error.
"""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec
from question import Alarm, Variant

from aislewatch.events.kinds import PosItem, RfidRead


class ByDurableRules:
    """A host that knows one rule set."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self._engine: Any = importlib.import_module("durable.engine")
        self._found: list[Alarm] = []
        self._longest_us = max(one.window_us for one in variants)
        definitions = _definitions(variants)
        for one, definition in zip(variants, definitions.values(), strict=True):
            definition["run"] = self._keeper(one.id)
        self._host = self._engine.Host({"bench": definitions})

    def _keeper(self, rule: str) -> Any:
        def keep(context: Any) -> None:
            exit_ = context._m["exit"]
            self._found.append(Alarm(rule, exit_["epc"], exit_["time"]))

        return keep

    def take(self, raws: Sequence[bytes], clock: Sequence[int]) -> None:
        """Tell the stream, fact by fact."""
        decode = msgspec.json.Decoder(RfidRead | PosItem).decode
        host = self._host
        kept: deque[dict[str, Any]] = deque()
        for event, now in zip(map(decode, raws), clock, strict=True):
            place, rssi = "till", 0.0
            if isinstance(event, RfidRead):
                place, rssi = event.zone_id or "", event.rssi_dbm or -99.0
            fact = self._tell({"place": place, "epc": event.epc, "rssi": rssi, "time": event.time})
            if fact is None:
                continue
            if place.startswith("exit"):
                host.retract_fact("bench", fact)
                continue
            kept.append(fact)
            while kept[0]["time"] < now - self._longest_us:
                host.retract_fact("bench", kept.popleft())

    def _tell(self, fact: dict[str, Any]) -> dict[str, Any] | None:
        """Tell a fact until it is taken; gives it as it was taken, None if no rule wants it."""
        for salt in count(1):
            try:
                self._host.assert_fact("bench", fact)
            except self._engine.MessageObservedException:
                fact = fact | {"salt": salt}
            except self._engine.MessageNotHandledException:
                return None
            else:
                break
        return fact

    def alarms(self) -> list[Alarm]:
        """Tell what was found."""
        return self._found


def _definitions(variants: Sequence[Variant]) -> dict[str, Any]:
    lang: Any = importlib.import_module("durable.lang")
    m, c = lang.m, lang.c
    rules = lang.ruleset("bench")
    with rules:
        for one in variants:
            lang.when_all(
                c.exit << (m.place == f"exit-{one.zone}") & (m.rssi > one.exit_over_dbm),
                c.shelf << (m.place == f"shelf-{one.zone}")
                & (m.rssi > one.shelf_over_dbm)
                & (m.epc == c.exit.epc)
                & (m.time <= c.exit.time)
                & (m.time >= c.exit.time - one.window_us),
                lang.none(
                    (m.place == "till")
                    & (m.epc == c.exit.epc)
                    & (m.time >= c.shelf.time)
                    & (m.time <= c.exit.time)
                ),
            )(_nothing)
    definitions: dict[str, Any] = rules.define()[1]
    return definitions


def _nothing(_: object) -> None:
    """Stand for the action, which the host is given later."""


def make(variants: Sequence[Variant], lateness_us: int) -> ByDurableRules:
    """Define the rule set; durable-rules knows no lateness."""
    del lateness_us
    return ByDurableRules(variants)
