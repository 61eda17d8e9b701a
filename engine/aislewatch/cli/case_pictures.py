"""The pictures that were kept as evidence of events, and what became of their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from aislewatch.cli.cases import Case
from aislewatch.cli.wording import Local
from aislewatch.devices.pictures import PictureState, place_of, state_of
from aislewatch.ledger import LedgerReader
from aislewatch.runtime.access_log import Access
from aislewatch.runtime.picture_keeping import is_deleted
from aislewatch.runtime.picture_log import deletions
from aislewatch.runtime.picture_records import KeptPicture, kept_pictures


class ShownPicture(NamedTuple):
    """One picture, as commands show it.

    Attributes:
        sha256: of its file, as the ledger has it.
        size_bytes: of its file, likewise.
        device: the camera.
        taken_us: when it was taken.
        file: where it is, or would be.
        state: what became of its file.
        deleted_us: when it was deleted, as the record of deletions says; None where it does not.
    """

    sha256: str
    size_bytes: int
    device: str
    taken_us: int
    file: str
    state: PictureState | Literal["deleted"]
    deleted_us: int | None = None

    def told(self, local: Local) -> str:
        """Say what became of it, in words."""
        if self.deleted_us is not None:
            return f"deleted {local.day(self.deleted_us)}"
        return {
            "whole": "as it was kept",
            "changed": "NOT what was kept: its hash is another",
            "gone": "its file is not there, and nobody deleted it on record",
        }[self.state]


Pictures = Mapping[str, Sequence[ShownPicture]]
"""By id of the event that a picture was taken for."""


def pictures_of(reader: LedgerReader, case: Case, folder: Path) -> Pictures:
    """Give the pictures of the events that an incident rests on, or once did.

    Args:
        reader: of the ledger.
        case: the incident.
        folder: where pictures are.
    """
    events = {event["id"] for told in case.past.values() for event in told.evidence}
    kept = [one for one in kept_pictures(reader, case.store) if one.event.cause in events]
    if not kept:
        return {}
    known = deletions(folder, case.store)
    found: dict[str, dict[str, ShownPicture]] = {}
    for picture in kept:
        assert picture.event.cause is not None
        of_event = found.setdefault(picture.event.cause, {})
        of_event[picture.sha256] = shown(picture, folder, known.get(picture.sha256))
    return {cause: tuple(pictures.values()) for cause, pictures in found.items()}


def shown(picture: KeptPicture, folder: Path, deletion: Access | None) -> ShownPicture:
    """Give a picture as commands show it; reads its file.

    Args:
        picture: as the ledger has it.
        folder: where pictures are.
        deletion: the last one on record; None for none.
    """
    event, state = picture.event, state_of(folder, picture.sha256)
    deleted = deletion if state == "gone" and is_deleted(picture, deletion) else None
    return ShownPicture(
        picture.sha256,
        event.size_bytes,
        event.device,
        event.taken_us,
        str(place_of(folder, picture.sha256)),
        "deleted" if deleted is not None else state,
        deleted.time_us if deleted is not None else None,
    )
