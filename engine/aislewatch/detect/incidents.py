r"""Incidents: signals that belong together, and the life they lead together.

Two signals belong together when they concern losses of one class and share, within the merge
window, a strong entity (a person, a tag, a receipt) or two weak ones (a zone, a lane, a cashier),
or when their rules put them into one sliding group. An incident is a connected component of that
relation, and nothing else: a signal that goes may clear it or fall it apart.

::

    (none) --opened--> open --rescored, escalated--> open --settled--> (gone)
                        |  \--merged into an older one-----------------> (gone)
                        |--split: some signals open incidents of their own
                        \--cleared: the last signal was withdrawn------> (gone)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aislewatch.detect.scoring import LEVELS, level, probability_ppm, score_cb
from aislewatch.detect.signals import Change, Signal, SignalChange

STRONG = frozenset({"person", "epc", "receipt", "basket", "customer"})
"""Kinds of entity that merge incidents alone."""

_RANK = {name: rank for rank, (_, name) in enumerate(reversed(LEVELS), start=1)}


class Scoring(NamedTuple):
    """The store's own figures.

    Attributes:
        priors_cb: odds before any evidence, centibans, by incident type or its first word.
        merge_window_us: how far apart two signals about one entity still belong together.
        span_us: an incident takes no signal later than this after its first.
    """

    priors_cb: Mapping[str, int]
    merge_window_us: int
    span_us: int

    def prior_cb(self, type_: str) -> int:
        """Give the prior of an incident type, of its class, or that of a rare event."""
        return self.priors_cb.get(type_, self.priors_cb.get(type_.partition(".")[0], -300))


def loss_class(type_: str) -> str:
    """Give the class within which incidents merge; theft and fraud are one, both are losses.

    >>> loss_class("fraud.refund"), loss_class("operations.queue")
    ('loss', 'operations')
    """
    first = type_.partition(".")[0]
    return "loss" if first in {"theft", "fraud"} else first


class Step(NamedTuple):
    """One step in an incident's life: a record in the making."""

    type: str
    incident: str
    time: int
    content: dict[str, Any]


@dataclass
class Incident:
    """An incident that can still change.

    Attributes:
        id: ``<store>-<number>``.
        opened: event time of its first signal when it was opened.
        signals: in order of time.
        level: the highest it has been called.
    """

    id: str
    opened: int
    signals: list[Signal]
    level: str = "noted"

    @property
    def last(self) -> int:
        """Event time of its latest signal."""
        return self.signals[-1].time


@dataclass
class IncidentState:
    """Everything a snapshot needs.

    Attributes:
        open: incidents that can still change, by id.
        opened: how many were opened in this store, ever.
    """

    open: dict[str, Incident] = field(default_factory=dict[str, Incident])
    opened: int = 0


