"""Payment cards by pseudonym: from the token that a till gives for a card, never from its number.

A till's token for a card (a payment provider's fingerprint, a payment account reference) is the
same whenever that card pays, and it says more than anybody here needs: with it others could look
the card up. So it stays in the plugin, and what leaves is a hash of it that is keyed with a secret
of the site. Whoever has not the key can link nothing, and once a key is destroyed, nobody can.

While one key is exchanged for another both names are told, so that a card that was flagged under
the old key is known until its entry is made anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from aislewatch.devices.pseudonym import pseudonym
from aislewatch_plugins.pos.cards import holds_card

CARD_TOKEN: Final = "card_token"
"""What decoders call a till's token for a card; no event has such a field."""

FIELDS: Final = ("card", "card_before")
"""The fields of an event that hold a card's pseudonym, under the newest key and the one before."""

_LEAST, _MOST = 16, 300

_TOKEN: Final = re.compile(r"[A-Za-z0-9_.:+/=~-]+")
_NUMBER: Final = re.compile(r"[0-9_.:+/=~-]+")
_CUT: Final = re.compile(r"[0-9]{4,8}[xX.~_-]{2,}[0-9]{3,4}|[A-Za-z]+[_.:/-]?[0-9]{3,4}")
"""A number of which the middle is hidden, or a network's name with the last digits."""

_WHAT: Final = "card"
_LETTERS: Final = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
"""Hexadecimal without figures: a card's pseudonym never looks like a card's number."""


def is_token(text: str) -> bool:
    """Say whether a text can be a token for one card, and holds nothing of its number.

    Refused are what is too short to mean one card alone, what is written in figures only, and
    numbers of which a part is hidden: many cards share those.

    >>> is_token("V0010013019096000000AB7C2Q1ZP"), is_token("411111xxxxxx1111"), is_token("1111")
    (True, False, False)
    """
    return (
        _LEAST <= len(text) <= _MOST
        and _TOKEN.fullmatch(text) is not None
        and _NUMBER.fullmatch(text) is None
        and _CUT.fullmatch(text) is None
        and not holds_card(text)
    )


def card_name(token: str, key: bytes) -> str:
    """Give the name by which a card is known under a key.

    >>> card_name("V0010013019096000000AB7C2Q1ZP", b"sixteen bytes of")
    'card-chokcnjcciggdcce'
    """
    what, _, digest = pseudonym(_WHAT, token.encode(), key).partition("-")
    return f"{what}-{digest.translate(_LETTERS)}"


def named(token: str, keys: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    """Give the fields that stand for a token, newest key first; none without a key."""
    for field, key in zip(FIELDS, keys, strict=False):
        yield field, card_name(token, key)
