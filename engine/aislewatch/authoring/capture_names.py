"""Pseudonyms for what names a person, an item or a receipt, the same for the same value throughout.

A test travels: into a repository, to a supplier, into a report. It keeps what the rule judges by
and tells nobody whose receipt it was. Places and articles keep their names, because rules name
them; so does every text that the rule itself names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from aislewatch.events.kinds import Event
from aislewatch.events.registry import FieldSpec, Registry, type_of
from aislewatch.events.units import Dimension

_KEPT = frozenset(
    {"device", "gtin", "lane", "list_name", "product_class", "reason", "shelf", "sku", "store",
     "watchlist", "zone_id"}
)  # fmt: skip
"""Attributes that name places, articles, devices, causes and lists."""

_LETTERS = {
    "epc": "E",
    "person": "P",
    "receipt": "R",
    "original_receipt": "R",
    "cashier": "C",
    "basket": "B",
    "customer": "M",
    "card": "K",
    "card_before": "K",
    "entry": "N",
    "shift_id": "S",
    "serial": "N",
}
"""What pseudonyms of an attribute begin with; of others, with its own first letter. A tag's code
must be hexadecimal, and E1 is."""

_MEMBER = "member"
"""Has a name of its own only where it is not something else's, too."""

_FIRST = "epc"
"""Named before all others: a value that is also a tag's code needs a hexadecimal name."""


def pseudonyms(
    events: Sequence[Event], registry: Registry, keep: Collection[str]
) -> Mapping[str, str]:
    """Give a pseudonym for every value that needs one, in the order in which they come.

    One value has one name in whatever field it stands: a rule may join a person with a customer.

    Args:
        events: in order.
        registry: of their kinds.
        keep: texts that the rule names; they stay.
    """
    told: list[tuple[str, str]] = []
    # What is put on a list may be an article, which keeps its name.
    places = {getattr(event, attr, None) for event in events for attr in _KEPT}
    for event in events:
        for field in _named_fields(event, registry):
            value = getattr(event, field.attr)
            if value is not None and not (field.attr == _MEMBER and value in places):
                told.append((field.attr, value))
    counts: dict[str, int] = {}
    names: dict[str, str] = {}
    # Sorting is stable: tags first, what is on lists last, all else as it comes.
    for attr, value in sorted(told, key=lambda one: (one[0] != _FIRST, one[0] == _MEMBER)):
        if value in names or value in keep:
            continue
        letter = _LETTERS.get(attr, attr[0].upper())
        number = counts.get(letter, 0) + 1
        while f"{letter}{number}" in keep:
            number += 1
        counts[letter] = number
        names[value] = f"{letter}{number}"
    return names


def renamed(event: Event, registry: Registry, names: Mapping[str, str]) -> Event:
    """Give an event with its pseudonyms."""
    new: dict[str, Any] = {}
    for field in _named_fields(event, registry):
        value = getattr(event, field.attr)
        if value in names:
            new[field.attr] = names[value]
    return msgspec.structs.replace(event, **new) if new else event


def _named_fields(event: Event, registry: Registry) -> Iterable[FieldSpec]:
    for field in registry.kinds[type_of(type(event))].fields.values():
        free = field.dimension is Dimension.TEXT and not field.values
        if free and field.attr not in _KEPT and field.attr != "id":
            yield field
