"""What bore on signals beyond their own evidence, read from the events of those days.

A signal's record has every event that its clauses looked at, and of peers their figures alone; nor
does it say who put a name on a list. A test needs what those were made of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aislewatch.authoring.why_not import types_of
from aislewatch.authoring.why_stream import Told
from aislewatch.detect.explain_reach import reach_of_rule
from aislewatch.events.codec import content_hash
from aislewatch.events.kinds import Event, ListChanged
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import type_of
from aislewatch.rules.listed import lists_of
from aislewatch.rules.rule import Clause, Rule, StatsOf, flat


def rests_on_more(rule: Rule) -> bool:
    """Say whether a rule's signals rest on more than their records have."""
    clauses: list[Clause] = list(flat(rule.clauses))
    return any(isinstance(clause, StatsOf) for clause in clauses) or bool(lists_of(rule))


def events_around(
    rule: Rule,
    evidence: Sequence[Event],
    anchors: Sequence[str],
    told: Told,
    model: StoreModel,
    on_progress: Callable[[int], None] | None = None,
) -> list[Event]:
    """Give the events of a store that may bear on signals and are no part of their evidence.

    Args:
        rule: whose signals.
        evidence: their events, of one store.
        anchors: ids of those of them for which the rule held.
        told: the events of those days.
        model: the shop, which adds to them what it knows.
        on_progress: called now and then with how many events were read.

    Raises:
        UsageError: the events cannot be read.
    """
    held = {event.id for event in evidence}
    judged = [event.time for event in evidence if event.id in set(anchors)]
    before, after = reach_of_rule(rule)
    start, end = min(judged) - before, max(judged) + after
    types, lists = set(types_of(rule)), lists_of(rule)
    found: dict[str, Event] = {}
    for number, event in enumerate(told.read(), 1):
        if on_progress is not None and number % 1_000 == 0:
            on_progress(number)
        if event.store != evidence[0].store or event.id in held or event.time > end:
            continue
        listed = isinstance(event, ListChanged) and event.list_name in lists
        if not listed and not (type_of(type(event)) in types and event.time >= start):
            continue
        whole = model.enrich(event)
        other = found.get(event.id)
        # Of two contents under one id the one with the lower hash counts.
        if other is None or content_hash(whole) < content_hash(other):
            found[event.id] = whole
    return list(found.values())
