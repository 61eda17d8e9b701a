"""A rule's noise budget against what it raised: kept, exceeded, or not to be told.

The rate that counts is that of the store that has it worst: an average over all hides the shop in
which nobody looks at alarms any more. Incidents count, not signals: twenty tags in one bag are one
thing to look at.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from aislewatch.authoring.backtest_labelled import Scores
from aislewatch.rules.backtest import Budget


class BudgetCheck(NamedTuple):
    """One part of a budget, checked.

    Attributes:
        name: its key in the rule's file.
        limit: as the file says.
        measured: what was found; None where nothing could be.
        passed: None where it could not be told.
        says: the same in a sentence.
    """

    name: str
    limit: Decimal
    measured: float | None
    passed: bool | None
    says: str


def check_budget(
    budget: Budget, worst: str, worst_per_day: Fraction, scores: Scores
) -> Sequence[BudgetCheck]:
    """Check a budget; gives one check for each part that the file sets.

    Args:
        budget: the file's.
        worst: the store with most incidents a day; empty where there are none.
        worst_per_day: how many it has.
        scores: of the hits against labels.
    """
    checks: list[BudgetCheck] = []
    most = budget.max_per_store_day
    if most is not None:
        kept = worst_per_day <= Fraction(most)
        measured = round(float(worst_per_day), 4)
        where = (
            f"{worst} has {float(worst_per_day):.2f} incidents a day" if worst else "no incidents"
        )
        says = f"{where}, {'within' if kept else 'over'} the budget of {most}"
        checks.append(BudgetCheck("max_per_store_day", most, measured, kept, says))
    least = budget.min_precision
    if least is not None:
        checks.append(_precision(least, scores))
    return checks


def _precision(least: Decimal, scores: Scores) -> BudgetCheck:
    split = scores.split
    labelled = split.right + split.wrong
    if scores.precision is None:
        says = f"no labelled hits, so nobody knows whether {least:.0%} of them are right"
        return BudgetCheck("min_precision", least, None, None, says)
    kept = split.right >= least * labelled
    share = scores.precision.estimate
    word = "at least" if kept else "below"
    says = f"{split.right} of {labelled} labelled hits are right ({share:.0%}), {word} {least:.0%}"
    return BudgetCheck("min_precision", least, share, kept, says)
