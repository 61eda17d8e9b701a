"""Events written as lines of text, the way inline tests have them: what ``lines`` reads, backwards.

::

    10:00:00.5 rfid.read epc=E1 zone.kind=shelf rssi=-50 *3

What is written and read again is the same events but for their ids and counters, which lines do not
have: they are made of a line's number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from math import isfinite
from typing import Any

import msgspec

from aislewatch.authoring.lines import DAY_US, LINES_DEVICE, LINES_STORE, per_written_unit
from aislewatch.events.kinds import Event
from aislewatch.events.registry import FieldSpec, Registry, type_of
from aislewatch.events.units import Dimension

LONGEST_US = 360_000_000_000
"""What lines can tell begins with the day of lines and ends here: their hours have two digits, and
go on past 24 where something happens on a later day."""

_UNWRITTEN = frozenset({"id", "time", "seq"})
"""Fields of the envelope that a line has in its own way, or not at all."""

_AS_READ = {"store": LINES_STORE, "device": LINES_DEVICE, "simulated": False}
"""What an event has where its line says nothing."""


def clock_of(time_us: int) -> str:
    """Give an event time as lines write it: ``10:00:02.9``.

    Raises:
        ValueError: it is before the day of lines, or a hundred hours or more behind its beginning.

    >>> clock_of(DAY_US + 36_002_900_000)
    '10:00:02.9'
    """
    since = time_us - DAY_US
    if not 0 <= since < LONGEST_US:
        message = "an event is not within the hundred hours that lines can tell"
        raise ValueError(message)
    seconds, parts = divmod(since, 1_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{clock}.{parts:06}".rstrip("0") if parts else clock


def write_lines(events: Iterable[Event], registry: Registry) -> str:
    """Write events, one a line, in the order given; equal ones that follow each other share a line.

    Raises:
        ValueError: one cannot be written: it is of another time, or a text in it holds quotes and
            blanks, or a line break.
    """
    rows = [
        (clock_of(event.time), type_of(type(event)), _told(event, registry)) for event in events
    ]
    lines: list[tuple[str, str, str]] = []
    for (clock, type_, told), same in groupby(rows):
        times = sum(1 for _ in same)
        lines.append((clock, type_, f"{told} *{times}" if times > 1 else told))
    clocks = max((len(clock) for clock, _, _ in lines), default=0)
    types = max((len(type_) for _, type_, _ in lines), default=0)
    return "".join(
        f"{clock:<{clocks}} {type_:<{types}} {told}".rstrip() + "\n" for clock, type_, told in lines
    )


def _told(event: Event, registry: Registry) -> str:
    return " ".join(_parts(event, registry))


def _parts(event: Event, registry: Registry) -> Iterator[str]:
    fields = registry.kinds[type_of(type(event))].fields
    # What makes the kind what it is comes first.
    for path, field in sorted(fields.items(), key=lambda one: not one[1].required):
        value = getattr(event, field.attr)
        if value is None or field.attr in _UNWRITTEN or value == _AS_READ.get(field.attr):
            continue
        yield f"{path}={_value(field, value)}"


def _value(field: FieldSpec, value: Any) -> str:
    if field.dimension is Dimension.FLAG:
        return "true" if value else "false"
    if field.dimension is Dimension.TEXT:
        return _text(field, value)
    if isinstance(value, float) and not isfinite(value):
        message = f"{field.path} is no figure"
        raise ValueError(message)
    written = Decimal(repr(value)) / per_written_unit(field)
    shown = f"{written:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _text(field: FieldSpec, value: str) -> str:
    whole = value.splitlines() in ([value], [])
    bare = bool(value) and not any(sign.isspace() for sign in value)
    if whole and bare and value == value.strip('"'):
        return value
    if whole and '"' not in value:
        return f'"{value}"'
    message = f"{field.path} holds a text that a line cannot: {msgspec.json.encode(value).decode()}"
    raise ValueError(message)
