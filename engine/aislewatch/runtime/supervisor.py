"""How a device's runtime restarts it: states, back-off, and when to say out loud that it failed.

Pure: the time and the dice are arguments, nothing is awaited. One supervisor watches one device
through all its lives, whether a life ends by an exception, by a signal or by a hang::

    starting ── online ⇄ degraded
        │          │        │
        └──────────┴────────┴──> offline <──> online
                                    │
        (any of these) ─────────────┴──> failed ──> online
        (any but failed) ──> stopped

States are what can be said of a device, not what the program is doing: a device that is tried again
and again stays ``offline`` (or ``failed``) until it has proved that it is back. ``online`` needs a
decoded frame, an event, or the protocol's own handshake: that a socket took a connection proves
nothing. ``failed`` is for a person: it is reached at once by a wrong configuration, which is not
tried again, and by five failures within a minute, which is tried again once a minute, so that a
device that is mended comes back without anybody asking. It is not ``stopped`` afterwards: that it
failed is what the person needs to know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

DeviceState = Literal["starting", "online", "degraded", "offline", "failed", "stopped"]

TRANSITIONS: Final[Mapping[DeviceState, frozenset[DeviceState]]] = {
    "starting": frozenset({"online", "offline", "failed", "stopped"}),
    "online": frozenset({"degraded", "offline", "failed", "stopped"}),
    "degraded": frozenset({"online", "offline", "failed", "stopped"}),
    "offline": frozenset({"online", "failed", "stopped"}),
    "failed": frozenset({"online"}),
    "stopped": frozenset(),
}
"""Which state may follow which."""

_SECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient a supervisor is. All durations in microseconds.

    Attributes:
        backoff_first_us: pause after the first failure of a window; doubles with each further one.
        backoff_max_us: no pause is longer, but the one after ``failed``.
        failures_max: that many failures ...
        window_us: ... within this span mean ``failed``.
        failed_pause_us: pause between attempts while ``failed``.
        hang_us: a life whose heartbeat stands still for this long hangs.
        start_us: so long may a life take to its first heartbeat; many that start at once on a small
            machine wait for each other, and to end them all would only have them start again.
    """

    backoff_first_us: int = 1 * _SECOND
    backoff_max_us: int = 30 * _SECOND
    failures_max: int = 5
    window_us: int = 60 * _SECOND
    failed_pause_us: int = 60 * _SECOND
    hang_us: int = 15 * _SECOND
    start_us: int = 120 * _SECOND


@dataclass(frozen=True, slots=True)
class Change:
    """A state that begins.

    Attributes:
        state: the state.
        reason: why, in one word.
        detail: why, in a sentence.
    """

    state: DeviceState
    reason: str = ""
    detail: str = ""


class Supervisor:
    """Watches one device.

    Every method that learns something gives the :class:`Change` that follows from it, or None.
    Times are microseconds of any clock that does not go back.

    Args:
        policy: how patient to be.
        draw: gives numbers from 0 up to 1; spreads the attempts of many devices over time.

    Attributes:
        current: the state now, with its reason.
        attempt: number of the current or last life; 0 before the first.
        retry_at_us: when the next life may begin; None while one runs or none shall begin.
        failures: how many failures there were in all.
    """

    def __init__(self, policy: Policy, draw: Callable[[], float]) -> None:
        self.current = Change("starting")
        self.attempt = 0
        self.retry_at_us: int | None = None
        self.failures = 0
        self._policy = policy
        self._draw = draw
        self._recent: deque[int] = deque(maxlen=policy.failures_max)
        self._running = False
        self._over = False
        self._beats = -1
        self._beat_at_us = 0

    @property
    def state(self) -> DeviceState:
        """The state now."""
        return self.current.state

    @property
    def ended(self) -> bool:
        """No further life will begin: stopped, or failed for good."""
        return self._over or (not self._running and self.attempt > 0 and self.retry_at_us is None)

    def begin(self, now_us: int) -> int:
        """Note that a life begins and give its number. It counts as a heartbeat."""
        assert not self._running
        assert not self._over
        self.attempt += 1
        self.retry_at_us = None
        self._running = True
        self._beats, self._beat_at_us = -1, now_us
        return self.attempt

    def proved(self) -> Change | None:
        """Note that the device decoded something, or shook hands as its protocol says."""
        assert self._running
        return self._become(Change("online"))

    def strained(self, reason: str, detail: str) -> Change | None:
        """Note that an online device goes on with less than it should have."""
        assert self._running
        if self.state != "online":
            return None
        return self._become(Change("degraded", reason, detail))

    def beat(self, beats: int, now_us: int) -> None:
        """Note how far the life's heartbeat has counted; 0 where it has not begun."""
        if beats != self._beats:
            self._beats, self._beat_at_us = beats, now_us

    def hangs(self, now_us: int) -> bool:
        """Tell whether the running life's heartbeat stands still for too long, or never began."""
        policy = self._policy
        patience_us = policy.hang_us if self._beats > 0 else max(policy.start_us, policy.hang_us)
        return self._running and now_us - self._beat_at_us > patience_us

    def fail(self, now_us: int, reason: str, detail: str, *, final: bool = False) -> Change | None:
        """Note that the life ended, or could not begin, though nobody asked it to.

        Args:
            now_us: the time.
            reason: in one word.
            detail: in a sentence.
            final: trying again cannot help until a person has changed something.
        """
        assert self._running
        policy = self._policy
        self._running = False
        self.failures += 1
        self._recent.append(now_us)
        if final:
            return self._become(Change("failed", reason, detail))
        recent = [at for at in self._recent if at > now_us - policy.window_us]
        if self.state == "failed" or len(recent) >= policy.failures_max:
            self.retry_at_us = now_us + self._spread(policy.failed_pause_us)
            if self.state == "failed":
                return None
            seconds = policy.window_us // _SECOND
            text = f"{len(recent)} failures within {seconds} s, the last: {detail}"
            return self._become(Change("failed", reason, text))
        pause = policy.backoff_first_us << (len(recent) - 1)
        self.retry_at_us = now_us + self._spread(min(pause, policy.backoff_max_us))
        return self._become(Change("offline", reason, detail))

    def stop(self, reason: str = "", detail: str = "") -> Change | None:
        """Note that the device was asked to stop, or that its source has ended for good."""
        self._running = False
        self._over = True
        self.retry_at_us = None
        return self._become(Change("stopped", reason, detail)) if self.state != "failed" else None

    def _become(self, change: Change) -> Change | None:
        if change.state == self.state:
            return None
        assert change.state in TRANSITIONS[self.state], f"{self.state} -> {change.state}"
        self.current = change
        return change

    def _spread(self, pause_us: int) -> int:
        """Give between half of a pause and all of it."""
        return pause_us // 2 + int(self._draw() * (pause_us - pause_us // 2))
