"""What is kept is bounded: of a flood the oldest goes, which is told, and nothing rests on it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.detect.core import Core
from aislewatch.detect.evidence import Index
from aislewatch.detect.plan import HOUSEKEEPING_US
from aislewatch.detect.settings import Settings
from aislewatch.detect.snapshot import decode_state
from aislewatch.events.kinds import Event
from aislewatch.events.model import StoreModel
from aislewatch.events.record import Record
from aislewatch.testing.lines import parse_lines
from aislewatch.testing.small import REGISTRY, Shop, small_rule
from aislewatch.testing.streams import tick_at

UNSOLD = small_rule(
    "event: rfid.crossing, as: exit",
    "not_seen: pos.item, same: [epc], window: 30m before exit",
    rule="unsold", about="{epc: exit.epc}",
)  # fmt: skip
OFTEN = small_rule(
    "event: pos.void, as: void",
    "count: pos.void, as: n, same: [cashier], window: 20m before void, at_least: 3",
    rule="often", about="{cashier: void.cashier}",
)  # fmt: skip
PLAIN = small_rule(
    "event: rfid.crossing, as: exit, where: alarm == true",
    "seen: rfid.read, where: has(rssi), same: [epc], window: 10m before exit",
    "check: exit.alarm == true",
    rule="plain", about="{epc: exit.epc}",
)  # fmt: skip

SOLD = "10:00:00 pos.item epc=E1\n10:01:00 pos.item epc=E2\n10:02:00 pos.item epc=E3\n"


def shop(most: int) -> Shop:
    return Shop(UNSOLD, OFTEN, PLAIN, evidence=most)


def test_what_is_within_the_bound_is_kept_and_nothing_is_told() -> None:
    one = shop(3)
    one.day(SOLD + "10:06:00 rfid.crossing epc=E1")
    assert one.said("evidence.overflow", "judgement.undecided") == []
    assert one.signals == []


def test_what_is_let_go_is_told_and_an_absence_that_would_rest_on_it_is_undecided() -> None:
    one = shop(2)
    one.day(SOLD + "10:06:00 rfid.crossing epc=E1\n10:07:00 rfid.crossing epc=E3")
    (told,) = one.said("evidence.overflow")
    assert (told["rules"], told["events"], told["most"]) == (["unsold"], 1, 2)
    assert told["from_us"] == told["until_us"]
    assert '"pos.item"' in told["asked"]
    # E3's sale is known: that its tag was sold is sure. Of E1 nobody can tell any more.
    (undecided,) = one.said("judgement.undecided")
    assert undecided["clause"] == "evidence"
    assert undecided["because"].endswith("what was seen until 2026-01-01T10:00:00Z is gone")
    assert one.signals == []
    assert one.core.counters["let go"] == 1


def test_a_count_that_would_rest_on_what_was_let_go_is_undecided() -> None:
    lines = [f"10:0{n}:00 pos.void cashier={who}" for n, who in enumerate("ABBB")]
    one = shop(2)
    one.day("\n".join([*lines, "10:06:00 pos.void cashier=A"]))
    told = one.said("judgement.undecided")
    assert [t["rule"] for t in told] == ["often"]


def test_behind_what_was_let_go_everything_is_decided_again() -> None:
    one = shop(2)
    one.day(SOLD + "10:30:00 rfid.crossing epc=E9\n10:30:01 rfid.crossing epc=E3")
    assert [t["clause"] for t in one.said("judgement.undecided")] == ["evidence"]
    later = shop(2)
    later.day(SOLD + "10:30:01 rfid.crossing epc=E9")
    assert [dict(s["about"]) for s in later.signals] == [{"epc": "E9"}]
    assert len(later.said("evidence.overflow")) == 1


def test_an_event_that_is_later_than_what_was_let_go_beside_it_is_not_kept() -> None:
    one = shop(2)
    one.hear(SOLD)
    one.tick("10:06:00")
    one.hear("09:59:00 pos.item epc=E1")
    one.tick("10:06:01")
    state = decode_state(one.core.snapshot(), REGISTRY)
    assert [event.time for event in state.evidence] == [
        event.time for event in parse_lines(SOLD, REGISTRY)[1:]
    ]


def test_counting_is_left_alone_until_so_many_events_have_come_that_it_could_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[Index] = []
    size = Index.__len__

    def counting(index: Index) -> int:
        counted.append(index)
        return size(index)

    monkeypatch.setattr(Index, "__len__", counting)

    def counts(most: int) -> int:
        one = shop(most)
        one.hear(SOLD)
        one.tick("10:06:00")
        counted.clear()
        for minute in range(10, 60, 5):
            one.hear(f"10:{minute}:00 pos.item epc=E{minute}")
            one.tick(f"10:{minute}:30")
        return len(counted)

    assert counts(1000) == 0
    assert counts(4) > 0


LINES = st.lists(
    st.builds(
        "10:{:02}:{:02} {}".format,
        st.integers(0, 24),
        st.sampled_from([0, 1, 30, 59]),
        st.sampled_from(
            [
                "pos.item epc=E1", "pos.item epc=E2", "rfid.crossing epc=E1 alarm=true",
                "rfid.crossing epc=E2", "pos.void cashier=A", "pos.void cashier=B",
                "rfid.read epc=E1 rssi=-50",
            ]
        ),
    ),
    max_size=30,
)  # fmt: skip


def core(most: int, snapshot: bytes | None = None) -> Core:
    figures = Settings("1", lateness_us=0, evidence=most, horizon_us=60_000_000, ahead_us=10**12)
    return Core(figures, StoreModel(), [UNSOLD, OFTEN, PLAIN], REGISTRY, snapshot)


def told(records: Sequence[Record]) -> list[tuple[str, str, int, bytes]]:
    return [(r.type, r.stream, r.time, r.payload) for r in records if r.type != "store.configured"]


def walked_and_jumped(
    lines: Sequence[str], most: int, cuts: Collection[int], minutes: Sequence[int]
) -> tuple[object, object]:
    """Tell what comes of events in many steps, with restarts, and in one.

    Args:
        lines: the events.
        most: what an index may hold.
        cuts: before which events there is a restart.
        minutes: after the first event, at which time passes besides.
    """
    events = sorted(
        parse_lines("\n".join(lines), REGISTRY), key=lambda e: (e.time, e.device, e.seq)
    )
    end = max((event.time for event in events), default=0) + 3 * HOUSEKEEPING_US
    jumped = told(core(most).step([*events, tick_at(end), tick_at(end, final=True)]))
    walking = core(most)
    walked: list[tuple[str, str, int, bytes]] = []
    batches: list[list[Event]] = []
    for before, after in pairwise([*events, tick_at(end)]):
        batches.append([before] if before.time == after.time else [before, tick_at(before.time)])
    for number, batch in enumerate(batches):
        if number in cuts:
            walking = core(most, walking.snapshot())
        walked += told(walking.step(batch))
        following = batches[number + 1][0].time if number + 1 < len(batches) else end
        passing = sorted(events[0].time + minute * 60_000_000 for minute in minutes)
        walked += told(
            walking.step([tick_at(t) for t in passing if batch[0].time <= t < following - 1])
        )
    walked += told(walking.step([tick_at(end), tick_at(end, final=True)]))
    return walked, jumped


@settings(max_examples=200)
@given(LINES, st.integers(1, 6), st.data())
def test_with_a_bound_too_a_walk_is_a_jump_and_a_restart_is_none(
    lines: list[str], most: int, data: st.DataObject
) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(lines)), max_size=4))
    minutes = data.draw(st.lists(st.integers(0, 40), max_size=5))
    walked, jumped = walked_and_jumped(lines, most, cuts, minutes)
    assert walked == jumped


def test_rules_judged_with_care_have_evidence_kept_no_longer_than_before() -> None:
    lines = [
        "10:00:00 pos.item epc=E1",
        "10:00:00 pos.void cashier=A",
        "10:00:01 pos.void cashier=A",
        "10:05:00 pos.item epc=E1",
        "10:05:01 pos.void cashier=A",
    ]
    walked, jumped = walked_and_jumped(lines, 1, {4}, [])
    assert walked == jumped


@settings(deadline=None, max_examples=100)
@given(LINES, st.integers(1, 6))
def test_whatever_is_decided_within_a_bound_is_what_is_decided_without_one(
    lines: list[str], most: int
) -> None:
    events = parse_lines("\n".join(lines), REGISTRY)
    end = max((event.time for event in events), default=0)

    def decided(most: int) -> tuple[set[str], set[str]]:
        raised: set[str] = set()
        open_: set[str] = set()
        for record in core(most).step([*events, tick_at(end, final=True)]):
            if record.type == "signal.raised":
                raised.add(record.stream)
            elif record.type == "judgement.undecided":
                open_.add(record.stream)
            elif record.type == "evidence.overflow":
                assert msgspec.json.decode(record.payload)["events"] > 0
        return raised, open_

    (all_, none), (some, open_) = decided(10**6), decided(most)
    assert none == set()
    assert some <= all_
    assert all_ - some <= open_
