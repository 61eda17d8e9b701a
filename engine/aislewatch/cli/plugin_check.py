"""``aislewatch plugin check``: how good a plugin is, by checks that are run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer

from aislewatch.cli import options
from aislewatch.cli.screen import Screen, table
from aislewatch.cli.wording import count
from aislewatch.errors import UsageError
from aislewatch.runtime.installed import InstalledSensor, sensors_named
from aislewatch.testing.contract_faults import BACK_AFTER
from aislewatch.testing.contract_grade import Finding, Grade, bench_of, grade

_SHOWN: Final = {"passed": "", "failed": "FAILED", "exempt": "exempt", "unknown": "NOT RUN"}


def check_plugin(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A plugin as `plugin list` has it, or a package."),
    ],
    everything: Annotated[
        bool, typer.Option("--all", help="Show the checks that were passed, too.")
    ] = False,
    recovery: Annotated[
        bool,
        typer.Option("--recovery", help="Show how long it took to be back after each fault."),
    ] = False,
    json: options.Json = False,
) -> int:
    """Run all that the contract asks of a plugin against its twin, and tell the tier it reaches."""
    screen = Screen(json=json)
    grades = [_grade(screen, one) for one in sensors_named(name)]
    for one in grades:
        _show(screen, one, everything=everything)
    if recovery:
        _show_recovery(screen, grades)
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


def _show_recovery(screen: Screen, grades: Sequence[Grade]) -> None:
    """Show a line for each fault and a column for each plugin: seconds until it was back."""
    columns = {one.name: {f.check: f for f in one.findings if _is_of_a_fault(f)} for one in grades}
    faults = list(dict.fromkeys(check for found in columns.values() for check in found))
    shown = table("back after, in seconds", *columns, right=list(columns))
    for fault in faults:
        cells = (_recovered(found.get(fault)) for found in columns.values())
        shown.add_row(fault.removeprefix(BACK_AFTER), *cells)
    screen.show("", shown)


def _is_of_a_fault(finding: Finding) -> bool:
    return finding.check.startswith(BACK_AFTER) or finding.recovery_s is not None


def _recovered(finding: Finding | None) -> str:
    if finding is None:
        return "-"  # This device knows no such fault.
    if finding.recovery_s is None:
        return _SHOWN[finding.result]
    return f"{finding.recovery_s:.2f}"
