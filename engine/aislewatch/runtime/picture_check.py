"""Whether the pictures that a ledger names are what was kept, or were deleted on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from aislewatch.devices.pictures import kept_in, place_of, state_of
from aislewatch.errors import LedgerError
from aislewatch.ledger import Ledger, LedgerReader, verify
from aislewatch.runtime.access_log import Access
from aislewatch.runtime.picture_keeping import is_deleted
from aislewatch.runtime.picture_log import deletions, log_beside
from aislewatch.runtime.picture_records import KeptPicture, kept_pictures, newest

FAULTS_MAX: Final = 100
"""Faults described one by one; beyond, they are only counted."""


class PictureFaultKind(StrEnum):
    """In which way a picture is not as the records say."""

    CHANGED = "changed"
    """Its file is, or was when it was deleted, another than was kept."""
    MISSING = "missing"
    """Its file is not there, and nobody said that it was deleted."""
    REMAINS = "remains"
    """Its file is there, though it is on record that it was deleted."""
    RECORD = "record"
    """What says so, in the ledger or in the record of deletions, is not what was written."""


class PictureFault(msgspec.Struct, frozen=True):
    """A picture that is not as the records say.

    Attributes:
        sha256: what the picture is called by; empty where it is about a record.
        kind: in which way.
        message: a sentence that says what differs.
    """

    sha256: str
    kind: PictureFaultKind
    message: str


class PictureCheck(msgspec.Struct, frozen=True):
    """What looking at one store's pictures found.

    Attributes:
        store: whose.
        named: how many the ledger names.
        whole: how many are what was kept.
        deleted: how many were deleted on record.
        faults: in the order of the records, at most `FAULTS_MAX`.
        fault_count: all of them.
    """

    store: str
    named: int
    whole: int
    deleted: int
    faults: tuple[PictureFault, ...]
    fault_count: int

    @property
    def sound(self) -> bool:
        """Whether every picture is as the records say."""
        return self.fault_count == 0


def check_pictures(
    reader: LedgerReader,
    store: str,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> PictureCheck:
    """Look at each picture that a store's ledger names; reads every file once.

    Args:
        reader: of the ledger.
        store: whose.
        folder: where the pictures are; the record of deletions is beside it.
        progress: called with the pictures done and the pictures in all.
    """
    faults: list[PictureFault] = []
    pictures: Mapping[str, KeptPicture] = {}
    known: Mapping[str, Access] = {}
    try:
        pictures = newest(kept_pictures(reader, store))
        faults += _faults_of_log(folder, store) if pictures else []
        known = deletions(folder, store)
    except LedgerError as error:
        faults.append(PictureFault("", PictureFaultKind.RECORD, str(error)))
    whole = deleted = 0
    for number, picture in enumerate(pictures.values(), 1):
        deletion = known.get(picture.sha256)
        fault = _fault(picture, folder, deletion)
        if fault is not None:
            faults.append(fault)
        elif is_deleted(picture, deletion):
            deleted += 1
        else:
            whole += 1
        if progress is not None:
            progress(number, len(pictures))
    return PictureCheck(
        store, len(pictures), whole, deleted, tuple(faults[:FAULTS_MAX]), len(faults)
    )


def unnamed_in(reader: LedgerReader, folder: Path) -> int:
    """Count the pictures in a folder that no record names, or none yet.

    Raises:
        LedgerDamaged: a record of a picture cannot be read.
    """
    there = set(kept_in(folder))
    for store in reader.stores() if there else ():
        there -= {one.sha256 for one in kept_pictures(reader, store)}
    return len(there)


def _fault(picture: KeptPicture, folder: Path, deletion: Access | None) -> PictureFault | None:
    sha256, path = picture.sha256, place_of(folder, picture.sha256)
    state, kind = state_of(folder, sha256), PictureFaultKind
    if deletion is not None and is_deleted(picture, deletion):
        if state != "gone":
            message = f"{path} is on record as deleted, and is still there: run privacy purge"
            return PictureFault(sha256, kind.REMAINS, message)
        if deletion.state == "changed":
            message = f"{path} was not what was kept any more when it was deleted"
            return PictureFault(sha256, kind.CHANGED, message)
        return None
    if state == "changed":
        message = f"{path} is not the picture that {picture.event.device} took: its hash is another"
        return PictureFault(sha256, kind.CHANGED, message)
    if state == "gone":
        message = f"{path}, which {picture.event.device} took, is not there, and nobody deleted it "
        return PictureFault(sha256, kind.MISSING, f"{message}on record")
    return None


def _faults_of_log(folder: Path, store: str) -> list[PictureFault]:
    log = log_beside(folder)
    if not log.exists():
        return []
    with Ledger.read(log) as reader:
        found = verify(reader, store)
    return [
        PictureFault("", PictureFaultKind.RECORD, f"{log}, record {one.position}: {one.message}")
        for one in found.faults
    ]
