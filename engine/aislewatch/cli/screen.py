"""Where a command's words go: results to standard output, everything else to standard error.

With ``--json`` nothing but JSON comes out of standard output, whatever happens beside it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

import msgspec
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

WIDE: Final = 120
"""Columns of a screen that is none: a file, a pipe, the log of a build."""


class Step(Protocol):
    """Tells how far long work is."""

    def __call__(self, done: int, total: int | None = None, note: str = "") -> None:
        """Take so much as done; ``total`` where it is known, ``note`` for what is at hand."""
        ...


class Screen:
    """Standard output and standard error.

    Args:
        json: only JSON goes to standard output.
    """

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._out = _console(sys.stdout.isatty())
        self._err = _console(sys.stderr.isatty(), stderr=True)

    @property
    def width(self) -> int:
        """How many columns a line has."""
        return self._out.width

    def show(self, *what: RenderableType) -> None:
        """Show part of a result; nothing with ``--json``.

        Texts are left whole, however long: a command in one must come out so that it can be
        copied, and a terminal wraps by itself.
        """
        if self.json:
            return
        with self._out.capture() as caught:
            for one in what:
                if isinstance(one, str | Text):
                    self._out.print(one, soft_wrap=True)
                else:
                    self._out.print(one)
        # Tables are filled up with spaces to their width, which a file has no use for.
        lines = caught.get().split("\n")
        sys.stdout.write("\n".join(line.rstrip() for line in lines))
        sys.stdout.flush()

    def give(self, value: object) -> None:
        """Give a value as one line of JSON; nothing without ``--json``."""
        if self.json:
            sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """Say something that is no result: what is being done, what to do next."""
        self._err.print(Text(text), soft_wrap=True)

    def clear(self) -> None:
        """Begin an empty screen; nothing where nobody watches."""
        if self._out.is_terminal and not self.json:
            self._out.clear()

    @contextmanager
    def progress(self, what: str) -> Generator[Step]:
        """Show how far long work is, for as long as it lasts; nothing where nobody watches."""
        bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=self._err,
            transient=True,
            disable=not self._err.is_terminal,
        )
        with bars:
            task = bars.add_task(what, total=None, note="")

            def step(done: int, total: int | None = None, note: str = "") -> None:
                bars.update(task, completed=done, total=total, note=note)

            yield step


def table(*columns: str, right: Iterable[str] = (), show_header: bool = True) -> Table:
    """Make a plain table.

    Args:
        columns: their headings.
        right: headings of columns of figures.
        show_header: show the headings.
    """
    made = Table(box=None, pad_edge=False, header_style="bold", show_header=show_header)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left")
    return made


def aligned(rows: Sequence[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Set rows of figures in columns, a line each, never cut: a terminal wraps what is too long.

    >>> aligned([("a", "1"), ("bcd", "20")], right=[1])
    ['a     1', 'bcd  20']

    Args:
        rows: all of one length.
        right: numbers of the columns that are set to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    to_right = frozenset(right)
    return [
        "  ".join(
            cell.rjust(width) if at in to_right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _console(terminal: bool, *, stderr: bool = False) -> Console:
    width = None if terminal or os.environ.get("COLUMNS") else WIDE
    return Console(stderr=stderr, width=width, highlight=False, emoji=False, markup=False)
