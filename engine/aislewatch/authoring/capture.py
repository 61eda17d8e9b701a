"""An incident's evidence as an inline test of a rule: on no day in particular, under pseudonyms.

What comes out was run: it fires as often as the evidence did, and says the same of it. Fields that
the rule does not look at are left out as long as that stays so. Evidence from which the rule does
not come to the same makes no test at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from aislewatch.authoring.capture_days import rests_on_more
from aislewatch.authoring.capture_names import pseudonyms, renamed
from aislewatch.authoring.capture_uses import uses_of
from aislewatch.authoring.lines import DAY_US, LINES_DEVICE, LINES_STORE, parse_lines
from aislewatch.authoring.reasons import reasons_of
from aislewatch.authoring.running import CENTIBANS, Lists, model_of, run_events, standing_in_order
from aislewatch.authoring.writing import LONGEST_US, clock_of, write_lines
from aislewatch.detect.order import in_order
from aislewatch.errors import UsageError
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.rule import Rule
from aislewatch.rules.signals import with_signals

_ENVELOPE = frozenset({"id", "store", "time", "seq"})


@dataclass(frozen=True)
class Captured:
    """A test that was made, and run.

    Attributes:
        name: of the test.
        lines: its events.
        fires: how often the rule fires on them.
        at: time of the first signal, as tests write it.
        about: what the first signal is about.
        points: of the first signal, decibans.
        because: the first signal's sentence.
        renamed: how many values stand there under a pseudonym.
        left_out: fields that the rule does not look at, by the names that rules use.
        passed_over: events that were left out, as they made no difference to the signals.
    """

    name: str
    lines: str
    fires: int
    at: str
    about: Mapping[str, str]
    points: int
    because: str
    renamed: int
    left_out: Sequence[str]
    passed_over: int


MANY = 24
"""More events than this nobody reads: a scale that tells its weight every five seconds."""


class _Said(NamedTuple):
    """What a test's signals say, as far as a test can tell them apart."""

    anchor: str
    decided_us: int
    about: tuple[tuple[str, str], ...]
    points_cb: int
    because: str
    value_minor: int | None
    looks: tuple[tuple[str, int, int, int], ...]


def capture(
    rule: Rule,
    evidence: Sequence[Event],
    anchors: Sequence[str],
    registry: Registry,
    *,
    name: str,
    zone: str = "UTC",
    whole: bool = False,
    lists: Lists | None = None,
    around: Sequence[Event] = (),
) -> Captured:
    """Make an inline test of the evidence of a rule's signals.

    Args:
        rule: the rule that the test is for.
        evidence: events of one store, as the ledger has them, in any order.
        anchors: ids of those of them for which the rule held.
        registry: the kinds of event that the rule was checked against.
        name: of the test.
        zone: IANA time zone whose times of day are kept.
        whole: keep every event; otherwise, where they are more than :data:`MANY` or make signals
            of other anchors, too, only those without which the signals would be others.
        lists: members of the named lists that the rule looks into.
        around: further events that may bear on the signals; see :mod:`.capture_days`.

    Raises:
        UsageError: no test can be made of it; says why.
    """
    registry = with_signals(registry, rule.hears)
    trial = _Trial(rule, registry, lists or {})
    after_us = max(0, rule.reach.latest_us)
    events = _on_no_day(in_order([*evidence, *around]), after_us, ZoneInfo(zone))
    plain = trial.said(events)
    missing = {event.id for event in evidence} & set(anchors)
    missing -= {said.anchor for said in plain}
    if missing or not plain:
        raise UsageError(_does_not_fire(trial, events, missing))
    uses = uses_of(rule)
    names = pseudonyms(events, registry, uses.texts)
    hidden = [renamed(event, registry, names) for event in events]
    told = trial.said(hidden)
    if not _alike(plain, told, names):
        message = (
            f"under pseudonyms {rule.id!r} comes to something else: it looks at the text of a "
            "field that a test does not tell, so that no test can be made of this evidence"
        )
        raise UsageError(message)
    kept = hidden
    wanted = frozenset(anchors)
    others = any(said.anchor not in wanted for said in told)
    if not whole and (len(hidden) > MANY or around or others):
        kept = _fewer(trial, hidden, told, wanted, {event.id for event in around})
        told = trial.said(kept)
    shrunk, left_out = _shrunk(trial, kept, told, uses.attrs)
    first = told[0]
    return Captured(
        name=name,
        lines=write_lines(shrunk, registry),
        fires=len(told),
        at=clock_of(first.decided_us),
        about=dict(first.about),
        points=first.points_cb // CENTIBANS,
        because=first.because,
        renamed=len(names),
        left_out=left_out,
        passed_over=len(hidden) - len(kept),
    )


