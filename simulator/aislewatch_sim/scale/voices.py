"""How the scales of each protocol speak: what they hear, and the frames in which they answer.

Each voice writes its protocol anew from its manual and shares nothing with the drivers, so that a
mistake in the one is no mistake in the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aislewatch_sim.scale.pan import Pan, Shown

LOOK_S = 0.02
"""How often a voice that has something to say by itself looks at the pan."""


class Voice(Protocol):
    """One conversation."""

    def hear(self, data: bytes, at_s: float) -> list[bytes]:
        """Take what was asked; give the frames of the answer."""
        ...

    def look(self, at_s: float) -> list[bytes]:
        """Give the frames that are due without having been asked for."""
        ...


def figure(mg: int, mg_per_unit: int, decimals: int) -> str:
    """Write a weight in a unit, rounded to so many decimals.

    >>> figure(-1_250, 1_000, 2), figure(453_592, 453_592, 2)
    ('-1.25', '1.00')
    """
    scaled = abs(mg) * 10**decimals
    units = (2 * scaled + mg_per_unit) // (2 * mg_per_unit)
    whole, part = divmod(units, 10**decimals)
    sign = "-" if mg < 0 and units else ""
    return f"{sign}{whole}.{part:0{decimals}d}" if decimals else f"{sign}{whole}"


class MtSics:
    """A Mettler-Toledo scale. Knows S, SI, SIR, Z, ZI, T, TI, TAC, I4 and @."""

    EVERY_S = 0.1
    PATIENCE_S = 5.0

    def __init__(self, pan: Pan, *, decimals: int = 0) -> None:
        self._pan = pan
        self._decimals = decimals
        self._line = b""
        self._repeats = False
        self._next_s = 0.0
        self._waiting_since: float | None = None

    def hear(self, data: bytes, at_s: float) -> list[bytes]:
        """Answer each line that is complete."""
        *lines, self._line = (self._line + data).split(b"\n")
        answers = [self._answer(line.rstrip(b"\r"), at_s) for line in lines if line.strip()]
        return [answer.encode() + b"\r\n" for answer in answers if answer]

    def look(self, at_s: float) -> list[bytes]:
        """Repeat, or answer an S when the scale has settled."""
        shown = self._pan.shown(at_s)
        if self._waiting_since is not None:
            if shown.stable or shown.over or shown.under:
                self._waiting_since = None
                return [self._weight(shown).encode() + b"\r\n"]
            if at_s - self._waiting_since > self.PATIENCE_S:
                self._waiting_since = None
                return [b"S I\r\n"]
        if self._repeats and at_s >= self._next_s:
            self._next_s = at_s + self.EVERY_S
            return [self._weight(shown).encode() + b"\r\n"]
        return []

    def _answer(self, line: bytes, at_s: float) -> str:
        shown, pan = self._pan.shown(at_s), self._pan
        match line:
            case b"S":
                self._waiting_since = at_s
                return ""
            case b"SI":
                self._repeats = False
                return self._weight(shown)
            case b"SIR":
                self._repeats, self._next_s = True, at_s
                return ""
            case b"@":
                self._repeats = False
                return 'I4 A "0123456789"'
            case b"I4":
                return 'I4 A "0123456789"'
            case b"Z" | b"ZI":
                pan.zero(at_s)
                return "Z A" if line == b"Z" else f"ZI {'S' if shown.stable else 'D'}"
            case b"T" | b"TI":
                pan.tare(at_s)
                return f"{line.decode()} S {self._figure(shown.gross_mg)} g"
            case b"TAC":
                pan.clear_tare()
                return "TAC A"
            case _:
                return "ES"

    def _weight(self, shown: Shown) -> str:
        if shown.over or shown.under:
            return "S +" if shown.over else "S -"
        return f"S {'S' if shown.stable else 'D'} {self._figure(shown.weight_mg)} g"

    def _figure(self, mg: int) -> str:
        return figure(mg, 1_000, self._decimals).rjust(10)


class Toledo8217:
    """A scanner-scale. Each letter is a command; in motion it answers with its status."""

    def __init__(self, pan: Pan, *, pounds: bool = False) -> None:
        self._pan = pan
        self._pounds = pounds
        self._echoes = False

    def hear(self, data: bytes, at_s: float) -> list[bytes]:
        """Answer each letter."""
        return [answer for byte in data for answer in self._answer(byte & 0x7F, at_s)]

    def look(self, at_s: float) -> list[bytes]:
        """It speaks only when asked."""
        del at_s
        return []

    def _answer(self, byte: int, at_s: float) -> list[bytes]:
        pan, letter = self._pan, chr(byte)
        if letter in "EF":
            self._echoes = letter == "E"
            return [b"\x02" + letter.encode() + b"\r"]
        if letter == "W":
            shown = pan.shown(at_s)
            if shown.stable and shown.weight_mg >= 0:
                return [self._weight(shown)]
            return [self._status(shown)]
        if letter in "ZTC":
            if letter == "C":
                pan.clear_tare()
            else:
                (pan.zero if letter == "Z" else pan.tare)(at_s)
            return [self._status(pan.shown(at_s))]
        return [bytes([byte])] if self._echoes else []

    def _weight(self, shown: Shown) -> bytes:
        if self._pounds:
            text = figure(shown.weight_mg, 453_592, 2).rjust(5, "0")
        else:
            text = figure(shown.weight_mg, 1_000_000, 3).rjust(6, "0")
        return b"\x02" + text.encode() + (b"N" if shown.net else b"") + b"\r"

    def _status(self, shown: Shown) -> bytes:
        moving = not (shown.stable or shown.over or shown.under)
        under = shown.under or shown.weight_mg < 0
        bits = (moving, shown.over, under, False, shown.zero, shown.net)
        status = 0x40 | sum(bit << place for place, bit in enumerate(bits))
        return b"\x02?" + bytes([status]) + b"\r"


class Nci:
    """A Weigh-Tronix scale. Knows W, S and Z, each with a CR behind it."""

    def __init__(self, pan: Pan, *, pounds: bool = False) -> None:
        self._pan = pan
        self._pounds = pounds
        self._word = b""

    def hear(self, data: bytes, at_s: float) -> list[bytes]:
        """Answer each word that is complete."""
        *words, self._word = (self._word + data).split(b"\r")
        return [self._answer(word.strip(b"\n"), at_s) for word in words]

    def look(self, at_s: float) -> list[bytes]:
        """It speaks only when asked."""
        del at_s
        return []

    def _answer(self, word: bytes, at_s: float) -> bytes:
        if word == b"Z":
            self._pan.zero(at_s)
        elif word not in {b"W", b"S"}:
            return b"\n?\r\x03"
        shown = self._pan.shown(at_s)
        out = shown.over or shown.under
        first = 0x30 | (not shown.stable and not out) | shown.zero << 1
        second = 0x30 | (shown.under << 0) | (shown.over << 1)
        more = bytes([second | 0x40, 0x30 | shown.net << 2]) if shown.net else bytes([second])
        status = b"\nS" + bytes([first]) + more + b"\r\x03"
        if word != b"W" or not shown.stable or shown.weight_mg < 0:
            return status
        per, unit = (453_592, b"LB") if self._pounds else (1_000_000, b"KG")
        return (
            b"\n" + figure(shown.weight_mg, per, 3).rjust(6, "0").encode() + unit + b"\r" + status
        )


Form = Callable[[Shown], bytes]


def cas_22(shown: Shown) -> bytes:
    """Write a line as CAS indicators do, 22 bytes."""
    lamps = 0x80 | shown.stable << 6 | (not shown.net) << 2 | shown.net << 1 | shown.zero
    weight = figure(shown.weight_mg, 1_000_000, 3).rjust(8)
    head = _head(shown) + b"," + (b"NT" if shown.net else b"GS")
    return head + b",1" + bytes([lamps]) + b"," + weight.encode() + b" kg\r\n"


def and_18(shown: Shown) -> bytes:
    """Write a line as A&D does with gross or net, 18 bytes."""
    text = figure(abs(shown.weight_mg), 1_000_000, 3).rjust(7)
    sign = "-" if shown.weight_mg < 0 else "+"
    mode = b"NT" if shown.net else b"GS"
    return _head(shown) + b"," + mode + b"," + f"{sign}{text}kg\r\n".encode()


def and_standard(shown: Shown) -> bytes:
    """Write a line in A&D's standard format, 17 bytes."""
    if shown.over or shown.under:
        return b"OL,+9999999E+19\r\n" if shown.over else b"OL,-9999999E+19\r\n"
    text = figure(abs(shown.weight_mg), 1_000, 2).rjust(8, "0")
    sign = "-" if shown.weight_mg < 0 else "+"
    return _head(shown) + b"," + f"{sign}{text}  g\r\n".encode()


def plain_line(shown: Shown) -> bytes:
    """Write a line as no standard has it, for drivers that are described by a pattern."""
    if shown.over:
        return b"WT !\r\n"
    return f"WT {figure(shown.weight_mg, 1_000, 1):>9} g\r\n".replace(".", ",").encode()


class Speaker:
    """An indicator that sends a line again and again, whatever it hears."""

    EVERY_S = 0.1

    def __init__(self, pan: Pan, form: Form) -> None:
        self._pan = pan
        self._form = form
        self._next_s = 0.0

    def hear(self, data: bytes, at_s: float) -> list[bytes]:
        """It hears nothing."""
        del data, at_s
        return []

    def look(self, at_s: float) -> list[bytes]:
        """Give the line when it is due."""
        if at_s < self._next_s:
            return []
        self._next_s = at_s + self.EVERY_S
        return [self._form(self._pan.shown(at_s))]


def _head(shown: Shown) -> bytes:
    if shown.over or shown.under:
        return b"OL"
    return b"ST" if shown.stable else b"US"
