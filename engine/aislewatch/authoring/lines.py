"""Events as lines of text, the way rule authors write them in a rule's inline tests.

::

    10:00:00.5  rfid.read  epc=E1 zone.kind=shelf rssi=-50 *3

A time of day (all lines of a text are of one day), the type, fields by the names that rules use,
figures in display units (grams, seconds, dBm, major units of money), and how often it happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from aislewatch.errors import EventRefused, FileMistakes, Mistake
from aislewatch.events.codec import check_code
from aislewatch.events.kinds import Event
from aislewatch.events.registry import FieldSpec, KindSpec, Registry
from aislewatch.events.units import Dimension

DAY_US = 1_767_225_600_000_000
"""Midnight of 2026-01-01 UTC, the day on which lines without a date happen."""

LINES_STORE = "1"
LINES_DEVICE = "test"
"""Store and device of an event whose line names none."""

_LINE = re.compile(r"(?P<clock>\d{1,2}:\d{2}:\d{2}(?:\.\d{1,6})?)\s+(?P<type>[\w.-]+)(?P<rest>.*)$")
_PART = re.compile(r"\s*(?:(?P<key>[\w.]+)=(?P<value>\"[^\"]*\"|\S+)|\*(?P<times>\d+))")


def time_us(clock: str) -> int:
    """Give the event time of a time of day, such as ``10:00:02.9``."""
    hours, minutes, seconds = clock.split(":")
    return DAY_US + int((int(hours) * 3600 + int(minutes) * 60 + Decimal(seconds)) * 1_000_000)


def parse_lines(text: str, registry: Registry, *, file: str = "events") -> list[Event]:
    """Read events, one a line; blank lines and ``#`` comments are skipped.

    Raises:
        FileMistakes: all lines that are no events, each with its place in the text.
    """
    events: list[Event] = []
    mistakes: list[Mistake] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            events += _events(line.strip(), number, registry)
        except ValueError as error:
            column = len(line) - len(line.lstrip()) + 1
            length = len(line.strip())
            mistakes.append(Mistake(file, number, column, str(error), length, line))
    if mistakes:
        raise FileMistakes(mistakes)
    return events


def _events(line: str, number: int, registry: Registry) -> Iterator[Event]:
    match = _LINE.match(line)
    if match is None:
        message = "not an event line; write e.g. 10:00:00 pos.item lane=L4"
        raise ValueError(message)
    kind = registry.kinds.get(match["type"])
    if kind is None:
        message = f"unknown type of event {match['type']!r}"
        raise ValueError(message)
    content: dict[str, Any] = {
        "store": LINES_STORE,
        "device": LINES_DEVICE,
        "time": time_us(match["clock"]),
        "type": kind.type,
    }
    times = 1
    rest = match["rest"].rstrip()
    position = 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None:
            message = f"cannot read {rest[position:].strip()!r}; write name=value or *3"
            raise ValueError(message)
        position = part.end()
        if part["times"]:
            times = int(part["times"])
        else:
            field = _field(kind, part["key"])
            content[field.attr] = _value(field, part["value"].strip('"'))
    for repeat in range(times):
        event = {**content, "id": f"{content['device']}/{number}.{repeat}"}
        event["seq"] = number * 100_000 + repeat
        try:
            made = msgspec.convert(event, kind.struct)
            if "epc" in kind.fields:
                check_code(made)
        except (msgspec.ValidationError, EventRefused) as error:
            message = f"no {kind.type}: {error}"
            raise ValueError(message) from None
        yield made


def _field(kind: KindSpec, path: str) -> FieldSpec:
    field = kind.fields.get(path)
    if field is None:
        message = f"{kind.type} has no field {path!r}; it has {', '.join(kind.fields)}"
        raise ValueError(message)
    return field


def _value(field: FieldSpec, text: str) -> object:
    if field.dimension is Dimension.TEXT:
        return text
    if field.dimension is Dimension.FLAG:
        return text == "true"
    if field.dimension is Dimension.INSTANT and ":" in text:
        return time_us(text)
    try:
        figure = Decimal(text.removesuffix(field.display_unit)) * per_written_unit(field)
    except InvalidOperation:
        message = f"{field.path} is a figure, not {text!r}"
        raise ValueError(message) from None
    return int(figure) if field.whole else float(figure)


def per_written_unit(field: FieldSpec) -> int:
    """Give how many of what an event carries make one of what a line writes."""
    # Lines know no currency; nearly all have two digits, and a test compares like with like.
    return 100 if field.dimension is Dimension.MONEY else field.per_display_unit
