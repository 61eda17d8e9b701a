"""Who could see, and when: states told in any order, taken back, and forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aislewatch.detect.health import BLIND, Health
from aislewatch.detect.order import order_key
from aislewatch.events.kinds import DeviceState, DeviceStateName


def state(time: int, name: DeviceStateName, seq: int = 0) -> DeviceState:
    return DeviceState(id=f"d/{time}/{seq}", store="1", device="d", time=time, seq=seq, state=name)


def test_a_state_that_is_forgotten_already_can_still_be_taken_back() -> None:
    health = Health()
    old, new = state(1, "offline"), state(5, "online")
    health.tell(old)
    health.tell(new)
    health.forget(7)
    health.untell(old)
    assert health.state.states == {"d": [new]}
    health.untell(new)
    assert health.state.states == {}
    health.untell(new)


def test_the_state_in_force_is_kept_however_old_it_is() -> None:
    health = Health()
    health.tell(state(1, "failed"))
    health.forget(1000)
    blind = health.blind("d", 2000, 3000)
    assert blind is not None
    assert blind.state == "failed"


names = st.sampled_from(["online", "offline", "degraded", "failed"])
states = st.lists(st.tuples(st.integers(0, 9), names), max_size=6)


@given(states, st.integers(0, 9), st.integers(0, 4), st.data())
def test_blind_is_whoever_was_in_a_blind_state_at_some_time_of_the_span(
    told: list[tuple[int, DeviceStateName]], start: int, length: int, data: st.DataObject
) -> None:
    events = [state(time, name, seq) for seq, (time, name) in enumerate(told)]
    health = Health()
    for event in data.draw(st.permutations(events)):
        health.tell(event)
    in_order = sorted(events, key=order_key)
    end = start + length
    expected = None
    for event, after in zip(in_order, [*in_order[1:], None], strict=False):
        over = after is not None and after.time <= start
        if event.state in BLIND and event.time <= end and not over:
            expected = event
            break
    assert health.blind("d", start, end) == expected
    health.forget(start)
    assert health.blind("d", start, end) == expected
