"""``aislewatch plugin check``: how good a plugin is, by checks that are run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

import typer

from aislewatch.cli import options
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import count
from aislewatch.errors import UsageError
from aislewatch.runtime.installed import InstalledSensor, sensors_named
from aislewatch.testing.contract_grade import Grade, bench_of, grade

_SHOWN: Final = {"passed": "", "failed": "FAILED", "exempt": "exempt", "unknown": "NOT RUN"}


def check_plugin(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A plugin as `plugin list` has it, or a package."),
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="Show the checks that were passed, too.")
    ] = False,
    json: options.Json = False,
) -> int:
    """Run all that the contract asks of a plugin against its twin, and tell the tier it reaches."""
    screen = Screen(json=json)
    grades = [_grade(screen, one) for one in sensors_named(name)]
    for one in grades:
        _show(screen, one, everything=everything)
    screen.give([{**asdict(one), "holds": one.holds} for one in grades])
    return 0 if all(one.holds for one in grades) else 1


def _grade(screen: Screen, one: InstalledSensor) -> Grade:
    if one.sensor is None:
        message = f"sensor plugin {one.name!r} {one.trouble}"
        raise UsageError(message)
    with screen.progress(one.name) as step:
        return grade(one.name, one.sensor, bench_of(one.name), step)


def _show(screen: Screen, grade: Grade, *, everything: bool) -> None:
    findings = [f for f in grade.findings if everything or f.result != "passed"]
    if findings:
        shown = table("tier", "check", "", "back after", "why", right=["back after"])
        for f in findings:
            took = f"{f.recovery_s:.2f} s" if f.recovery_s is not None else ""
            shown.add_row(f.tier, f.check, _SHOWN[f.result], took, f.detail)
        screen.show(shown, "")
    passed = sum(f.result == "passed" for f in grade.findings)
    slowest = max((f.recovery_s or 0.0 for f in grade.findings), default=0.0)
    back = f"; back after {slowest:.2f} s at the latest" if slowest else ""
    tier = grade.tier or "no tier"
    claim = "" if grade.holds else f", but claims {grade.claimed}" if grade.claimed else ""
    screen.show(f"{grade.name}: {tier}{claim}; {count(passed, 'check')} passed{back}")
