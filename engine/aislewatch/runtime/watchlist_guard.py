"""The watchlist in a device's process: compares what the device tells, and keeps nothing of it.

The list is read when the device is opened and again whenever somebody changes it, so that who was
taken off is not recognised a moment later. Entries that have ended are erased then and once an
hour; they are not compared with before that either.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aislewatch.errors import AislewatchError, DeviceMisconfigured, DeviceNotReady
from aislewatch.events.likeness import Likeness
from aislewatch.events.sensor import Clock
from aislewatch.runtime.watchlist import Watchlist
from aislewatch.runtime.watchlist_match import Gallery, rounded_down
from aislewatch.runtime.watchlist_store import WatchlistFile
from aislewatch.runtime.watchlist_terms import Terms

PURGE_US: Final = 3_600_000_000


class Guard:
    """Compares embeddings with a watchlist; see :class:`aislewatch.events.likeness.Comparer`.

    Args:
        terms: on which the list is kept.
        clock: the machine's, by which entries are erased; whether one counts is asked as of when
            a face was seen.
        device: whose process this is.

    Raises:
        DeviceMisconfigured: the list cannot be used.
    """

    def __init__(self, terms: Terms, clock: Clock, device: str) -> None:
        self._terms = terms
        self._clock = clock
        self._by = f"device/{device}"
        self._list = Watchlist(terms, clock)
        try:
            self._purge()
            self._list.taken_up(self._by)
            self._file = WatchlistFile(Path(terms.file))
        except AislewatchError as error:
            raise DeviceMisconfigured(str(error)) from None
        self._read()

    def close(self) -> None:
        """Let go of the list."""
        self._file.close()
        self._gallery = Gallery(())

    def compare(
        self, embedding: Sequence[float], *, model: str, quality: float | None, time_us: int
    ) -> Likeness | None:
        """Give the entry that an embedding is like; see the contract.

        Raises:
            ValueError: it is no embedding.
            DeviceNotReady: entries that have ended cannot be erased now.
        """
        if self._clock.now_us() >= self._purged_us + PURGE_US:
            try:
                self._purge()
            except AislewatchError as error:
                raise DeviceNotReady(str(error)) from None
        if self._file.changed != self._seen:
            self._read()
        if quality is None or quality < self._terms.quality:
            return None
        found = self._gallery.nearest(embedding, model, time_us)
        if found is None or found[1] < self._terms.threshold:
            return None
        return Likeness(self._terms.name, found[0], rounded_down(found[1]))

    def _read(self) -> None:
        # The figure first: what changes after it is read again the next time.
        self._seen = self._file.changed
        self._gallery = Gallery(self._file.enrolled())

    def _purge(self) -> None:
        self._purged_us = self._clock.now_us()
        self._list.purge(self._by)
