"""Signals: rules that hold, and what becomes of them when their evidence changes.

A verdict that holds is a signal unless ``quiet`` silences it: an earlier raised signal of the same
rule about the same entity within the quiet time. What was silenced is remembered, because the
signal that silenced it may yet be withdrawn.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from aislewatch.detect.scoring import Contribution
from aislewatch.events.kinds import Event


def signal_id(rule: str, anchor: Event) -> str:
    """Give the id of the signal of a rule and an anchor.

    The time is in it because ids of devices are not for ever: one that forgets its count when it is
    switched off tells of other things under the same ids the next day.
    """
    return f"{rule}/{anchor.id}@{anchor.time}"


class Signal(Struct, frozen=True, gc=False):
    """A rule that held for an anchor.

    Attributes:
        time: event time at which it was decided, microseconds.
        id: see :func:`signal_id`.
        rule: the rule's id.
        device: of the event that the rule was judged for.
        type: the incident type that it speaks for.
        live: it counts; otherwise its rule is only watched.
        about: entities it concerns, as (kind, value), sorted; unknown ones left out.
        points_cb: centibans.
        half_life_us: decay; None keeps the points.
        family: see :class:`aislewatch.detect.scoring.Contribution`.
        group: key of the sliding incident that it belongs to; empty for none.
        group_gap_us: how long that incident waits for its next signal.
        quiet_key: what ``quiet`` compares; empty for never silenced.
        quiet_us: how long it silences others of its key.
        value_minor: what is at stake, minor units; None for unknown.
        value_key: counted once per incident and key, however many signals name it.
        payload: the record's content, canonical JSON: bindings, windows, evidence, arithmetic.
    """

    time: int
    id: str
    rule: str
    device: str
    type: str
    live: bool
    about: tuple[tuple[str, str], ...]
    points_cb: int
    half_life_us: int | None
    family: str | None
    group: str
    group_gap_us: int
    quiet_key: str
    quiet_us: int
    value_minor: int | None
    value_key: str
    payload: bytes

    @property
    def contribution(self) -> Contribution:
        """What the signal adds to its incident's score."""
        return Contribution(
            self.time, self.id, self.rule, self.points_cb, self.half_life_us, self.family
        )


class Change(StrEnum):
    """What happened to a signal."""

    RAISED = "raised"
    REVISED = "revised"
    WITHDRAWN = "withdrawn"


class SignalChange(Struct, frozen=True, gc=False):
    """One change: the signal as it is now, or as it was where it is withdrawn."""

    change: Change
    signal: Signal
    before: Signal | None


_STRETCH_US = 60_000_000
"""How finely is kept when signals can be forgotten."""

_Entry = tuple[int, str]
"""Time and id of a signal: sorts as signals do."""


@dataclass
class SignalState:
    """Verdicts that hold and can still change; everything a snapshot needs.

    Attributes:
        holding: every such signal, raised or silenced, by id.
        raised: ids of those that were raised.
    """

    holding: dict[str, Signal] = field(default_factory=dict[str, Signal])
    raised: set[str] = field(default_factory=set[str])


