"""Incidents as a table: a line of figures each, and the latest reason under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rich.text import Text

from aislewatch.cli.cases import Case
from aislewatch.cli.screen import aligned
from aislewatch.cli.wording import LEVEL_STYLES, Local, chance, count

_HEADINGS = ("id", "opened", "type", "level", "likelihood", "value", "signals")
_RIGHT = (4, 5, 6)
_LEVEL = 3


def case_table(
    cases: Sequence[Case], local: Callable[[str], Local], *, width: int
) -> Iterator[Text]:
    """Give the table's lines.

    Args:
        cases: in the order in which they are shown.
        local: gives how a store's times and amounts are shown.
        width: columns of the screen; reasons are cut there.
    """
    rows = [_HEADINGS, *(_cells(case, local(case.store)) for case in cases)]
    heading, *lines = aligned(rows, _RIGHT)
    yield Text(heading, "bold")
    at = heading.index(_HEADINGS[_LEVEL])
    for case, told in zip(cases, lines, strict=True):
        line = Text(told)
        if case.stands:
            line.stylize(LEVEL_STYLES.get(case.level, ""), at, at + len(case.level))
        yield line
        yield Text(f"    {_reason(case)}"[: max(width, 40)], "dim")


def case_counts(cases: Sequence[Case]) -> str:
    """Say how many there are of which state."""
    states = Counter(case.state for case in cases)
    parts = [count(sum(case.stands for case in cases), "incident")]
    if states["cleared"]:
        parts.append(f"{states['cleared']:,} cleared by what came later")
    if states["merged"]:
        parts.append(f"{states['merged']:,} merged into others")
    return ", ".join(parts)


def _cells(case: Case, local: Local) -> tuple[str, ...]:
    opened = local.day(case.opened_us)
    if not case.stands:
        return case.id, opened, case.type, case.state, "", "", ""
    likelihood, value = chance(case.probability_ppm), local.money(case.value_minor)
    return case.id, opened, case.type, case.level, likelihood, value, f"{len(case.signals)}"


def _reason(case: Case) -> str:
    if case.into:
        return f"part of {case.into} now"
    if not case.stands:
        return f"explained by what came later; it was: {case.because}"
    return case.because
