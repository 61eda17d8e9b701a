"""Whose health a rule rests on: devices by what they would see, and where they stand.

An absence rests on what would have seen it: in the clause's lane where it joins on one, otherwise
all over the shop. ``requires: [vision.person on refund.zone.id healthy]`` says where the devices
stand that count for a type of event, for the rule as a whole and for its absences alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aislewatch.rules.rule import Expr, Join, Requirement, Rule

LANE, ZONE = "lane", "zone_id"
"""Attributes of events that say where they happened, and so which devices would have seen them."""


class Sight(NamedTuple):
    """Devices that must have been able to see.

    Attributes:
        types: the kinds of event that they would have sent.
        lane: they are of this lane or of none; of any where None or where it is unknown.
        zone: they look at this zone or at none in particular; likewise.
    """

    types: tuple[str, ...]
    lane: Expr | None = None
    zone: Expr | None = None


def needed(requirement: Requirement) -> Sight:
    """Give the devices that a requirement is about."""
    return _at((requirement.type,), requirement.on)


def watching(rule: Rule, types: Sequence[str], same: Sequence[Join]) -> list[Sight]:
    """Give the devices that an absence rests on.

    Args:
        rule: whose.
        types: what is absent.
        same: what it is joined on.
    """
    lane = next((join.expr for join in same if join.attr == LANE), None)
    anywhere: list[str] = []
    sights: list[Sight] = []
    for type_ in types:
        places = [one.on for one in rule.requires if one.type == type_]
        if not places or None in places:
            anywhere.append(type_)
            continue
        narrowed = [_at((type_,), place) for place in places]
        sights += [sight._replace(lane=lane or sight.lane) for sight in narrowed]
    return [Sight(tuple(anywhere), lane), *sights] if anywhere else sights


def _at(types: tuple[str, ...], place: Join | None) -> Sight:
    if place is None:
        return Sight(types)
    return Sight(types, place.expr) if place.attr == LANE else Sight(types, zone=place.expr)
