"""Where a till's bytes come from: what every kind of source promises its sensor."""

from __future__ import annotations

from typing import Protocol


class Source(Protocol):
    """Reads one wire; hands over what came and waits until it is taken.

    So a slow bus slows the sender down, and nothing is piled up.
    """

    @property
    def connected(self) -> bool:
        """The link stands, or it listens."""
        ...

    @property
    def port(self) -> int | None:
        """The port that it listens on; None where it does not listen."""
        ...

    async def open(self) -> None:
        """Connect, listen, or find the folder.

        Raises:
            DeviceNotReady: trying again later may help.
            DeviceMisconfigured: it cannot.
        """
        ...

    async def run(self) -> None:
        """Read until cancelled. What the taker raises ends it.

        Raises:
            DeviceNotReady: the link broke.
        """
        ...

    async def close(self) -> None:
        """Let go; may be called again."""
        ...
