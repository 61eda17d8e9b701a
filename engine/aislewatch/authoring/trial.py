"""A rule put to the test: its inline tests, what they leave open, and arrival in other orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from aislewatch.authoring.arrivals import shuffled, signals_of
from aislewatch.authoring.cases import read_cases
from aislewatch.authoring.mutants import sites_of
from aislewatch.authoring.running import CaseRun, Lists, run_case
from aislewatch.authoring.sites import Site
from aislewatch.detect.settings import Settings
from aislewatch.errors import Mistake
from aislewatch.events.kinds import Event
from aislewatch.events.located import LocatedYaml
from aislewatch.events.registry import Registry
from aislewatch.rules.case import TestCase
from aislewatch.rules.rule import Rule

SHUFFLES = 20
"""Orders of arrival that each test is run in."""

Hold = Literal["pinned", "half pinned", "not pinned"]

Step = Callable[[int, int], None]
"""Told how many mutants were tried, of how many."""


@dataclass(frozen=True)
class Pin:
    """Whether tests notice when a place of a rule is written otherwise.

    Attributes:
        site: the place.
        noticed: by each change that some test notices, the name of the first that does.
        unnoticed: the changes that no test notices.
    """

    site: Site
    noticed: Mapping[str, str]
    unnoticed: Sequence[str]

    @property
    def shown(self) -> str:
        """What is there, in a word and as written."""
        return f"{self.site.kind} `{self.site.shown}`"

    @property
    def hold(self) -> Hold:
        """``half pinned`` where only some of the changes are noticed."""
        if not self.unnoticed:
            return "pinned"
        return "half pinned" if self.noticed else "not pinned"

    def warning(self) -> Mistake:
        """Say what no test notices, at its place."""
        message = f"{self.hold.upper()}: {_joined(self.unnoticed)} breaks no test"
        return replace(self.site.place, message=message, severity="warning")


@dataclass(frozen=True)
class Trial:
    """What became of a rule's tests.

    Attributes:
        rule: the rule.
        runs: of its inline tests, in the order of the file.
        missed: of each test, what it expected and did not get, at its place in the file.
        pins: of every place of the rule, in the order of the file; empty where none were asked for,
            or tests failed already, so that they prove nothing.
        orders: how many orders of arrival were tried, over all tests.
        strays: names of the tests whose signals depend on the order of arrival.
    """

    rule: Rule
    runs: Sequence[CaseRun]
    missed: Sequence[Sequence[Mistake]]
    pins: Sequence[Pin]
    orders: int
    strays: Sequence[str]

    @property
    def failures(self) -> list[Mistake]:
        """What all tests expected and did not get, in the order of the file."""
        return [mistake for mistakes in self.missed for mistake in mistakes]

    def failures_of(self, index: int) -> Sequence[Mistake]:
        """Give what one test expected and did not get."""
        return self.missed[index]

    @property
    def passed(self) -> bool:
        """Every test was met, in every order of arrival."""
        return not self.failures and not self.strays

    @property
    def open(self) -> list[Pin]:
        """What no test notices at all."""
        return [pin for pin in self.pins if pin.hold == "not pinned"]


def try_rule(
    rule: Rule,
    text: str,
    registry: Registry,
    lists: Lists | None = None,
    *,
    seed: int = 0,
    lateness_us: int | None = None,
    mutate: bool = True,
    step: Step | None = None,
) -> Trial:
    """Put a rule to the test.

    Args:
        rule: a checked rule, whatever its status.
        text: its file.
        registry: the kinds of event that it was checked against.
        lists: members of the named lists that it looks into.
        seed: the same seed tries the same orders of arrival.
        lateness_us: how long an event may be under way; what a store allows by default where None.
        mutate: look for what no test notices.
        step: is told how far it is.

    Raises:
        FileMistakes: lines of its tests are no events; all of them, at their place in the file.
    """
    document = LocatedYaml.parse(text, rule.file)
    cases = read_cases(rule, registry, document)
    runs = [run_case(rule, case, registry, lists, events=events) for case, events in cases]
    missed = [_missed(document, index, run) for index, run in enumerate(runs)]
    settings = Settings(store="1")
    if lateness_us is not None:
        settings = settings._replace(lateness_us=lateness_us)
    strays = [run.case.name for run in runs if _strays(run, registry, lists, settings, seed)]
    pins: list[Pin] = []
    if mutate and cases and not any(missed):
        sites = sites_of(rule, text)
        total = sum(len(site.mutants) for site in sites)
        for site in sites:
            pins.append(_pinned(site, cases, registry, lists))
            if step is not None:
                step(sum(len(pin.site.mutants) for pin in pins), total)
    return Trial(rule, runs, missed, pins, SHUFFLES * len(cases), strays)


def _missed(document: LocatedYaml, index: int, run: CaseRun) -> list[Mistake]:
    return [
        document.mistake(
            ("tests", index, "expect", failure.key),
            f"{run.case.name}: expected {failure.key} {failure.expected}, got {failure.got}",
        )
        for failure in run.failures
    ]


def _joined(changes: Sequence[str]) -> str:
    """Put changes into one sentence, of which most are of one place to several others."""
    first = changes[0]
    stem = first[: first.find(" to ")] if " to " in first else first
    return " or".join([first, *(change.removeprefix(stem) for change in changes[1:])])


def _strays(
    run: CaseRun, registry: Registry, lists: Lists | None, settings: Settings, seed: int
) -> bool:
    """Say whether the order of arrival makes a difference to what stands in the end."""
    live = replace(run.rule, status="live")
    for number in range(SHUFFLES):
        random = Random(f"{seed}/{run.rule.id}/{run.case.name}/{number}")
        log = shuffled(run.events, settings.lateness_us, random)
        if signals_of(live, log, registry, lists, settings) != list(run.signals):
            return True
    return False


def _pinned(
    site: Site,
    cases: Sequence[tuple[TestCase, Sequence[Event]]],
    registry: Registry,
    lists: Lists | None,
) -> Pin:
    noticed: dict[str, str] = {}
    unnoticed: list[str] = []
    for mutant in site.mutants:
        for case, events in cases:
            if run_case(mutant.rule, case, registry, lists, events=events).failures:
                noticed[mutant.change] = case.name
                break
        else:
            unnoticed.append(mutant.change)
    return Pin(site, noticed, unnoticed)
