"""What every ledger promises, whichever database keeps it.

A database joins by one more `Ledgers` in `KEPT_BY`; no case below knows which one it runs on.
"""

from __future__ import annotations

import itertools
import sqlite3
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aislewatch.errors import LedgerConflict, LedgerDamaged, LedgerError, LedgerTooNew, UsageError
from aislewatch.events.record import Record, canonical_json
from aislewatch.ledger import Checkpoint, Head, Ledger, LedgerReader, StoredRecord, verify

SHOP = "shop-1"
EMPTY = Head(0, bytes(32))
FRESH = itertools.count()


class Ledgers(ABC):
    """Makes ledgers of one kind of database, and gets at the database behind their back."""

    @abstractmethod
    def open(self, name: str = "one") -> Ledger: ...

    @abstractmethod
    def read(self, name: str = "one") -> LedgerReader: ...

    @abstractmethod
    def open_existing(self, name: str) -> Ledger: ...

    @abstractmethod
    def execute(self, statement: str, values: Sequence[object] = (), name: str = "one") -> None:
        """Run one statement as somebody with any tool for that database would."""

    @abstractmethod
    def lower_guards(self, name: str = "one") -> None:
        """Take the database's own refusals away, as an intruder would."""


class SqliteLedgers(Ledgers):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str = "one") -> Ledger:
        return Ledger.open(self._folder / f"{name}.db")

    def read(self, name: str = "one") -> LedgerReader:
        return Ledger.read(self._folder / f"{name}.db")

    def open_existing(self, name: str) -> Ledger:
        return Ledger.open(self._folder / f"{name}.db", create=False)

    def execute(self, statement: str, values: Sequence[object] = (), name: str = "one") -> None:
        connection = sqlite3.connect(self._folder / f"{name}.db")
        try:
            with connection:
                connection.execute(statement, tuple(values))
        finally:
            connection.close()

    def lower_guards(self, name: str = "one") -> None:
        for trigger in ("record_next", "record_no_update", "record_no_delete"):
            self.execute(f"DROP TRIGGER {trigger}", name=name)


KEPT_BY: dict[str, Callable[[Path], Ledgers]] = {"sqlite": SqliteLedgers}


@pytest.fixture(params=KEPT_BY)
def ledgers(request: pytest.FixtureRequest, tmp_path: Path) -> Ledgers:
    return KEPT_BY[request.param](tmp_path)


def record(
    number: int, stream: str = "signal/1", type_: str = "signal.raised", store: str = SHOP
) -> Record:
    return Record(store, stream, type_, 1_000_000 * number, canonical_json({"number": number}))


def handed_in(stored: StoredRecord) -> Record:
    s = stored
    return Record(s.store, s.stream, s.type, s.time, s.payload, s.version)


