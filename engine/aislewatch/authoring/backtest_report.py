"""What a backtest found out, as values: for tables, JSON, JUnit and a plot.

A hit is a signal that stands, an incident is what stands in an analyst's queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from aislewatch.authoring.backtest_budget import BudgetCheck
from aislewatch.authoring.backtest_figures import Suggestion
from aislewatch.authoring.backtest_hits import Hit, Raised
from aislewatch.authoring.backtest_labelled import Judged, Scores
from aislewatch.authoring.backtest_labels import Label
from aislewatch.rules.backtest import Cost
from aislewatch.rules.rule import Rule


class Subject(NamedTuple):
    """A rule, and what it is held against.

    Attributes:
        rule: the rule at hand.
        against: the name of the other version; empty for none.
        before: the other version; None where it did not exist.
        past: in its place what was really raised, by store.
    """

    rule: Rule
    against: str = ""
    before: Rule | None = None
    past: Mapping[str, Raised] | None = None

    @property
    def same(self) -> bool:
        """The other version means the same, and need not be run."""
        return self.before is not None and self.before.meaning == self.rule.meaning


class StoreDay(NamedTuple):
    """One day of one store: hits and incidents now and before; 0 before where nothing is held."""

    store: str
    day: str
    hits: int
    incidents: int
    hits_before: int
    incidents_before: int


class StoreTotal(NamedTuple):
    """One store over the days that count: on so many of them it told anything."""

    store: str
    days: int
    hits: int
    incidents: int
    hits_before: int
    incidents_before: int

    @property
    def per_day(self) -> Fraction:
        """Incidents a day, on average."""
        return Fraction(self.incidents, max(1, self.days))


@dataclass(frozen=True)
class Version:
    """What one version of a rule came to.

    Attributes:
        scores: its hits against the labels.
        withdrawn: signals that late evidence took back.
        incidents: that stand.
        per_store_day: incidents of a store in a day, on average; 0 without days.
        worst: the store that has most of them; empty without any.
        worst_per_day: incidents that it has in a day, on average.
    """

    scores: Scores
    withdrawn: int
    incidents: int
    per_store_day: Fraction
    worst: str
    worst_per_day: Fraction


@dataclass(frozen=True)
class RuleReport:
    """What a backtest found out about one rule.

    Attributes:
        subject: the rule, and what it is held against.
        idle: why it cannot hold in this shop; empty where it can.
        unheard: rules whose signals it looks for and of which none can come, each with why not.
        first, last: the days that count; empty without any.
        store_days: days that count on which a store's devices told anything, over all stores.
        open: by day, how many stores' devices told anything.
        events: that they told on those days.
        now: the rule at hand.
        before: the other version; None for none.
        only_now: hits that the other version has not.
        only_before: hits that only the other version has.
        changed: hits of both that have other points or are about others, as they are now.
        days: by store and day, those on which either hit.
        stores: all that told anything, those with most incidents a day first.
        judged: anchors that were judged.
        held: those for which all clauses held; what ``quiet`` silenced is among them.
        stopped: by clause, how many judgements it was the first to stop.
        excused: by exception, how many judgements it excused.
        undecided: by clause, how many judgements could not be told because of it.
        checks: of the noise budget.
        suggestion: what the labels say of its points, or why they say nothing.
        sample: unlabelled hits to be looked at.
        labels: those that speak of the rule and of the days that count.
        cost: of errors, as far as anybody said it.
    """

    subject: Subject
    idle: str
    unheard: Mapping[str, str]
    first: str
    last: str
    store_days: int
    open: Mapping[str, int]
    events: int
    now: Version
    before: Version | None
    only_now: Sequence[Judged]
    only_before: Sequence[Judged]
    changed: Sequence[Hit]
    days: Sequence[StoreDay]
    stores: Sequence[StoreTotal]
    judged: int
    held: int
    stopped: Mapping[str, int]
    excused: Mapping[str, int]
    undecided: Mapping[str, int]
    checks: Sequence[BudgetCheck]
    suggestion: Suggestion | str
    sample: Sequence[Hit]
    labels: Sequence[Label]
    cost: Cost

    @property
    def passed(self) -> bool:
        """No part of the budget is exceeded."""
        return not any(check.passed is False for check in self.checks)


@dataclass(frozen=True)
class Report:
    """What a backtest found.

    Attributes:
        stores: that told anything.
        events: that they told.
        refused: what was no event.
        strangers: events of stores that the store file does not describe, by store.
        zone: of the days.
        currency: of all amounts.
        rules: in the order in which they were given.
    """

    stores: Sequence[str]
    events: int
    refused: int
    strangers: Mapping[str, int]
    zone: str
    currency: str
    rules: Sequence[RuleReport]

    @property
    def passed(self) -> bool:
        """No rule exceeds its budget."""
        return all(rule.passed for rule in self.rules)
