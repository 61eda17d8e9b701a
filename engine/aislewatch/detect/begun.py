"""Since when rules are asked: of what was seen before, only what others asked for was kept.

Under other rules a core goes on with the evidence that it has. A rule that is new or changed may
look for what nobody has kept until then, and what it does not find may well have been. It is left
open by `aislewatch.detect.bound` where it looks so far back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aislewatch.detect.evidence import Index
from aislewatch.detect.plan import Plan


@dataclass
class BegunState:
    """Everything a snapshot needs.

    Attributes:
        asked: by id of a rule that decided, its meaning; None before anything was decided.
        spans: by index, how far back its events were kept, microseconds.
        indexes: by index, up to and including which time not all of its events were kept.
        rules: the same, by id of a rule, of all that it looks into.
    """

    asked: dict[str, str] | None = None
    spans: dict[str, int] = field(default_factory=dict[str, int])
    indexes: dict[str, int] = field(default_factory=dict[str, int])
    rules: dict[str, int] = field(default_factory=dict[str, int])


def begin(plan: Plan, state: BegunState, watermark: int) -> None:
    """Find out which rules look for what was not kept.

    Args:
        plan: of the rules that decide from now on.
        state: as those before them left it; brought up to date.
        watermark: event time up to which everything was decided, microseconds.
    """
    if state.asked is None:
        return
    names = _names(plan)
    begun: dict[str, int] = {}
    for index, name in names.items():
        floor_us = state.indexes.get(name, -1)
        span_us = state.spans.get(name)
        if span_us is None:
            floor_us = watermark
        elif span_us < index.span_us:
            floor_us = max(floor_us, watermark - span_us - 1)
        if floor_us >= 0:
            begun[name] = floor_us
    rules: dict[str, int] = {}
    for one in plan.rules:
        ident = one.rule.id
        if state.asked.get(ident) == one.rule.meaning:
            # Whatever its indexes are called now, all that it asked for was kept for it.
            floor_us = state.rules.get(ident, -1)
        else:
            floor_us = max((begun.get(names[index], -1) for index in one.indexes), default=-1)
        if floor_us >= 0:
            rules[ident] = floor_us
    state.indexes, state.rules = begun, rules


def note(plan: Plan, state: BegunState) -> None:
    """Note what a plan has asked for, for those that come after it."""
    state.asked = {one.rule.id: one.rule.meaning for one in plan.rules}
    state.spans = {name: index.span_us for index, name in _names(plan).items()}


def forget(state: BegunState, before_us: int) -> None:
    """Forget what was not kept of a time to which no judgement looks back any more."""
    for floors in (state.indexes, state.rules):
        for name in [name for name, floor_us in floors.items() if floor_us < before_us]:
            del floors[name]


def _names(plan: Plan) -> dict[Index, str]:
    """Give what clauses look into, with its name; without what keeps anchors alone."""
    looked = {index for one in plan.rules for index in one.indexes}
    return {index: name for name, index in plan.indexes.items() if index in looked}
