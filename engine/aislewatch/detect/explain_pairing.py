"""Pairing off, explained: which events explain each other, and which nothing explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

from aislewatch.detect.evidence import Key
from aislewatch.detect.explain_log import Blindness, Log, index_of
from aislewatch.detect.explain_misses import MOST, Misses
from aislewatch.detect.explain_terms import Truth
from aislewatch.detect.explain_values import Miss, Paired, Pairing, Saw
from aislewatch.detect.explain_windows import Windows, filled, is_unknown
from aislewatch.detect.pairing import AGAIN_US, CHAIN, Pair, unmatched
from aislewatch.events.kinds import Event
from aislewatch.rules.needs import watching
from aislewatch.rules.rule import Rule, Unmatched


class PairedOff(NamedTuple):
    """What one ``unmatched`` came to.

    Attributes:
        truth: None where the window or a join is unknown, or devices were blind.
        saw: where it looked, and all that was there.
        pairing: None where it could not look.
        blind: devices that would have seen what would explain a leftover.
        may_be: signals that may be, and would explain one.
    """

    truth: Truth
    saw: Saw
    pairing: Pairing | None
    blind: list[Blindness]
    may_be: Sequence[Event] = ()


def pair_off(rule: Rule, clause: Unmatched, anchor: Event, windows: Windows, log: Log) -> PairedOff:
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
    may_be: Sequence[Event] = ()
    if truth:
        # Leftovers are absences of their partners.
        opposite = clause.left if clause.anchor_side == "right" else clause.right
        blind = windows.blind(watching(rule, opposite.types, clause.same[0]), start, end)
        attrs = [join.attr for join in clause.same[opposite is clause.right]]
        key = dict(zip(attrs, [join.value for join in saw.same], strict=True))
        may_be = log.may_be(opposite.types, opposite.where, key, (start, end))
    misses = _near(clause, pairing, anchor if truth else None, saw, windows, log)
    told = None if blind or may_be else truth
    return PairedOff(told, filled(saw, both, misses), pairing, blind, may_be)


def _near(
    clause: Unmatched,
    pairing: Pairing,
    anchor: Event | None,
    saw: Saw,
    windows: Windows,
    log: Log,
) -> list[Miss]:
    """Give what would have explained leftovers, had it happened within the window.

    Args:
        clause: the clause.
        pairing: what it came to.
        anchor: the anchor where the clause holds; of a rule whose anchor is on a side, nobody asks
            for the partners of other leftovers.
        saw: where was looked.
        windows: says which events meet the sides' conditions.
        log: everything that is known.
    """
    start, end = saw.from_us, saw.to_us
    assert start is not None
    assert end is not None
    if clause.anchor_side is None:
        over = [(event, 0) for event in pairing.left] + [(event, 1) for event in pairing.right]
    else:
        over = [(anchor, int(clause.anchor_side == "right"))] if anchor is not None else []
    beyond = Misses.beyond(end - start)
    key = [join.value for join in saw.same]
    found: dict[int, Miss] = {}
    for event, side in over[:MOST]:
        other, same = (clause.left, clause.right)[1 - side], clause.same[1 - side]
        by = [getattr(event, pair[side]) for pair in clause.by]
        outside = [
            one
            for one in (
                *log.between(other.types, start - beyond, start - 1),
                *log.between(other.types, end + 1, end + beyond),
            )
            if [getattr(one, join.attr) for join in same] == key
            and [getattr(one, pair[1 - side]) for pair in clause.by] == by
            and windows.counts(other.where, one) is True
        ]
        if outside and None not in by:
            near = min(outside, key=lambda one: abs(one.time - event.time))
            far = near.time - end if near.time > end else near.time - start
            found[id(near)] = Miss(near, "window", outside_us=far)
    return list(found.values())


def _key(values: Sequence[Key]) -> Key:
    return values[0] if len(values) == 1 else tuple(values)


def _by(attrs: Sequence[str]) -> Callable[[Event], Key]:
    get = [attrgetter(attr) for attr in attrs]

    def values(event: Event) -> Key:
        found: list[Key] = [one(event) for one in get]
        return None if None in found else _key(found)

    return values
