import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aislewatch.errors import BusError
from aislewatch.runtime.bus_message import Message
from aislewatch.runtime.bus_spool import Spool, SpoolDepth


def message(number: int, payload: bytes = b"payload") -> Message:
    return Message("ev.s1.gate-1.rfid.read", str(number), payload)


@given(
    st.lists(st.tuples(st.sampled_from(["append", "remove", "reopen"]), st.integers(1, 9))),
    st.integers(200, 2000),
)
def test_a_spool_is_a_queue_that_survives_being_closed(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], max_bytes: int
) -> None:
    file = tmp_path_factory.mktemp("spool") / "spool.db"
    spool = Spool(file, max_bytes=max_bytes)
    waiting: list[Message] = []
    number = dropped = 0
    for what, count in steps:
        if what == "append":
            batch = [message(number + i, b"x" * (number + i)) for i in range(count)]
            number += count
            taken = spool.append(batch)
            waiting += batch[:taken]
            dropped += count - taken
        elif what == "remove":
            head = spool.head(count, 1 << 30)
            assert head == waiting[:count]
            spool.remove_head(head)
            waiting = waiting[count:]
        else:
            spool.close()
            spool = Spool(file, max_bytes=max_bytes)
        depth = spool.depth()
        assert (depth.events, depth.dropped) == (len(waiting), dropped)
        assert depth.bytes == sum(m.size + 32 for m in waiting) <= max_bytes
    assert spool.head(1000, 1 << 30) == waiting
    spool.close()


def test_the_head_is_bounded_in_bytes_and_never_empty_while_something_waits(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.append([message(i, b"x" * 1000) for i in range(10)])

    assert len(spool.head(100, 3200)) == 3
    assert len(spool.head(100, 1)) == 1
    spool.close()


def test_a_spool_is_flushed_before_append_returns(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.append([message(1)])

    # A copy made behind its back is what a power cut leaves.
    copy = tmp_path / "copy"
    copy.mkdir()
    for part in tmp_path.glob("spool.db*"):
        (copy / part.name).write_bytes(part.read_bytes())
    survivor = Spool(copy / "spool.db")

    assert survivor.head(10, 1 << 30) == [message(1)]
    survivor.close()
    spool.close()


def test_two_processes_never_share_a_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.append([message(1)])

    other = sqlite3.connect(tmp_path / "spool.db", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT * FROM spooled")
    other.close()
    spool.close()


def test_a_file_that_is_no_spool_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "spool.db"
    file.write_bytes(b"this is a shopping list" * 100)

    with pytest.raises(BusError, match=r"spool\.db cannot be opened"):
        Spool(file)


def test_a_new_spool_holds_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")

    assert spool.depth() == SpoolDepth(0, 0, 0)
    assert spool.head(10, 10) == []
    spool.close()
