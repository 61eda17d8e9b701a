"""What a ledger gives back: heads, stored records, checkpoints."""

from __future__ import annotations

import msgspec

from aislewatch.ledger.chain import GENESIS


class Head(msgspec.Struct, frozen=True):
    """The last record of one store's chain; whoever knows its hash knows the whole chain.

    Attributes:
        position: of the last record, 0 while the chain is empty.
        hash: of the last record, 32 bytes; `GENESIS` while the chain is empty.
    """

    position: int
    hash: bytes


EMPTY = Head(0, GENESIS)


class StoredRecord(msgspec.Struct, frozen=True):
    """A record in its place in a chain.

    Attributes:
        store: whose chain.
        position: place in the store's chain: 1, 2, 3 and on, without gaps.
        stream: what the record is about.
        stream_version: place in its stream, counted like `position`.
        type: what was decided.
        version: schema version of the payload of this type.
        time: event time, microseconds UTC.
        recorded: when it was written, microseconds UTC; the only field that no hash covers.
        payload: the bytes that were handed in.
        prev_hash: hash of the record before it.
        hash: see `aislewatch.ledger.chain`.
    """

    store: str
    position: int
    stream: str
    stream_version: int
    type: str
    version: int
    time: int
    recorded: int
    payload: bytes
    prev_hash: bytes
    hash: bytes


class Checkpoint(msgspec.Struct, frozen=True):
    """How far a store's consumer had read when the last batch was committed.

    A restart loads the snapshot, reads on from `snapshot_position` and drops what it decides
    again until it has passed `position`; without a snapshot it starts at the beginning.

    Attributes:
        position: the last sequence number of the event stream whose records are in the chain.
        head: of the chain at that commit.
        snapshot: the core's state, None where none was ever written.
        snapshot_position: the sequence number that the snapshot stands after; 0 without one.
        snapshot_head: the chain's position that the snapshot stands after; 0 without one.
        snapshot_version: what wrote the snapshot, usually a hash of code and rules; a reader
            with another one must not load it. Empty without one.
    """

    position: int
    head: Head
    snapshot: bytes | None = None
    snapshot_position: int = 0
    snapshot_head: int = 0
    snapshot_version: str = ""
