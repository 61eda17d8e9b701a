"""What `rules test` found, for people and for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.text import Text

from aislewatch.authoring.trial import SHUFFLES, Pin, Trial
from aislewatch.cli.screen import Screen, aligned
from aislewatch.cli.wording import count


def show_trial(screen: Screen, trial: Trial) -> None:
    """Show what became of a rule: its tests, what holds each of its places, and what does not."""
    passed = sum(not missed for missed in trial.missed)
    failed = len(trial.runs) - passed
    tests = f"{passed} passed" + (f", {failed} failed" if failed else "")
    screen.show(Text(f"{trial.rule.id}  {tests if trial.runs else 'no tests'}", "bold"))
    rows = [(pin.shown, _held(pin)) for pin in trial.pins]
    if trial.runs:
        rows.append(("arrival order", _order(trial)))
    for line in aligned(rows) if rows else ():
        screen.show(Text(f"  {line}"))
    for mistake in trial.failures:
        screen.show(Text(mistake.render(), "red"))
    for pin in trial.pins:
        if pin.unnoticed:
            screen.show(Text(pin.warning().render()))
    screen.show("")


def verdict(trials: Sequence[Trial]) -> str:
    """Sum up all trials in a line."""
    tests = [missed for trial in trials for missed in trial.missed]
    failed = sum(bool(missed) for missed in tests)
    parts = [f"{count(len(trials), 'rule')}, {count(len(tests) - failed, 'test')} passed"]
    if failed:
        parts.append(f"{failed} failed")
    strays = sum(len(trial.strays) for trial in trials)
    if strays:
        parts.append(f"{strays} not the same in every order of arrival")
    loose = sum(len(trial.open) for trial in trials)
    half = sum(pin.hold == "half pinned" for trial in trials for pin in trial.pins)
    if loose or half:
        parts.append(f"{count(loose, 'place')} not pinned, {half} half pinned")
    return ", ".join(parts)


def trial_json(trial: Trial) -> dict[str, object]:
    """Give a trial as plain values."""
    return {
        "id": trial.rule.id,
        "file": trial.rule.file,
        "passed": trial.passed,
        "tests": [
            {
                "name": run.case.name,
                "passed": not missed,
                "failures": [
                    {**asdict(mistake), "expected": failure.expected, "got": failure.got}
                    for mistake, failure in zip(missed, run.failures, strict=True)
                ],
            }
            for run, missed in zip(trial.runs, trial.missed, strict=True)
        ],
        "places": [
            {
                "kind": pin.site.kind,
                "shown": pin.site.shown,
                "line": pin.site.place.line,
                "column": pin.site.place.column,
                "hold": pin.hold,
                "noticed": dict(pin.noticed),
                "unnoticed": list(pin.unnoticed),
            }
            for pin in trial.pins
        ],
        "arrival": {"orders": trial.orders, "different": list(trial.strays)},
    }


def _held(pin: Pin) -> str:
    if pin.unnoticed:
        return pin.hold.upper()
    tests = ", ".join(f'"{name}"' for name in dict.fromkeys(pin.noticed.values()))
    return f"pinned by {tests}"


def _order(trial: Trial) -> str:
    if trial.strays:
        tests = ", ".join(f'"{name}"' for name in trial.strays)
        return f"MATTERS: {SHUFFLES} shuffles within the lateness, other signals in {tests}"
    return f"{SHUFFLES} shuffles of each test within the lateness: same signals"