class Signals:
    """Turns verdicts into changes of signals."""

    def __init__(self, state: SignalState | None = None) -> None:
        self.state = state or SignalState()
        self._by_quiet: dict[str, list[_Entry]] = {}
        # By stretch of time, what can be forgotten then at the earliest: at a signal's time, or
        # later where it silences.
        self._ends: dict[int, list[str]] = {}
        for signal in self.state.holding.values():
            self._ends_at(signal.time, signal.id)
            if signal.quiet_key:
                insort(self._by_quiet.setdefault(signal.quiet_key, []), _entry(signal))

    def holds(self, signal_id: str) -> bool:
        """Say whether the last verdict on a rule and anchor was that it holds."""
        return signal_id in self.state.holding

    def verdict(self, signal_id: str, signal: Signal | None) -> list[SignalChange]:
        """Take the verdict on one rule and anchor; None where the rule does not hold.

        Returns:
            What changed, in order of time; empty where the verdict is what it was, or is silenced.
        """
        before = self.state.holding.get(signal_id)
        if before == signal:
            return []
        if before is None and signal is not None and signal.quiet_key not in self._by_quiet:
            # By far most come so: nothing silences them, and they have changed nothing.
            self.state.holding[signal_id] = signal
            if signal.quiet_key:
                self._by_quiet[signal.quiet_key] = [_entry(signal)]
            self.state.raised.add(signal_id)
            self._ends_at(signal.time + signal.quiet_us, signal_id)
            return [SignalChange(Change.RAISED, signal, None)]
        keys = {s.quiet_key for s in (before, signal) if s is not None}
        was = self._raised_in(keys, signal_id)
        self._replace(signal_id, before, signal)
        now = self._loud_in(keys, signal_id)
        self.state.raised -= was.keys()
        self.state.raised |= now.keys()
        for changed in (was.keys() | now.keys() | {signal_id}) & self.state.holding.keys():
            # It may be forgotten sooner than was said; what is said too soon is asked again.
            self._ends_at(self.state.holding[changed].time, changed)
        changes: list[SignalChange] = []
        for changed in was.keys() | now.keys():
            old, new = was.get(changed), now.get(changed)
            if new is None:
                assert old is not None
                changes.append(SignalChange(Change.WITHDRAWN, old, old))
            elif old is None:
                changes.append(SignalChange(Change.RAISED, new, None))
            elif new != old:
                changes.append(SignalChange(Change.REVISED, new, old))
        return sorted(changes, key=lambda c: (c.signal.time, c.signal.id))

    def forget(self, before_us: int) -> None:
        """Let go of signals so old that no late event can change or be silenced by them.

        What was silenced silences nobody, and goes before the one that silenced it: left alone, it
        would look as if it had to be raised.
        """
        raised, holding = self.state.raised, self.state.holding
        gone: list[Signal] = []
        for stretch in [one for one in self._ends if one * _STRETCH_US < before_us]:
            for ident in self._ends.pop(stretch):
                signal = holding.get(ident)
                if signal is None:
                    continue
                end = signal.time + (signal.quiet_us if ident in raised else 0)
                if end < before_us:
                    gone.append(signal)
                    del holding[ident]
                else:
                    self._ends_at(end, ident)
        for signal in gone:
            raised.discard(signal.id)
            if signal.quiet_key:
                self._unlist(signal)

    def _ends_at(self, time: int, signal_id: str) -> None:
        """Note that a signal may be forgotten after a time, and not before."""
        self._ends.setdefault(time // _STRETCH_US, []).append(signal_id)

    def _replace(self, signal_id: str, before: Signal | None, signal: Signal | None) -> None:
        if before is not None:
            del self.state.holding[signal_id]
            if before.quiet_key:
                self._unlist(before)
        if signal is not None:
            self.state.holding[signal_id] = signal
            if signal.quiet_key:
                insort(self._by_quiet.setdefault(signal.quiet_key, []), _entry(signal))

    def _unlist(self, signal: Signal) -> None:
        entries = self._by_quiet[signal.quiet_key]
        if len(entries) > 1:
            entries.remove(_entry(signal))
        else:
            del self._by_quiet[signal.quiet_key]

    def _raised_in(self, keys: set[str], signal_id: str) -> dict[str, Signal]:
        """Give what is raised under some keys, and the signal itself if it is."""
        holding, raised = self.state.holding, self.state.raised
        ids = [ident for key in keys for _, ident in self._by_quiet.get(key, ())]
        return {one: holding[one] for one in (*ids, signal_id) if one in raised}

    def _loud_in(self, keys: set[str], signal_id: str) -> dict[str, Signal]:
        """Give what has to be raised under some keys, and the signal itself if none silences it."""
        holding = self.state.holding
        loud: dict[str, Signal] = {}
        for key in keys:
            silent_until = -1
            for time, ident in self._by_quiet.get(key, ()):
                if time > silent_until:
                    loud[ident] = holding[ident]
                    silent_until = time + holding[ident].quiet_us
        signal = holding.get(signal_id)
        if signal is not None and not signal.quiet_key:
            loud[signal_id] = signal
        return loud


def _entry(signal: Signal) -> _Entry:
    return signal.time, signal.id
