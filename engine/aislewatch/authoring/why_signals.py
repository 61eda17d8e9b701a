"""Signals that a rule judges, made again: of the rules below it, from what they said.

An archive holds what devices told and no signals. Who asks why a rule on signals said nothing needs
them all the same; so the rules below it judge beside it, and what stands of theirs is laid among
the events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from aislewatch.authoring.running import CENTIBANS
from aislewatch.detect.doubts import Doubts
from aislewatch.detect.judgement import Blind, Indexes, Judge, Undecided, Verdict
from aislewatch.detect.judging import compile_judge
from aislewatch.detect.signals import signal_id
from aislewatch.events.kinds import Event
from aislewatch.rules.compiling import Lists
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import Entities, fields_told, looked_for, signal_kind


def rules_below(rule: Rule, known: Mapping[str, Rule]) -> list[Rule]:
    """Give the rules whose signals a rule looks for, and theirs in turn, as far as they are known.

    Args:
        rule: which.
        known: rules by id.
    """
    found: dict[str, Rule] = {}
    asked = [rule]
    while asked:
        below = sorted(looked_for(asked.pop()) - {rule.id} - found.keys())
        found |= {one: known[one] for one in below if one in known}
        asked += [known[one] for one in below if one in known]
    return list(found.values())


def unheard(rule: Rule, below: Iterable[Rule]) -> dict[str, str]:
    """Give the rules of which no signal can come, each with why not."""
    at_hand = {one.id: one for one in below}
    hears = [other for one in (rule, *at_hand.values()) for other in sorted(looked_for(one))]
    told: dict[str, str] = {}
    for one in dict.fromkeys(hears):
        if one not in at_hand:
            told[one] = "it is not at hand"
        elif at_hand[one].status not in {"live", "shadow"}:
            told[one] = f"its status is {at_hand[one].status}"
    return told


class Open:
    """Remembers which judgements of a core are undecided; its :meth:`compile` makes the judges."""

    def __init__(self) -> None:
        self._anchors: dict[str, tuple[str, Event]] = {}

    def compile(self, rule: Rule, indexes: Indexes, blind: Blind, lists: Lists) -> Judge:
        """Make a judge that judges as any other."""
        inner = compile_judge(rule, indexes, blind, lists)

        def judge(anchor: Event) -> Verdict:
            verdict = inner(anchor)
            ident = signal_id(rule.id, anchor)
            if isinstance(verdict, Undecided):
                self._anchors[ident] = rule.id, anchor
            else:
                self._anchors.pop(ident, None)
            return verdict

        return judge

    def tell(self, doubts: Doubts, counts: Callable[[Event], bool]) -> Doubts:
        """Tell what is undecided of events that count."""
        for ident, (rule, anchor) in self._anchors.items():
            if counts(anchor):
                doubts.tell(rule, ident, anchor)
        return doubts


def as_events(
    stands: Mapping[str, Mapping[str, Any]], heard: Mapping[str, Entities], store: str
) -> Iterator[Event]:
    """Give signals that stand as the events that rules judge.

    Args:
        stands: payloads of signals by id.
        heard: the rules whose signals are looked for, with what those are about.
        store: where.
    """
    for ident, told in stands.items():
        if told["rule"] not in heard:
            continue
        entities = heard[told["rule"]]
        kind: Any = signal_kind(told["rule"], entities)  # Its fields are known only at run time.
        fields = fields_told(entities)
        anchor = next(event for event in told["evidence"] if event["id"] == told["anchor"])
        content = {
            "type": f"signal.{told['rule']}",
            "id": ident,
            "store": store,
            "device": anchor["device"],
            "time": told["decided_us"],
            "points": told["points_cb"] // CENTIBANS,
            "value_minor": told["value_minor"],
            **{name: value for name, value in told["about"] if name in fields},
        }
        yield msgspec.convert(content, kind)
