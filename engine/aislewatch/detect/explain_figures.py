"""Figures of a judgement, explained: how they come about, and why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aislewatch.detect.peers import statistics_of
from aislewatch.events.kinds import Event
from aislewatch.rules.peers import types_of_statistics
from aislewatch.rules.rule import Aggregate, Rule, StatsOf, flat
from aislewatch.rules.tree import Type


def figure_of(clause: Aggregate, found: Sequence[Event]) -> Any:
    """Compute an aggregate over the events of its window; None where it is unknown."""
    if clause.op == "count":
        return len(found)
    assert clause.attr is not None
    values: list[Any] = [getattr(event, clause.attr) for event in found]
    if clause.op == "distinct":
        return len({value for value in values if value is not None})
    if None in values:
        return None
    if not values:
        return 0 if clause.op == "sum" else None
    compute: dict[str, Callable[[Any], Any]] = {
        "sum": sum,
        "max": max,
        "min": min,
        "avg": lambda x: sum(x) / len(x),
    }
    return compute[clause.op](values)


def why_no_figure(clause: Aggregate, found: Sequence[Event] | None) -> str:
    """Say why an aggregate has no value."""
    if found is None:
        return "where it should look, or what it joins on, is unknown"
    if not found:
        return f"there is no {clause.op} of nothing"
    return (
        "one of the events does not tell the figure, and a figure with an unknown part is unknown"
    )


def names_of_peers(clause: StatsOf) -> dict[str, Type | None]:
    """Give what statistics bind, with its type; None for the list of the peers' own figures."""
    figures = types_of_statistics(clause.type).items()
    named: dict[str, Type | None] = {f"{clause.name}.{name}": kind for name, kind in figures}
    return named | {f"{clause.name}.{clause.figure}": None}


def names_of_all_peers(rule: Rule) -> frozenset[str]:
    """Give all that the statistics of a rule bind."""
    peers = (clause for clause in flat(rule.clauses) if isinstance(clause, StatsOf))
    return frozenset(name for clause in peers for name in names_of_peers(clause))


def told_of_peers(clause: StatsOf, figures: Sequence[Any] | None) -> Mapping[str, Any]:
    """Give what statistics bind, made of the peers' figures; all None where they are unknown."""
    known = statistics_of(figures) if figures is not None else None
    told = {
        f"{clause.name}.{name}": getattr(known, name) if known is not None else None
        for name in types_of_statistics(clause.type)
    }
    return told | {f"{clause.name}.{clause.figure}": figures}
