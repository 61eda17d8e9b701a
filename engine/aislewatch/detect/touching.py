"""How an event that comes late, or turns out not to count, bears on judgements made before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from aislewatch.detect.evidence import Key
from aislewatch.detect.pairing import AGAIN_US, CHAIN
from aislewatch.events.kinds import Event
from aislewatch.rules.compiling import Lists, compile_event_later
from aislewatch.rules.listed import without_lists
from aislewatch.rules.peers import evidence_of_peers
from aislewatch.rules.rule import Evidence, Expr, Join, Rule, StatsOf, Unmatched, flat
from aislewatch.rules.windows import Reach, reach_of


@dataclass(frozen=True)
class Touch:
    """How an event can bear on a rule's earlier judgements, through one clause.

    Attributes:
        types: the kinds of event that the clause looks for.
        fails: says of an event that it certainly does not count.
        earliest_us: where the clause's window can begin, from the anchor.
        latest_us: where it can end.
        event_key: the part of the join that the anchor alone decides, of the event.
        anchor_key: the same, of the anchor.
    """

    types: frozenset[str]
    fails: Callable[[Any], bool]
    earliest_us: int
    latest_us: int
    event_key: Callable[[Event], Key]
    anchor_key: Callable[[Event], Key]


def touches_of(rule: Rule, lists: Lists) -> Iterator[Touch]:
    """Give a rule's touches: at least one for each clause that looks for events."""
    reaches: dict[str, Reach] = {rule.anchor.name: Reach(0, 0)}
    for clause in flat(rule.clauses):
        if isinstance(clause, Evidence):
            reach = reach_of(clause.window, reaches)
            if isinstance(clause, StatsOf):
                for made_by, wide in evidence_of_peers(clause, rule.anchor.name):
                    yield _touch(rule, made_by.types, made_by.where, (), wide, lists)
            name = getattr(clause, "name", None)
            if name is not None:
                reaches[name] = reach
            yield _touch(rule, clause.types, clause.where, clause.same, reach, lists)
        elif isinstance(clause, Unmatched):
            reach = reach_of(clause.window, reaches)
            reaches["partner"] = reach
            wide = _paired(reach, chained=clause.anchor_side is not None)
            for side, same in zip((clause.left, clause.right), clause.same, strict=True):
                yield _touch(rule, side.types, side.where, same, wide, lists)


def _paired(reach: Reach, *, chained: bool) -> Reach:
    """Give how far from the anchor an event can be that bears on a pairing.

    What one pairing reaches is measured when it is made, from the events that its window hangs on.
    """
    width = max(-reach.earliest_us, reach.latest_us) if chained else 0
    return Reach(reach.earliest_us - CHAIN * width - AGAIN_US, reach.latest_us)


def _touch(
    rule: Rule,
    types: Sequence[str],
    where: Expr | None,
    same: Sequence[Join],
    reach: Reach,
    lists: Lists,
) -> Touch:
    anchor = rule.anchor.name
    own = [join for join in same if join.expr.names <= {anchor}]
    where = without_lists(where)
    source = where.fails_source({"": "e"}) if where is not None else "False"
    values = [join.expr.compile_bound(lists) for join in own]
    attrs = [attrgetter(join.attr) for join in own]
    return Touch(
        types=frozenset(types),
        fails=compile_event_later(source, lists),
        earliest_us=reach.earliest_us,
        latest_us=reach.latest_us,
        event_key=lambda event: tuple(get(event) for get in attrs),
        anchor_key=lambda event: tuple(value({anchor: event}) for value in values),
    )
