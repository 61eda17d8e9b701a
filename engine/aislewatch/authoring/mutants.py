"""Every place of a rule that its tests should hold fast, with the rules that would be others.

Figures, texts, comparisons, ends of windows, joins, points and whole clauses. What a clause binds
and others use cannot be left out of a rule; such an event is made optional instead, and a pairing
or a figure that others name stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from aislewatch.authoring.literals import NUDGED, expression_sites
from aislewatch.authoring.sites import Change, Draft, Mutant, Site, scaled
from aislewatch.authoring.swapping import names_used, with_part, with_unbound
from aislewatch.rules.rule import (
    Aggregate,
    Check,
    Clause,
    Evidence,
    Expr,
    Join,
    Let,
    Rule,
    Seen,
    SomeOf,
    StatsOf,
    Unmatched,
)
from aislewatch.rules.tree import FIRST, All, Compare
from aislewatch.rules.windows import Bound

WIDER_US = 43_200_000_000
"""How far past an event a window is tried that ends or begins with it: half a day."""

_Path = tuple[str | int, ...]

_BETWEEN = re.compile(r"\s*between\s+(\S+)\s+and\s+(\S+)\s*")
_OFFSET = re.compile(r"(\S+)\s+(?:before|after|around)\s")

_TWICE_AND_HALF = ((Fraction(2), "doubled"), (Fraction(1, 2), "halved"))
_LEFT_OUT = ((Fraction(0), "left out"),)

_LIMITS = ("at_least", "at_most", "more_than", "less_than", "exactly")


def sites_of(rule: Rule, text: str) -> list[Site]:
    """Give the sites of a rule, in the order of its file.

    Args:
        rule: a checked rule.
        text: its file.
    """
    draft = Draft(rule, text)
    found = list(_sites(draft))
    return sorted(found, key=lambda site: (site.place.line, site.place.column))


def _sites(draft: Draft) -> Iterator[Site]:
    rule = draft.rule
    yield from _expression(draft, rule.anchor.where, ("when", "where"))
    figures = draft.keys(("let",))
    for number, clause in enumerate(rule.clauses):
        if number < len(figures):
            yield from _clause(draft, clause, ("let", figures[number]))
        else:
            yield from _clause(draft, clause, ("match", number - len(figures)))
    for index, excuse in enumerate(rule.excepts):
        yield from _expression(draft, excuse.where, ("except", index, "where"))
    incident = rule.incident
    if incident.points:
        more = replace(incident, points=incident.points + 1)
        yield _points(draft, incident.points, ("incident", "points"), incident, more)


def _expression(draft: Draft, expr: Expr | None, path: _Path) -> Iterator[Site]:
    if expr is not None:
        yield from expression_sites(draft, expr.term, expr.text, path)


def _clause(draft: Draft, clause: Clause, path: _Path) -> Iterator[Site]:
    if isinstance(clause, Evidence):
        yield from _expression(draft, clause.where, (*path, "where"))
        for index, join in enumerate(clause.same):
            rest = (*clause.same[:index], *clause.same[index + 1 :])
            yield _join(draft, join, index, path, Change("", clause, replace(clause, same=rest)))
        yield from _window(draft, clause, path)
    if isinstance(clause, Aggregate) and clause.holds is not None:
        yield from _limits(draft, clause.holds, path)
    elif isinstance(clause, Check):
        yield from _expression(draft, clause.expr, (*path, "check"))
    elif isinstance(clause, Let):
        yield from _expression(draft, clause.expr, path)
    elif isinstance(clause, StatsOf):
        for index, join in enumerate(clause.others):
            rest = (*clause.others[:index], *clause.others[index + 1 :])
            change = Change("", clause, replace(clause, others=rest))
            yield _join(draft, join, index, path, change, under="others")
    elif isinstance(clause, Unmatched):
        yield from _unmatched(draft, clause, path)
    elif isinstance(clause, SomeOf):
        yield from _some_of(draft, clause, path)
    if clause.points:
        more = replace(clause, points=clause.points + 1)
        yield _points(draft, clause.points, (*path, "points"), clause, more)
    yield from _without(draft, clause, path)


def _points(draft: Draft, points: int, path: _Path, old: object, new: object) -> Site:
    change = Change(f"changing {points} points to {points + 1}", old, new)
    return draft.site("points", str(points), path, [change])


def _join(
    draft: Draft, join: Join, index: int, path: _Path, dropped: Change, *, under: str = "same"
) -> Site:
    keys = draft.keys((*path, under))
    key = keys[index] if keys else index
    # `same: [epc]` is read as the anchor's field of that name.
    shown = keys[index] if keys else join.expr.text.partition(".")[2]
    change = dropped._replace(change=f"dropping the join on {shown}")
    return draft.site("join", shown, (*path, under, key), [change], on_key=bool(keys))


def _limits(draft: Draft, holds: Expr, path: _Path) -> Iterator[Site]:
    """Give the sites of a figure's limits, which the checker made one condition of."""
    terms = holds.term.terms if isinstance(holds.term, All) else (holds.term,)
    keys = [key for key in _LIMITS if draft.written((*path, key)) is not None]
    for key, term in zip(keys, terms, strict=True):
        assert isinstance(term, Compare)
        text = str(draft.written((*path, key)))
        yield from expression_sites(draft, term.right, text, (*path, key))
        if term.op in NUDGED:
            nudged = replace(term, op=NUDGED[term.op])
            change = Change(f"changing {term.op} to {nudged.op}", term, nudged)
            yield draft.site("comparison", f"{key} {text}", (*path, key), [change], on_key=True)


