"""What a store decides about time and odds, and how its ledger tells by what it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from aislewatch.detect.plan import Plan
from aislewatch.events.record import canonical_json


class Settings(NamedTuple):
    """What a store decides about time and odds.

    Attributes:
        store: its id.
        lateness_us: how long an event may be under way without being late.
        horizon_us: how far behind the watermark a late event still changes decisions.
        ahead_us: how far ahead of the clock an event may lie.
        merge_window_us: how far apart signals about one entity are still one incident.
        span_us: the longest an incident may grow.
        evidence: events that one index of clauses may hold; of more, the oldest go.
        priors_cb: odds before any evidence, centibans, by incident type or its first word.
        timezone: IANA name; decides nothing, and is told so that a ledger can be read by itself.
    """

    store: str
    lateness_us: int = 2_000_000
    horizon_us: int = 900_000_000
    ahead_us: int = 300_000_000
    merge_window_us: int = 1_800_000_000
    span_us: int = 86_400_000_000
    evidence: int = 2_000_000
    priors_cb: Mapping[str, int] = {}  # A NamedTuple's default is never written to.
    timezone: str = "UTC"


def configuration(settings: Settings, plan: Plan) -> str:
    """Give all that decides in a store, as the canonical JSON that its ledger tells."""
    figures = settings._asdict()
    content = {
        "timezone": figures.pop("timezone"),
        "currency": plan.model.currency,
        "model": plan.model.hash,
        "rules": {
            p.rule.id: {"meaning": p.rule.meaning, "status": p.rule.status} for p in plan.rules
        },
        "settings": figures,
    }
    return canonical_json(content).decode()
