"""Rules that cannot judge in a shop: what they take for absent could not be told if it were there.

A rule that holds because nothing was seen would accuse everybody where nothing can be seen. So it
does not judge at all where no device of the shop would send what it looks for, and where the rule
whose signals it looks for does not judge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from aislewatch.events.model import StoreModel
from aislewatch.rules.rule import NotSeen, Rule, Unmatched
from aislewatch.rules.signals import PREFIX


def idle_among(
    rules: Sequence[Rule],
    strata: Mapping[str, int],
    model: StoreModel,
    silent: Collection[str] = (),
) -> dict[str, str]:
    """Give the rules that cannot judge, each with the reason.

    Args:
        rules: those that would judge.
        strata: of each; see :func:`aislewatch.rules.signals.strata_of`.
        model: the shop; without devices nothing is known of what they see.
        silent: ids of further rules, which raise no signals: drafts and retired ones.
    """
    idle: dict[str, str] = {}
    unjudged = set(silent)
    for rule in sorted(rules, key=lambda rule: strata[rule.id]):
        missing = _missing(rule, model, unjudged)
        if missing:
            idle[rule.id] = missing
            unjudged.add(rule.id)
    return idle


def _missing(rule: Rule, model: StoreModel, unjudged: Collection[str]) -> str:
    needed = list(dict.fromkeys(_needed(rule)))
    below = [type_.removeprefix(PREFIX) for type_ in needed if type_.startswith(PREFIX)]
    silent = [repr(one) for one in below if one in unjudged]
    if silent:
        return f"no signals of the rule {', '.join(silent)} come here: it is not judged"
    if not model.devices:
        return ""
    # A device's states are told by its host.
    unseen = [
        type_
        for type_ in needed
        if type_ != "device.state"
        and not type_.startswith(PREFIX)
        and not model.watchers(type_, None)
    ]
    return f"no device of this store sees {', '.join(unseen)}" if unseen else ""


def _needed(rule: Rule) -> Iterator[str]:
    """Give the types of event whose absence a rule rests on, and those it requires."""
    for requirement in rule.requires:
        yield requirement.type
    for clause in rule.clauses:
        if isinstance(clause, NotSeen):
            yield from clause.types
        elif isinstance(clause, Unmatched):
            opposite = clause.left if clause.anchor_side == "right" else clause.right
            yield from opposite.types
