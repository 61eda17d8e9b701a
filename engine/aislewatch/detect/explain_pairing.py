"""Pairing off, explained: which events explain each other, and which nothing explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

from aislewatch.detect.evidence import Key
from aislewatch.detect.explain_log import Blindness, Log, index_of
from aislewatch.detect.explain_terms import Truth
from aislewatch.detect.explain_values import Paired, Pairing, Saw
from aislewatch.detect.explain_windows import Windows, filled, is_unknown
from aislewatch.detect.pairing import AGAIN_US, CHAIN, Pair, unmatched
from aislewatch.events.kinds import Event
from aislewatch.rules.rule import Unmatched


class PairedOff(NamedTuple):
    """What one ``unmatched`` came to.

    Attributes:
        truth: None where the window or a join is unknown, or devices were blind.
        saw: where it looked, and all that was there.
        pairing: None where it could not look.
        blind: devices that would have seen what would explain a leftover.
    """

    truth: Truth
    saw: Saw
    pairing: Pairing | None
    blind: list[Blindness]


def pair_off(clause: Unmatched, anchor: Event, windows: Windows, log: Log) -> PairedOff:
    """Pair off what happened around an anchor, and tell the pairs."""
    types = [*clause.left.types, *clause.right.types]
    saw = windows.where_to_look(types, clause.window, clause.same[0])
    start, end = saw.from_us, saw.to_us
    if start is None or end is None or is_unknown(saw):
        return PairedOff(None, saw, None, [])
    reach = None
    if clause.anchor_side is not None:
        reach = max(anchor.time - start, end - anchor.time)
    earliest = start - (CHAIN + 1) * (reach or 0) - AGAIN_US
    indexes = [
        index_of(
            (
                event
                for event in log.between(side.types, earliest, end)
                if windows.counts(side.where, event) is True
            ),
            tuple(join.attr for join in same),
        )
        for side, same in zip((clause.left, clause.right), clause.same, strict=True)
    ]
    pairs: list[Pair] = []
    truth, left, right, partner, both = unmatched(
        anchor,
        {"left": True, "right": False, None: None}[clause.anchor_side],
        _key([join.value for join in saw.same]),
        indexes[0],
        indexes[1],
        _by([pair[0] for pair in clause.by]),
        _by([pair[1] for pair in clause.by]),
        start,
        end,
        reach,
        pairs,
    )
    inside = [Paired(*pair) for pair in pairs if max(pair.left.time, pair.right.time) >= start]
    by = [one if one == other else f"{one} = {other}" for one, other in clause.by]
    pairing = Pairing(by, clause.anchor_side, inside, left, right, partner)
    blind: list[Blindness] = []
    if truth:
        # Leftovers are absences of their partners.
        opposite = clause.left if clause.anchor_side == "right" else clause.right
        blind = log.blind(opposite.types, windows.lane(clause.same[0]), start, end)
    return PairedOff(None if blind else truth, filled(saw, both), pairing, blind)


def _key(values: Sequence[Key]) -> Key:
    return values[0] if len(values) == 1 else tuple(values)


def _by(attrs: Sequence[str]) -> Callable[[Event], Key]:
    get = [attrgetter(attr) for attr in attrs]

    def values(event: Event) -> Key:
        found: list[Key] = [one(event) for one in get]
        return None if None in found else _key(found)

    return values
