from __future__ import annotations

import hashlib
import itertools

import pytest

from aislewatch.ledger.chain import GENESIS, record_hash

Columns = tuple[bytes, bytes, int, bytes, int, bytes, int, int, bytes]
RECORD: Columns = (
    GENESIS,
    b"shop-1",
    1,
    b"signal/7",
    1,
    b"signal.raised",
    1,
    1_700_000_000_000_000,
    b'{"points":12}',
)


def test_the_encoding_is_the_documented_one_for_ever() -> None:
    spelled_out = (
        b"aislewatch/record/1\n"
        + bytes(32)
        + (1).to_bytes(8)
        + (1).to_bytes(8)
        + (1).to_bytes(8)
        + (1_700_000_000_000_000).to_bytes(8)
        + (6).to_bytes(4)
        + (8).to_bytes(4)
        + (13).to_bytes(4)
        + (13).to_bytes(8)
        + b"shop-1signal/7signal.raised"
        + b'{"points":12}'
    )
    assert record_hash(*RECORD) == hashlib.sha256(spelled_out).digest()


def test_a_known_record_keeps_its_known_hash() -> None:
    assert (
        record_hash(*RECORD).hex()
        == "7da691603de4ac44da99b4a2e3c9932a1e4c0fd644823bd2b8d0c77e55a3cbb1"
    )


@pytest.mark.parametrize("column", range(len(RECORD)))
def test_every_column_is_covered(column: int) -> None:
    value = RECORD[column]
    other = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
    changed = (*RECORD[:column], other, *RECORD[column + 1 :])
    assert record_hash(*changed) != record_hash(*RECORD)  # type: ignore[arg-type]


def test_texts_cannot_lend_each_other_letters() -> None:
    splits = [
        (text[:a], text[a:b], text[b:c], text[c:])
        for text in [b"abcdef"]
        for a, b, c in itertools.combinations_with_replacement(range(7), 3)
    ]
    hashes = {
        record_hash(GENESIS, store, 1, stream, 1, type_, 1, 0, payload)
        for store, stream, type_, payload in splits
    }
    assert len(hashes) == len(splits)
