"""Incidents as a table: a line of figures each, and the latest reason under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.text import Text

from aislewatch.cli.cases import Case
from aislewatch.cli.wording import LEVEL_STYLES, Local, chance, count

_HEADINGS = ("id", "opened", "type", "level", "likelihood", "value", "signals")
_RIGHT = frozenset({"likelihood", "value", "signals"})


def case_table(cases: Sequence[Case], local: Local, *, width: int) -> Iterator[Text]:
    """Give the table's lines.

    Args:
        cases: in the order in which they are shown.
        local: how times and amounts are shown.
        width: columns of the screen; reasons are cut there.
    """
    rows = [_HEADINGS, *(_cells(case, local) for case in cases)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    yield Text(_line(rows[0], widths), "bold")
    for case, row in zip(cases, rows[1:], strict=True):
        line = Text(_line(row, widths))
        if case.stands:
            at = sum(widths[:3]) + 2 * 3
            line.stylize(LEVEL_STYLES.get(case.level, ""), at, at + widths[3])
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


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.rjust(width) if heading in _RIGHT else cell.ljust(width)
        for heading, cell, width in zip(_HEADINGS, cells, widths, strict=True)
    ]
    return "  ".join(padded).rstrip()
