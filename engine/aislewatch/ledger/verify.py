"""Finding any record that was changed, taken out, put in or moved, and saying which.

A chain proves itself up to its last record only. That records were cut off at the end, or that
everything was hashed anew from some record on, shows against a head that was kept elsewhere: hand
it in as ``expected_head``. The checkpoint in the file is compared too; it catches accidents, and
whoever forgets it, but it is no evidence. The recorded time is the one column outside the hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from aislewatch.errors import LedgerDamaged
from aislewatch.ledger.chain import GENESIS, record_hash
from aislewatch.ledger.reader import LedgerReader
from aislewatch.ledger.reading import RawRecord
from aislewatch.ledger.values import Checkpoint, Head

FAULTS_MAX: Final = 100
"""Faults described one by one; beyond, they are only counted."""

_PAGE: Final = 1_000

_CONTENT: Final = (
    "its content was changed (store, stream, stream version, type, version, time or payload)"
)


class FaultKind(StrEnum):
    """In which way the chain is not what was written."""

    CHANGED = "changed"
    """A column of this record was changed."""
    MOVED = "moved"
    """This is another record of the chain, put in this place."""
    MISSING = "missing"
    """Nothing stands where a record was."""
    ADDED = "added"
    """A record stands where none can be."""
    UNLINKED = "unlinked"
    """This record is whole, but it was written after another one than the one before it."""
    UNREADABLE = "unreadable"
    """The database cannot give the record; those after it were not examined."""


class Fault(msgspec.Struct, frozen=True):
    """One place where the chain is not what was written.

    Attributes:
        position: of the record, or of the first of several missing ones.
        kind: in which way.
        message: a sentence that says what differs.
    """

    position: int
    kind: FaultKind
    message: str


class Verification(msgspec.Struct, frozen=True):
    """What verifying one store's chain found.

    Attributes:
        store: whose chain.
        checked: how many records were hashed again.
        head: the last record as it is stored.
        faults: in order of position, at most `FAULTS_MAX`.
        fault_count: all of them.
        expected_at: position of the expected head in the chain; None where it is not there or
            none was given.
    """

    store: str
    checked: int
    head: Head
    faults: tuple[Fault, ...]
    fault_count: int
    expected_at: int | None = None

    @property
    def sound(self) -> bool:
        """Whether everything is what was written, as far as can be told."""
        return self.fault_count == 0


def verify(
    ledger: LedgerReader,
    store: str,
    *,
    expected_head: bytes | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Hash a store's chain again from its first record to its head.

    Reads page by page, in constant memory; what is appended meanwhile is not examined.

    Args:
        ledger: open for reading or writing.
        store: whose chain; a store without records is an empty, sound chain.
        expected_head: a head's hash that was kept elsewhere; the chain must hold it, and may have
            grown since.
        progress: called after each page with the records done and the records in all.
    """
    checkpoint = ledger.checkpoint(store)
    total = ledger.head(store).position
    walk = _Walk(expected_head)
    try:
        for page in ledger.raw_pages(store, _PAGE):
            walk.take(page)
            if progress is not None:
                progress(walk.checked, total)
    except LedgerDamaged as error:
        walk.fault(error.position, FaultKind.UNREADABLE, str(error))
    else:
        walk.finish()
        _compare_checkpoint(ledger, store, checkpoint, walk)
    faults = sorted(walk.faults.values(), key=lambda fault: fault.position)
    return Verification(
        store, walk.checked, walk.head, tuple(faults), walk.fault_count, walk.expected_at
    )


