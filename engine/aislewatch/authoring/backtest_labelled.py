"""Hits held against labels: which were right, which losses were missed, and what both cost.

A hit is as its nearest label says. A loss is caught where any hit is of its case. Hits of which no
label speaks are counted apart: they are neither right nor wrong until somebody has looked.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aislewatch.authoring.backtest_figures import Interval, wilson
from aislewatch.authoring.backtest_hits import Hit
from aislewatch.authoring.backtest_labels import Label, Verdict
from aislewatch.rules.backtest import Cost


class Judged(NamedTuple):
    """A hit and the label of its case; None where nobody has looked."""

    hit: Hit
    label: Label | None

    @property
    def verdict(self) -> Verdict | None:
        """What was found out; None where nobody has looked, or where it was left unexplained."""
        known = self.label is not None and self.label.verdict != "unknown"
        return self.label.verdict if self.label is not None and known else None


class Split(NamedTuple):
    """How many hits there are, and what was found out about them."""

    hits: int
    right: int
    wrong: int

    @property
    def unlabelled(self) -> int:
        """How many nobody has judged."""
        return self.hits - self.right - self.wrong


class Money(NamedTuple):
    """The cost matrix, in minor units of the store's currency.

    Attributes:
        saved: value of the losses that were caught.
        lost: value of those that were missed.
        spent: on false alarms.
        unpriced: labelled losses and false alarms of which nothing tells what they cost.
    """

    saved: int
    lost: int
    spent: int
    unpriced: int

    @property
    def net(self) -> int:
        """What the rule was worth: what it saved, less what its false alarms cost."""
        return self.saved - self.spent


@dataclass(frozen=True)
class Scores:
    """What labels say of one version of a rule.

    Attributes:
        judged: every hit, in order of time.
        split: of them.
        caught: labelled losses that it hit.
        caught_lines: where those stand in the file of labels.
        losses: all labelled losses.
        accused: labelled honest cases that it hit.
        honest: all labelled honest cases.
        precision: share of its labelled hits that are right; None without any.
        recall: share of the labelled losses that it hit; None without any.
        money: what its rights and wrongs are worth.
    """

    judged: Sequence[Judged]
    split: Split
    caught: int
    caught_lines: frozenset[int]
    losses: int
    accused: int
    honest: int
    precision: Interval | None
    recall: Interval | None
    money: Money


def split_of(judged: Iterable[Judged]) -> Split:
    """Count hits by what was found out about them."""
    verdicts = [one.verdict for one in judged]
    return Split(len(verdicts), verdicts.count("loss"), verdicts.count("honest"))


def score(hits: Sequence[Hit], labels: Sequence[Label], within_us: int, cost: Cost) -> Scores:
    """Hold hits against labels.

    Args:
        hits: in order of time.
        labels: those that speak of the rule and of the days at hand.
        within_us: how far a label's time may be from that of its case's hit.
        cost: of errors; what it leaves open is told as unpriced.
    """
    index = _Index(labels, within_us)
    judged: list[Judged] = []
    of_case: dict[int, list[Hit]] = {}
    for hit in hits:
        fitting = index.fitting(hit)
        for label in fitting:
            of_case.setdefault(label.line, []).append(hit)
        judged.append(Judged(hit, min(fitting, key=lambda one: _distance(one, hit), default=None)))
    losses = [label for label in labels if label.verdict == "loss"]
    honest = [label for label in labels if label.verdict == "honest"]
    caught = [label for label in losses if label.line in of_case]
    split = split_of(judged)
    return Scores(
        judged=judged,
        split=split,
        caught=len(caught),
        caught_lines=frozenset(label.line for label in caught),
        losses=len(losses),
        accused=sum(label.line in of_case for label in honest),
        honest=len(honest),
        precision=wilson(split.right, split.right + split.wrong),
        recall=wilson(len(caught), len(losses)),
        money=_money(losses, of_case, split.wrong, cost),
    )


def _distance(label: Label, hit: Hit) -> tuple[bool, int, bool, int]:
    """Order labels of a hit: those that name its event, then the nearest; a loss before others."""
    apart = abs(label.time_us - hit.time_us) if label.time_us is not None else 0
    return not label.anchors, apart, label.verdict != "loss", label.line


def _money(losses: Iterable[Label], of_case: dict[int, list[Hit]], wrong: int, cost: Cost) -> Money:
    miss = cost.miss.minor if cost.miss is not None else None
    saved = lost = unpriced = 0
    for label in losses:
        hits = of_case.get(label.line, [])
        told = [hit.value_minor for hit in hits if hit.value_minor is not None]
        value = label.amount_minor
        if value is None:
            value = max(told, default=miss)
        if value is None:
            unpriced += 1
        elif hits:
            saved += value
        else:
            lost += value
    if cost.false_alarm is None:
        return Money(saved, lost, 0, unpriced + wrong)
    return Money(saved, lost, wrong * cost.false_alarm.minor, unpriced)


class _Index:
    """Labels by what finds them: the event that they name, or their time."""

    def __init__(self, labels: Iterable[Label], within_us: int) -> None:
        self._within_us = within_us
        self._by_anchor: dict[str, list[Label]] = {}
        timed: list[tuple[int, Label]] = []
        for label in labels:
            for anchor in label.anchors:
                self._by_anchor.setdefault(anchor, []).append(label)
            if label.time_us is not None and not label.anchors:
                timed.append((label.time_us, label))
        self._timed = sorted(timed, key=lambda one: (one[0], one[1].line))
        self._times = [time for time, _ in self._timed]

    def fitting(self, hit: Hit) -> list[Label]:
        first = bisect_left(self._times, hit.time_us - self._within_us)
        last = bisect_right(self._times, hit.time_us + self._within_us)
        near = [label for _, label in self._timed[first:last]]
        candidates = [*self._by_anchor.get(hit.anchor, ()), *near]
        return [label for label in candidates if label.fits(hit, self._within_us)]
