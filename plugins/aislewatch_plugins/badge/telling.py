"""What a badge reader's frames are as events. Pure: frames and times go in, events come out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple, TypedDict

from aislewatch.events.kinds import BadgeRead, DeviceState, DeviceStateName, Event
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.badge.config import BadgeConfig
from aislewatch_plugins.badge.frames import Badge, Nonsense

REFUSED_ROW: Final = "refused-row"
"""Something was told that could not be read: whose badge it was is unknown."""

STUCK: Final = "stuck-badge"


class Refusal(NamedTuple):
    """Something that is no event.

    Attributes:
        raw: what came, numbers masked.
        reason: why, in a sentence.
    """

    raw: bytes
    reason: str


Told = Event | Refusal


class _Envelope(TypedDict):
    id: str
    store: str
    device: str
    time: int
    seq: int
    simulated: bool


class _Held(NamedTuple):
    since_us: int
    last_us: int


def pseudonym(code: bytes, secret: bytes) -> str:
    """Give the name by which a badge is known: BLAKE2b of its code, keyed with the shop's secret.

    Without the secret nobody can try all numbers out, which would take seconds.

    >>> pseudonym(bytes.fromhex("62E3086CED"), b"sixteen bytes of")
    'badge-8e7ca9d8df8571e1'
    """
    key = hashlib.sha256(secret).digest()  # Secrets have any length, keys 64 bytes at most.
    digest = hashlib.blake2b(code, digest_size=8, key=key, person=b"aislewatch-badge")
    return f"badge-{digest.hexdigest()}"


class Teller:
    """Tells what a reader reads; one for each opening.

    Args:
        config: of the reader.
        context: of the opening.
        secret: what pseudonyms are made with.

    Attributes:
        badges: how many good frames came.
        refused: how much was none.
    """

    def __init__(self, config: BadgeConfig, context: SensorContext, secret: bytes) -> None:
        self.badges = 0
        self.refused = 0
        self._config = config
        self._context = context
        self._secret = secret
        self._held: dict[bytes, _Held] = {}
        self._reason: str | None = None
        self._seq = 0

    def tell(self, came: Badge | Nonsense, now_us: int) -> Iterator[Told]:
        """Tell one thing that came."""
        if isinstance(came, Nonsense):
            self.refused += 1
            yield Refusal(came.data, came.reason)
            yield self._state(now_us, "degraded", REFUSED_ROW, came.reason)
            return
        self.badges += 1
        yield from self.advance(now_us)
        held = self._held.get(came.code)
        self._held[came.code] = _Held(now_us if held is None else held.since_us, now_us)
        if held is None:
            name = pseudonym(came.code, self._secret)
            yield BadgeRead(**self._envelope(now_us), badge=name, role=self._config.role)
        yield from self._standing(now_us)

    def advance(self, now_us: int) -> Iterator[Told]:
        """Tell what is known by now because nothing more came."""
        hold_us = self._config.hold
        for code, held in list(self._held.items()):
            if held.last_us + hold_us < now_us:
                del self._held[code]
        if self._reason == STUCK:
            yield from self._standing(now_us)

    def _standing(self, now_us: int) -> Iterator[Told]:
        """Tell how the reader is, where that is news."""
        stuck = [
            held
            for held in self._held.values()
            if held.last_us - held.since_us >= self._config.stuck_after
        ]
        if stuck and self._reason != STUCK:
            detail = "a badge lies on the reader; nobody else's is read meanwhile"
            yield self._state(now_us, "degraded", STUCK, detail)
        elif not stuck and self._reason is not None:
            yield self._state(now_us, "online")

    def _state(
        self,
        now_us: int,
        state: DeviceStateName,
        reason: str | None = None,
        detail: str | None = None,
    ) -> DeviceState:
        self._reason = reason
        return DeviceState(**self._envelope(now_us), state=state, reason=reason, detail=detail)

    def _envelope(self, time_us: int) -> _Envelope:
        context = self._context
        self._seq += 1
        return {
            "id": f"{context.device}/{context.boot}/{self._seq}",
            "store": context.store,
            "device": context.device,
            "time": time_us,
            "seq": self._seq,
            "simulated": context.simulated,
        }
