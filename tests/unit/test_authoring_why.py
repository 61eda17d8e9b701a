"""What why and why-not come to is what the engine came to, whatever came late, twice or wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from aislewatch.authoring.lines import parse_lines, time_us
from aislewatch.authoring.running import run_events, standing_in_order
from aislewatch.authoring.why import Recorded, judged_again
from aislewatch.authoring.why_answer import Answer
from aislewatch.authoring.why_asked import Asked
from aislewatch.authoring.why_not import why_not
from aislewatch.authoring.why_stream import Told
from aislewatch.detect.settings import Settings
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event
from aislewatch.events.model import Device, StoreModel
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.load import load_rule, load_rules
from aislewatch.rules.rule import Rule
from aislewatch.testing.small import small_rule
from aislewatch.testing.streams import (
    KINDS,
    SHOP,
    START_US,
    STEP_US,
    Arrival,
    Pick,
    arrive,
    stream_of,
    tick_at,
)

REGISTRY = Registry()
FOLDER = Path(__file__).parent / "detect_rules"
RULES = load_rules({path.name: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}, REGISTRY)
TICKS = [tick_at(START_US + n * 6 * STEP_US) for n in range(5)]
END = tick_at(START_US + 400 * STEP_US, final=True)


class Log(Told):
    """Events at hand in place of files."""

    def __init__(
        self, events: Sequence[Event], shop: StoreModel, *, lateness_us: int = 0,
        horizon_us: int = 10**12,
    ) -> None:  # fmt: skip
        super().__init__(None, None)
        self._log = events
        self._shop = shop
        self._figures = Settings("1", lateness_us=lateness_us, horizon_us=horizon_us)
        self.most = self._figures.evidence

    def settings(self, store: str) -> Settings:
        return self._figures._replace(store=store, evidence=self.most)

    def model(self, lists: dict[str, frozenset[str]]) -> StoreModel:
        return self._shop

    def read(self) -> Iterator[Event]:
        yield from self._log


picks = st.builds(
    Pick, st.integers(0, KINDS - 1), st.integers(0, 20), st.integers(0, 1), st.integers(0, 2),
    st.integers(0, 1),
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=20)
@given(
    st.lists(st.tuples(picks, st.integers(0, 5), st.integers(0, 9)), min_size=2, max_size=20),
    st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=2),
)
def test_what_is_explained_is_what_became_of_it_also_where_events_come_late_and_twice(
    rule: Rule, arriving: list[tuple[Pick, int, int]], doubles: list[tuple[int, int]]
) -> None:
    events = stream_of([pick for pick, _, _ in arriving], doubles)
    arrivals = [Arrival(slot, rank) for _, slot, rank in arriving]
    told = Log([*arrive(events, TICKS, arrivals), END], SHOP)
    answer = why_not(rule, Asked({}, START_US, 10**10), told, {})
    for one in answer.judged:
        assert one.fate in FATES[one.judgement.outcome]


CONCERNED = [
    kind for kind, one in enumerate(stream_of(Pick(kind, 0, 0, 0, 0) for kind in range(KINDS)))
    if type_of(type(one)) in {"pos.void", "pos.item", "vision.person", "device.state"}
]  # fmt: skip
near = st.builds(
    Pick, st.sampled_from(CONCERNED), st.integers(0, 20), st.integers(0, 1), st.integers(0, 2),
    st.integers(0, 1),
)  # fmt: skip
LOW = """
id: low
title: A void and nobody near
status: live
when: {event: pos.void, as: void}
match:
  - {not_seen: vision.person, same: [lane], window: 2s after void}
incident: {type: fraud.test, about: {lane: void.lane, cashier: void.cashier}, because: it}
"""
TOP = """
id: top
title: A line is scanned and no such void near it
status: live
when: {event: pos.item, as: item}
match:
  - {not_seen: signal.low, same: [lane], window: 3s around item}
incident: {type: fraud.test, about: {lane: item.lane}, because: it}
"""
FATES = {"holds": {"raised", "silenced"}, "undecided": {"undecided"}, "fails": {"nothing"}}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(st.lists(st.tuples(near, st.integers(0, 5), st.integers(0, 9)), min_size=4, max_size=25))
def test_what_is_explained_of_a_rule_on_signals_is_what_became_of_it(
    arriving: list[tuple[Pick, int, int]],
) -> None:
    low, top = load_rules({"low.yml": LOW, "top.yml": TOP}, REGISTRY)
    events = stream_of([pick for pick, _, _ in arriving])
    arrivals = [Arrival(slot, rank) for _, slot, rank in arriving]
    told = Log([*arrive(events, TICKS, arrivals), END], SHOP)
    answer = why_not(top, Asked({}, START_US, 10**10), told, {}, below=[low])
    for one in answer.judged:
        event(one.judgement.outcome)
        assert one.fate in FATES[one.judgement.outcome]


LEAVING = small_rule(
    "event: rfid.crossing, as: out",
    "not_seen: pos.item, same: [epc], window: 30m before out",
    about="{epc: out.epc}",
)
ABOVE = """
id: above
title: A tag is heard that nobody carried out unpaid
status: live
when: {event: rfid.read, as: read}
match:
  - {not_seen: signal.leaving, same: [epc], window: 10m before read}
