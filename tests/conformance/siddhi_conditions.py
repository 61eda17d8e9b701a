"""Siddhi's filters as conditions of the rule language.

What is about the event at hand goes into a ``where``; what compares it with an earlier one goes
into a ``check`` behind it, for a ``where`` sees one event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rule_family import Draft
from siddhi_tree import Condition, Logic, Stream, Test
from siddhi_tree import Value as Term


def any_stream(streams: Sequence[str]) -> str:
    return " or ".join(f"stream == '{one}'" for one in streams)


def any_of(wanted: Sequence[Stream]) -> str:
    tests = [where_of(replace(one, where=all_of(split(one.where)[0]))) for one in wanted]
    return " or ".join(f"({test})" for test in tests)


def where_of(stream: Stream, prefix: str = "", draft: Draft | None = None) -> str:
    test = f"{prefix}stream == '{stream.stream}'"
    if stream.where is None:
        return test
    return f"{test} and {_said(stream.where, prefix, draft or Draft(''))}"


def all_of(conditions: Sequence[Condition]) -> Condition | None:
    if len(conditions) < 2:
        return conditions[0] if conditions else None
    return Logic("and", tuple(conditions))


def split(where: Condition | None) -> tuple[list[Condition], list[Condition]]:
    """Part what is about the event alone from what compares it with earlier ones."""
    if where is None:
        return [], []
    parts = where.parts if isinstance(where, Logic) and where.op == "and" else (where,)
    local = [part for part in parts if not _refers(part)]
    return local, [part for part in parts if _refers(part)]


def is_equality(where: Condition) -> bool:
    return isinstance(where, Test) and where.op == "==" and not where.left.owner


def _refers(where: Condition) -> bool:
    if isinstance(where, Logic):
        return any(map(_refers, where.parts))
    return bool(where.left.owner or where.right.owner)


def _said(where: Condition, prefix: str, draft: Draft) -> str:
    if isinstance(where, Logic):
        if where.op == "not":
            return f"not ({_said(where.parts[0], prefix, draft)})"
        return "(" + f" {where.op} ".join(_said(part, prefix, draft) for part in where.parts) + ")"
    if where.op == "is null":
        return "false" if text_of(where.left, prefix, draft) else "true"
    sides = [text_of(side, prefix, draft) for side in (where.left, where.right)]
    # A repetition that is not there compares with nothing.
    return f" {where.op} ".join(sides) if all(sides) else "false"


def text_of(value: Term, prefix: str, draft: Draft) -> str:
    """Give a value as the language writes it; empty where it is of a repetition not there."""
    if value.literal:
        return value.literal
    if not value.owner:
        return prefix + value.name
    names = draft.bound.get(value.owner, ())
    place = place_of(value.at, len(names))
    return "" if place is None else f"{names[place]}.{value.name}"


def place_of(at: str, there: int) -> int | None:
    """Give which of so many ``[0]``, ``[last]`` or ``[last-1]`` means; None where there is none."""
    place = int(at) if at.isdigit() else there - 1 - int(at.removeprefix("last").lstrip("-") or 0)
    return place if 0 <= place < there else None
