"""People's numbers exchanged for pseudonyms on an event's way out of its device's process.

Done in one place for all devices, so that no plugin has to think of it. What goes to the dead
letter goes as it came: there nothing says which of it names a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from aislewatch.errors import AislewatchError, DeviceMisconfigured, DeviceNotReady
from aislewatch.events.kinds import Event
from aislewatch.events.sensor import Clock, Emit
from aislewatch.runtime.names import Names
from aislewatch.runtime.names_store import NamesFile
from aislewatch.runtime.names_terms import NamesTerms

KINDS: Final = ("badge", "cashier", "customer")
"""Fields of events that name a person by a number that others know, too."""

PURGE_US: Final = 3_600_000_000
_REMEMBERED: Final = 10_000


class Namer:
    """Exchanges numbers of people in events.

    Args:
        terms: on which names are kept.
        clock: the machine's.
        device: whose events they are.

    Raises:
        DeviceMisconfigured: the file of names cannot be used.
    """

    def __init__(self, terms: NamesTerms, clock: Clock, device: str) -> None:
        self._clock = clock
        self._by = f"device/{device}"
        self._names = Names(terms, clock)
        self._known: dict[tuple[str, str], str] = {}
        try:
            self._purge()
            self._file = NamesFile(Path(terms.file))
        except AislewatchError as error:
            raise DeviceMisconfigured(str(error)) from None
        self._seen = self._file.changed

    def close(self) -> None:
        """Let go of the names."""
        self._file.close()

    def named(self, batch: Sequence[Event]) -> list[Event]:
        """Give events in which people have pseudonyms.

        Raises:
            DeviceNotReady: whoever is to be forgotten cannot be forgotten now.
        """
        if self._clock.now_us() >= self._purged_us + PURGE_US:
            try:
                self._purge()
            except AislewatchError as error:
                raise DeviceNotReady(str(error)) from None
            self._known.clear()  # A name in use is told to the file at least so often.
        if self._file.changed != self._seen:
            self._seen = self._file.changed
            self._known.clear()
        return [self._renamed(event) for event in batch]

    def _renamed(self, event: Event) -> Event:
        new: dict[str, str] = {}
        for kind in KINDS:
            text = getattr(event, kind, None)
            if text is not None:
                new[kind] = self._name(kind, text)
        return replace(event, **new) if new else event

    def _name(self, kind: str, text: str) -> str:
        found = self._known.get((kind, text))
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[kind, text] = self._file.name(kind, text, self._clock.now_us())
        return found

    def _purge(self) -> None:
        self._purged_us = self._clock.now_us()
        self._names.purge(self._by)


class NamingEmit:
    """Where a plugin emits to that knows nothing of pseudonyms.

    Args:
        emit: where events go.
        namer: exchanges the numbers in them.
    """

    def __init__(self, emit: Emit, namer: Namer) -> None:
        self._emit = emit
        self._namer = namer

    async def events(self, batch: Sequence[Event]) -> None:
        """Hand over events in which people have pseudonyms."""
        await self._emit.events(self._namer.named(batch))

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        """Hand over what is no event, as it is."""
        await self._emit.refused(raw, reason, place=place, device=device)
