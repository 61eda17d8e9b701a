"""The NATS subjects that Aislewatch speaks, made and read in one place.

::

    ev.<store>.<device>.<type>   what a device saw; a type's dots stay: ev.s1.gate-1.rfid.read
    dlq.<store>.<device>         what a device sent that is no event, the reason in its headers

A subject token holds no space, dot, ``*`` or ``>``, yet a store may well be called "Main St. 4".
Every byte outside ``A-Z a-z 0-9 _ - ~`` is therefore written as ``%XX`` of its UTF-8 form, so two
different names never share a subject and a name is always read back as it was.
No subject carries a tag, a person or a receipt: whoever may see traffic sees devices, nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from urllib.parse import quote, unquote

from aislewatch.errors import EventRefused

EVENTS = "ev"
DEAD_LETTERS = "dlq"

# The clock of a store is a device like any other; its ticks stand in the log among the events.
CLOCK_DEVICE = "clock"
CLOCK_TICK = "clock.tick"


@dataclass(frozen=True, slots=True)
class EventSubject:
    """Where an event belongs, as its subject says.

    Attributes:
        store: the store's name.
        device: the device's name within the store.
        type: the event's type, dots and all: ``rfid.read``.
    """

    store: str
    device: str
    type: str


def escape(name: str) -> str:
    """Give a name as one subject token; also safe as a consumer's name and a user's name.

    >>> escape("Main St. 4")
    'Main%20St%2E%204'
    """
    assert name, "a subject token is never empty"
    return quote(name, safe="").replace(".", "%2E")


def unescape(token: str) -> str:
    """Give back the name of which `escape` made a token."""
    return unquote(token, errors="strict")


def event_subject(store: str, device: str, event_type: str) -> str:
    """Give the subject of a device's events of one type.

    >>> event_subject("s1", "gate-1", "rfid.read")
    'ev.s1.gate-1.rfid.read'
    """
    kind = ".".join(escape(part) for part in event_type.split("."))
    return f"{EVENTS}.{escape(store)}.{escape(device)}.{kind}"


def parse_event_subject(subject: str) -> EventSubject:
    """Read a subject that `event_subject` made.

    Raises:
        EventRefused: it is no event's subject; the reason quotes it.
    """
    head, *tokens = subject.split(".")
    if head != EVENTS or len(tokens) < 3 or not all(tokens):
        reason = f"{subject!r} is no event's subject (ev.<store>.<device>.<type>)"
        raise EventRefused(reason, "subject")
    store, device, *kind = _names(subject, tokens)
    return EventSubject(store, device, ".".join(kind))


def tick_subject(store: str) -> str:
    """Give the subject of a store's clock ticks.

    >>> tick_subject("s1")
    'ev.s1.clock.clock.tick'
    """
    return event_subject(store, CLOCK_DEVICE, CLOCK_TICK)


def store_filter(store: str) -> str:
    """Give the filter for all events of one store."""
    return f"{EVENTS}.{escape(store)}.>"


def device_filter(store: str, device: str) -> str:
    """Give the filter for all events of one device: what its plugin may publish, and no more."""
    return f"{EVENTS}.{escape(store)}.{escape(device)}.>"


def heard_filter(store: str, types: Sequence[str]) -> str:
    """Give the narrowest filter for the events of some types, of any device of a store.

    >>> heard_filter("s1", ["pos.tender"]), heard_filter("s1", ["pos.tender", "pos.no_sale"])
    ('ev.s1.*.pos.tender', 'ev.s1.*.pos.>')
    """
    kinds = [[escape(part) for part in type_.split(".")] for type_ in types]
    shared = list(takewhile(lambda parts: len(set(parts)) == 1, zip(*kinds, strict=False)))
    common = [parts[0] for parts in shared]
    rest = [] if all(kind == common for kind in kinds) else [">"]
    return ".".join([EVENTS, escape(store), "*", *common, *rest])


def dead_letter_subject(store: str, device: str) -> str:
    """Give the subject of what a device sent that is no event.

    >>> dead_letter_subject("s1", "gate-1")
    'dlq.s1.gate-1'
    """
    return f"{DEAD_LETTERS}.{escape(store)}.{escape(device)}"


def dead_letter_filter(store: str) -> str:
    """Give the filter for all dead letters of one store."""
    return f"{DEAD_LETTERS}.{escape(store)}.>"


def parse_dead_letter_subject(subject: str) -> tuple[str, str]:
    """Read (store, device) from a subject that `dead_letter_subject` made.

    Raises:
        EventRefused: it is no dead letter's subject; the reason quotes it.
    """
    head, *tokens = subject.split(".")
    if head != DEAD_LETTERS or len(tokens) != 2 or not all(tokens):
        reason = f"{subject!r} is no dead letter's subject (dlq.<store>.<device>)"
        raise EventRefused(reason, "subject")
    store, device = _names(subject, tokens)
    return store, device


def _names(subject: str, tokens: list[str]) -> list[str]:
    try:
        return [unescape(token) for token in tokens]
    except UnicodeDecodeError as error:
        reason = f"{subject!r} holds a name that is not UTF-8"
        raise EventRefused(reason, "subject") from error
