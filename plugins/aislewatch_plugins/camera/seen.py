"""What a camera's message says, whichever vendor's: people, counts, and whether it can see.

Decoders give these. They know topics and payloads and nothing of events, clocks or sockets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

FaultState = Literal["degraded", "failed", "offline", "stopped"]
"""States of ``device.state`` that are not well; all but ``degraded`` cannot see."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody is in view.

    Attributes:
        time_us: microseconds since 1970 by the camera's clock.
        track: the camera's own name of the track; None where it only counts.
        zones: of the shop, where it says so.
        confidence: 0 to 1.
        stays: is there until a `Gone`, also where no further message says so.
    """

    time_us: int
    track: str | None = None
    zones: tuple[str, ...] = ()
    confidence: float | None = None
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Loitering:
    """Somebody has been in a zone for longer than the camera was told is usual."""

    time_us: int
    track: str
    zone: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """A track has ended; without a name, all have."""

    time_us: int | None
    track: str | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """So many people are in a zone of the shop, or in the whole view where ``zone`` is None."""

    time_us: int
    people: int
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether something keeps the camera from seeing.

    Attributes:
        cause: what is told of; causes come and go independently of one another.
        state: None where this cause is over.
        reason: one word, as rules ask for it.
        detail: a sentence.
        time_us: by the camera's clock; None where it did not say.
    """

    cause: str
    state: FaultState | None
    reason: str = ""
    detail: str = ""
    time_us: int | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """A face in view, by what describes it well enough to know it again.

    Attributes:
        time_us: by the camera's clock.
        track: the camera's own name of whose it is.
        model: what made the embedding.
        embedding: biometric data; compared, and kept nowhere.
        quality: of the picture, 0 to 1; None where nobody said.
        zone: of the shop, where it says so.
    """

    time_us: int
    track: str
    model: str
    embedding: Sequence[float] = field(repr=False)
    quality: float | None = None
    zone: str | None = None


Seen = Person | Loitering | Gone | Count | Sight | Face


class Decoder(Protocol):
    """Reads the messages of one vendor's camera."""

    @property
    def topics(self) -> Sequence[str]:
        """What to subscribe to."""
        ...

    def read(self, topic: str, payload: bytes) -> Iterator[Seen]:
        """Read one message; one that concerns another camera, or nothing of ours, gives nothing.

        Raises:
            ValueError: it is none; a sentence.
        """
        ...
