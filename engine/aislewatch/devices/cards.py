"""What a payment card's number looks like, so that plugins can keep it out of all that leaves them.

A number counts as a card's if it passes the Luhn check (ISO/IEC 7812-1 annex B), begins as a
payment network's numbers do and has that network's length. About one number in ten of any sort
passes Luhn. Where a number stands in a text, and what becomes of it, is a plugin's own to know.
"""

from __future__ import annotations

import re
from typing import Final

CARD_DIGITS_LEAST: Final = 13
CARD_DIGITS_MOST: Final = 19

LONGEST_GTIN: Final = 14
"""Digits of the longest barcode that names goods: what is longer is none."""

_COMMON: Final = (
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11}"  # Diners Club
    r"|35\d{14,17}"  # JCB
    r"|6[025]\d{14,17}|64[4-9]\d{13,16}"  # Discover, UnionPay, RuPay
    r"|(?:50|5[6-9]|6\d)\d{11,17}"  # Maestro, Elo, Verve, Hipercard, InterPayment
)
_RARE: Final = (
    r"|3(?:0[0-5]|095|[689]\d)\d{11,16}"  # Diners Club; of 16 digits and more also Discover
    r"|8[16]\d{14,17}"  # UnionPay, RuPay, UzCard
    r"|220[0-4]\d{12,15}"  # Mir
    r"|9(?:792|860)\d{12}|9704\d{12}(?:\d{3})?"  # Troy, Humo, Napas
    r"|1\d{14}"  # UATP
    r"|7\d{15,18}"  # fuel cards
)
_NETWORK: Final = re.compile(_COMMON)
_ANY_NETWORK: Final = re.compile(_COMMON + _RARE)


def is_card(digits: str, *, rare: bool = False) -> bool:
    """Say whether a number is a payment card's: network, its length, and the Luhn check.

    Args:
        digits: nothing else.
        rare: also of networks of one country or one trade, whose numbers much else looks like:
            for what is heard at a till, where such cards are paid with.

    >>> is_card("4111111111111111"), is_card("4111111111111112"), is_card("04006381333931")
    (True, False, False)
    >>> is_card("135410014004955"), is_card("135410014004955", rare=True)
    (False, True)
    """
    network = _ANY_NETWORK if rare else _NETWORK
    return network.fullmatch(digits) is not None and passes_luhn(digits)


def passes_luhn(digits: str) -> bool:
    """Say whether a number's last digit is its Luhn check digit.

    >>> passes_luhn("4111111111111111"), passes_luhn("4111111111111112")
    (True, False)
    """
    total = 0
    for at, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (1 + at % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0
