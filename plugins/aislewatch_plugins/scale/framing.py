"""Frames cut out of a stream of bytes that may hold anything, and found again after nonsense.

Two shapes cover the scales: frames that only end in a mark (lines), and frames that begin with one
and end with another. What lies between frames, is too long or was cut off comes out as noise, so
that no byte is lost and at most one good frame is swallowed by what was broken before it.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 128
"""Bytes of the longest frame; the longest of a known scale has 40."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes that stand together.

    Attributes:
        raw: exactly what came, marks included.
        offset: of its first byte since the line was opened.
        whole: it begins and ends as a frame does; otherwise it is noise.
    """

    raw: bytes
    offset: int
    whole: bool


class Framer:
    """Cuts frames.

    Args:
        end: the byte that ends a frame.
        begin: the byte that begins one; None where whatever follows an end does.
        mask: which bits of a byte tell the marks; the top bit may hold parity.
        again: a second ``begin`` inside a frame starts it anew. Not so where a frame holds several
            lines that each begin with it.
    """

    def __init__(
        self, end: int, begin: int | None = None, *, mask: int = 0xFF, again: bool = True
    ) -> None:
        self._end = end
        self._begin = begin
        self._mask = mask
        self._again = again
        self._buffer = bytearray()
        self._offset = 0
        self._inside = begin is None
        self._spilt = False

    def feed(self, data: bytes) -> list[Frame]:
        """Take what came, in pieces of any size; give what is complete."""
        frames: list[Frame] = []
        for byte in data:
            mark = byte & self._mask
            if mark == self._begin and (self._again or not self._inside):
                frames += self._cut(whole=False)
                self._inside, self._spilt = True, False
            self._buffer.append(byte)
            if mark == self._end:
                frames += self._cut(whole=self._inside and not self._spilt)
                self._inside, self._spilt = self._begin is None, False
            elif len(self._buffer) >= LONGEST:
                frames += self._cut(whole=False)
                # What is left of an overlong line is no frame either.
                self._inside, self._spilt = self._begin is None, self._begin is None
        return frames

    def expire(self) -> list[Frame]:
        """Give up on what is incomplete: nothing more of it will come."""
        frames = self._cut(whole=False)
        self._inside, self._spilt = self._begin is None, False
        return frames

    def _cut(self, *, whole: bool) -> list[Frame]:
        if not self._buffer:
            return []
        frame = Frame(bytes(self._buffer), self._offset, whole)
        self._offset += len(self._buffer)
        self._buffer.clear()
        return [frame]


def without_parity(raw: bytes) -> bytes | None:
    r"""Give 7-bit characters without the parity in their top bits.

    A line that is set to 8 bits and no parity hands the parity bit of a 7-bit scale on. It is then
    checked here; a line that is set rightly has checked it and cleared the bit.

    >>> without_parity(bytes([0xB1, 0x8D])), without_parity(b"1"), without_parity(bytes([0xB1, 13]))
    (b'1\r', b'1', None)

    Returns:
        The characters; None where a bit is wrong.
    """
    if not any(byte & 0x80 for byte in raw):
        return raw
    parities = {byte.bit_count() % 2 for byte in raw}
    return bytes(byte & 0x7F for byte in raw) if len(parities) == 1 else None
