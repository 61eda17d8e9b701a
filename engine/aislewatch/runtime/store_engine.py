"""One store's detection, tied to its chain: the same for the live path and for a replay.

Nothing here waits or listens. Messages of the event stream go in, in order; what they decide is in
the ledger when the call returns, in one transaction with how far the stream was read. Dropped at
any instant and made anew from the same ledger, it ends with the same chain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from aislewatch.detect.snapshot import FORMAT as CORE_FORMAT
from aislewatch.errors import EventRefused, LedgerFull, UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ClockTick, Event, StoreReloaded
from aislewatch.events.record import Record
from aislewatch.events.subjects import EventSubject, parse_event_subject
from aislewatch.ledger import Checkpoint, Head, Ledger
from aislewatch.runtime.archive_line import StreamMessage
from aislewatch.runtime.recheck import Recheck, refuse_change
from aislewatch.runtime.setup import Setup

SNAPSHOT_FORMAT = f"1.{CORE_FORMAT}"
"""Of `_Saved` and of the core's snapshot inside it; another one is not read, see the class."""

SNAPSHOT_EVERY = 20_000
"""Messages between two snapshots at least: reading them again takes about a second."""

_BYTES_PER_MESSAGE = 100
"""What snapshots may cost, on average. A state of 12 hours' evidence has 40 MB and is read in
seconds; it is written every 400,000 messages, which take about as long to be read again."""

_subject = lru_cache(maxsize=4096)(parse_event_subject)


class Arrival(NamedTuple):
    """An event with its place in the stream."""

    sequence: int
    event: Event


class Refusal(NamedTuple):
    """A message of the stream that is no event of this store.

    Attributes:
        sequence: its place in the stream.
        device: who sent it, by the subject.
        reason: one sentence.
        place: what refused it; empty where it is the whole.
        payload: the bytes as they came.
    """

    sequence: int
    device: str
    reason: str
    place: str
    payload: bytes


class Batch(NamedTuple):
    """Messages of the stream, read.

    Attributes:
        position: sequence of the last message, event or not.
        arrivals: the events, in order.
        refusals: the others.
    """

    position: int
    arrivals: Sequence[Arrival]
    refusals: Sequence[Refusal] = ()


class _Saved(msgspec.Struct, frozen=True):
    """The state behind a snapshot.

    Attributes:
        meaning: of the setup that wrote it.
        ended: as of the engine.
        core: the core's own snapshot.
    """

    meaning: str
    ended: bool
    core: bytes


