"""One event out of one row: fields read, checked and put together, or refused with the place."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from aislewatch.devices.cards import CARD_DIGITS_LEAST, LONGEST_GTIN
from aislewatch.errors import EventRefused
from aislewatch.events.kinds import Event
from aislewatch.events.paths import is_array, is_object
from aislewatch.events.reading import Read
from aislewatch_plugins.feed.cards import GOODS, holds_card
from aislewatch_plugins.feed.plan import PlannedEvent, PlannedField


def build(
    struct: type[Event],
    fields: tuple[PlannedField, ...],
    row: Any,
    names: Mapping[str, Any],
    values: dict[str, Any],
    place: str,
) -> Event:
    """Read the fields of an event and make it.

    Args:
        struct: its class.
        fields: what to read.
        row: what to read it from.
        names: the values of the dollar names.
        values: the envelope; the fields are added to it.
        place: the line of the mapping that says what the event is.

    Raises:
        EventRefused: a field cannot be converted, is missing, holds a card number, or is none that
            the kind of event allows; the place is the line of the mapping that says the field.
    """
    for planned in fields:
        try:
            value = planned.read(row, names)
        except ValueError as error:
            raise EventRefused(str(error), planned.place) from None
        if value is not None:
            values[planned.attr] = value
        elif planned.required:
            message = f"{planned.name} is missing"
            raise EventRefused(message, planned.place)
    for attr, value in values.items():
        least = LONGEST_GTIN + 1 if attr in GOODS else CARD_DIGITS_LEAST
        if isinstance(value, str) and holds_card(value, least=least, glued=attr == "lane"):
            message = f"{attr} holds what looks like a card number; no event may carry one"
            raise EventRefused(message, _place_of(attr, fields, place))
    try:
        return msgspec.convert(values, struct, strict=True)
    except msgspec.ValidationError as error:
        reason, _, at = str(error).rpartition(" - at `$.")
        attr = at.rstrip("`")
        message = f"{attr}: {reason}" if reason else str(error)
        raise EventRefused(message, _place_of(attr, fields, place)) from None


def _place_of(attr: str, fields: tuple[PlannedField, ...], place: str) -> str:
    return next((planned.place for planned in fields if planned.attr == attr), place)


def items(planned: PlannedEvent, row: Any, names: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Give the dollar names for each event that a row may tell; the row's own for just one."""
    read = planned.each or planned.each_entry
    if read is None:
        yield names
        return
    found = read(row, names)
    if found is None:
        return
    if planned.each is not None and is_array(found):
        for index, item in enumerate(found, 1):
            yield {**names, "item": item, "index": index}
    elif planned.each is None and is_object(found):
        for index, (key, value) in enumerate(found.items(), 1):
            yield {**names, "key": key, "value": value, "index": index}
    else:
        message = f"there is no {'array' if planned.each else 'object'} to take events from"
        raise EventRefused(message, planned.place)


def reading(read: Read, row: Any, names: Mapping[str, Any], place: str) -> Any:
    """Read a value of the envelope; what cannot be converted is refused with the place."""
    try:
        return read(row, names)
    except ValueError as error:
        raise EventRefused(str(error), place) from None


def name(
    read: Read | None, row: Any, names: Mapping[str, Any], default: str, what: str, place: str
) -> str:
    """Fill a template of the envelope; the default where the mapping has none.

    Raises:
        EventRefused: it stays empty, or holds what looks like a card number.
    """
    if read is None:
        return default
    found = reading(read, row, names, place)
    if not found:
        message = f"the row does not say its {what}"
        raise EventRefused(message, place)
    if holds_card(str(found), glued=what != "id"):
        message = f"the {what} holds what looks like a card number; nothing may be called so"
        raise EventRefused(message, place)
    return str(found)


def digest(row: Any) -> str:
    """Give a fingerprint of a row's content; 80 bits, the same however figures were spelt."""
    encoded = msgspec.json.encode(_spelt(row), order="sorted")
    return hashlib.sha256(encoded).hexdigest()[:20]


def _spelt(value: Any) -> Any:
    if is_object(value):
        return {key: _spelt(part) for key, part in value.items()}
    if is_array(value):
        return [_spelt(part) for part in value]
    return float(value) if isinstance(value, Decimal) else value
