"""How a camera is: what keeps it from seeing, of several things at once, and what of it is news."""

from __future__ import annotations

from typing import Final, NamedTuple

from aislewatch.devices.telling import REFUSED_ROW
from aislewatch.events.kinds import DeviceStateName
from aislewatch_plugins.camera.seen import FaultState, Sight

_WORST: Final[dict[FaultState, int]] = {"offline": 3, "stopped": 2, "failed": 1, "degraded": 0}


class Standing(NamedTuple):
    """A state to tell; see :class:`aislewatch.events.kinds.DeviceState`."""

    state: DeviceStateName
    reason: str | None = None
    detail: str | None = None


class Faults:
    """The causes that are in force; of several, the worst is told."""

    def __init__(self) -> None:
        self._causes: dict[str, Sight] = {}
        self._told: Standing | None = None

    @property
    def blind(self) -> bool:
        """Something keeps it from seeing."""
        return any(sight.state not in {None, "degraded"} for sight in self._causes.values())

    def take(self, sight: Sight) -> None:
        """Take what a message said."""
        if sight.state is None:
            self._causes.pop(sight.cause, None)
        else:
            self._causes[sight.cause] = sight

    def refused(self, reason: str) -> Standing:
        """Take that a message could not be read; it is told each time."""
        self._told = Standing("degraded", REFUSED_ROW, reason)
        # A camera that is blind stays blind; the state after this one says so again.
        return self._told

    def news(self) -> Standing | None:
        """Give the state that is in force, if it was not the last that was told."""
        standing = self._standing()
        if standing == self._told:
            return None
        self._told = standing
        return standing

    def _standing(self) -> Standing:
        worst = max(
            (sight for sight in self._causes.values() if sight.state is not None),
            key=lambda sight: _WORST[sight.state or "degraded"],
            default=None,
        )
        if worst is None or worst.state is None:
            return Standing("online")
        return Standing(worst.state, worst.reason, worst.detail)
