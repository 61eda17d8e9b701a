"""One incident on a page: what to look at, why, the sum, and its life."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from aislewatch.cli.case_pictures import Pictures
from aislewatch.cli.cases import Case, Look, Moment, Share, Told
from aislewatch.cli.rule_sentences import decision_of
from aislewatch.cli.screen import table
from aislewatch.cli.wording import LEVEL_STYLES, Local, chance, count, points, span
from aislewatch.rules.english import english
from aislewatch.rules.rule import Rule
from aislewatch.runtime.discovery import installed_registry

SIGNALS_MAX: Final = 12
EVENTS_MAX: Final = 12
"""How many are shown at length; a burst of tags says the same over and over."""

_RULE: Final = "─"


class CasePage:
    """Lays an incident out.

    Args:
        case: the incident.
        local: how times and amounts are shown.
        late: what is known of events that came late, by id: the event and how late, microseconds.
        rules: by id, where the store file was given: they say what to do.
        width: columns of the screen.
        whole: show every signal and every event, however many, and what the rules ask for.
        pictures: what was kept of events, by their ids.
        explained: what is told of a signal's evidence in place of what its record says, by id; the
            page then is about why, and leaves its life out.
    """

    def __init__(
        self,
        case: Case,
        local: Local,
        late: Mapping[str, tuple[Mapping[str, Any], int]],
        rules: Mapping[str, Rule],
        *,
        width: int,
        whole: bool,
        pictures: Pictures | None = None,
        explained: Mapping[str, RenderableType] | None = None,
    ) -> None:
        self._case = case
        self._local = local
        self._late = late
        self._rules = rules
        self._width = width
        self._whole = whole
        self._pictures: Pictures = pictures or {}
        self._explained = explained
        self._numbers = {
            told.signal: number
            for number, told in enumerate(
                sorted(case.past.values(), key=lambda told: (told.decided_us, told.signal)), 1
            )
        }

    def render(self) -> RenderableType:
        """Give the page."""
        why = (
            *self._head(),
            *self._part("Why", self._signals()),
            *self._part("The sum", self._sum()),
        )
        if self._explained is not None:
            return Group(*why)
        return Group(
            *why,
            *self._part("Its life", self._life()),
            *self._part("What to do", self._advice()),
            *(self._part("What the rules ask for", self._decisions()) if self._whole else ()),
        )

    def _head(self) -> Iterator[RenderableType]:
        case, local = self._case, self._local
        title = Text.assemble((case.id, "bold"), "  ", case.type, "  ")
        if case.stands:
            style = LEVEL_STYLES.get(case.level, "")
            title.append(f"{case.level}, {chance(case.probability_ppm)}", style)
        elif case.into:
            title.append(f"part of {case.into} now: look there", "bold")
        else:
            title.append("cleared: what came later explains it, there is nothing to look at")
        yield title
        facts = table("", "", show_header=False)
        facts.add_row("opened", f"{local.day(case.opened_us)} ({local.zone})")
        if case.last_us > case.first_us:
            facts.add_row("signals", f"{local.clock(case.first_us)} to {local.clock(case.last_us)}")
        if case.value_minor is not None:
            facts.add_row("at stake", local.money(case.value_minor))
        facts.add_row("look at", ", ".join(case.entities))
        yield _indented(facts, 2)

    def _part(self, title: str, lines: Iterator[RenderableType]) -> Iterator[RenderableType]:
        shown = list(lines)
        if shown:
            bar = _RULE * max(0, min(self._width, 100) - len(title) - 4)
            yield Text(f"\n{_RULE} {title} {bar}", "bold")
            yield from (_indented(line, 2) for line in shown)

    # Why -----------------------------------------------------------------------------------------

    def _signals(self) -> Iterator[RenderableType]:
        case = self._case
        ordered = sorted(case.past.values(), key=lambda told: self._numbers[told.signal])
        shown = ordered if self._whole else ordered[:SIGNALS_MAX]
        for told in shown:
            yield from self._signal(told, counts=told.signal in case.signals)
        if len(ordered) > len(shown):
            yield Text(f"... and {count(len(ordered) - len(shown), 'more signal')}: --whole", "dim")

    def _signal(self, told: Told, *, counts: bool) -> Iterator[RenderableType]:
        head = table("", "", "", show_header=False)
        head.add_row(
            Text(f"{self._numbers[told.signal]}", "bold"),
            Text(self._local.clock(told.decided_us), "bold"),
            Text(told.because, "" if counts else "strike"),
        )
        yield head
        version = f" v{told.version}" if told.version is not None else ""
        by = f"{told.rule}{version}, {points(told.points_cb)}: {told.title}"
        yield _indented(Text(by, "cyan"), 3)
        if not counts:
            yield _indented(Text(self._taken_back(told)), 3)
        if self._explained is not None:
            yield _indented(self._explained.get(told.signal, ""), 3)
            return
        yield _indented(self._evidence(told), 3)
        for look in told.looks:
            seen = f"found {count(len(look.found), 'event')}" if look.found else "found nothing"
            line = f"looked at {look.clause}, {when_looked(look, self._local)}: {seen}"
            yield _indented(Text(line, "dim"), 3)

    def _taken_back(self, told: Told) -> str:
        if self._explained is None:
            return "taken back; it counts no more"  # Its life tells why.
        found = (m for m in reversed(self._case.life) if m.signal == told.signal)
        gone = next((moment for moment in found if moment.what == "withdrawn"), None)
        why = self._late_event(gone.other) if gone is not None else "it is in another incident now"
        return f"it held on what was known then, and counts no more: {why}"

    def _evidence(self, told: Told) -> RenderableType:
        made = table("", "", "", "", show_header=False)
        for column in made.columns[:3]:
            column.no_wrap = True
        events = told.evidence if self._whole else told.evidence[:EVENTS_MAX]
        for event in events:
            made.add_row(
                self._local.clock(event["time"]),
                event["device"],
                event["type"],
                self._local.facts(event),
            )
            for picture in self._pictures.get(event["id"], ()):
                made.add_row(
                    self._local.clock(picture.taken_us),
                    picture.device,
                    "picture",
                    f"{picture.file} ({picture.told(self._local)})",
                )
        more = len(told.evidence) - len(events)
        return Group(made, Text(f"... and {more} more: --whole", "dim")) if more else made

    # The sum -------------------------------------------------------------------------------------

    def _sum(self) -> Iterator[RenderableType]:
        case = self._case
        if not case.signals:
            return
        made = table("", "points", "counted", "", right=("points", "counted"))
        made.add_row(f"prior of {case.type}", "", points(case.prior_cb), "before any evidence")
        for share in case.sum():
            told = case.signals[share.signal]
            made.add_row(
                f"{self._numbers[share.signal]}  {told.rule}",
                points(share.points_cb),
                points(share.counted_cb),
                self._why_less(told, share),
            )
        made.add_row(
            Text("together", "bold"),
            "",
            Text(points(case.score_cb), "bold"),
            f"odds of {_odds(case.score_cb)} to 1, which is {chance(case.probability_ppm)}",
        )
        yield made

    def _why_less(self, told: Told, share: Share) -> str:
        if share.outdone_by:
            return f"of family {told.family} only {share.outdone_by} counts"
        why: list[str] = []
        if share.repeat > 1:
            why.append(f"a repeat counts 1/{2 ** (share.repeat - 1)}")
        if abs(share.counted_cb) != abs(share.points_cb) >> (share.repeat - 1):
            assert told.half_life_us is not None
            age_us = self._case.last_us - told.decided_us
            why.append(f"{span(age_us)} old, halves in {span(told.half_life_us)}")
        return "; ".join(why)

    # Its life ------------------------------------------------------------------------------------

    def _life(self) -> Iterator[RenderableType]:
        made = table("", "", "", show_header=False)
        moments: Sequence[Moment] = self._case.life
        kept = moments if self._whole or len(moments) <= 2 * SIGNALS_MAX else None
        for moment in kept or [*moments[:SIGNALS_MAX], *moments[-SIGNALS_MAX:]]:
            known = moment.probability_ppm
            made.add_row(
                self._local.clock(moment.time_us),
                chance(known) if known is not None else "",
                self._happened(moment),
            )
        yield made
        if kept is None:
            yield Text(f"{count(len(moments), 'moment')}, the first and last shown: --whole", "dim")

    def _happened(self, moment: Moment) -> str:
        number = self._numbers.get(moment.signal, "?")
        if moment.what == "withdrawn":
            return f"signal {number} is taken back: {self._late_event(moment.other)}"
        return {
            "opened": f"opened by signal {number}",
            "signal": f"signal {number} joins",
            "revised": f"signal {number} is told anew",
            "rescored": "scored again",
            "escalated": f"from now on called {moment.other}",
            "merged": f"becomes part of {moment.other}",
            "joined by": f"{moment.other} becomes part of it",
            "split off": f"{moment.other} is split off",
            "cleared": "cleared: no signal is left",
            "settled": "settled: nothing that comes can change it any more",
        }[moment.what]

    def _late_event(self, event_id: str) -> str:
        if event_id not in self._late:
            return event_id or "its evidence no longer holds"
        event, late_us = self._late[event_id]
        at = self._local.clock(event["time"])
        told = f"{event['type']} of {at} from {event['device']} came {span(late_us)} late"
        return f"{told} ({self._local.facts(event)})"

    # What to do ----------------------------------------------------------------------------------

    def _advice(self) -> Iterator[RenderableType]:
        for name in dict.fromkeys(told.rule for told in self._case.signals.values()):
            rule = self._rules.get(name)
            if rule is None:
                continue
            if rule.runbook:
                yield Text.assemble((f"{name}: ", "cyan"), rule.runbook)
            for harmless in rule.known_false_alarms:
                yield Text(f"  may be harmless: {harmless}", "dim")

    def _decisions(self) -> Iterator[RenderableType]:
        """Say what the rules ask for, as they are now."""
        kinds = installed_registry().kinds
        meant = {told.rule: told.meaning for told in self._case.signals.values()}
        for name, meaning in meant.items():
            rule = self._rules.get(name)
            if rule is None:
                continue
            changed = "" if rule.meaning == meaning else " has changed since; it now reads"
            yield Text(f"{name}{changed}:", "cyan")
            for line in decision_of(english(rule, kinds), min(self._width, 100) - 4):
                yield Text(f"  {line}")


def _indented(what: RenderableType, columns: int) -> Padding:
    return Padding(what, (0, 0, 0, columns), expand=False)


def when_looked(look: Look, local: Local) -> str:
    """Say from when to when a clause looked: ``09:09:59 to 09:10:03``."""
    if look.from_us is None or look.to_us is None:
        return "nowhere, as what its window is measured from was not there"
    return local.between(look.from_us, look.to_us)


def _odds(score_cb: int) -> str:
    return f"{10 ** (score_cb / 100):,.3g}"


def page_json(
    case: Case, late: Mapping[str, tuple[Mapping[str, Any], int]], pictures: Pictures
) -> Mapping[str, Any]:
    """Give everything that the page says, for scripts; without what `cases_json` gives already."""
    return {
        "entities": case.entities,
        "prior_cb": case.prior_cb,
        "sum": [share._asdict() for share in case.sum()],
        "life": [
            {**moment._asdict(), "late_event": late[moment.other][0]}
            if moment.other in late
            else moment._asdict()
            for moment in case.life
        ],
        "signals": [
            {
                "signal": told.signal,
                "counts": told.signal in case.signals,
                "rule": told.rule,
                "title": told.title,
                "meaning": told.meaning,
                "version": told.version,
                "type": told.type,
                "decided_us": told.decided_us,
                "because": told.because,
                "about": dict(told.about),
                "points_cb": told.points_cb,
                "half_life_us": told.half_life_us,
                "family": told.family,
                "value_minor": told.value_minor,
                "looks": told.looks,
                "evidence": told.evidence,
                "pictures": [
                    {"event": event["id"], **picture._asdict()}
                    for event in told.evidence
                    for picture in pictures.get(event["id"], ())
                ],
            }
            for told in case.past.values()
        ],
    }
