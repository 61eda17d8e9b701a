"""Small rules and small shops, written where they are used: for tests of one statement each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.events.kinds import ClockTick, Event
from aislewatch.events.model import StoreModel
from aislewatch.events.record import Record
from aislewatch.events.registry import Registry
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Rule
from aislewatch.testing.lines import parse_lines, time_us
from aislewatch.testing.running import standing

REGISTRY = Registry()
"""The built-in kinds."""


def small_rule(when: str, *match: str, rule: str = "r", **incident: str) -> Rule:
    """Make a live rule.

    Args:
        when: the anchor, flow YAML without its braces: ``event: pos.void, as: v``.
        match: clauses, each flow YAML without its braces.
        rule: its id.
        incident: what differs from a plain incident of the class ``theft.test`` about the anchor's
            device: values as YAML text.
    """
    name = when.partition("as: ")[2].partition(",")[0]
    said = {
        "type": "theft.test",
        "about": f"{{device: {name}.device}}",
        "points": "10",
        "because": "it held",
        **incident,
    }
    lines = [f"id: {rule}", "title: A small rule", "status: live", f"when: {{{when}}}"]
    if match:
        lines += ["match:", *(f"  - {{{clause}}}" for clause in match)]
    lines += ["incident:", *(f"  {key}: {value}" for key, value in said.items())]
    return load_rule("\n".join(lines), f"{rule}.yml", REGISTRY)


class Shop:
    """A core with a clock, fed with lines of text.

    Attributes:
        core: of the shop.
        records: all that it said so far.
    """

    def __init__(
        self,
        *rules: Rule,
        model: StoreModel | None = None,
        lateness_us: int = 0,
        **settings: Any,
    ) -> None:
        figures = Settings(store="1", lateness_us=lateness_us)._replace(**settings)
        self.core = Core(figures, model or StoreModel(), rules, REGISTRY)
        self.records: list[Record] = []
        self._lines = 0

    def hear(self, text: str) -> list[Record]:
        """Take events, one a line; give what was said to them before the clock moves."""
        # Ids are made of line numbers: each line is another event, until it is asked otherwise.
        events = parse_lines("\n" * self._lines + text, REGISTRY)
        self._lines += text.count("\n") + 1
        return self.take(events)

    def take(self, events: Sequence[Event]) -> list[Record]:
        """Take events as they are."""
        said = self.core.step(events)
        self.records += said
        return said

    def tick(self, clock: str, *, final: bool = False) -> list[Record]:
        """Move the clock to a time of day; give what was said."""
        ident = f"clock/1/{clock}"
        return self.take(
            [ClockTick(id=ident, store="1", device="c", time=time_us(clock), final=final or None)]
        )

    def day(self, text: str) -> list[Record]:
        """Take events in order, and let the log end."""
        return [*self.hear(text), *self.tick("00:00:00", final=True)]

    @property
    def signals(self) -> list[Mapping[str, Any]]:
        """Payloads of the signals that stand, in order of time."""
        found = standing(self.records).values()
        return sorted(found, key=lambda s: (s["decided_us"], s["signal"]))

    def said(self, *types: str) -> list[Mapping[str, Any]]:
        """Give the payloads of the records of some types."""
        return [msgspec.json.decode(r.payload) for r in self.records if r.type in types]


def types_of(records: Sequence[Record], prefix: str = "") -> list[str]:
    """Give the types of some records, those with a prefix."""
    return [record.type for record in records if record.type.startswith(prefix)]
