"""Events of a test in the orders in which they could have arrived.

Each event is under way for less than the allowed lateness, and the clock ticks whenever one comes
in. What stands in the end must be the same whatever the order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from aislewatch.authoring.running import Lists, model_of, standing_in_order
from aislewatch.detect.core import Core
from aislewatch.detect.settings import Settings
from aislewatch.events.kinds import ClockTick, Event
from aislewatch.events.registry import Registry
from aislewatch.rules.rule import Rule


def shuffled(events: Sequence[Event], lateness_us: int, random: Random) -> list[Event]:
    """Give a log of the events as they might come, and the ticks between them.

    Args:
        events: those of a test.
        lateness_us: an event is under way for less than this.
        random: draws how long.
    """
    delays = [(event.time + random.randrange(max(1, lateness_us)), event) for event in events]
    arrivals = sorted(delays, key=lambda arrival: arrival[0])
    log: list[Event] = []
    for number, (time, event) in enumerate(arrivals):
        log += [_tick(number, time), event]
    end = max((time for time, _ in arrivals), default=0)
    return [*log, _tick(len(arrivals), end, final=True)]


def signals_of(
    rule: Rule,
    log: Sequence[Event],
    registry: Registry,
    lists: Lists | None,
    settings: Settings,
) -> list[Mapping[str, Any]]:
    """Give the payloads of the signals that stand at the end of a log, in order of time."""
    core = Core(settings, model_of(log, registry, lists), [rule], registry)
    return standing_in_order(core.step(log))


def _tick(number: int, time: int, *, final: bool = False) -> ClockTick:
    ident = f"clock/1/{number + 1}"
    return ClockTick(id=ident, store="1", device="clock", time=time, final=final or None)
