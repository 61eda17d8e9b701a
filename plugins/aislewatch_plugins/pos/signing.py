"""Signatures of requests: who sent them, and that they are not an old one sent again.

Ours is HMAC-SHA256 over the time of sending, a full stop and the body, so that neither can be
exchanged; the time must be near ours. Square's is HMAC-SHA256 over the address that it posts to and
the body; it has no time, so the time of the event within the signed body is looked at instead.
Comparing takes the same time whatever is sent. No secret and no signature is ever part of a reason.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Sequence

TIMESTAMP = "x-aislewatch-timestamp"
SIGNATURE = "x-aislewatch-signature"
SQUARE = "x-square-hmacsha256-signature"

_VERSION = "v1="
_MOST_SIGNATURES = 4
_SECOND_US = 1_000_000


class NotSigned(Exception):
    """A request is not signed as it must be; the text is a sentence."""


def sign(secret: bytes, timestamp_s: int, body: bytes) -> str:
    """Give the value of the signature's header for a body that is sent at a time.

    >>> sign(b"a secret of the shop", 1772438400, b"{}")[:19]
    'v1=91c750356e0a2dc9'
    """
    signed = str(timestamp_s).encode() + b"." + body
    return _VERSION + hmac.new(secret, signed, hashlib.sha256).hexdigest()


def check(
    secrets: Sequence[bytes],
    timestamp: str,
    signature: str,
    body: bytes,
    *,
    now_us: int,
    window_us: int,
) -> None:
    """Check our own signature.

    Args:
        secrets: of which one must fit; two while one is exchanged for the other.
        timestamp: seconds since 1970 UTC, of sending.
        signature: ``v1=`` and 64 hexadecimal digits; several, parted by commas, of which one fits.
        body: as it came.
        now_us: the time.
        window_us: how far the time of sending may lie from it, either way.

    Raises:
        NotSigned: a header is missing or is none, the time is too far, or no secret fits.
    """
    if not timestamp or not signature:
        message = f"it is not signed: the headers {TIMESTAMP} and {SIGNATURE} are missing"
        raise NotSigned(message)
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        message = f"{TIMESTAMP} is no count of seconds since 1970"
        raise NotSigned(message)
    offset_us = int(timestamp) * _SECOND_US - now_us
    if abs(offset_us) > window_us:
        way = "ahead of" if offset_us > 0 else "behind"
        message = f"it was signed {abs(offset_us) // _SECOND_US} s {way} our clock"
        raise NotSigned(message)
    given = [part.strip().encode() for part in signature.split(",")][:_MOST_SIGNATURES]
    fits = False
    for secret in secrets:
        wanted = sign(secret, int(timestamp), body).encode()
        for one in given:
            fits |= hmac.compare_digest(wanted, one)
    if not fits:
        message = "its signature fits none of our secrets"
        raise NotSigned(message)


def sign_square(key: bytes, url: str, body: bytes) -> str:
    """Give the value of Square's header for a body that is posted to an address.

    >>> sign_square(b"a key from the console", "https://shop.example/square", b"{}")[:12]
    'JE0wRSA6nyg8'
    """
    return b64encode(hmac.new(key, url.encode() + body, hashlib.sha256).digest()).decode()


def check_square(keys: Sequence[bytes], url: str, signature: str, body: bytes) -> None:
    """Check Square's signature.

    Args:
        keys: of which one must fit.
        url: the address that the subscription names, to the letter.
        signature: the header's value.
        body: as it came.

    Raises:
        NotSigned: the header is missing, or no key fits.
    """
    if not signature:
        message = f"it is not signed: the header {SQUARE} is missing"
        raise NotSigned(message)
    fits = False
    for key in keys:
        fits |= hmac.compare_digest(sign_square(key, url, body).encode(), signature.encode())
    if not fits:
        message = "its signature fits none of our keys; is 'url' to the letter what Square has?"
        raise NotSigned(message)
