"""Points of sale over real sockets, terminals and folders, against tills that misbehave."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from aislewatch.errors import BusError, DeviceMisconfigured, DeviceNotReady
from aislewatch.events.kinds import DeviceState, Event
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import ClockSkew, SensorContext
from aislewatch_plugins.pos import square_sensor
from aislewatch_plugins.pos.json_sensor import JsonConfig, PosJson
from aislewatch_plugins.pos.poslog_sensor import PosLog, PosLogConfig
from aislewatch_plugins.pos.printer_sensor import PosPrinter, PrinterConfig
from aislewatch_plugins.pos.sensor import PosSensor
from aislewatch_plugins.pos.square_api import SquareApi
from aislewatch_plugins.pos.square_sensor import PosSquare, SquareConfig
from aislewatch_sim.faults import Fault, Faults
from aislewatch_sim.ports import Port, PtyPort, TcpPort
from aislewatch_sim.pos import json_words, poslog_words, receipt_words, square_words
from aislewatch_sim.pos.folder import Dropper
from aislewatch_sim.pos.posting import Answered, Poster
from aislewatch_sim.pos.printer import Tap
from aislewatch_sim.pos.till import ARTICLES, OPENS, Till, shift

REGISTRY = Registry()
SECRET = b"a secret that only this shop has"
NOW_S = int(OPENS.timestamp()) + 3_600


class Clock:
    def __init__(self) -> None:
        self.us = NOW_S * 1_000_000

    def now_us(self) -> int:
        return self.us


class Received:
    """What a host would have been given; ``reached`` waits for so many events and refusals."""

    def __init__(self) -> None:
        self.told: list[Event] = []
        self.refusals: list[tuple[bytes, str, str, str]] = []
        self.failure: Exception | None = None
        self._news = asyncio.Condition()

    @property
    def found(self) -> list[Event]:
        return [event for event in self.told if not isinstance(event, DeviceState)]

    async def events(self, batch: Sequence[Event]) -> None:
        if self.failure is not None:
            raise self.failure
        async with self._news:
            self.told += batch
            self._news.notify_all()

    async def refused(self, raw: bytes, reason: str, *, place: str, device: str) -> None:
        async with self._news:
            self.refusals.append((raw, reason, place, device))
            self._news.notify_all()

    async def reached(self, events: int, refusals: int = 0) -> None:
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(
                lambda: len(self.found) >= events and len(self.refusals) >= refusals
            )


def context(folder: Path, clock: Clock | None = None, boot: str = "b1") -> SensorContext:
    return SensorContext(
        store="s",
        device="pos",
        boot=boot,
        clock=clock or Clock(),
        random=Random(1),
        registry=REGISTRY,
        folder=str(folder),
    )


@asynccontextmanager
async def running(
    sensor: PosSensor, folder: Path, clock: Clock | None = None
) -> AsyncGenerator[tuple[Received, asyncio.Task[None]]]:
    received = Received()
    await sensor.open(context(folder, clock))
    task = asyncio.create_task(sensor.run(received))
    await asyncio.sleep(0)
    try:
        yield received, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(2):
            await sensor.close()
        await sensor.close()


def kinds(events: Sequence[Event]) -> list[str]:
    return [str(event.__struct_config__.tag) for event in events]


# Signed JSON -----------------------------------------------------------------------------------


def json_sensor(folder: Path, **more: Any) -> PosJson:
    (folder / "secret").write_bytes(SECRET + b"\n")
    values: dict[str, Any] = {"http": ":0/till", "secrets": [{"file": "secret"}]}
    return PosJson(JsonConfig.model_validate(values | more))


def poster(sensor: PosSensor, faults: Faults | None = None, *, path: str = "/till") -> Poster:
    assert sensor.port is not None
    return Poster("127.0.0.1", sensor.port, path, faults or Faults(Random(1)), patience_s=0.3)


async def post(line: Poster, rows: Sequence[dict[str, Any]], secret: bytes = SECRET) -> Answered:
    body = json_words.body(rows)
    return await line.post(json_words.headers(secret, NOW_S, body), body)


SHIFT = json_words.events(shift(Random(7)))


async def test_a_shift_of_signed_json_is_told_whole_and_in_order(tmp_path: Path) -> None:
    sensor = json_sensor(tmp_path)
    async with running(sensor, tmp_path) as (received, _):
        answer = await post(poster(sensor), SHIFT)
        assert answer.status == 202
        assert json.loads(answer.body) == {"accepted": len(SHIFT), "refused": 0, "why": []}
    assert [event.id for event in received.found] == [f"pos/{row['id']}" for row in SHIFT]
    assert received.refusals == []
    assert {"pos.age_check", "pos.not_found", "pos.suspend", "pos.resume"} <= set(
        kinds(received.found)
    )
    assert {getattr(event, "lane", None) for event in received.found} == {"3"}
    assert sensor.health().frames == 1


@pytest.mark.parametrize(("off_s", "wrong"), [(-40, True), (40, True), (-20, False)])
async def test_a_till_that_signs_with_another_time_is_heard_and_its_clock_is_told(
    tmp_path: Path, off_s: int, wrong: bool
) -> None:
    sensor = json_sensor(tmp_path)
    async with running(sensor, tmp_path):
        body = json_words.body(SHIFT[:1])
        assert sensor.health().clock is None
        headers = json_words.headers(SECRET, NOW_S + off_s, body)
        assert (await poster(sensor).post(headers, body)).status == 202
        skew = sensor.health().clock
        assert skew == ClockSkew(off_s * 1_000_000, 30_000_000)
        assert skew is not None
        assert skew.wrong is wrong


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_till_that_sends_again_until_it_is_answered_loses_and_doubles_nothing(
    tmp_path: Path, fault: Fault
) -> None:
    faults = Faults(Random(3), late_s=0.01, drip_s=0.0)
    sensor = json_sensor(tmp_path)
    async with running(sensor, tmp_path) as (received, _):
        line = poster(sensor, faults)
        for start in range(0, len(SHIFT), 20):
            rows = SHIFT[start : start + 20]
            faults.strike(fault)
            if fault is Fault.STALE:  # The answer is to what was sent before, so it says nothing.
                await post(line, rows)
            for _ in range(3):
                if (await post(line, rows)).status == 202:
                    break
            else:
                raise AssertionError(fault)
    told = {event.id: event for event in received.found}
    assert set(told) == {f"pos/{row['id']}" for row in SHIFT}
    # What came twice came letter for letter: the core knows it again by its id.
    assert all(told[event.id] == event for event in received.found)


async def test_only_who_has_the_secret_is_heard_and_nothing_is_said_of_it(tmp_path: Path) -> None:
    sensor = json_sensor(tmp_path)
    async with running(sensor, tmp_path) as (received, _):
        line = poster(sensor)
        body = json_words.body(SHIFT[1:2])
        signed = json_words.headers(SECRET, NOW_S, body)
        late = json_words.headers(SECRET, NOW_S - 301, body)
        wrong = json_words.headers(b"another secret, as long as ours", NOW_S, body)
        for headers, sent in [
            (wrong, body),
            (late, body),
            (signed, body.replace(b"basket_open", b"basket_shut")),
            ({**signed, "X-Aislewatch-Timestamp": str(NOW_S + 1)}, body),
            ({**signed, "X-Aislewatch-Timestamp": "yesterday"}, body),
            ({"X-Aislewatch-Timestamp": str(NOW_S)}, body),
            ({}, body),
        ]:
            assert (await line.post(headers, sent)).status == 401
        assert received.told == []
        assert len(received.refusals) == 7
        said = repr((received.refusals, sensor.diagnostics(), sensor.health()))
        assert SECRET.decode() not in said
        assert signed["X-Aislewatch-Signature"] not in said
        assert (await line.post(signed, body)).status == 202


async def test_no_request_however_broken_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    sensor = json_sensor(tmp_path)
    async with running(sensor, tmp_path):
        rows = [{**SHIFT[1], "pan": "4111111111111111"}]
        for fault in Fault:
            faults = Faults(Random(5), late_s=0.0, drip_s=0.0)
            for _ in range(2):
                faults.strike(fault)
                await post(poster(sensor, faults), rows)
        assert sensor.port is not None
        _, writer = await asyncio.open_connection("127.0.0.1", sensor.port)
        writer.write(b"GET /4111111111111111 4111111111111111\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert "4111" not in caplog.text


async def test_two_secrets_are_good_while_one_is_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXT_TILL_SECRET", "the secret from next Monday on")
    both = [{"file": "secret"}, {"env": "NEXT_TILL_SECRET"}]
    sensor = json_sensor(tmp_path, secrets=both)
    async with running(sensor, tmp_path):
        line = poster(sensor)
        assert (await post(line, SHIFT[:1])).status == 202
        assert (await post(line, SHIFT[1:2], b"the secret from next Monday on")).status == 202
        assert (await post(line, SHIFT[2:3], b"the secret from last year, gone")).status == 401


async def test_a_row_that_is_none_is_told_to_its_sender_and_the_others_count(
    tmp_path: Path,
) -> None:
    wrong: list[dict[str, Any]] = [
        {**SHIFT[2], "id": "x1", "prise_minor": 5},
        {**SHIFT[2], "id": "x2", "at": "2026-01-12T09:00:00"},
        {**SHIFT[2], "id": "x3", "kind": "sales"},
        {**SHIFT[2], "id": "x4", "gtin": "4006381333932"},
        {**SHIFT[2], "id": "x5", "units": 1.5},
    ]
    sensor = json_sensor(tmp_path)
    async with running(sensor, tmp_path) as (received, _):
        answer = await post(poster(sensor), [SHIFT[0], *wrong, SHIFT[1]])
        content = json.loads(answer.body)
    assert (content["accepted"], content["refused"]) == (2, 5)
    assert "did you mean 'price_minor'" in content["why"][0]["reason"]
    assert "says no time zone" in content["why"][1]["reason"]
    assert "did you mean 'sale'" in content["why"][2]["reason"]
    assert "check digit" in content["why"][3]["reason"]
    assert [device for *_, device in received.refusals] == ["pos"] * 5
    states = [(e.state, e.reason) for e in received.told if isinstance(e, DeviceState)]
    assert states == [("degraded", "refused-row")] * 5 + [("online", None)]


async def test_bodies_that_are_too_large_packed_or_no_json_are_answered_so(tmp_path: Path) -> None:
    sensor = json_sensor(tmp_path)
    async with running(sensor, tmp_path):
        line = poster(sensor)
        large = b" " * 1_100_000
        assert (await line.post(json_words.headers(SECRET, NOW_S, large), large)).status == 413
        packed = json_words.headers(SECRET, NOW_S, b"x") | {"Content-Encoding": "gzip"}
        assert (await line.post(packed, b"x")).status == 415
        for body in (b"{", b"[1]", b"[" * 100_000, b'{"events": [], "more": 1}', b"\xff"):
            answer = await line.post(json_words.headers(SECRET, NOW_S, body), body)
            assert answer.status == 400
        assert (await post(line, SHIFT[:1])).status == 202


async def test_a_bus_that_fails_ends_the_run_and_the_till_keeps_its_events(tmp_path: Path) -> None:
    sensor = json_sensor(tmp_path)
    async with running(sensor, tmp_path) as (received, task):
        received.failure = BusError("NATS is away")
        assert (await post(poster(sensor), SHIFT[:1])).status == 503
        with pytest.raises(BusError):
            await task


async def test_a_till_that_is_not_in_the_store_file_is_refused(tmp_path: Path) -> None:
    sensor = json_sensor(tmp_path, tills={"3": {"device": "till-3", "lane": "L3"}})
    async with running(sensor, tmp_path) as (received, _):
        await post(poster(sensor), [SHIFT[0], {**SHIFT[1], "till": "4"}])
    (opened,) = received.found
    assert (opened.device, getattr(opened, "lane", None)) == ("till-3", "L3")
    assert "no till '4'" in received.refusals[0][1]


async def test_a_secret_that_is_missing_or_short_is_said_at_once(tmp_path: Path) -> None:
    for part in ({"file": "nowhere"}, {"env": "NOT_SET_ANYWHERE"}, {"file": "short"}):
        (tmp_path / "short").write_bytes(b"0815")
        sensor = json_sensor(tmp_path, secrets=[part])
        with pytest.raises(DeviceMisconfigured, match=r"cannot be read|holds no secret"):
            await sensor.open(context(tmp_path))
        await sensor.close()


async def test_a_port_that_is_taken_is_not_ready(tmp_path: Path) -> None:
    first = json_sensor(tmp_path)
    async with running(first, tmp_path):
        second = json_sensor(tmp_path, http=f":{first.port}/till")
        with pytest.raises(DeviceNotReady, match="cannot listen"):
            await second.open(context(tmp_path))
        await second.close()


# POSLog ----------------------------------------------------------------------------------------

LOGS = poslog_words.transactions(shift(Random(7)), "6")
WHOLE = poslog_words.document(LOGS, "6")


def log_sensor(where: Path, **more: Any) -> PosLog:
    (where / "in").mkdir(exist_ok=True)
    part: dict[str, Any] = {"path": "in", "look": "2ms", "settle": "4ms", "patience": "40ms"}
    values: dict[str, Any] = {"zone": "Europe/London", "currency": "GBP"}
    if "http" not in more:
        values["folder"] = part | more.pop("folder", {})
    return PosLog(PosLogConfig.model_validate(values | more))


async def told_of(data: bytes, folder: Path) -> list[Event]:
    """Give what a document tells when nothing goes wrong."""
    folder.mkdir()
    sensor = log_sensor(folder)
    (folder / "in" / "a.xml").write_bytes(data)
    async with running(sensor, folder) as (received, _):
        await received.reached(1)
        while sensor.health().frames == 0:
            await asyncio.sleep(0.001)
    return received.found


@pytest.mark.parametrize("aside", [False, True])
async def test_files_that_are_dropped_are_told_and_put_away(tmp_path: Path, aside: bool) -> None:
    expected = await told_of(WHOLE, tmp_path / "other")
    sensor = log_sensor(tmp_path)
    dropper = Dropper(tmp_path / "in", Faults(Random(1)), aside=aside)
    async with running(sensor, tmp_path) as (received, _):
        for n, log in enumerate(LOGS):
            await dropper.drop(f"{n:03}.xml", poslog_words.document([log], "6"))
        await received.reached(len(expected))
        while len(list((tmp_path / "in" / "done").glob("*.xml"))) < len(LOGS):
            await asyncio.sleep(0.001)
    assert received.found == expected
    assert received.refusals == []
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["done"]
    assert "4111111111111111" in WHOLE.decode()
    assert "411111" not in repr(received.told)


async def test_a_file_is_not_read_before_its_writer_is_done(tmp_path: Path) -> None:
    sensor = log_sensor(tmp_path, folder={"patience": "1h"})
    path = tmp_path / "in" / "slow.xml"
    expected = await told_of(WHOLE, tmp_path / "other")
    async with running(sensor, tmp_path) as (received, _):
        for start in range(0, len(WHOLE), len(WHOLE) // 5 + 1):
            with path.open("ab") as file:
                file.write(WHOLE[start : start + len(WHOLE) // 5 + 1])
            if start < len(WHOLE) * 4 // 5:
                await asyncio.sleep(0.03)  # Long enough to be looked at: it stands still, half.
                assert received.told == []
        await received.reached(len(expected))
    assert received.found == expected


async def test_a_file_whose_end_never_comes_is_told_as_far_as_it_goes(tmp_path: Path) -> None:
    sensor = log_sensor(tmp_path)
    half = WHOLE[: WHOLE.rindex(b"<Transaction ") + 200]
    (tmp_path / "in" / "half.xml").write_bytes(half)
    async with running(sensor, tmp_path) as (received, _):
        await received.reached(len(LOGS) - 1, refusals=1)
        ((raw, reason, place, _),) = received.refusals
    assert "ends too early" in reason
    assert place == "half.xml"
    assert half.endswith(raw[-100:])


async def test_with_a_marker_only_what_is_marked_counts(tmp_path: Path) -> None:
    sensor = log_sensor(tmp_path, folder={"marker": ".ok", "after": "delete"})
    for name in ("a.xml", "b.xml"):
        (tmp_path / "in" / name).write_bytes(poslog_words.document(LOGS[:1], "6"))
    async with running(sensor, tmp_path) as (received, _):
        await asyncio.sleep(0.02)
        assert received.told == []
        (tmp_path / "in" / "b.xml.ok").touch()
        await received.reached(1)
        while (tmp_path / "in" / "b.xml").exists() or (tmp_path / "in" / "b.xml.ok").exists():
            await asyncio.sleep(0.001)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["a.xml"]


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.DRIP])
async def test_a_folder_on_a_bad_disk_recovers_with_the_next_file(
    tmp_path: Path, fault: Fault
) -> None:
    faults = Faults(Random(5), late_s=0.01)
    sensor = log_sensor(tmp_path, folder={"patience": "4ms"})
    dropper = Dropper(tmp_path / "in", faults, aside=True)
    last = await told_of(poslog_words.document(LOGS[-1:], "6"), tmp_path / "other")
    async with running(sensor, tmp_path) as (received, _):
        for n, log in enumerate(LOGS):
            if n % 4 == 2:
                faults.strike(fault)
            # A disk that writes nothing at all leaves no file to rename.
            (tmp_path / "in" / f"{n:03}.xml.tmp").touch()
            await dropper.drop(f"{n:03}.xml", poslog_words.document([log], "6"))
        async with asyncio.timeout(30):
            while last[-1] not in received.found:
                await asyncio.sleep(0.002)
    told = {event.id: event for event in received.found}
    whole = {event.id: event for event in await told_of(WHOLE, tmp_path / "whole")}
    # What was told is what the whole would have told; a flipped bit may spare the structure.
    wrong = [event for event in told.values() if whole.get(event.id) != event]
    assert wrong == [] or fault in {Fault.FLIP, Fault.PARITY}
    assert len(told) >= len(whole) // 2


async def test_the_same_document_again_is_counted_and_told_once(tmp_path: Path) -> None:
    sensor = log_sensor(tmp_path)
    async with running(sensor, tmp_path) as (received, _):
        for name in ("a.xml", "b.xml"):
            (tmp_path / "in" / name).write_bytes(WHOLE)
        async with asyncio.timeout(30):
            while sensor.diagnostics()["repeats"] != 1:
                await asyncio.sleep(0.002)
    assert len({event.id for event in received.found}) == len(received.found)


async def test_after_a_restart_what_is_kept_is_told_again_under_the_same_ids(
    tmp_path: Path,
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.xml").write_bytes(WHOLE)
    told: list[list[Event]] = []
    for _ in range(2):
        async with running(log_sensor(tmp_path, folder={"after": "keep"}), tmp_path) as (got, _):
            await got.reached(60)
        told.append(got.told)
    assert told[0] == told[1]


async def test_a_folder_that_goes_away_is_not_ready_and_its_tills_are_offline(
    tmp_path: Path,
) -> None:
    sensor = log_sensor(tmp_path, tills={"3": {"device": "till-3"}}, folder={"after": "delete"})
    (tmp_path / "in" / "a.xml").write_bytes(WHOLE)
    async with running(sensor, tmp_path) as (received, task):
        async with asyncio.timeout(30):
            while list((tmp_path / "in").iterdir()):
                await asyncio.sleep(0.002)
        (tmp_path / "in").rmdir()
        with pytest.raises(DeviceNotReady, match="cannot be read"):
            await task
    states = [(e.device, e.state) for e in received.told if isinstance(e, DeviceState)]
    assert states == [("till-3", "online"), ("till-3", "offline")]
    with pytest.raises(DeviceNotReady, match="cannot be read"):
        await sensor.open(context(tmp_path))


async def test_logs_may_be_posted_signed_or_not(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    secrets = [{"file": "secret"}]
    for more, headers, status in [
        ({}, {}, 202),
        ({"secrets": secrets}, {}, 401),
        ({"secrets": secrets}, json_words.headers(SECRET, NOW_S, WHOLE), 202),
    ]:
        sensor = log_sensor(tmp_path, http=":0/till", **more)
        async with running(sensor, tmp_path) as (received, _):
            assert (await poster(sensor).post(headers, WHOLE)).status == status
            assert bool(received.found) == (status == 202)
            if not more:
                assert (await poster(sensor).post({}, b"<x/>")).status == 400


# Receipt printers ------------------------------------------------------------------------------


def printer(where: Path, **more: Any) -> PosPrinter:
    (where / "p.yml").write_text(receipt_words.PATTERNS, encoding="utf-8")
    values: dict[str, Any] = {"patterns": "p.yml", "currency": "GBP", "idle": "30ms", "near": "5ms"}
    return PosPrinter(PrinterConfig.model_validate(values | more))


def sales(many: int) -> list[bytes]:
    """Give receipts that are all different, each with one line and one payment."""
    till = Till()
    for n in range(many):
        till.open()
        till.scan(ARTICLES[n % len(ARTICLES)], n % 3 + 1)
        till.pay("card")
    return receipt_words.receipts(till)


def port_for(kind: str, tap: Tap, folder: Path) -> tuple[Port, dict[str, Any]]:
    if kind == "pty":
        link = folder / "printer"
        return PtyPort(tap.serve, link), {"serial": {"port": str(link)}}
    port = TcpPort(tap.serve)
    return port, {}


async def lives(
    sensor_of: Any, folder: Path, received: Received, until: asyncio.Event
) -> list[str]:
    """Open and run a sensor again and again, as its host does; give why each life ended."""
    ends: list[str] = []
    stopped = asyncio.ensure_future(until.wait())
    for life in count(1):
        if until.is_set():
            break
        sensor = sensor_of()
        try:
            await sensor.open(context(folder, boot=f"b{life}"))
            run = asyncio.ensure_future(sensor.run(received))
            await asyncio.wait({run, stopped}, return_when=asyncio.FIRST_COMPLETED)
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            if not run.cancelled() and run.exception() is not None:
                ends.append(str(run.exception()))
        except DeviceNotReady as error:
            ends.append(str(error))
        finally:
            async with asyncio.timeout(2):
                await sensor.close()
        await asyncio.sleep(0.001)
    await stopped
    return ends


@pytest.mark.parametrize("kind", ["tcp", "pty"])
@pytest.mark.parametrize("fault", list(Fault))
async def test_a_printer_line_under_each_fault_recovers_with_the_next_receipt(
    tmp_path: Path, fault: Fault, kind: str
) -> None:
    faults = Faults(Random(11), late_s=0.005, drip_s=0.0)
    tap = Tap(faults, pause_s=0.001)
    port, more = port_for(kind, tap, tmp_path)
    frames = sales(12)
    received, ended = Received(), asyncio.Event()
    async with port:
        more = more or {"tcp": port.address}
        running_ = asyncio.ensure_future(
            lives(lambda: printer(tmp_path, **more), tmp_path, received, ended)
        )
        # Said once the tap is heard: what a terminal is sent before is lost.
        while not any(getattr(e, "receipt", None) == "199" for e in received.found):
            await tap.print([frames[0].replace(b"RECEIPT 101", b"RECEIPT 199")])
        for n, frame in enumerate(frames):
            if n % 4 == 1:
                faults.strike(fault)
            await tap.print([frame])
            heard = f"{101 + n}"
            while fault is Fault.DROP and n % 4 == 0:
                # A terminal that is unplugged takes with it what was not read yet.
                if any(getattr(e, "receipt", None) == heard for e in received.found):
                    break
                await asyncio.sleep(0.001)
            if fault is Fault.DROP and n % 4 == 1:
                # Open anew, it hears what is printed from then on.
                probe = frames[0].replace(b"RECEIPT 101", f"RECEIPT 9{n:03}".encode())
                while not any(getattr(e, "receipt", None) == f"9{n:03}" for e in received.found):
                    await tap.print([probe])
        last = f"{100 + len(frames)}"
        async with asyncio.timeout(30):
            while not any(
                getattr(e, "receipt", None) == last and e.__class__.__name__ == "PosBasketClose"
                for e in received.found
            ):
                await asyncio.sleep(0.002)
        ended.set()
        await running_
    told = [e for e in received.found if e.__class__.__name__ == "PosTender"]
    whole = {getattr(e, "receipt", None) for e in told}
    # The two frames that one fault can reach, the struck one and the next, may be lost.
    safe = {f"{101 + n}" for n in range(len(frames)) if n % 4 in {0, 3}}
    assert safe <= whole
    assert len({e.id for e in received.told}) == len(received.told)


async def test_a_till_that_connects_for_each_receipt_and_for_the_drawer_alone(
    tmp_path: Path,
) -> None:
    sensor = printer(tmp_path, tcp_listen=":0", near="2s")
    async with running(sensor, tmp_path) as (received, _):
        assert sensor.port is not None
        for frame in [*sales(2), receipt_words.KICK]:
            _, writer = await asyncio.open_connection("127.0.0.1", sensor.port)
            writer.write(frame)
            writer.close()
            await writer.wait_closed()
        await received.reached(11)
        # The kick came from the same till right after a payment: it is that payment's.
        assert kinds(received.found)[-1] == "pos.drawer"
        await asyncio.sleep(0.06)
        assert "pos.no_sale" not in kinds(received.found)


async def test_an_opening_that_is_called_like_a_card_loses_no_receipt(tmp_path: Path) -> None:
    sensor = printer(tmp_path, tcp_listen=":0")
    received = Received()
    await sensor.open(context(tmp_path, boot="4111111111111111"))
    run = asyncio.ensure_future(sensor.run(received))
    _, writer = await asyncio.open_connection("127.0.0.1", sensor.port or 0)
    writer.write(sales(1)[0].replace(b"RECEIPT 101", b"RECEIPT"))
    await writer.drain()
    await received.reached(5)
    assert received.refusals == []
    assert all(getattr(event, "basket", None) for event in received.found)
    writer.close()
    await writer.wait_closed()
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    await sensor.close()


async def test_silence_ends_what_no_cut_ends(tmp_path: Path) -> None:
    sensor, clock = printer(tmp_path, tcp_listen=":0"), Clock()
    async with running(sensor, tmp_path, clock) as (received, _):
        assert sensor.port is not None
        _, writer = await asyncio.open_connection("127.0.0.1", sensor.port)
        writer.write(b"RECEIPT 7  CASHIER 1\nCASH  1.00")
        await writer.drain()
        await received.reached(3)
        clock.us += 10_000_000
        writer.write(receipt_words.KICK)
        await writer.drain()
        await received.reached(5)
        writer.close()
        await writer.wait_closed()
    assert kinds(received.found)[:3] == ["pos.basket_open", "pos.tender", "pos.basket_close"]
    assert kinds(received.found)[3:] == ["pos.drawer", "pos.no_sale"]


async def test_a_printer_that_is_unplugged_is_not_ready(tmp_path: Path) -> None:
    for kind in ("tcp", "pty"):
        tap = Tap(Faults(Random(1)))
        port, more = port_for(kind, tap, tmp_path)
        async with port:
            more = more or {"tcp": port.address}
            sensor = printer(tmp_path, **more)
            assert (await sensor.probe()).reachable
            async with running(sensor, tmp_path) as (received, task):
                async with asyncio.timeout(10):
                    while not received.found:
                        await tap.print(sales(1))
                        await asyncio.sleep(0.005)
                await port.drop()
                async with asyncio.timeout(10):
                    with pytest.raises(DeviceNotReady):
                        await task
            # How the feed's own device is, its host tells.
            assert not [e for e in received.told if isinstance(e, DeviceState)]
        assert not (await printer(tmp_path, **more).probe()).reachable
        with pytest.raises(DeviceNotReady):
            await sensor.open(context(tmp_path))
        await sensor.close()


async def test_a_patterns_file_with_mistakes_is_said_before_anything_is_opened(
    tmp_path: Path,
) -> None:
    sensor = printer(tmp_path, tcp="127.0.0.1:1")
    (tmp_path / "p.yml").write_text("patterns: x\nlines: []\ncolour: red\n", encoding="utf-8")
    with pytest.raises(DeviceMisconfigured, match=r"p\.yml:3"):
        await sensor.open(context(tmp_path))
    (tmp_path / "p.yml").unlink()
    with pytest.raises(DeviceMisconfigured, match="cannot be read"):
        await sensor.open(context(tmp_path))


# Square ----------------------------------------------------------------------------------------

URL = "https://shop.example/hooks/square"
PLAYED = shift(Random(7))
NOTES = square_words.notifications(PLAYED)


def square(where: Path, **more: Any) -> PosSquare:
    (where / "key").write_bytes(SECRET)
    values: dict[str, Any] = {
        "http": ":0/hooks/square",
        "url": URL,
        "keys": [{"file": "key"}],
        "currency": "GBP",
    }
    return PosSquare(SquareConfig.model_validate(values | more))


async def notify(line: Poster, note: dict[str, Any], url: str = URL) -> int:
    body = square_words.body(note)
    return (await line.post(square_words.headers(SECRET, url, body), body)).status


async def test_a_cloud_tells_orders_payments_and_refunds_and_no_card(tmp_path: Path) -> None:
    sensor = square(tmp_path)
    async with running(sensor, tmp_path) as (received, _):
        line = poster(sensor, path="/hooks/square")
        for note in NOTES:
            assert await notify(line, note) == 200
    assert received.refusals == []
    told = kinds(received.found)
    sold = [order for order in square_words.orders(PLAYED).values() if order["line_items"]]
    assert told.count("pos.item") == sum(len(order["line_items"]) for order in sold)
    assert told.count("pos.refund") == told.count("pos.discount") == 1
    assert told.count("pos.tender") == told.count("pos.basket_close")
    (refund,) = [e for e in received.found if e.__class__.__name__ == "PosRefund"]
    assert getattr(refund, "original_receipt", None) in square_words.orders(PLAYED)
    assert "5555555555554444" in json.dumps(NOTES)
    assert "55555555" not in repr(received.told)


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_cloud_that_notifies_until_it_is_answered_loses_and_doubles_nothing(
    tmp_path: Path, fault: Fault
) -> None:
    faults = Faults(Random(3), late_s=0.01, drip_s=0.0)
    sensor = square(tmp_path)
    async with running(sensor, tmp_path) as (received, _):
        line = poster(sensor, faults, path="/hooks/square")
        for n, note in enumerate(NOTES):
            if n % 4 == 1:
                faults.strike(fault)
                if fault is Fault.STALE:  # The answer is to what was sent before.
                    await notify(line, note)
            for _ in range(3):
                if await notify(line, note) == 200:
                    break
            else:
                raise AssertionError(fault)
    ids = [event.id for event in received.found]
    assert len(ids) == len(set(ids)), "the sensor itself knows a notification again"
    assert sum(kind == "pos.tender" for kind in kinds(received.found)) == sum(
        note["type"] == "payment.updated" for note in NOTES
    )


async def test_only_who_has_the_key_and_the_address_is_heard_and_only_for_a_day(
    tmp_path: Path,
) -> None:
    clock = Clock()
    sensor = square(tmp_path)
    async with running(sensor, tmp_path, clock) as (received, _):
        line = poster(sensor, path="/hooks/square")
        assert await notify(line, NOTES[0], URL + "/") == 401
        assert (await line.post({}, square_words.body(NOTES[0]))).status == 401
        assert await notify(line, NOTES[0]) == 200
        assert await notify(line, NOTES[0]) == 200
        assert sensor.diagnostics()["repeats"] == 1
        clock.us += 27 * 3_600_000_000
        assert await notify(line, NOTES[1]) == 401
        assert len(received.refusals) == 3
        assert SECRET.decode() not in repr((received.refusals, sensor.diagnostics()))


async def test_an_order_that_is_only_named_is_asked_for_until_it_has_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(square_sensor, "SquareApi", partial(SquareApi, pause_s=0.002))
    found = square_words.orders(PLAYED)
    cloud = square_words.Orders(found, "a token that reads orders", late=1)
    (tmp_path / "token").write_text("a token that reads orders")
    named = square_words.notifications(PLAYED, whole=False)
    note = next(one for one in named if one["type"] == "order.updated")
    async with TcpPort(cloud.serve) as port:
        more = {"api": f"http://{port.address}", "token": {"file": "token"}}
        sensor = square(tmp_path, **more)
        async with running(sensor, tmp_path) as (received, _):
            line = Poster("127.0.0.1", sensor.port or 0, "/hooks/square", Faults(Random(1)))
            assert await notify(line, note) == 200
    order = found[note["data"]["object"]["order_updated"]["order_id"]]
    assert kinds(received.found).count("pos.item") == len(order["line_items"])
    assert cloud.asked == 2
    sensor = square(tmp_path, **more)  # Nobody answers there any more.
    async with running(sensor, tmp_path) as (received, _):
        line = Poster("127.0.0.1", sensor.port or 0, "/hooks/square", Faults(Random(1)))
        assert await notify(line, note) == 503
        assert "cannot be had" in received.refusals[0][1]
        assert "a token" not in repr(received.refusals)


async def test_a_notification_that_is_none_is_refused_with_its_reason(tmp_path: Path) -> None:
    sensor = square(tmp_path)
    payment = next(note for note in NOTES if note["type"] == "payment.updated")
    dollars = json.loads(json.dumps(payment).replace("GBP", "USD"))
    async with running(sensor, tmp_path) as (received, _):
        line = poster(sensor, path="/hooks/square")
        for body in (b"{", b"[]", b"{}", b'{"event_id": 1}'):
            headers = square_words.headers(SECRET, URL, body)
            assert (await line.post(headers, body)).status == 400
        assert await notify(line, dollars) == 200
        assert received.found == []
        assert "in 'USD', the shop's amounts are in GBP" in received.refusals[-1][1]
        assert await notify(line, {**payment, "event_id": "other", "type": "team.updated"}) == 200


# All of them ----------------------------------------------------------------------------------


async def test_a_hundred_openings_leave_no_file_thread_or_task_behind(tmp_path: Path) -> None:
    tap = Tap(Faults(Random(1)))
    pty = PtyPort(tap.serve, tmp_path / "printer")
    async with pty, TcpPort(tap.serve) as tcp:
        makers: list[Any] = [
            lambda: json_sensor(tmp_path),
            lambda: log_sensor(tmp_path),
            lambda: square(tmp_path),
            lambda: printer(tmp_path, tcp=tcp.address),
            lambda: printer(tmp_path, tcp_listen=":0"),
            lambda: printer(tmp_path, serial={"port": pty.address}),
        ]

        async def cycle(times: int) -> tuple[int, int]:
            for n in range(times):
                async with running(makers[n % len(makers)](), tmp_path):
                    pass
            await asyncio.sleep(0.15)  # The other ends take notice that they are gone.
            gc.collect()
            return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())

        before = await cycle(10)
        threads = threading.active_count()
        assert await cycle(100) == before
        # Threads are those of the loop's own pool, which keeps a few.
        assert threading.active_count() <= max(threads, 40)
