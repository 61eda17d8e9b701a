"""The frames of 125 kHz badge readers, cut out of their bytes.

Readers of the RDM6300 class send 14 bytes for a badge: STX, ten hexadecimal digits (a version byte
and four bytes of number), two digits of checksum (the XOR of those five bytes), ETX. Those of the
ID-12 class send CR LF before the ETX, 16 bytes in all. Nothing is ever asked of them.

    02  36 32 45 33 30 38 36 43 45 44  30 38  03
    STX  6  2  E  3  0  8  6  C  E  D   0  8  ETX      62^E3^08^6C^ED = 08
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_STX: Final = 0x02
_FRAME: Final = re.compile(rb"\x02([0-9A-Fa-f]{10})([0-9A-Fa-f]{2})(?:\r\n)?\x03")
_BEGUN: Final = re.compile(rb"\x02[0-9A-Fa-f]{0,12}|\x02[0-9A-Fa-f]{12}\r\n?")
"""What may still become a frame."""

_BETWEEN: Final = b"\r\n"
"""Some readers end their lines behind the frame, too."""

_NUMBER: Final = re.compile(rb"[0-9A-Fa-f]{4,}")


class Badge(NamedTuple):
    """A badge was read.

    Attributes:
        code: version byte and number, five bytes.
    """

    code: bytes

    @property
    def number(self) -> int:
        """What is printed on most badges: the last four bytes, as ten decimal digits."""
        return int.from_bytes(self.code[1:])


class Nonsense(NamedTuple):
    """Bytes that are no frame.

    Attributes:
        data: the bytes, with what may be part of a badge's number masked.
        reason: why, in a sentence.
    """

    data: bytes
    reason: str


class Splitter:
    """Takes the bytes of a line as they come, and gives badges, and what is none."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Badge | Nonsense]:
        """Take the next bytes; give what they complete, in order."""
        self._buffer += data
        while self._buffer:
            frame = _FRAME.match(self._buffer)
            if frame is not None:
                digits, check = bytes.fromhex(frame[1].decode()), int(frame[2], 16)
                given = 0
                for byte in digits:
                    given ^= byte
                if given == check:
                    del self._buffer[: frame.end()]
                    yield Badge(digits)
                else:
                    reason = f"the checksum is {check:02X}, and the digits give {given:02X}"
                    yield self._refused(frame.end(), reason)
            elif _BEGUN.fullmatch(self._buffer) is not None:
                return
            else:
                yield from self._skipped()

    def end(self) -> Nonsense | None:
        """Give what is left when the line ends."""
        if not self._buffer:
            return None
        return self._refused(len(self._buffer), "the line ended in the middle of a frame")

    def _skipped(self) -> Iterator[Nonsense]:
        """Leave out everything before the next byte that a frame may begin with."""
        begins = self._buffer.find(_STX, 1)
        size = len(self._buffer) if begins < 0 else begins
        if self._buffer[:size].strip(_BETWEEN):
            yield self._refused(size, "no badge reader's frame is made like this")
        else:
            del self._buffer[:size]

    def _refused(self, size: int, reason: str) -> Nonsense:
        masked = _NUMBER.sub(lambda run: b"#" * len(run[0]), bytes(self._buffer[:size]))
        del self._buffer[:size]
        return Nonsense(masked, reason)
