"""The pictures that concern somebody, as ``privacy`` finds, shows and erases them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import RenderableType

from aislewatch.cli.case_pictures import ShownPicture, shown
from aislewatch.cli.cases import read_cases
from aislewatch.cli.screen import table
from aislewatch.cli.wording import Local
from aislewatch.ledger import LedgerReader
from aislewatch.runtime.picture_log import deletions, holds
from aislewatch.runtime.picture_records import (
    KeptPicture,
    kept_pictures,
    newest,
    pictures_of_person,
    signals_on,
)

KINDS: Final = ("receipt", "incident", "picture")
"""What pictures are found by, besides the people whom they concern."""

DIGITS_SHOWN: Final = 12
"""Of a picture's hash; as many are enough to name it."""


@dataclass(frozen=True)
class Concerning:
    """A picture that concerns somebody.

    Attributes:
        kept: as the ledger has it.
        shown: with what became of its file.
        incidents: that rest on it.
        held_until_us: until when it is kept for a case; None where it is not.
    """

    kept: KeptPicture
    shown: ShownPicture
    incidents: tuple[str, ...]
    held_until_us: int | None = None

    @property
    def is_evidence(self) -> bool:
        """A claim may rest on it."""
        return bool(self.incidents) or self.held_until_us is not None

    @property
    def is_there(self) -> bool:
        """Its file is there."""
        return self.shown.state in {"whole", "changed"}

    def json(self) -> dict[str, Any]:
        """Give it for scripts."""
        receipt, store = self.kept.event.receipt, self.kept.store
        told = {**self.shown._asdict(), "receipt": receipt, "incidents": self.incidents}
        return {"store": store, **told, "held_until_us": self.held_until_us}


def find_pictures(
    reader: LedgerReader, store: str, kind: str, names: Sequence[str], folder: Path, now_us: int
) -> list[Concerning]:
    """Find a store's pictures that concern somebody or something, in the order of the records.

    Args:
        reader: of the ledger.
        store: whose.
        kind: what the names name: somebody by ``badge``, ``cashier`` or ``customer``, a
            ``receipt``, an ``incident``, or a ``picture`` by the first digits of its hash.
        names: any of them.
        folder: where pictures are.
        now_us: the time, as of which pictures are held.
    """
    pictures = list(newest(_of(reader, store, kind, names)).values())
    if not pictures:
        return []
    known, held = deletions(folder, store), holds(folder, store, now_us)
    named = signals_on(reader, store, pictures)
    cases = read_cases(reader) if named else ()
    homes = {signal: case.id for case in cases for signal in case.signals}
    found: list[Concerning] = []
    for picture in pictures:
        signals = named.get(picture.sha256, [])
        incidents = tuple(dict.fromkeys(homes.get(signal, signal) for signal in signals))
        if kind == "incident" and not set(names).intersection(incidents):
            continue
        one = shown(picture, folder, known.get(picture.sha256))
        found.append(Concerning(picture, one, incidents, held.get(picture.sha256)))
    return found


def _of(reader: LedgerReader, store: str, kind: str, names: Sequence[str]) -> Iterable[KeptPicture]:
    if kind == "incident":
        return kept_pictures(reader, store)
    if kind == "receipt":
        return (one for one in kept_pictures(reader, store) if one.event.receipt in names)
    if kind == "picture":
        begins = tuple(name.lower() for name in names)
        return (one for one in kept_pictures(reader, store) if one.sha256.startswith(begins))
    return pictures_of_person(reader, store, kind, names)


def picture_table(found: Iterable[Concerning], local: Local) -> RenderableType:
    """Give pictures as rows."""
    rows = table("picture", "store", "taken", "camera", "receipt", "incident", "held until", "file")
    for one in found:
        event = one.kept.event
        rows.add_row(
            one.kept.sha256[:DIGITS_SHOWN],
            one.kept.store,
            local.day(event.taken_us),
            event.device,
            event.receipt or "",
            ", ".join(one.incidents),
            local.day(one.held_until_us) if one.held_until_us is not None else "",
            one.shown.told(local),
        )
    return rows
