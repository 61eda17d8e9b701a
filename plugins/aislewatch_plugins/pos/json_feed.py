"""Our own JSON: what a till posts, and what it tells.

A request is one object, ``{"events": [...]}``, or one event alone. An event says its ``id`` (the
till's own, the same when it is sent again), its ``kind`` (one of
:data:`~aislewatch_plugins.pos.words.WORDS`), ``at`` (ISO 8601 with a zone), and the fields of that
kind under the names that events have. An unknown field is refused, so that ``price`` for
``price_minor`` is seen at once; of the other events of the request nothing is lost. A payment or a
refund may say a ``card_token``, the payment provider's, of which the card's pseudonym is made.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from aislewatch.events.conversion import gtin14, instant_us, show
from aislewatch.events.paths import is_array, is_object
from aislewatch.events.registry import Registry
from aislewatch_plugins.pos.bodies import Unreadable, decoded
from aislewatch_plugins.pos.card_names import CARD_TOKEN
from aislewatch_plugins.pos.told import Fact, Flaw, Found
from aislewatch_plugins.pos.words import WORDS

MOST_BYTES = 1 << 20
MOST_EVENTS = 1_000

_LONGEST_ID = 120
_MOST_SEQ = 2**53
_HEAD = frozenset({"id", "kind", "at", "seq", "till"})

HEARTBEAT = "heartbeat"
"""The kind that tells nothing but that the till is there."""


def read_body(body: bytes) -> list[Any]:
    """Cut a body into its events.

    Raises:
        Unreadable: it is no JSON, no object, or holds too many events.
    """
    document = decoded(body)
    if not is_object(document):
        message = 'a request is an object: {"events": [...]}'
        raise Unreadable(message)
    if "events" not in document:
        return [document]
    events = document["events"]
    if not is_array(events) or document.keys() - {"events"}:
        message = "beside 'events', which is a list, a request holds nothing"
        raise Unreadable(message)
    if len(events) > MOST_EVENTS:
        message = f"{len(events)} events in one request; send no more than {MOST_EVENTS}"
        raise Unreadable(message)
    return events


def read_events(rows: list[Any], registry: Registry) -> Iterator[Found]:
    """Read the events of a request; a heartbeat gives nothing."""
    for index, row in enumerate(rows):
        place = f"$.events[{index}]"
        if not is_object(row):
            yield Flaw(msgspec.json.encode(row), "an event is an object", place)
            continue
        if row.get("kind") == HEARTBEAT:
            continue
        time_us: int | None = None
        try:
            time_us = _time_us(row.get("at"))
            yield _fact(row, time_us, registry)
        except ValueError as error:
            till = row.get("till")
            yield Flaw(
                msgspec.json.encode({name: row[name] for name in row if name != CARD_TOKEN}),
                str(error),
                place,
                till if isinstance(till, str) else "",
                time_us,
            )


def _fact(row: Mapping[str, Any], time_us: int, registry: Registry) -> Fact:
    kind = row.get("kind")
    word = WORDS.get(kind) if isinstance(kind, str) else None
    if word is None:
        message = f"{show(kind)} is no kind{_meant(str(kind), [*WORDS, HEARTBEAT])}"
        raise ValueError(message)
    allowed = word.fields(registry)
    for name in row.keys() - _HEAD - allowed:
        message = f"{show(name)} is no field of {kind}{_meant(name, sorted(allowed))}"
        raise ValueError(message)
    fields = {name: row[name] for name in row.keys() - _HEAD if row[name] is not None}
    if "gtin" in fields:
        code = gtin14(fields["gtin"])
        if code is None:
            message = f"gtin {show(fields['gtin'])} has a wrong length or a wrong check digit"
            raise ValueError(message)
        fields["gtin"] = code
    seq = row.get("seq", 0)
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq < _MOST_SEQ:
        message = "seq is a whole number that is not negative"
        raise ValueError(message)
    return Fact(
        type=word.type,
        time_us=time_us,
        key=_name(row.get("id"), "id", _LONGEST_ID),
        seq=seq,
        till=_name(row["till"], "till", _LONGEST_ID) if row.get("till") is not None else "",
        fields={**word.says, **fields},
    )


def _time_us(at: Any) -> int:
    if not isinstance(at, str):
        message = "'at' is missing: say when it happened, as in 2026-03-02T09:00:05+01:00"
        raise ValueError(message)
    try:
        return instant_us(at, zone=None)
    except ValueError as error:
        message = f"at: {str(error).removesuffix(' and the file states none')}"
        raise ValueError(message) from None


def _name(value: Any, what: str, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        message = f"{what} is a text of 1 to {longest} characters"
        raise ValueError(message)
    return value


def _meant(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
