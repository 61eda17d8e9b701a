"""Statistics of a figure over peers, exact as long as the figures are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from math import sqrt
from operator import attrgetter
from statistics import median
from typing import Any, NamedTuple

from aislewatch.events.kinds import Event

Figure = int | Fraction | float


class Stats(NamedTuple):
    """What is known of peers' figures.

    Attributes:
        n: peers whose figure is known.
        mean: their arithmetic mean; None of none.
        stdev: standard deviation of a sample, with n - 1 below the line; None of fewer than two.
        median: the middle one, or the mean of the middle two; None of none.
        mad: median of the distances from the median, as they are: a normal distribution's
            standard deviation is 1.4826 times as much; None of none.
    """

    n: int
    mean: Figure | None
    stdev: float | None
    median: Figure | None
    mad: Figure | None


def statistics_of(figures: Sequence[Figure | None]) -> Stats:
    """Compute the statistics of the figures that are known.

    >>> statistics_of([2, None, 4, 9])[:3]
    (3, Fraction(5, 1), 3.605551275463989)
    """
    known = sorted(Fraction(figure) for figure in figures if figure is not None)
    if not known:
        return Stats(0, None, None, None, None)
    inexact = any(isinstance(figure, float) for figure in figures)
    mean = sum(known, Fraction(0)) / len(known)
    middle = median(known)
    spread = median(sorted(abs(figure - middle) for figure in known))
    stdev = None
    if len(known) > 1:
        stdev = sqrt(sum((figure - mean) ** 2 for figure in known) / (len(known) - 1))
    if inexact:
        return Stats(len(known), float(mean), stdev, float(middle), float(spread))
    return Stats(len(known), mean, stdev, middle, spread)


def peers_among(found: Sequence[Event], others: Sequence[tuple[str, Any]]) -> list[Event] | None:
    """Give those that differ from the anchor in every field; None where the anchor's is unknown.

    Args:
        found: other events of the anchor's kind.
        others: fields, with the anchor's value of each.
    """
    if any(value is None for _, value in others):
        return None
    peers = list(found)
    for attr, value in others:
        get: Callable[[Event], Any] = attrgetter(attr)
        peers = [peer for peer in peers if get(peer) not in (None, value)]
    return peers
