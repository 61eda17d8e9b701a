"""What an expression could say instead: other figures and texts, the other side of a limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from aislewatch.authoring.sites import Change, Draft, Site, steps
from aislewatch.events.located import Path
from aislewatch.events.units import DISPLAY_UNIT, Dimension
from aislewatch.rules.macros import MACRO
from aislewatch.rules.template import show
from aislewatch.rules.tree import FLAG, Compare, CompareOp, Constant, OneOf, Term, parts

NUDGED: dict[CompareOp, CompareOp] = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
"""Comparisons that differ only where both sides are equal."""

_ANYTHING = "changing {} to anything at all"


def expression_sites(draft: Draft, term: Term, text: str, path: Path) -> Iterator[Site]:
    """Give the sites of an expression.

    Args:
        draft: the rule.
        term: the expression, as checked.
        text: as written, all of the value that stands at the path.
        path: where it stands.
    """
    done: set[int] = set()
    for part in parts(term):
        if isinstance(part, Compare):
            yield from _comparison(draft, part, text, path)
            for one, other in ((part.left, part.right), (part.right, part.left)):
                if isinstance(one, Constant) and one.type.dimension is Dimension.TEXT:
                    done.add(id(one))
                    yield _equal_text(draft, part, one, other.type.values, text, path)
        elif isinstance(part, OneOf):
            yield from _members(draft, part, text, path)
        elif isinstance(part, Constant) and id(part) not in done and part.span[1]:
            yield _constant(draft, part, text, path)


def _constant(draft: Draft, part: Constant, text: str, path: Path) -> Site:
    """Give the site of a written figure, truth or text (or parameter) by itself."""
    written = _written(text, part)
    value = part.value
    if isinstance(value, bool):
        tried = [(str(not value).lower(), replace(part, value=not value))]
    elif isinstance(value, Fraction):
        tried = [
            (shown, replace(part, value=other))
            for shown, other in steps(
                value, part.type.dimension, written.partition(" in macros.")[0]
            )
        ]
    else:
        tried = [("another text", replace(part, value=value + "~"))]
    changes = [Change(f"changing {written} to {shown}", part, new) for shown, new in tried]
    return draft.site("literal", written, path, changes, span=part.span)


def _equal_text(
    draft: Draft, compare: Compare, one: Constant, values: tuple[str, ...], text: str, path: Path
) -> Site:
    written = _written(text, one)
    other = _next(values, str(one.value))
    shown = repr(other) if values else "another text"
    changes = [
        Change(f"changing {written} to {shown}", one, replace(one, value=other)),
        Change(_ANYTHING.format(written), compare, _always(compare)),
    ]
    return draft.site("literal", written, path, changes, span=one.span)


def _members(draft: Draft, part: OneOf, text: str, path: Path) -> Iterator[Site]:
    at, length = part.span
    for value in part.values:
        rest = tuple(other for other in part.values if other != value)
        found = next((text.find(q, at, at + length) for q in (repr(value), f'"{value}"')
                      if text.find(q, at, at + length) >= 0), -1)  # fmt: skip
        span = (found, len(value) + 2) if found >= 0 else part.span
        changes = [Change(f"leaving out {value!r}", part, replace(part, values=rest))]
        yield draft.site("literal", repr(value), path, changes, span=span)
    changes = [Change(_ANYTHING.format(_cut(text, part.span)), part, _always(part))]
    yield draft.site("literal", _cut(text, part.span), path, changes, span=part.span)


def _comparison(draft: Draft, part: Compare, text: str, path: Path) -> Iterator[Site]:
    op = NUDGED.get(part.op)
    at = text.find(part.op, sum(part.left.span))
    inside = MACRO.fullmatch(_cut(text, part.span))
    if op is None or not part.span[1] or (at < 0 and inside is None):
        return
    where = f" in {inside[0]}" if inside is not None else ""
    changes = [Change(f"changing {part.op}{where} to {op}", part, replace(part, op=op))]
    span = part.span if inside is not None else (at, len(part.op))
    yield draft.site("comparison", _cut(text, part.span), path, changes, span=span)


def _always(part: Term) -> Constant:
    return Constant(value=True, type=FLAG, span=part.span)


def _next(values: tuple[str, ...], value: str) -> str:
    if len(values) < 2:
        return value + "~"
    return values[(values.index(value) + 1) % len(values)]


def _written(text: str, part: Constant) -> str:
    """Give a value as it is written; one that stands in a macro by itself and with its macro."""
    written = _cut(text, part.span)
    if MACRO.fullmatch(written) is None:
        return written
    value = part.value
    shown = show(value, part.type) if isinstance(value, Fraction) else repr(value)
    unit = DISPLAY_UNIT.get(part.type.dimension, "") if isinstance(value, Fraction) else ""
    return f"{shown}{unit} in {written}"


def _cut(text: str, span: tuple[int, int]) -> str:
    return text[span[0] : span[0] + span[1]]
