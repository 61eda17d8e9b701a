"""What a reader reports of tags, as values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from aislewatch_plugins.llrp.codec import Element, Message
from aislewatch_plugins.llrp.fields import Bits

EPC_DIGITS_MAX: Final = 128
_CENTIDECIBELS: Final = 100
_WEAKEST_DBM: Final = -128.0
_STRONGEST_DBM: Final = 30.0


class ReaderTime(NamedTuple):
    """A time as a reader tells it.

    Attributes:
        us: microseconds; since 1970 UTC, or since the reader was switched on.
        uptime: which of both.
    """

    us: int
    uptime: bool


class TagRead(NamedTuple):
    """One tag in a report.

    Attributes:
        epc: hexadecimal, upper case.
        antenna: port number, 0 where it is not said.
        rssi_dbm: the strongest of the reads; None where it is not said, or cannot be.
        at: of the last of the reads; None where it is not said.
        reads: how many reads are in it.
    """

    epc: str
    antenna: int
    rssi_dbm: float | None
    at: ReaderTime | None
    reads: int


class BadTag(NamedTuple):
    """A tag's part of a report that names no tag.

    Attributes:
        number: of the part in its report, from 1.
        reason: why, in a sentence.
    """

    number: int
    reason: str


def reads_of(report: Message) -> Iterator[TagRead | BadTag]:
    """Give the tags of a report."""
    for number, data in enumerate(report.content.every("TagReportData"), start=1):
        code = data.part("EPC_96", "EPCData")
        if code is None:
            yield BadTag(number, "a tag is reported without its code")
            continue
        value = code.fields["EPC"]
        epc = (value.data if isinstance(value, Bits) else _bytes(value)).hex().upper()
        if not epc:
            yield BadTag(number, "a tag is reported whose code is empty")
        elif len(epc) > EPC_DIGITS_MAX:
            yield BadTag(number, f"a tag's code has {len(epc)} digits: {EPC_DIGITS_MAX} at most")
        else:
            yield TagRead(
                epc=epc,
                antenna=_number(data, "AntennaID", "AntennaID"),
                rssi_dbm=_rssi(data),
                at=time_of(data, "LastSeenTimestamp") or time_of(data, "FirstSeenTimestamp"),
                reads=max(1, _number(data, "TagSeenCount", "TagCount")),
            )


def time_of(data: Element, prefix: str = "") -> ReaderTime | None:
    """Give the time that stands in something; None where none does."""
    names = (f"{prefix}UTC", f"{prefix}Uptime") if prefix else ("UTCTimestamp", "Uptime")
    part = data.part(*names)
    return None if part is None else ReaderTime(part.number("Microseconds"), part.name == names[1])


def _rssi(data: Element) -> float | None:
    fine, coarse = data.part("ImpinjPeakRSSI"), data.part("PeakRSSI")
    level = None
    if fine is not None:
        level = fine.number("RSSI") / _CENTIDECIBELS
    elif coarse is not None:
        level = float(coarse.number("PeakRSSI"))
    # A reader sends with 30 dBm or so, and hears nothing below its own noise.
    return None if level is None or not _WEAKEST_DBM <= level <= _STRONGEST_DBM else level


def _number(data: Element, name: str, field: str) -> int:
    part = data.part(name)
    return 0 if part is None else part.number(field)


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
