"""``aislewatch rules why``: why an incident is one, clause by clause and point by point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, cast

import msgspec
import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from aislewatch.authoring.why import Recorded, judged_again
from aislewatch.cli import options
from aislewatch.cli.case_page import SIGNALS_MAX, CasePage, page_json, when_looked
from aislewatch.cli.case_pictures import pictures_of
from aislewatch.cli.cases import Case, Told, cases_json, read_cases
from aislewatch.cli.incidents import find_case, late_events, said_of
from aislewatch.cli.places import Places
from aislewatch.cli.rule_capture import evidence_of
from aislewatch.cli.rule_sources import RulesPath, Sources, read_shop, read_sources
from aislewatch.cli.rule_why_page import JudgementPage, fields_shown
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import Local, chance, points
from aislewatch.detect.explain_values import Judgement
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry
from aislewatch.ledger import Ledger, LedgerReader
from aislewatch.runtime.picture_log import pictures_beside

_INDENT = 9


def explain_incident(
    incident: options.IncidentId = "",
    ledger: options.LedgerFile = options.LEDGER,
    rules: RulesPath = None,
    store: options.StoreFile = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Every signal and event, however many.")
    ] = False,
    json: options.Json = False,
) -> int:
    """Say why an incident is one: every clause, what it saw, and the arithmetic.

    The ledger alone is enough. With the rules (--store or --rules), as long as they mean what they
    meant then, the value of every expression is told besides, and what came near to changing it.
    """
    screen = Screen(json=json)
    setup = read_shop(store)
    with Ledger.read(ledger) as reader:
        case = find_case(list(read_cases(reader)), incident, ledger)
        late = late_events(reader, case.store)
        local = Places.of(reader, said_of(setup))(case.store)
        sources = read_sources(setup, local.zone, rules)
        pictures = pictures_of(reader, case, pictures_beside(ledger))
        beside = _known_beside(reader, case, sources.registry)
    shown = sorted(case.past.values(), key=lambda told: (told.decided_us, told.signal))
    explained = {
        told.signal: _Explained(told, sources, beside)
        for told in (shown if whole or json else shown[:SIGNALS_MAX])
    }
    screen.give(
        {
            **next(cases_json([case])),
            **page_json(case, late, pictures),
            "explained": [one.json() for one in explained.values()],
        }
    )
    page = CasePage(
        case,
        local,
        late,
        {},
        width=screen.width,
        whole=whole,
        explained={name: one.render(local, whole=whole) for name, one in explained.items()},
    )
    screen.show(page.render())
    if case.signals:
        screen.show(Text(f"  {_likelihood(case)}", "dim"))
    return 0


class _Explained:
    """One signal, explained with its rule where that is there and means what it meant."""

    def __init__(self, told: Told, sources: Sources, beside: list[Event]) -> None:
        self._told = told
        self._registry = sources.registry
        self._rule = sources.rules.get(told.rule)
        self.judgement: Judgement | None = None
        if self._rule is not None and self._rule.meaning == told.meaning:
            recorded = Recorded(
                told.anchor,
                told.decided_us,
                told.points_cb,
                tuple(told.about),
                told.bindings,
                evidence_of([told], sources.registry),
            )
            self.judgement = judged_again(
                self._rule, recorded, beside, sources.model, sources.registry
            )
        self.note = self._note(any_rules=bool(sources.rules))

    def _note(self, *, any_rules: bool) -> str:
        told = self._told
        if self.judgement is not None:
            return ""
        if self._rule is None:
            if not any_rules:
                return "From the record alone; --store or --rules tells each expression's value."
            return f"From the record alone: {told.rule} is not among the rules given."
        if self._rule.meaning != told.meaning:
            return (
                f"From the record alone: {told.rule} has changed since "
                f"(it meant {told.meaning[:12]}, and means {self._rule.meaning[:12]} now)."
            )
        return "From the record alone: what bore on it is more than the evidence that it keeps."

    def json(self) -> Mapping[str, Any]:
        """Give the explanation for scripts."""
        return {
            "signal": self._told.signal,
            "bindings": dict(self._told.bindings),
            "judgement": self.judgement,
            "note": self.note or None,
        }

    def render(self, local: Local, *, whole: bool) -> RenderableType:
        """Give the explanation for people."""
        return Group(*self._parts(local, whole=whole))

    def _parts(self, local: Local, *, whole: bool) -> Iterator[RenderableType]:
        told = self._told
        yield Text(f"its meaning is {told.meaning[:12]}, judged for {told.anchor}", "dim")
        if self.judgement is not None:
            assert self._rule is not None
            page = JudgementPage(local, fields_shown(self._rule, self._registry), whole=whole)
            yield page.anchor(self.judgement.anchor)
            yield from page.clauses(self.judgement)
            return
        yield Text(self.note, "yellow")
        yield from self._record(local, JudgementPage(local, whole=whole))

    def _record(self, local: Local, page: JudgementPage) -> Iterator[RenderableType]:
        told = self._told
        events = {event.id: event for event in evidence_of([told], self._registry)}
        yield page.anchor(events[told.anchor])
        for look in told.looks:
            yield Text(f"looked at {look.clause}", "bold")
            yield _indented(Text(when_looked(look, local), "dim"))
            found = [events[one] for one in look.found if one in events]
            if not found:
                yield _indented(Text("found nothing"))
            yield from page.events(found, _INDENT)
        if told.bindings:
            yield Text("what its names stand for", "bold")
        for name, value in told.bindings:
            yield _indented(Text(f"{name}: {_bound(value, events, page)}"))


def _bound(value: Any, events: Mapping[str, Event], page: JudgementPage) -> str:
    """Say what a name stands for: an event, a list of leftovers, a figure, or nothing."""
    if isinstance(value, list):
        members = [_bound(one, events, page) for one in cast("Sequence[Any]", value)]
        return "; ".join(members) or "nothing"
    if isinstance(value, str) and value in events:
        return page.event(events[value])
    return "unknown" if value is None else str(value)


def _known_beside(reader: LedgerReader, case: Case, registry: Registry) -> list[Event]:
    """Give what the ledger knows of the store besides a signal's own evidence."""
    events = evidence_of(case.past.values(), registry)
    decode = registry.decoder.decode
    for record in reader.records(case.store, types=["device.state", "event.late"]):
        content = msgspec.json.decode(record.payload)["event"]
        events.append(decode(msgspec.json.encode(content)))
    return events


def _likelihood(case: Case) -> str:
    exponent = points(-case.score_cb, sign=False)
    return f"likelihood = 1 / (1 + 10^({exponent}/10)) = {chance(case.probability_ppm)}"


def _indented(what: RenderableType) -> RenderableType:
    return Padding(what, (0, 0, 0, _INDENT), expand=False)
