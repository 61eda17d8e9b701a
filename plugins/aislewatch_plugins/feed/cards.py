"""Card numbers never enter: what looks like one is refused, and masked where it is kept.

What counts as one: 13 to 19 digits, perhaps parted by single spaces or dashes, standing alone, that
pass the Luhn check (ISO/IEC 7812-1 annex B) and begin as the payment networks' numbers do. About
one number in ten of any sort passes Luhn, so a receipt number could be taken for a card's when it
also begins like one and has that network's length; such a receipt needs a letter in front.

Fields that name goods are never searched: one GTIN-13 in ten passes Luhn, and a SKU or a tag's code
is printed on the goods for all to see.
"""

from __future__ import annotations

import re

EXEMPT = frozenset({"gtin", "sku", "epc", "serial", "product_class"})
"""Fields that name goods."""

_RUN = re.compile(r"(?<![0-9A-Za-z])\d(?:[ -]?\d){12,18}(?![0-9A-Za-z])")
_NETWORK = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|35\d{14,17}"  # JCB
    r"|6[025]\d{14,17}|64[4-9]\d{13,16}"  # Discover, UnionPay, RuPay
    r"|(?:50|5[6-9]|6\d)\d{11,17}"  # Maestro
)


def holds_card(text: str) -> bool:
    """Say whether a text holds something that looks like a card number.

    >>> holds_card("paid by 4111 1111 1111 1111"), holds_card("4006381333931")
    (True, False)
    """
    return len(text) >= 13 and any(_is_card(match[0]) for match in _RUN.finditer(text))


def mask_cards(raw: bytes) -> bytes:
    """Replace every digit of what looks like a card number, save the last four, by an asterisk.

    >>> mask_cards(b'{"pan": "4111-1111-1111-1111"}')
    b'{"pan": "****-****-****-1111"}'
    """
    return _RUN.sub(_masked, raw.decode("latin-1")).encode("latin-1")


def _masked(match: re.Match[str]) -> str:
    found = match[0]
    return re.sub(r"\d", "*", found[:-4]) + found[-4:] if _is_card(found) else found


def _is_card(found: str) -> bool:
    digits = found.replace(" ", "").replace("-", "")
    if not digits.isascii() or _NETWORK.fullmatch(digits) is None:
        return False
    total = 0
    for at, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + at % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0
