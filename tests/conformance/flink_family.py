"""Flink CEP's patterns as families of rules.

A pattern is first written out into the runs that it allows: how often each element that repeats is
there, and whether an optional one is. Each run is a rule: its first event is the anchor, each
further one is the first that fits behind it (``relaxed``), the next of all (``strict``), or any
that fits (``any``: one rule for each that is passed over). What must not come in between is a
``not_seen``. Flink finds the same events once for every way to them; matches compare as a set.

Flink's ``within`` leaves its end out, a window of ours has it in: it is written a microsecond less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rule_family import FAR_US, Draft
from siddhi_tree import NotSaid, Reason

LARGEST = 800
"""Rules of one family."""

Element = Mapping[str, Any]
"""A step of a pattern, as the file of cases has it."""

_SKIP = Reason(
    "what happens after a match",
    "whether a run begins depends on the matches before it: one anchor, one verdict",
)
_ENDLESS = Reason(
    "repetition in too many ways", f"more than {LARGEST} ways to come true; a rule is one way"
)


@dataclass(frozen=True)
class Step:
    """One event of a run.

    Attributes:
        contiguity: how it follows the one before: ``strict``, ``relaxed`` or ``any``.
        where: which events fit.
        until: what ends the repetition that it goes on with; empty where nothing does.
        unless: what it must not be itself; likewise.
        greedy: what must not be passed over before it; empty where anything may.
        greedy_until: what ends that; empty where nothing does.
        never: what must not come in between; empty where anything may.
        not_next: what the next event must not be; likewise.
    """

    contiguity: str
    where: str
    until: str = ""
    unless: str = ""
    greedy: str = ""
    greedy_until: str = ""
    never: str = ""
    not_next: str = ""


def family_of(case: Mapping[str, Any]) -> list[Draft]:
    """Say a case as rules.

    Raises:
        NotSaid: the language cannot say it.
    """
    if case["skip"] not in {None, "noSkip()"}:
        raise NotSaid(_SKIP)
    sent, within = len(case["events"]), case["within_ms"]
    family: list[Draft] = []
    for run in _runs(case["pattern"], sent):
        ending = run[-1] if run and not run[-1].contiguity else None
        steps = run[:-1] if ending else run
        if not steps or len(steps) > sent:
            continue
        first = Draft(steps[0].where or "true == true", within_us=_within_us(within))
        for draft in _walk(first.bind("run", "anchor"), steps[1:], sent):
            family.append(_ended(draft, ending))
            if len(family) > LARGEST:
                raise NotSaid(_ENDLESS)
    return family


def _within_us(within_ms: int | None) -> int | None:
    return None if within_ms is None else within_ms * 1000 - 1


def _ended(draft: Draft, ending: Step | None) -> Draft:
    """Say what must not come behind the last event, for as long as the pattern lasts."""
    if ending is None:
        return draft
    assert draft.within_us is not None, "Flink refuses a last absence without a time"
    window = f"0us after {draft.at.name} to {draft.within_us}us after anchor"
    return draft.not_seen(ending.never, window)


# Runs --------------------------------------------------------------------------------------------


def _runs(pattern: Sequence[Element], sent: int) -> Iterator[tuple[Step, ...]]:
    """Write out every run that a pattern allows, of at most so many events."""
    yield from _joined(pattern, (), Step("", ""), sent)


def _joined(
    pattern: Sequence[Element], run: tuple[Step, ...], pending: Step, sent: int
) -> Iterator[tuple[Step, ...]]:
    """Go on with the next element; ``pending`` holds what the next event has to heed."""
    if len(run) > sent:
        return
    if not pattern:
        yield (*run, pending) if pending.never else run
        return
    element, others = pattern[0], pattern[1:]
    where = _where(element)
    if element["contiguity"] == "not_relaxed":
        yield from _joined(others, run, replace(pending, never=where), sent)
    elif element["contiguity"] == "not_strict":
        yield from _joined(others, run, replace(pending, not_next=where), sent)
    else:
        # An absence behind an element that repeats cancels it between its repetitions, too.
        behind = Step("", "")
        if others and others[0]["contiguity"] == "not_relaxed":
            behind = Step("", "", never=_where(others[0]))
        elif others and others[0]["contiguity"] == "not_strict":
            behind = Step("", "", not_next=_where(others[0]))
        least, most = element.get("times") or (1, 1)
        counts = range(least, (sent if most is None else most) + 1)
        for count in [*([0] if element.get("optional") and least else []), *counts]:
            for part, after in _times(element, count, pending, behind, sent - len(run)):
                yield from _joined(others, (*run, *part), after, sent)


def _times(
    element: Element, count: int, pending: Step, behind: Step, room: int
) -> Iterator[tuple[tuple[Step, ...], Step]]:
    """Give an element so many times, and what the event behind it has to heed."""
    until = _condition(element["until"]) if element.get("until") else ""
    after = Step("", "")
    if element.get("greedy") and count != (element.get("times") or (1, 1))[1]:
        after = replace(after, greedy=_where(element), greedy_until=until)
    if count == 0:
        yield (), replace(pending, greedy=after.greedy, greedy_until=after.greedy_until)
        return
    inner = "relaxed"
    if element.get("consecutive"):
        inner = "strict"
    elif element.get("allowCombinations"):
        inner = "any"
    behind = replace(behind, contiguity=inner)
    if "group" not in element:
        where = _where(element)
        first = replace(pending, contiguity=element["contiguity"], where=where, unless=until)
        yield (first, *[replace(behind, where=where, until=until)] * (count - 1)), after
        return
    for rounds in _rounds(element["group"], count, room):
        first = replace(pending, contiguity=element["contiguity"], where=rounds[0].where)
        again = [
            replace(behind, where=step.where) if step.contiguity == "begin" else step
            for step in rounds[1:]
        ]
        yield (first, *again), after


def _rounds(group: Sequence[Element], count: int, room: int) -> Iterator[tuple[Step, ...]]:
    if count == 0:
        yield ()
        return
    for once in _runs(group, room):
        for others in _rounds(group, count - 1, room - len(once)):
            if len(once) + len(others) <= room:
                yield (*once, *others)


# Rules -------------------------------------------------------------------------------------------


def _walk(draft: Draft, steps: Sequence[Step], sent: int) -> Iterator[Draft]:
    if not steps:
        yield draft
        return
    for after in _step(draft, steps[0], sent - len(steps)):
        yield from _walk(after, steps[1:], sent)


def _step(draft: Draft, step: Step, spare: int) -> Iterator[Draft]:
    """Add the next event of a run; ``spare`` events may stand before it."""
    before, depth = draft.at, draft.depth
    window = f"0us after {before.name} to {_end(draft)}"
    if step.not_next:
        draft, name = draft.seen("", window)
        draft = replace(draft.check(f"not ({_of(name, step.not_next)})"), at=before, depth=depth)
    if step.greedy_until:
        # Nothing is passed over that stands behind the end of the repetition.
        ended, name = draft.seen(f"({step.greedy}) or ({step.greedy_until})", window)
        ended = ended.check(_of(name, step.greedy_until))
        yield from _step(ended, replace(step, greedy="", greedy_until=""), spare)
    breaks = [one for one in (step.until, step.greedy, step.greedy_until) if one]
    where = " or ".join(f"({one})" for one in (step.where, *breaks) if one)
    if step.contiguity == "strict" or not step.where:
        where = ""
    while draft.depth <= spare:
        found, name = draft.seen(where, window)
        going_on = found
        for one in breaks:
            going_on = going_on.check(f"not ({_of(name, one)})")
        taken = going_on.check(_of(name, step.where)) if step.where else going_on
        if step.unless:
            taken = taken.check(f"not ({_of(name, step.unless)})")
        if step.never:
            taken = taken.not_seen(step.never, f"between {before.name} and {name}")
        yield taken.bind("run", name)
        if step.contiguity != "any":
            return
        draft = going_on
        window = f"0us after {name} to {_end(draft)}"


def _end(draft: Draft) -> str:
    if draft.within_us is not None:
        return f"{draft.within_us}us after anchor"
    return f"{FAR_US}us after {draft.at.name}"


def _where(element: Element) -> str:
    tests = [_condition(element["where"])] if element.get("where") else []
    if element.get("subtype"):
        tests.insert(0, f"subtype == '{element['subtype']}'")
    return " and ".join(tests)


def _condition(where: Mapping[str, Any]) -> str:
    name, op, value = where["field"], where["op"], where["value"]
    said = f"'{value}'" if isinstance(value, str) else str(value)
    return f"contains({name}, {said})" if op == "contains" else f"{name} {op} {said}"


def _of(name: str, condition: str) -> str:
    """Give a condition over the event at hand as one over an event that has a name."""
    return _FIELD.sub(lambda found: f"{name}.{found[0]}", condition)


_FIELD = re.compile(r"(?<!')\b(?:name|price|volume|subtype)\b(?!')")
