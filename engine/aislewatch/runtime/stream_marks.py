"""Where a store's events end in the stream, and which stores it holds."""

from __future__ import annotations

from base64 import b64decode
from typing import NamedTuple

import msgspec

from aislewatch.errors import BusError
from aislewatch.events.subjects import (
    CLOCK_DEVICE,
    CLOCK_TICK,
    EVENTS,
    parse_event_subject,
    store_filter,
    tick_subject,
)
from aislewatch.runtime.bus_message import EVENT_STREAM
from aislewatch.runtime.nats_link import Link


class _Tick(msgspec.Struct):
    time: int
    final: bool = False


_NO_MESSAGE = 10037
_TICKS = f"{EVENTS}.*.{CLOCK_DEVICE}.{CLOCK_TICK}"


class Last(NamedTuple):
    """The last event of a subject.

    Attributes:
        sequence: its number in the stream; 0 where there is no such event.
        payload: the bytes as published.
    """

    sequence: int
    payload: bytes


async def last_of(link: Link, subject: str) -> Last:
    """Give the last event of a subject or filter.

    Raises:
        BusError: NATS does not answer, or there is no stream.
    """
    answer = await link.api(f"STREAM.MSG.GET.{EVENT_STREAM}", {"last_by_subj": subject})
    if "error" in answer:
        if answer["error"].get("err_code") == _NO_MESSAGE:
            return Last(0, b"")
        message = f"stream {EVENT_STREAM}: {answer['error'].get('description')}"
        raise BusError(message)
    told = answer["message"]
    return Last(int(told["seq"]), b64decode(told.get("data", "")))


async def last_sequence(link: Link, store: str) -> int:
    """Give the sequence number of the last event of a store; 0 where there is none.

    Raises:
        BusError: NATS does not answer, or there is no stream.
    """
    return (await last_of(link, store_filter(store))).sequence


async def newest_ticks(link: Link) -> dict[str, int]:
    """Give the time of the newest tick in the stream, for each store that has one.

    Behind a final tick, which stands after the last event, it is the instant after.

    Raises:
        BusError: NATS does not answer, or there is no stream.
    """
    newest: dict[str, int] = {}
    for store in await ticking_stores(link):
        last = await last_of(link, tick_subject(store))
        if last.sequence:
            tick = msgspec.json.decode(last.payload, type=_Tick)
            newest[store] = tick.time + tick.final
    return newest


async def ticking_stores(link: Link) -> list[str]:
    """Give the stores whose clock has ticked in the stream, in alphabetical order.

    A store without a tick has nothing to decide yet.

    Raises:
        BusError: NATS does not answer, or there is no stream.
    """
    answer = await link.api(f"STREAM.INFO.{EVENT_STREAM}", {"subjects_filter": _TICKS})
    if "error" in answer:
        message = f"stream {EVENT_STREAM}: {answer['error'].get('description')}"
        raise BusError(message)
    subjects: dict[str, int] = answer["state"].get("subjects") or {}
    return sorted({parse_event_subject(subject).store for subject in subjects})