class Incidents:
    """Turns changes of signals into steps in the lives of incidents."""

    def __init__(self, store: str, scoring: Scoring, state: IncidentState | None = None) -> None:
        self._store = store
        self._scoring = scoring
        self.state = state or IncidentState()
        # By time and id: a device that lost count reuses ids, and what was decided keeps its home.
        self._home: dict[tuple[int, str], Incident] = {}
        # Which open incidents have signals with an entity or group; counted, to forget the last.
        self._by_bond: dict[Bond, dict[str, int]] = defaultdict(dict)
        for incident in self.state.open.values():
            for signal in incident.signals:
                self._move_in(signal, incident)

    def apply(self, change: SignalChange, now: int) -> list[Step]:
        """Take one change of a live signal, in the order in which they were decided.

        Args:
            change: of a signal of a rule that is live.
            now: event time of the decision; steps are stamped with it.
        """
        signal = None if change.change is Change.WITHDRAWN else change.signal
        because = {"signal": change.signal.id, "change": change.change.value}
        before = change.before
        home = self._home.get(_in_order(before)) if before is not None else None
        if before is not None and home is None:
            return []  # Its incident has settled; the signal's own record stands beside it.
        kin = self._kin(signal) if signal is not None else []
        if home is None and len(kin) <= 1:
            assert signal is not None
            return self._join(signal, kin[0] if kin else None, because, now)
        return self._rearrange(home, before, signal, kin, because, now)

    def settle(self, before_us: int) -> list[Step]:
        """Say of which incidents no more can come, and let go of them.

        Args:
            before_us: no signal as old as this can come, change or be withdrawn any more.
        """
        ended = [(self._ends(incident), incident) for incident in self.state.open.values()]
        steps: list[Step] = []
        # In the order of their ends, so that settling many at once says what settling often says.
        for end, incident in sorted(ended, key=lambda e: (e[0], _number(e[1].id))):
            if end >= before_us:
                break
            steps.append(self._step("incident.settled", incident, end))
            self._drop(incident)
        return steps

    def _ends(self, incident: Incident) -> int:
        """Give until when a signal can belong to an incident."""
        window = self._scoring.merge_window_us
        return max(s.time + max(window, s.group_gap_us) for s in incident.signals)

    def _join(
        self, signal: Signal, incident: Incident | None, because: dict[str, str], now: int
    ) -> list[Step]:
        type_ = "incident.rescored"
        if incident is None:
            type_ = "incident.opened"
            incident = self._open(signal.time)
        incident.signals.append(signal)
        incident.signals.sort(key=_in_order)
        self._move_in(signal, incident)
        step = self._step(type_, incident, now, because=because)
        return [step, *self._escalate(incident, step, now)]

    def _rearrange(
        self,
        home: Incident | None,
        before: Signal | None,
        signal: Signal | None,
        kin: list[Incident],
        because: dict[str, str],
        now: int,
    ) -> list[Step]:
        """Let all incidents that a change touches fall into their components anew.

        Which signals an incident has follows from its records: the signal that a step names as its
        cause joins, or leaves where it is withdrawn; where more or less than that came to pass, the
        step names all ``members``, in the order of time.
        """
        affected = {incident.id: incident for incident in (*kin, *([home] if home else []))}
        origin: dict[tuple[int, str], str] = {}
        pool: list[Signal] = []
        for incident in affected.values():
            for member in incident.signals:
                if before is None or _in_order(member) != _in_order(before):
                    pool.append(member)
                    origin[_in_order(member)] = incident.id
            self._drop(incident)
        if signal is not None:
            pool.append(signal)
            if home is not None:
                origin[_in_order(signal)] = home.id
        steps: list[Step] = []
        heirs: dict[str, str] = {}
        for part in _components(sorted(pool, key=_in_order), self._scoring):
            known = {origin[key] for key in map(_in_order, part) if key in origin}
            sources = sorted(known, key=_number)
            free = [source for source in sources if source not in heirs]
            incident = affected[free[0]] if free else self._open(part[0].time)
            expected = {member.id for member in incident.signals} - {because["signal"]}
            if signal is not None:
                expected.add(signal.id)
            incident.signals = part
            self.state.open[incident.id] = incident
            for member in part:
                self._move_in(member, incident)
            for source in free:
                heirs[source] = incident.id
            ids = [member.id for member in part]
            if not free:
                step = self._step("incident.opened", incident, now, split_from=sources, members=ids)
            elif expected == {*ids}:
                step = self._step("incident.rescored", incident, now, because=because)
            else:
                step = self._step("incident.rescored", incident, now, because=because, members=ids)
            steps += [step, *self._escalate(incident, step, now)]
        return self._farewells(affected, heirs, because, now) + steps

    def _farewells(
        self,
        affected: dict[str, Incident],
        heirs: dict[str, str],
        because: dict[str, str],
        now: int,
    ) -> list[Step]:
        steps: list[Step] = []
        for incident_id in sorted(affected, key=_number):
            heir = heirs.get(incident_id)
            if heir is None:
                content: dict[str, Any] = {"incident": incident_id, "because": because}
                steps.append(Step("incident.cleared", incident_id, now, content))
            elif heir != incident_id:
                content = {"incident": incident_id, "into": heir, "because": because}
                steps.append(Step("incident.merged", incident_id, now, content))
        return steps

    def _open(self, opened: int) -> Incident:
        self.state.opened += 1
        incident = Incident(f"{self._store}-{self.state.opened}", opened, [])
        self.state.open[incident.id] = incident
        return incident

    def _kin(self, signal: Signal) -> list[Incident]:
        ids: set[str] = set()
        for bond in _bonds(signal):
            ids |= self._by_bond.get(bond, {}).keys()
        return [
            incident
            for incident_id in sorted(ids, key=_number)
            if (incident := self.state.open[incident_id])
            and abs(signal.time - incident.signals[0].time) <= self._scoring.span_us
            and any(_belong(signal, s, self._scoring) for s in reversed(incident.signals))
        ]

    def _move_in(self, signal: Signal, incident: Incident) -> None:
        self._home[_in_order(signal)] = incident
        for bond in _bonds(signal):
            counts = self._by_bond[bond]
            counts[incident.id] = counts.get(incident.id, 0) + 1

    def _drop(self, incident: Incident) -> None:
        del self.state.open[incident.id]
        for signal in incident.signals:
            del self._home[_in_order(signal)]
            for bond in _bonds(signal):
                counts = self._by_bond[bond]
                counts[incident.id] -= 1
                if not counts[incident.id]:
                    del counts[incident.id]
                if not counts:
                    del self._by_bond[bond]

    def _step(self, type_: str, incident: Incident, now: int, **content: Any) -> Step:
        signals = incident.signals
        leading = _leading_type(signals)
        prior = self._scoring.prior_cb(leading)
        # As of its latest signal: a score that only fades needs no record to say so.
        score = score_cb(prior, [s.contribution for s in signals], incident.last)
        values = {s.value_key: s.value_minor for s in signals if s.value_minor is not None}
        entities = sorted({entity for s in signals for entity in s.about})
        return Step(
            type_,
            incident.id,
            now,
            {
                "incident": incident.id,
                "type": leading,
                "first_us": signals[0].time,
                "last_us": incident.last,
                "signals": len(signals),
                "prior_cb": prior,
                "score_cb": score,
                "probability_ppm": probability_ppm(score),
                "level": level(score),
                "value_minor": sum(values.values()) if values else None,
                "entities": [f"{kind}={value}" for kind, value in entities],
                **content,
            },
        )

    def _escalate(self, incident: Incident, step: Step, now: int) -> list[Step]:
        name = step.content["level"]
        if _RANK.get(name, 0) <= _RANK.get(incident.level, 0):
            return []
        content = {"incident": incident.id, "from": incident.level, "to": name}
        incident.level = name
        return [Step("incident.escalated", incident.id, now, content)]


