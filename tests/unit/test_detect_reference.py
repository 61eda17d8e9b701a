"""Compiled judgement against a plain reading of the rule language, and incidents against a sieve.

The plain reading is :mod:`plain_reading`; rules are written ones here, and random ones in
``test_detect_random_rules.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_checks import END, FIGURES, REGISTRY, check_judgement, crowd

from aislewatch.detect.core import Core
from aislewatch.detect.snapshot import decode_state
from aislewatch.events.kinds import Event
from aislewatch.events.record import Record
from aislewatch.rules.load import load_rules
from aislewatch.rules.rule import (
    Rule,
)
from aislewatch.testing.running import standing
from aislewatch.testing.streams import SHOP

FOLDER = Path(__file__).parent / "detect_rules"
RULES = load_rules({path.name: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}, REGISTRY)

# Incidents --------------------------------------------------------------------------------------

STRONG = {"person", "epc", "receipt", "basket", "customer"}
MERGE_US = 1_800_000_000


_BY_ID = {rule.id: rule for rule in RULES}


def belong(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    apart = abs(one["decided_us"] - other["decided_us"])
    groups = [_BY_ID[signal["rule"]].incident.group for signal in (one, other)]
    if one["type"] == other["type"] == "theft.exit" and None not in groups:
        # Of the rules here, one has a group: of all its signals in the shop.
        group = groups[0]
        assert group is not None
        if apart <= group.gap_us:
            return True
    if apart > MERGE_US:
        return False
    kinds = {kind for kind, value in one["about"] if [kind, value] in other["about"]}
    if STRONG & kinds:
        return True
    both = {kind for kind, _ in one["about"]} & {kind for kind, _ in other["about"]}
    return len(kinds) >= 2 and not STRONG & both


def components(signals: Mapping[str, Mapping[str, Any]]) -> set[frozenset[str]]:
    """Give the connected components of belonging together, by painting neighbours."""
    colour = {ident: ident for ident in signals}
    for _ in signals:
        for one in signals:
            for other in signals:
                if belong(signals[one], signals[other]):
                    colour[one] = colour[other] = min(colour[one], colour[other])
    return {frozenset(i for i in signals if colour[i] == c) for c in colour.values()}


def score_of(signals: Sequence[Mapping[str, Any]], prior_cb: int) -> int:
    """Add up, with a hundred digits, as of the latest signal."""
    now = max(signal["decided_us"] for signal in signals)
    by_rule: dict[str, int] = {}
    repeats: dict[str, int] = {}
    for signal in sorted(signals, key=lambda s: (s["decided_us"], s["signal"])):
        rule = signal["rule"]
        points = int(Fraction(signal["points_cb"], 2 ** repeats.get(rule, 0)))
        repeats[rule] = repeats.get(rule, 0) + 1
        if signal["half_life_us"] is not None:
            with localcontext() as context:
                context.prec = 100
                halvings = Decimal(now - signal["decided_us"]) / Decimal(signal["half_life_us"])
                points = round(Decimal(points) * Decimal(2) ** -halvings)
        by_rule[rule] = by_rule.get(rule, 0) + points
    total = prior_cb
    families: dict[str, list[int]] = {}
    for rule, points in by_rule.items():
        family = _BY_ID[rule].incident.family
        if family is None:
            total += points
        else:
            families.setdefault(family, []).append(points)
    return total + sum(max(sorted(one), key=lambda p: (abs(p), p)) for one in families.values())


# What the core says -----------------------------------------------------------------------------


def check_incidents(rules: Sequence[Rule], events: Sequence[Event]) -> None:
    core = Core(FIGURES, SHOP, rules, REGISTRY)
    records = core.step([*events, END])
    stands = standing(records)
    state = decode_state(core.snapshot(), REGISTRY).incidents
    parts = {frozenset(s.id for s in one.signals): one.id for one in state.open.values()}
    assert set(parts) == components(stands)
    for part, ident in parts.items():
        last = _last_of(records, ident)
        assert last["score_cb"] == score_of([stands[one] for one in part], last["prior_cb"])
        prior = -300 if last["type"].startswith("fraud") else -250
        assert last["prior_cb"] == (-150 if last["type"] == "theft.exit" else prior)


def _last_of(records: Sequence[Record], incident: str) -> Mapping[str, Any]:
    told = [
        msgspec.json.decode(record.payload)
        for record in records
        if record.stream == f"incident/{incident}"
        and record.type in {"incident.opened", "incident.rescored"}
    ]
    last: Mapping[str, Any] = told[-1]
    return last


seeds = st.integers(0, 1 << 40)
sizes = st.sampled_from([3, 8, 14, 25, 40])
tries = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
@tries
@given(sizes, seeds)
def test_a_compiled_rule_judges_as_the_language_is_worded(rule: Rule, size: int, seed: int) -> None:
    check_judgement([rule], crowd([rule], size, seed))


few = st.sets(st.sampled_from(sorted(_BY_ID)), min_size=2, max_size=4)


@tries
@given(few, sizes, seeds)
def test_incidents_are_what_hangs_together_and_scores_what_their_signals_add_up_to(
    names: set[str], size: int, seed: int
) -> None:
    rules = [_BY_ID[name] for name in sorted(names)]
    check_incidents(rules, crowd(rules, size, seed))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(_BY_ID))
@settings(tries, max_examples=5000)
@given(sizes, seeds)
def test_a_compiled_rule_judges_many_more_streams_as_the_language_is_worded(
    name: str, size: int, seed: int
) -> None:
    rule = _BY_ID[name]
    check_judgement([rule], crowd([rule], size, seed))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(tries, max_examples=5000)
@given(few, sizes, seeds)
def test_incidents_of_many_more_streams_are_what_hangs_together(
    names: set[str], size: int, seed: int
) -> None:
    rules = [_BY_ID[name] for name in sorted(names)]
    check_incidents(rules, crowd(rules, size, seed))
