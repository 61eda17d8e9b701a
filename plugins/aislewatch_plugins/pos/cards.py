"""Card numbers never leave the plugin: where they are found, and what is put in their place.

Two questions are asked, because two kinds of text leave.

*Free text* (what a dead letter keeps, reasons, places, diagnostics) has no field that says what a
figure is. There every run of 13 to 19 digits that passes the Luhn check (ISO/IEC 7812-1 annex B) is
masked, whichever network it might be of, with letters touching it or not, and with up to three
spaces or dashes between any two digits. One number in ten passes by chance, and is masked too:
nothing is decided upon in a dead letter.

*Identifiers in events* (receipts, baskets, cashiers, articles) are what rules join on, and a mask
would make two receipts one. There a number counts as a card's if it passes Luhn **and** begins as a
network's numbers do **and** has that network's length (`aislewatch.devices.cards`, with the rare
networks). Such an identifier is left out of the event, and counted. What is told apart: a barcode,
by its own check digit and its length (``gtin`` and ``sku`` may hold up to 14 digits with a right
GS1 check digit, whatever Luhn says); a UUID (RFC 9562), by its shape; a receipt's name that the
plugin itself makes, whose parts are joined with ``/`` and never with a dash or a space, so that
till, day and number do not add up to a card's length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from aislewatch.devices.cards import CARD_DIGITS_LEAST as _LEAST
from aislewatch.devices.cards import CARD_DIGITS_MOST as _MOST
from aislewatch.devices.cards import LONGEST_GTIN, is_card

_BETWEEN = r"[\s\u00a0\u2010-\u2015\u2212-]"
_RUN = re.compile(rf"\d(?:{_BETWEEN}{{0,3}}\d){{{_LEAST - 1},}}")
_MANY = 2_000
"""Digits of a run that is masked as a whole: to try every part of it would be slow."""

_UUID = re.compile(
    r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[1-8][0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}"
)

_ESCAPED = re.compile(rb"\\u00(3[0-9])|&#0*(4[89]|5[0-7]);|&#[xX]0*(3[0-9]);")


def holds_card(text: str) -> bool:
    """Say whether an identifier holds a payment card's number, glued to letters or not.

    >>> holds_card("R-4111 1111-1111 1111"), holds_card("3/2026-03-02/000124")
    (True, False)
    """
    if _UUID.fullmatch(text) is not None:
        return False
    return any(is_card(digits, rare=True) for digits in _numbers(text))


def is_goods_code(text: str) -> bool:
    """Say whether a text is a barcode's number: 8, 12, 13 or 14 digits, the last one GS1's check.

    >>> is_goods_code("4006381333931"), is_goods_code("4006381333932")
    (True, False)
    """
    if len(text) not in {8, 12, 13, LONGEST_GTIN} or not (text.isascii() and text.isdigit()):
        return False
    return sum(int(d) * (3 if at % 2 else 1) for at, d in enumerate(reversed(text))) % 10 == 0


def mask(text: str) -> str:
    """Replace every digit of what could be a card number, save the last four, by an asterisk.

    >>> mask("paid by x4111-1111-1111-1111, approved 0815")
    'paid by x****-****-****-1111, approved 0815'
    """
    parts: list[str] = []
    done = 0
    for start, end in _spans(text):
        parts += [text[done:start], re.sub(r"\d", "*", text[start : end - 4]), text[end - 4 : end]]
        done = end
    return "".join([*parts, text[done:]])


def mask_bytes(raw: bytes) -> bytes:
    """Mask card numbers in what a device sent, whatever its encoding is.

    UTF-16 is looked through as well: there a zero byte stands between any two digits. Digits that
    are spelt as JSON or XML escapes become digits.

    >>> mask_bytes(b'{"pan": "4111 1111 1111 1111"}')
    b'{"pan": "**** **** **** 1111"}'
    """
    raw = _ESCAPED.sub(lambda found: _digit(*found.groups()), raw)
    text = raw.decode("utf-8", "surrogateescape")
    masked = mask(text).encode("utf-8", "surrogateescape")
    if b"\0" in raw:
        for order in ("utf-16-le", "utf-16-be"):
            for first in (0, 1):
                end = first + (len(masked) - first) // 2 * 2
                wide = masked[first:end].decode(order, "surrogatepass")
                told = mask(wide).encode(order, "surrogatepass")
                masked = masked[:first] + told + masked[end:]
    return masked


def _digit(json: bytes | None, decimal: bytes | None, hexadecimal: bytes | None) -> bytes:
    code = int(decimal) if decimal else int(json or hexadecimal or b"30", 16)
    return bytes([code])


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Give where digits stand that could be a card's, so that none is left when they are masked."""
    for run in _RUN.finditer(text):
        places = [run.start() + at for at, char in enumerate(run[0]) if char.isdecimal()]
        if len(places) > _MANY:
            yield run.start(), run.end()
            continue
        figures = [int(text[at]) for at in places]
        # Sums of figures taken once, and doubled, so that any part's check is a subtraction.
        luhn = [list(accumulate(_weighed(figures, even), initial=0)) for even in (0, 1)]
        free = 0
        at = 0
        while at + _LEAST <= len(places):
            ends = range(min(at + _MOST, len(places)), at + _LEAST - 1, -1)
            end = next((end for end in ends if _checks(luhn[end % 2], at, end)), 0)
            if end > free:
                first = at
                # What overlaps it could be a card's as well: all of it goes, in one piece.
                free, at = end, at + 1
                while at < free and at + _LEAST <= len(places):
                    ends = range(min(at + _MOST, len(places)), at + _LEAST - 1, -1)
                    longest = next((end for end in ends if _checks(luhn[end % 2], at, end)), 0)
                    free = max(free, longest)
                    at += 1
                yield places[first], places[free - 1] + 1
                at = free
            else:
                at += 1


def _weighed(figures: list[int], even: int) -> Iterator[int]:
    """Double the figures that stand an odd number of places before an end of this parity."""
    for at, figure in enumerate(figures):
        doubled = figure * 2 if (at + even) % 2 == 0 else figure
        yield doubled - 9 if doubled > 9 else doubled


def _checks(sums: list[int], start: int, end: int) -> bool:
    return (sums[end] - sums[start]) % 10 == 0


def _numbers(text: str) -> Iterator[str]:
    """Give every part of a run of digits that has a card number's length."""
    for run in _RUN.finditer(text):
        digits = "".join(str(int(char)) for char in run[0] if char.isdecimal())
        for start in range(len(digits) - _LEAST + 1):
            for end in range(start + _LEAST, min(start + _MOST, len(digits)) + 1):
                yield digits[start:end]
