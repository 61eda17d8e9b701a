"""Card numbers never enter: what looks like one is refused, and masked where it is kept.

What counts as one: 13 to 19 digits, perhaps parted by single spaces or dashes, that are a card's
number (`aislewatch.devices.cards`). A receipt number could be taken for one when it passes the same
check by chance, begins like one and has that network's length; such a receipt needs a letter in
front.

Fields that name goods may hold such a number of up to 14 digits: one GTIN-13 in ten passes Luhn. No
barcode is longer, so what looks like a card number of 15 digits or more is one there too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from aislewatch.devices.cards import CARD_DIGITS_LEAST, CARD_DIGITS_MOST, is_card

GOODS = frozenset({"gtin", "sku", "epc", "serial", "product_class"})
"""Fields that name goods."""

_MANY = 100
"""A longer list of figures is masked as a whole: to try each of them would be slow."""

_RUN = re.compile(r"[0-9](?:[ -]?[0-9]){12,}")
_GROUP = re.compile(r"[0-9]+")
_LONG = re.compile(r"[0-9](?:[ -]?[0-9]){6,}")


def holds_card(text: str, *, least: int = CARD_DIGITS_LEAST, glued: bool = False) -> bool:
    """Say whether a text holds something that looks like a card number.

    Args:
        text: to search.
        least: digits of the shortest number that counts.
        glued: a number counts also where a letter touches it.

    >>> holds_card("paid by 4111 1111 1111 1111"), holds_card("4006381333931")
    (True, False)
    >>> holds_card("R4111111111111111"), holds_card("R4111111111111111", glued=True)
    (False, True)
    """
    return len(text) >= least and any(True for _ in _cards(text, least, glued=glued))


def mask_cards(raw: bytes) -> bytes:
    """Replace every digit of what looks like a card number, save the last four, by an asterisk.

    >>> mask_cards(b'{"pan": "4111-1111-1111-1111"}')
    b'{"pan": "****-****-****-1111"}'
    """
    return mask_text(raw.decode("latin-1")).encode("latin-1")


def mask_text(text: str) -> str:
    """Mask card numbers in a text, letters may touch them.

    >>> mask_text("'x4111-1111-1111-1111' is not hexadecimal")
    "'x****-****-****-1111' is not hexadecimal"
    """
    parts: list[str] = []
    done = 0
    for start, end in _cards(text, CARD_DIGITS_LEAST, glued=True):
        parts += [text[done:start], _masked(text[start:end])]
        done = end
    return "".join([*parts, text[done:]])


def mask_figures(text: str) -> str:
    """Mask every long figure: for a text that may have cut a card number in two.

    >>> mask_figures("'paid by 4111 1111 11' is not a number, nor is 12")
    "'paid by **** ***1 11' is not a number, nor is 12"
    """
    return _LONG.sub(lambda match: _masked(match[0]), text)


def _cards(text: str, least: int, *, glued: bool) -> Iterator[tuple[int, int]]:
    """Give where card numbers stand, from left to right; of two that overlap, the first."""
    for run in _RUN.finditer(text):
        # A figure in front of a number, or behind it, hides it no more than a word would.
        groups = [match.span() for match in _GROUP.finditer(text, *run.span())]
        if len(groups) > _MANY:
            yield run.span()
            continue
        digits = run[0].replace(" ", "").replace("-", "")
        ends = list(accumulate(end - start for start, end in groups))
        free = 0
        for at, (start, end) in enumerate(groups):
            first = ends[at] - (end - start)
            if at < free or digits[first] not in "23456":
                continue
            # The longest first: of a number within a number the outer one is masked.
            for last in range(bisect_right(ends, first + CARD_DIGITS_MOST, at) - 1, at - 1, -1):
                if ends[last] - first < least:
                    break
                if is_card(digits[first : ends[last]]) and (
                    glued or _stands_alone(text, start, groups[last][1])
                ):
                    yield start, groups[last][1]
                    free = last + 1
                    break


def _stands_alone(text: str, start: int, end: int) -> bool:
    return not (_is_word(text[start - 1 : start]) or _is_word(text[end : end + 1]))


def _is_word(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _masked(found: str) -> str:
    return re.sub(r"[0-9]", "*", found[:-4]) + found[-4:]
