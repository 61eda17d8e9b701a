"""Which devices contributed to which incidents: a table of a simulated day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from aislewatch.cli.cases import Case
from aislewatch.cli.screen import table


@dataclass(frozen=True, slots=True)
class Witness:
    """One device of a run, and what it had to do with what was found.

    Attributes:
        device: its id.
        plugin: its kind.
        online_s: how long after the start it was online; None where it never was.
        events: how many it told.
        cases: incidents that stand and have an event of it as evidence.
    """

    device: str
    plugin: str
    online_s: float | None
    events: int
    cases: Sequence[Case]


def evidence_of(cases: Iterable[Case]) -> Mapping[str, list[Case]]:
    """Give for each device the incidents that stand on an event of it, in the incidents' order."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        if not case.stands:
            continue
        events = [event for told in case.signals.values() for event in told.evidence]
        for device in dict.fromkeys(event["device"] for event in events):
            found.setdefault(device, []).append(case)
    return found


def witness_table(witnesses: Iterable[Witness]) -> Table:
    """Show each device with its incidents; one without says so."""
    made = table("device", "kind", "online after", "evidence of")
    for one in witnesses:
        online = "never" if one.online_s is None else f"{one.online_s:.0f} s"
        cases = "\n".join(f"{case.id} {case.type}" for case in one.cases) or "NOTHING"
        made.add_row(one.device, one.plugin, online, cases)
    return made


def witnesses_json(witnesses: Iterable[Witness]) -> list[dict[str, Any]]:
    """Give the same for scripts."""
    return [
        {
            "device": one.device,
            "plugin": one.plugin,
            "online_s": one.online_s,
            "events": one.events,
            "incidents": [case.id for case in one.cases],
        }
        for one in witnesses
    ]