incident: {type: theft.test, about: {epc: read.epc}, points: 1, because: it is here}
"""
DAY = "10:00:00 rfid.crossing epc=E1\n10:30:00 rfid.crossing epc=E2\n"


def ask(log: Sequence[Event], at: str = "10:00:00", **figures: int) -> Answer:
    return why_not(
        LEAVING, Asked({"epc": "E1"}, time_us(at), 1_000_000),
        Log(log, StoreModel(), **figures), {},
    )  # fmt: skip


def test_a_sale_that_came_too_late_to_count_does_not_count_in_the_explanation() -> None:
    events = parse_lines(DAY + "09:50:00 pos.item epc=E1\n", REGISTRY)
    log = [*events[:2], tick_at(time_us("11:00:00")), events[2], END]
    (one,) = ask(log, horizon_us=1_000_000).judged
    assert (one.fate, one.judgement.outcome) == ("raised", "holds")
    (one,) = ask(log).judged
    assert (one.fate, one.judgement.outcome) == ("nothing", "fails")


def test_a_sale_that_counted_counts_also_where_it_is_told_again_when_it_is_too_old() -> None:
    events = parse_lines("09:50:00 pos.item epc=E1\n" + DAY, REGISTRY)
    ticks = [tick_at(time_us(clock)) for clock in ("10:10:00", "10:20:00", "10:25:00")]
    log = [events[0], events[1], *ticks, events[0], events[2], END]
    (one,) = ask(log, horizon_us=1_000_000).judged
    assert (one.fate, one.judgement.outcome) == ("nothing", "fails")


def test_of_two_events_under_one_id_only_that_counts_which_counted_for_the_engine() -> None:
    (sold,) = parse_lines("09:50:00 pos.item epc=E1\n", REGISTRY)
    other = msgspec.structs.replace(sold, epc="E9")
    crossing = parse_lines("\n\n10:00:00 rfid.crossing epc=E1\n", REGISTRY)
    fates = set[tuple[str, str]]()
    for pair in ([sold, other], [other, sold]):
        (one,) = ask([*pair, *crossing, END]).judged
        fates.add((one.fate, one.judgement.outcome))
    assert len(fates) == 1
    assert fates <= {("raised", "holds"), ("nothing", "fails")}


def test_a_rule_on_signals_says_that_the_rule_below_it_was_undecided() -> None:
    below = small_rule(
        "event: rfid.crossing, as: out",
        "not_seen: pos.item, same: [epc], window: 30m before out",
        rule="leaving",
        about="{epc: out.epc}",
    )
    above = load_rule(ABOVE, "above.yml", REGISTRY, beside={"leaving": ("epc",)})
    till = Device("till", sees=frozenset({"pos.item"}))
    events = parse_lines(
        "09:50:00 device.state device=till state=offline\n"
        "10:00:00 rfid.crossing epc=E1\n10:01:00 rfid.read epc=E1\n10:01:00 rfid.read epc=E2\n",
        REGISTRY,
    )
    told = Log([*events, END], StoreModel(devices={"till": till}))
    answer = why_not(
        above, Asked({"epc": "E1"}, time_us("10:01:00"), 1_000_000), told, {}, below=[below]
    )
    (one,) = answer.judged
    assert (one.fate, one.judgement.outcome) == ("undecided", "undecided")
    assert one.judgement.clauses[0].why == "whether leaving holds was undecided, too"
    answer = why_not(
        above, Asked({"epc": "E2"}, time_us("10:01:00"), 1_000_000), told, {}, below=[below]
    )
    assert [(one.fate, one.judgement.outcome) for one in answer.judged] == [("raised", "holds")]


def test_what_was_left_open_for_want_of_events_that_were_let_go_says_so() -> None:
    lines = "".join(f"09:{n:02}:00 pos.item epc=E{n + 10}\n" for n in range(20))
    # House is kept at full five minutes; the crossing's half hour then lies behind what is left.
    log = parse_lines(lines + "09:31:00 rfid.crossing epc=E1\n", REGISTRY)
    ticks = [tick_at(time_us(clock)) for clock in ("09:00:30", "09:15:30", "09:26:00")]
    told = Log([*log[:1], ticks[0], *log[1:16], ticks[1], *log[16:-1], ticks[2], log[-1], END],
               StoreModel())  # fmt: skip
    asked = Asked({"epc": "E1"}, time_us("09:31:00"), 1_000_000)
    (one,) = why_not(LEAVING, asked, told, {}).judged
    assert (one.fate, one.judgement.outcome) == ("raised", "holds")
    told.most = 3
    (one,) = why_not(LEAVING, asked, told, {}).judged
    assert (one.fate, one.judgement.outcome) == ("undecided", "undecided")
    assert one.judgement.clauses[0].kind == "evidence"
    assert "more came than is kept" in one.judgement.clauses[0].why


def test_what_is_not_decided_yet_says_so() -> None:
    late = small_rule(
        "event: rfid.crossing, as: out",
        "not_seen: pos.item, same: [epc], window: 30m after out",
    )
    events = parse_lines(DAY, REGISTRY)
    asked = Asked({"epc": "E1"}, time_us("10:00:00"), 1_000_000)
    log = [*events, tick_at(time_us("10:20:00"))]
    (one,) = why_not(late, asked, Log(log, StoreModel()), {}).judged
    assert (one.fate, one.judgement.outcome) == ("not yet", "holds")


def test_reading_stops_where_nothing_that_comes_can_matter() -> None:
    events = parse_lines(DAY, REGISTRY)
    tick = tick_at(time_us("12:00:00"))
    answer = ask([events[0], tick, events[1], END], horizon_us=1_000_000)
    assert answer.events == 1
    assert [one.fate for one in answer.judged] == ["raised"]


# why ---------------------------------------------------------------------------------------------


def recorded(rule: Rule, text: str) -> Recorded:
    """Give the first signal of some lines as the ledger has it."""
    signal = standing_in_order(run_events([rule], parse_lines(text, REGISTRY), REGISTRY))[0]
    decode = Codec(REGISTRY).decode
    return Recorded(
        signal["anchor"],
        signal["decided_us"],
        signal["points_cb"],
        tuple((kind, value) for kind, value in signal["about"]),
        [(name, value) for name, value in signal["bindings"]],
        [decode(msgspec.json.encode(event)) for event in signal["evidence"]],
    )


def test_a_signal_is_judged_again_from_its_own_evidence() -> None:
    told = judged_again(LEAVING, recorded(LEAVING, DAY), [], StoreModel(), REGISTRY)
    assert told is not None
    assert (told.outcome, told.about) == ("holds", {"epc": "E1"})


def test_the_figures_of_peers_are_taken_from_the_record_where_nothing_else_tells_them() -> None:
    rule = small_rule(
        "event: shift.closed, as: shift",
        "count: pos.void, as: voids, same: [cashier], window: 1h before shift",
        "stats_of: voids, as: peers, others: [cashier], window: 3h before shift",
        "check: voids > peers.mean",
    )
    day = "".join(f"09:0{n}:00 pos.void cashier={one}\n" for n, one in enumerate("AZZ"))
    told = recorded(rule, f"{day}09:30:00 shift.closed cashier=A\n10:00:00 shift.closed cashier=Z")
    # Of A's shift the record has the end, and of A's voids the count alone.
    assert dict(told.bindings)["peers.mean"] == 1
    alone = judged_again(rule, told, [], StoreModel(), REGISTRY)
    assert alone is not None
    assert (alone.outcome, alone.bindings["peers.voids"]) == ("holds", [1])
    # Nor does another figure come to what the record says.
    others = [(name, 7.0 if name == "peers.mean" else value) for name, value in told.bindings]
    changed = replace(told, bindings=others)
    assert judged_again(rule, changed, [], StoreModel(), REGISTRY) is None
    beside = parse_lines("\n\n\n\n\n\n09:00:00 pos.void cashier=A", REGISTRY)
    assert judged_again(rule, told, beside, StoreModel(), REGISTRY) is not None


def test_what_lies_beside_the_evidence_is_told_as_near_and_never_changes_the_record() -> None:
    record = recorded(LEAVING, DAY)
    near = parse_lines("\n\n\n10:00:05 pos.item epc=E1\n", REGISTRY)
    told = judged_again(LEAVING, record, near, StoreModel(), REGISTRY)
    assert told is not None
    assert told.clauses[0].saw is not None
    assert [miss.outside_us for miss in told.clauses[0].saw.misses] == [5_000_000]
    against = parse_lines("\n\n\n09:55:00 pos.item epc=E1\n", REGISTRY)
    told = judged_again(LEAVING, record, against, StoreModel(), REGISTRY)
    assert told is not None
    assert told.outcome == "holds"


def test_a_record_that_its_evidence_does_not_come_to_is_not_explained_away() -> None:
    record = recorded(LEAVING, DAY)
    for wrong in (
        msgspec.structs.replace(record.evidence[0], epc="E7"),
        msgspec.structs.replace(record.evidence[0], id="another"),
    ):
        changed = replace(record, evidence=[wrong])
        assert judged_again(LEAVING, changed, [], StoreModel(), REGISTRY) is None