Bond = tuple[str, ...]
"""What two signals may share: an entity (kind, value) or a group (its key alone)."""


def _bonds(signal: Signal) -> list[Bond]:
    bonds: list[Bond] = [*signal.about]
    if signal.group:
        bonds.append((signal.group,))
    return bonds


def _belong(one: Signal, other: Signal, scoring: Scoring) -> bool:
    apart = abs(one.time - other.time)
    if one.group and one.group == other.group and apart <= one.group_gap_us:
        return True
    if apart > scoring.merge_window_us or loss_class(one.type) != loss_class(other.type):
        return False
    shared = [kind for kind, _ in set(one.about) & set(other.about)]
    if any(kind in STRONG for kind in shared):
        return True
    # Two baskets are two customers, whatever lane and article they have in common.
    mine, theirs = dict(one.about), dict(other.about)
    apart_by = [kind for kind in STRONG if kind in mine and kind in theirs]
    return len(shared) >= 2 and not apart_by


def _components(signals: list[Signal], scoring: Scoring) -> list[list[Signal]]:
    parts: list[list[Signal]] = []
    for signal in signals:
        touching = [part for part in parts if any(_belong(signal, s, scoring) for s in part)]
        merged = [member for part in touching for member in part] + [signal]
        parts = [part for part in parts if not any(part is other for other in touching)]
        parts.append(sorted(merged, key=_in_order))
    return sorted(parts, key=lambda part: _in_order(part[0]))


def _leading_type(signals: list[Signal]) -> str:
    points: dict[str, int] = {}
    for signal in signals:
        points[signal.type] = points.get(signal.type, 0) + signal.points_cb
    return max(points, key=lambda type_: points[type_])


def _in_order(signal: Signal) -> tuple[int, str]:
    return signal.time, signal.id


def _number(incident_id: str) -> int:
    return int(incident_id.rpartition("-")[2])
