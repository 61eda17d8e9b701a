"""The arithmetic of suspicion: points, repeats, decay, families and what a sum means.

Rule authors write decibans: +10 makes an incident ten times likelier (I. J. Good, *Probability and
the Weighing of Evidence*, 1950). Sums are integer centibans, ten to a deciban, so that a score is
the same everywhere; contributions are kept and summed anew, never a running total, so that late and
withdrawn evidence leaves no trace in the figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

# Decimal's exponential is specified to the last digit, unlike the C library's on two machines.
_EXACT = Context(prec=30, rounding=ROUND_HALF_EVEN)
_LN_2 = _EXACT.ln(Decimal(2))
_LN_10 = _EXACT.ln(Decimal(10))

LEVELS = ((200, "near-certain"), (100, "likely"), (0, "even-odds"))
"""Least score (centibans) of each level, the highest first; below the last an incident is noted."""


class Contribution(NamedTuple):
    """What one signal adds to its incident.

    Attributes:
        time: event time of the signal, microseconds.
        signal: its id; settles the order of equal times.
        rule: whose signal; repeats of one rule count less and less.
        points_cb: centibans, before repeats and decay; negative ones speak for innocence.
        half_life_us: the points halve in this time; None keeps them.
        family: rules that see the same thing; only the largest of a family counts.
    """

    time: int
    signal: str
    rule: str
    points_cb: int
    half_life_us: int | None
    family: str | None


def score_cb(prior_cb: int, contributions: Iterable[Contribution], now_us: int) -> int:
    """Sum an incident's score.

    The k-th signal of one rule counts 1/2^(k-1) of its points; each is decayed to ``now_us``; of a
    family of rules only the one of the largest magnitude counts.

    >>> hit = Contribution(0, "s1", "exit", 200, 3600_000_000, None)
    >>> score_cb(-300, [hit], 0), score_cb(-300, [hit], 3600_000_000)
    (-100, -200)
    """
    by_rule: dict[tuple[str | None, str], int] = defaultdict(int)
    repeats: dict[str, int] = defaultdict(int)
    for item in sorted(contributions):
        points = _halved(item.points_cb, repeats[item.rule])
        repeats[item.rule] += 1
        if points and item.half_life_us is not None:
            points = _decayed(points, now_us - item.time, item.half_life_us)
        by_rule[item.family, item.rule] += points
    families: dict[str, list[int]] = defaultdict(list)
    total = prior_cb
    for (family, _), points in by_rule.items():
        if family is None:
            total += points
        else:
            families[family].append(points)
    return total + sum(max(members, key=lambda p: (abs(p), p)) for members in families.values())


def probability_ppm(score: int) -> int:
    """Give the probability that a score (centibans) stands for, in parts per million.

    1 / (1 + 10^(-score/100)).

    >>> probability_ppm(0), probability_ppm(-300)
    (500000, 999)
    """
    odds = _EXACT.exp(_EXACT.multiply(_EXACT.divide(Decimal(-score), Decimal(100)), _LN_10))
    share = _EXACT.divide(Decimal(1_000_000), _EXACT.add(Decimal(1), odds))
    return int(share.to_integral_value(ROUND_HALF_EVEN))


def level(score: int) -> str:
    """Name a score (centibans).

    >>> level(-1), level(0), level(250)
    ('noted', 'even-odds', 'near-certain')
    """
    return next((name for least, name in LEVELS if score >= least), "noted")


def _halved(points: int, times: int) -> int:
    size = abs(points) >> times
    return size if points > 0 else -size


@lru_cache(maxsize=4096)
def _decayed(points: int, age_us: int, half_life_us: int) -> int:
    if age_us <= 0:
        return points
    whole, rest = divmod(age_us, half_life_us)
    if whole > 40:
        return 0
    if not rest:
        # Thirty digits of a half are not a half, and what ends in one would be rounded at random.
        return round(Fraction(points, 1 << whole))
    halvings = _EXACT.divide(Decimal(age_us), Decimal(half_life_us))
    factor = _EXACT.exp(_EXACT.multiply(-halvings, _LN_2))
    return int(_EXACT.multiply(Decimal(points), factor).to_integral_value(ROUND_HALF_EVEN))
