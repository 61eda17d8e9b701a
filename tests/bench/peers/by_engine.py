"""The engine: rules as files, fed in batches of the bus with a tick of the clock each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from question import Alarm, Variant

from aislewatch.authoring.loading import lists_in
from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, Event
from aislewatch.events.model import StoreModel
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rules
from aislewatch.runtime.rule_folder import macros_of, rules_in

LIBRARY = Path(__file__).parents[3] / "rules"
BATCH = 1000
AHEAD_US = 86_400_000_000
"""A batch has one tick, at its end, and may span hours: none of it is ahead of the clock."""


def rule_text(variant: Variant) -> str:
    """Write a variant as a rule file: in shadow, as the library's is."""
    return f"""\
id: {variant.id}
title: Tagged item of zone {variant.zone} leaves unpaid
status: shadow
owner: bench
severity: high
when:
  event: rfid.read
  as: exit
  where: zone.id == 'exit-{variant.zone}' and rssi > {variant.exit_over_dbm}dBm
match:
  - seen: rfid.read
    as: shelf
    where: zone.id == 'shelf-{variant.zone}' and rssi > {variant.shelf_over_dbm}dBm
    same: [epc]
    window: {variant.window_us // 60_000_000}m before exit
  - not_seen: pos.item
    same: [epc]
    window: between shelf and exit
incident:
  type: theft.shoplifting
  about: {{epc: exit.epc}}
  points: 20
  because: "{{exit.epc}} seen on {{shelf.zone.id}}, then at {{exit.zone.id}}, no sale in between"
"""


class ByEngine:
    """The core of a store that has the rules, and others beside them."""

    def __init__(
        self, variants: Sequence[Variant], lateness_us: int, others: Mapping[str, str]
    ) -> None:
        registry = Registry()
        named = {name for text in others.values() for name in lists_in(text.encode())}
        lists = dict.fromkeys(sorted(named), frozenset[str]())
        texts = {f"{one.id}.yml": rule_text(one) for one in variants}
        macros = macros_of(others)
        rules = load_rules({**texts, **others}, registry, lists=lists, macros=macros)
        settings = Settings(store="1", lateness_us=lateness_us, ahead_us=AHEAD_US)
        self._core = Core(settings, StoreModel(lists=lists), rules, registry)
        self._codec = Codec(registry)
        self._asked = {one.id for one in variants}
        self._records: list[Record] = []

    def take(self, raws: Sequence[bytes], clock: Sequence[int]) -> None:
        """Take the stream, and a last tick."""
        core, decode = self._core, self._codec.decode_all
        now = 0
        for at in range(0, len(raws), BATCH):
            batch: list[Event] = decode(raws[at : at + BATCH])
            now = clock[at + len(batch) - 1]
            batch.append(ClockTick(id=f"clock/1/{at}", store="1", device="clock", time=now))
            self._records += core.step(batch)
        end = ClockTick(id="clock/1/end", store="1", device="clock", time=now, final=True)
        self._records += core.step([end])

    def alarms(self) -> list[Alarm]:
        """Tell the signals that stand, of the rules that were asked for."""
        raised: dict[str, Alarm] = {}
        for record in self._records:
            told = json.loads(record.payload)
            if record.type == "signal.raised" and told["rule"] in self._asked:
                epc = dict(told["about"])["epc"]
                raised[record.stream] = Alarm(told["rule"], epc, record.time)
            elif record.type == "signal.withdrawn":
                raised.pop(record.stream, None)
        return list(raised.values())


def make(variants: Sequence[Variant], lateness_us: int) -> ByEngine:
    """Compile the rules."""
    return ByEngine(variants, lateness_us, {})


def make_with_library(variants: Sequence[Variant], lateness_us: int) -> ByEngine:
    """Compile the rules and the shipped library beside them."""
    library = {str(file): file.read_text() for file in rules_in(LIBRARY)}
    return ByEngine(variants, lateness_us, library)
