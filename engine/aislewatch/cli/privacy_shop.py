"""A shop whose people are asked after: its names, its pictures, and what the ledger has of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aislewatch.cli.kept_apart import Alone, asking
from aislewatch.cli.privacy_pictures import KINDS as PICTURE_KINDS
from aislewatch.cli.privacy_pictures import Concerning, find_pictures
from aislewatch.cli.screen import Screen
from aislewatch.errors import UsageError
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.ledger import Ledger, LedgerReader
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.names import Names
from aislewatch.runtime.names_emit import KINDS as NAME_KINDS
from aislewatch.runtime.names_terms import NamesTerms
from aislewatch.runtime.picture_keeping import Keeper
from aislewatch.runtime.picture_log import PictureLog, log_beside, pictures_beside
from aislewatch.runtime.picture_terms import StoreTerms

KINDS = (*NAME_KINDS, *PICTURE_KINDS)

_DIGITS_LEAST = 8
"""Fewer digits of a picture's hash may name several."""


class Held(NamedTuple):
    """What a store's chain has of a pseudonym: records of one type."""

    store: str
    type: str
    records: int
    first_us: int
    last_us: int


class Found(NamedTuple):
    """What there is of somebody.

    Attributes:
        name: their pseudonym; None where there is none, or a thing was asked for.
        held: what ledgers have of that.
        pictures: that concern them.
    """

    name: str | None
    held: list[Held]
    pictures: list[Concerning]


@dataclass(frozen=True)
class PrivacyShop:
    """A store file, a ledger, and who asks.

    Attributes:
        alone: the store file.
        ledger: the ledger; need not be there.
        by: who asks, as they say.
        terms: on which names are kept, or were.
    """

    alone: Alone
    ledger: Path
    by: str
    terms: NamesTerms

    @classmethod
    def read(cls, path: Path, ledger: Path, by: str) -> PrivacyShop:
        """Read the store file."""
        alone = Alone.read(path)
        terms = alone.file.personal_data.kept(alone.store, alone.folder)
        return cls(alone, ledger, by, terms)

    @property
    def keeps_names(self) -> bool:
        """There is a file of names."""
        return Path(self.terms.file).exists()

    @property
    def names(self) -> Names:
        """The names of people.

        Raises:
            UsageError: none are kept.
        """
        if not self.keeps_names:
            message = (
                f"no names are kept for {self.alone.path}: say 'personal_data: {{pseudonyms: yes}}'"
                " in it and run it; until then numbers of people go as the devices tell them"
            )
            raise UsageError(message)
        return Names(self.terms, SystemClock())

    @property
    def asks_names(self) -> str:
        """Who asks for names, as a pseudonym."""
        return asking(Path(self.terms.file), self.by)

    @property
    def asks_pictures(self) -> str:
        """Who asks for pictures, as a pseudonym."""
        return asking(self.pictures, self.by)

    @property
    def pictures(self) -> Path:
        """The folder of the pictures."""
        return pictures_beside(self.ledger)

    @property
    def keeper(self) -> Keeper:
        """Keeps the pictures to what the store file says."""
        terms = StoreTerms(self.alone.stores, self.alone.file.pictures.terms)
        return Keeper(self.ledger, [terms], SystemClock())

    def picture_log(self, store: str) -> PictureLog:
        """Give the log of what was done with a store's pictures."""
        return PictureLog(self.pictures, store, SystemClock())

    def logged_stores(self) -> list[str]:
        """Give the stores of the file with whose pictures something was done."""
        log = log_beside(self.pictures)
        if not log.exists():
            return []
        with Ledger.read(log) as reader:
            stores = reader.stores()
        return [one for one in stores if not self.alone.stores or one in self.alone.stores]

    def find(self, kind: str, number: str, screen: Screen) -> Found:
        """Find what there is of somebody or something; that a name was looked up is recorded.

        Args:
            kind: what the number names.
            number: as the shop's own systems know it.
            screen: for the progress.

        Raises:
            UsageError: nothing is kept of it.
        """
        _require_kind(kind, number)
        if kind not in NAME_KINDS:
            found = self._look(kind, None, number, screen)
            if not found.pictures:
                message = f"no picture of {kind} {number!r} is on record in {self.ledger}"
                raise UsageError(message)
            return found
        try:
            name = self.names.find(kind, number, self.asks_names)
        except UsageError:
            # What was told before pseudonyms were switched on, or without them, has the number.
            found = self._look(kind, None, number, screen)
            if not found.pictures:
                raise
            return found
        return self._look(kind, name, number, screen)

    def _look(self, kind: str, name: str | None, number: str, screen: Screen) -> Found:
        held: list[Held] = []
        pictures: list[Concerning] = []
        if not self.ledger.exists():
            return Found(name, held, pictures)
        names, now_us = [name, number] if name is not None else [number], SystemClock().now_us()
        with Ledger.read(self.ledger) as reader, screen.progress("reading the ledger") as step:
            for at, store in enumerate(stores := reader.stores()):
                step(at, len(stores), store)
                held += _held(reader, store, name) if name is not None else []
                pictures += find_pictures(reader, store, kind, names, self.pictures, now_us)
        return Found(name, held, pictures)


def _require_kind(kind: str, number: str) -> None:
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS, label="there are")
        message = f"{kind!r} is nothing that can be asked for; {hint}"
        raise UsageError(message)
    digits = frozenset("0123456789abcdefABCDEF")
    if kind == "picture" and (len(number) < _DIGITS_LEAST or not digits.issuperset(number)):
        message = f"{number!r} names no picture: write {_DIGITS_LEAST} digits of its hash or more"
        raise UsageError(message)


def _held(reader: LedgerReader, store: str, name: str) -> list[Held]:
    found: dict[str, Held] = {}
    wanted = name.encode()
    for record in reader.records(store):
        if wanted not in record.payload and name not in record.stream:
            continue
        held = found.get(record.type)
        if held is None:
            found[record.type] = Held(store, record.type, 1, record.time, record.time)
            continue
        first, last = min(held.first_us, record.time), max(held.last_us, record.time)
        found[record.type] = held._replace(records=held.records + 1, first_us=first, last_us=last)
    return [found[type_] for type_ in sorted(found)]
