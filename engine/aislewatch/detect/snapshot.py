"""All state of a core as bytes, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from aislewatch.detect.begun import BegunState
from aislewatch.detect.health import HealthState
from aislewatch.detect.incidents import Incident, IncidentState
from aislewatch.detect.lists import ListState, state_of, told
from aislewatch.detect.order import OrderState
from aislewatch.detect.signals import Signal, SignalState
from aislewatch.errors import LedgerError
from aislewatch.events.kinds import ClockTick, DeviceState, Event, ListChanged
from aislewatch.events.registry import Registry

FORMAT = 4
"""Changes whenever an older core could not read what a newer one wrote."""


@dataclass
class CoreState:
    """The state of a core; the defaults are those of one that has seen nothing.

    Attributes:
        order: what is held back, and which ids are known.
        health: device states.
        lists: changes of named lists.
        signals: verdicts that hold and can still change.
        incidents: those that can still change.
        undecided: judgements that could not be made, with the time of their deadline.
        doubts: what may be signals, by id; see :mod:`aislewatch.detect.doubts`.
        evidence: every event that a clause may still look at, or that may be judged anew.
        pending: (rule, deadline, anchor) of judgements that wait.
        housekeeping: event time of the next housekeeping.
        let_go: by index, until when it let go of everything that it could no longer hold.
        begun: since when all is kept that the rules look for.
        configuration: what the log was last told of rules and model.
        counters: of arrivals and the like.
    """

    order: OrderState = field(default_factory=OrderState)
    health: HealthState = field(default_factory=HealthState)
    lists: ListState = field(default_factory=ListState)
    signals: SignalState = field(default_factory=SignalState)
    incidents: IncidentState = field(default_factory=IncidentState)
    undecided: dict[str, int] = field(default_factory=dict[str, int])
    doubts: dict[str, Event] = field(default_factory=dict[str, Event])
    evidence: list[Event] = field(default_factory=list[Event])
    pending: list[tuple[str, int, Event]] = field(default_factory=list[tuple[str, int, Event]])
    housekeeping: int = 0
    let_go: dict[str, int] = field(default_factory=dict[str, int])
    begun: BegunState = field(default_factory=BegunState)
    configuration: str = ""
    counters: dict[str, int] = field(default_factory=dict[str, int])


class _OpenIncident(Struct, frozen=True):
    id: str
    opened: int
    level: str
    signals: list[Signal]


class _Wire(Struct, frozen=True, kw_only=True):
    """The state with every event once; elsewhere its place in ``events`` stands for it.

    An id would not do: one id can stand for two contents.
    """

    format: int
    events: list[bytes]
    held: list[int]
    known: list[int]
    older: list[int]
    losers: list[int]
    generation: int
    watermark: int
    last: int
    states: list[int]
    changes: list[int]
    holding: list[Signal]
    raised: list[str]
    incidents: list[_OpenIncident]
    opened: int
    undecided: dict[str, int]
    evidence: list[int]
    pending: list[tuple[str, int, int]]
    housekeeping: int
    configuration: str
    counters: dict[str, int]
    let_go: dict[str, int] = {}
    begun: BegunState = msgspec.field(default_factory=BegunState)
    doubts: list[int] = []


class _Format(Struct, frozen=True):
    format: int


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_event_encoder = msgspec.json.Encoder()


class _Pool:
    """Gives each event its place, the same for the same object."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self._places: dict[int, int] = {}

    def place(self, event: Event) -> int:
        place = self._places.get(id(event))
        if place is None:
            place = self._places[id(event)] = len(self.events)
            self.events.append(_event_encoder.encode(event))
        return place

    def places(self, events: Iterable[Event]) -> list[int]:
        return [self.place(event) for event in events]


def encode_state(state: CoreState) -> bytes:
    """Write the state of a core."""
    pool = _Pool()
    wire = _Wire(
        format=FORMAT,
        held=pool.places(state.order.held),
        known=pool.places(state.order.known.values()),
        older=pool.places(state.order.older.values()),
        losers=pool.places(loser for losers in state.order.losers.values() for loser in losers),
        generation=state.order.generation,
        watermark=state.order.watermark,
        last=state.order.last,
        states=pool.places(s for states in state.health.states.values() for s in states),
        changes=pool.places(told(state.lists)),
        holding=list(state.signals.holding.values()),
        raised=sorted(state.signals.raised),
        incidents=[
            _OpenIncident(i.id, i.opened, i.level, i.signals) for i in state.incidents.open.values()
        ],
        opened=state.incidents.opened,
        undecided=state.undecided,
        doubts=pool.places(event for _, event in sorted(state.doubts.items())),
        evidence=pool.places(state.evidence),
        pending=[(rule, deadline, pool.place(a)) for rule, deadline, a in state.pending],
        housekeeping=state.housekeeping,
        let_go=state.let_go,
        begun=state.begun,
        configuration=state.configuration,
        counters=state.counters,
        events=pool.events,
    )
    return _encoder.encode(wire)


def decode_state(raw: bytes, registry: Registry) -> CoreState:
    """Read the state of a core back.

    Raises:
        LedgerError: another version of Aislewatch wrote it.
    """
    if msgspec.msgpack.decode(raw, type=_Format).format != FORMAT:
        message = (
            "the snapshot is of another version of Aislewatch; replay the archive into a new ledger"
        )
        raise LedgerError(message)
    wire = msgspec.msgpack.decode(raw, type=_Wire)
    read = [_read(event, registry) for event in wire.events]
    # In the place of signals that no rule looks for any more, nothing refers to the stand-in.
    gone = {place for place, event in enumerate(read) if event is None}
    events = [event or _NOTHING for event in read]
    states: dict[str, list[DeviceState]] = {}
    for place in wire.states:
        state = events[place]
        assert isinstance(state, DeviceState)
        states.setdefault(state.device, []).append(state)
    changes: list[ListChanged] = []
    for place in wire.changes:
        change = events[place]
        assert isinstance(change, ListChanged)
        changes.append(change)
    losers: dict[str, list[Event]] = {}
    for place in wire.losers:
        losers.setdefault(events[place].id, []).append(events[place])
    return CoreState(
        order=OrderState(
            held=[events[place] for place in wire.held],
            known={events[place].id: events[place] for place in wire.known},
            older={events[place].id: events[place] for place in wire.older},
            losers=losers,
            generation=wire.generation,
            watermark=wire.watermark,
            last=wire.last,
        ),
        health=HealthState(states),
        lists=state_of(changes),
        signals=SignalState({s.id: s for s in wire.holding}, set(wire.raised)),
        incidents=IncidentState(
            {i.id: Incident(i.id, i.opened, i.signals, i.level) for i in wire.incidents},
            wire.opened,
        ),
        undecided=wire.undecided,
        doubts={events[place].id: events[place] for place in wire.doubts if place not in gone},
        evidence=[events[place] for place in wire.evidence if place not in gone],
        pending=[
            (rule, deadline, events[place])
            for rule, deadline, place in wire.pending
            if place not in gone
        ],
        housekeeping=wire.housekeeping,
        let_go=wire.let_go,
        begun=wire.begun,
        configuration=wire.configuration,
        counters=wire.counters,
    )


_NOTHING = ClockTick(id="nothing", store="nothing", device="nothing", time=0)


def _read(raw: bytes, registry: Registry) -> Event | None:
    """Read an event; None for a signal that the rules in force do not judge."""
    try:
        return registry.decoder.decode(raw)
    except msgspec.ValidationError:
        if raw.startswith(b'{"type":"signal.'):
            return None
        raise
