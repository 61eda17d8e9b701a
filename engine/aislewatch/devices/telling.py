"""From what a plugin has found to its host: envelopes, refusals, and both handed over in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypedDict

from aislewatch.events.kinds import DeviceState, DeviceStateName, Event, TimedBy
from aislewatch.events.sensor import Emit, SensorContext

BATCH_EVENTS: Final = 500
"""Events that are handed over at once; what the bus publishes in one atomic batch."""

REFUSED_ROW: Final = "refused-row"
"""Reason of a state: something was told that could not be read, and is unknown since."""


class Refusal(NamedTuple):
    """Something that a device sent and that is no event.

    Attributes:
        raw: what came; without card numbers, names and the like.
        reason: why, in one sentence.
        place: what refused it: a byte offset, a JSON path, a mapping file's line, a topic.
        device: whose it is; empty for the plugin's own device.
    """

    raw: bytes
    reason: str
    place: str
    device: str = ""


Told = Event | Refusal
"""What a plugin hands over."""


class Envelope(TypedDict):
    """What every event begins with; see :class:`aislewatch.events.kinds.Event`."""

    id: str
    store: str
    device: str
    time: int
    seq: int
    simulated: bool
    timed_by: TimedBy | None


class Envelopes:
    """Makes the envelopes of one opening, each with the next number.

    For devices whose messages have no id of their own: a message that they send again is another
    event. The opening's name is in the ids, so that no two openings share one.

    Args:
        context: of the opening.

    Attributes:
        made: how many there were.
    """

    def __init__(self, context: SensorContext) -> None:
        self.made = 0
        self._context = context

    def at(self, time_us: int, timed_by: TimedBy | None = None) -> Envelope:
        """Give the next envelope.

        Args:
            time_us: when it happened, microseconds since 1970 UTC.
            timed_by: where that time is from, unless it is the device's own.
        """
        context = self._context
        self.made += 1
        return {
            "id": f"{context.device}/{context.boot}/{self.made}",
            "store": context.store,
            "device": context.device,
            "time": time_us,
            "seq": self.made,
            "simulated": context.simulated,
            "timed_by": timed_by,
        }

    def state(
        self,
        time_us: int,
        state: DeviceStateName,
        reason: str | None = None,
        detail: str | None = None,
        timed_by: TimedBy | None = "arrival",
    ) -> DeviceState:
        """Give a state of the plugin's own device.

        Args:
            time_us: since when.
            state: which.
            reason: why, in one word.
            detail: why, in a sentence.
            timed_by: as of `at`; states are mostly found out by the host.
        """
        envelope = self.at(time_us, timed_by)
        return DeviceState(**envelope, state=state, reason=reason, detail=detail)


def runs(told: Iterable[Told], longest: int = BATCH_EVENTS) -> Iterator[list[Event] | Refusal]:
    """Cut what was told into runs of events, parted by refusals, in order.

    Args:
        told: what was told.
        longest: events in one run.
    """
    run: list[Event] = []
    for one in told:
        if isinstance(one, Event):
            run.append(one)
        if run and (isinstance(one, Refusal) or len(run) == longest):
            yield run
            run = []
        if isinstance(one, Refusal):
            yield one
    if run:
        yield run


async def hand_over(told: Iterable[Told], emit: Emit, device: str) -> None:
    """Give the host what was told, in order; returns once it cannot be lost.

    Args:
        told: what was told.
        emit: the host's.
        device: whose a refusal is that does not say it.
    """
    for run in runs(told):
        if isinstance(run, Refusal):
            whose = run.device or device
            await emit.refused(run.raw, run.reason, place=run.place, device=whose)
        else:
            await emit.events(run)
