"""Whatever is done to a ledger's file, verifying it names the record."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from aislewatch.events.record import Record, canonical_json
from aislewatch.ledger import Fault, FaultKind, Head, Ledger, Verification, verify
from aislewatch.ledger.chain import record_hash
from aislewatch.ledger.verify import FAULTS_MAX

SHOP = "shop-1"
LAST = 30
TEXTS = ("store", "stream", "type")
NUMBERS = ("position", "stream_version", "version", "time")
BLOBS = ("payload", "prev_hash", "hash")


class Original:
    """A sound ledger of `LAST` records, to be copied and tampered with."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "original.db"
        self._copy = folder / "copy.db"
        with Ledger.open(self.path) as ledger:
            for n in range(1, LAST + 1):
                payload = canonical_json({"points": n})
                mine = Record(SHOP, f"signal/{n % 4}", "signal.raised", n * 10**6, payload)
                other = Record("shop-2", "store", "clock.tick", n, b"{}")
                self.head = ledger.append(SHOP, [mine], recorded_us=n)
                ledger.append("shop-2", [other], recorded_us=n)
            self.hashes = {r.position: r.hash for r in ledger.records(SHOP)}

    @contextlib.contextmanager
    def tampered(self) -> Generator[sqlite3.Connection]:
        """Open a fresh copy with its guards taken away."""
        shutil.copy(self.path, self._copy)
        with contextlib.closing(sqlite3.connect(self._copy)) as connection, connection:
            for trigger in ("record_next", "record_no_update", "record_no_delete"):
                connection.execute(f"DROP TRIGGER {trigger}")
            yield connection

    def verify(self, expected_head: bytes | None = None, store: str = SHOP) -> Verification:
        """Verify what was made of the copy."""
        with Ledger.read(self._copy) as reader:
            return verify(reader, store, expected_head=expected_head)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return Original(tmp_path_factory.mktemp("ledger"))


def found(verification: Verification) -> list[tuple[int, FaultKind]]:
    return [(fault.position, fault.kind) for fault in verification.faults]


def test_an_untouched_ledger_is_sound(original: Original) -> None:
    with original.tampered():
        pass
    verification = original.verify(original.head.hash)
    assert verification == Verification(SHOP, LAST, original.head, (), 0, LAST)
    assert verification.sound
    assert original.verify(store="shop-2").sound


many = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
positions = st.integers(1, LAST)


@many
@given(positions, st.sampled_from(TEXTS + BLOBS), st.integers(0, 10**6), st.integers(1, 255))
def test_a_flipped_byte_in_a_text_or_blob_is_found_and_named(
    original: Original, position: int, column: str, index: int, mask: int
) -> None:
    with original.tampered() as connection:
        which = (position, SHOP)
        (value,) = connection.execute(
            f"SELECT CAST({column} AS BLOB) FROM record WHERE position = ? AND store = ?", which
        ).fetchone()
        index %= len(value)
        flipped = value[:index] + bytes([value[index] ^ mask]) + value[index + 1 :]
        try:
            connection.execute(
                f"UPDATE record SET {column} = CAST(? AS {'TEXT' if column in TEXTS else 'BLOB'}) "
                "WHERE position = ? AND store = ?",
                (flipped, *which),
            )
        except sqlite3.IntegrityError:  # as "shop-2" there is such a record already
            assume(False)
    verification = original.verify(original.head.hash)
    if column == "store":
        assert found(verification) == [(position, FaultKind.MISSING)]
    else:
        assert found(verification)[0] == (position, FaultKind.CHANGED)
        assert {fault.position for fault in verification.faults} <= {position, LAST + 1}


