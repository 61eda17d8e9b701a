"""What only the SQLite ledger can get wrong: guards, files, locks, full disks."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import text

from aislewatch.errors import LedgerConflict, LedgerDamaged, LedgerError, LedgerFull, UsageError
from aislewatch.events.record import Record
from aislewatch.ledger import Head, Ledger, StoredRecord, verify
from aislewatch.ledger.appending import add_records
from aislewatch.ledger.chain import record_hash
from aislewatch.ledger.sqlite import connect_writer, translated
from aislewatch.ledger.values import EMPTY

SHOP = "shop-1"
LAST_HASH = "(SELECT hash FROM record WHERE position = 3)"
COLUMNS = ", ".join(StoredRecord.__struct_fields__)


def some(count: int, size: int = 20) -> list[Record]:
    return [
        Record(SHOP, f"signal/{n}", "signal.raised", n, b'"%s"' % (b"x" * size))
        for n in range(count)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@contextlib.contextmanager
def raw(path: Path) -> Generator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def child(script: str, *arguments: object, prefix: tuple[str, ...] = ()) -> str:
    """Run a script in a process of its own; gives what it printed."""
    done = subprocess.run(
        [*prefix, sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE", "INSERT"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"position": "99", "stream_version": "99"},
        {"position": "4", "stream": "'another'", "stream_version": "2"},
        {"position": "4", "stream": "'another'", "stream_version": "1"},
        {"position": "4", "prev_hash": LAST_HASH},
        {"position": "4", "prev_hash": LAST_HASH, "stream_version": "3"},
        {"position": "0"},
        {"position": "4"},
        {"store": "'another'"},
    ],
)
def test_no_form_of_insert_rewrites_a_record_or_breaks_the_chain(
    path: Path, verb: str, changes: dict[str, str]
) -> None:
    columns = ", ".join(changes.get(name, name) for name in StoredRecord.__struct_fields__)
    with Ledger.open(path) as ledger:
        ledger.append(SHOP, some(3), recorded_us=1)
        before = list(ledger.records(SHOP))
        with raw(path) as connection, pytest.raises(sqlite3.IntegrityError, match="next link"):
            connection.execute(
                f"{verb} INTO record ({COLUMNS}) SELECT {columns} FROM record WHERE position = 2"
            )
        assert list(ledger.records(SHOP)) == before
        assert verify(ledger, SHOP).sound


def test_somebody_who_went_past_the_lock_is_noticed_and_the_chain_goes_on(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.append(SHOP, some(3), recorded_us=1)
        with raw(path) as connection:
            add_a_link(connection)
        with pytest.raises(LedgerConflict, match="changed under its writer"):
            ledger.append(SHOP, some(1), recorded_us=1)
        assert ledger.append(SHOP, some(1), recorded_us=1).position == 5
        assert verify(ledger, SHOP).sound


def add_a_link(connection: sqlite3.Connection) -> None:
    (prev,) = connection.execute("SELECT hash FROM record WHERE position = 3").fetchone()
    hash_ = record_hash(prev, SHOP.encode(), 4, b"mine", 1, b"x", 1, 0, b"{}")
    connection.execute(
        f"INSERT INTO record ({COLUMNS}) VALUES (?, 4, 'mine', 1, 'x', 1, 0, 0, ?, ?, ?)",
        (SHOP, b"{}", prev, hash_),
    )


def test_an_upsert_does_not_change_a_record(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.append(SHOP, some(3), recorded_us=1)
        with raw(path) as connection, pytest.raises(sqlite3.IntegrityError):
            connection.execute(
                f"INSERT INTO record ({COLUMNS}) SELECT {COLUMNS} FROM record WHERE true "
                "ON CONFLICT DO UPDATE SET payload = x'00'"
            )
        assert verify(ledger, SHOP).sound


def test_there_is_no_hidden_key_that_a_replace_could_hit(path: Path) -> None:
    Ledger.open(path).close()
    with raw(path) as connection, pytest.raises(sqlite3.OperationalError, match="rowid"):
        connection.execute("SELECT rowid FROM record")


def test_a_text_is_not_taken_for_a_number(path: Path) -> None:
    Ledger.open(path).close()
    with raw(path) as connection, pytest.raises(sqlite3.IntegrityError, match="cannot store TEXT"):
        connection.execute("INSERT INTO counter VALUES ('shop-1', 'late', 'abc')")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET payload = x'00'",
        "DELETE FROM record",
        "DROP TABLE record",
        "DROP TRIGGER record_no_update",
        "DROP INDEX record_type",
        "ALTER TABLE record RENAME TO gone",
        "ALTER TABLE record DROP COLUMN payload",
        "UPDATE meta SET value = '2'",
        "DELETE FROM meta",
        "CREATE TRIGGER mine AFTER INSERT ON record BEGIN SELECT 1; END",
        "ATTACH ':memory:' AS other",
        "PRAGMA writable_schema = ON",
    ],
)
def test_the_writers_own_connection_may_not_even_ask(path: Path, statement: str) -> None:
    writer = connect_writer(path)
    try:
        with pytest.raises(LedgerError, match="not authorized"), translated(path):
            writer.exec_driver_sql(statement)
    finally:
        writer.close()


def test_each_commit_is_flushed_to_the_disk(path: Path) -> None:
    writer = connect_writer(path)
    try:
        full = 2
        assert writer.scalar(text("PRAGMA synchronous")) == full
        assert writer.scalar(text("PRAGMA journal_mode")) == "wal"
    finally:
        writer.close()


def test_closing_leaves_one_whole_file_that_can_be_copied_away(path: Path, tmp_path: Path) -> None:
    with Ledger.open(path) as ledger:
        head = ledger.append(SHOP, some(3), recorded_us=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shop.db", "shop.db.lock"]
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    with Ledger.read(copy) as reader:
        assert reader.head(SHOP) == head


@pytest.mark.parametrize(
    "content", [b"store: shop-1\n" * 100, b"x", b"SQLite format 3\0" + bytes(500)]
)
def test_a_file_that_is_no_database_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"shop\.db is not a ledger"):
        Ledger.open(path)
    with pytest.raises(LedgerError, match=r"shop\.db is not a ledger"):
        Ledger.read(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE record (mine)")
    content = path.read_bytes()
    with pytest.raises(LedgerError, match=r"shop\.db is not a ledger: name another file"):
        Ledger.open(path)
    with pytest.raises(LedgerError, match=r"shop\.db is not a ledger: name another file"):
        Ledger.read(path)
    assert path.read_bytes() == content


def test_an_empty_file_becomes_a_ledger_but_is_none_for_a_reader(path: Path) -> None:
    path.touch()
    with pytest.raises(LedgerError, match="not a ledger"):
        Ledger.read(path)
    with Ledger.open(path) as ledger:
        assert ledger.append(SHOP, some(1), recorded_us=1).position == 1


def test_a_folder_or_a_place_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        Ledger.open(tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        Ledger.open(tmp_path / "absent" / "shop.db")


def test_odd_names_of_files_are_only_names(tmp_path: Path) -> None:
    path = tmp_path / "what?mode=memory&x#1 %41.db"
    with Ledger.open(path) as ledger:
        ledger.append(SHOP, some(1), recorded_us=1)
    assert path.is_file()
    with Ledger.read(path) as reader:
        assert reader.head(SHOP).position == 1


def test_a_writer_that_was_refused_leaves_the_lock_free(path: Path) -> None:
    path.write_bytes(b"no database at all")
    with pytest.raises(LedgerError):
        Ledger.open(path)
    path.unlink()
    Ledger.open(path).close()


def test_another_process_is_told_who_is_writing_and_may_read(path: Path) -> None:
    script = """
        import sys
        from aislewatch.errors import LedgerError
        from aislewatch.ledger import Ledger
        with Ledger.read(sys.argv[1]) as reader:
            print(reader.head("shop-1").position)
        try:
            Ledger.open(sys.argv[1])
        except LedgerError as error:
            print(error)
    """
    with Ledger.open(path) as ledger:
        ledger.append(SHOP, some(3), recorded_us=1)
        seen, said = child(script, path).splitlines()
    assert seen == "3"
    assert said.startswith(f"{path} is being written by process {os.getpid()}: ")


def test_the_same_file_by_another_name_has_the_same_lock(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with Ledger.open(path), pytest.raises(LedgerError, match="one writer"):
        Ledger.open(link)


def test_a_text_that_is_no_longer_utf8_is_named_when_read(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.append(SHOP, some(5), recorded_us=1)
    with raw(path) as connection:
        connection.execute("DROP TRIGGER record_no_update")
        connection.execute("UPDATE record SET type = CAST(x'ff61' AS TEXT) WHERE position = 3")
    with Ledger.read(path) as reader:
        found: list[int] = []
        with pytest.raises(LedgerDamaged, match="record 3 of shop-1") as caught:
            found.extend(r.position for r in reader.records(SHOP))
        assert caught.value.position == 3
        reading = reader.records(SHOP)
        assert [next(reading).position, next(reading).position] == [1, 2]
        assert [f.position for f in verify(reader, SHOP).faults] == [3]


def test_a_store_whose_name_is_no_longer_utf8_can_still_be_verified(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.append(SHOP, some(2), recorded_us=1)
    with raw(path) as connection:
        connection.execute("DROP TRIGGER record_no_update")
        connection.execute("UPDATE record SET store = CAST(x'ff61' AS TEXT) WHERE position = 2")
    with Ledger.read(path) as reader:
        assert reader.stores() == [SHOP, "\udcffa"]
        assert not verify(reader, "\udcffa").sound


def test_a_page_overwritten_on_the_disk_is_damage_not_a_crash(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.append(SHOP, some(400, size=300), recorded_us=1)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 8192)
    with Ledger.read(path) as reader:
        verification = verify(reader, SHOP)
        assert not verification.sound
        assert verification.faults[0].position <= 400
        with pytest.raises(LedgerDamaged):
            list(reader.records(SHOP))


def test_without_room_nothing_is_written_and_the_ledger_stays_usable(path: Path) -> None:
    writer = connect_writer(path)
    try:
        writer.exec_driver_sql("PRAGMA max_page_count = 40")
        writer.commit()
        with (
            pytest.raises(LedgerFull, match="nothing of this batch"),
            translated(path),
            writer.begin(),
        ):
            add_records(writer, SHOP, EMPTY, some(1_000, size=1_000), 1)
        with translated(path), writer.begin():
            head = add_records(writer, SHOP, EMPTY, some(3), 1)
    finally:
        writer.close()
    with Ledger.read(path) as reader:
        assert reader.head(SHOP) == head
        assert verify(reader, SHOP).checked == 3


FILL_A_DISK = """
    import sys
    from pathlib import Path
    from aislewatch.errors import LedgerFull
    from aislewatch.events.record import Record
    from aislewatch.ledger import Ledger, verify

    folder = Path(sys.argv[1])
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(100_000))
    records = [Record("s", f"t/{n}", "x", n, b"x" * 500) for n in range(20)]
    with Ledger.open(folder / "shop.db") as ledger:
        head, events = ledger.head("s"), 0
        try:
            while True:
                head = ledger.append(
                    "s", records, recorded_us=1, consumer_position=events + 1, counters={"n": 1}
                )
                events += 1
        except LedgerFull:
            pass
        assert events > 1
        assert ledger.head("s") == head, "half a batch was written"
        assert ledger.checkpoint("s").position == events
        assert ledger.counters("s") == {"n": events}
        assert verify(ledger, "s", expected_head=head.hash).sound
        ballast.unlink()
        head = ledger.append("s", records, recorded_us=1, consumer_position=events + 1)
        assert head.position == 20 * (events + 1)
        assert verify(ledger, "s", expected_head=head.hash).sound
    print("survived")
