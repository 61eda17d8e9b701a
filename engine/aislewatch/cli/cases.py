"""Incidents as the ledger tells them: a fold over the records of one store, and nothing else.

A record of an incident's life names the signal that caused it, and all its signals where that one
does not tell them; so which signals an incident has now is what its records say, one after the
other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec

from aislewatch.detect.scoring import Contribution, score_cb
from aislewatch.ledger import LedgerReader, StoredRecord

CaseState = Literal["open", "settled", "cleared", "merged"]

CASE_RECORDS = (
    "incident.opened",
    "incident.rescored",
    "incident.escalated",
    "incident.merged",
    "incident.cleared",
    "incident.settled",
    "signal.raised",
    "signal.revised",
    "signal.withdrawn",
)
"""The types of record that incidents are made of."""


class Look(msgspec.Struct, frozen=True):
    """What one clause of a rule looked at; times in microseconds, ids of what was found.

    No times where what its window is measured from was not there.
    """

    clause: str
    from_us: int | None
    to_us: int | None
    found: list[str]


class Told(msgspec.Struct, frozen=True):
    """A signal as its record tells it; see `aislewatch.detect.saying.SignalPayload`."""

    signal: str
    rule: str
    title: str
    meaning: str
    status: str
    type: str
    anchor: str
    decided_us: int
    about: list[tuple[str, str]]
    points_cb: int
    because: str
    looks: list[Look]
    evidence: list[dict[str, Any]]
    bindings: list[tuple[str, Any]] = []
    half_life_us: int | None = None
    family: str | None = None
    value_minor: int | None = None
    version: int | None = None

    @property
    def contribution(self) -> Contribution:
        """What it adds to a score where no rule of its family outdoes its own."""
        return Contribution(
            self.decided_us, self.signal, self.rule, self.points_cb, self.half_life_us, None
        )


class _Because(msgspec.Struct, frozen=True):
    signal: str
    change: str


class _Life(msgspec.Struct, frozen=True):
    incident: str
    because: _Because | None = None
    split_from: list[str] = []
    members: list[str] | None = None
    into: str = ""
    to: str = ""
    type: str = ""
    first_us: int = 0
    last_us: int = 0
    prior_cb: int = 0
    score_cb: int = 0
    probability_ppm: int = 0
    level: str = ""
    value_minor: int | None = None
    entities: list[str] = []


class _Withdrawn(msgspec.Struct, frozen=True):
    signal: str
    because: str | None = None


_read_told = msgspec.json.Decoder(Told).decode
_read_life = msgspec.json.Decoder(_Life).decode
_read_withdrawn = msgspec.json.Decoder(_Withdrawn).decode


class Moment(NamedTuple):
    """One moment in an incident's life.

    Attributes:
        time_us: event time.
        what: ``opened``, ``signal``, ``revised``, ``withdrawn``, ``rescored``, ``escalated``,
            ``merged``, ``joined by``, ``split off``, ``cleared`` or ``settled``.
        score_cb: after it; None where it did not change.
        probability_ppm: likewise.
        signal: id of the signal that it is about; empty for none.
        other: the level, the other incident, or the late event that it is about.
    """

    time_us: int
    what: str
    score_cb: int | None = None
    probability_ppm: int | None = None
    signal: str = ""
    other: str = ""


class Share(NamedTuple):
    """What one signal adds to a score.

    Attributes:
        signal: its id.
        repeat: 1 for the first of its rule, 2 for the second and so on.
        points_cb: before repeats and decay.
        counted_cb: after them; 0 where another rule of its family outdoes its own.
        outdone_by: that rule; empty for none.
    """

    signal: str
    repeat: int
    points_cb: int
    counted_cb: int
    outdone_by: str = ""


@dataclass
class Case:
    """An incident as it stands at the end of what was read.

    Attributes:
        store: whose.
        id: its id.
        opened_us: event time at which it was opened.
        state: whether it can still grow, and what became of it.
        into: the incident that it was merged into.
        type, first_us, last_us, prior_cb, score_cb, probability_ppm, level, value_minor, entities:
            as its last record that has them.
        signals: those that it has now, by id, in order of time; of a cleared one, none.
        past: those that it had once.
        life: everything that happened to it, in order.
    """

    store: str
    id: str
    opened_us: int
    state: CaseState = "open"
    into: str = ""
    type: str = ""
    first_us: int = 0
    last_us: int = 0
    prior_cb: int = 0
    score_cb: int = 0
    probability_ppm: int = 0
    level: str = "noted"
    value_minor: int | None = None
    entities: list[str] = field(default_factory=list[str])
    signals: dict[str, Told] = field(default_factory=dict[str, Told])
    past: dict[str, Told] = field(default_factory=dict[str, Told])
    life: list[Moment] = field(default_factory=list[Moment])

    @property
    def stands(self) -> bool:
        """There is something left to look at."""
        return self.state in {"open", "settled"}

    @property
    def because(self) -> str:
        """The latest reason, a sentence."""
        signals = [*(self.signals or self.past).values()]
        return max(signals, key=lambda told: told.decided_us).because if signals else ""

    def sum(self) -> list[Share]:
        """Give what each signal adds to the score, as of the latest one.

        With the prior these add up to the score.
        """
        signals = sorted(self.signals.values(), key=lambda told: (told.decided_us, told.signal))
        by_rule: dict[str, list[Contribution]] = {}
        shares: list[Share] = []
        for told in signals:
            same = by_rule.setdefault(told.rule, [])
            before = score_cb(0, same, self.last_us)
            same.append(told.contribution)
            counted = score_cb(0, same, self.last_us) - before
            shares.append(Share(told.signal, len(same), told.points_cb, counted))
        strongest = _strongest(zip(signals, shares, strict=True))
        return [
            share
            if told.family is None or strongest[told.family] == told.rule
            else share._replace(counted_cb=0, outdone_by=strongest[told.family])
            for told, share in zip(signals, shares, strict=True)
        ]


def _strongest(counted: Iterable[tuple[Told, Share]]) -> dict[str, str]:
    """Give of each family the rule that counts: the one whose signals weigh most together."""
    points: dict[tuple[str, str], int] = {}
    for told, share in counted:
        if told.family is not None:
            member = told.family, told.rule
            points[member] = points.get(member, 0) + share.counted_cb
    strongest: dict[str, str] = {}
    for (family, rule), weight in points.items():
        best = points[family, strongest.setdefault(family, rule)]
        if (abs(weight), weight) > (abs(best), best):
            strongest[family] = rule
    return strongest


def read_cases(ledger: LedgerReader) -> Iterator[Case]:
    """Give the incidents of every store, in the order in which they were opened."""
    for store in ledger.stores():
        book = CaseBook()
        for record in ledger.records(store, types=CASE_RECORDS):
            book.take(record)
        yield from book.cases.values()


class CaseBook:
    """Folds records of one store into incidents.

    Attributes:
        cases: by id, in the order in which they were opened.
    """

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self._told: dict[str, Told] = {}
        self._homes: dict[str, Case] = {}
        self._late: dict[str, str] = {}

    def take(self, record: StoredRecord) -> Case | None:
        """Take the next record; gives the incident that it is about, if it is about one."""
        if record.type.startswith("signal."):
            self._signal(record)
            return None
        life = _read_life(record.payload)
        case = self.cases.get(life.incident)
        if case is None:
            case = Case(record.store, life.incident, record.time)
            self.cases[life.incident] = case
        step = record.type.removeprefix("incident.")
        if step == "escalated":
            case.life.append(Moment(record.time, step, other=life.to))
        elif step == "merged":
            self._merge(case, life, record.time)
        elif step == "cleared":
            case.state = "cleared"
            self._leave(case, life, record.time)
            case.life.append(Moment(record.time, step))
        else:
            self._stands(case, life, step, record.time)
        return case

    def told(self, signal: str) -> Told | None:
        """Give a signal as it was told last."""
        return self._told.get(signal)

    def _signal(self, record: StoredRecord) -> None:
        if record.type == "signal.withdrawn":
            gone = _read_withdrawn(record.payload)
            self._late[gone.signal] = gone.because or ""
            return
        told = _read_told(record.payload)
        self._told[told.signal] = told
        home = self._homes.get(told.signal)
        # Of a rule that is only tried out by now, nothing reaches the score any more.
        if home is not None and told.status == "live":
            home.signals[told.signal] = home.past[told.signal] = told

    def _stands(self, case: Case, life: _Life, step: str, time_us: int) -> None:
        for name in _CARRIED:
            setattr(case, name, getattr(life, name))
        if step == "settled":
            case.state = "settled"
            case.life.append(Moment(time_us, step))
            return
        for source in life.split_from:
            self.cases[source].life.append(Moment(time_us, "split off", other=case.id))
        because = life.because
        if because is not None and because.change == "withdrawn":
            self._leave(case, life, time_us)
        elif because is not None and life.members is None:
            self._join(case, because.signal)
        if life.members is not None:
            case.signals.clear()
            for signal in life.members:
                self._join(case, signal)
        if because is None:
            return
        what = {"raised": "signal"}.get(because.change, because.change)
        moment = Moment(
            time_us,
            "opened" if step == "opened" else what,
            life.score_cb,
            life.probability_ppm,
            because.signal,
            self._late.get(because.signal, "") if because.change == "withdrawn" else "",
        )
        case.life.append(moment)

    def _join(self, case: Case, signal: str) -> None:
        told = self._told[signal]
        home = self._homes.get(signal)
        if home is not None and home is not case:
            home.signals.pop(signal, None)
        self._homes[signal] = case
        case.signals[signal] = case.past[signal] = told

    def _leave(self, case: Case, life: _Life, time_us: int) -> None:
        because = life.because
        if because is None:
            return
        home = self._homes.pop(because.signal, case)
        home.signals.pop(because.signal, None)
        if case.state == "cleared":
            late = self._late.get(because.signal, "")
            case.signals.clear()
            case.life.append(Moment(time_us, "withdrawn", signal=because.signal, other=late))

    def _merge(self, case: Case, life: _Life, time_us: int) -> None:
        case.state, case.into = "merged", life.into
        case.life.append(Moment(time_us, "merged", other=life.into))
        self.cases[life.into].life.append(Moment(time_us, "joined by", other=case.id))


_CARRIED = (
    "type", "first_us", "last_us", "prior_cb", "score_cb", "probability_ppm", "level",
    "value_minor", "entities",
)  # fmt: skip


def cases_json(cases: Iterable[Case]) -> Iterator[Mapping[str, Any]]:
    """Give incidents for scripts, one mapping each, without their lives."""
    for case in cases:
        yield {
            "id": case.id,
            "store": case.store,
            "opened_us": case.opened_us,
            "state": case.state,
            "into": case.into or None,
            "type": case.type,
            "level": case.level,
            "probability": case.probability_ppm / 1_000_000,
            "score_cb": case.score_cb,
            "value_minor": case.value_minor,
            "entities": case.entities,
            "signals": list(case.signals),
            "because": case.because,
        }
