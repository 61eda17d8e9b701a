"""What is asked of a rule that was silent: about whom, and when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

from aislewatch.errors import UsageError
from aislewatch.events.kinds import ClockTick, Event
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.registry import Registry, type_of
from aislewatch.rules.rule import Rule

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::([0-5]\d(?:\.\d{1,6})?))?")
_QUARTER_US = 900_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    """A question.

    Attributes:
        about: entities by kind; an event must concern all of them.
        at_us: when, microseconds UTC.
        within_us: how far from then still counts.
    """

    about: Mapping[str, str]
    at_us: int
    within_us: int

    def is_near(self, time_us: int) -> bool:
        """Say whether a time is one that is asked about."""
        return abs(time_us - self.at_us) <= self.within_us

    def concerns(
        self, event: Event, registry: Registry, said: Mapping[str, object] | None = None
    ) -> bool:
        """Say whether an event speaks of all that is asked about.

        Args:
            event: the event.
            registry: of its kind.
            said: what a rule says that it is about, by kind.
        """
        fields = registry.kinds[type_of(type(event))].fields
        return all(
            (kind in fields and is_same(getattr(event, fields[kind].attr), value))
            or (said is not None and is_same(said.get(kind), value))
            for kind, value in self.about.items()
        )


def is_same(told: object, asked: str) -> bool:
    """Say whether a told value is the one that was asked about, in whatever case it was typed."""
    return told is not None and str(told).casefold() == asked.casefold()


def read_about(words: Sequence[str], rule: Rule, registry: Registry) -> dict[str, str]:
    """Read entities, each as ``epc=E1``.

    Raises:
        UsageError: one is none; names what a rule's incidents and events can be about.
    """
    known = set(rule.incident.about)
    for spec in registry.kinds.values():
        known |= {path for path, field in spec.fields.items() if field.key}
    about: dict[str, str] = {}
    for word in words:
        kind, sign, value = word.partition("=")
        if not sign or not value:
            message = f"{word!r} names nobody; write e.g. --about epc=E1"
            raise UsageError(message)
        if kind not in known:
            hint = did_you_mean(kind, known, label="there are")
            message = f"nothing is told of a {kind!r}; {hint}".rstrip("; ")
            raise UsageError(message)
        about[kind] = value
    return about


def is_of_day(text: str) -> bool:
    """Say whether a time states no day."""
    return _CLOCK.fullmatch(text.strip()) is not None


def read_time(text: str, zone: str, days: Iterable[date]) -> int:
    """Read a time: ``10:20``, ``10:20:00``, ``2026-01-12 10:20`` or ISO 8601.

    Args:
        text: as written.
        zone: IANA time zone of times that state none.
        days: of the events there are; asked only where the time states no day.

    Returns:
        Microseconds UTC.

    Raises:
        UsageError: it is no time, or it is not clear on which day.
    """
    place = ZoneInfo(zone)
    clock = _CLOCK.fullmatch(text.strip())
    try:
        if clock is None:
            moment = datetime.fromisoformat(text.strip())
        else:
            time = time_of_day(int(clock[1]), int(clock[2]))
            seconds = timedelta(seconds=float(clock[3] or 0))
            moment = datetime.combine(_only(sorted(days), text), time) + seconds
    except ValueError:
        message = f"{text!r} is no time; write e.g. 10:20, 10:20:05 or '2026-01-12 10:20'"
        raise UsageError(message) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=place)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _only(days: Sequence[date], text: str) -> date:
    if not days:
        message = "there are no events, so there is no day of which that could be a time"
        raise UsageError(message)
    if len(days) > 1:
        message = (
            f"the events are of {len(days)} days, {days[0]} to {days[-1]}: say which, as in "
            f"--at '{days[0]} {text.strip()}'"
        )
        raise UsageError(message)
    return days[0]


def days_of(events: Iterable[Event], zone: str) -> set[date]:
    """Give the days on which events happened, as the shop counts them; ticks are none."""
    place = ZoneInfo(zone)
    # The offsets of zones are whole quarters of an hour, so that within one the day is the same.
    quarters = {event.time // _QUARTER_US for event in events if not isinstance(event, ClockTick)}
    begins = (_EPOCH + timedelta(microseconds=quarter * _QUARTER_US) for quarter in quarters)
    return {moment.astimezone(place).date() for moment in begins}
