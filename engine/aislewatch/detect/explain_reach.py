"""How far around its anchor a judgement looks, with all that is near enough to be told of it."""

from __future__ import annotations

from aislewatch.detect.explain_misses import Misses
from aislewatch.detect.pairing import AGAIN_US, CHAIN
from aislewatch.rules.rule import Rule, Unmatched, flat


def reach_of_rule(rule: Rule) -> tuple[int, int]:
    """Give how far from an anchor a log must reach for its judgement and for what lies near it.

    Returns:
        Microseconds before the anchor, and after it.
    """
    earliest, latest = -rule.reach.earliest_us, rule.reach.latest_us
    beyond = Misses.beyond(max(earliest, latest))
    chain = 0
    if any(isinstance(clause, Unmatched) for clause in flat(rule.clauses)):
        # As far back as a pairing is followed, and tags that were heard before it.
        chain = (CHAIN + 1) * max(earliest, latest) + AGAIN_US
    return max(0, earliest) + max(beyond, chain), max(0, latest) + beyond
