"""The pictures that were kept as evidence of events, and whether their files are whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from aislewatch.devices.pictures import is_whole, place_of
from aislewatch.ledger import LedgerReader

KEPT: Final = "picture.kept"
"""The type of record that names a picture."""

PictureState = Literal["whole", "changed", "gone"]


class KeptPicture(NamedTuple):
    """One picture.

    Attributes:
        sha256: of its file, as the ledger has it.
        size_bytes: of its file, likewise.
        device: the camera.
        taken_us: when it was taken.
        file: where it is, or would be.
        state: whether its file is what was kept.
    """

    sha256: str
    size_bytes: int
    device: str
    taken_us: int
    file: str
    state: PictureState

    @property
    def told(self) -> str:
        """Say what became of it, in words."""
        return {
            "whole": "as it was kept",
            "changed": "NOT what was kept: its hash is another",
            "gone": "its file is not there",
        }[self.state]


Pictures = Mapping[str, Sequence[KeptPicture]]
"""By id of the event that a picture was taken for."""


def kept_pictures(reader: LedgerReader, store: str, folder: Path) -> Pictures:
    """Give the pictures of a store's events.

    Args:
        reader: of the ledger.
        store: whose.
        folder: where pictures are.
    """
    found: dict[str, dict[str, KeptPicture]] = {}
    for record in reader.records(store, types=[KEPT]):
        event: dict[str, Any] = msgspec.json.decode(record.payload)["event"]
        cause, sha256 = event.get("cause"), event["picture"]
        if cause is not None:
            found.setdefault(cause, {})[sha256] = _picture(event, folder)
    return {cause: tuple(pictures.values()) for cause, pictures in found.items()}


def _picture(event: Mapping[str, Any], folder: Path) -> KeptPicture:
    sha256 = event["picture"]
    file = place_of(folder, sha256)
    state: PictureState = "gone"
    if file.is_file():
        state = "whole" if is_whole(folder, sha256) else "changed"
    return KeptPicture(
        sha256, event["size_bytes"], event["device"], event["taken_us"], str(file), state
    )
