"""Pictures deleted when their time is over, or when somebody asks for it; each with its record.

Whoever deletes says so first, in the log beside the pictures, and deletes then. What was cut off
between the two is deleted the next time. How long a picture may be kept goes by the machine's
clock, as it must be deleted whatever a store's clock says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from aislewatch.devices.pictures import drop_unfinished, erase, kept_in, place_of, state_of
from aislewatch.errors import AislewatchError, UsageError
from aislewatch.events.sensor import Clock
from aislewatch.ledger import Ledger, LedgerReader
from aislewatch.runtime.access_log import Access
from aislewatch.runtime.hosting import described
from aislewatch.runtime.picture_log import PictureLog, deletions, holds, pictures_beside
from aislewatch.runtime.picture_records import KeptPicture, kept_pictures, newest, signals_on
from aislewatch.runtime.picture_terms import PictureTerms, StoreTerms, terms_of

_NOBODY: Final = "any"
"""The chain of the log for pictures of which nobody knows the store."""

_HOUR_US: Final = 3_600_000_000

PURGE_S: Final = 3_600.0
"""How often a run deletes what is due."""


class _Claims(NamedTuple):
    """What one store has to say of pictures that are there, each by its hash.

    Attributes:
        over: their time is over.
        said: their deletion is on record already.
        stay: the others.
    """

    over: set[str]
    said: set[str]
    stay: set[str]


class Keeper:
    """Keeps the pictures of one ledger to their terms.

    Args:
        ledger: that names them; they lie beside it. It need not be there yet.
        terms: of all store files that are at hand.
        clock: the machine's.
    """

    def __init__(self, ledger: Path, terms: Sequence[StoreTerms], clock: Clock) -> None:
        self.folder: Final = pictures_beside(ledger)
        self._ledger = ledger
        self._terms = terms
        self._clock = clock

    def purge(self, by: str) -> list[str]:
        """Delete each picture whose time is over; gives their hashes, in order.

        A picture goes by the terms of every store that names it, and stays where a store names it
        whose terms are not known, or where it is held for a case. One that no record names, because
        its camera's message never came, goes by the shortest retention that there is.

        Raises:
            LedgerError: the ledger, or the log of deletions, cannot be read or written.
            UsageError: a file cannot be deleted.
        """
        self._try(self.folder, lambda: drop_unfinished(self.folder, self._before_us(_HOUR_US)))
        there = set(kept_in(self.folder))
        if not there:
            return []
        claims = self._claims(there)
        stay = {sha256 for claim in claims.values() for sha256 in claim.stay}
        over = {store: claim.over - stay for store, claim in claims.items()}
        said = {sha256 for claim in claims.values() for sha256 in claim.said} - stay
        named = stay.union(said, *over.values())
        unknown = {sha256 for sha256 in there - named if self._is_forgotten(sha256)}
        over[self._first_store] = over.get(self._first_store, set()) | unknown

        def tell(log: PictureLog, pictures: list[str], *, changed: bool) -> None:
            log.expired(by, pictures, changed=changed)

        return self._delete(over, tell, said)

    def erase(self, pictures: Iterable[str], by: str, request: str) -> list[str]:
        """Delete pictures because somebody asks for it; gives their hashes, in order.

        It is recorded for each store that names them.

        Args:
            pictures: hashes of those that are to go; those whose files are gone are left out.
            by: who deletes them.
            request: its number, for the record; empty for none.

        Raises:
            LedgerError: the ledger cannot be read, or the log of deletions cannot be written.
            UsageError: a file cannot be deleted; or the request's number looks like a name.
        """
        go = set(kept_in(self.folder)).intersection(pictures)
        by_store: dict[str, set[str]] = {}
        with Ledger.read(self._ledger) as reader:
            for store in reader.stores():
                by_store[store] = go & {one.sha256 for one in kept_pictures(reader, store)}

        def tell(log: PictureLog, pictures: list[str], *, changed: bool) -> None:
            log.erased(by, pictures, request, changed=changed)

        return self._delete(by_store, tell)

    def _claims(self, there: set[str]) -> Mapping[str, _Claims]:
        if not self._ledger.exists():
            return {}
        with Ledger.read(self._ledger) as reader:
            return {store: self._claim(reader, store, there) for store in reader.stores()}

    def _claim(self, reader: LedgerReader, store: str, there: set[str]) -> _Claims:
        kept = [one for one in kept_pictures(reader, store) if one.sha256 in there]
        last = newest(kept)
        known, terms = deletions(self.folder, store), terms_of(store, self._terms)
        said = {sha256 for sha256, one in last.items() if is_deleted(one, known.get(sha256))}
        over = set[str]() if terms is None else self._over(reader, store, kept, terms) - said
        over -= holds(self.folder, store, self._clock.now_us()).keys()
        return _Claims(over, said, last.keys() - over - said)

    def _over(
        self,
        reader: LedgerReader,
        store: str,
        kept: Sequence[KeptPicture],
        terms: PictureTerms,
    ) -> set[str]:
        old = {
            sha256: one
            for sha256, one in newest(kept).items()
            if one.event.taken_us < self._before_us(terms.retention_us)
        }
        named = signals_on(reader, store, [one for one in kept if one.sha256 in old])
        longest_us = self._before_us(terms.incident_retention_us)
        return {
            sha256
            for sha256, one in old.items()
            if sha256 not in named or one.event.taken_us < longest_us
        }

    def _before_us(self, retention_us: int) -> int:
        return self._clock.now_us() - retention_us

    def _is_forgotten(self, sha256: str) -> bool:
        """Say whether a file that no record names has been there for too long."""
        shortest = min((one.terms.retention_us for one in self._terms), default=None)
        if shortest is None:
            return False
        try:
            written_us = place_of(self.folder, sha256).stat().st_mtime_ns // 1_000
        except FileNotFoundError:
            return False  # Somebody else has just deleted it.
        return written_us < self._before_us(shortest)

    @property
    def _first_store(self) -> str:
        return next((store for one in self._terms for store in one.stores), _NOBODY)

    def _delete(
        self,
        by_store: Mapping[str, set[str]],
        tell: Callable[..., None],
        said: Iterable[str] = (),
    ) -> list[str]:
        """Say of which store which pictures go, and delete them and what was said before."""
        for store, pictures in by_store.items():
            states = {sha256: state_of(self.folder, sha256) for sha256 in sorted(pictures)}
            for changed in (False, True):
                some = [one for one, state in states.items() if (state == "changed") == changed]
                if some:
                    tell(PictureLog(self.folder, store, self._clock), some, changed=changed)
        gone = sorted({*said, *(one for pictures in by_store.values() for one in pictures)})
        for sha256 in gone:
            self._try(place_of(self.folder, sha256), partial(erase, self.folder, sha256))
        return gone

    @staticmethod
    def _try(path: Path, delete: Callable[[], object]) -> None:
        try:
            delete()
        except OSError as error:
            message = f"{path} is to be deleted and cannot be: {error.strerror or error}"
            raise UsageError(message) from None


async def purge_hourly(
    keeper: Keeper, by: str, trouble: Callable[[str], None], pause_s: float = PURGE_S
) -> None:
    """Delete what is due now and again and again, until cancelled.

    Args:
        keeper: of the pictures.
        by: who sees to it, for the record.
        trouble: told why pictures that are due could not be deleted; the next time may do.
        pause_s: from one time to the next.
    """
    while True:
        try:
            await asyncio.to_thread(keeper.purge, by)
        except Exception as error:  # Whatever it is, a run goes on, and does not go on silently.
            why = str(error) if isinstance(error, AislewatchError) else described(error)
            trouble(f"pictures whose time is over were not deleted: {why}")
        await asyncio.sleep(pause_s)


def is_deleted(picture: KeptPicture, deletion: Access | None) -> bool:
    """Say whether a picture was deleted on record, and not kept again since."""
    return deletion is not None and deletion.time_us >= picture.told_us