class _Walk:
    """One pass along a chain: what the next record must follow, and what was found so far."""

    def __init__(self, expected_head: bytes | None) -> None:
        self.expected_head = expected_head
        self.expected_at: int | None = 0 if expected_head == GENESIS else None
        self.checked = 0
        self.head = Head(0, GENESIS)
        self.faults: dict[int, Fault] = {}
        self.fault_count = 0
        # Changed records, whole, by position: a changed pair may be one that was exchanged.
        self._changed: dict[int, RawRecord] = {}
        # Of the record before, if its hash did not hold: what the hash should have been.
        self._should_be: bytes | None = None

    def fault(self, position: int, kind: FaultKind, message: str) -> None:
        """Count a fault, and describe it while there are not too many."""
        self.fault_count += 1
        if len(self.faults) < FAULTS_MAX:
            self.faults[position] = Fault(position, kind, message)

    def describe(self, position: int, kind: FaultKind, message: str) -> None:
        """Say more about a record whose fault was counted before."""
        if position in self.faults:
            self.faults[position] = Fault(position, kind, message)

    def take(self, page: Sequence[RawRecord]) -> None:
        """Examine the next records."""
        position, previous = self.head.position, self.head.hash
        wanted = self.expected_head
        for row in page:
            (store, at, stream, stream_version, type_, version, time, payload, prev, hash_) = row
            position += 1
            if (
                at != position
                or prev != previous
                or self._should_be is not None
                or hash_
                != record_hash(
                    prev, store, at, stream, stream_version, type_, version, time, payload
                )
            ):
                self.head = Head(position - 1, previous)
                self._examine(row)
                position = self.head.position
                previous = self.head.hash
            else:
                previous = hash_
            if hash_ == wanted and at >= 1:
                self.expected_at = at
        self.checked += len(page)
        self.head = Head(position, previous)

    def finish(self) -> None:
        """Say what only the whole chain can tell: which records were moved, what is cut off."""
        last, end = self.head.position, self.expected_head
        if self._should_be is not None and self._should_be == end:
            self.describe(last, FaultKind.CHANGED, f"record {last}: its hash was changed")
        elif end is not None and self.expected_at is None:
            self.fault(
                last + 1,
                FaultKind.MISSING,
                f"the chain ends at record {last} and does not hold the expected head "
                f"{end.hex()}: records were cut off, or the chain was written anew",
            )
        for position, row in self._changed.items():
            origin = self._origin(row)
            if origin is not None:
                self.describe(
                    position,
                    FaultKind.MOVED,
                    f"record {position} was moved here: it was written as record {origin}",
                )

    def _examine(self, row: RawRecord) -> None:
        at, prev, hash_ = row[1], row[8], row[9]
        if at < 1:
            message = f"record {at} was put in: no chain has a record with this number"
            self.fault(at, FaultKind.ADDED, message)
            return
        next_, previous = self.head.position + 1, self.head.hash
        before, self._should_be = self._should_be, None
        self.head = Head(at, hash_)
        if at > next_:
            which = f"record {next_} is" if at == next_ + 1 else f"records {next_} to {at - 1} are"
            self.fault(next_, FaultKind.MISSING, f"{which} missing")
            # What it should follow is gone; its own word for it is all there is.
            previous = _as_hash(prev)
        elif before is not None:
            self._refine(next_ - 1, prev, previous, before)
            previous = _as_hash(prev)
        if prev != previous and _hash(row, previous, at) == hash_:
            message = f"record {at}: its previous hash was changed"
            self.fault(at, FaultKind.CHANGED, message)
        elif _hash(row, prev, at) != hash_:
            self.fault(at, FaultKind.CHANGED, f"record {at}: its content or its hash was changed")
            self._should_be = _hash(row, previous, at)
            if len(self._changed) < FAULTS_MAX:
                self._changed[at] = row
        elif prev != previous:
            message = (
                f"record {at} was not written after the record {at - 1} that stands before it: "
                f"that one was replaced, or this one and all after it were"
            )
            self.fault(at, FaultKind.UNLINKED, message)

    def _refine(self, position: int, link: bytes, stored: bytes, should_be: bytes) -> None:
        """Use the next record's link, which remembers the true hash, to say what was changed."""
        if link == stored:
            message = f"record {position}: {_CONTENT}"
        elif link == should_be:
            message = f"record {position}: its hash was changed"
        else:
            return
        self.describe(position, FaultKind.CHANGED, message)

    def _origin(self, row: RawRecord) -> int | None:
        """Find the place for which a record that fails in its own was written, if it is known."""
        here = row[1]
        for place in (here - 1, here + 1, *self._changed):
            if place == here:
                continue
            # Moved with its hashes, or only its content, under the hashes of the place it took.
            if _hash(row, row[8], place) == row[9]:
                return place
            there = self._changed.get(place)
            if there is not None and _hash(row, there[8], place) == there[9]:
                return place
        return None


def _as_hash(stored: bytes) -> bytes:
    # As `record_hash` takes it, so that a byte too many or too few does not go unseen.
    return stored[:32].ljust(32, b"\0")


def _hash(row: RawRecord, prev_hash: bytes, position: int) -> bytes:
    store, _, stream, stream_version, type_, version, time, payload, _, _ = row
    return record_hash(
        prev_hash, store, position, stream, stream_version, type_, version, time, payload
    )


def _compare_checkpoint(
    ledger: LedgerReader, store: str, checkpoint: Checkpoint | None, walk: _Walk
) -> None:
    if checkpoint is None or checkpoint.head.position == 0:
        return
    made_at, last = checkpoint.head.position, walk.head.position
    if made_at > last:
        if last + 1 in walk.faults:
            return
        message = f"records {last + 1} to {made_at} are missing: the checkpoint was made after them"
        walk.fault(last + 1, FaultKind.MISSING, message)
    elif made_at not in walk.faults and ledger.hash_at(store, made_at) not in (
        None,
        checkpoint.head.hash,
    ):
        message = f"record {made_at} is another one than when the checkpoint was made"
        walk.fault(made_at, FaultKind.UNLINKED, message)
