"""A difference in weight as units of the articles that lie on a shelf.

Units vary, so n of them weigh n times the nominal weight, give or take the root of n times what one
of them may vary: they vary independently. An explanation is plausible if the difference lies within
that and the scale's own noise. One plausible explanation is taken at its word; several are told as
ambiguous, with the product only where they agree on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import isqrt

MOST_UNITS = 12
"""Units of different articles that are tried together; many more of one article are."""

_MOST_TRIED = 5_000
"""Combinations that are looked at; where there are more, whatever is found is ambiguous."""


@dataclass(frozen=True, slots=True)
class Article:
    """An article on a shelf.

    Attributes:
        sku: the shop's own number.
        weight_mg: nominal weight of one unit.
        spread_mg: how far one unit may weigh from it.
    """

    sku: str
    weight_mg: int
    spread_mg: int


@dataclass(frozen=True, slots=True)
class Units:
    """So many units of an article.

    Attributes:
        article: which; None where several are possible.
        count: how many.
        ambiguous: other counts or other articles explain the weight as well, or none does well.
    """

    article: Article | None
    count: int
    ambiguous: bool


@dataclass(frozen=True, slots=True)
class _Explanation:
    counts: tuple[int, ...]
    off_mg: int

    @property
    def units(self) -> int:
        return sum(self.counts)

    @property
    def rank(self) -> tuple[int, int, int, tuple[int, ...]]:
        """Fewest articles first, then what fits best, then fewest units."""
        return sum(map(bool, self.counts)), abs(self.off_mg), self.units, self.counts


def units_of(delta_mg: int, articles: Sequence[Article], noise_mg: int) -> list[Units]:
    """Say how many units of which articles a difference is.

    >>> cola = Article("COLA", 345_000, 6_000)
    >>> [(u.article.sku, u.count, u.ambiguous) for u in units_of(-691_500, [cola], 2_000)]
    [('COLA', 2, False)]

    Args:
        delta_mg: the difference; its sign does not matter.
        articles: what lies on the shelf.
        noise_mg: how far the difference itself may be off.

    Returns:
        What was taken or put back; nothing where no number of units comes near.
    """
    weight_mg = abs(delta_mg)
    tried = list(islice(_counts(weight_mg, articles, noise_mg), _MOST_TRIED + 1))
    plausible = list(_plausible(weight_mg, articles, noise_mg, tried))
    if not plausible:
        return _nearest(weight_mg, articles)
    best = min(plausible, key=lambda one: one.rank)
    taken = [(a, n) for a, n in zip(articles, best.counts, strict=True) if n]
    if len(plausible) == 1 and len(tried) <= _MOST_TRIED:
        return [Units(article, count, ambiguous=False) for article, count in taken]
    agreed = {a for one in plausible for a, n in zip(articles, one.counts, strict=True) if n} == {
        taken[0][0]
    }
    return [Units(taken[0][0] if agreed else None, best.units, ambiguous=True)]


def _plausible(
    weight_mg: int, articles: Sequence[Article], noise_mg: int, tried: Sequence[tuple[int, ...]]
) -> Iterator[_Explanation]:
    for counts in tried:
        expected_mg = sum(n * a.weight_mg for a, n in zip(articles, counts, strict=True))
        square = sum(n * a.spread_mg**2 for a, n in zip(articles, counts, strict=True))
        off_mg = weight_mg - expected_mg
        if abs(off_mg) <= isqrt(square) + noise_mg:
            yield _Explanation(counts, off_mg)


def _counts(
    weight_mg: int, articles: Sequence[Article], noise_mg: int
) -> Iterator[tuple[int, ...]]:
    """Give the counts that come near, each article by itself first, then several together."""
    for at, article in enumerate(articles):
        about = weight_mg // article.weight_mg
        # The root of n times the spread is more than a unit only for hundreds of them.
        reach = 1 + (isqrt(about * article.spread_mg**2) + noise_mg) // article.weight_mg
        for count in range(max(1, about - reach), about + reach + 2):
            yield tuple(count if i == at else 0 for i in range(len(articles)))
    for counts in _mixed(weight_mg, articles, MOST_UNITS, noise_mg):
        if sum(map(bool, counts)) > 1:
            yield counts


def _mixed(
    rest_mg: int, articles: Sequence[Article], most: int, noise_mg: int
) -> Iterator[tuple[int, ...]]:
    if not articles:
        yield ()
        return
    article, *others = articles
    lightest_mg = max(1, article.weight_mg - article.spread_mg)
    for count in range(min(most, (rest_mg + noise_mg) // lightest_mg) + 1):
        for counts in _mixed(rest_mg - count * lightest_mg, others, most - count, noise_mg):
            yield (count, *counts)


def _nearest(weight_mg: int, articles: Sequence[Article]) -> list[Units]:
    """Take the nearest number of units, where a shelf holds one article only."""
    if len(articles) != 1:
        return []
    article = articles[0]
    count = (2 * weight_mg + article.weight_mg) // (2 * article.weight_mg)
    return [Units(article, count, ambiguous=True)] if count else []
