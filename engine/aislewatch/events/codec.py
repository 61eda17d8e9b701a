"""Events to bytes and back.

Decoding refuses what is no event, with the reason and the place; the caller sends it to the dead
letter. Encoding is canonical: one event, one sequence of bytes, so that bytes can be hashed.
"""

from __future__ import annotations

import hashlib

import msgspec

from aislewatch.errors import EventRefused
from aislewatch.events.kinds import Event
from aislewatch.events.registry import Registry

_encoder = msgspec.json.Encoder(order="deterministic")


class Codec:
    """Decodes and encodes events of the kinds in a registry."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._decode = registry.decoder.decode

    def decode(self, raw: bytes) -> Event:
        """Read one event.

        Raises:
            EventRefused: not JSON, no known type, an unknown or missing field, a value of the
                wrong type or out of its range; the place is a JSON path.
        """
        try:
            return self._decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _refusal(error) from None

    @staticmethod
    def encode(event: Event) -> bytes:
        """Write one event: absent fields left out, the rest in the order of their names."""
        return _encoder.encode(event)


def content_hash(event: Event) -> bytes:
    """Give the SHA-256 of an event's canonical bytes; tells two contents of one id apart."""
    return hashlib.sha256(_encoder.encode(event)).digest()


def _refusal(error: Exception) -> EventRefused:
    text = str(error)
    reason, separator, place = text.rpartition(" - at `")
    if isinstance(error, msgspec.ValidationError):
        return EventRefused(reason if separator else text, place.rstrip("`"))
    return EventRefused(f"not JSON: {text}")
