"""When a day of a shop ends: at midnight in its own time zone, as an instant of event time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)


def end_of_day_us(day: date, zone: str) -> int:
    """Give the first instant behind a day, microseconds UTC.

    Where a change of the clocks leaves midnight out, the day ends with that change; where midnight
    comes twice, with the first.

    Args:
        day: in the shop's calendar; the last one that Python knows ends a day early.
        zone: IANA name.

    >>> end_of_day_us(date(2026, 1, 1), "UTC") - end_of_day_us(date(2026, 1, 1), "Asia/Tokyo")
    32400000000
    """
    behind = min(day, date.max - _DAY) + _DAY
    return (datetime.combine(behind, time.min, ZoneInfo(zone)) - _EPOCH) // _MICROSECOND
