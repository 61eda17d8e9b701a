"""A backtest's report as plain values: for scripts, and to be held against the next one.

Everything in it comes from the days, the rules and the labels; neither paths of this machine nor
the time of the run are in it, so that the same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aislewatch.authoring.backtest_figures import Interval, Suggestion
from aislewatch.authoring.backtest_hits import Hit
from aislewatch.authoring.backtest_labelled import Judged, split_of
from aislewatch.authoring.backtest_report import Report, RuleReport, Version

_DIGITS = 4


def report_json(report: Report) -> Mapping[str, Any]:
    """Give a report as plain values; shares from 0 to 1, amounts in minor units, times in us."""
    return {
        "passed": report.passed,
        "stores": report.stores,
        "events": report.events,
        "refused": report.refused,
        "strangers": report.strangers,
        "timezone": report.zone,
        "currency": report.currency or None,
        "rules": [_rule(rule) for rule in report.rules],
    }


def _rule(report: RuleReport) -> Mapping[str, Any]:
    subject = report.subject
    return {
        "id": subject.rule.id,
        "title": subject.rule.title,
        "status": subject.rule.status,
        "meaning": subject.rule.meaning,
        "passed": report.passed,
        "idle": report.idle or None,
        "unheard": report.unheard,
        "first_day": report.first or None,
        "last_day": report.last or None,
        "store_days": report.store_days,
        "open_stores": report.open,
        "events": report.events,
        "now": _version(report.now),
        "against": subject.against or None,
        "before": _version(report.before) if report.before is not None else None,
        "same_meaning": subject.same,
        "only_now": _listed(report.only_now),
        "only_before": _listed(report.only_before),
        "changed": [_hit(hit) for hit in report.changed],
        "stores": [
            {**store._asdict(), "incidents_per_day": round(float(store.per_day), _DIGITS)}
            for store in report.stores
        ],
        "store_and_day": [day._asdict() for day in report.days],
        "judgements": {
            "made": report.judged,
            "held": report.held,
            "stopped_by": report.stopped,
            "excused_by": report.excused,
            "undecided_at": report.undecided,
        },
        "budget": [
            {
                "name": check.name,
                "limit": float(check.limit),
                "measured": check.measured,
                "passed": check.passed,
                "says": check.says,
            }
            for check in report.checks
        ],
        "points": _points(report.suggestion, report.subject.rule.incident.points),
        "sample": [_hit(hit) for hit in report.sample],
    }


def _version(version: Version) -> Mapping[str, Any]:
    scores = version.scores
    return {
        "hits": scores.split.hits,
        "right": scores.split.right,
        "wrong": scores.split.wrong,
        "unlabelled": scores.split.unlabelled,
        "withdrawn": version.withdrawn,
        "incidents": version.incidents,
        "incidents_per_store_day": round(float(version.per_store_day), _DIGITS),
        "worst_store": version.worst or None,
        "worst_store_per_day": round(float(version.worst_per_day), _DIGITS),
        "losses_labelled": scores.losses,
        "losses_caught": scores.caught,
        "honest_labelled": scores.honest,
        "honest_hit": scores.accused,
        "precision": _interval(scores.precision),
        "recall": _interval(scores.recall),
        "money": {
            "saved_minor": scores.money.saved,
            "lost_minor": scores.money.lost,
            "spent_minor": scores.money.spent,
            "net_minor": scores.money.net,
            "unpriced": scores.money.unpriced,
        },
    }


def _listed(judged: Sequence[Judged]) -> Mapping[str, Any]:
    split = split_of(judged)
    return {
        "count": split.hits,
        "right": split.right,
        "wrong": split.wrong,
        "hits": [{**_hit(one.hit), "verdict": one.verdict} for one in judged],
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "store": hit.store,
        "anchor": hit.anchor,
        "time_us": hit.time_us,
        "day": hit.day,
        "about": dict(hit.about),
        "points": hit.points_cb / 10,
        "value_minor": hit.value_minor,
        "because": hit.because,
    }


def _points(suggestion: Suggestion | str, points: int) -> Mapping[str, Any]:
    if isinstance(suggestion, str):
        return {"file": points, "suggested": None, "labels": 0, "change": False, "says": suggestion}
    return {
        "file": points,
        "suggested": _interval(suggestion.points),
        "labels": suggestion.labels,
        "change": suggestion.change,
        "says": suggestion.says,
    }


def _interval(interval: Interval | None) -> Mapping[str, float] | None:
    return interval._asdict() if interval is not None else None
