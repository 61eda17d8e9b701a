"""The watchlist as its keepers use it: every change checked, and told to the log of accesses.

What is done and that it was done stand or fall together: the log is written before the list's own
transaction ends, so that nothing happens to the list of which the log knows nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from aislewatch.errors import UsageError
from aislewatch.events.sensor import Clock
from aislewatch.runtime.access_log import Access, AccessLog, no_name
from aislewatch.runtime.watchlist_match import unit
from aislewatch.runtime.watchlist_store import Entry, WatchlistFile
from aislewatch.runtime.watchlist_terms import Terms

EMBEDDINGS_MOST: Final = 32
_FIGURES: Final = range(16, 8193)


class Watchlist:
    """A shop's watchlist.

    Args:
        terms: on which it is kept.
        clock: the time.
    """

    def __init__(self, terms: Terms, clock: Clock) -> None:
        self._terms = terms
        self._clock = clock
        self._log = AccessLog(terms.log, terms.store, "watchlist", terms.purpose, clock)

    def enrol(
        self,
        embeddings: Sequence[Sequence[float]],
        *,
        model: str,
        reason: str,
        legal_basis: str,
        by: str,
        keep_us: int | None = None,
    ) -> Entry:
        """Put somebody on the list.

        Args:
            embeddings: of one face, one or several.
            model: what made them.
            reason: why this one; may be erased, and is never logged.
            legal_basis: likewise.
            by: pseudonym of who enrols.
            keep_us: how long; as long as the terms allow where not said.

        Raises:
            UsageError: something that must be said is not, or the terms do not allow it.
        """
        now_us, terms = self._clock.now_us(), self._terms
        keep_us = terms.retention_us if keep_us is None else keep_us
        if not 0 < keep_us <= terms.retention_us:
            days = terms.retention_us / 86_400_000_000
            message = f"an entry may stay for {days:g} days at most, as the store file says"
            raise UsageError(message)
        for what, text in (("reason", reason), ("legal basis", legal_basis), ("model", model)):
            if not text.strip():
                message = f"say the {what}: without it nobody may be put on the list"
                raise UsageError(message)
        _check_embeddings(embeddings)
        entry = Entry(
            id=f"entry-{secrets.token_hex(6)}",
            model=model.strip(),
            purpose=terms.purpose,
            reason=reason.strip(),
            legal_basis=legal_basis.strip(),
            enrolled_by=no_name(by),
            enrolled_us=now_us,
            counts_from_us=None if terms.four_eyes else now_us,
            until_us=now_us + keep_us,
            embeddings=len(embeddings),
        )
        with self._log.telling() as tell, self._file() as file, file.change():
            length = file.length_of(entry.model)
            if length is not None and length != len(embeddings[0]):
                message = (
                    f"embeddings of {entry.model} have {length} figures here, these have "
                    f"{len(embeddings[0])}: is it another model?"
                )
                raise UsageError(message)
            file.put(entry, embeddings)
            tell("enrolled", by, entry=entry.id, until_us=entry.until_us)
        return entry

    def approve(self, id_: str, by: str) -> Entry:
        """Have an entry count, as a second person.

        Raises:
            UsageError: it is not there, counts already, or was enrolled by the same person.
        """
        with self._log.telling() as tell, self._file() as file, file.change():
            entry = _find(file, id_)
            if entry.counts_from_us is not None or entry.removed_us is not None:
                message = f"{id_} does not wait to be approved"
                raise UsageError(message)
            if entry.enrolled_by == no_name(by):
                message = f"{by} enrolled {id_}: a second person has to approve it"
                raise UsageError(message)
            file.approve(id_, by, self._clock.now_us())
            tell("approved", by, entry=id_)
            return _find(file, id_)

    def remove(self, id_: str, by: str) -> None:
        """Take an entry off the list; its embeddings go, its papers stay until it ends.

        Raises:
            UsageError: it is not there.
        """
        with self._log.telling() as tell, self._file() as file:
            with file.change():
                _find(file, id_)
                file.remove(id_, self._clock.now_us())
                tell("removed", no_name(by), entry=id_)
            file.tidy()

    def erase(self, id_: str, by: str, request: str | None = None) -> None:
        """Erase all that is known of an entry, as the person whom it concerns may ask.

        Args:
            id_: of the entry.
            by: pseudonym of who does it.
            request: number of the request; goes into the log.

        Raises:
            UsageError: it is not there.
        """
        if request is not None:
            no_name(request, "a request's number")
        with self._log.telling() as tell, self._file() as file:
            with file.change():
                _find(file, id_)
                file.erase(id_)
                tell("erased", no_name(by), entry=id_, reason=request)
            file.tidy()

    def purge(self, by: str) -> list[str]:
        """Erase every entry that has ended; gives their ids."""
        now_us = self._clock.now_us()
        with self._file() as file:
            if all(entry.until_us > now_us for entry in file.entries()):
                return []
        with self._log.telling() as tell, self._file() as file:
            with file.change():
                over = [entry.id for entry in file.entries() if entry.until_us <= now_us]
                for id_ in over:
                    file.erase(id_)
                    tell("expired", by, entry=id_)
            file.tidy()
        return over

    def taken_up(self, by: str) -> None:
        """Tell the log that a device's process compares with the list from now on."""
        with self._log.telling() as tell:
            tell("compared", by)

    def entries(self, by: str, only: str | None = None) -> list[Entry]:
        """Give the entries without their embeddings, or one; a look is told to the log.

        Raises:
            UsageError: the one is not there.
        """
        with self._log.telling() as tell, self._file() as file:
            found = file.entries() if only is None else [_find(file, only)]
            tell("shown", no_name(by), entry=only)
        return found

    def accesses(self, by: str) -> list[Access]:
        """Give what was done with the list; this look is told, too, and comes last."""
        return self._log.reviewed(no_name(by))

    def _file(self) -> WatchlistFile:
        return WatchlistFile(Path(self._terms.file))


def _find(file: WatchlistFile, id_: str) -> Entry:
    found = next((entry for entry in file.entries() if entry.id == id_), None)
    if found is None:
        message = f"the watchlist has no entry {id_!r}"
        raise UsageError(message)
    return found


def _check_embeddings(embeddings: Sequence[Sequence[float]]) -> None:
    lengths = {len(one) for one in embeddings}
    if not 0 < len(embeddings) <= EMBEDDINGS_MOST:
        message = f"an entry has 1 to {EMBEDDINGS_MOST} embeddings"
        raise UsageError(message)
    if len(lengths) != 1 or not lengths <= set(_FIGURES):
        message = "embeddings of one entry have one length, from 16 to 8192 figures"
        raise UsageError(message)
    for one in embeddings:
        try:
            unit(one)
        except ValueError as error:
            raise UsageError(str(error)) from None
