"""A rule's next status, and what must speak for it: checks, tests, quiet days in shadow.

Downwards a rule may always go: one that alarms too much is stopped at once. Upwards it needs its
checks and tests, and before its signals make incidents, weeks in shadow within its noise budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from aislewatch.authoring.shadow import ShadowRun
from aislewatch.authoring.trial import Trial
from aislewatch.errors import FileMistakes, Mistake, UsageError
from aislewatch.events.located import LocatedYaml
from aislewatch.events.yaml_edit import with_key
from aislewatch.rules.lock import Lock, Move, with_move, with_rule
from aislewatch.rules.rule import Rule, Status

LADDER: Final[tuple[Status, ...]] = ("draft", "shadow", "live", "retired")
"""The statuses in the order of a rule's life."""

DAYS: Final = 14
"""Days in shadow, summed over stores, that are asked for where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a move needs.

    Attributes:
        tests: the rule is without mistakes and its tests hold each of its places.
        evidence: it ran in shadow within its budget.
    """

    tests: bool
    evidence: bool


def needs(now: Status, to: Status) -> Needs:
    """Say what a move needs.

    Raises:
        UsageError: it is no step up or down the ladder.
    """
    if abs(LADDER.index(to) - LADDER.index(now)) != 1:
        at = LADDER.index(now)
        near = [*LADDER[max(at - 1, 0) : at], *LADDER[at + 1 : at + 2]]
        there = "it is that already" if now == to else "a rule goes a step at a time"
        message = f"the rule is {now}: {there}; it can become {' or '.join(near)}"
        raise UsageError(message)
    up = (now, to) == ("draft", "shadow") or to == "live"
    return Needs(tests=up, evidence=to == "live")


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that speaks against a move.

    Attributes:
        mistake: what, at the status that would change.
        overridable: a given reason outweighs it.
    """

    mistake: Mistake
    overridable: bool


def lacks_of_tests(trial: Trial, text: str) -> list[Lack]:
    """Say what a rule's tests lack.

    Args:
        trial: of the rule.
        text: its file.
    """
    lacks = [Lack(mistake, overridable=False) for mistake in trial.failures]
    if trial.strays:
        names = ", ".join(repr(name) for name in trial.strays)
        message = f"what it says depends on the order of arrival in {names}"
        lacks.append(_at_status(trial.rule, text, message, overridable=False))
    if not trial.runs:
        lacks.append(_at_status(trial.rule, text, "it has no tests", overridable=False))
    lacks += [
        Lack(replace(pin.warning(), severity="error"), overridable=True) for pin in trial.open
    ]
    return lacks


def lacks_of_evidence(run: ShadowRun | None, rule: Rule, text: str, days: int) -> list[Lack]:
    """Say what a rule's time in shadow lacks.

    Args:
        run: what a ledger tells of it; None where none was named.
        rule: the rule.
        text: its file.
        days: days in shadow that are asked for, summed over stores.
    """
    if run is None:
        message = "no ledger tells how it did in shadow; name one with --ledger"
        return [_at_status(rule, text, message)]
    found: list[Lack] = []
    if len(run.days) < days:
        was = f"{len(run.days)} of {days} days in shadow" if run.days else "no day in shadow"
        message = f"{run.ledger} tells of {was} with this meaning"
        found.append(_at_status(rule, text, message))
    budget = rule.backtest.budget
    if budget.max_per_store_day is None:
        message = "it has no noise budget to keep"
        hint = "write backtest: {budget: {max_per_store_day: 3}}"
        found.append(_at_status(rule, text, message, hint))
    elif run.worst_rate > budget.max_per_store_day:
        rate = f"{float(run.worst_rate):.2f} signals a day"
        message = f"{run.worst} has {rate}, over the budget of {budget.max_per_store_day}"
        found.append(_at_status(rule, text, message))
    right, wrong = run.right, run.wrong
    least = budget.min_precision
    if least is not None and right + wrong and right < least * (right + wrong):
        message = f"{right} of {right + wrong} labelled signals are right, below {least:.0%}"
        found.append(_at_status(rule, text, message))
    return found


def settled(lacks: Sequence[Lack], because: str) -> None:
    """Let a move pass, or refuse it.

    Args:
        lacks: what speaks against it.
        because: the reason that outweighs what can be outweighed; empty for none.

    Raises:
        FileMistakes: what remains, each at its place.
    """
    left = [one for one in lacks if not (because and one.overridable)]
    if not left:
        return
    mistakes = [one.mistake for one in left]
    if all(one.overridable for one in left):
        last = replace(mistakes[-1], hint=mistakes[-1].hint or 'or give a reason: --because "..."')
        mistakes = [*mistakes[:-1], last]
    raise FileMistakes(mistakes)


def with_status(text: str, file: str, to: Status) -> str:
    """Give the text of a rule file with another status, every other byte as it was.

    Raises:
        FileMistakes: it says no status, and there is no room for a line that does.
    """
    return with_key(text, file, "status", to, behind="title")


def moved(lock: Lock, rule: Rule, to: Status, on: date, evidence: str, because: str) -> Lock:
    """Give the lock after a move of a rule.

    Args:
        lock: as it is.
        rule: as it was before.
        to: its new status.
        on: the day.
        evidence: what spoke for it, a sentence.
        because: the reason that outweighed what spoke against it.
    """
    known = with_rule(lock, rule)
    version = known.entries[rule.id].version
    return with_move(known, rule.id, Move(rule.status, to, on, version, evidence, because))


def _at_status(
    rule: Rule, text: str, message: str, hint: str = "", *, overridable: bool = True
) -> Lack:
    document = LocatedYaml.parse(text, rule.file)
    key = "status" if "status" in document.data else "id"
    return Lack(document.mistake((key,), message, hint=hint), overridable)
