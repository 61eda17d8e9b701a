"""Why a rule held: a signal's judgement made again from the evidence that its record keeps.

A record proves itself: it has every event that bore on the signal, whole. With the rule as it was
then, each expression's value can be told besides. What is known of the incident's other signals and
of the devices' health is laid beside the evidence, so that what nearly changed the verdict is seen,
too. The record has the last word: a judgement that does not come to it is not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aislewatch.authoring.running import CENTIBANS
from aislewatch.detect.explain import Explainer
from aislewatch.detect.explain_figures import names_of_all_peers
from aislewatch.detect.explain_log import Log
from aislewatch.detect.explain_values import Judgement
from aislewatch.events.codec import content_hash
from aislewatch.events.kinds import Event
from aislewatch.events.model import StoreModel
from aislewatch.events.registry import Registry
from aislewatch.rules.rule import Rule


@dataclass(frozen=True)
class Recorded:
    """A signal as its record tells it, as far as a judgement can be held to it.

    Attributes:
        anchor: id of the event that was judged.
        decided_us: when its last window had closed.
        points_cb: centibans.
        about: entities by kind.
        bindings: what its names stood for.
        evidence: every event that its windows held.
    """

    anchor: str
    decided_us: int
    points_cb: int
    about: tuple[tuple[str, str], ...]
    bindings: Sequence[tuple[str, Any]]
    evidence: Sequence[Event]


def judged_again(
    rule: Rule,
    recorded: Recorded,
    beside: Iterable[Event],
    model: StoreModel,
    registry: Registry,
) -> Judgement | None:
    """Judge a signal's anchor again.

    Args:
        rule: the rule, with the meaning that it had then.
        recorded: the signal.
        beside: other events of the store that the ledger knows.
        model: the shop, as far as it is known.
        registry: the kinds of event.

    Returns:
        The judgement; None where the evidence alone does not come to what the record says: pairing
        off may have rested on events before its window. Of peers the record keeps the figures and
        not what bore on them, and those are taken as they stand there.
    """
    peers = names_of_all_peers(rule)
    told = {name: value for name, value in recorded.bindings if name in peers}
    for figures in (None, told) if told else (None,):
        for more in (list(beside), []):
            judgement = _judged(rule, recorded, more, model, registry, figures)
            if judgement is not None:
                return judgement
    return None


def _judged(
    rule: Rule,
    recorded: Recorded,
    more: Iterable[Event],
    model: StoreModel,
    registry: Registry,
    figures: Mapping[str, Any] | None,
) -> Judgement | None:
    known = {event.id for event in recorded.evidence}
    events = {content_hash(event): event for event in recorded.evidence}
    # Of two contents under one id the record knows which counted.
    events |= {content_hash(event): event for event in more if event.id not in known}
    explainer = Explainer(rule, Log(events.values(), model), registry, figures)
    judged_us = recorded.decided_us - max(0, rule.reach.latest_us)
    for event in events.values():
        if event.id == recorded.anchor and event.time == judged_us:
            judgement = explainer.judge(event)
            same = (
                judgement.outcome == "holds"
                and judgement.points * CENTIBANS == recorded.points_cb
                and tuple(judgement.about.items()) == recorded.about
                and judgement.bindings == dict(recorded.bindings)
            )
            return judgement if same else None
    return None
