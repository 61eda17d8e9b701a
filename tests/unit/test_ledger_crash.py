"""Killed at any instant and started again, a ledger ends as if nobody had killed it."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from aislewatch.ledger import Head, Ledger, verify

SHOP = "shop-1"
EVENTS = 400

# A consumer as the engine is one: it resumes from the checkpoint, decides event by event, commits,
# and acknowledges (prints) after the commit. Event n gives n % 4 records, so 400 give 600.
CONSUMER = textwrap.dedent("""
    import sys
    from aislewatch.events.record import Record
    from aislewatch.ledger import Ledger

    path, last = sys.argv[1], int(sys.argv[2])
    with Ledger.open(path) as ledger:
        checkpoint = ledger.checkpoint("shop-1")
        for event in range(checkpoint.position + 1 if checkpoint else 1, last + 1):
            ledger.append(
                "shop-1",
                [
                    Record("shop-1", f"signal/{event % 7}", "signal.raised", event, b"x" * 3000)
                    for _ in range(event % 4)
                ],
                recorded_us=event,
                consumer_position=event,
                snapshot=b"state after %d" % event,
                counters={"events": 1},
            )
            print(event, flush=True)
""")


def records_up_to(event: int) -> int:
    return sum(n % 4 for n in range(1, event + 1))


def consume(path: Path, kill_after: int | None) -> int:
    """Consume until the end, or until so many acknowledgements; gives the last one read."""
    process = subprocess.Popen(
        [sys.executable, "-c", CONSUMER, str(path), str(EVENTS)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = 0
    with process, process.stdout as lines:
        for count, line in enumerate(lines, start=1):
            acknowledged = int(line)
            if count == kill_after:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == (0 if kill_after is None else -signal.SIGKILL)
    return acknowledged


def test_killed_again_and_again_it_ends_byte_for_byte_like_an_uninterrupted_run(
    tmp_path: Path,
) -> None:
    killed, whole = tmp_path / "killed.db", tmp_path / "whole.db"
    for kill_after in (1, 2, 3, 17, 40):
        acknowledged = consume(killed, kill_after)
        with Ledger.open(killed) as ledger:
            checkpoint = ledger.checkpoint(SHOP)
            assert checkpoint is not None
            assert checkpoint.position >= acknowledged, "an acknowledged event was lost"
            assert checkpoint.head == ledger.head(SHOP)
            assert checkpoint.head.position == records_up_to(checkpoint.position)
            assert checkpoint.snapshot == b"state after %d" % checkpoint.position
            assert ledger.counters(SHOP) == {"events": checkpoint.position}
            assert verify(ledger, SHOP).sound
    assert consume(killed, None) == consume(whole, None) == EVENTS
    with Ledger.read(killed) as one, Ledger.read(whole) as other:
        assert list(one.records(SHOP)) == list(other.records(SHOP))
        assert one.checkpoint(SHOP) == other.checkpoint(SHOP)
        assert one.counters(SHOP) == other.counters(SHOP) == {"events": EVENTS}
        assert one.head(SHOP).position == records_up_to(EVENTS)


def test_killed_while_the_file_is_being_made_it_is_made_again(tmp_path: Path) -> None:
    # The two states that a kill can leave: nothing at all, or a database without a single table.
    for content in (b"", sqlite_without_tables(tmp_path)):
        path = tmp_path / "shop.db"
        path.write_bytes(content)
        with Ledger.open(path) as ledger:
            assert ledger.head(SHOP) == Head(0, bytes(32))
        path.unlink()


def sqlite_without_tables(folder: Path) -> bytes:
    path = folder / "blank.db"
    script = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA journal_mode=WAL')"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    return path.read_bytes()
