"""How a rule did in shadow, as a ledger tells it: on how many days, and how often it spoke up.

A day counts for a store where the rule ran in shadow, with the meaning at hand, and the ledger
holds a record of that day: an engine that was off has shown nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import msgspec

from aislewatch.authoring.backtest_hits import Hit, HitBook, day_of
from aislewatch.authoring.backtest_labelled import score
from aislewatch.authoring.backtest_labels import Label
from aislewatch.ledger import LedgerReader, StoredRecord
from aislewatch.rules.backtest import Cost

_CONFIGURED = "store.configured"


class _RuleInForce(msgspec.Struct, frozen=True):
    meaning: str
    status: str


class _Configured(msgspec.Struct, frozen=True):
    timezone: str = "UTC"
    rules: dict[str, _RuleInForce] = {}


_read = msgspec.json.Decoder(_Configured).decode


@dataclass(frozen=True, slots=True)
class ShadowRun:
    """A rule's time in shadow.

    Attributes:
        ledger: that tells of it.
        days: on which it ran, as (store, day).
        hits: signals that stand, in order of time.
        withdrawn: how many were taken back.
        worst: the store with most signals a day; empty where there are no days.
        worst_rate: how many.
        right: labelled signals that are of a loss.
        wrong: labelled signals that are of an honest case.
    """

    ledger: Path
    days: Collection[tuple[str, str]]
    hits: Sequence[Hit]
    withdrawn: int
    worst: str
    worst_rate: Fraction
    right: int = 0
    wrong: int = 0

    @property
    def sentence(self) -> str:
        """What it comes to, for people and for the lock file."""
        stores = len({store for store, _ in self.days})
        words = f"{_several(len(self.days), 'day')} in shadow in {_several(stores, 'store')}"
        words += f", {_several(len(self.hits), 'signal')}"
        if self.hits:
            words += f", at most {float(self.worst_rate):.2f} a day ({self.worst})"
        if self.withdrawn:
            words += f", {self.withdrawn} taken back"
        if self.right or self.wrong:
            words += f", {self.right} of {self.right + self.wrong} labelled ones right"
        return words


def shadow_run(
    reader: LedgerReader,
    rule: str,
    meanings: Collection[str],
    labels: Sequence[Label] = (),
    *,
    within_us: int = 60_000_000,
    step: Callable[[int], None] | None = None,
) -> ShadowRun:
    """Read how a rule did in shadow.

    Args:
        reader: the ledger.
        rule: the rule's id.
        meanings: hashes of what it means, with its own parameters and with those of sites.
        labels: what people found out about cases.
        within_us: how far a label's time may be from that of its case.
        step: is told how many records were read.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    days: set[tuple[str, str]] = set()
    hits: list[Hit] = []
    withdrawn = read = 0
    for store in reader.stores():
        run = _Store(store, rule, meanings)
        for record in reader.records(store):
            run.take(record)
            read += 1
            if step is not None and read % 1_000 == 0:
                step(read)
        raised = [book.raised() for book in run.books]
        days |= {(store, day) for day in run.days}
        hits += [hit for one in raised for hit in one.hits]
        withdrawn += sum(sum(one.withdrawn.values()) for one in raised)
    each, spoke = Counter(store for store, _ in days), Counter(hit.store for hit in hits)
    rates = {store: Fraction(spoke[store], count) for store, count in each.items()}
    worst = max(sorted(rates), key=lambda store: rates[store], default="")
    hits.sort()
    spoken = [label for label in labels if label.rule in {"", rule}]
    split = score(hits, spoken, within_us, Cost()).split
    return ShadowRun(
        ledger=reader.path,
        days=days,
        hits=hits,
        withdrawn=withdrawn,
        worst=worst,
        worst_rate=rates.get(worst, Fraction(0)),
        right=split.right,
        wrong=split.wrong,
    )


def _several(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


class _Store:
    """One store's records, of which those count that came while the rule was in shadow."""

    def __init__(self, store: str, rule: str, meanings: Collection[str]) -> None:
        self.days: set[str] = set()
        self.books: list[HitBook] = []
        self._store = store
        self._rule = rule
        self._meanings = meanings
        self._zone = "UTC"
        self._runs = False

    def take(self, record: StoredRecord) -> None:
        """Take the next record."""
        if record.type == _CONFIGURED:
            told = _read(record.payload)
            rule = told.rules.get(self._rule)
            ran, self._zone = self._runs, told.timezone
            self._runs = (
                rule is not None and rule.status == "shadow" and rule.meaning in self._meanings
            )
            if self._runs and not ran:
                self.books.append(HitBook(self._store, self._rule, self._zone))
            return
        if self._runs:
            self.days.add(day_of(record.time, self._zone))
        if self.books and (self._runs or record.type == "signal.withdrawn"):
            self.books[-1].take(record)
