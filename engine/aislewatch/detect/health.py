"""Which devices could see, and when: what an absence rests on.

A device is healthy unless its last ``device.state`` says that it cannot see; connected and silent
is healthy, and so is a device that was never heard of.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Container
from dataclasses import dataclass, field

from aislewatch.detect.order import order_key
from aislewatch.events.kinds import DeviceState

BLIND = frozenset({"starting", "offline", "failed", "stopped"})
"""States in which a device cannot see."""

REFUSED_ROW = "refused-row"
"""Reason of a state that says: at this instant the device told something that could not be read. It
sees, but what it saw then is unknown."""


@dataclass
class HealthState:
    """Everything a snapshot needs.

    Attributes:
        states: by device, its states in the total order; of those that are too old for any
            judgement, the last.
    """

    states: dict[str, list[DeviceState]] = field(default_factory=dict[str, list[DeviceState]])


class Health:
    """Remembers device states for as long as a judgement may ask for them."""

    def __init__(self, state: HealthState | None = None) -> None:
        self.state = state or HealthState()

    def tell(self, event: DeviceState) -> None:
        """Take a state in, in any order."""
        insort(self.state.states.setdefault(event.device, []), event, key=order_key)

    def untell(self, event: DeviceState) -> None:
        """Take a state back that turned out not to be one, unless it is forgotten already."""
        states = self.state.states.get(event.device, [])
        if event not in states:
            return
        states.remove(event)
        if not states:
            del self.state.states[event.device]

    def blind(self, device: str, start_us: int, end_us: int) -> DeviceState | None:
        """Give the first state by which a device could not see at some time of a span.

        Args:
            device: its id.
            start_us: first instant of the span.
            end_us: last instant of the span.

        Returns:
            The state; None where the device could see throughout.
        """
        states = self.state.states.get(device)
        if not states:
            return None
        # The state in force at the start is the last one before it; at the start itself a new
        # one may begin, and both then bear on the span.
        first = max(bisect_right(states, start_us - 1, key=_time) - 1, 0)
        for index in range(first, len(states)):
            state = states[index]
            if state.time > end_us:
                return None
            ends = states[index + 1].time if index + 1 < len(states) else None
            if state.state in BLIND and (ends is None or ends > start_us):
                return state
            if state.reason == REFUSED_ROW and state.time >= start_us:
                return state
        return None

    def strangers(
        self, known: Container[str], lane: str | None, zone: str | None = None
    ) -> list[str]:
        """Give the devices at a lane or zone that told a state and are not among the known ones.

        Args:
            known: devices of which more is known.
            lane: where.
            zone: where; nobody is a stranger where neither is told.
        """
        if lane is None and zone is None:
            return []
        return [
            device
            for device, states in sorted(self.state.states.items())
            if device not in known
            and (lane is None or states[-1].lane == lane)
            and (zone is None or states[-1].zone_id == zone)
        ]

    def until(self, event: DeviceState) -> int | None:
        """Give when the state of an event ended; None where it is still in force."""
        states = self.state.states.get(event.device, [])
        after = [state.time for state in states if order_key(state) > order_key(event)]
        return after[0] if after else None

    def forget(self, before_us: int) -> None:
        """Let go of states that had ended before a time."""
        for states in self.state.states.values():
            keep = bisect_right(states, before_us, key=_time) - 1
            if keep > 0:
                del states[:keep]


def _time(state: DeviceState) -> int:
    return state.time
