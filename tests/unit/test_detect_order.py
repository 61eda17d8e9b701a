"""One total order, and how long an id is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.detect.order import Fate, Order, in_order, order_key
from aislewatch.events.kinds import Event, PosNoSale
from aislewatch.testing.streams import tick_at


def sale(ident: str, time: int, device: str = "d", seq: int = 0, lane: str = "1") -> PosNoSale:
    return PosNoSale(id=ident, store="1", device=device, time=time, seq=seq, lane=lane)


def test_events_are_released_by_time_then_device_then_sequence_then_content() -> None:
    events: list[Event] = [
        sale("a", 2),
        sale("b", 1, "e"),
        sale("c", 1, "d", 2),
        sale("d", 1, "d", 1, lane="2"),
        sale("e", 1, "d", 1, lane="1"),
    ]
    order = Order(0, 10, 10)
    order.state.held = events
    released = order.tick(tick_at(5))
    assert [e.id for e in released][-1] == "a"
    assert [e.id for e in released][2:4] == ["c", "b"]
    assert released == sorted(events, key=order_key)


@given(st.permutations(range(12)), st.data())
def test_sorting_into_the_total_order_gives_one_answer(
    order: list[int], data: st.DataObject
) -> None:
    figures = st.integers(0, 1)
    events: list[Event] = [
        sale(str(n), data.draw(figures), "de"[data.draw(figures)], data.draw(figures))
        for n in range(12)
    ]
    assert in_order([events[n] for n in order]) == sorted(events, key=order_key)


def test_what_the_watermark_has_not_passed_is_held_back() -> None:
    order = Order(2, 10, 10)
    order.state.held = [sale("a", 3), sale("b", 4)]
    assert [e.id for e in order.tick(tick_at(5))] == ["a"]
    assert order.watermark == 3
    assert order.tick(tick_at(4)) == []
    assert [e.id for e in order.tick(tick_at(6))] == ["b"]


def test_a_final_tick_releases_everything() -> None:
    order = Order(2, 10, 10)
    order.state.held = [sale("a", 3), sale("b", 40)]
    assert [e.id for e in order.tick(tick_at(5, final=True))] == ["a", "b"]
    assert order.watermark == 40


@pytest.mark.parametrize(
    ("time", "fate"),
    [(100, Fate.LATE), (91, Fate.LATE), (90, Fate.TOO_LATE), (121, Fate.AHEAD)],
)
def test_the_fate_of_a_stray_is_told_by_its_time(time: int, fate: Fate) -> None:
    order = Order(5, 10, 15)
    order.tick(tick_at(105))
    assert order.admits == (100, 120)
    assert order.fate(sale("a", time)) is fate


def test_an_id_and_all_that_it_stood_for_is_known_for_at_least_a_horizon() -> None:
    order = Order(0, 10, 10)
    order.forget(100, 5)
    first, second, third = sale("a", 101), sale("a", 105, lane="2"), sale("a", 109, lane="3")
    order.remember(first)
    order.contradict(second)
    order.contradict(third)
    for now in (105, 110, 115, 119):
        order.forget(now, 5)
        assert all(map(order.is_duplicate, (first, second, third)))
    order.forget(120, 5)
    assert not any(map(order.is_duplicate, (first, second, third)))
    assert order.state.losers == {}
    assert order.known("a") is None


def test_a_contradiction_keeps_an_id_known_for_another_horizon() -> None:
    order = Order(0, 10, 10)
    order.forget(100, 5)
    first, second = sale("a", 101), sale("a", 105, lane="2")
    order.remember(first)
    order.forget(110, 5)
    order.contradict(second)
    order.forget(120, 5)
    assert order.is_duplicate(first)
    assert order.is_duplicate(second)


@pytest.mark.parametrize("stops", [(120, 130), (130,)])
def test_a_jump_forgets_what_a_walk_forgets(stops: tuple[int, ...]) -> None:
    order = Order(0, 10, 10)
    order.forget(110, 5)
    order.remember(sale("a", 112))
    for now in stops:
        order.forget(now, 5)
    assert order.known("a") is None


@given(st.permutations(range(4)))
def test_the_lowest_hash_counts_whatever_came_first_also_after_a_restart(
    arrival: list[int],
) -> None:
    contents = [sale("a", 1, lane=str(n)) for n in range(4)]
    order = Order(0, 10, 10)
    assert order.remember(contents[arrival[0]]) is contents[arrival[0]]
    for place in arrival[1:]:
        order.contradict(contents[place])
    winner = min(contents, key=order_key)
    assert order.known("a") is winner
    assert Order(0, 10, 10, order.state).known("a") is winner