"""


def test_a_disk_that_really_fills_up_loses_nothing_and_takes_more_once_there_is_room(
    tmp_path: Path,
) -> None:
    mount = 'mount -t tmpfs -o size=800k none "$0" && exec "$@"'
    own_disk = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(tmp_path))
    if not shutil.which("unshare") or subprocess.run((*own_disk, "true"), check=False).returncode:
        pytest.skip("this machine does not let a test mount a small disk of its own")
    assert child(FILL_A_DISK, tmp_path, prefix=own_disk) == "survived"


def test_a_refused_write_rolls_back_whole_and_the_ledger_stays_usable(path: Path) -> None:
    script = """
        import resource, sys
        from aislewatch.errors import LedgerError
        from aislewatch.events.record import Record
        from aislewatch.ledger import Ledger, verify

        records = [Record("s", f"t/{n}", "x", n, b"x" * 500) for n in range(400)]
        with Ledger.open(sys.argv[1]) as ledger:
            head = ledger.append("s", records[:10], recorded_us=1)
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
            try:
                ledger.append("s", records, recorded_us=1, counters={"n": 1})
            except LedgerError as error:
                print(error)
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert ledger.head("s") == head
            assert ledger.counters("s") == {}
            head = ledger.append("s", records, recorded_us=1, expected_head=head.hash)
            assert verify(ledger, "s", expected_head=head.hash).checked == 410
    """
    assert child(script, path).startswith(f"{path} cannot be used: ")


def test_a_reader_needs_no_right_to_write(path: Path) -> None:
    with Ledger.open(path) as ledger:
        head = ledger.append(SHOP, some(3), recorded_us=1)
    path.chmod(stat.S_IRUSR)
    with Ledger.read(path) as reader:
        assert reader.head(SHOP) == head != Head(0, bytes(32))


def test_a_copy_of_the_file_alone_is_whole_though_somebody_read_on_when_it_was_closed(
    path: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    with Ledger.open(path) as ledger:
        ledger.append(SHOP, some(3), recorded_us=1)
        reading = Ledger.read(path)
        head = ledger.head(SHOP)
    try:
        shutil.copy(path, copy)
        with Ledger.read(copy) as copied:
            assert copied.head(SHOP) == head
            assert verify(copied, SHOP).sound
    finally:
        reading.close()
