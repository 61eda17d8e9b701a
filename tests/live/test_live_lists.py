"""Named lists changed while a shop runs: what the command says, and what is judged by it."""

import asyncio
import json
import socket
import urllib.request
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import Any

import pytest

from aislewatch.cli import main
from aislewatch.ledger import Ledger
from aislewatch.runtime.clock import SystemClock
from aislewatch.runtime.live import LiveStore, Options, run
from aislewatch.runtime.live_status import Snapshot, Summary
from aislewatch.runtime.replay import replay
from aislewatch.runtime.run_folder import write_archive
from aislewatch.runtime.storefile import read_setup

pytestmark = pytest.mark.live

RULE = """\
id: watched-tag
title: A watched tag went out
status: live
when: {event: rfid.crossing, as: exit, where: epc in lists.watched}
incident: {type: theft.exit, about: {epc: exit.epc}, points: 8, because: "{exit.epc} went out"}
"""

MAPPING = """\
mapping: gate
time: at
id: "{n}"
cases:
  - {name: tag, type: rfid.crossing, fields: {epc: tag, direction: {value: out}}}
"""


class Shop:
    """A shop whose gate is posted to, by the machine's clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.store = folder / "store.yml"
        self.snapshots: list[Snapshot] = []
        self.posted = 0
        (folder / "gate.mapping.yml").write_text(MAPPING)
        (folder / "watched-tag.yml").write_text(RULE)
        config = {"mapping": "gate.mapping.yml", "http": f"{self.address}/rows"}
        described = {
            "store": "s1",
            "clock": {"tick": "100ms"},
            "lateness": "200ms",
            "rules": ["watched-tag.yml"],
            "lists": {"watched": ["E9"], "known": []},
            "feeds": {"gate": {"plugin": "feed", "config": config}},
        }
        self.store.write_text(json.dumps(described))

    @property
    def where(self) -> list[str]:
        return ["--store", str(self.store), "--folder", str(self.folder / "run")]

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        stop = asyncio.Event()
        self.snapshots.clear()
        options = Options(
            ledger=self.ledger, folder=self.folder / "run", host="inline", snapshot_s=0.05
        )
        setup = read_setup(self.store)
        task = asyncio.create_task(
            run([LiveStore(setup)], options, on_snapshot=self.snapshots.append, stop=stop)
        )
        try:
            await self.until(lambda: bool(self.snapshots and self.snapshots[-1].stores), task)
            yield
        finally:
            stop.set()
            await task

    async def until(
        self, holds: Callable[[], bool], task: asyncio.Task[Summary] | None = None
    ) -> None:
        while not holds():
            assert task is None or not task.done(), task
            await asyncio.sleep(0.02)

    async def passes(self, tag: str) -> None:
        self.posted += 1
        now = datetime.fromtimestamp(SystemClock().now_us() / 1_000_000, UTC)
        row = json.dumps({"n": f"{now}/{self.posted}", "at": now.isoformat(), "tag": tag}).encode()

        def post() -> None:
            with urllib.request.urlopen(f"http://{self.address}/rows", row) as answer:
                assert answer.status == 202

        while True:
            try:
                return await asyncio.to_thread(post)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            except OSError as error:
                if "refused" not in str(error):
                    raise
                await asyncio.sleep(0.02)

    def records(self, type_: str) -> list[dict[str, Any]]:
        with Ledger.read(self.ledger) as reader:
            return [json.loads(r.payload) for r in reader.records("s1", types=[type_])]

    async def listed(self, count: int) -> None:
        """Wait until the ledger names so many changes."""
        await self.until(lambda: len(self.records("list.changed")) == count)

    def raised(self) -> list[str]:
        return [dict(told["about"])["epc"] for told in self.records("signal.raised")]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


async def said(*words: str) -> int:
    return await asyncio.to_thread(main, ["lists", *words])


async def test_a_change_counts_from_its_time_on_and_live_equals_a_replay(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    async with shop.running():
        for tag in ("E1", "E9"):
            await shop.passes(tag)
        assert await said("add", "watched", "E1", *shop.where, "--reason", "seen twice") == 0
        await shop.passes("E1")
        assert await said("remove", "watched", "E9", *shop.where) == 0
        await shop.passes("E9")
        await shop.listed(2)
    told = capsys.readouterr().out
    assert "E1 put on watched in s1 from " in told
    assert "E9 taken off watched in s1 from " in told

    # What lay in the stream behind the last tick is decided by the next run.
    async with shop.running():
        await shop.until(lambda: shop.snapshots[-1].stores[0].behind == 0)
        await shop.until(lambda: len(shop.raised()) == 2)
    assert shop.raised() == ["E9", "E1"]
    added, removed = (told["event"] for told in shop.records("list.changed"))
    assert (added["member"], added["change"], added["reason"]) == ("E1", "add", "seen twice")
    assert (removed["member"], removed["change"]) == ("E9", "remove")
    assert added["by"] == removed["by"]
    assert getuser() not in added["by"], "a pseudonym"

    archive = shop.folder / "archive"
    await write_archive(shop.folder / "run", archive)
    again = replay(read_setup(shop.store), archive, shop.folder / "again.db", clock=SystemClock())
    with Ledger.read(shop.ledger) as reader:
        assert again.stores["s1"].head == reader.head("s1")


async def test_show_tells_who_is_on_the_lists_since_when_and_why(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    async with shop.running():
        await said(
            "add", "watched", "E1", "E2", *shop.where, "--until", "2999-01-01", "--by", "Ann"
        )
        await said("remove", "watched", "E2", *shop.where)
        await shop.listed(3)
    capsys.readouterr()
    where = ["--store", str(shop.store), "--ledger", str(shop.ledger)]
    assert main(["lists", "show", *where, "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["member"], first["until_us"]) == ("E1", 32_472_144_000_000_000)
    assert first["by"].startswith("user-")
    assert (second["member"], second["since_us"], second["by"]) == ("E9", None, None)
    main(["lists", "show", "watched", *where, "--at", "2026-01-01", "--json"])
    assert [json.loads(line)["member"] for line in capsys.readouterr().out.splitlines()] == ["E9"]
    main(["lists", "show", "watched", *where])
    shown = capsys.readouterr().out
    assert "the store file says so" in shown
    assert "2999-01-01 00:00:00" in shown


async def test_with_nobody_running_a_change_waits_in_the_log_for_the_next_run(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await said("add", "watched", "E1", *shop.where) == 2
    assert "nobody is running in" in capsys.readouterr().err
    async with shop.running():
        await shop.passes("E1")
    assert await said("add", "watched", "E1", *shop.where) == 2
    assert "--next-run puts it into the log" in capsys.readouterr().err
    assert await said("add", "watched", "E1", *shop.where, "--next-run") == 0
    async with shop.running():
        await shop.passes("E1")
        await shop.until(lambda: len(shop.raised()) == 1)


async def test_mistakes_are_told_in_one_sentence_and_change_nothing(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    async with shop.running():
        for words, sentence in (
            (["watchd", "E1"], "no list is called 'watchd'; did you mean 'watched'?"),
            (["watched", "E1 ", ""], "'E1 ' begins or ends with a space"),
            (["watched", "E1", "E1"], "'E1' stands here twice"),
            (["watched", "E\t1"], "holds characters that cannot be seen"),
            (["watched", "E" * 201], "has more than 200 characters"),
            (["watched", "E1", "--until", "2020-01-01"], "--until 2020-01-01 is past already"),
            (["watched", "E1", "--until", "soon"], "'soon' is no time"),
            (["watched", "E1", "--only", "s2"], "is not of 's2'"),
        ):
            assert await said("add", *words, *shop.where) == 2, words
            assert sentence in capsys.readouterr().err
        other = shop.folder / "other.yml"
        other.write_text("store: s1\nlists: {watched: []}\n")
        elsewhere = ["--store", str(other), "--folder", str(shop.folder / "run")]
        assert await said("add", "watched", "E1", *elsewhere) == 2
        assert f"the run is of {shop.store}, not of {other}" in capsys.readouterr().err
        other.write_text("store: s1\nlists: {watched: []}\nclock: {recording: g}\nfeeds: {}\n")
        assert await said("add", "watched", "E1", *elsewhere) == 2
        assert "is a recording's" in capsys.readouterr().err
    assert shop.records("list.changed") == []
