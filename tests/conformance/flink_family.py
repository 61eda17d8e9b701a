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
        never: what must not come in between, nor be this, unless it completes the run; likewise.
        not_next: what the next event must not be; likewise.
        not_itself: what the event before must not be itself; likewise.
        unfinished: the element before it could go on.
    """

    contiguity: str
    where: str
    until: str = ""
    unless: str = ""
    greedy: str = ""
    greedy_until: str = ""
    never: str = ""
    not_next: str = ""
    not_itself: str = ""
    unfinished: bool = False


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
        anchor = steps[0].where or "true == true"
        if unless := _either(steps[0].unless, steps[0].greedy):
            anchor = f"({anchor}) and not ({unless})"
        first = Draft(anchor, within_us=_within_us(within))
        for draft in _walk(first.bind("run", "anchor"), run[1:], sent):
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
    if ending.not_itself:
        draft = draft.check(f"not ({_of(draft.at.name, ending.not_itself)})")
    if ending.not_next or (ending.never and ending.unfinished):
        # What must not be next is not known to be absent before something else is; and a repetition
        # is over only when something comes that it is not waited for any longer.
        at, depth = draft.at, draft.depth
        draft, name = draft.seen("", f"0us after {at.name} to {_end(draft)}")
        if unlike := _either(ending.not_next, ending.greedy):
            draft = draft.check(f"not ({_of(name, unlike)})")
        draft = replace(draft, at=at, depth=depth)
    if ending.never:
        assert draft.within_us is not None, "Flink refuses a last absence without a time"
        window = f"0us after {draft.at.name} to {draft.within_us}us after anchor"
        draft = draft.not_seen(ending.never, window)
    return draft


# Runs --------------------------------------------------------------------------------------------


def _runs(pattern: Sequence[Element], sent: int) -> Iterator[tuple[Step, ...]]:
    """Write out every run that a pattern allows, of at most so many events."""
    yield from _joined(pattern, (), Step("", ""), sent)


def _joined(
    pattern: Sequence[Element],
    run: tuple[Step, ...],
    pending: Step,
    sent: int,
    *,
    whole: bool = True,
    head: str = "",
) -> Iterator[tuple[Step, ...]]:
    """Go on with the next element.

    Args:
        pattern: what is left of it.
        run: the events so far.
        pending: what the next event has to heed.
        sent: no run is longer.
        whole: it is no group, and ends where this ends.
        head: how a group's first element goes on.

    Yields:
        Runs; one with something to heed behind it ends with a step without contiguity.
    """
    if len(run) > sent:
        return
    if not pattern:
        yield (*run, replace(pending, contiguity="")) if _heeds(pending) else run
        return
    element, others = pattern[0], pattern[1:]
    where = _where(element)
    if element["contiguity"] == "not_relaxed":
        # Of several at the very end, Flink heeds the last alone.
        others_too = pending.never if others or not whole else ""
        pending = replace(pending, never=_either(others_too, where))
        yield from _joined(others, run, pending, sent, whole=whole, head=head)
    elif element["contiguity"] == "not_strict":
        pending = replace(pending, not_next=_either(pending.not_next, where))
        if whole and not others:
            # The next event completes it, whatever else must not come.
            pending = replace(pending, never="")
        yield from _joined(others, run, pending, sent, whole=whole, head=head)
    else:
        behind = others[0] if others and others[0]["contiguity"].startswith("not_") else None
        least, most = element.get("times") or (1, 1)
        counts = range(least, (sent if most is None else most) + 1)
        for count in [*([0] if element.get("optional") and least else []), *counts]:
            for part, after in _times(element, count, pending, behind, sent - len(run), head):
                heed = _complete(after) if whole and not part and not others else after
                heed = replace(heed, unfinished=bool(part) and most not in {least, count})
                yield from _joined(others, (*run, *part), heed, sent, whole=whole, head=head)


def _heeds(step: Step) -> bool:
    return bool(step.never or step.not_next or step.not_itself)


def _complete(pending: Step) -> Step:
    """Give what a run has to heed that is complete without the elements that are left.

    It is so at its last event, before anything that could be next comes.
    """
    return Step("", "", not_itself=_either(pending.not_next, pending.greedy))


def _times(
    element: Element, count: int, pending: Step, behind: Element | None, room: int, head: str
) -> Iterator[tuple[tuple[Step, ...], Step]]:
    """Give an element so many times, and what the event behind it has to heed.

    Args:
        element: the element.
        count: how many times.
        pending: what its first event has to heed.
        behind: the absence that stands behind it.
        room: it has no more events than this.
        head: how a group's first element goes on: as the group does.
    """
    until = _condition(element["until"]) if element.get("until") else ""
    after = Step("", "")
    least, most = element.get("times") or (1, 1)
    if element.get("greedy") and least != most:
        after = replace(after, greedy=_where(element), greedy_until=until)
    if count == 0:
        if after.greedy and (element["contiguity"] != "any" or most is not None):
            greedy = _either(pending.greedy, after.greedy)
            pending = replace(pending, greedy=greedy, greedy_until=after.greedy_until)
        yield (), pending
        return
    inner = "relaxed"
    if element.get("consecutive"):
        inner = "strict"
    elif element.get("allowCombinations"):
        inner = "any"
    # An absence behind an element cancels it between its repetitions, too; one that is about the
    # next event alone does where it could be over.
    never = not_next = ""
    if behind and behind["contiguity"] == "not_strict":
        not_next = _where(behind)
    elif behind:
        never = _where(behind)
    if "group" not in element:
        if head and element["contiguity"] == "begin":
            inner = head
        where = _where(element)
        first = replace(pending, contiguity=element["contiguity"], where=where, unless=until)
        again = [
            Step(inner, where, until, never=never, not_next=not_next if number >= least else "")
            for number in range(1, count)
        ]
        yield (first, *again), after
        return
    for rounds in _rounds(element["group"], count, room, inner):
        steps, last = _heeding(rounds)
        if not steps:
            yield (), pending
            continue
        first = replace(pending, contiguity=element["contiguity"], where=steps[0].where)
        again = [
            replace(
                step,
                contiguity=inner,
                never=_either(step.never, never),
                not_next=_either(step.not_next, not_next),
            )
            if step.contiguity == "begin"
            else step
            for step in steps[1:]
        ]
        yield (first, *again), replace(last, greedy=after.greedy)


def _rounds(
    group: Sequence[Element], count: int, room: int, inner: str
) -> Iterator[tuple[Step, ...]]:
    if count == 0:
        yield ()
        return
    for once in _joined(group, (), Step("", ""), room, whole=False, head=inner):
        taken = sum(1 for step in once if step.contiguity)
        for others in _rounds(group, count - 1, room - taken, inner):
            if taken + sum(1 for step in others if step.contiguity) <= room:
                yield (*once, *others)


def _heeding(rounds: Sequence[Step]) -> tuple[list[Step], Step]:
    """Have each event heed what stands at the end of the round before it; give the last such."""
    steps: list[Step] = []
    heed = Step("", "")
    for step in rounds:
        if not step.contiguity:
            heed = step
            continue
        never, not_next = _either(step.never, heed.never), _either(step.not_next, heed.not_next)
        steps.append(replace(step, never=never, not_next=not_next))
        heed = Step("", "")
    return steps, heed


# Rules -------------------------------------------------------------------------------------------


def _walk(draft: Draft, steps: Sequence[Step], sent: int) -> Iterator[Draft]:
    if not steps or not steps[0].contiguity:
        yield draft
        return
    step, others = steps[0], steps[1:]
    if step.never and others:
        # What must not come is the end of a run that it is taken into, unless it completes it.
        step = replace(step, unless=_either(step.unless, step.never))
    for after in _step(draft, step, sent - len(steps)):
        yield from _walk(after, others, sent)


def _either(*conditions: str) -> str:
    return " or ".join(f"({one})" for one in conditions if one)


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
        itself = ended.check(_of(name, step.where)) if step.where else ended
        yield itself.bind("run", name)
        if step.where and step.contiguity != "any":
            ended = ended.check(f"not ({_of(name, step.where)})")
        yield from _step(ended, replace(step, greedy="", greedy_until=""), spare)
    breaks = [one for one in (step.until, step.greedy, step.greedy_until) if one]
    where = _either(step.where, *breaks)
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
