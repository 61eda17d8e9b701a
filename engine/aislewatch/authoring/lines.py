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
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.registry import ENVELOPE, FieldSpec, KindSpec, Registry
from aislewatch.events.units import Dimension
from aislewatch.rules.desk import near_types

DAY_US = 1_767_225_600_000_000
"""Midnight of 2026-01-01 UTC, the day on which lines without a date happen."""

LINES_STORE = "1"
LINES_DEVICE = "test"
"""Store and device of an event whose line names none."""

_MOST = 99_999
"""Times that one line may tell of: as many as have counters of their own."""

_LARGEST = 1 << 62
"""A figure of a line, in base units: what an event can carry."""

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
        except _WrongPartError as wrong:
            column = len(line) - len(line.lstrip()) + wrong.start + 1
            hint, length = wrong.hint, wrong.length
            mistakes.append(Mistake(file, number, column, str(wrong), length, line, hint))
    if mistakes:
        raise FileMistakes(mistakes)
    return events


class _WrongPartError(ValueError):
    """A part of a line cannot be read.

    Attributes:
        start: where in the line, without what is before it, in characters.
        length: of the part.
        hint: how to mend it.
    """

    def __init__(self, message: str, span: tuple[int, int], hint: str = "") -> None:
        super().__init__(message)
        self.start = span[0]
        self.length = max(1, span[1] - span[0])
        self.hint = hint


def _events(line: str, number: int, registry: Registry) -> Iterator[Event]:
    match = _LINE.match(line)
    if match is None:
        message, hint = "this is no event line", "write e.g. 10:00:00 pos.item lane=L4"
        raise _WrongPartError(message, (0, len(line)), hint)
    kind = registry.kinds.get(match["type"])
    if kind is None:
        known = near_types(match["type"], registry.kinds)
        hint = did_you_mean(match["type"], known, label="near")
        message = f"unknown type of event {match['type']!r}"
        raise _WrongPartError(message, match.span("type"), hint)
    content: dict[str, Any] = {
        "store": LINES_STORE,
        "device": LINES_DEVICE,
        "time": time_us(match["clock"]),
        "type": kind.type,
    }
    times = 1
    position, end = match.start("rest"), len(line.rstrip())
    while position < end:
        part = _PART.match(line, position)
        if part is None:
            left = line[position:end].strip()
            message = f"{left!r} cannot be read"
            raise _WrongPartError(message, (end - len(left), end), "write name=value or *3")
        position = part.end()
        if part["times"]:
            times = _times(part)
        else:
            field = _field(kind, part)
            content[field.attr] = _value(field, part)
    missing = [
        spec.path
        for spec in kind.fields.values()
        if spec.required and spec.attr not in content and spec.attr not in ENVELOPE
    ]
    if missing:
        message = f"{kind.type} needs {' and '.join(missing)}"
        raise _WrongPartError(message, match.span("type"), f"add {missing[0]}=...")
    for repeat in range(times):
        event = {**content, "id": f"{content['device']}/{number}.{repeat}"}
        event["seq"] = number * 100_000 + repeat
        try:
            made = msgspec.convert(event, kind.struct)
            if "epc" in kind.fields:
                check_code(made)
        except (msgspec.ValidationError, EventRefused) as error:
            message = f"no {kind.type}: {error}"
            raise _WrongPartError(message, (0, len(line))) from None
        yield made


def _times(part: re.Match[str]) -> int:
    if len(part["times"]) > len(str(_MOST)) or not 0 < int(part["times"]) <= _MOST:
        message = f"an event happens 1 to {_MOST:,} times, not {part['times']}"
        raise _WrongPartError(message, part.span("times"))
    return int(part["times"])


def _field(kind: KindSpec, part: re.Match[str]) -> FieldSpec:
    field = kind.fields.get(part["key"])
    if field is None:
        message = f"{kind.type} has no field {part['key']!r}"
        raise _WrongPartError(
            message, part.span("key"), did_you_mean(part["key"], kind.fields, label="it has")
        )
    return field


def _value(field: FieldSpec, part: re.Match[str]) -> object:
    text = part["value"].strip('"')
    values = ("true", "false") if field.dimension is Dimension.FLAG else field.values
    if values and text not in values:
        message = f"{text!r} is not a possible value of {field.path}"
        hint = did_you_mean(text, values, label="possible values")
        raise _WrongPartError(message, part.span("value"), hint)
    if field.dimension is Dimension.TEXT:
        return text
    if field.dimension is Dimension.FLAG:
        return text == "true"
    if field.dimension is Dimension.INSTANT and ":" in text:
        return time_us(text)
    try:
        figure = Decimal(text.removesuffix(field.display_unit)) * per_written_unit(field)
        if abs(figure) > _LARGEST or not figure.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        message = f"{field.path} is a figure, not {text!r}"
        unit = f", in {field.display_unit}" if field.display_unit else ""
        raise _WrongPartError(message, part.span("value"), f"write e.g. 5{unit}") from None
    return int(figure) if field.whole else float(figure)


def per_written_unit(field: FieldSpec) -> int:
    """Give how many of what an event carries make one of what a line writes."""
    # Lines know no currency; nearly all have two digits, and a test compares like with like.
    return 100 if field.dimension is Dimension.MONEY else field.per_display_unit