class StoreEngine:
    """A store's core, and its place in the stream and in the chain.

    A start takes the ledger's snapshot and reads the stream again from there; what the chain holds
    already is compared, not written twice. A snapshot of another format counts for nothing: all is
    decided again from the first event, by what the store began with.

    Under changed rules or another store model it goes on with the evidence that it has, and the
    chain says so: from a ``store.reloaded`` in the stream on, which a start by changed files puts
    there, too. So what decides hangs on the stream alone, and never on when an engine was stopped:
    one that is made anew goes on under the setup of its snapshot until the stream says otherwise.
    What is first decided under a setup is written together with a snapshot, so what an engine that
    was killed must decide again was all decided under one setup.

    Args:
        setup: what to detect, where the ledger has no snapshot, or nobody keeps what that was made
            under.
        store: whose events.
        ledger: open for appending.
        snapshot_every: messages between two snapshots, more where they are large; 0 for none.
        kept: gives the setup of a meaning, or raises UsageError; None: reloads in the stream are
            passed over, and all is decided under the one setup.
        began: what the store began with, as far as that is known.

    Attributes:
        reloads: those of the stream, with their places: what was gone over to, or all that were
            passed over.
        position: the last sequence taken; reading goes on after it.
        head: of the chain.
        ended: the clock's last tick was the final one of a recording.
        refused: messages refused since the start.
        written: records added to the chain since the start, by type.

    Raises:
        LedgerError: changed rules on a chain whose engine was killed, and those that it had are
            not kept.
    """

    def __init__(
        self,
        setup: Setup,
        store: str,
        ledger: Ledger,
        *,
        snapshot_every: int = SNAPSHOT_EVERY,
        kept: Callable[[str], Setup] | None = None,
        began: Setup | None = None,
    ) -> None:
        self.store = store
        self.ended = False
        self.refused = 0
        self.written: Counter[str] = Counter()
        self.reloads: list[Arrival] = []
        self._codec = Codec(setup.registry)
        self._ledger = ledger
        self._snapshot_every = snapshot_every
        self._kept = kept
        self._failed = False
        checkpoint = ledger.checkpoint(store)
        saved = _saved(checkpoint)
        if checkpoint is not None and saved is not None and saved.meaning != setup.meaning:
            again = checkpoint.position - checkpoint.snapshot_position
            setup = self._as_it_was(saved.meaning, again, setup)
        elif checkpoint is not None and saved is None and began is not None:
            setup = began
        self._meaning = setup.meaning
        self._sealed = saved.meaning if saved is not None else ""
        self._core = setup.core(store, saved.core if saved is not None else None)
        self.head: Head = ledger.head(store)
        self.position = 0
        self._recheck: Recheck | None = None
        after = 0
        if checkpoint is not None and saved is not None:
            self.ended = saved.ended
            self.position, after = checkpoint.snapshot_position, checkpoint.snapshot_head
        if checkpoint is not None and checkpoint.position > self.position:
            self._recheck = Recheck(ledger, store, after=after, until=checkpoint.position)
        self._saved_at = self.position
        self._counted = dict(self._core.counters)
        self._taken = 0
        self._snapshot_due = 0

    @property
    def committed(self) -> int:
        """The last sequence whose records are in the chain."""
        return self._recheck.until if self._recheck is not None else self.position

    @property
    def counters(self) -> Mapping[str, int]:
        """What became of the events, by name; see `Core.counters`."""
        return self._core.counters

    @property
    def watermark(self) -> int:
        """Event time up to which everything is decided, microseconds; -1 before the first tick."""
        return self._core.watermark

    def read(self, messages: Sequence[StreamMessage]) -> Batch:
        """Read messages of the stream, in its order; at least one.

        What is no event of this store and of the device that its subject names is refused.
        """
        arrivals: list[Arrival] = []
        refusals: list[Refusal] = []
        for message, event in zip(messages, self._events(messages), strict=True):
            device = ""
            try:
                subject = _subject(message.subject)
                device = subject.device
                read = event if event is not None else self._codec.decode(message.payload)
                if (read.store, read.device) != (subject.store, subject.device):
                    _refuse_stranger(read, subject)
                if read.__class__ is StoreReloaded and self._kept is not None:
                    assert isinstance(read, StoreReloaded)
                    _require_kept(self._kept, read)
            except EventRefused as error:
                refusals.append(
                    Refusal(message.sequence, device, error.reason, error.place, message.payload)
                )
            else:
                arrivals.append(Arrival(message.sequence, read))
        return Batch(messages[-1].sequence, arrivals, refusals)

    def _events(self, messages: Sequence[StreamMessage]) -> Iterable[Event | None]:
        """Read all at once, which is quicker; Nones where any of them is no event."""
        try:
            return self._codec.decode_all([message.payload for message in messages])
        except EventRefused:
            return [None] * len(messages)

    def take(self, batch: Batch, *, recorded_us: int) -> Head:
        """Decide on a batch; everything is in the ledger when this returns.

        Args:
            batch: what comes next in the stream.
            recorded_us: the time, microseconds UTC.

        Returns:
            The chain's head.

        Raises:
            LedgerError: what is decided again is not what the chain holds, or the ledger cannot
                be written. The engine is of no use then: make another from the ledger.
            LedgerFull: there is no room on the disk; the same.
        """
        assert not self._failed, "an engine that failed is made anew from the ledger"
        assert batch.position > self.position
        self._failed = True
        arrivals, refusals = batch.arrivals, batch.refusals
        if self._recheck is not None:
            until = self._recheck.until
            self._decide_again(self._recheck, [a for a in arrivals if a.sequence <= until], batch)
            arrivals = [a for a in arrivals if a.sequence > until]
            refusals = [r for r in refusals if r.sequence > until]
        if self._recheck is None and batch.position > self.position:
            self._decide(batch.position, arrivals, len(refusals), recorded_us)
        self.position = batch.position
        self._failed = False
        return self.head

    def save(self, *, recorded_us: int) -> None:
        """Keep a snapshot of where the engine stands, so that a start need not read again."""
        if self._failed or self._recheck is not None or self.position == self._saved_at:
            return
        self._append([], self.position, 0, recorded_us, snapshot=True)

    def _decide_again(self, recheck: Recheck, arrivals: Sequence[Arrival], batch: Batch) -> None:
        recheck.compare(self._step(arrivals))
        if batch.position >= recheck.until:
            recheck.finish()
            self._recheck = None
            self.position = recheck.until
            self._counted = dict(self._core.counters)

    def _decide(
        self, position: int, arrivals: Sequence[Arrival], refused: int, recorded_us: int
    ) -> None:
        records = self._step(arrivals)
        self.refused += refused
        self._taken += len(arrivals) + refused
        snapshot = self._snapshot_every > 0 and (
            self._snapshot_every <= self._taken >= self._snapshot_due
            or self._sealed != self._meaning
        )
        self._append(records, position, refused, recorded_us, snapshot=snapshot)

    def _step(self, arrivals: Iterable[Arrival]) -> list[Record]:
        records: list[Record] = []
        events: list[Event] = []
        for arrival in arrivals:
            event = arrival.event
            if event.__class__ is StoreReloaded:
                assert isinstance(event, StoreReloaded)
                if self._kept is None:
                    self.reloads.append(arrival)
                elif event.meaning != self._meaning:
                    records += self._core.step(events)
                    events = []
                    self._go_over_to(self._kept(event.meaning))
                    self.reloads.append(arrival)
            else:
                if event.__class__ is ClockTick:
                    assert isinstance(event, ClockTick)
                    self.ended = bool(event.final)
                events.append(event)
        return records + self._core.step(events)

    def _go_over_to(self, setup: Setup) -> None:
        """Go on under another setup with all that is known."""
        self._core = setup.core(self.store, self._core.snapshot())
        self._meaning = setup.meaning

    def _as_it_was(self, meaning: str, again: int, now: Setup) -> Setup:
        """Give the setup that a snapshot was made under; where it is gone, the one at hand."""
        try:
            if self._kept is not None:
                return self._kept(meaning)
        except UsageError as error:
            if again:
                raise refuse_change(self.store, again) from error
        if again:
            raise refuse_change(self.store, again)
        return now

    def _append(
        self,
        records: Sequence[Record],
        position: int,
        refused: int,
        recorded_us: int,
        *,
        snapshot: bool,
    ) -> None:
        counters = self._core.counters
        more = {
            name: value - self._counted.get(name, 0)
            for name, value in counters.items()
            if value != self._counted.get(name, 0)
        }
        if refused:
            more["refused"] = refused
        state: bytes | None = None
        if snapshot:
            saved = _Saved(self._meaning, self.ended, self._core.snapshot())
            state = msgspec.msgpack.encode(saved)
        try:
            self.head = self._ledger.append(
                self.store,
                records,
                recorded_us=recorded_us,
                consumer_position=position,
                snapshot=state,
                snapshot_version=SNAPSHOT_FORMAT if state is not None else "",
                counters=more,
                expected_head=self.head.hash,
            )
        except LedgerFull as error:
            remedy = "a run goes on by itself once there is room, a replay is started again"
            message = f"{self.store}: {error}; {remedy}"
            raise LedgerFull(message) from error
        self.written.update(record.type for record in records)
        self._counted = dict(counters)
        if state is not None:
            self._saved_at = position
            self._sealed = self._meaning
            self._taken = 0
            self._snapshot_due = len(state) // _BYTES_PER_MESSAGE


def _saved(checkpoint: Checkpoint | None) -> _Saved | None:
    if checkpoint is None or checkpoint.snapshot is None:
        return None
    if checkpoint.snapshot_version != SNAPSHOT_FORMAT:
        return None
    return msgspec.msgpack.decode(checkpoint.snapshot, type=_Saved)


def _refuse_stranger(event: Event, subject: EventSubject) -> None:
    reason = (
        f"an event of device {event.device!r} of store {event.store!r} came as one of device "
        f"{subject.device!r} of store {subject.store!r}"
    )
    raise EventRefused(reason, "$.device" if event.store == subject.store else "$.store")


def _require_kept(kept: Callable[[str], Setup], event: StoreReloaded) -> None:
    try:
        kept(event.meaning)
    except UsageError as error:
        reason = f"this reload cannot be followed: {error}"
        raise EventRefused(reason, "$.meaning") from None
