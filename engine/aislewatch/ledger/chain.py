r"""The hash chain: each record's hash covers what it says and the hash of the record before it.

A record's hash is SHA-256 over these bytes, integers big-endian::

    tag             b"aislewatch/record/1\n"
    previous hash   32 bytes; `GENESIS` for the first record of a store
    position        int64
    stream version  int64
    version         int64, schema version of the payload
    time            int64, event time in microseconds UTC
    four lengths    uint32 each for store, stream and type, uint64 for the payload, in bytes
    store, stream, type (UTF-8), payload

All lengths stand before all texts, so no two different records give the same bytes. The recorded
time is left out on purpose: a replay of the same events at another hour gives the same hashes.
The layout is for ever; another layout would get another tag and another ledger format.
"""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import Final

GENESIS: Final = bytes(32)
"""What the first record of every store follows. Plain zeros do: each hash covers the store."""

_TAG: Final = b"aislewatch/record/1\n"
_HEADER: Final = struct.Struct(">20s32sqqqqIIIQ")
assert len(_TAG) == 20


def record_hash(
    prev_hash: bytes,
    store: bytes,
    position: int,
    stream: bytes,
    stream_version: int,
    type_: bytes,
    version: int,
    time: int,
    payload: bytes,
) -> bytes:
    """Give the 32-byte hash of one record; texts come in as UTF-8, just as they are stored.

    Raises:
        struct.error: an integer does not fit into 64 bits.
    """
    header = _HEADER.pack(
        _TAG,
        prev_hash,
        position,
        stream_version,
        version,
        time,
        len(store),
        len(stream),
        len(type_),
        len(payload),
    )
    return sha256(b"".join((header, store, stream, type_, payload))).digest()
