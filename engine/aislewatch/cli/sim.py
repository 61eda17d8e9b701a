"""``aislewatch sim``: one simulated device, run by hand, for whoever wires and tests.

A package brings a twin by an entry point in the group ``aislewatch.twins``: its name is the kind of
device, its value a function ``main(arguments, *, prog) -> int``. The function parses its arguments
itself (and answers ``--help``), runs the device until it is stopped, and gives the exit code; the
first line of its docstring says what it is. The same functions serve ``python -m aislewatch_sim``.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Protocol

import typer

from aislewatch.cli import options
from aislewatch.cli.screen import Screen, table
from aislewatch.errors import UsageError
from aislewatch.runtime.installed import what_is_missing

TWINS = "aislewatch.twins"
"""The group of entry points that simulated devices are found by."""

app = typer.Typer(no_args_is_help=True)


class TwinCommand(Protocol):
    """Runs one simulated device until it is stopped; see the module."""

    __doc__: str | None

    def __call__(self, arguments: Sequence[str], *, prog: str) -> int:
        """Run.

        Args:
            arguments: what stands behind the kind on the command line.
            prog: what stands before it, for the usage line.

        Returns:
            0 fine, 1 findings, 2 could not run.
        """
        ...


@app.command("list")
def list_kinds(json: options.Json = False) -> None:
    """List the kinds of simulated device that are installed, and what each still needs."""
    screen = Screen(json=json)
    rows = [_row(point) for _, point in sorted(_installed().items())]
    screen.give(rows)
    shown = table("kind", "what it is")
    for row in rows:
        shown.add_row(row["kind"], row["about"] or row["trouble"])
    screen.show(shown)


@app.command(
    "device",
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    },
)
def device(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="As `aislewatch sim list` has it.")],
) -> int:
    """Run one simulated device until it is stopped; KIND --help tells its own options."""
    points = _installed()
    if kind not in points:
        names = ", ".join(sorted(points)) or "none"
        message = f"there is no simulated device {kind!r}; installed: {names}"
        raise UsageError(message)
    return _load(points[kind])(context.args, prog=f"aislewatch sim device {kind}")


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=TWINS)}


def _load(point: EntryPoint) -> TwinCommand:
    """Give what runs a kind.

    Raises:
        UsageError: it cannot be imported; says what to install, where that is all.
    """
    try:
        found: TwinCommand = point.load()
    except ModuleNotFoundError as error:
        missing = what_is_missing(error, point.dist.name if point.dist else "")
        message = f"simulated device {point.name!r} {missing}"
        raise UsageError(message) from error
    except ImportError as error:
        message = f"simulated device {point.name!r} cannot be imported: {error}"
        raise UsageError(message) from error
    return found


def _row(point: EntryPoint) -> dict[str, str]:
    """Say what a kind is, or what keeps it from being run: one must not hide the others."""
    try:
        about = (_load(point).__doc__ or "").strip().partition("\n")[0]
    except UsageError as error:
        return {"kind": point.name, "about": "", "trouble": str(error)}
    return {"kind": point.name, "about": about, "trouble": ""}
