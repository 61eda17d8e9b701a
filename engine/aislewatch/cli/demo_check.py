"""What was found in a simulated day beside what was planted in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.text import Text

from aislewatch.cli.cases import Case
from aislewatch.cli.screen import Screen, table


class Planted(Protocol):
    """Something that really happened in a simulated day."""

    @property
    def what(self) -> str:
        """In a few words."""
        ...

    @property
    def type(self) -> str:
        """The type of incident that it is."""
        ...

    @property
    def about(self) -> Mapping[str, Sequence[str]]:
        """What it is about, by kind of entity."""
        ...

    @property
    def explained(self) -> bool:
        """Its explanation came later, so nothing of it must remain."""
        ...


@dataclass(frozen=True, slots=True)
class Score:
    """How well a day was understood.

    Attributes:
        found: what was planted, with the incident that says so.
        missed: what was planted and no incident says.
        false: incidents that nothing planted explains.
    """

    found: Sequence[tuple[Planted, Case]]
    missed: Sequence[Planted]
    false: Sequence[Case]

    @property
    def right(self) -> bool:
        """Everything was found, and nothing else."""
        return not self.missed and not self.false

    @property
    def verdict(self) -> str:
        """Say it in a line."""
        planted = len(self.found) + len(self.missed)
        return f"{len(self.found)} of {planted} planted found, {len(self.false)} false"


def compare(planted: Iterable[Planted], cases: Iterable[Case]) -> Score:
    """Compare incidents with the ground truth.

    Each thing planted is found by one incident: one that has a signal of its type about what it is
    about, and that stands, or is cleared where the explanation came. Any further incident is false.
    """
    left = [case for case in cases if case.state != "merged"]
    found: list[tuple[Planted, Case]] = []
    missed: list[Planted] = []
    for one in planted:
        case = next((case for case in left if _tells(case, one)), None)
        if case is None:
            missed.append(one)
        else:
            found.append((one, case))
            left.remove(case)
    return Score(found, missed, left)


def show_score(screen: Screen, score: Score) -> None:
    """Show what was planted, and as what it was found."""
    made = table("what was planted", "found as")
    for planted, case in score.found:
        fate = "" if case.stands else ", cleared when the explanation came"
        made.add_row(planted.what, f"{case.id}, {case.type}{fate}")
    for planted in score.missed:
        made.add_row(planted.what, "MISSED")
    for case in score.false:
        made.add_row("nothing", f"{case.id}: {case.because}")
    screen.show(made, "")


def show_command(screen: Screen, words: str) -> None:
    """Show a command as it was run, or may be."""
    screen.show(Text(f"$ aislewatch {words}", "cyan"))


def worth_a_look(cases: Sequence[Case]) -> str:
    """Give the id of the likeliest incident; empty where there is none."""
    standing = [case for case in cases if case.stands] or cases
    return max(standing, key=lambda case: case.probability_ppm).id if standing else ""


def _tells(case: Case, planted: Planted) -> bool:
    if case.stands == planted.explained:
        return False
    wanted = {(kind, value) for kind, values in planted.about.items() for value in values}
    return any(
        told.type == planted.type and not wanted.isdisjoint(told.about)
        for told in case.past.values()
    )
