"""The feed plugin over real sockets on this machine: a replay server, devices, requests."""

from __future__ import annotations

import asyncio
import io
import json
import os
import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import aiohttp
import pytest
from pydantic import ValidationError

from aislewatch.devices.address import endpoint
from aislewatch.errors import BusError, DeviceMisconfigured, DeviceNotReady, UsageError
from aislewatch.events.kinds import DeviceState, Event, QueueLevel
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import ClockSkew, SensorContext
from aislewatch_plugins.feed.config import FeedConfig
from aislewatch_plugins.feed.recording import read_mapping, read_recording
from aislewatch_plugins.feed.sensor import Feed

REGISTRY = Registry()
ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("AISLEWATCH_DATA", ROOT.parent / "shared" / "data"))
NOW = 1_772_438_400_000_000
MAPPING = """\
mapping: shop
time: {from: t, unit: us}
device: "{dev}"
frames: {row: event, banner_lines: 1}
cases: [{name: q, type: queue.level, fields: {customers: v}}]
"""


class FixedClock:
    def now_us(self) -> int:
        return NOW


class Received:
    """What a host would have been given; ``reached`` waits for so many events and refusals."""

    def __init__(self) -> None:
        self.batches: list[list[Event]] = []
        self.refusals: list[tuple[bytes, str, str, str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.failure: Exception | None = None
        self._news = asyncio.Condition()

    @property
    def found(self) -> list[Event]:
        return [event for batch in self.batches for event in batch]

    async def events(self, batch: Sequence[Event]) -> None:
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        async with self._news:
            self.batches.append(list(batch))
            self._news.notify_all()

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        async with self._news:
            self.refusals.append((raw, reason, place, device))
            self._news.notify_all()

    async def reached(self, events: int, refusals: int = 0) -> None:
        async with self._news:
            await self._news.wait_for(
                lambda: len(self.found) >= events and len(self.refusals) >= refusals
            )


def context(folder: Path, **options: Any) -> SensorContext:
    values: dict[str, Any] = {
        "store": "s",
        "device": "feed",
        "boot": "b1",
        "clock": FixedClock(),
        "random": Random(1),
        "registry": REGISTRY,
        "folder": str(folder),
    }
    return SensorContext(**(values | options))


def row(dev: str = "d", v: int = 1, t: int = NOW) -> bytes:
    return json.dumps({"dev": dev, "v": v, "t": t}).encode() + b"\n"


@asynccontextmanager
async def running(
    feed: Feed, folder: Path
) -> AsyncGenerator[tuple[Received, asyncio.Task[None]], None]:
    received = Received()
    (folder / "m.yml").write_text(MAPPING, encoding="utf-8")
    await feed.open(context(folder))
    task = asyncio.create_task(feed.run(received))
    try:
        async with asyncio.timeout(30):
            yield received, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await feed.close()
        await feed.close()


@asynccontextmanager
async def serving(*chunks: bytes, reset: bool = False) -> AsyncGenerator[str, None]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
        if reset:
            linger = struct.pack("ii", 1, 0)  # Closing then sends a reset, as a crash does.
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def test_a_replay_over_tcp_gives_the_events_of_its_files_and_ends(tmp_path: Path) -> None:
    rows = [{"dev": f"d{n % 3}", "v": n, "t": NOW + n} for n in range(1_200)]
    mapping = MAPPING + 'id: "{$case}/{$digest}"\n'
    frames = [
        json.dumps({"dataset": "q", "sequence": n, "timestamp": "now", "event": row}).encode()
        for n, row in enumerate(rows)
    ]
    stream = b"\n".join([b'{"service": "replay"}', *frames]) + b"\n"
    file = tmp_path / "q.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "m2.yml").write_text(mapping, encoding="utf-8")
    read = read_recording(
        read_mapping(tmp_path / "m2.yml", REGISTRY), [file], feed="feed", store="s"
    )
    expected = [event for run in read if isinstance(run, list) for event in run]
    async with serving(stream[:777], stream[777:40_000], stream[40_000:]) as address:
        feed = Feed(FeedConfig(mapping="m2.yml", tcp=address, recording=True))
        async with running(feed, tmp_path) as (received, task):
            await task
    assert received.found == expected
    assert len(expected) == 1_203
    assert max(map(len, received.batches)) <= 500
    assert received.refusals == []
    assert feed.health().frames == 1_200
    assert feed.diagnostics()["banners"] == 1


async def test_equal_rows_have_the_ids_of_the_file_on_every_connection(tmp_path: Path) -> None:
    (tmp_path / "m2.yml").write_text(MAPPING + 'id: "{$case}/{$digest}"\n', encoding="utf-8")
    can = row("a")
    (tmp_path / "q.jsonl").write_bytes(can * 3)
    read = read_recording(
        read_mapping(tmp_path / "m2.yml", REGISTRY), [tmp_path / "q.jsonl"], feed="feed", store="s"
    )
    expected = [event for run in read if isinstance(run, list) for event in run]
    assert len({event.id for event in expected}) == 4
    for _ in range(2):
        async with serving(can * 3) as address:
            feed = Feed(FeedConfig(mapping="m2.yml", tcp=address, recording=True))
            async with running(feed, tmp_path) as (received, task):
                await task
        assert received.found == expected


async def test_a_connection_that_closes_takes_its_devices_offline_and_is_not_ready(
    tmp_path: Path,
) -> None:
    async with serving(row("a"), row("b")) as address:
        feed = Feed(FeedConfig(mapping="m.yml", tcp=address))
        async with running(feed, tmp_path) as (received, task):
            with pytest.raises(DeviceNotReady, match="closed the connection"):
                await task
            assert not feed.health().connected
    states = [(e.device, e.state, e.time) for e in received.found if isinstance(e, DeviceState)]
    assert states == [
        ("a", "online", NOW),
        ("b", "online", NOW),
        ("a", "offline", NOW),
        ("b", "offline", NOW),
    ]


async def test_a_connection_that_breaks_is_no_end_even_of_a_recording(tmp_path: Path) -> None:
    async with serving(row(), reset=True) as address:
        feed = Feed(FeedConfig(mapping="m.yml", tcp=address, recording=True))
        async with running(feed, tmp_path) as (_, task):
            with pytest.raises(DeviceNotReady):
                await task


async def test_rubbish_on_the_wire_is_refused_and_what_follows_is_told(tmp_path: Path) -> None:
    late = row("d", 3, NOW + 3_600_000_000)
    cut = row("d", 4)[:-5]
    chunks = (row("d", 1), b"{oops\n\n\xff\xfe\n", b"x" * 1_100_000 + b"\n", late, row("d", 2), cut)
    async with serving(*chunks) as address:
        feed = Feed(FeedConfig(mapping="m.yml", tcp=address))
        async with running(feed, tmp_path) as (received, task):
            with pytest.raises(DeviceNotReady):
                await task
    levels = [event.customers for event in received.found if isinstance(event, QueueLevel)]
    assert levels == [1, 2]
    reasons = [reason for _, reason, _, _ in received.refusals]
    assert len(reasons) == 5
    assert "not JSON" in reasons[0]
    assert "a line of 1100000 bytes" in reasons[2]
    assert "ahead of the clock" in reasons[3]
    assert received.refusals[3][2:] == ("m.yml:2 time, row feed:5", "d")
    assert received.refusals[4][0] == cut
    assert feed.health().refused == 5


async def test_a_recording_may_be_older_or_newer_than_the_clock(tmp_path: Path) -> None:
    async with serving(row("d", 3, NOW + 3_600_000_000)) as address:
        feed = Feed(FeedConfig(mapping="m.yml", tcp=address, recording=True))
        async with running(feed, tmp_path) as (received, task):
            await task
    assert len(received.found) == 2


async def test_the_sentinel_replay_gives_the_events_of_the_sentinel_files(tmp_path: Path) -> None:
    files = sorted((DATA / "sentinel").glob("*.jsonl"))
    if not files:
        pytest.skip(f"the sentinel data is not in {DATA} (set AISLEWATCH_DATA)")
    path = ROOT / "fixtures" / "sentinel" / "sentinel.mapping.yml"
    read = read_recording(read_mapping(path, REGISTRY), files, feed="sentinel", store="s")
    expected = [event for run in read if isinstance(run, list) for event in run]
    rows = [
        (json.loads(line), file.stem.upper())
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    rows.sort(key=lambda pair: pair[0]["timestamp"])
    frames = [
        {"dataset": stream, "sequence": n, "original_timestamp": row["timestamp"], "event": row}
        for n, (row, stream) in enumerate(rows, 1)
    ]
    stream = b"".join(json.dumps(frame).encode() + b"\n" for frame in ({"events": 9}, *frames))
    async with serving(stream) as address:
        feed = Feed(FeedConfig(mapping=str(path), tcp=address, recording=True))
        async with running(feed, tmp_path) as (received, task):
            await task
    assert received.refusals == []
    assert {event.id: event for event in received.found} == {e.id: e for e in expected}
    assert len(received.found) == len(expected)
    assert feed.diagnostics()["banners"] == 1


async def test_nobody_at_the_address_is_not_ready_and_the_probe_says_so(tmp_path: Path) -> None:
    async with serving() as address:
        assert (await Feed(FeedConfig(mapping="m.yml", tcp=address)).probe()).reachable
    feed = Feed(FeedConfig(mapping="m.yml", tcp=address))
    assert not (await feed.probe()).reachable
    (tmp_path / "m.yml").write_text(MAPPING, encoding="utf-8")
    with pytest.raises(DeviceNotReady, match="does not answer"):
        await feed.open(context(tmp_path))
    await feed.close()


async def test_a_slow_bus_slows_the_sender_down(tmp_path: Path) -> None:
    sent = 0
    held = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while True:
            writer.write(row("d", 1) * 1_000)
            drained = asyncio.ensure_future(writer.drain())
            done, _ = await asyncio.wait({drained}, timeout=1)
            if not done:
                held.set()
                drained.cancel()
                writer.transport.abort()
                return
            sent += 1_000

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    feed = Feed(FeedConfig(mapping="m.yml", tcp=f"127.0.0.1:{port}"))
    async with running(feed, tmp_path) as (received, task):
        received.open.clear()
        await held.wait()
        assert received.batches == []
        received.open.set()
        with pytest.raises(DeviceNotReady):
            await task
    assert 0 < len(received.found) <= sent + 1_002
    server.close()
    await server.wait_closed()


async def test_devices_may_connect_to_us_and_each_goes_offline_with_its_connection(
    tmp_path: Path,
) -> None:
    feed = Feed(FeedConfig(mapping="m.yml", tcp_listen=":0"))
    async with running(feed, tmp_path) as (received, _):
        _, one = await asyncio.open_connection("127.0.0.1", feed.port)
        _, two = await asyncio.open_connection("127.0.0.1", feed.port)
        one.write(b"hello, I am a till\n" + row("a"))
        await received.reached(2)
        assert received.refusals == []
        two.write(row("b"))
        await received.reached(4)
        assert feed.health().connected
        one.close()
        await one.wait_closed()
        await received.reached(5)
        two.write(row("b", 2))
        await received.reached(6)
        two.close()
        await two.wait_closed()
        await received.reached(7)
    told = [(e.device, e.state if isinstance(e, DeviceState) else "") for e in received.found]
    assert told == [
        ("a", "online"),
        ("a", ""),
        ("b", "online"),
        ("b", ""),
        ("a", "offline"),
        ("b", ""),
        ("b", "offline"),
    ]
    assert len({event.id for event in received.found}) == 7


async def test_closing_while_devices_are_connected_hangs_up_on_them(tmp_path: Path) -> None:
    feed = Feed(FeedConfig(mapping="m.yml", tcp_listen=":0"))
    async with running(feed, tmp_path) as (received, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", feed.port)
        writer.write(row("a"))
        await received.reached(1)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_a_bus_that_fails_ends_the_run(tmp_path: Path) -> None:
    feed = Feed(FeedConfig(mapping="m.yml", tcp_listen=":0"))
    async with running(feed, tmp_path) as (received, task):
        received.failure = BusError("NATS is away")
        _, writer = await asyncio.open_connection("127.0.0.1", feed.port)
        writer.write(row("a"))
        with pytest.raises(BusError):
            await task
        writer.close()
        await writer.wait_closed()


async def test_a_port_that_is_taken_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(MAPPING, encoding="utf-8")
    async with serving() as address:
        for source in ({"tcp_listen": address}, {"http": address}):
            feed = Feed(FeedConfig.model_validate({"mapping": "m.yml", **source}))
            with pytest.raises(DeviceNotReady, match="cannot listen"):
                await feed.open(context(tmp_path))
            await feed.close()


async def test_posts_are_answered_with_what_became_of_them(tmp_path: Path) -> None:
    feed = Feed(FeedConfig(mapping="m.yml", http=":0/rows"))
    async with running(feed, tmp_path) as (received, _), aiohttp.ClientSession() as client:
        url = f"http://127.0.0.1:{feed.port}/rows"

        async def post(body: bytes) -> tuple[int, Any]:
            async with client.post(url, data=io.BytesIO(body)) as answer:
                return answer.status, await answer.json() if answer.status != 413 else None

        assert await post(row("a")) == (202, {"accepted": 1, "refused": 0})
        assert await post(b"[" + row("a", 2) + b"," + row("a", -3) + b"]") == (
            202,
            {"accepted": 1, "refused": 1},
        )
        assert await post(row("a", 4) + b"{oops\n" + row("a", 5)) == (
            202,
            {"accepted": 2, "refused": 1},
        )
        assert await post(b"no json at all") == (400, {"accepted": 0, "refused": 1})
        assert (await post(b"x" * (9 << 20)))[0] == 413
        async with client.get(url) as answer:
            assert answer.status == 405
        assert [e.customers for e in received.found if isinstance(e, QueueLevel)] == [1, 2, 4, 5]
        assert [raw for raw, *_ in received.refusals][1:] == [b"{oops", b"no json at all"]


async def test_a_post_that_could_not_be_stored_is_to_be_sent_again(tmp_path: Path) -> None:
    feed = Feed(FeedConfig(mapping="m.yml", http=":0"))
    async with running(feed, tmp_path) as (received, task), aiohttp.ClientSession() as client:
        received.failure = BusError("NATS is away")
        for _ in range(2):
            async with client.post(f"http://127.0.0.1:{feed.port}/", data=row("a")) as answer:
                assert answer.status == 503
        with pytest.raises(BusError):
            await task


async def test_no_request_however_broken_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    feed = Feed(FeedConfig(mapping="m.yml", http=":0/rows"))
    async with running(feed, tmp_path):
        for broken in (
            b"POST /rows HTTP/1.1\r\nContent-Length: 4111111111111111x\r\n\r\n4111111111111111",
            b"POST /rows HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4111111111111111z\r\n",
            b"GET /4111111111111111 4111111111111111\r\n\r\n",
        ):
            assert feed.port is not None
            reader, writer = await asyncio.open_connection("127.0.0.1", feed.port)
            writer.write(broken)
            await writer.drain()
            assert (await reader.readline()).startswith(b"HTTP/1.")
            writer.close()
            await writer.wait_closed()
    assert "4111" not in caplog.text


@pytest.mark.parametrize(("ahead_s", "told_s"), [(30, 30), (-3600, 0)])
async def test_a_device_whose_clock_is_ahead_is_told_and_one_that_comes_late_is_not(
    tmp_path: Path, ahead_s: int, told_s: int
) -> None:
    feed = Feed(FeedConfig(mapping="m.yml", http=":0/rows"))
    async with running(feed, tmp_path), aiohttp.ClientSession() as client:
        body = row("gate", t=NOW + ahead_s * 1_000_000)
        async with client.post(f"http://127.0.0.1:{feed.port}/rows", data=body) as answer:
            assert answer.status == 202
        assert feed.health().clock == ClockSkew(told_s * 1_000_000, 10_000_000, "gate")


async def test_files_are_read_in_order_of_time_and_then_the_run_returns(tmp_path: Path) -> None:
    for name, times in (("a", (5, 1, 3)), ("b", (4, 2, 3))):
        rows = (row(name, t, NOW + t) for t in times)
        (tmp_path / f"{name}.jsonl").write_bytes(b"".join(rows))
    found: dict[str, list[tuple[str, int]]] = {}
    for order in ("time", "arrival"):
        config = {"mapping": "m.yml", "files": ["*.jsonl"], "order": order}
        feed = Feed(FeedConfig.model_validate(config))
        async with running(feed, tmp_path) as (received, task):
            await task
        found[order] = [
            (e.device, e.customers) for e in received.found if isinstance(e, QueueLevel)
        ]
    assert found["time"] == [("a", 1), ("b", 2), ("a", 3), ("b", 3), ("b", 4), ("a", 5)]
    assert found["arrival"] == [("a", 5), ("a", 1), ("a", 3), ("b", 4), ("b", 2), ("b", 3)]


async def test_files_read_at_once_give_what_a_run_emits(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(row("a", 1) + b"{oops\n" + row("b", 2))
    (tmp_path / "b.jsonl").write_bytes(row("c", 3))
    feed = Feed(FeedConfig(mapping="m.yml", files=["a.jsonl"]))
    async with running(feed, tmp_path) as (received, task):
        await task
    read = list(feed.read_recording(context(tmp_path)))
    assert [event for run in read if isinstance(run, list) for event in run] == received.found
    assert len([run for run in read if not isinstance(run, list)]) == len(received.refusals) == 1
    (other,) = feed.read_recording(context(tmp_path), [tmp_path / "b.jsonl"])
    assert isinstance(other, list)
    assert {event.device for event in other} == {"c"}
    wire = Feed(FeedConfig(mapping="m.yml", tcp="127.0.0.1:1"))
    with pytest.raises(UsageError, match="has no files: its source is tcp"):
        wire.read_recording(context(tmp_path))


@pytest.mark.parametrize(
    ("mapping", "options", "reason"),
    [
        (MAPPING.replace("queue.level", "queue.levle"), {}, "did you mean 'queue.level'"),
        (MAPPING, {"params": {"lane": "1"}}, "no parameter 'lane'"),
        (MAPPING, {"files": ["*.csv"]}, r"no file is called \*.csv"),
        (MAPPING, {"mapping": "other.yml"}, "cannot be read"),
        (MAPPING + "catalogues: {a: {file: a.csv}}\n", {}, "catalogue 'a' of .* is not there"),
    ],
)
async def test_what_only_a_person_can_mend_is_misconfigured(
    tmp_path: Path, mapping: str, options: dict[str, Any], reason: str
) -> None:
    (tmp_path / "m.yml").write_text(mapping, encoding="utf-8")
    (tmp_path / "x.jsonl").write_bytes(row())
    feed = Feed(FeedConfig.model_validate({"mapping": "m.yml", "files": ["x.jsonl"]} | options))
    with pytest.raises(DeviceMisconfigured, match=reason):
        await feed.open(context(tmp_path))
    await feed.close()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tcp": "a:1", "http": "b:2"},
        {"tcp": "nowhere"},
        {"tcp": "host:99999"},
        {"tcp": "host:1/path"},
        {"files": []},
        {"tcp": "a:1", "future_tolerance": "soon"},
        {"tcp": "a:1", "nonsense": 1},
    ],
)
def test_a_configuration_names_exactly_one_source(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FeedConfig(mapping="m.yml", **options)


def test_a_listener_without_a_host_is_on_this_machine_only() -> None:
    assert endpoint(":8080/x") == ("127.0.0.1", 8080, "/x")
    assert endpoint("0.0.0.0:80") == ("0.0.0.0", 80, "")
    assert endpoint("[::1]:80") == ("::1", 80, "")