@dataclass(frozen=True)
class _Trial:
    """Runs events the way a test does: written as lines, and read again."""

    rule: Rule
    registry: Registry
    lists: Lists

    def read(self, events: Sequence[Event]) -> list[Event]:
        try:
            return parse_lines(write_lines(events, self.registry), self.registry)
        except ValueError as error:
            message = f"no test can be made of this evidence: {error}"
            raise UsageError(message) from None

    def said(self, events: Sequence[Event]) -> list[_Said]:
        live = replace(self.rule, status="live")
        read = self.read(events)
        # As many as were written, in their order: only ids and counters are others.
        ids = {one.id: event.id for one, event in zip(read, events, strict=True)}
        records = run_events([live], read, self.registry, lists=self.lists)
        return [_said(signal, ids[signal["anchor"]]) for signal in standing_in_order(records)]


def _said(signal: Mapping[str, Any], anchor: str) -> _Said:
    looks = [
        (look["clause"], look["from_us"], look["to_us"], len(look["found"]))
        for look in signal["looks"]
    ]
    return _Said(
        anchor,
        signal["decided_us"],
        tuple((kind, value) for kind, value in signal["about"]),
        signal["points_cb"],
        signal["because"],
        signal["value_minor"],
        tuple(looks),
    )


def _alike(plain: Sequence[_Said], told: Sequence[_Said], names: Mapping[str, str]) -> bool:
    """Say whether signals are the same but for pseudonyms; their sentences hold those, too."""
    if len(plain) != len(told):
        return False
    for one, other in zip(plain, told, strict=True):
        about = tuple((kind, names.get(value, value)) for kind, value in one.about)
        if one._replace(about=about, because="") != other._replace(because=""):
            return False
    return True


def _on_no_day(events: Sequence[Event], after_us: int, zone: ZoneInfo) -> list[Event]:
    """Move events to the day of lines, at the times of day that they had.

    Args:
        events: in order.
        after_us: how long after the last of them the rule may be judged.
        zone: of the times of day.

    Raises:
        UsageError: they are further apart than lines can tell.
    """
    first, last = events[0].time, events[-1].time + after_us
    began = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=first)).astimezone(zone)
    of_day = timedelta(
        hours=began.hour,
        minutes=began.minute,
        seconds=began.second,
        microseconds=began.microsecond,
    ) // timedelta(microseconds=1)
    if of_day + last - first >= LONGEST_US:
        # What counts is how far apart things are.
        of_day = 0
    if last - first >= LONGEST_US:
        message = "no test was made: this evidence spans more than the hundred hours of a test"
        raise UsageError(message)
    by = DAY_US + of_day - first
    move = msgspec.structs.replace
    return [move(event, time=event.time + by, store=LINES_STORE) for event in events]


def _does_not_fire(trial: _Trial, events: Sequence[Event], missing: Collection[str]) -> str:
    """Say at which clause the rule stops for the anchors for which it held once."""
    read = trial.read(events)
    live = replace(trial.rule, status="live")
    model = model_of(read, trial.registry, trial.lists)
    anchors = {one.id for one, event in zip(read, events, strict=True) if event.id in missing}
    stops = dict.fromkeys(
        f"{reason.clause}{f' ({reason.unknown})' if reason.unknown else ''}"
        for reason in reasons_of(live, read, trial.registry, model, frozenset())
        if reason.anchor.id in anchors
    )
    message = (
        f"no test was made: on this evidence {trial.rule.id!r} as it is now does not hold; it "
        f"stops at {', '.join(stops) or 'no event of its kind'}"
    )
    if rests_on_more(trial.rule):
        message += "; it may rest on more than the ledger keeps: name those days with --events"
    return message


