"""Small shops' streams made of small figures, for tests that try many.

Figures and not random draws, so that any source of them will do and a failing stream can be shrunk:
few keys and few times, so that ties and window edges happen all the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from aislewatch.events.kinds import (
    ClockTick,
    DeviceState,
    Event,
    PosItem,
    PosRefund,
    PosVoid,
    RfidCrossing,
    RfidRead,
    ShelfRemoved,
    ShelfReturned,
    VisionPerson,
)
from aislewatch.events.model import Device, StoreModel
from aislewatch.testing.lines import DAY_US

START_US = DAY_US + 35_995_000_000
"""Five seconds to ten: when the streams begin; a full hour, when house is kept, is near."""

STEP_US = 500_000
"""Times are whole numbers of half seconds."""

_TILL = frozenset({"pos.item", "pos.void", "pos.refund"})
_CAMERA = frozenset({"vision.person", "shelf.removed", "shelf.returned"})
_GATE = frozenset({"rfid.read", "rfid.crossing"})

SHOP = StoreModel(
    devices={
        device.id: device
        for device in (
            Device("gate-1", sees=_GATE),
            Device("gate-2", sees=frozenset({"rfid.read"})),
            Device("scan-1", lane="L1", sees=frozenset({"rfid.read"})),
            Device("till-1", lane="L1", sees=_TILL),
            Device("till-2", lane="L2", sees=_TILL),
            Device("eye-1", lane="L1", sees=_CAMERA),
            Device("eye-2", sees=_CAMERA),
        )
    }
)
"""The shop of the streams."""


class Pick(NamedTuple):
    """The figures that one event is made of.

    Attributes:
        kind: what happens, from 0 to below :data:`KINDS`.
        time: half seconds from the start.
        key: which tag, article, shelf and lane: 0 or 1.
        other: everything else: 0 to 2.
        seq: the device's counter, 0 or 1.
    """

    kind: int
    time: int
    key: int
    other: int
    seq: int


def _read(pick: Pick) -> tuple[type[Event], dict[str, Any]]:
    person = (None, "P1", "P2")[pick.other]
    kind = ("shelf", "exit", "scan", "scan")[pick.kind]
    device = "scan-1" if kind == "scan" else f"gate-{1 + pick.key}"
    sku = (None, "A", "B")[pick.other] if kind == "scan" else None
    epc = f"E{1 + (pick.key + pick.other) % 2}"
    content = {"zone_kind": kind, "epc": epc, "person": person, "device": device, "sku": sku}
    return RfidRead, content


def _line(pick: Pick) -> tuple[type[Event], dict[str, Any]]:
    epc = (None, "E1", "E2")[pick.other]
    sku = "AB"[pick.key]
    units = (1, 2, None)[pick.other]
    device = "till-1" if pick.kind == 4 else f"till-{1 + pick.key}"
    return PosItem, {"epc": epc, "sku": sku, "units": units, "device": device}


def _void(pick: Pick) -> tuple[type[Event], dict[str, Any]]:
    device = f"till-{1 + pick.key}"
    return PosVoid, {"cashier": "C1", "device": device, "units": (1, 2, 3)[pick.other]}


def _refund(pick: Pick) -> tuple[type[Event], dict[str, Any]]:
    receipt = (None, "R1", "R2")[pick.other]
    return PosRefund, {
        "cashier": f"C{1 + pick.seq}",
        "receipt": receipt,
        "device": f"till-{1 + pick.key}",
    }


def _person(pick: Pick) -> tuple[type[Event], dict[str, Any]]:
    role = (None, "customer", "staff")[pick.other]
    person = f"P{1 + pick.seq}"
    return VisionPerson, {"role": role, "person": person, "device": f"eye-{1 + pick.key}"}


def _shelf(pick: Pick) -> tuple[type[Event], dict[str, Any]]:
    person = (None, "P1", "P2")[pick.other]
    struct = ShelfReturned if pick.kind == 10 else ShelfRemoved
    shelf = f"S{1 + pick.key}"
    return struct, {"shelf": shelf, "units": 1 + pick.seq, "person": person, "device": "eye-2"}


def _crossing(pick: Pick) -> tuple[type[Event], dict[str, Any]]:
    person = (None, "P1", "P2")[pick.other]
    alarm = (None, True, False)[pick.other]
    epc = f"E{1 + pick.key}"
    return RfidCrossing, {"epc": epc, "person": person, "alarm": alarm, "device": "gate-1"}


def _state(pick: Pick) -> tuple[type[Event], dict[str, Any]]:
    device = (("till-1", "eye-1", "gate-1"), ("till-2", "eye-2", "scan-1"))[pick.key][pick.other]
    state = "offline" if pick.kind == 12 else ("online", "degraded")[pick.seq]
    return DeviceState, {"state": state, "device": device}


_MAKERS = (
    _read, _read, _read, _read, _line, _line, _void, _refund, _person, _shelf, _shelf, _crossing,
    _state, _state,
)  # fmt: skip

KINDS = len(_MAKERS)
"""How many kinds of happening there are."""

FIRST_STATE = 12
"""From this kind on they are changes of a device's state."""


def event_of(pick: Pick, number: int) -> Event:
    """Make an event; its id tells its number and nothing else."""
    struct, content = _MAKERS[pick.kind](pick)
    content |= {"id": f"{content['device']}/1/{number}", "store": "1", "seq": pick.seq}
    content["time"] = START_US + pick.time * STEP_US
    return struct(**{name: value for name, value in content.items() if value is not None})


def stream_of(picks: Iterable[Pick], doubles: Sequence[tuple[int, int]] = ()) -> list[Event]:
    """Make a stream in the order of the picks.

    Args:
        picks: one for each event.
        doubles: pairs of places; the event at the second takes the id of that at the first, which
            makes it a device fault, or a resend where they are equal. Taken modulo the length.
    """
    events = [event_of(pick, number) for number, pick in enumerate(picks)]
    for one, other in doubles:
        if events:
            taken = events[one % len(events)].id
            events[other % len(events)] = msgspec.structs.replace(
                events[other % len(events)], id=taken
            )
    return events


def tick_at(time_us: int, *, final: bool = False) -> ClockTick:
    """Make a tick of the clock."""
    ident = f"clock/1/{time_us}{'/end' if final else ''}"
    return ClockTick(id=ident, store="1", device="clock", time=time_us, final=final or None)


class Arrival(NamedTuple):
    """When an event arrives, beside the ticks.

    Attributes:
        slot: before which tick: 0 for the first; as many as there are ticks for behind the last.
        rank: settles who comes first within a slot.
    """

    slot: int
    rank: int


def arrive(
    events: Sequence[Event], ticks: Sequence[ClockTick], arrivals: Sequence[Arrival]
) -> list[Event]:
    """Make a log: events between the ticks that stay where they are."""
    order = sorted(range(len(events)), key=lambda i: (arrivals[i].slot, arrivals[i].rank, i))
    log: list[Event] = []
    for slot, tick in enumerate([*ticks, None]):
        log += [events[i] for i in order if arrivals[i].slot == slot]
        if tick is not None:
            log.append(tick)
    return log


def last_slot(event: Event, ticks: Sequence[ClockTick], lateness_us: int) -> int:
    """Give before which tick an event has to arrive so as not to be late."""
    passed = (
        slot
        for slot, tick in enumerate(ticks)
        if tick.final or tick.time - lateness_us >= event.time
    )
    return next(passed, len(ticks))
