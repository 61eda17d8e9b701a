"""What a rule raised in one store: its hits that stand, folded out of records.

A hit is a signal that stands when all is told. What late evidence withdrew is counted, and is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec

HIT_RECORDS: Final = (
    "signal.raised",
    "signal.revised",
    "signal.withdrawn",
    "incident.opened",
    "incident.merged",
    "incident.cleared",
)
"""The types of record that hits are made of."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER_US: Final = 900_000_000
"""Days begin on full quarters of an hour in every zone of the world."""


class Hit(msgspec.Struct, frozen=True, order=True):
    """A signal that stands.

    Attributes:
        time_us: of its anchor.
        store: whose.
        anchor: id of its anchor.
        day: of its anchor, in the store's zone: ``2026-03-01``.
        about: entities, as (kind, value).
        because: the reason, a sentence.
        points_cb: centibans.
        value_minor: what is at stake; None for unknown.
    """

    time_us: int
    store: str
    anchor: str
    day: str
    about: tuple[tuple[str, str], ...]
    because: str
    points_cb: int
    value_minor: int | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it the same hit in another version of the rule: the judged event."""
        return self.store, self.anchor, self.time_us

    @property
    def says(self) -> tuple[object, ...]:
        """What it tells besides its sentence: two versions that differ in it differ for people."""
        return self.about, self.points_cb, self.value_minor


class Raised(NamedTuple):
    """What a version of a rule raised in one store.

    Attributes:
        hits: in order of time.
        withdrawn: by day, how many were raised and do not stand.
        incidents: by day, how many it opened, alone or with other rules, that stand.
    """

    hits: Sequence[Hit] = ()
    withdrawn: Mapping[str, int] = {}  # A NamedTuple's default is never written to.
    incidents: Mapping[str, int] = {}


class ToldRecord(Protocol):
    """A record, as the core gives it or as a ledger keeps it."""

    @property
    def type(self) -> str:
        """What was decided."""
        ...

    @property
    def time(self) -> int:
        """Event time, microseconds."""
        ...

    @property
    def payload(self) -> bytes:
        """Canonical JSON."""
        ...


class _Signal(msgspec.Struct):
    signal: str
    rule: str
    anchor: str = ""
    about: tuple[tuple[str, str], ...] = ()
    because: str | None = None
    points_cb: int = 0
    value_minor: int | None = None


class _Because(msgspec.Struct):
    signal: str


class _Incident(msgspec.Struct):
    incident: str
    because: _Because | None = None
    members: list[str] = []


_read_signal = msgspec.json.Decoder(_Signal).decode
_read_incident = msgspec.json.Decoder(_Incident).decode


class HitBook:
    """Folds the records of one store into one rule's hits.

    Args:
        store: whose records.
        rule: the rule's id; records about others are passed over.
        zone: the store's time zone, IANA name.
    """

    def __init__(self, store: str, rule: str, zone: str) -> None:
        self._store = store
        self._rule = rule
        self._zone = zone
        self._standing: dict[str, Hit] = {}
        self._withdrawn: dict[str, str] = {}
        self._incidents: dict[str, str] = {}

    def take(self, record: ToldRecord) -> None:
        """Take the next record."""
        if record.type in {"signal.raised", "signal.revised"}:
            told = _read_signal(record.payload)
            if told.rule == self._rule:
                self._withdrawn.pop(told.signal, None)
                self._standing[told.signal] = self._hit(told)
        elif record.type == "signal.withdrawn":
            gone = _read_signal(record.payload).signal
            hit = self._standing.pop(gone, None)
            if hit is not None:
                self._withdrawn[gone] = hit.day
        elif record.type == "incident.opened":
            opened = _read_incident(record.payload)
            causes = opened.members or [opened.because.signal if opened.because else ""]
            if any(cause.startswith(f"{self._rule}/") for cause in causes):
                self._incidents[opened.incident] = day_of(record.time, self._zone)
        elif record.type in {"incident.merged", "incident.cleared"}:
            self._incidents.pop(_read_incident(record.payload).incident, None)

    def raised(self) -> Raised:
        """Give what stands."""
        return Raised(
            tuple(sorted(self._standing.values())),
            Counter(self._withdrawn.values()),
            Counter(self._incidents.values()),
        )

    def _hit(self, told: _Signal) -> Hit:
        # A signal's id ends with its anchor's time; see `aislewatch.detect.signals.signal_id`.
        time_us = int(told.signal.rpartition("@")[2])
        return Hit(
            time_us=time_us,
            store=self._store,
            anchor=told.anchor,
            day=day_of(time_us, self._zone),
            about=told.about,
            because=told.because or "",
            points_cb=told.points_cb,
            value_minor=told.value_minor,
        )


def day_of(time_us: int, zone: str) -> str:
    """Name the day of a time in a zone.

    >>> day_of(1_700_000_000_000_000, "Asia/Colombo")
    '2023-11-15'
    """
    return _day(time_us // _QUARTER_US, zone)


@lru_cache(maxsize=65_536)
def _day(quarters: int, zone: str) -> str:
    moment = _EPOCH + timedelta(microseconds=quarters * _QUARTER_US)
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d}"
