"""What a badge reader's frames are as events. Pure: frames and times go in, events come out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from aislewatch.devices.pseudonym import pseudonym
from aislewatch.devices.telling import REFUSED_ROW, Envelopes, Refusal, Told
from aislewatch.events.kinds import BadgeRead, DeviceState, DeviceStateName
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.badge.config import BadgeConfig
from aislewatch_plugins.badge.frames import Badge, Nonsense

STUCK: Final = "stuck-badge"


class _Held(NamedTuple):
    since_us: int
    last_us: int


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
        self._envelopes = Envelopes(context)
        self._secret = secret
        self._held: dict[bytes, _Held] = {}
        self._reason: str | None = None

    def tell(self, came: Badge | Nonsense, now_us: int) -> Iterator[Told]:
        """Tell one thing that came."""
        if isinstance(came, Nonsense):
            self.refused += 1
            yield Refusal(came.data, came.reason, "the line")
            yield self._state(now_us, "degraded", REFUSED_ROW, came.reason)
            return
        self.badges += 1
        yield from self.advance(now_us)
        held = self._held.get(came.code)
        self._held[came.code] = _Held(now_us if held is None else held.since_us, now_us)
        if held is None:
            name = pseudonym("badge", came.code, self._secret)
            envelope = self._envelopes.at(now_us, "arrival")
            yield BadgeRead(**envelope, badge=name, role=self._config.role)
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
        return self._envelopes.state(now_us, state, reason, detail)
