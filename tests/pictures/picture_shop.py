"""A shop's ledger with pictures beside it, as a run would have left them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aislewatch.devices.pictures import keep, place_of
from aislewatch.events.record import Record, canonical_json
from aislewatch.ledger import Ledger
from aislewatch.runtime.picture_keeping import Keeper
from aislewatch.runtime.picture_log import pictures_beside
from aislewatch.runtime.picture_terms import PictureTerms, StoreTerms

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
NOW_US = 1_772_449_200_000_000
TERMS = PictureTerms()


class Clock:
    def __init__(self, us: int = NOW_US) -> None:
        self.us = us

    def now_us(self) -> int:
        return self.us


def data_of(text: str) -> bytes:
    """Give a picture's bytes, each text another."""
    return b"\xff\xd8\xff\xe0" + text.encode() * 1_000 + b"\xff\xd9"


def hash_of(text: str) -> str:
    return hashlib.sha256(data_of(text)).hexdigest()


class Shop:
    """A ledger, its pictures, and a clock that the test moves."""

    def __init__(self, folder: Path, store: str = "s1") -> None:
        self.ledger = folder / "shop.db"
        self.pictures = pictures_beside(self.ledger)
        self.clock = Clock()
        self.store = store
        self._numbers = 0

    def record(self, *records: tuple[str, str, Any], time_us: int) -> None:
        """Put records on the chain, each of a type, about a stream, with a content."""
        made = [
            Record(self.store, stream, type_, time_us, canonical_json(content))
            for type_, stream, content in records
        ]
        with Ledger.open(self.ledger) as ledger:
            ledger.append(self.store, made, recorded_us=time_us)

    def take(self, text: str, *, ago_us: int = 0, **event: Any) -> str:
        """Keep a picture that was taken so long ago, and put it on record."""
        sha256 = keep(self.pictures, data_of(text))
        self.note(sha256, ago_us=ago_us, **event)
        return sha256

    def note(self, *pictures: str, ago_us: int = 0, **event: Any) -> None:
        """Put pictures on record."""
        taken_us = self.clock.us - ago_us
        records: list[tuple[str, str, Any]] = []
        for sha256 in pictures:
            self._numbers += 1
            told = {
                "type": "vision.snapshot",
                "id": f"cam-1/{self._numbers}",
                "store": self.store,
                "device": "cam-1",
                "time": taken_us,
                "picture": sha256,
                "size_bytes": 9,
                "taken_us": taken_us,
                **event,
            }
            records.append(("picture.kept", f"picture/{sha256}", {"event": told}))
        self.record(*records, time_us=taken_us)

    def signal(
        self,
        name: str,
        evidence: Sequence[str] = (),
        *,
        about: Sequence[tuple[str, str]] = (),
        status: str = "live",
        what: str = "raised",
    ) -> None:
        """Put a signal on record that rests on events."""
        content: dict[str, Any] = {"signal": name}
        if what != "withdrawn":
            content |= {
                "status": status,
                "about": [list(one) for one in about],
                "evidence": [{"id": one} for one in evidence],
            }
        self.record((f"signal.{what}", f"signal/{name}", content), time_us=self.clock.us)

    def keeper(self, terms: PictureTerms = TERMS, *stores: str) -> Keeper:
        return Keeper(self.ledger, [StoreTerms(stores, terms)], self.clock)

    def there(self) -> list[str]:
        return sorted(path.stem for path in self.pictures.rglob("*.jpg"))

    def age(self, sha256: str, us: int) -> None:
        """Make a picture's file so old."""
        written_ns = (self.clock.us - us) * 1_000
        os.utime(place_of(self.pictures, sha256), ns=(written_ns, written_ns))
