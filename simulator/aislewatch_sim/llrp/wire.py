"""What an LLRP reader puts on the wire, written by hand from the standard (1.0.1).

Numbers are big-endian. A message is 3 reserved bits, 3 bits of version, 10 of type, a length of
4 bytes that counts all, an id of 4 bytes, and parameters. A parameter is 6 reserved bits, 10 of
type, a length of 2 bytes that counts all, and its content; those below 128 are one byte (128 plus
the type) and their content.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

VERSION = 1
IMPINJ = 25882

SUCCESS = 0
FIELD_INVALID = 300
UNSUPPORTED_MESSAGE = 109
UNSUPPORTED_VERSION = 110

POWERS_DBM = tuple(range(10, 31))
"""What the reader can send with, by index from 1."""


def message(type_: int, id_: int, body: bytes = b"") -> bytes:
    """Give a whole message."""
    return struct.pack(">HII", VERSION << 10 | type_, 10 + len(body), id_) + body


def tlv(type_: int, content: bytes = b"") -> bytes:
    """Give a parameter with a length."""
    return struct.pack(">HH", type_, 4 + len(content)) + content


def text(words: str) -> bytes:
    """Give text with its length before it."""
    data = words.encode()
    return struct.pack(">H", len(data)) + data


def status(code: int = SUCCESS, words: str = "") -> bytes:
    """Give the LLRPStatus that every answer begins with."""
    return tlv(287, struct.pack(">H", code) + text(words))


def moment(us: int, *, utc: bool) -> bytes:
    """Give a UTCTimestamp, or an Uptime."""
    return tlv(128 if utc else 129, struct.pack(">Q", us))


def notice(now: bytes, event: bytes) -> bytes:
    """Give a READER_EVENT_NOTIFICATION.

    Args:
        now: as `moment` makes it.
        event: one of the event parameters.
    """
    return message(63, 0, tlv(246, now + event))


def attempted(outcome: int) -> bytes:
    """Give a ConnectionAttemptEvent: 0 accepted, 2 another client is connected."""
    return tlv(256, struct.pack(">H", outcome))


def antenna_event(number: int, *, connected: bool) -> bytes:
    """Give an AntennaEvent."""
    return tlv(255, struct.pack(">BH", connected, number))


def rospec_event(kind: int, rospec: int) -> bytes:
    """Give a ROSpecEvent: 0 it starts, 1 it ends."""
    return tlv(249, struct.pack(">BII", kind, rospec, 0))


def exception_event(words: str) -> bytes:
    """Give a ReaderExceptionEvent."""
    return tlv(252, text(words))


OVERFLOW = tlv(251)
CLOSES = tlv(257)


@dataclass(frozen=True, slots=True)
class Content:
    """What a client wants to be told of each tag."""

    antenna: bool = True
    rssi: bool = True
    first: bool = True
    last: bool = True
    count: bool = True
    fine_rssi: bool = False

    @classmethod
    def of(cls, flags: int, *, fine_rssi: bool) -> Content:
        """Read the sixteen bits of a TagReportContentSelector, the first bit highest."""
        bits = [bool(flags >> (15 - number) & 1) for number in range(10)]
        return cls(bits[3], bits[5], bits[6], bits[7], bits[8], fine_rssi)


def tag(
    code: bytes, content: Content, *, antenna: int, rssi_dbm: float, seen_us: int, utc: bool
) -> bytes:
    """Give one tag's TagReportData."""
    short, long = b"\x8d" + code, tlv(241, struct.pack(">H", 8 * len(code)) + code)
    parts = short if len(code) == 12 else long
    if content.antenna:
        parts += struct.pack(">BH", 0x81, antenna)
    if content.rssi:
        parts += struct.pack(">Bb", 0x86, max(-128, min(127, round(rssi_dbm))))
    if content.first:
        parts += struct.pack(">BQ", 0x82 if utc else 0x83, seen_us)
    if content.last:
        parts += struct.pack(">BQ", 0x84 if utc else 0x85, seen_us)
    if content.count:
        parts += struct.pack(">BH", 0x88, 1)
    if content.fine_rssi:
        parts += tlv(1023, struct.pack(">IIh", IMPINJ, 57, round(100 * rssi_dbm)))
    return tlv(240, parts)


def capabilities(*, antennas: int, maker: int, utc: bool) -> bytes:
    """Give the parameters of an answer to GET_READER_CAPABILITIES."""
    sensitivity = tlv(139, struct.pack(">HH", 1, 0))
    gpio = tlv(141, struct.pack(">HH", 0, 0))
    air = b"".join(tlv(140, struct.pack(">HHB", number, 1, 1)) for number in range(1, antennas + 1))
    general = tlv(
        137,
        struct.pack(">HHII", antennas, 0x4000 if utc else 0, maker, 1)
        + text("twin-1.0")
        + sensitivity
        + gpio
        + air,
    )
    llrp = tlv(142, struct.pack(">BBHIIIII", 0x40, 1, 0, 1, 8, 8, 8, 8))
    powers = b"".join(
        tlv(145, struct.pack(">Hh", index, 100 * dbm))
        for index, dbm in enumerate(POWERS_DBM, start=1)
    )
    # Four channels of the European band, without hopping.
    frequencies = tlv(148, struct.pack(">H4I", 4, 865_700, 866_300, 866_900, 867_500))
    mode = tlv(
        329,
        struct.pack(">IBBBBIIIII", 1000, 0x80, 2, 0, 2, 64_000, 1_500, 20_000, 20_000, 0),
    )
    band = tlv(144, powers + tlv(146, b"\x00" + frequencies) + tlv(328, mode))
    regulatory = tlv(143, struct.pack(">HH", 276, 2) + band)
    gen2 = tlv(327, struct.pack(">BH", 0, 2))
    return general + llrp + regulatory + gen2


def parts(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Give type and content of the parameters with a length that a request is made of.

    Raises:
        ValueError: they do not fit together.
    """
    while body:
        type_, length = struct.unpack(">HH", body[:4].ljust(4, b"\0"))
        if not 4 <= length <= len(body):
            message_ = f"parameter {type_ & 1023} of {length} bytes in {len(body)}"
            raise ValueError(message_)
        yield type_ & 1023, body[4:length]
        body = body[length:]


def part(body: bytes, *way: int, skip: Sequence[int] = ()) -> bytes | None:
    """Follow a way of types inward and give the content at its end; None where it ends before.

    Args:
        body: parameters.
        way: the types to follow.
        skip: by step, how many bytes of fields stand before the parameters inside.
    """
    for step, type_ in enumerate(way):
        found = next((content for one, content in parts(body) if one == type_), None)
        if found is None:
            return None
        body = found[skip[step] :] if step < len(skip) else found
    return body
