r"""JPEG pictures cut out of an HTTP stream that may hold anything, and found again after nonsense.

Cameras call it Motion JPEG. The body never ends: a line ``--boundary``, a few header lines, an
empty line, a picture, and again. The boundary is in the response's ``Content-Type``, with or
without its two hyphens; the length of a picture is said by most, and by some wrongly.

    --frame\r\n
    Content-Type: image/jpeg\r\n
    Content-Length: 5123\r\n
    \r\n
    ff d8 ff e0 ... ff d9 \r\n
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

PART_BYTES_MOST: Final = 1 << 24
_HEADER_BYTES_MOST: Final = 4_096
_LENGTH: Final = re.compile(rb"(?:\A|\n)content-length:[ \t]*(\d{1,9})[ \t]*\r?(?:\n|\Z)", re.I)
_BLANK: Final = re.compile(rb"\r?\n\r?\n")
_PARAMETER: Final = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.I)
_END: Final = b"\xff\xd9"


class Jpeg(NamedTuple):
    """What stands where a picture does; whether it is one, its decoder tells."""

    data: bytes


class Nonsense(NamedTuple):
    """Bytes that are no picture.

    Attributes:
        size: how many; they are not kept, for they may be part of a picture of people.
        reason: why, in a sentence.
    """

    size: int
    reason: str


def boundary_of(content_type: str) -> bytes:
    """Give the line that stands before each picture.

    >>> boundary_of("multipart/x-mixed-replace; boundary=frame")
    b'--frame'
    >>> boundary_of('multipart/x-mixed-replace;boundary="--frame"')
    b'--frame'

    Raises:
        ValueError: it is no such stream; a sentence.
    """
    kind = content_type.partition(";")[0].strip().lower()
    match = _PARAMETER.search(content_type)
    name = (match[1] or match[2]).lstrip("-") if match is not None else ""
    if not kind.startswith("multipart/") or not name:
        message = f"it sends {kind or 'something without a type'}, and no stream of pictures"
        raise ValueError(message)
    return b"--" + name.encode("utf-8", errors="replace")


class Splitter:
    """Takes the bytes of a stream as they come, and gives pictures, and what is none.

    Args:
        boundary: the line that stands before each picture.
    """

    def __init__(self, boundary: bytes) -> None:
        self._boundary = boundary
        self._buffer = bytearray()
        self._in_part = False
        self._searched = 0

    def feed(self, data: bytes) -> Iterator[Jpeg | Nonsense]:
        """Take the next bytes; give what they complete, in order."""
        self._buffer += data
        while True:
            if self._in_part:
                early = self._whole()
                if early is not None:
                    yield early
                    continue
            begins = self._buffer.find(self._boundary, max(0, self._searched - len(self._boundary)))
            if begins < 0:
                self._searched = len(self._buffer)
                if len(self._buffer) > PART_BYTES_MOST:
                    yield self._dropped(len(self._buffer), "no picture is as long as this")
                    self._in_part = False
                return
            yield from self._before(begins)
            del self._buffer[: begins + len(self._boundary)]
            self._searched, self._in_part = 0, True

    def end(self) -> Nonsense | None:
        """Give what is left when the stream ends."""
        if not self._buffer.strip():
            return None
        return self._dropped(len(self._buffer), "the stream ended within a picture")

    def _whole(self) -> Jpeg | None:
        """Give the picture whose length was said, as soon as it is there."""
        blank = _BLANK.search(self._buffer, 0, _HEADER_BYTES_MOST)
        length = None if blank is None else _LENGTH.search(self._buffer, 0, blank.end())
        if blank is None or length is None:
            return None
        ends = blank.end() + int(length[1])
        if len(self._buffer) < ends or bytes(self._buffer[ends - 2 : ends]) != _END:
            return None
        if self._buffer.find(self._boundary, 0, ends) >= 0:
            return None  # What ends there is another picture than the one that begins here.
        data = bytes(self._buffer[blank.end() : ends])
        del self._buffer[:ends]
        self._searched, self._in_part = 0, False
        return Jpeg(data)

    def _before(self, ends: int) -> Iterator[Jpeg | Nonsense]:
        """Give what stands before the next boundary."""
        chunk = bytes(self._buffer[:ends])
        if not self._in_part:
            if chunk.strip():
                yield Nonsense(len(chunk), "it stands between two pictures")
            return
        blank = _BLANK.search(chunk, 0, _HEADER_BYTES_MOST)
        if blank is None:
            yield Nonsense(len(chunk), "a picture's header has no end")
            return
        body = chunk[blank.end() :].removesuffix(b"\n").removesuffix(b"\r")
        if body:
            yield Jpeg(body)
        else:
            yield Nonsense(len(chunk), "a picture without any bytes")

    def _dropped(self, size: int, reason: str) -> Nonsense:
        del self._buffer[:size]
        self._searched = 0
        return Nonsense(size, reason)
