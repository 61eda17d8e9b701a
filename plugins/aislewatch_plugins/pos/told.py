"""What a decoder makes of a till's bytes: facts, and what could not be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aislewatch.events.kinds import TimedBy


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a till told, before it is an event.

    Attributes:
        type: of the event, such as ``pos.item``.
        time_us: when it happened.
        key: tells it from all else that this till ever tells; the same when it is sent again.
        seq: orders what the till told of one instant.
        till: what the till calls itself; empty where the wire does not say.
        fields: of the event, under their names there; None is "not said".
        timed_by: where the time is from, unless it is the till's own.
    """

    type: str
    time_us: int
    key: str
    seq: int = 0
    till: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    timed_by: TimedBy | None = None


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something that a till sent and that could not be read.

    Attributes:
        raw: what came.
        reason: one sentence.
        place: where in what came.
        till: whose it is; empty where that cannot be told.
        time_us: when it happened; None where that cannot be told.
        blinds: what it says is missing from now on in what the till told. Not so where nobody knows
            whether a till sent it at all, as with a request that is not signed.
    """

    raw: bytes
    reason: str
    place: str
    till: str = ""
    time_us: int | None = None
    blinds: bool = True


Found = Fact | Flaw


@dataclass(slots=True)
class Counts:
    """What became of what came.

    Attributes:
        frames: requests, files, receipts: whatever the wire parts its messages by.
        events: told to the host; states of devices count.
        refusals: sent to the dead letter.
        cards: fields left out because they held what looks like a card number.
        tokens: tokens for cards left out: the site has no key for them, or they are none.
        repeats: frames that had come before, letter for letter.
        training: frames that a till marked as practice, and of which nothing is told.
    """

    frames: int = 0
    events: int = 0
    refusals: int = 0
    cards: int = 0
    tokens: int = 0
    repeats: int = 0
    training: int = 0
