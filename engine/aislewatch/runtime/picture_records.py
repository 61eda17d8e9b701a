"""The pictures that a ledger names: which, whose, taken for what, and what rests on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Final

import msgspec

from aislewatch.errors import LedgerDamaged
from aislewatch.ledger import LedgerReader, StoredRecord

KEPT: Final = "picture.kept"
"""The type of record that names a picture."""

_SIGNALS: Final = ("signal.raised", "signal.revised", "signal.withdrawn")
_LIVE: Final = "live"


class KeptEvent(msgspec.Struct, frozen=True):
    """What a camera told of a picture; see `aislewatch.events.kinds.VisionSnapshot`."""

    id: str
    device: str
    picture: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    size_bytes: int
    taken_us: int
    cause: str | None = None
    receipt: str | None = None
    cashier: str | None = None
    customer: str | None = None


class KeptPicture(msgspec.Struct, frozen=True):
    """A picture, each time that it was kept.

    Attributes:
        store: whose.
        told_us: when it was told, by the store's clock.
        event: what was told.
    """

    store: str
    told_us: int
    event: KeptEvent

    @property
    def sha256(self) -> str:
        """What it is called by."""
        return self.event.picture


class _Kept(msgspec.Struct, frozen=True):
    event: KeptEvent


class _Evidence(msgspec.Struct, frozen=True):
    id: str = ""
    receipt: str | None = None
    badge: str | None = None
    cashier: str | None = None
    customer: str | None = None


class _Signal(msgspec.Struct, frozen=True):
    signal: str = ""
    status: str = ""
    about: list[tuple[str, str]] = []
    evidence: list[_Evidence] = []


_read_kept = msgspec.json.Decoder(_Kept).decode
_read_signal = msgspec.json.Decoder(_Signal).decode


def kept_pictures(reader: LedgerReader, store: str) -> list[KeptPicture]:
    """Give the pictures of a store, in the order in which they were put on record.

    Raises:
        LedgerDamaged: a record is not what was written, and says no picture.
    """
    return [
        KeptPicture(store, record.time, _event_of(record))
        for record in reader.records(store, types=[KEPT])
    ]


def _event_of(record: StoredRecord) -> KeptEvent:
    try:
        return _read_kept(record.payload).event
    except msgspec.MsgspecError as error:
        at = record.position
        message = f"record {at} of {record.store} says no picture: {error}"
        raise LedgerDamaged(message, store=record.store, position=at) from None


def newest(kept: Iterable[KeptPicture]) -> dict[str, KeptPicture]:
    """Give each picture of a store once, by its hash, as it was told last.

    One that was kept again is as old as that.
    """
    found: dict[str, KeptPicture] = {}
    for one in kept:
        before = found.get(one.sha256)
        if before is None or one.told_us >= before.told_us:
            found[one.sha256] = one
    return found


def signals_on(
    reader: LedgerReader, store: str, pictures: Iterable[KeptPicture]
) -> Mapping[str, list[str]]:
    """Give the signals that rest on pictures, by the pictures' hashes.

    A picture is named by every signal that counts, still stands, and has the picture's own event
    or what it was taken for in its evidence, or is about its receipt. Such a signal is part of an
    incident. What was withdrawn, or is only tried out, names nothing.

    Args:
        reader: of the ledger.
        store: whose.
        pictures: that are asked for, of this store.
    """
    by_event: dict[str, set[str]] = {}
    by_receipt: dict[str, set[str]] = {}
    for picture in pictures:
        event = picture.event
        for id_ in filter(None, (event.id, event.cause)):
            by_event.setdefault(id_, set()).add(event.picture)
        if event.receipt is not None:
            by_receipt.setdefault(event.receipt, set()).add(event.picture)
    if not by_event:
        return {}
    standing: dict[str, set[str]] = {}
    for record in reader.records(store, types=_SIGNALS):
        signal = _read_signal(record.payload)
        standing.pop(signal.signal, None)
        if signal.status != _LIVE:
            continue
        named: set[str] = set()
        for seen in signal.evidence:
            named |= by_event.get(seen.id, set())
        for kind, value in signal.about:
            if kind == "receipt":
                named |= by_receipt.get(value, set())
        if named:
            standing[signal.signal] = named
    found: dict[str, list[str]] = {}
    for name, named in standing.items():
        for sha256 in named:
            found.setdefault(sha256, []).append(name)
    return found


def pictures_of_person(
    reader: LedgerReader, store: str, kind: str, names: Collection[str]
) -> list[KeptPicture]:
    """Give the pictures that concern somebody: taken of what they did at a till, as far as is told.

    A picture tells who sold and who bought where its till told it. Where a till told that only
    with another event of the sale, the evidence of a signal may have it.

    Args:
        reader: of the ledger.
        store: whose.
        kind: what the names name: ``badge``, ``cashier`` or ``customer``.
        names: of the person: a pseudonym, a number.
    """
    events: set[str] = set()
    receipts: set[str] = set()
    for record in reader.records(store, types=_SIGNALS):
        for seen in _read_signal(record.payload).evidence:
            if getattr(seen, kind) in names:
                events.add(seen.id)
                if seen.receipt is not None:
                    receipts.add(seen.receipt)
    return [
        picture
        for picture in kept_pictures(reader, store)
        if getattr(picture.event, kind, None) in names
        or picture.event.cause in events
        or picture.event.receipt in receipts
    ]
