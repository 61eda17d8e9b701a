"""Changes of named lists as people make them: made and checked, and read out of a ledger.

A change is an event like any other. It counts from its own time on, so it is judged by live and in
a replay alike, and the ledger names it once the store's clock has come to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from aislewatch.detect.lists import NamedLists
from aislewatch.errors import EventRefused, UsageError
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import ListChanged
from aislewatch.events.registry import Registry
from aislewatch.ledger import LedgerReader

DEVICE: Final = "lists"
"""The device that changes are said to be of."""

CHANGED: Final = "list.changed"

LONGEST: Final = 200
"""Characters of what events can be joined on, and lists can hold."""

_CODEC: Final = Codec(Registry())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to change.

    Attributes:
        name: of the list.
        members: what to put on it or to take off.
        change: which of the two.
        by: who, as a pseudonym.
        until_us: when additions end by themselves; None for never.
        reason: why; empty where nothing was said.
    """

    name: str
    members: Sequence[str]
    change: Literal["add", "remove"]
    by: str
    until_us: int | None = None
    reason: str = ""


def changes_of(
    wanted: Wanted, stores: Sequence[str], *, time_us: int, token: str
) -> list[ListChanged]:
    """Make the events that change a list.

    Args:
        wanted: what to change.
        stores: where.
        time_us: from when on, microseconds UTC.
        token: tells these changes from all others.

    Raises:
        UsageError: something cannot stand on a list; says all that cannot.
    """
    unfit = [f"{member!r} {why}" for member in wanted.members if (why := _unfit(member))]
    if len(set(wanted.members)) < len(wanted.members):
        twice = sorted({m for m in wanted.members if list(wanted.members).count(m) > 1})
        unfit += [f"{member!r} stands here twice" for member in twice]
    if unfit:
        raise UsageError("; ".join(unfit))
    events = [
        ListChanged(
            id=f"{DEVICE}/{time_us}/{token}/{number}",
            store=store,
            device=DEVICE,
            time=time_us,
            seq=number,
            list_name=wanted.name,
            member=member,
            change=wanted.change,
            until_us=wanted.until_us,
            reason=wanted.reason or None,
            by=wanted.by,
        )
        for store in stores
        for number, member in enumerate(wanted.members)
    ]
    try:
        for event in events:
            _CODEC.decode(Codec.encode(event))
    except EventRefused as error:
        raise UsageError(str(error)) from None
    return events


@dataclass(frozen=True, slots=True)
class Member:
    """Something that is on a list.

    Attributes:
        name: of the list.
        member: what is on it.
        told: the change that put it there; None where the store file does.
    """

    name: str
    member: str
    told: ListChanged | None


def members_at(
    reader: LedgerReader, store: str, written: Mapping[str, frozenset[str]], at_us: int
) -> Iterator[Member]:
    """Give what is on a store's lists at a time, as its ledger tells, in alphabetical order.

    Args:
        reader: of the ledger.
        store: whose.
        written: the lists of the store file.
        at_us: when, microseconds UTC.
    """
    lists = NamedLists(written)
    candidates = {(name, member) for name, members in written.items() for member in members}
    for record in reader.records(store, types=[CHANGED]):
        event = msgspec.json.decode(record.payload, type=_Told).event
        lists.tell(event)
        candidates.add((event.list_name, event.member))
    for name, member in sorted(candidates):
        if lists.holds(name, member, at_us):
            yield Member(name, member, lists.last(name, member, at_us))


class _Told(msgspec.Struct):
    """The payload of a record of a changed list."""

    event: ListChanged


def _unfit(member: str) -> str:
    """Say why something cannot stand on a list; empty where it can."""
    if not member.strip():
        return "is empty"
    if member != member.strip():
        return "begins or ends with a space, which no device would tell"
    if len(member) > LONGEST:
        return f"has more than {LONGEST} characters"
    if not member.isprintable():
        return "holds characters that cannot be seen"
    return ""