@many
@given(positions, st.sampled_from(NUMBERS), st.integers(0, 63))
def test_a_flipped_bit_in_a_number_is_found_and_named(
    original: Original, position: int, column: str, bit: int
) -> None:
    with original.tampered() as connection:
        which = (position, SHOP)
        (value,) = connection.execute(
            f"SELECT {column} FROM record WHERE position = ? AND store = ?", which
        ).fetchone()
        bits = bytearray(value.to_bytes(8, signed=True))
        bits[bit // 8] ^= 1 << bit % 8
        try:
            connection.execute(
                f"UPDATE record SET {column} = ? WHERE position = ? AND store = ?",
                (int.from_bytes(bits, signed=True), *which),
            )
        except sqlite3.IntegrityError:  # the place is taken: the database refused
            assume(False)
    named = found(original.verify(original.head.hash))
    assert (position, FaultKind.MISSING if column == "position" else FaultKind.CHANGED) in named


@many
@given(positions, st.integers(1, LAST))
def test_deleted_records_are_named_at_the_end_too(
    original: Original, first: int, count: int
) -> None:
    with original.tampered() as connection:
        connection.execute(
            "DELETE FROM record WHERE store = ? AND position BETWEEN ? AND ?",
            (SHOP, first, first + count - 1),
        )
    verification = original.verify(original.head.hash)
    assert found(verification) == [(first, FaultKind.MISSING)]
    after = min(first + count - 1, LAST)
    if after < LAST and count > 1:
        assert verification.faults[0].message == f"records {first} to {after} are missing"


@many
@given(positions, positions)
def test_two_exchanged_records_are_both_named_with_where_they_come_from(
    original: Original, one: int, other: int
) -> None:
    assume(one != other)
    with original.tampered() as connection:
        for new, old in ((-1, one), (one, other), (other, -1)):
            connection.execute(
                "UPDATE record SET position = ? WHERE position = ? AND store = ?", (new, old, SHOP)
            )
    faults = {fault.position: fault for fault in original.verify(original.head.hash).faults}
    for here, there in ((one, other), (other, one)):
        assert faults[here] == Fault(
            here,
            FaultKind.MOVED,
            f"record {here} was moved here: it was written as record {there}",
        )
    # Only the exchanged; and the end, where the expected head does not stand any more.
    assert set(faults) <= {one, other, LAST + 1}


@many
@given(positions, positions)
def test_exchanged_contents_under_the_old_hashes_are_named(
    original: Original, one: int, other: int
) -> None:
    assume(one != other)
    with original.tampered() as connection:
        columns = "stream, stream_version, type, version, time, payload"
        rows = {
            position: connection.execute(
                f"SELECT {columns} FROM record WHERE position = ? AND store = ?", (position, SHOP)
            ).fetchone()
            for position in (one, other)
        }
        connection.execute("DROP TABLE IF EXISTS aside")
        for position, there in ((one, -1), (other, one), (one, other)):
            row = rows[position] if there != -1 else ("aside", 1, "x", 1, 1, b"")
            at = there if there != -1 else other
            connection.execute(
                f"UPDATE record SET ({columns}) = (?, ?, ?, ?, ?, ?) "
                "WHERE position = ? AND store = ?",
                (*row, at, SHOP),
            )
    named = found(original.verify(original.head.hash))
    assert named == sorted([(one, FaultKind.MOVED), (other, FaultKind.MOVED)])


def test_what_was_changed_in_a_record_is_said_as_far_as_the_next_one_remembers(
    original: Original,
) -> None:
    said: dict[str, str] = {}
    for column, value in (("payload", b"{}"), ("hash", bytes(32)), ("prev_hash", bytes(32))):
        with original.tampered() as connection:
            connection.execute(
                f"UPDATE record SET {column} = ? WHERE position = 7 AND store = ?", (value, SHOP)
            )
        (fault,) = original.verify(original.head.hash).faults
        said[column] = fault.message
    assert said["payload"].startswith("record 7: its content was changed (store, stream, ")
    assert said["hash"] == "record 7: its hash was changed"
    assert said["prev_hash"] == "record 7: its previous hash was changed"


def test_closing_the_gap_after_a_deletion_is_seen(original: Original) -> None:
    with original.tampered() as connection:
        connection.execute("DELETE FROM record WHERE store = ? AND position = 11", (SHOP,))
        for position in range(12, LAST + 1):
            connection.execute(
                "UPDATE record SET position = ? WHERE store = ? AND position = ?",
                (position - 1, SHOP, position),
            )
    fault = original.verify().faults[0]
    assert fault == Fault(
        11, FaultKind.MOVED, "record 11 was moved here: it was written as record 12"
    )


def rehash(connection: sqlite3.Connection, first: int, last: int) -> None:
    """Change a payload and hash everything anew from there, as a knowing intruder would."""
    connection.execute("UPDATE record SET payload = x'00' WHERE position = ?", (first,))
    (prev,) = connection.execute(
        "SELECT hash FROM record WHERE store = ? AND position = ?", (SHOP, first - 1)
    ).fetchone()
    for position in range(first, last + 1):
        store, stream, version, type_, schema, time, payload = connection.execute(
            "SELECT store, stream, stream_version, type, version, time, payload FROM record "
            "WHERE store = ? AND position = ?",
            (SHOP, position),
        ).fetchone()
        texts = (store.encode(), stream.encode(), type_.encode())
        new = record_hash(
            prev, texts[0], position, texts[1], version, texts[2], schema, time, payload
        )
        connection.execute(
            "UPDATE record SET prev_hash = ?, hash = ? WHERE store = ? AND position = ?",
            (prev, new, SHOP, position),
        )
        prev = new


def test_a_rewritten_record_with_a_fitting_hash_breaks_the_next_link(original: Original) -> None:
    with original.tampered() as connection:
        rehash(connection, 12, 12)
    assert found(original.verify()) == [(13, FaultKind.UNLINKED)]


def test_a_chain_written_anew_to_its_end_shows_against_a_head_kept_elsewhere(
    original: Original,
) -> None:
    with original.tampered() as connection:
        rehash(connection, 12, LAST)
    assert original.verify().sound
    verification = original.verify(original.head.hash)
    assert found(verification) == [(LAST + 1, FaultKind.MISSING)]
    assert "cut off, or the chain was written anew" in verification.faults[0].message


def test_an_older_head_is_found_in_a_chain_that_has_grown(original: Original) -> None:
    with original.tampered():
        pass
    verification = original.verify(original.hashes[20])
    assert (verification.sound, verification.expected_at) == (True, 20)
    assert original.verify(bytes(32)).expected_at == 0


def test_a_record_put_in_before_the_first_is_named(original: Original) -> None:
    with original.tampered() as connection:
        columns = "stream_version, type, version, time, recorded, payload, prev_hash, hash"
        connection.execute(
            f"INSERT INTO record (store, position, stream, {columns}) "
            f"SELECT store, -3, 'x', {columns} FROM record WHERE store = ? AND position = 1",
            (SHOP,),
        )
    assert found(original.verify()) == [(-3, FaultKind.ADDED)]


def test_hiding_the_last_record_before_the_first_does_not_keep_the_expected_head(
    original: Original,
) -> None:
    with original.tampered() as connection:
        connection.execute(
            "UPDATE record SET position = -1 WHERE position = ? AND store = ?", (LAST, SHOP)
        )
    assert found(original.verify(original.head.hash)) == [
        (-1, FaultKind.ADDED),
        (LAST, FaultKind.MISSING),
    ]


def test_a_lengthened_previous_hash_is_a_changed_one(original: Original) -> None:
    # The hash takes 32 bytes of it: what hangs over must not go unseen.
    with original.tampered() as connection:
        connection.execute(
            "UPDATE record SET prev_hash = CAST(prev_hash || x'00' AS BLOB) "
            "WHERE position = 5 AND store = ?",
            (SHOP,),
        )
        connection.execute("DELETE FROM record WHERE position = 4 AND store = ?", (SHOP,))
    assert (5, FaultKind.CHANGED) in found(original.verify())


def test_a_cut_off_end_shows_against_the_checkpoint_without_any_head(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    record = Record(SHOP, "signal/1", "signal.raised", 1, b"{}")
    with Ledger.open(path) as ledger:
        ledger.append(SHOP, [record] * 5, recorded_us=1, consumer_position=9)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER record_no_delete")
        connection.execute("DELETE FROM record WHERE position > 3")
    with Ledger.read(path) as reader:
        verification = verify(reader, SHOP)
    assert found(verification) == [(4, FaultKind.MISSING)]
    assert verification.head.position == 3


def test_another_record_at_the_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with Ledger.open(path) as ledger:
        record = Record(SHOP, "signal/1", "signal.raised", 1, b"{}")
        ledger.append(SHOP, [record] * 3, recorded_us=1, consumer_position=9)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER record_no_update")
        rehash(connection, 3, 3)
    with Ledger.read(path) as reader:
        assert found(verify(reader, SHOP)) == [(3, FaultKind.UNLINKED)]


def test_very_many_faults_are_counted_and_the_first_ones_described(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with Ledger.open(path) as ledger:
        records = [Record(SHOP, "s", "x", n, b"{}") for n in range(2_500)]
        ledger.append(SHOP, records, recorded_us=1)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TRIGGER record_no_update")
        connection.execute("UPDATE record SET time = time + 1")
    with Ledger.read(path) as reader:
        verification = verify(reader, SHOP)
    assert (verification.checked, verification.fault_count) == (2_500, 2_500)
    assert [fault.position for fault in verification.faults] == list(range(1, FAULTS_MAX + 1))


def test_progress_is_told_page_by_page_up_to_the_whole(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with Ledger.open(tmp_path / "shop.db") as ledger:
        records = [Record(SHOP, "s", "x", n, b"{}") for n in range(2_500)]
        ledger.append(SHOP, records, recorded_us=1)
        verify(ledger, SHOP, progress=lambda done, total: told.append((done, total)))
    assert told == [(1_000, 2_500), (2_000, 2_500), (2_500, 2_500)]


def test_an_empty_store_is_sound_unless_a_head_says_otherwise(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "shop.db") as ledger:
        assert verify(ledger, SHOP).head == Head(0, bytes(32))
        assert verify(ledger, SHOP, expected_head=bytes(32)).sound
        assert found(verify(ledger, SHOP, expected_head=b"\1" * 32)) == [(1, FaultKind.MISSING)]
