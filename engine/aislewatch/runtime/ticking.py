"""The clock of a recording: ticks that its own events wind on.

Where the source is a recording, its time passes as its events do, not as the machine's clock does.
Whoever plays it puts these ticks in front of its events, live and in a replay alike, so that both
see time pass at the same places.
"""

from __future__ import annotations

from aislewatch.events.kinds import ClockTick, Event
from aislewatch.events.subjects import CLOCK_DEVICE


class RecordingTicks:
    """Gives the ticks of one store's recording.

    Args:
        store: whose clock.
        tick_us: the interval; a tick stands on a multiple of it.
        boot: part of the ticks' ids; another one for another playing into the same stream.
    """

    def __init__(self, store: str, tick_us: int, boot: str) -> None:
        assert tick_us > 0
        self._store = store
        self._tick_us = tick_us
        self._boot = boot
        self._number = 0
        self._ticked = -1
        self._newest = 0

    def before(self, event: Event) -> ClockTick | None:
        """Give the tick that goes in front of an event, None where none is due.

        One tick covers a gap of any length: it stands at the event's time, rounded down. An event
        that is older than others before it moves no clock.
        """
        self._newest = max(self._newest, event.time)
        due = event.time - event.time % self._tick_us
        if due <= self._ticked:
            return None
        self._ticked = due
        return self._tick(due, final=None)

    def final(self) -> ClockTick:
        """Give the tick that says the recording has ended; goes behind its last event."""
        return self._tick(self._newest, final=True)

    def _tick(self, time: int, *, final: bool | None) -> ClockTick:
        self._number += 1
        return ClockTick(
            id=f"{CLOCK_DEVICE}/{self._boot}/{self._number}",
            store=self._store,
            device=CLOCK_DEVICE,
            time=time,
            seq=self._number,
            final=final,
        )
