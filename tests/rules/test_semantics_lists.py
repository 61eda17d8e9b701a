"""Named lists that change: read as of event time, whatever comes when."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.detect.core import Core
from aislewatch.detect.plan import HOUSEKEEPING_US
from aislewatch.detect.settings import Settings
from aislewatch.detect.snapshot import decode_state
from aislewatch.events.kinds import Event, ListChanged, PosRefund, PosVoid
from aislewatch.events.model import StoreModel
from aislewatch.rules.load import load_rule
from aislewatch.rules.rule import Rule
from aislewatch.testing.running import standing
from aislewatch.testing.small import REGISTRY, Shop
from aislewatch.testing.streams import START_US, STEP_US, Arrival, arrive, last_slot, tick_at

MODEL = StoreModel(lists={"watched": frozenset({"A"})})
"""The store file says that A is watched."""


def listed_rule(rule: str, when: str, *match: str, **more: str) -> Rule:
    lines = [f"id: {rule}", "title: Lists", "status: live", f"when: {{{when}}}"]
    if match:
        lines += ["match:", *(f"  - {{{clause}}}" for clause in match)]
    lines += [f"{key}: {value}" for key, value in more.items()]
    lines += ["incident: {type: fraud.test, about: {device: r.device}, points: 9, because: x}"]
    return load_rule("\n".join(lines), f"{rule}.yml", REGISTRY, lists=MODEL.lists)


REFUND = "event: pos.refund, as: r"
ON = "where: cashier in lists.watched"
ANCHORED = listed_rule("anchored", f"{REFUND}, {ON}")
CONTRARY = listed_rule("contrary", f"{REFUND}, where: not (cashier in lists.watched)")
BOUND = listed_rule(
    "bound",
    REFUND,
    "seen: pos.void, as: v, same: [lane], window: 1m before r",
    "check: v.cashier in lists.watched",
)
SEEN = listed_rule("seen", REFUND, f"seen: pos.void, as: v, {ON}, window: 5s before r")
UNSEEN = listed_rule("unseen", REFUND, f"not_seen: pos.void, {ON}, window: 5s after r")
COUNTED = listed_rule(
    "counted", REFUND, f"count: pos.void, as: n, {ON}, window: 5s around r, at_least: 2"
)
PAIRED = listed_rule(
    "paired",
    REFUND,
    "unmatched: {left: pos.void, right: pos.no_sale}, window: 5s around r, "
    "where_left: cashier in lists.watched",
    "check: size(left) >= 1",
)
EXCUSED = listed_rule(
    "excused",
    REFUND,
    **{
        "except": "[{name: known, where: r.cashier in lists.watched, reason: x, owner: y, "
        "until: 2999-01-01}]"
    },
)
RULES = [ANCHORED, CONTRARY, BOUND, SEEN, UNSEEN, COUNTED, PAIRED, EXCUSED]


def put(clock: str, member: str, change: str = "add", more: str = "") -> str:
    return f"{clock} list.changed list=watched member={member} change={change} {more}"


def fired(shop: Shop) -> list[str]:
    """Give the times of day of the anchors of the signals that stand."""
    times = [min(e["time"] for e in s["evidence"] if e["id"] == s["anchor"]) for s in shop.signals]
    seconds = [time // 1_000_000 % 86_400 for time in times]
    return [f"{s // 3600}:{s // 60 % 60:02}:{s % 60:02}" for s in seconds]


def refunds(*clocks: str, cashier: str = "B") -> str:
    return "\n".join(f"{clock} pos.refund cashier={cashier} lane=1" for clock in clocks)


def test_until_its_first_change_a_member_is_where_the_store_file_has_it() -> None:
    shop = Shop(ANCHORED, model=MODEL)
    shop.day(f"{refunds('10:00:00', cashier='A')}\n{refunds('10:00:01')}\n{put('10:00:02', 'B')}")
    assert fired(shop) == ["10:00:00"]


def test_a_where_reads_a_list_as_of_its_own_event() -> None:
    shop = Shop(COUNTED, model=MODEL)
    shop.day(
        "10:00:00 pos.void cashier=B\n"
        f"{put('10:00:01', 'B')}\n10:00:02 pos.void cashier=B\n10:00:03 pos.void cashier=B\n"
        f"{put('10:00:03.5', 'B', 'remove')}\n10:00:04 pos.void cashier=B\n{refunds('10:00:04.5')}"
    )
    (signal,) = shop.signals
    assert dict(signal["bindings"])["n"] == 2


def test_what_asks_of_bound_events_reads_a_list_as_of_the_anchor() -> None:
    shop = Shop(BOUND, model=MODEL)
    shop.day(
        f"10:00:00 pos.void cashier=B lane=1\n{put('10:00:01', 'B')}\n{refunds('10:00:02')}\n"
        f"{put('10:00:03', 'B', 'remove')}\n{refunds('10:00:04')}"
    )
    assert fired(shop) == ["10:00:02"]


def test_a_change_counts_from_its_own_instant_on() -> None:
    for text in (
        f"{put('10:00:00', 'B')}\n{refunds('10:00:00')}",
        f"{refunds('10:00:00')}\n{put('10:00:00', 'B')}",
    ):
        shop = Shop(ANCHORED, CONTRARY, model=MODEL)
        shop.day(text)
        assert [signal["rule"] for signal in shop.signals] == ["anchored"]


def test_an_addition_with_an_end_ends_by_itself() -> None:
    shop = Shop(ANCHORED, model=MODEL)
    shop.day(f"{put('10:00:00', 'B', more='until=10:00:02')}\n{refunds('10:00:01.9', '10:00:02')}")
    assert fired(shop) == ["10:00:01"]


def test_a_change_that_comes_late_is_as_if_it_had_come_in_time() -> None:
    shop = Shop(ANCHORED, EXCUSED, model=MODEL)
    shop.hear(f"{refunds('10:00:00', '10:00:05', '10:00:10')}")
    shop.tick("10:01:00")
    assert [s["rule"] for s in shop.signals] == ["excused"] * 3
    shop.hear(f"{put('10:00:04', 'B')}\n{put('10:00:09', 'B', 'remove')}")
    assert sorted(zip([s["rule"] for s in shop.signals], fired(shop), strict=True)) == [
        ("anchored", "10:00:05"),
        ("excused", "10:00:00"),
        ("excused", "10:00:10"),
    ]


def test_the_ledger_tells_each_change_with_its_reason_and_who_made_it() -> None:
    shop = Shop(ANCHORED, model=MODEL)
    shop.day(put("10:00:00", "B", more='reason="two complaints" by=M7'))
    (told,) = shop.said("list.changed")
    assert told["event"]["reason"] == "two complaints"
    assert told["event"]["by"] == "M7"
    (record,) = [record for record in shop.records if record.type == "list.changed"]
    assert record.stream == "list/watched"


def test_what_is_as_the_store_file_has_it_is_forgotten_and_all_else_kept() -> None:
    shop = Shop(ANCHORED, model=MODEL, horizon_us=1_000_000)
    changes = [put("10:00:00", m) for m in ("B", "C")] + [put("10:00:00", "A", "remove")]
    shop.hear("\n".join([*changes, put("10:00:05", "C", "remove")]))
    for minute in range(1, 4):
        shop.tick(f"10:{minute * HOUSEKEEPING_US // 60_000_000:02}:01")
    kept = decode_state(shop.core.snapshot(), REGISTRY).lists.changes
    assert {m: len(c) for m, c in kept["watched"].items()} == {"A": 1, "B": 1}
    shop.tick("10:59:59")
    shop.day(f"{refunds('11:00:00', cashier='A')}\n{refunds('11:00:01')}")
    assert fired(shop) == ["11:00:01"]


# Promises --------------------------------------------------------------------------------------

FIGURES = Settings(store="1", lateness_us=2_000_000, horizon_us=3_600_000_000)
TYPES = ("pos.refund", "pos.void", "list.changed")
event_lines = st.lists(
    st.tuples(st.sampled_from(TYPES), st.integers(0, 30), st.sampled_from("AB"), st.integers(0, 2)),
    max_size=14,
)
tick_places = st.lists(st.integers(0, 40), max_size=5)
FIRST, END = tick_at(START_US - 1), tick_at(START_US + 100 * STEP_US, final=True)
tries = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def stream(lines: list[tuple[str, int, str, int]]) -> list[Event]:
    made: list[Event] = []
    for number, (type_, step, who, other) in enumerate(lines):
        content: dict[str, Any] = {
            "id": f"d/{number}", "store": "1", "device": f"d{other}", "type": type_,
            "time": START_US + step * STEP_US,
        }  # fmt: skip
        if type_ == "list.changed":
            change = "remove" if other == 0 else "add"
            content |= {"list_name": "watched", "member": who, "change": change}
            if other == 2:
                content["until_us"] = content["time"] + 3 * STEP_US
        else:
            content |= {"cashier": who, "lane": "1"}
        made.append(msgspec.convert(content, REGISTRY.kinds[type_].struct))
    return made


def fresh(snapshot: bytes | None = None) -> Core:
    return Core(FIGURES, MODEL, RULES, REGISTRY, snapshot)


@tries
@given(event_lines, tick_places, st.data())
def test_lists_are_the_same_in_any_order_of_arrival(
    lines: list[tuple[str, int, str, int]], between: list[int], data: st.DataObject
) -> None:
    events = stream(lines)
    ticks = [FIRST, *(tick_at(START_US + step * STEP_US) for step in sorted(between)), END]

    def drawn(*, late: bool) -> list[Arrival]:
        last = [
            len(ticks) - 1 if late else last_slot(event, ticks, FIGURES.lateness_us)
            for event in events
        ]
        return [Arrival(data.draw(st.integers(0, n)), data.draw(st.integers(0, 9))) for n in last]

    prompt = fresh().step([FIRST, *events, END])
    walked = fresh().step(arrive(events, ticks, drawn(late=False)))
    assert walked == prompt
    tardy = fresh().step(arrive(events, ticks, drawn(late=True)))
    assert standing(tardy) == standing(prompt)


@tries
@given(event_lines, tick_places, st.integers(0, 20))
def test_lists_are_the_same_after_a_restart_anywhere(
    lines: list[tuple[str, int, str, int]], between: list[int], cut: int
) -> None:
    events = stream(lines)
    ticks = [tick_at(START_US + step * STEP_US) for step in sorted(between)]
    log = [FIRST, *events[::2], *ticks, *events[1::2], END]
    whole = fresh()
    whole.step(log[:cut])
    restored = fresh(whole.snapshot())
    assert restored.step(log[cut:]) == whole.step(log[cut:])
    assert restored.snapshot() == whole.snapshot()


@tries
@given(event_lines)
def test_every_rule_says_of_lists_what_a_plain_reading_says(
    lines: list[tuple[str, int, str, int]],
) -> None:
    events = sorted(stream(lines), key=lambda e: (e.time, e.device, e.seq))
    changes = [e for e in events if isinstance(e, ListChanged)]
    expected: set[tuple[str, str]] = set()

    def on(event: PosRefund | PosVoid, at: Event) -> bool:
        held = event.cashier == "A"
        for change in changes:
            if change.member == event.cashier and change.time <= at.time:
                ends = change.until_us
                held = change.change == "add" and (ends is None or at.time < ends)
        return held

    voids = [e for e in events if isinstance(e, PosVoid)]
    for refund in (e for e in events if isinstance(e, PosRefund)):
        expected.add(("anchored" if on(refund, refund) else "contrary", refund.id))
        if not on(refund, refund):
            expected.add(("excused", refund.id))
        listed = [v for v in voids if on(v, v)]
        gaps = [v.time - refund.time for v in listed]
        if not any(0 <= gap <= 5_000_000 for gap in gaps):
            expected.add(("unseen", refund.id))
        if sum(abs(gap) <= 5_000_000 for gap in gaps) >= 2:
            expected.add(("counted", refund.id))
        if any(-5_000_000 <= gap <= 0 for gap in gaps):
            expected.add(("seen", refund.id))
        if any(abs(gap) <= 5_000_000 for gap in gaps):
            expected.add(("paired", refund.id))
    records = fresh().step([FIRST, *events, END])
    said = {(s["rule"], s["anchor"]) for s in standing(records).values()}
    assert {one for one in said if one[0] != "bound"} == expected
