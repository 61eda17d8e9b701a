"""Pseudonyms: the same name for the same badge, track or card, and no way back without the key."""

from __future__ import annotations

import hashlib

_DIGEST_BYTES = 8


def pseudonym(what: str, named: bytes, key: bytes) -> str:
    """Give the name by which something is known: BLAKE2b of what it is called, keyed.

    Without the key nobody can try out all names that it could have, which for badges and cards
    would take seconds. What it is goes in as well, so that a badge and a card never share a name.

    Args:
        what: it is, in a word of up to five letters; the name begins with it.
        named: what it is called.
        key: the shop's secret, of any length.

    >>> pseudonym("badge", bytes.fromhex("62E3086CED"), b"sixteen bytes of")
    'badge-8e7ca9d8df8571e1'
    """
    short = hashlib.sha256(key).digest()  # BLAKE2b's keys have 64 bytes at most.
    person = f"aislewatch-{what}".encode()
    digest = hashlib.blake2b(named, digest_size=_DIGEST_BYTES, key=short, person=person)
    return f"{what}-{digest.hexdigest()}"
