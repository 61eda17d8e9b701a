"""What a device's life puts on the bus: its events, the ticks of a recording, its own states."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec.structs import replace

from aislewatch.errors import EventRefused
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, DeviceState, Event
from aislewatch.events.registry import type_of
from aislewatch.events.subjects import CLOCK_DEVICE, event_subject
from aislewatch.runtime.bus_message import Message, dead_letter_message, message_id
from aislewatch.runtime.clock import RecordingClock, SystemClock
from aislewatch.runtime.letter_redacting import LetterRedactor
from aislewatch.runtime.supervisor import Change
from aislewatch.runtime.ticking import RecordingTicks


class Publishing(Protocol):
    """Where messages go; returns once they cannot be lost."""

    async def publish(self, messages: Sequence[Message]) -> int:
        """Take messages, in order; tells how many were taken."""
        ...


class Emitting(Protocol):
    """The part of a device's spec that its events need; see `DeviceSpec` for the meanings."""

    @property
    def store(self) -> str: ...  # noqa: D102
    @property
    def device(self) -> str: ...  # noqa: D102
    @property
    def boot(self) -> str: ...  # noqa: D102
    @property
    def attempt(self) -> int: ...  # noqa: D102
    @property
    def simulated(self) -> bool: ...  # noqa: D102
    @property
    def tick_us(self) -> int: ...  # noqa: D102


def event_message(event: Event) -> Message:
    """Give an event as the bus takes it.

    Raises:
        EventRefused: it is too large.
    """
    payload = Codec.encode(event)
    subject = event_subject(event.store, event.device, type_of(type(event)))
    return Message(subject, message_id(event.id, payload), payload)


def state_event(
    store: str, device: str, change: Change, *, time_us: int, seq: int, simulated: bool = False
) -> DeviceState:
    """Make the event that says a device's new state.

    Args:
        store: the device's.
        device: its id.
        change: the state.
        time_us: since when; by the store's clock.
        seq: orders the states of one instant: twice the life's number while it runs, one more
            after it.
        simulated: a simulator stands behind the device.
    """
    return DeviceState(
        # Time and state are in the id: a recording that is played again, and goes otherwise this
        # time, must not tell something else under the same id.
        id=f"{device}/state/{time_us}/{seq}/{change.state}",
        store=store,
        device=device,
        time=time_us,
        seq=seq,
        simulated=simulated,
        state=change.state,
        reason=change.reason or None,
        detail=change.detail or None,
    )


class DeviceEmit:
    """What a plugin emits to.

    Args:
        spec: of the device.
        clock: its store's; wound on by the events where it is a recording's.
        publisher: takes the messages.
        redactor: takes secrets out of what is no event.
        resume_us: by store, the newest tick of this recording that is in the stream already. All
            that came before it was stored before it, so nothing is published again up to there.

    Attributes:
        proved: the device has decoded something.
        events_count: how many events were handed on.
        refused_count: how much was no event.
        newest_us: newest event time by store.
    """

    def __init__(
        self,
        spec: Emitting,
        clock: RecordingClock | SystemClock,
        publisher: Publishing,
        redactor: LetterRedactor,
        resume_us: Mapping[str, int] | None = None,
    ) -> None:
        self.proved = False
        self.events_count = 0
        self.refused_count = 0
        self.newest_us: dict[str, int] = {}
        self._spec = spec
        self._clock = clock
        self._publisher = publisher
        self._redactor = redactor
        self._turn = asyncio.Lock()
        self._said = ""
        self._resume_us = dict(resume_us or {})
        self._ticks: dict[str, RecordingTicks] = {}

    async def events(self, batch: Sequence[Event]) -> None:
        """Hand over events in the order they were seen. Returns once they cannot be lost."""
        if not batch:
            return
        async with self._turn:
            messages: list[Message] = []
            for event in batch:
                try:
                    self._add(messages, event)
                except EventRefused as refusal:
                    self._refuse(messages, Codec.encode(event), refusal, event.device)
            await self._publisher.publish(messages)

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        """Hand over what a device sent that is no event."""
        async with self._turn:
            messages: list[Message] = []
            self._refuse(messages, raw, EventRefused(reason, place), device)
            await self._publisher.publish(messages)

    async def say(self, change: Change) -> None:
        """Tell a state of the device itself, unless it was the last one told."""
        async with self._turn:
            if change.state == self._said or not self._spec.store:
                return
            self._said = change.state
            await self._publisher.publish([self._state_message(change, self._clock.now_us())])

    def _add(self, messages: list[Message], event: Event) -> None:
        spec = self._spec
        if event.device == CLOCK_DEVICE:
            reason = f"{CLOCK_DEVICE!r} is the runtime's own device: call this one otherwise"
            raise EventRefused(reason, "device")
        if spec.simulated and not event.simulated:
            event = replace(event, simulated=True)
        message = event_message(event)
        if isinstance(self._clock, RecordingClock):
            self._clock.advance(event.time)
        self.proved = True
        self.newest_us[event.store] = max(event.time, self.newest_us.get(event.store, 0))
        tick = self._tick_before(event) if spec.tick_us else None
        if tick is not None and tick.time >= self._resume_us.get(event.store, 0):
            self._resume_us.pop(event.store, None)
            messages.append(event_message(tick))
        if event.store in self._resume_us:
            return
        if not self._said and spec.store:
            self._said = "online"
            if self._must_tell(event):
                messages.append(self._state_message(Change("online"), self._clock.now_us()))
        messages.append(message)
        self.events_count += 1

    def _must_tell(self, first: Event) -> bool:
        """Say whether the first event does not by itself say that the device is online.

        A plugin that tells its own states needs no help. That a recording is being played is no
        fact of the shop: unless it was interrupted, a live run of it tells what its replay does.
        """
        if isinstance(self._clock, RecordingClock) and self._spec.attempt == 1:
            return False
        return not (isinstance(first, DeviceState) and first.device == self._spec.device)

    def _tick_before(self, event: Event) -> ClockTick | None:
        spec = self._spec
        ticks = self._ticks.get(event.store)
        if ticks is None:
            ticks = RecordingTicks(event.store, spec.tick_us, recording_boot(spec.device))
            self._ticks[event.store] = ticks
        return ticks.before(event)

    def _refuse(
        self, messages: list[Message], raw: bytes, refusal: EventRefused, device: str
    ) -> None:
        spec, size = self._spec, len(raw)
        raw = self._redactor.raw(raw)
        reason, place = self._redactor.text(refusal.reason), self._redactor.text(refusal.place)
        # With the store: another one's device of this name may send the same nonsense.
        occurrence = f"{spec.store}/{spec.device}/{spec.boot}/refused/{self.refused_count}"
        msg_id = message_id(occurrence, raw)
        self.refused_count += 1
        letter = dead_letter_message(
            *(spec.store or "unknown", device, reason, raw),
            place=place,
            msg_id=msg_id,
            size=size,
        )
        messages.append(letter)

    def _state_message(self, change: Change, time_us: int) -> Message:
        spec = self._spec
        event = state_event(
            *(spec.store, spec.device, change),
            time_us=time_us,
            seq=2 * spec.attempt,
            simulated=spec.simulated,
        )
        return event_message(event)


def recording_boot(device: str) -> str:
    """Give the part of ticks' ids that tells one recording from another.

    The same whenever it is played, so that the ticks of a second playing are known again.
    """
    return f"recording-{device}"
