"""The sentences of a rule set in lines, for a screen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from aislewatch.rules.english import English, Statement


def decision_of(told: English, width: int) -> list[str]:
    """Give what a rule asks for: its anchor, its clauses and what excuses it."""
    lines = _wrapped(told.when, width, "")
    if told.match:
        lines.append("It holds where (what is unknown meets no condition)")
        lines += _numbered(told.match, width, "  ", "{}.")
    if told.unless:
        lines.append("and nothing excuses it:")
        for excuse in told.unless:
            lines += _wrapped(excuse, width, "  - ", "    ")
    return lines


def page_of(told: English, width: int) -> list[str]:
    """Give all that is told of a rule."""
    lines = decision_of(told, width)
    for need in told.requires:
        lines += _wrapped(need, width, "")
    lines += _wrapped(told.answers, width, "")
    for sentence in told.then:
        lines += _wrapped(sentence, width, "")
    if told.params:
        facts = ", ".join(f"{name} = {written}" for name, written in told.params.items())
        lines += _wrapped(f"Parameters: {facts}.", width, "", "  ")
    for type_, doc in told.events.items():
        lines += _wrapped(f"{type_}: {doc}", width, "  ", "      ")
    return lines


def _numbered(
    statements: tuple[Statement, ...], width: int, indent: str, mark: str
) -> Iterator[str]:
    for number, statement in enumerate(statements, 1):
        name = mark.format(number if mark == "{}." else chr(ord("a") + number - 1))
        yield from _wrapped(statement.text, width, f"{indent}{name} ", f"{indent}   ")
        if statement.parts:
            yield from _numbered(statement.parts, width, f"{indent}   ", "{})")


def _wrapped(text: str, width: int, first: str, rest: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
