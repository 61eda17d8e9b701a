"""Why a rule did not hold: the first clause that failed, for every event that could be an anchor.

A negative test proves something only where it fails for the reason that is meant. The judgements
are made again by the judge's tracing twin once all events are there. That gives what was given in
their time: windows are bounded, so nothing that came later lies in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aislewatch.detect.health import Health
from aislewatch.detect.judgement import NO_ANCHOR, Fails, Undecided
from aislewatch.detect.lists import NamedLists
from aislewatch.detect.order import order_key
from aislewatch.detect.plan import Plan, RulePlan
from aislewatch.detect.signals import signal_id
from aislewatch.events.kinds import DeviceState, Event, ListChanged
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.rule import Aggregate, Check, Clause, Let, Rule, Seen, SomeOf

QUIET = "quiet"
"""The reason of a rule that held and was silenced by its own earlier signal."""

KEPT_US = 172_800_000_000
"""How long evidence is kept: two days, so that all of a test's one day is there at its end."""


@dataclass(frozen=True)
class Reason:
    """Why one event led to no signal.

    Attributes:
        anchor: the event.
        clause: ``when``, the label of the first clause that did not hold, the name of what excused
            it, or ``quiet``.
        unknown: why it could not be told; empty where the clause certainly did not hold.
    """

    anchor: Event
    clause: str
    unknown: str = ""


def reasons_of(
    rule: Rule,
    events: Sequence[Event],
    registry: Registry,
    model: StoreModel,
    raised: frozenset[str],
) -> list[Reason]:
    """Judge a whole recording again and say why what did not fire did not.

    Args:
        rule: a checked rule that judges.
        events: all of one day.
        registry: the kinds of event that the rule was checked against.
        model: the shop.
        raised: ids of the signals that stand.

    Returns:
        One reason for every event of the anchor's kind that no signal stands for, in order.
    """
    health = Health()
    lists = NamedLists(model.lists)
    plan = Plan(
        [rule], registry, model, health, horizon_us=KEPT_US, take_anchor=_taken, lists=lists
    )
    if not plan.rules:
        return []
    known = sorted((model.enrich(event) for event in events), key=order_key)
    for event in known:
        plan.insert(event)
        if isinstance(event, DeviceState):
            health.tell(event)
        elif isinstance(event, ListChanged):
            lists.tell(event)
    (compiled,) = plan.rules
    judge = plan.traced(compiled)
    found: list[Reason] = []
    for event in known:
        if type_of(type(event)) not in rule.anchor.types:
            continue
        if not compiled.matches(event):
            found.append(Reason(event, NO_ANCHOR))
            continue
        verdict = judge(event)
        if isinstance(verdict, Fails):
            found.append(Reason(event, verdict.clause))
        elif isinstance(verdict, Undecided):
            found.append(Reason(event, verdict.clause, verdict.because))
        elif signal_id(rule.id, event) not in raised:
            found.append(Reason(event, QUIET))
    return found


def told_by(rule: Rule) -> dict[str, str]:
    """Give the reasons that a rule can have for its silence, by every name that tests may use.

    A clause that is named (``as: shelf``) may also be told by what it is: ``seen rfid.read``.
    """
    names = {NO_ANCHOR: NO_ANCHOR}
    for clause in rule.clauses:
        if not isinstance(clause, Let) and not (isinstance(clause, Seen) and clause.optional):
            names[clause.label] = clause.label
    for clause in rule.clauses:
        if clause.label in names:
            names.setdefault(_what(clause), clause.label)
    names |= {requirement.text: requirement.text for requirement in rule.requires}
    names |= {excuse.name: excuse.name for excuse in rule.excepts}
    if rule.incident.quiet is not None:
        names[QUIET] = QUIET
    return names


def _what(clause: Clause) -> str:
    if isinstance(clause, Seen):
        return "seen " + "|".join(clause.types)
    if isinstance(clause, Aggregate):
        return f"{clause.op} " + "|".join(clause.types)
    if isinstance(clause, SomeOf):
        return "all_of" if clause.at_least == len(clause.clauses) else "any_of"
    return "check" if isinstance(clause, Check) else clause.label


def _taken(plan: RulePlan, anchor: Event) -> None:
    """Nothing waits: judgements are made when all events are there."""
