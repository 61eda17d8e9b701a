"""A rule's inline tests read: their lines as events, and what is wrong with them at its place."""

from __future__ import annotations

from collections.abc import Sequence

from aislewatch.authoring.lines import parse_lines
from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.kinds import Event
from aislewatch.events.located import LocatedYaml
from aislewatch.events.registry import Registry
from aislewatch.rules.case import TestCase
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import with_signals


def read_cases(
    rule: Rule, registry: Registry, document: LocatedYaml
) -> list[tuple[TestCase, Sequence[Event]]]:
    """Read the events of a rule's tests.

    Args:
        rule: a checked rule.
        registry: the kinds of event that it was checked against.
        document: its file.

    Raises:
        FileMistakes: lines that are no events; all of them, at their place in the file.
    """
    known = with_signals(registry, rule.hears)
    cases: list[tuple[TestCase, Sequence[Event]]] = []
    mistakes: list[Mistake] = []
    for index, case in enumerate(rule.tests):
        try:
            cases.append((case, parse_lines(case.events, known, file=rule.file)))
        except FileMistakes as found:
            mistakes += [_in_file(document, index, case, one) for one in found.mistakes]
    if mistakes:
        raise FileMistakes(mistakes)
    return cases


def _in_file(document: LocatedYaml, index: int, case: TestCase, mistake: Mistake) -> Mistake:
    """Give a mistake in a line of a test its place in the rule's file, where it may have braces."""
    lines = (case.written or case.events).splitlines(keepends=True)
    line = lines[mistake.line - 1]
    column, length = mistake.column - 1, mistake.length
    if line.rstrip() != mistake.source.rstrip():
        # With values in it, its parts stand elsewhere.
        column, length = len(line) - len(line.lstrip()), len(line.strip())
    return document.mistake(
        ("tests", index, "events"),
        mistake.message,
        hint=mistake.hint,
        offset=sum(map(len, lines[: mistake.line - 1])) + column,
        length=length,
    )
