"""How each of a feed's devices is, and so which of its states are news.

A device's own word, or another's word about it, is told when it changes, and a fault each time. A
row that was refused blurs its device: something was seen then that could not be read. The next good
row tells what the device is in again.
"""

from __future__ import annotations

from dataclasses import dataclass

DeviceKey = tuple[str, str]
"""A store and a device of it."""

State = tuple[str, str | None]
"""A state and its reason."""

ONLINE: State = ("online", None)
SEES = frozenset({"online", "degraded"})
"""States in which a device sees."""


@dataclass(slots=True)
class _Standing:
    state: State
    link: str
    blurred: bool = False
    said_us: int = -1


class Standings:
    """Remembers how each device is, and over which connection it was heard last."""

    def __init__(self) -> None:
        self._all: dict[DeviceKey, _Standing] = {}

    @property
    def states(self) -> dict[DeviceKey, str]:
        """The devices that have been told of, and the state that each is in."""
        return {key: standing.state[0] for key, standing in sorted(self._all.items())}

    def __contains__(self, key: DeviceKey) -> bool:
        return key in self._all

    def heard(self, key: DeviceKey, link: str, said: State | None) -> State | None:
        """Take a good row of a device.

        Args:
            key: the device.
            link: the connection that the row came over.
            said: what the row says of the device; None where it says nothing.

        Returns:
            The state to tell, if it is news.
        """
        before = self._all.get(key)
        state = said or (before.state if before is not None else ONLINE)
        self._all[key] = _Standing(state, link)
        news = before is None or before.state != state or before.blurred
        return state if news or (said is not None and state[0] == "degraded") else None

    def refused(self, key: DeviceKey, link: str, said: State | None) -> tuple[State | None, bool]:
        """Take a row of a device of which something was refused.

        Returns:
            The state to tell before anything else, if it is news; and whether to tell that
            something could not be read, which is none where the device sees nothing anyway.
        """
        before = self._all.get(key)
        state = said or (before.state if before is not None else ONLINE)
        blurs = state[0] in SEES
        self._all[key] = _Standing(state, link, blurred=blurs)
        changed = before is None or before.state != state
        news = said is not None and (state[0] == "degraded" or (changed and not blurs))
        return (state if news else None), blurs

    def told_of(self, key: DeviceKey, link: str, said: State, time_us: int) -> bool:
        """Take what a row says of a device that others speak of too.

        Of several words of one instant the worst holds, in whatever order they come.

        Returns:
            Whether it is news.
        """
        before = self._all.get(key)
        at_once = before is not None and before.said_us == time_us
        if before is not None and at_once and severity(said[0]) <= severity(before.state[0]):
            before.link = link
            return False
        self._all[key] = _Standing(said, link, said_us=time_us)
        return before is None or before.state != said or said[0] == "degraded"

    def lost(self, link: str) -> list[DeviceKey]:
        """Forget the devices heard over a connection; give those that saw until now."""
        gone = sorted(key for key, standing in self._all.items() if standing.link == link)
        return [key for key in gone if self._all.pop(key).state[0] in SEES]


def severity(state: str) -> int:
    """Rank a state: online, degraded, and those in which nothing is seen.

    >>> [severity(state) for state in ("online", "degraded", "failed")]
    [0, 1, 2]
    """
    return ("online", "degraded").index(state) if state in SEES else 2
