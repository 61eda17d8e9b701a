"""What is held out of tuning: labels of other days or stores, which a choice must stand up to.

Of many values the one that suits the labels best suits them better than it will suit the next ones.
So a part of the labels chooses, and what it chose is proposed only where it does no worse on the
rest. Days are held out from the last backwards, as a rule is tuned for days to come; stores where
the labels are of too few days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from aislewatch.authoring.backtest_hits import day_of
from aislewatch.authoring.backtest_labelled import Scores, score
from aislewatch.authoring.backtest_labels import Label
from aislewatch.authoring.backtest_report import RuleReport

SHARE: Final = Fraction(1, 3)
"""Of the labels, that are held out at least."""

EACH_MIN: Final = 10
"""Labels that each part needs, losses and honest cases among them: fewer compare nothing."""


class HeldOut(NamedTuple):
    """The days or stores whose labels choose nothing.

    Attributes:
        by: what they are.
        names: of them, in order.
        labels: of them.
        choosing: labels of all others.
    """

    by: Literal["days", "stores"]
    names: tuple[str, ...]
    labels: int
    choosing: int

    def holds(self, store: str, day: str) -> bool:
        """Say whether what happened in a store on a day is held out."""
        return (day if self.by == "days" else store) in self.names


class Place(NamedTuple):
    """A label with where and when its case was; empty where that is not known."""

    label: Label
    store: str
    day: str


def placed(reports: Iterable[RuleReport], zone: str) -> list[Place]:
    """Give the labels that speak of any of some versions of a rule, each with its store and day.

    Args:
        reports: of the versions.
        zone: of the days, an IANA name.
    """
    labels: dict[int, Label] = {}
    seen: dict[int, tuple[str, str]] = {}
    for report in reports:
        labels |= {label.line: label for label in report.labels}
        # A label that only names an event tells no day, but who hit the event knows it.
        seen |= {
            one.label.line: (one.hit.store, one.hit.day)
            for one in report.now.scores.judged
            if one.label is not None
        }
    found: list[Place] = []
    for line, label in sorted(labels.items()):
        store, day = seen.get(line, ("", ""))
        told = day_of(label.time_us, zone) if label.time_us is not None else day
        found.append(Place(label, label.store or store, told))
    return found


def hold_out(labels: Sequence[Place]) -> HeldOut | str:
    """Choose what is held out.

    Returns:
        That; or why nothing is, in a sentence.
    """
    known = [one for one in labels if one.label.verdict != "unknown"]
    by_day = _cut(known, {one.label.line: one.day for one in known})
    if by_day is not None:
        return HeldOut("days", *by_day)
    by_store = _cut(known, {one.label.line: one.store for one in known})
    if by_store is not None:
        return HeldOut("stores", *by_store)
    days, stores = ({one.day for one in known} - {""}, {one.store for one in known} - {""})
    return (
        f"{len(known)} labels of {_many(len(days), 'day')} and {_many(len(stores), 'store')} are "
        f"too few: it takes {EACH_MIN} in each part, losses and honest cases among them"
    )


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _cut(
    labels: Sequence[Place], named: Mapping[int, str]
) -> tuple[tuple[str, ...], int, int] | None:
    """Hold the last names out, as many as have a share of the labels; None if that leaves few."""
    names = Counter(named.values())
    names.pop("", None)
    held: list[str] = []
    for name in sorted(names, reverse=True):
        if sum(names[one] for one in held) >= SHARE * len(labels):
            break
        held.append(name)
    parts: list[list[Place]] = [[], []]
    for one in labels:
        parts[named[one.label.line] in held].append(one)
    for part in parts:
        verdicts = {one.label.verdict for one in part}
        if len(part) < EACH_MIN or verdicts != {"loss", "honest"}:
            return None
    return tuple(sorted(held)), len(parts[True]), len(parts[False])


def scores_of(
    report: RuleReport, labels: Sequence[Place], within_us: int, held: HeldOut, *, out: bool
) -> Scores:
    """Hold the hits of one part against its labels.

    Args:
        report: of one version.
        labels: all.
        within_us: how far a label's time may be from that of its case's hit.
        held: tells the parts.
        out: of what is held out; of the rest otherwise.
    """
    mine = {label.line for label in report.labels}
    return score(
        [one.hit for one in report.now.scores.judged
         if held.holds(one.hit.store, one.hit.day) is out],
        [one.label for one in labels
         if one.label.line in mine and held.holds(one.store, one.day) is out],
        within_us,
        report.cost,
    )  # fmt: skip
