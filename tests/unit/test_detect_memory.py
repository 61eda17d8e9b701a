"""What the core keeps is what a window can still ask for, and time alone lets go of the rest."""

from __future__ import annotations

import pytest

from aislewatch.detect.core import Core
from aislewatch.detect.plan import HOUSEKEEPING_US
from aislewatch.detect.settings import Settings
from aislewatch.detect.snapshot import CoreState, decode_state
from aislewatch.events.kinds import Event, PosItem, RfidRead, ZoneKind
from aislewatch.events.model import StoreModel
from aislewatch.testing.lines import DAY_US
from aislewatch.testing.small import REGISTRY, small_rule
from aislewatch.testing.streams import tick_at

SECOND = 1_000_000
MINUTE = 60 * SECOND
WINDOW_US = 2 * MINUTE
HORIZON_US = MINUTE
FIGURES = Settings(
    store="1", lateness_us=0, horizon_us=HORIZON_US, ahead_us=10**12, merge_window_us=MINUTE
)
RULE = small_rule(
    "event: rfid.read, as: exit, where: zone.kind == 'exit'",
    "seen: rfid.read, where: zone.kind == 'shelf', same: [epc], window: 2m before exit",
    "not_seen: pos.item, same: [epc], window: 1m before exit to 1m after exit",
    about="{epc: exit.epc}",
    quiet="2m per epc",
)
KEPT_US = 2 * (WINDOW_US + MINUTE + HORIZON_US) + HOUSEKEEPING_US
"""Two buckets of all that can be asked for, and what comes until house is kept."""


def kept(core: Core) -> CoreState:
    return decode_state(core.snapshot(), REGISTRY)


def ids_known(state: CoreState) -> list[str]:
    return [*state.order.known, *state.order.older]


def visit(number: int, at: int) -> list[Event]:
    """Make a tag's whole life: never to be heard of again."""
    epc = f"E{number}"

    def read(device: str, zone: ZoneKind, time: int) -> Event:
        ident = f"{device}/{number}"
        return RfidRead(id=ident, store="1", device=device, time=time, zone_kind=zone, epc=epc)

    shelf, out = read("g", "shelf", at), read("x", "exit", at + SECOND)
    sale = PosItem(id=f"t/{number}", store="1", device="t", time=at, epc=epc)
    return [shelf, sale, out] if number % 3 else [shelf, out]


@pytest.mark.parametrize("minutes_between_ticks", [1, 7])
def test_a_long_stream_of_short_lived_keys_is_kept_no_longer_than_its_windows(
    minutes_between_ticks: int,
) -> None:
    core = Core(FIGURES, StoreModel(), [RULE], REGISTRY)
    start = DAY_US
    most = 0
    number = 0
    raised = 0
    for minute in range(240):
        events: list[Event] = []
        for second in range(0, 60, 5):
            number += 1
            events += visit(number, start + minute * MINUTE + second * SECOND)
        if minute % minutes_between_ticks == 0:
            events.append(tick_at(start + (minute + 1) * MINUTE))
        raised += sum(record.type == "signal.raised" for record in core.step(events))
        if minute % 10 == 0:
            state = kept(core)
            oldest = min(event.time for event in state.evidence)
            assert state.order.watermark - oldest <= KEPT_US
            assert len(ids_known(state)) * 5 * SECOND <= 6 * (HORIZON_US + HOUSEKEEPING_US)
            most = max(most, len(state.evidence))
    assert raised > 700
    assert most * 5 * SECOND <= 3 * KEPT_US


def test_silence_with_nothing_but_ticks_empties_everything() -> None:
    core = Core(FIGURES, StoreModel(), [RULE], REGISTRY)
    at = DAY_US
    core.step([event for n in range(40) for event in visit(n, at + n * SECOND)])
    core.step([tick_at(at + MINUTE)])
    full = kept(core)
    assert full.evidence
    assert ids_known(full)
    core.step([tick_at(at + MINUTE + KEPT_US)])
    core.step([tick_at(at + MINUTE + 2 * KEPT_US)])
    empty = kept(core)
    assert empty.evidence == []
    assert ids_known(empty) == []
    assert empty.order.held == []
    assert empty.pending == []
    assert empty.signals.holding == {}
    assert empty.signals.raised == set()
    assert empty.incidents.open == {}
    assert empty.undecided == {}


def test_ids_that_stood_for_two_contents_are_let_go_of() -> None:
    core = Core(FIGURES, StoreModel(), [RULE], REGISTRY)
    twice = [
        RfidRead(id="g/1", store="1", device="g", time=DAY_US + n * SECOND, seq=n, epc="E1")
        for n in (0, 30, 3)
    ]
    core.step([*twice, tick_at(DAY_US + MINUTE)])
    assert len(kept(core).order.losers["g/1"]) == 2
    core.step([tick_at(DAY_US + MINUTE + KEPT_US)])
    assert ids_known(kept(core)) == []
    assert kept(core).order.losers == {}