def _unmatched(draft: Draft, clause: Unmatched, path: _Path) -> Iterator[Site]:
    yield from _expression(draft, clause.left.where, (*path, "where_left"))
    yield from _expression(draft, clause.right.where, (*path, "where_right"))
    left, right = clause.same
    for index, join in enumerate(left):
        rest = (
            (*left[:index], *left[index + 1 :]),
            (*right[:index], *right[index + 1 :]),
        )
        yield _join(draft, join, index, path, Change("", clause, replace(clause, same=rest)))
    for index in range(len(clause.by) if len(clause.by) > 1 else 0):
        shown = str(draft.written((*path, "by", index)))
        by = (*clause.by[:index], *clause.by[index + 1 :])
        change = Change(f"dropping {shown} from 'by'", clause, replace(clause, by=by))
        yield draft.site("join", shown, (*path, "by", index), [change])
    yield from _window(draft, clause, path)


def _some_of(draft: Draft, clause: SomeOf, path: _Path) -> Iterator[Site]:
    key = "any_of" if draft.written((*path, "any_of")) is not None else "all_of"
    if draft.written((*path, "at_least")) is not None:
        least = clause.at_least
        changes = [
            Change(f"changing {least} to {n}", clause, replace(clause, at_least=n))
            for n in (least + 1, least - 1)
            if 0 <= n <= len(clause.clauses)
        ]
        yield draft.site("literal", str(least), (*path, "at_least"), changes)
    for index, inner in enumerate(clause.clauses):
        yield from _clause(draft, inner, (*path, key, index))


def _window(draft: Draft, clause: Evidence | Unmatched, path: _Path) -> Iterator[Site]:
    path = (*path, "window")
    text = str(draft.written(path))
    window = clause.window
    start, end = window.start, window.end
    if found := _BETWEEN.fullmatch(text):
        early = replace(window, start=Bound(start.ref, start.offset_us - WIDER_US))
        late = replace(window, end=Bound(end.ref, end.offset_us + WIDER_US))
        for group, wide, word in ((1, early, "before"), (2, late, "after")):
            span = (found.start(group), len(found[group]))
            change = Change(f"changing {found[group]} to 12h {word} it", window, wide)
            yield draft.site("window", text, path, [change], span=span)
        return
    offsets = list(_OFFSET.finditer(text))
    both = len(offsets) == 1 and bool(start.offset_us) and bool(end.offset_us)
    for index, found in enumerate(offsets):
        # A single side is the one that is away from its event.
        first = index == 0 and (len(offsets) == 2 or bool(start.offset_us))
        last = index == 1 or both or not first
        changes: list[Change] = []
        least = abs(start.offset_us if first else end.offset_us) == 1
        # The least step there is says "not at the same time"; it is left out, not made longer.
        factors = _LEFT_OUT if least else _TWICE_AND_HALF
        for factor, word in factors:
            new = replace(
                window,
                start=_times(start, factor) if first else start,
                end=_times(end, factor) if last else end,
            )
            shown = scaled(found[1], factor, word)
            changes.append(Change(f"changing {found[1]} to {shown}", window, new))
        if (first and start.offset_us) or (last and end.offset_us):
            yield draft.site("window", text, path, changes, span=(found.start(1), len(found[1])))


def _times(bound: Bound, factor: Fraction) -> Bound:
    return Bound(bound.ref, int(bound.offset_us * factor))


def _without(draft: Draft, clause: Clause, path: _Path) -> Iterator[Site]:
    """Give the site of a whole clause, where the rule can do without it."""
    rule = draft.rule
    if isinstance(clause, Let | StatsOf) or (isinstance(clause, Seen) and clause.optional):
        return
    mutant: Mutant | None = None
    if not _bound(clause) & names_used(rule, besides=clause):
        mutant = _dropped(rule, clause)
    elif isinstance(clause, Seen) and clause.name is not None:
        made = with_part(rule, clause, replace(clause, optional=True))
        mutant = Mutant(f"making {clause.label!r} optional", with_unbound(made, clause.name))
    elif isinstance(clause, Aggregate) and clause.holds is not None:
        made = with_part(rule, clause, replace(clause, holds=None))
        mutant = Mutant(f"dropping the limit of {clause.label!r}", made)
    if mutant is not None:
        yield draft.made("clause", clause.label, path, [mutant])


def _dropped(rule: Rule, clause: Clause) -> Mutant | None:
    """Leave a clause out; None where it is the only one of its group."""
    change = f"dropping {clause.label!r}"
    group = _group_of(rule.clauses, clause)
    if group is None:
        return Mutant(change, with_part(rule, clause, None))
    rest = tuple(inner for inner in group.clauses if inner is not clause)
    if not rest:
        return None
    least = min(group.at_least, len(rest))
    return Mutant(change, with_part(rule, group, replace(group, clauses=rest, at_least=least)))


def _group_of(clauses: Sequence[Clause], clause: Clause) -> SomeOf | None:
    for one in clauses:
        if isinstance(one, SomeOf):
            if any(inner is clause for inner in one.clauses):
                return one
            found = _group_of(one.clauses, clause)
            if found is not None:
                return found
    return None


def _bound(clause: Clause) -> frozenset[str]:
    """Give the names that a clause binds, and those of the clauses in it."""
    if isinstance(clause, SomeOf):
        return frozenset(name for inner in clause.clauses for name in _bound(inner))
    if isinstance(clause, Unmatched):
        return frozenset({"left", "right", "partner", FIRST + "left", FIRST + "right"})
    name = getattr(clause, "name", None)
    return frozenset() if name is None else frozenset({name})
