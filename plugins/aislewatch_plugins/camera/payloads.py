"""JSON payloads and the times in them, read without trust in whoever published them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec

PAYLOAD_BYTES_MOST: Final = 1 << 20
"""More than any message of a camera without pictures in it."""

_TIME_US_MOST: Final = 253_402_300_800_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What tells who somebody is, and pictures: neither is kept, not even of what cannot be read.
_PRIVATE: Final = re.compile(
    rb'"(sub_label|sub_labels|recognized_license_plate|license_plate|image|thumbnail|snapshot_data'
    rb'|upper_clothing_colors|lower_clothing_colors|embedding)"(\s*:\s*)'
    rb'(?:"(?:[^"\\]|\\.)*(?:"|\Z)|\[[^\]]*(?:\]|\Z))',
    re.DOTALL,
)

Payload = TypeVar("Payload")


def read_json(payload: bytes, shape: type[Payload]) -> Payload:
    """Read a payload of a shape; fields that the shape does not name are skipped.

    Raises:
        ValueError: it is no JSON, or of another shape; a sentence.
    """
    if len(payload) > PAYLOAD_BYTES_MOST:
        message = f"the message has {len(payload)} bytes; no camera says so much without pictures"
        raise ValueError(message)
    try:
        return msgspec.json.decode(payload, type=shape)
    except msgspec.ValidationError as error:
        message = f"the message does not look as documented: {error}"
        raise ValueError(message) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"the message is no JSON: {error}"
        raise ValueError(message) from None


def time_of(figure: float) -> int:
    """Give microseconds since 1970 of a time in seconds, milli-, micro- or nanoseconds.

    Firmware differs in the unit. A figure is of the years
    1973 to 5138 in one of them only.

    >>> time_of(1607123955.475377), time_of(1607123955475), time_of(1607123955475377000)
    (1607123955475377, 1607123955475000, 1607123955475377)

    Raises:
        ValueError: it is no time; a sentence.
    """
    if not math.isfinite(figure) or figure < 100_000_000:
        message = f"{figure!r} is no time of this century"
        raise ValueError(message)
    if figure < 100_000_000_000:
        time_us = round(figure * 1_000_000)
    elif figure < 100_000_000_000_000:
        time_us = round(figure * 1_000)
    elif figure < 100_000_000_000_000_000:
        time_us = round(figure)
    else:
        time_us = int(figure) // 1_000
    return _within(time_us)


def time_of_text(text: str) -> int:
    """Give microseconds since 1970 of an ISO 8601 time with its zone.

    >>> time_of_text("2026-03-02T08:00:00.250000Z")
    1772438400250000

    Raises:
        ValueError: it is none; a sentence.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            message = f"{text!r} does not say its time zone"
            raise ValueError(message)
        since = at - _EPOCH
    except (ValueError, OverflowError) as error:
        message = f"{text!r} is no time" if "zone" not in str(error) else str(error)
        raise ValueError(message) from None
    return _within((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def masked(payload: bytes) -> bytes:
    """Give a payload without faces' names, number plates, clothes and pictures.

    >>> masked(b'{"label": "person", "sub_label": ["Ann", 0.9]}')
    b'{"label": "person", "sub_label": "***"}'
    """
    return _PRIVATE.sub(rb'"\1"\2"***"', payload)


def _within(time_us: int) -> int:
    if not 0 <= time_us <= _TIME_US_MOST:
        message = "the time is not one of the years 1970 to 9999"
        raise ValueError(message)
    return time_us
