"""Why a rule said nothing, on a page: judgements near then, what nearly was one, what is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from aislewatch.authoring.why_answer import Answer, Answered
from aislewatch.authoring.why_asked import Asked
from aislewatch.authoring.why_stream import Told
from aislewatch.cli.rule_why_page import JudgementPage, fields_shown, verdict
from aislewatch.cli.screen import Screen
from aislewatch.cli.wording import Local, count, span
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import with_signals

JUDGED_MAX: Final = 8
"""Judgements that are shown, those nearest to the time."""

PASSED_MAX: Final = 3
"""Events that were no anchors that are shown."""


def show_answer(
    screen: Screen, answer: Answer, rule: Rule, asked: Asked, told: Told, *, whole: bool
) -> None:
    """Show what was found, those judgements and events first that are nearest to the time.

    Args:
        screen: where to.
        answer: what was found.
        rule: which was asked.
        asked: about whom, and when.
        told: the events.
        whole: all of it, however much.
    """
    local = Local(told.zone, told.setup.model.currency if told.setup is not None else "")
    registry = with_signals(told.registry, rule.hears)
    page = JudgementPage(local, fields_shown(rule, registry), whole=whole)
    who = ", ".join(f"{kind}={value}" for kind, value in asked.about.items()) or "anybody"
    near = f"{local.day(asked.at_us)} ({local.zone}), give or take {span(asked.within_us)}"
    screen.show(Text.assemble((rule.id, "bold"), f"  about {who} at {near}"))
    for part in _parts(answer, asked.at_us, page, local, whole=whole):
        screen.show(part)


def _parts(
    answer: Answer, at_us: int, page: JudgementPage, local: Local, *, whole: bool
) -> Iterator[RenderableType]:
    if answer.idle:
        yield Text(f"It judges nothing in this shop: {answer.idle}.", "yellow")
    for rule, why in answer.unheard.items():
        yield Text(f"No signal of {rule} can be among what follows: {why}.", "yellow")
    judgements = answer.judged
    if not whole:
        nearest = sorted(judgements, key=lambda one: abs(one.judgement.anchor.time - at_us))
        kept = {id(one) for one in nearest[:JUDGED_MAX]}
        judgements = [one for one in judgements if id(one) in kept]
    for judged in judgements:
        yield ""
        anchor = judged.judgement.anchor
        yield Text(f"judged  {local.clock(anchor.time)}  {_fate(judged, local)}", "bold")
        yield page.anchor(anchor, 9)
        yield from page.clauses(judged.judgement)
    if len(answer.judged) > len(judgements):
        more = len(answer.judged) - len(judgements)
        yield Text(f"... and {count(more, 'judgement')} further from then: --whole", "dim")
    passed = answer.passed if whole else answer.passed[:PASSED_MAX]
    for one in passed:
        yield ""
        at = local.clock(one.event.time)
        yield Text(f"not judged  {at}  it is no anchor, because of the rule's 'when':", "bold")
        yield page.anchor(one.event, 9)
        yield from page.condition(one.condition, 9)
    if len(answer.passed) > len(passed):
        yield Text(f"... and {len(answer.passed) - len(passed):,} more: --whole", "dim")
    if answer.judged or answer.passed:
        return
    yield ""
    yield "There is no event near then that the rule would judge, or nearly."
    if answer.nearest:
        yield "What else is known of whom you ask, the nearest in time:"
        yield from page.events(answer.nearest, 2)
    else:
        yield "No event speaks of whom you ask."
    if answer.others:
        yield "What it judged near then, about others:"
        yield from page.events(answer.others, 2)
    if answer.from_us is not None and answer.to_us is not None:
        begins, ends = local.day(answer.from_us), local.day(answer.to_us)
        yield f"Read: {count(answer.events, 'event')}, {begins} to {ends}."


def _fate(judged: Answered, local: Local) -> str:
    told = verdict(judged.judgement)
    outcome = judged.judgement.outcome
    if judged.fate == "raised":
        if outcome == "holds":
            return f"it was raised at {local.clock(judged.judgement.decided_us)}: {told}"
        return f"it was raised, on what was known then; with all that is known now it {told}"
    if judged.fate == "silenced":
        until = local.clock(judged.silent_until_us)
        return f"{told}; but silenced until {until} by 'quiet' of {judged.silenced_by}"
    if judged.fate == "not yet":
        return f"not decided yet where the events end; on what there is it {told}"
    if outcome == "holds":
        return f"nothing was raised, as what makes it hold came too late to count; it {told}"
    return told