def test_a_new_ledger_is_empty(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        assert ledger.stores() == []
        assert ledger.head(SHOP) == EMPTY
        assert ledger.checkpoint(SHOP) is None
        assert ledger.counters(SHOP) == {}
        assert list(ledger.records(SHOP)) == []
        assert verify(ledger, SHOP).sound


def test_records_get_gapless_positions_and_versions_across_batches(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        ledger.append(SHOP, [record(1, "a"), record(2, "b"), record(3, "a")], recorded_us=7)
        head = ledger.append(SHOP, [record(4, "b"), record(5, "a")], recorded_us=8)
        found = list(ledger.records(SHOP))
    assert [r.position for r in found] == [1, 2, 3, 4, 5]
    assert [(r.stream, r.stream_version) for r in found] == [
        ("a", 1),
        ("b", 1),
        ("a", 2),
        ("b", 2),
        ("a", 3),
    ]
    assert [r.recorded for r in found] == [7, 7, 7, 8, 8]
    assert [r.prev_hash for r in found] == [bytes(32), *(r.hash for r in found[:-1])]
    assert head == Head(5, found[-1].hash)


def test_a_batch_about_very_many_things_counts_each_of_them(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        for _ in range(2):
            ledger.append(SHOP, [record(n, f"tag/{n}") for n in range(1_201)], recorded_us=1)
        versions = [r.stream_version for r in ledger.records(SHOP)]
    assert versions == [1] * 1_201 + [2] * 1_201


int64s = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(st.builds(Record, st.just(""), texts, texts, int64s, st.binary(), int64s)),
        max_size=4,
    ),
    store=texts,
)
def test_records_come_back_as_they_were_handed_in(
    ledgers: Ledgers, batches: list[list[Record]], store: str
) -> None:
    ours = [
        [Record(store, r.stream, r.type, r.time, r.payload, r.version) for r in batch]
        for batch in batches
    ]
    with ledgers.open(f"fresh-{next(FRESH)}") as ledger:
        for batch in ours:
            ledger.append(store, batch, recorded_us=1)
        found = list(ledger.records(store))
        assert [handed_in(r) for r in found] == [r for batch in ours for r in batch]
        assert verify(ledger, store, expected_head=ledger.head(store).hash).sound


def test_the_chain_does_not_depend_on_batches_recorded_time_or_other_stores(
    ledgers: Ledgers,
) -> None:
    records = [record(n, f"signal/{n % 3}") for n in range(1, 8)]
    with ledgers.open("one") as one, ledgers.open("two") as two:
        one.append(SHOP, records, recorded_us=1)
        for r in records:
            two.append("shop-2", [record(9, store="shop-2")], recorded_us=2)
            two.append(SHOP, [r], recorded_us=r.time)
        assert one.head(SHOP) == two.head(SHOP)
        assert two.stores() == [SHOP, "shop-2"]


def test_the_same_records_of_another_store_give_another_chain(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        here = ledger.append(SHOP, [record(1)], recorded_us=1)
        there = ledger.append("shop-2", [record(1, store="shop-2")], recorded_us=1)
    assert here.position == there.position == 1
    assert here.hash != there.hash


def test_appending_to_another_head_than_expected_is_refused_whole(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        first = ledger.append(SHOP, [record(1)], recorded_us=1, expected_head=EMPTY.hash)
        second = ledger.append(SHOP, [record(2)], recorded_us=1, expected_head=first.hash)
        with pytest.raises(LedgerConflict, match=r"ends at record 2"):
            ledger.append(
                SHOP,
                [record(3)],
                recorded_us=1,
                consumer_position=3,
                counters={"late": 1},
                expected_head=first.hash,
            )
        assert ledger.head(SHOP) == second
        assert ledger.checkpoint(SHOP) is None
        assert ledger.counters(SHOP) == {}


def test_a_batch_with_one_impossible_record_leaves_nothing_behind(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        before = ledger.append(
            SHOP, [record(1)], recorded_us=1, consumer_position=1, counters={"late": 1}
        )
        beyond_64_bits = Record(SHOP, "signal/1", "signal.raised", 2**63, b"{}")
        with pytest.raises(struct.error):
            ledger.append(
                SHOP,
                [record(2), beyond_64_bits],
                recorded_us=1,
                consumer_position=2,
                snapshot=b"state",
                counters={"late": 1},
            )
        assert ledger.head(SHOP) == before
        assert ledger.checkpoint(SHOP) == Checkpoint(1, before)
        assert ledger.counters(SHOP) == {"late": 1}
        assert ledger.append(SHOP, [record(2)], recorded_us=1).position == 2


def test_a_batch_that_the_database_refuses_half_way_leaves_nothing_behind(
    ledgers: Ledgers,
) -> None:
    not_bytes: bytes = "a text"  # type: ignore[assignment] # what no type checker sees is tested
    with ledgers.open() as ledger:
        with pytest.raises((LedgerError, TypeError)):
            ledger.append(
                SHOP,
                [record(1), Record(SHOP, "signal/1", "signal.raised", 1, not_bytes)],
                recorded_us=1,
                counters={"late": 1},
            )
        assert ledger.head(SHOP) == EMPTY
        assert ledger.counters(SHOP) == {}


def test_the_checkpoint_moves_with_the_records_and_keeps_the_last_snapshot(
    ledgers: Ledgers,
) -> None:
    with ledgers.open() as ledger:
        first = ledger.append(
            SHOP,
            [record(1)],
            recorded_us=1,
            consumer_position=40,
            snapshot=b"state",
            snapshot_version="code-7",
        )
        second = ledger.append(SHOP, [record(2)], recorded_us=1, consumer_position=55)
    with ledgers.read() as reader:
        assert first.position == 1
        assert reader.checkpoint(SHOP) == Checkpoint(55, second, b"state", 40, 1, "code-7")


def test_the_checkpoint_moves_without_records(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        assert ledger.append(SHOP, [], recorded_us=1, consumer_position=9) == EMPTY
        assert ledger.checkpoint(SHOP) == Checkpoint(9, EMPTY)
        assert ledger.stores() == [SHOP]
        assert verify(ledger, SHOP).sound


def test_the_checkpoint_never_moves_back(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        head = ledger.append(SHOP, [record(1)], recorded_us=1, consumer_position=9)
        with pytest.raises(LedgerConflict, match="event 9"):
            ledger.append(SHOP, [record(2)], recorded_us=1, consumer_position=8)
        assert ledger.checkpoint(SHOP) == Checkpoint(9, head)
        assert ledger.append(SHOP, [record(2)], recorded_us=1, consumer_position=9).position == 2


def test_counters_add_up_for_each_store(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        ledger.append(SHOP, [], recorded_us=1, counters={"late": 2, "duplicate": 1})
        ledger.append(SHOP, [], recorded_us=1, counters={"late": 3})
        ledger.append("shop-2", [], recorded_us=1, counters={"late": 10})
        assert list(ledger.counters(SHOP).items()) == [("duplicate", 1), ("late", 5)]
        assert ledger.counters("shop-2") == {"late": 10}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=30),
    after=st.integers(0, 31),
    types=st.none() | st.sets(st.sampled_from("xyzw")),
    stream=st.none() | st.sampled_from("abcd"),
)
def test_filters_give_what_picking_by_hand_gives(
    ledgers: Ledgers,
    names: list[tuple[str, str]],
    after: int,
    types: set[str] | None,
    stream: str | None,
) -> None:
    with ledgers.open(f"fresh-{next(FRESH)}") as ledger:
        ledger.append(SHOP, [record(1, s, t) for s, t in names], recorded_us=1)
        expected = [
            r
            for r in ledger.records(SHOP)
            if r.position > after
            and (types is None or r.type in types)
            and (stream is None or r.stream == stream)
        ]
        assert list(ledger.records(SHOP, after, types, stream)) == expected


def test_long_readings_cross_their_pages_in_order(ledgers: Ledgers) -> None:
    records = [record(n, f"s/{n % 2}", ("x", "y", "z")[n % 3]) for n in range(3_500)]
    with ledgers.open() as ledger:
        ledger.append(SHOP, records, recorded_us=1)
        everything = list(ledger.records(SHOP))
        two_types = list(ledger.records(SHOP, types=["z", "x", "z"]))
        one_stream = list(ledger.records(SHOP, stream="s/1"))
        assert verify(ledger, SHOP).checked == 3_500
    assert [handed_in(r) for r in everything] == records
    assert [handed_in(r) for r in two_types] == [r for r in records if r.type != "y"]
    assert [handed_in(r) for r in one_stream] == [r for r in records if r.stream == "s/1"]


def test_a_reading_ends_at_the_head_of_its_beginning(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        ledger.append(SHOP, [record(1), record(2)], recorded_us=1)
        seen: list[int] = []
        for found in ledger.records(SHOP):
            seen.append(found.position)
            ledger.append(SHOP, [record(3)], recorded_us=1)
        assert seen == [1, 2]
        assert [r.position for r in ledger.records(SHOP, after=2)] == [3, 4]


def test_readers_see_what_is_committed_while_the_writer_has_it_open(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger, ledgers.read() as reader:
        assert reader.head(SHOP) == EMPTY
        head = ledger.append(SHOP, [record(1)], recorded_us=1)
        assert reader.head(SHOP) == head
        assert [r.position for r in reader.records(SHOP)] == [1]


def test_a_second_writer_is_refused_until_the_first_has_closed(ledgers: Ledgers) -> None:
    first = ledgers.open()
    with pytest.raises(LedgerError, match="a ledger has one writer"):
        ledgers.open()
    head = first.append(SHOP, [record(1)], recorded_us=1)
    first.close()
    with ledgers.open() as second:
        assert (
            second.append(SHOP, [record(2)], recorded_us=1, expected_head=head.hash).position == 2
        )
        assert verify(second, SHOP).sound


def test_closing_twice_is_allowed_and_using_afterwards_is_said_out_loud(ledgers: Ledgers) -> None:
    ledger = ledgers.open()
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="was closed"):
        ledger.append(SHOP, [record(1)], recorded_us=1)
    with pytest.raises(LedgerError, match="was closed"):
        ledger.head(SHOP)


def test_a_ledger_that_is_not_there_is_neither_read_nor_made(ledgers: Ledgers) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match="there is no ledger"):
            ledgers.read("absent")
        with pytest.raises(UsageError, match="there is no ledger"):
            ledgers.open_existing("absent")


def test_a_ledger_of_a_later_version_is_refused_by_reader_and_writer(ledgers: Ledgers) -> None:
    ledgers.open().close()
    ledgers.execute("UPDATE meta SET value = '7' WHERE name = 'format'")
    said = r"written by a newer Aislewatch \(format 7, this one knows 1\): upgrade, or name another"
    with pytest.raises(LedgerTooNew, match=said):
        ledgers.open()
    with pytest.raises(LedgerTooNew, match=said):
        ledgers.read()


def test_nothing_is_appended_to_a_record_that_is_not_what_was_written(ledgers: Ledgers) -> None:
    with ledgers.open() as ledger:
        ledger.append(SHOP, [record(1), record(2)], recorded_us=1)
    ledgers.lower_guards()
    ledgers.execute("UPDATE record SET time = time + 1 WHERE position = 2")
    with ledgers.open() as ledger:
        for _ in range(2):
            with pytest.raises(LedgerDamaged) as caught:
                ledger.append(SHOP, [record(3)], recorded_us=1)
            assert (caught.value.store, caught.value.position) == (SHOP, 2)
        assert ledger.head(SHOP).position == 2


def test_threads_take_turns(ledgers: Ledgers) -> None:
    together = threading.Barrier(4)
    with ledgers.open() as ledger:

        def work(store: str) -> None:
            together.wait()
            for n in range(1, 26):
                ledger.append(store, [record(n, store=store)], recorded_us=1, consumer_position=n)
                assert ledger.head(store).position == n

        threads = [threading.Thread(target=work, args=(f"shop-{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ledger.stores() == [f"shop-{n}" for n in range(4)]
        for store in ledger.stores():
            verification = verify(ledger, store)
            assert (verification.sound, verification.checked) == (True, 25)


@pytest.mark.parametrize(
    ("tampering", "values"),
    [
        ("UPDATE record SET payload = ? WHERE position = 1", [b"{}"]),
        ("UPDATE record SET recorded = 0", []),
        ("DELETE FROM record WHERE position = 2", []),
        ("DELETE FROM record", []),
    ],
)
def test_the_database_itself_refuses_to_change_or_delete_records(
    ledgers: Ledgers, tampering: str, values: list[object]
) -> None:
    with ledgers.open() as ledger:
        ledger.append(SHOP, [record(1), record(2)], recorded_us=1)
        before = list(ledger.records(SHOP))
        with pytest.raises(Exception, match=r"never (changed|deleted)"):
            ledgers.execute(tampering, values)
        assert list(ledger.records(SHOP)) == before
