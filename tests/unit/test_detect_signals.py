"""Quiet only silences: what it silenced is judged again when its reason goes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from aislewatch.detect.signals import Change, Signal, SignalChange, Signals


def signal(
    ident: str, time: int, key: str = "k", quiet_us: int = 30, points_cb: int = 10
) -> Signal:
    return Signal(
        time=time,
        id=ident,
        rule="r",
        device="gate",
        type="theft.exit",
        live=True,
        about=(("epc", "E1"),),
        points_cb=points_cb,
        half_life_us=None,
        family=None,
        group="",
        group_gap_us=0,
        quiet_key=key,
        quiet_us=quiet_us,
        value_minor=None,
        value_key="E1",
        payload=b"{}",
    )


def said(signals: Signals, ident: str, verdict: Signal | None) -> list[tuple[str, str]]:
    return [(c.change.value, c.signal.id) for c in signals.verdict(ident, verdict)]


def test_a_second_signal_within_the_quiet_time_is_silenced_bounds_included() -> None:
    signals = Signals()
    assert said(signals, "a", signal("a", 100)) == [("raised", "a")]
    assert said(signals, "b", signal("b", 130)) == []
    assert said(signals, "c", signal("c", 131)) == [("raised", "c")]


def test_what_was_silenced_is_raised_when_its_silencer_is_withdrawn() -> None:
    signals = Signals()
    said(signals, "a", signal("a", 100))
    said(signals, "b", signal("b", 110))
    assert said(signals, "a", None) == [("withdrawn", "a"), ("raised", "b")]


def test_an_earlier_signal_that_comes_late_silences_the_one_that_was_raised() -> None:
    signals = Signals()
    said(signals, "b", signal("b", 110))
    assert said(signals, "a", signal("a", 100)) == [("raised", "a"), ("withdrawn", "b")]


def test_what_a_silencer_left_silent_stays_silent_when_the_silencer_is_too_old_to_change() -> None:
    signals = Signals()
    said(signals, "a", signal("a", 100))
    said(signals, "b", signal("b", 120))
    signals.forget(131)
    assert said(signals, "c", signal("c", 160)) == [("raised", "c")]


def test_a_signal_that_is_too_old_to_change_still_silences() -> None:
    signals = Signals()
    said(signals, "a", signal("a", 100))
    signals.forget(130)
    assert said(signals, "b", signal("b", 130)) == []


def test_a_signal_that_comes_to_be_about_another_is_revised_once() -> None:
    for one, other in (("k", "l"), ("l", "k"), ("k", ""), ("", "k")):
        signals = Signals()
        before, after = signal("a", 100, one), signal("a", 100, other)
        signals.verdict("a", before)
        (change,) = signals.verdict("a", after)
        assert change == SignalChange(Change.REVISED, after, before)
        assert said(signals, "a", None) == [("withdrawn", "a")]


def test_a_signal_that_comes_to_be_about_another_is_silenced_there_and_silences_no_more() -> None:
    signals = Signals()
    said(signals, "a", signal("a", 100, "k"))
    said(signals, "b", signal("b", 110, "k"))
    said(signals, "c", signal("c", 90, "l"))
    assert said(signals, "a", signal("a", 100, "l")) == [("withdrawn", "a"), ("raised", "b")]


verdicts = st.tuples(
    st.sampled_from("abcdef"), st.booleans(), st.sampled_from(["", "k", "l"]), st.integers(1, 2)
)
TIMES = {"a": 0, "b": 10, "c": 10, "d": 30, "e": 45, "f": 61}


@settings(deadline=None)
@given(st.lists(verdicts, max_size=20))
def test_what_is_raised_is_what_a_look_at_all_verdicts_would_raise(
    changes: list[tuple[str, bool, str, int]],
) -> None:
    signals = Signals()
    holding: dict[str, Signal] = {}
    told: dict[str, Signal] = {}
    for ident, holds, key, points in changes:
        verdict = signal(ident, TIMES[ident], key, points_cb=points) if holds else None
        holding.pop(ident, None)
        if verdict is not None:
            holding[ident] = verdict
        for change in signals.verdict(ident, verdict):
            one = change.signal
            assert (one.id in told) is (change.change is not Change.RAISED)
            assert change.before == told.get(one.id)
            if change.change is Change.WITHDRAWN:
                del told[one.id]
            else:
                told[one.id] = one
        loud: dict[str, Signal] = {}
        for one in sorted(holding.values(), key=lambda s: (s.time, s.id)):
            near = [s for s in loud.values() if s.quiet_key == one.quiet_key != ""]
            if all(one.time - s.time > 30 for s in near):
                loud[one.id] = one
        assert told == loud
        assert signals.state.raised == loud.keys()
