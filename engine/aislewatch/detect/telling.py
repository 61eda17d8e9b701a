"""What the core decided, written as records of a ledger."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aislewatch.detect.bound import LetGo
from aislewatch.detect.incidents import Step
from aislewatch.detect.judgement import Undecided
from aislewatch.detect.signals import Change, SignalChange
from aislewatch.events.kinds import Event
from aislewatch.events.record import Record, canonical_json

_TOLD = {change: f"signal.{change.value}" for change in Change}


class Teller:
    """Writes a store's records, in the order of the decisions.

    Attributes:
        records: those of the current step.
    """

    def __init__(self, store: str) -> None:
        self._store = store
        self.records: list[Record] = []

    def record(self, stream: str, type_: str, time: int, payload: bytes) -> None:
        """Write one; what was decided before time began is stamped with its beginning."""
        self.records.append(Record(self._store, stream, type_, max(time, 0), payload))

    def event(self, stream: str, type_: str, time: int, event: Event, **content: Any) -> None:
        """Write what is to be said of an event, with the event whole."""
        self.record(stream, type_, time, canonical_json({"event": event, **content}))

    def signal(self, change: SignalChange, now: int, late: Event | None) -> None:
        """Write what became of a signal; of one that went, which late event took it back."""
        signal = change.signal
        payload = signal.payload
        if change.change is Change.WITHDRAWN:
            content = {"signal": signal.id, "rule": signal.rule}
            if late is not None:
                content["because"] = late.id
            payload = canonical_json(content)
        self.record(f"signal/{signal.id}", _TOLD[change.change], now, payload)

    def undecided(self, rule: str, ident: str, anchor: Event, verdict: Undecided, now: int) -> None:
        """Write that it is open whether a rule holds, whose signal would have an id."""
        content = {
            "rule": rule,
            "anchor": anchor.id,
            "clause": verdict.clause,
            "because": verdict.because,
        }
        self.record(f"signal/{ident}", "judgement.undecided", now, canonical_json(content))

    def let_go(self, gone: LetGo, most: int, now: int) -> None:
        """Write which evidence went before its time because an index may hold no more."""
        content = {**gone._asdict(), "most": most}
        self.record("store", "evidence.overflow", now, canonical_json(content))

    def steps(self, steps: Iterable[Step]) -> None:
        """Write steps in incidents' lives."""
        for step in steps:
            payload = canonical_json(step.content)
            self.record(f"incident/{step.incident}", step.type, step.time, payload)
