"""A record: one decided fact, as the detecting core gives it and the ledger keeps it."""

from __future__ import annotations

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """One decided fact about one thing, before it has a place in a chain.

    Attributes:
        store: whose chain it belongs to.
        stream: what it is about: ``signal/<id>``, ``incident/<id>``, ``device/<id>`` or ``store``.
        type: what was decided, for instance ``incident.opened``.
        time: event time, integer microseconds since 1970 UTC.
        payload: canonical JSON. Exactly these bytes are stored and hashed; nothing ever
            serialises them again, so a later encoder cannot break an old proof.
        version: schema version of the payload of this type, from 1.
    """

    store: str
    stream: str
    type: str
    time: int
    payload: bytes
    version: int = 1


def canonical_json(value: object) -> bytes:
    """Give the one JSON text of a value: keys sorted, no white space, UTF-8.

    >>> canonical_json({"b": 1, "a": [True, "é"]}).decode()
    '{"a":[true,"é"],"b":1}'

    Raises:
        TypeError: the value holds something that msgspec does not know how to encode.
    """
    return msgspec.json.encode(value, order="deterministic")