def _fewer(
    trial: _Trial,
    events: Sequence[Event],
    told: Sequence[_Said],
    anchors: frozenset[str],
    around: Collection[str],
) -> list[Event]:
    """Leave out what makes no difference to the signals of some anchors.

    Signals of other anchors may go, and none may come. What bore on peers goes first, and may
    change the sentence: half the others' share is another where fewer of their lines are left.

    Args:
        trial: runs them.
        events: in order.
        told: what they say.
        anchors: ids of those whose signals stay.
        around: ids of those that are no evidence of their own.
    """
    plain: dict[str, Any] = {"looks": ()}
    kept = list(events)
    if around:
        kept = _without_pieces(trial, kept, told, anchors, plain | {"because": ""}, around)
        told = trial.said(kept)
    return _without_pieces(trial, kept, told, anchors, plain, None)


def _without_pieces(
    trial: _Trial,
    events: list[Event],
    told: Sequence[_Said],
    anchors: frozenset[str],
    apart: Mapping[str, Any],
    among: Collection[str] | None,
) -> list[Event]:
    """Leave out events in ever smaller pieces.

    After Zeller and Hildebrandt, *Simplifying and Isolating Failure-Inducing Input* (2002), with
    one pass for each size of piece.

    Args:
        trial: runs them.
        events: in order.
        told: what they say.
        anchors: ids of those whose signals stay.
        apart: what of these signals may differ.
        among: ids of those that may go; all where None.
    """

    def of_anchors(said: Sequence[_Said]) -> list[_Said]:
        return [one._replace(**apart) for one in said if one.anchor in anchors]

    wanted, most = of_anchors(told), len(told)
    going = [event.id for event in events if among is None or event.id in among]
    size = max(1, len(going) // 2)
    while size and going:
        at = 0
        while at < len(going):
            gone = set(going[at : at + size])
            tried = [event for event in events if event.id not in gone]
            said = trial.said(tried) if tried else []
            if len(said) <= most and of_anchors(said) == wanted:
                events, most = tried, len(said)
                going = going[:at] + going[at + size :]
            else:
                at += size
        size //= 2
    return events


# Left out ---------------------------------------------------------------------------------------


def _shrunk(
    trial: _Trial, events: Sequence[Event], told: Sequence[_Said], used: frozenset[str]
) -> tuple[list[Event], list[str]]:
    """Leave out the fields that the rule does not look at, all or else as many as can be."""
    spare = {
        field.attr: path
        for kind in trial.registry.kinds.values()
        for path, field in kind.fields.items()
        if field.attr not in used | _ENVELOPE
    }
    there = [attr for attr in sorted(spare) if any(_has(event, attr) for event in events)]
    kept = list(events)
    left_out: list[str] = []
    for attrs in (there, *([attr] for attr in there)):
        tried = [_without(event, attrs, trial.registry) for event in kept]
        if tried != kept and trial.said(tried) == list(told):
            kept = tried
            left_out += [spare[attr] for attr in attrs]
        if len(left_out) == len(there):
            break
    return kept, sorted(set(left_out))


def _has(event: Event, attr: str) -> bool:
    return getattr(event, attr, None) not in {None, _PLAIN.get(attr)}


def _without(event: Event, attrs: Sequence[str], registry: Registry) -> Event:
    fields = registry.kinds[type_of(type(event))].fields.values()
    spared = {field.attr for field in fields if not field.required} | _PLAIN.keys()
    gone: dict[str, Any] = {attr: _PLAIN.get(attr) for attr in attrs if attr in spared}
    return msgspec.structs.replace(event, **gone) if gone else event


_PLAIN = {"device": LINES_DEVICE, "simulated": False}
"""What stands for nothing where a field cannot be absent."""
