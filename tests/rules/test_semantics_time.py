"""Order and lateness: duplicates, contradictions, late and impossible times."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.detect.order import Order
from aislewatch.detect.snapshot import decode_state
from aislewatch.events.codec import content_hash
from aislewatch.events.kinds import Event, PosNoSale
from aislewatch.testing.lines import parse_lines
from aislewatch.testing.small import REGISTRY, Shop, small_rule, types_of

VOID = "event: pos.void, as: void"
PLAIN = small_rule(VOID)
UNSOLD = small_rule(
    "event: rfid.crossing, as: exit", "not_seen: pos.item, same: [epc], window: 1h before exit"
)


def event(text: str) -> Event:
    (one,) = parse_lines(text, REGISTRY)
    return one


def test_a_duplicate_is_dropped_and_counted_whenever_it_comes() -> None:
    text = "10:00:00 pos.void lane=1"
    shop = Shop(PLAIN)
    shop.take([event(text), event(text)])
    shop.tick("10:00:00")
    shop.take([event(text)])
    shop.tick("10:00:01", final=True)
    assert types_of(shop.records) == ["store.configured", "signal.raised", "incident.opened"]
    assert shop.core.counters["duplicates"] == 2


def test_of_two_contents_under_one_id_the_lower_hash_counts_whatever_came_first() -> None:
    one, other = event("10:00:00 pos.no_sale lane=1"), event("10:00:00 pos.no_sale lane=2")
    low, high = sorted([one, other], key=content_hash)
    assert isinstance(low, PosNoSale)
    assert isinstance(high, PosNoSale)
    for first, second in ((low, high), (high, low)):
        for tick_between in (False, True):
            shop = Shop(small_rule("event: pos.no_sale, as: open", about="{lane: open.lane}"))
            shop.take([first])
            if tick_between:
                shop.tick("10:00:00")
            shop.take([second])
            shop.tick("10:00:01", final=True)
            (fault,) = shop.said("device.fault")
            assert fault["event"]["lane"] == high.lane
            assert fault["winner"] == content_hash(low).hex()
            (signal,) = shop.signals
            assert dict(signal["about"]) == {"lane": low.lane}


def test_a_resend_of_the_content_that_does_not_count_is_a_duplicate() -> None:
    texts = ("10:00:00 pos.void lane=1", "10:00:00 pos.void lane=2")
    shop = Shop(PLAIN)
    shop.take([event(text) for text in texts])
    shop.tick("10:00:00")
    shop.take([event(text) for text in texts])
    assert len(shop.said("device.fault")) == 1
    assert shop.core.counters["duplicates"] == 2


def test_a_resend_of_the_content_that_does_not_count_is_known_after_a_restart() -> None:
    texts = ("10:00:00 pos.void lane=1", "10:00:00 pos.void lane=2")
    shop = Shop(PLAIN)
    shop.take([event(text) for text in texts])
    shop.tick("10:00:00")
    order = Order(0, 10, 10, decode_state(shop.core.snapshot(), REGISTRY).order)
    ((ident, losers),) = order.state.losers.items()
    counts = order.known(ident)
    assert counts is not None
    assert losers != [counts]
    assert order.is_duplicate(counts)
    assert all(map(order.is_duplicate, losers))


def test_a_contradiction_makes_nothing_be_judged_before_its_time() -> None:
    """A take-back judges anew what was judged; what is due at that very time has yet to be."""
    rule = small_rule(
        "event: pos.no_sale, as: open",
        "count: pos.no_sale, as: n, window: 1h before open, at_least: 1",
        "not_seen: pos.drawer, window: 1h before open",
    )
    first, *others = (
        msgspec.structs.replace(event(f"10:00:00 pos.no_sale lane={n}"), id="x", seq=min(n, 1))
        for n in range(20)
    )
    second = min(others, key=content_hash)
    assert content_hash(second) < content_hash(first)
    shop = Shop(rule)
    shop.take([event("10:00:00 pos.no_sale device=a"), first, second])
    shop.take([event("10:00:00 pos.drawer device=z")])
    shop.tick("10:00:00", final=True)
    assert types_of(shop.records) == ["store.configured", "device.fault"]


def test_a_late_sale_clears_the_alarm_visibly() -> None:
    shop = Shop(UNSOLD)
    shop.hear("10:00:00 rfid.crossing epc=E1")
    assert types_of(shop.tick("10:00:01"), "signal") == ["signal.raised"]
    said = shop.hear("09:59:00 pos.item epc=E1")
    assert types_of(said) == ["event.late", "signal.withdrawn", "incident.cleared"]
    (late,) = shop.said("event.late")
    assert late["late_us"] == 61_000_000
    (withdrawn,) = shop.said("signal.withdrawn")
    assert withdrawn["because"] == late["event"]["id"]
    assert shop.core.counters["late"] == 1


def test_a_late_anchor_is_judged_as_if_it_had_been_in_time() -> None:
    shop = Shop(PLAIN)
    shop.tick("10:00:30")
    shop.hear("10:00:00 pos.void lane=1")
    (signal,) = shop.signals
    assert signal["decided_us"] == event("10:00:00 pos.void").time


def test_lateness_begins_behind_the_watermark_and_ends_at_the_horizon() -> None:
    shop = Shop(PLAIN, lateness_us=2_000_000, horizon_us=10_000_000)
    shop.tick("10:00:20")
    shop.hear("10:00:18.000001 pos.void")
    shop.hear("10:00:18 pos.void")
    shop.hear("10:00:08.000001 pos.void")
    shop.hear("10:00:08 pos.void")
    counted = {"late", "too late"}
    counters = {k: v for k, v in shop.core.counters.items() if k in counted}
    assert counters == {"late": 2, "too late": 1}
    (refused,) = shop.said("event.refused")
    assert refused["event"]["id"] == "test/4.0"
    assert "older" in refused["reason"]
    shop.tick("10:00:20", final=True)
    assert len(shop.signals) == 3


def test_an_event_ahead_of_the_clock_is_refused_and_moves_nothing() -> None:
    shop = Shop(PLAIN, ahead_us=5_000_000)
    shop.tick("10:00:00")
    shop.hear("10:00:05 pos.void")
    said = shop.hear("10:00:05.000001 pos.void")
    assert types_of(said) == ["event.refused"]
    assert shop.core.counters["ahead"] == 1
    shop.tick("10:00:09", final=True)
    assert len(shop.signals) == 1


def test_events_alone_never_move_the_clock() -> None:
    shop = Shop(PLAIN)
    assert shop.hear("10:00:00 pos.void\n11:00:00 pos.void") == []
    assert shop.core.watermark == -1


def test_a_tick_behind_an_earlier_one_changes_nothing() -> None:
    shop = Shop(PLAIN)
    shop.tick("10:00:10")
    before = shop.core.snapshot()
    assert shop.tick("10:00:05") == []
    assert decode_state(before, REGISTRY).order.watermark == shop.core.watermark


def test_a_late_event_of_an_open_window_changes_nothing_that_was_said() -> None:
    rule = small_rule(VOID, "not_seen: pos.item, same: [lane], window: 10s around void")
    shop = Shop(rule)
    shop.hear("10:00:10 pos.void lane=1")
    shop.tick("10:00:15")
    assert types_of(shop.hear("10:00:05 pos.item lane=1")) == ["event.late"]
    shop.tick("10:00:30")
    assert shop.signals == []


def test_pairs_are_kept_together_for_as_far_back_as_a_window_between_two_events_reaches() -> None:
    rule = small_rule(
        "event: rfid.read, as: read, where: has(sku)",
        "seen: pos.basket_open, as: opening, same: [lane], window: 1h before read",
        "unmatched: {left: rfid.read, right: pos.item}, same: [lane], by: [sku], "
        "window: between opening and read",
    )
    lines = (
        ("08:30:00", "pos.item lane=1 sku=A"),
        ("09:10:00", "rfid.read lane=1 sku=A epc=E1"),
        ("09:15:00", "pos.basket_open lane=1"),
        ("09:25:00", "pos.item lane=1 sku=A"),
        ("10:05:00", "rfid.read lane=1 sku=A epc=E2"),
    )
    # Each tag has a line; without the first line the second would be the first tag's.
    for told, fires in ((lines, 0), (lines[1:], 1)):
        shop = Shop(rule, horizon_us=0, ahead_us=3_600_000_000)
        for clock, line in told:
            shop.hear(f"{clock} {line}")
            shop.tick(clock)
        assert len(shop.signals) == fires


def test_an_id_that_is_used_again_when_it_is_long_forgotten_harms_no_incident() -> None:
    """A device that lost its counter: the incident of the first use is still open."""
    rule = small_rule("event: pos.void, as: void", about="{receipt: void.receipt}")
    shop = Shop(rule, horizon_us=1_000_000)
    for clock in ("09:59:00", "10:03:00"):
        again = event(f"{clock} pos.void receipt=R{clock[4]}")
        shop.take([msgspec.structs.replace(again, id="till/1/1")])
        shop.tick(clock)
    shop.tick("12:00:00")
    assert types_of(shop.records, "incident") == ["incident.opened"] * 2 + ["incident.settled"] * 2


def test_a_contradiction_of_what_is_past_the_horizon_leaves_what_is_final_alone() -> None:
    rule = small_rule(VOID, "count: pos.item, as: n, same: [lane], window: 30s around void")
    late = msgspec.structs.replace(event("10:03:50 pos.item lane=1"), id="x")
    again = [event(f"10:05:10 pos.item lane=2 units={n}") for n in range(1, 30)]
    winner = min((msgspec.structs.replace(one, id="x") for one in again), key=content_hash)
    shop = Shop(rule, horizon_us=60_000_000)
    shop.hear("10:03:25 pos.void lane=1\n10:04:35 pos.no_sale lane=1")
    shop.tick("10:04:40")
    # Known for longer than its own time would have it: what came before it is newer.
    said = shop.take([late])
    assert types_of(said, "signal") == ["signal.revised"]
    shop.tick("10:05:00")
    shop.take([winner])
    said = shop.tick("10:05:20")
    assert types_of(said) == ["device.fault"]
    assert said[0].payload.find(b'"event":{"type":"pos.item","id":"x"') > 0
    shop.tick("12:00:00")
    assert types_of(shop.records, "incident")[-1] == "incident.settled"


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.sets(st.integers(0, 80)))
def test_a_jump_of_the_clock_decides_what_a_walk_decides(times: list[int], steps: set[int]) -> None:
    rules = (
        small_rule(VOID, "not_seen: pos.item, window: 7s after void", quiet="9s per device"),
        small_rule(VOID, "count: pos.void, window: 5s around void, at_least: 2", rule="s"),
    )
    kinds = ("pos.void", "pos.item", "pos.void")
    lines = "\n".join(f"10:00:{at:02d} {kinds[at % 3]} device=d{at % 2}" for at in times)
    walk, jump = Shop(*rules), Shop(*rules)
    jump.hear(lines)
    walk.hear(lines)
    for second in sorted(steps):
        walk.tick(f"10:{second // 60:02d}:{second % 60:02d}")
    for shop in (walk, jump):
        shop.tick("10:02:00", final=True)
    # The first record tells the clock at which the store was taken up.
    assert walk.records[1:] == jump.records[1:]


def test_silence_ends_by_the_clock_alone() -> None:
    shop = Shop(small_rule(VOID, "not_seen: pos.item, window: 7s after void"))
    shop.hear("10:00:00 pos.void")
    assert types_of(shop.tick("10:00:06.999999"), "signal") == []
    assert types_of(shop.tick("10:00:07"), "signal") == ["signal.raised"]


def test_events_of_one_time_are_in_the_order_of_device_and_count() -> None:
    count = "count: pos.void, as: n, window: 1s before void"
    shop = Shop(small_rule(VOID, count, because="'{void.lane} is number {n}'"))
    void = event("10:00:00 pos.void")
    for lane, device, seq in (("3", "b", 1), ("2", "a", 7), ("1", "a", 6)):
        shop.take([msgspec.structs.replace(void, id=lane, lane=lane, device=device, seq=seq)])
    shop.tick("10:00:01", final=True)
    told = [signal["because"] for signal in shop.said("signal.raised")]
    assert told == ["1 is number 1", "2 is number 2", "3 is number 3"]


def test_evidence_that_comes_late_is_judged_anew_in_either_direction() -> None:
    shop = Shop(small_rule(VOID, "seen: pos.item, window: 9s before void"))
    shop.hear("10:00:05 pos.void")
    assert types_of(shop.tick("10:00:20"), "signal") == []
    assert types_of(shop.hear("10:00:01 pos.item"), "signal") == ["signal.raised"]


def test_a_signal_that_comes_to_rest_on_more_is_revised() -> None:
    shop = Shop(small_rule(VOID, "count: pos.item, as: n, window: 9s before void, at_least: 1",
                           because="'{n}'"))  # fmt: skip
    shop.hear("10:00:04 pos.item\n10:00:05 pos.void")
    shop.tick("10:00:20")
    assert types_of(shop.hear("10:00:01 pos.item"), "signal") == ["signal.revised"]
    assert [s["because"] for s in shop.signals] == ["2"]
