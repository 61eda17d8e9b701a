"""The events of an archive or of recordings, one after the other, as a replay would take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aislewatch.detect.settings import Settings
from aislewatch.errors import EventRefused, UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry
from aislewatch.events.subjects import parse_event_subject
from aislewatch.runtime.archive import is_archive, read_archive
from aislewatch.runtime.discovery import installed_registry
from aislewatch.runtime.recording import play
from aislewatch.runtime.setup import Setup


@dataclass
class Told:
    """What devices told, to be read as often as needed.

    Attributes:
        setup: the shop; None for an archive of which no more is known.
        events: an archive, a raw recording, or None for the recordings that the setup names.
        refused: what was no event in the last reading.
    """

    setup: Setup | None
    events: Path | None
    refused: int = field(default=0, init=False)

    @property
    def registry(self) -> Registry:
        """The kinds of event."""
        return self.setup.registry if self.setup is not None else installed_registry()

    @property
    def zone(self) -> str:
        """The shop's time zone; UTC where nothing is known of it."""
        return self.setup.timezone if self.setup is not None else "UTC"

    def settings(self, store: str) -> Settings:
        """Give a store's figures."""
        return self.setup.settings(store) if self.setup is not None else Settings(store)

    def model(self, lists: dict[str, frozenset[str]]) -> StoreModel:
        """Give the shop; where nothing is known of it, one that has these lists."""
        return self.setup.model if self.setup is not None else StoreModel(lists=lists)

    def read(self) -> Iterator[Event]:
        """Give the events of the stores that the setup describes, ticks among them.

        Raises:
            UsageError: there is nothing, or it cannot be read.
        """
        self.refused = 0
        events = self._archived() if self._is_archive() else self._recorded()
        accepts = self.setup.accepts if self.setup is not None else None
        for event in events:
            if accepts is None or accepts(event.store):
                yield event

    def _is_archive(self) -> bool:
        if self.events is not None and not self.events.exists():
            message = f"there is nothing at {self.events}"
            raise UsageError(message)
        if self.events is not None and is_archive(self.events):
            return True
        if self.setup is None:
            message = (
                "this is no archive, and a recording can only be read with the store file that "
                "says what its rows mean: name it with --store"
            )
            raise UsageError(message)
        return False

    def _archived(self) -> Iterator[Event]:
        assert self.events is not None
        codec = Codec(self.registry)
        for message in read_archive(self.events):
            try:
                event = codec.decode(message.payload)
                subject = parse_event_subject(message.subject)
            except EventRefused:
                self.refused += 1
                continue
            if (event.store, event.device) == (subject.store, subject.device):
                yield event
            else:
                self.refused += 1

    def _recorded(self) -> Iterator[Event]:
        assert self.setup is not None
        file = self.events is not None and self.events.is_file()
        files = [self.events] if file and self.events is not None else None
        for told in play(self.setup, files):
            if isinstance(told, Event):
                yield told
            else:
                self.refused += 1
