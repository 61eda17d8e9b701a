r"""ESC/POS, the bytes that receipt printers are sent: lines of text, drawer kicks, cuts.

A state machine over a bounded buffer. It knows how long each command is, so that a picture's bytes
are never taken for text; an unknown command is passed over with its first byte. What a damaged
length swallows ends at the next receipt: a cut followed by an initialisation is looked for within
payloads, too, where chance puts it once in four thousand million places. Silence ends everything:
printers are never sent half a command and then nothing.

>>> [token.kind for token in EscPos().feed(b"\x1b@Tea  1.20\n\x1bp\x00\x19\xfa\x1dV\x00")]
['init', 'text', 'kick', 'cut']
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

LONGEST_LINE: Final = 512
"""Characters; no paper is as wide. Longer lines are cut into several."""

LONGEST_PAYLOAD: Final = 1 << 18
"""Bytes of one picture; a longer one is taken for a damaged length."""

_ESC, _FS, _GS, _DLE = 0x1B, 0x1C, 0x1D, 0x10
_LONGEST_TERMINATED = 256

# How many bytes follow these commands. Those whose length is in their parameters are further down.
_ESC_FIXED = (
    dict.fromkeys(b"2<@LSimv", 0)
    | dict.fromkeys(b" !%-3=?ABCEGJKMRTUVadertu{", 1)
    | dict.fromkeys(b"$\\c", 2)
    | {ord("p"): 3, ord("W"): 8}
)
_GS_FIXED = (
    dict.fromkeys(b":c", 0)
    | dict.fromkeys(b"!/BEHITabfhjrw", 1)
    | dict.fromkeys(b"$LPW\\", 2)
    | dict.fromkeys(b"^z", 3)
)
_FS_FIXED = dict.fromkeys(b"&.", 0) | dict.fromkeys(b"!-CW", 1) | dict.fromkeys(b"?Sp", 2)
_DLE_FIXED = {0x04: 1, 0x05: 1}

_BOUNDARY = re.compile(rb"\x1dV(?:[\x00\x01\x30\x31]|[\x41\x42\x61\x62\x67\x68][\x00-\xff])\x1b@")
_BEGUN = re.compile(rb"\x1d(?:V(?:[\x00-\xff]{1,2}\x1b?)?)?\Z", re.DOTALL)
"""The beginning of one at the end of what has come."""

_BOUNDARY_BYTES = 6

_PAYLOAD = 16
"""Bytes from which on a command is long enough to swallow the beginning of a receipt."""

CODE_PAGES = {
    0: "cp437",
    2: "cp850",
    3: "cp860",
    4: "cp863",
    5: "cp865",
    13: "cp857",
    14: "cp737",
    16: "cp1252",
    17: "cp866",
    18: "cp852",
    19: "cp858",
    33: "cp775",
    34: "cp855",
    36: "cp862",
    37: "cp864",
    45: "cp1250",
    46: "cp1251",
    47: "cp1253",
    48: "cp1254",
    49: "cp1255",
    50: "cp1256",
    51: "cp1257",
    52: "cp1258",
}
"""Character code tables that printers agree on, by the parameter of ``ESC t``."""

Kind = Literal["text", "kick", "cut", "init"]


class Token(NamedTuple):
    """What the printer was told to do.

    Attributes:
        kind: print a line, open the drawer, cut the paper, begin anew.
        text: of the line.
    """

    kind: Kind
    text: str = ""


class EscPos:
    """Reads one printer's bytes.

    Args:
        encoding: of the text until the till says another.

    Attributes:
        resyncs: how often it gave up a command and went on behind it.
    """

    def __init__(self, encoding: str = "cp437") -> None:
        self._first = encoding
        self._encoding = encoding
        self._buffer = bytearray()
        self._looked = 0
        self._line: list[str] = []
        self._run = bytearray()
        self._length = 0
        self._after_cr = False
        self.resyncs = 0

    @property
    def pending(self) -> bool:
        """A line or a command has begun and not ended."""
        return bool(self._buffer or self._line or self._run)

    def feed(self, data: bytes) -> list[Token]:
        """Take the next bytes; gives what they complete."""
        tokens: list[Token] = []
        self._buffer += data
        at = 0
        while at < len(self._buffer):
            step = self._step(at, tokens)
            if step is not None:
                at += step
                self._looked = 0
                continue
            break
        del self._buffer[:at]
        return tokens

    def silence(self) -> list[Token]:
        """Take notice that nothing has come for a while; gives the line that was not ended."""
        tokens: list[Token] = []
        if self._buffer:
            self.resyncs += 1
        self._buffer.clear()
        self._looked = 0
        self._end_line(tokens)
        self._encoding = self._first
        return tokens

    def _step(self, at: int, tokens: list[Token]) -> int | None:
        """Read what stands at a place; gives its length, None where it is not whole."""
        byte = self._buffer[at]
        after_cr, self._after_cr = self._after_cr, False
        if byte >= 0x20:
            end = at + 1
            most = at + LONGEST_LINE - self._length
            while end < len(self._buffer) and end < most and self._buffer[end] >= 0x20:
                end += 1
            self._run += self._buffer[at:end]
            self._length += end - at
            if self._length >= LONGEST_LINE:
                self._end_line(tokens)
            return end - at
        if byte in {_ESC, _GS, _FS, _DLE}:
            step = self._command(at, tokens)
            self._after_cr = after_cr and step is None
            return step
        if byte in {0x0A, 0x0C, 0x0D}:
            if not (byte == 0x0A and after_cr):
                self._end_line(tokens, printed=True)
            self._after_cr = byte == 0x0D
        elif byte == 0x09:
            self._run += b" "
            self._length += 1
        elif byte == 0x18:
            self._line, self._run, self._length = [], bytearray(), 0
        return 1

    def _command(self, at: int, tokens: list[Token]) -> int | None:
        buffer = self._buffer
        if at + 1 >= len(buffer):
            return None
        lead, name = buffer[at], buffer[at + 1]
        length = {_ESC: self._esc, _GS: self._gs, _FS: self._fs, _DLE: self._dle}[lead](at)
        if length == 0 or (length or 0) > LONGEST_PAYLOAD:
            self.resyncs += 1
            return 1  # Unknown or damaged: its lead alone is passed over.
        if length is None or length >= _PAYLOAD:
            # If another receipt begins within it, its length is wrong.
            end = len(buffer) if length is None else at + length
            inside = _BOUNDARY.search(buffer, at + max(2, self._looked), end + _BOUNDARY_BYTES)
            if inside is not None and inside.start() < end:
                self.resyncs += 1
                self._looked = 0
                return inside.start() - at
            begun = _BEGUN.search(buffer, max(at + 2, len(buffer) - _BOUNDARY_BYTES))
            if begun is not None and begun.start() < end:
                return None  # What comes next says whether it is one.
            self._looked = max(0, len(buffer) - at - _BOUNDARY_BYTES)
        if length is None:
            return None
        if at + length > len(buffer):
            return None
        self._obey(lead, name, at, tokens)
        return length

    def _obey(self, lead: int, name: int, at: int, tokens: list[Token]) -> None:
        parameter = self._buffer[at + 2] if at + 2 < len(self._buffer) else 0
        match lead, name:
            case (0x1B, 0x40):  # ESC @
                self._end_line(tokens)
                self._encoding = self._first
                tokens.append(Token("init"))
            case (0x1B, 0x74):  # ESC t
                self._decode()
                self._encoding = CODE_PAGES.get(parameter, self._first)
            case (0x1B, 0x70):  # ESC p
                tokens.append(Token("kick"))
            case (0x10, 0x14) if parameter == 1:  # DLE DC4, at once
                tokens.append(Token("kick"))
            case (0x1D, 0x56) | (0x1B, 0x69) | (0x1B, 0x6D):  # GS V, ESC i, ESC m
                self._end_line(tokens)
                tokens.append(Token("cut"))
            case (0x1B, 0x64) | (0x1B, 0x4A):  # ESC d, ESC J: print and feed
                self._end_line(tokens, printed=True)
            case _:
                pass

    def _esc(self, at: int) -> int | None:
        name = self._buffer[at + 1]
        if name in _ESC_FIXED:
            return 2 + _ESC_FIXED[name]
        match chr(name):
            case "D":
                return self._terminated(at + 2)
            case "*":
                mode, count = self._byte(at + 2), self._word(at + 3)
                if mode is None or count is None:
                    return None
                return 5 + count * (3 if mode in {32, 33} else 1)
            case "&":
                return self._characters(at)
            case "(":
                return self._sized(at)
            case _:
                return 0

    def _gs(self, at: int) -> int | None:
        name = self._buffer[at + 1]
        if name in _GS_FIXED:
            return 2 + _GS_FIXED[name]
        first = self._byte(at + 2)
        if first is None:
            return None
        match chr(name):
            case "V":
                return 4 if first in {65, 66, 97, 98, 103, 104} else 3
            case "k" if first <= 6:
                return self._terminated(at + 3)
            case "k":
                size = self._byte(at + 3)
                return None if size is None else 4 + size
            case "v" | "Q":
                wide, high = self._word(at + 4), self._word(at + 6)
                return None if wide is None or high is None else 8 + wide * high
            case "*":
                second = self._byte(at + 3)
                return None if second is None else 4 + first * second * 8
            case "g":
                return 6 if first in {0x30, 0x32} else 0
            case "8":
                low, high = self._word(at + 3), self._word(at + 5)
                return None if low is None or high is None else 7 + low + (high << 16)
            case "(":
                return self._sized(at)
            case _:
                return 0

    def _fs(self, at: int) -> int | None:
        name = self._buffer[at + 1]
        if name in _FS_FIXED:
            return 2 + _FS_FIXED[name]
        match chr(name):
            case "2":
                return 4 + 72
            case "(":
                return self._sized(at)
            case _:
                return 0

    def _dle(self, at: int) -> int | None:
        name = self._buffer[at + 1]
        if name in _DLE_FIXED:
            return 2 + _DLE_FIXED[name]
        if name != 0x14:
            return 0
        function = self._byte(at + 2)
        return None if function is None else {1: 5, 2: 5, 8: 10}.get(function, 3)

    def _sized(self, at: int) -> int | None:
        size = self._word(at + 3)
        return None if size is None else 5 + size

    def _terminated(self, start: int) -> int | None:
        lead = 2 if self._buffer[start - 1] == ord("D") else 3
        end = self._buffer.find(b"\0", start, start + _LONGEST_TERMINATED)
        if end >= 0:
            return end - start + lead + 1
        return 0 if len(self._buffer) - start >= _LONGEST_TERMINATED else None

    def _characters(self, at: int) -> int | None:
        """Give the length of user-defined characters: each states its own width."""
        high, first, last = (self._byte(at + n) for n in (2, 3, 4))
        if high is None or first is None or last is None:
            return None
        if not (0 < high <= 3 and 0x20 <= first <= last <= 0x7E):
            return 0
        end = at + 5
        for _ in range(last - first + 1):
            wide = self._byte(end)
            if wide is None:
                return None
            end += 1 + wide * high
        return end - at

    def _byte(self, at: int) -> int | None:
        return self._buffer[at] if at < len(self._buffer) else None

    def _word(self, at: int) -> int | None:
        low, high = self._byte(at), self._byte(at + 1)
        return None if low is None or high is None else low + (high << 8)

    def _decode(self) -> None:
        if self._run:
            self._line.append(self._run.decode(self._encoding, "replace"))
            self._run = bytearray()

    def _end_line(self, tokens: list[Token], *, printed: bool = False) -> None:
        """End the line; an empty one counts only where the paper was fed for it."""
        self._decode()
        text = "".join(self._line).rstrip()
        self._line, self._length = [], 0
        if text or printed:
            tokens.append(Token("text", text))
