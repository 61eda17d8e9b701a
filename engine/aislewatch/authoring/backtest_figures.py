"""What labels say of a rule, with how sure that is: shares, and the points that they suggest.

All intervals are of 95 %. Sources:

* a share: Wilson (1927), "Probable inference, the law of succession, and statistical inference",
  Journal of the American Statistical Association 22:209-212;
* points: ten times the decimal logarithm of the likelihood ratio TPR/FPR, its interval by the
  logarithm of a ratio of two shares, Katz, Baptista, Azen and Pike (1978), "Obtaining confidence
  intervals for the risk ratio in cohort studies", Biometrics 34:469-474. To each of the four counts
  half an observation is added, as Haldane (1955) did and as the prior of Jeffreys, Beta(1/2, 1/2),
  does: a rule that spared all of ten honest customers is not infinitely sure.
"""

from __future__ import annotations

from math import log10, sqrt
from typing import Final, NamedTuple

Z: Final = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""

LABELS_MIN: Final = 30
"""Labels below which the interval of the points is too wide for a change to be suggested."""

_DECIBANS_PER_NEPER: Final = 4.342944819032518
"""10 * log10(e): what a natural logarithm is in decibans."""

_DIGITS: Final = 6
"""Digits that are kept: what mathematical libraries round otherwise lies far behind them."""


class Interval(NamedTuple):
    """A figure and the interval that holds its true value in 19 of 20 cases."""

    low: float
    estimate: float
    high: float


class Suggestion(NamedTuple):
    """What labels say a rule's points should be.

    Attributes:
        points: decibans, with their interval.
        labels: how many it rests on.
        says: what to do about it, in a sentence; nobody does it by themselves.
        change: the labels and the points of the file contradict each other.
    """

    points: Interval
    labels: int
    says: str
    change: bool


def wilson(right: int, of: int) -> Interval | None:
    """Give a share and Wilson's interval for it; None of nothing.

    >>> wilson(8, 10)
    Interval(low=0.490162, estimate=0.8, high=0.943318)
    """
    assert 0 <= right <= of
    if not of:
        return None
    share, z2 = right / of, Z * Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z / (1 + z2 / of) * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    # At the ends Wilson's interval touches 0 and 1 exactly; rounding must not push it past them.
    low = 0.0 if right == 0 else round(middle - half, _DIGITS)
    high = 1.0 if right == of else round(middle + half, _DIGITS)
    return Interval(low, round(share, _DIGITS), high)


def points_of(caught: int, losses: int, accused: int, honest: int) -> Interval | None:
    """Give the decibans that labelled cases say a rule is worth; None without cases of both sorts.

    With ``a = caught + 1/2`` of ``m = losses + 1`` and ``b = accused + 1/2`` of ``n = honest + 1``
    it is ``10 log10((a/m) / (b/n))``, and the variance of the natural logarithm is
    ``1/a - 1/m + 1/b - 1/n``.

    >>> points_of(45, 50, 1, 50)
    Interval(low=7.95961, estimate=14.819201, high=21.678793)

    Args:
        caught: labelled losses that it hit.
        losses: all labelled losses.
        accused: labelled honest cases that it hit.
        honest: all labelled honest cases.
    """
    assert 0 <= caught <= losses
    assert 0 <= accused <= honest
    if not losses or not honest:
        return None
    a, m, b, n = caught + 0.5, losses + 1, accused + 0.5, honest + 1
    estimate = 10 * log10(a / m * n / b)
    half = Z * _DECIBANS_PER_NEPER * sqrt(1 / a - 1 / m + 1 / b - 1 / n)
    return Interval(
        round(estimate - half, _DIGITS), round(estimate, _DIGITS), round(estimate + half, _DIGITS)
    )


def suggest(points: int, caught: int, losses: int, accused: int, honest: int) -> Suggestion | str:
    """Say what labels make of a rule's points; a sentence where they can say nothing.

    Args:
        points: those of the file, decibans.
        caught: labelled losses that it hit.
        losses: all labelled losses.
        accused: labelled honest cases that it hit.
        honest: all labelled honest cases.
    """
    found = points_of(caught, losses, accused, honest)
    if found is None:
        missing = "losses" if not losses else "honest cases"
        return f"no labelled {missing}: points need both losses and honest cases"
    if accused == honest and caught == losses:
        return (
            "every labelled case is one that the rule hit, so the labels cannot tell how seldom it "
            "hits honest people; label some that it spared"
        )
    labels = losses + honest
    low, estimate, high = (f"{round(figure):+}" for figure in found)
    told = f"labels suggest {estimate} (95 %: {low} to {high})"
    file = f"the file says {points:+}"
    if labels < LABELS_MIN:
        says = (
            f"{told}, {file}; {labels} labels are too few to suggest a change "
            f"(at least {LABELS_MIN})"
        )
        return Suggestion(found, labels, says, change=False)
    if found.low <= points <= found.high:
        return Suggestion(found, labels, f"{told}, {file}: no contradiction", change=False)
    return Suggestion(found, labels, f"{told}, {file}: consider a change", change=True)
