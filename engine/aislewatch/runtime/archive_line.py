"""A line of the archive: one message of the event stream, its bytes untouched."""

from __future__ import annotations

import base64
from typing import Protocol

import msgspec

from aislewatch.events.subjects import unescape


class StreamMessage(Protocol):
    """A message of the event stream, as far as the archive keeps it."""

    @property
    def sequence(self) -> int:
        """Its number in the stream."""
        ...

    @property
    def subject(self) -> str:
        """Where it was published."""
        ...

    @property
    def payload(self) -> bytes:
        """The bytes as published."""
        ...


class Archived(msgspec.Struct, frozen=True):
    """A message of the event stream, read back; attributes as of `StreamMessage`."""

    sequence: int
    subject: str
    payload: bytes


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    sequence: int
    subject: str
    event: msgspec.Raw = msgspec.Raw()
    base64: str | None = None


_read = msgspec.json.Decoder(_Line).decode


def read_line(line: bytes) -> Archived:
    """Read a line.

    Raises:
        ValueError: it is none; msgspec's and Unicode's errors are such, too.
    """
    return _archived(_read(line))


def write_line(message: StreamMessage) -> bytes:
    """Write a line, its end included."""
    payload = message.payload
    head = b'{"sequence":%d,"subject":%s' % (
        message.sequence,
        msgspec.json.encode(message.subject),
    )
    line = b'%s,"event":%s}\n' % (head, payload)
    if b"\n" not in payload and _reads_back(line, payload):
        return line
    return b'%s,"base64":"%s"}\n' % (head, base64.b64encode(payload))


def _reads_back(line: bytes, payload: bytes) -> bool:
    # Asked of the reader itself: bytes such as ``1,"base64":""`` are JSON only inside the line.
    try:
        read = _read(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return read.base64 is None and bytes(read.event) == payload


def _archived(line: _Line) -> Archived:
    payload = bytes(line.event)
    if line.base64 is not None:
        payload = base64.b64decode(line.base64, validate=True)
    elif not payload:
        message = "it holds no message"
        raise ValueError(message)
    return Archived(line.sequence, line.subject, payload)


def store_of(subject: str) -> str:
    """Give the store whose engine is given messages of a subject, be it a proper one or not.

    >>> store_of("ev.s1.gate-1.rfid.read")
    's1'
    """
    _, _, rest = subject.partition(".")
    token = rest.partition(".")[0]
    try:
        return unescape(token)
    except UnicodeDecodeError:
        return token
