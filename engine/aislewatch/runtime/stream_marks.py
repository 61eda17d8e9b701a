"""Where a store's events end in the stream, and which stores it holds."""

from __future__ import annotations

from base64 import b64decode

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


async def last_sequence(link: Link, store: str) -> int:
    """Give the sequence number of the last event of a store; 0 where there is none.

    Raises:
        BusError: NATS does not answer, or there is no stream.
    """
    return await sequence_of_last(link, store_filter(store))


async def sequence_of_last(link: Link, subject: str) -> int:
    """Give the sequence number of the last event of a subject or filter; 0 where there is none.

    Raises:
        BusError: NATS does not answer, or there is no stream.
    """
    answer = await link.api(f"STREAM.MSG.GET.{EVENT_STREAM}", {"last_by_subj": subject})
    if "error" in answer:
        if answer["error"].get("err_code") == _NO_MESSAGE:
            return 0
        message = f"stream {EVENT_STREAM}: {answer['error'].get('description')}"
        raise BusError(message)
    return int(answer["message"]["seq"])


async def newest_ticks(link: Link) -> dict[str, int]:
    """Give the time of the newest tick in the stream, for each store that has one.

    Behind a final tick, which stands after the last event, it is the instant after.

    Raises:
        BusError: NATS does not answer, or there is no stream.
    """
    newest: dict[str, int] = {}
    for store in await ticking_stores(link):
        what = {"last_by_subj": tick_subject(store)}
        answer = await link.api(f"STREAM.MSG.GET.{EVENT_STREAM}", what)
        if "error" not in answer:
            tick = msgspec.json.decode(b64decode(answer["message"]["data"]), type=_Tick)
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
