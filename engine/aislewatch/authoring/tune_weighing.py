"""What choices of a rule's parameters are worth, each against what is in force.

Costs choose: those of misses and false alarms, by the labels that may choose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aislewatch.authoring.backtest_figures import LABELS_MIN
from aislewatch.authoring.backtest_labelled import Scores
from aislewatch.authoring.backtest_report import RuleReport
from aislewatch.authoring.tune_held import HeldOut, Place, scores_of

Choice = Mapping[str, str]
"""Values as written, by parameter."""


@dataclass(frozen=True)
class Tried:
    """What one choice of values came to.

    Attributes:
        values: as written, of the parameters that are tuned.
        in_force: these count now.
        report: of the rule with them.
        lost: labelled losses that what is in force catches and this does not.
        cost: of its misses and false alarms, by all labels; see :attr:`Tuning.priced`.
        choosing: the same by the labels that choose; all where nothing is held out.
        held: the same by those that are held out; None where nothing is.
        off: how many places its values are from those in force, among those that were tried.
        edge: nothing that was tried misses fewer losses without more false alarms, nor has fewer
            of these without missing more; of choices that are equal in both, all are.
    """

    values: Mapping[str, str]
    in_force: bool
    report: RuleReport
    lost: int
    cost: int
    choosing: int
    held: int | None
    off: int
    edge: bool

    @property
    def scores(self) -> Scores:
        """What all labels say of it."""
        return self.report.now.scores

    @property
    def value(self) -> str:
        """Its values for people: of one parameter, the value alone."""
        if len(self.values) == 1:
            return next(iter(self.values.values()))
        return ", ".join(f"{name}={value}" for name, value in self.values.items())


@dataclass(frozen=True)
class Compared:
    """Choices of values that were held against each other.

    Attributes:
        names: of the parameters; several where they were tried together.
        tried: of one parameter, in the order of its values; of several, the cheapest first.
        proposed: the choice that was worth most; None where that is what is in force.
        says: what to make of it, in a sentence.
    """

    names: tuple[str, ...]
    tried: Sequence[Tried]
    proposed: Tried | None
    says: str


@dataclass(frozen=True)
class Weighing:
    """What all choices are weighed by.

    Attributes:
        values: by parameter, what is tried of it, in order.
        now: of the rule as it is in force.
        labels: all.
        within_us: how far a label's time may be from that of its case's hit.
        held: what is held out; or why nothing is.
        priced: by money; otherwise each miss and each false alarm counts one.
    """

    values: Mapping[str, Sequence[str]]
    now: RuleReport
    labels: Sequence[Place]
    within_us: int
    held: HeldOut | str
    priced: bool

    def weighed(self, reports: Sequence[tuple[Choice, RuleReport]]) -> list[Tried]:
        """Weigh choices that are held against each other."""
        errors = [_errors(report.now.scores) for _, report in reports]
        best = _edge(errors)
        return [
            self._tried(choice, report, edge=one in best)
            for (choice, report), one in zip(reports, errors, strict=True)
        ]

    def _tried(self, choice: Choice, report: RuleReport, *, edge: bool) -> Tried:
        scores = report.now.scores
        parts: list[int] = []
        if isinstance(self.held, HeldOut):
            for out in (False, True):
                part = scores_of(report, self.labels, self.within_us, self.held, out=out)
                parts.append(self._cost(part))
        whole = self._cost(scores)
        in_force = {name: self.now.subject.rule.params[name] for name in choice}
        return Tried(
            values=choice,
            in_force=report is self.now,
            report=report,
            lost=len(self.now.now.scores.caught_lines - scores.caught_lines),
            cost=whole,
            choosing=parts[0] if parts else whole,
            held=parts[1] if parts else None,
            off=sum(
                abs(self.values[name].index(value) - self.values[name].index(in_force[name]))
                for name, value in choice.items()
            ),
            edge=edge,
        )

    def _cost(self, scores: Scores) -> int:
        return scores.money.lost + scores.money.spent if self.priced else sum(_errors(scores))


def _errors(scores: Scores) -> tuple[int, int]:
    """Give how many losses are missed, and how many hits are false alarms."""
    return scores.losses - scores.caught, scores.split.wrong


def _edge(errors: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Give those that none is better than in both, or in one and as good in the other (Pareto)."""
    found: set[tuple[int, int]] = set()
    least = None
    for missed, wrong in sorted(set(errors)):
        if least is None or wrong < least:
            found.add((missed, wrong))
            least = wrong
    return found


def propose(
    tried: Sequence[Tried], held: HeldOut | str, *, may_lose: bool
) -> tuple[Tried | None, str]:
    """Choose what costs least, or say why nothing is proposed.

    Args:
        tried: choices that are held against each other, the one in force among them.
        held: what is held out.
        may_lose: choose also what loses labelled losses that are caught now.
    """
    now = next(one for one in tried if one.in_force)
    if len(tried) == 1:
        return None, "nothing says what else it could be: name values to try"
    labels = now.scores.losses + max(one.scores.split.wrong for one in tried)
    if not labels:
        return None, "no label speaks of it, so the hits alone can be compared"
    cheaper = [one for one in tried if one.choosing < now.choosing]
    kept = [one for one in cheaper if may_lose or not one.lost]
    within = [one for one in kept if one.report.passed or not now.report.passed]
    if not cheaper:
        return None, f"none of them costs less than {now.value}"
    if not kept:
        lost = min(one.lost for one in cheaper)
        return None, f"what costs less loses labelled losses that are caught now, at least {lost}"
    if not within:
        return None, "what costs less exceeds the noise budget of the file"
    # Of several that cost the same, the one that changes least.
    best = min(within, key=lambda one: (one.choosing, one.off, tried.index(one)))
    if labels < LABELS_MIN:
        return None, (
            f"{best.value} costs least, but {labels} labels are too few to propose it "
            f"(at least {LABELS_MIN})"
        )
    if best.held is not None and now.held is not None and best.held > now.held:
        by = held.by if isinstance(held, HeldOut) else ""
        return None, (
            f"{best.value} costs least on the {by} that chose it, but more than {now.value} on "
            f"those held out"
        )
    return best, f"{best.value} instead of {now.value}"
