"""What each plugin does with its device's bytes, as jobs to time: bytes in, events counted out.

The bytes are those of the twins, made before the clock starts. A job is all that a plugin does with
them but reading a socket and handing events to its host. It gives how much it understood, so that a
plugin that is fast because it refuses everything is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from aislewatch.events.kinds import Event, RfidCrossing
from aislewatch.events.located import LocatedYaml
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.badge.config import BadgeConfig
from aislewatch_plugins.badge.frames import Splitter as BadgeSplitter
from aislewatch_plugins.badge.telling import Teller as BadgeTeller
from aislewatch_plugins.camera.axis import Axis
from aislewatch_plugins.camera.config import AxisConfig, CameraConfig, FrigateConfig, MerakiConfig
from aislewatch_plugins.camera.frigate import Frigate
from aislewatch_plugins.camera.meraki import Meraki
from aislewatch_plugins.camera.seen import Decoder
from aislewatch_plugins.camera.telling import Teller as CameraTeller
from aislewatch_plugins.feed.compiler import load_mapping
from aislewatch_plugins.feed.mapper import Mapper
from aislewatch_plugins.feed.rows import LineSplitter, RawRow, decode_json
from aislewatch_plugins.llrp.config import LlrpConfig
from aislewatch_plugins.llrp.framing import Splitter
from aislewatch_plugins.llrp.telling import Teller
from aislewatch_plugins.pos.config import PosConfig
from aislewatch_plugins.pos.dialect import DIALECTS
from aislewatch_plugins.pos.json_feed import read_body, read_events
from aislewatch_plugins.pos.patterns import Patterns
from aislewatch_plugins.pos.poslog import PosLogReader
from aislewatch_plugins.pos.poslog_xml import transactions
from aislewatch_plugins.pos.receipts import Receipts
from aislewatch_plugins.pos.signing import SIGNATURE, SQUARE, TIMESTAMP, check, check_square
from aislewatch_plugins.pos.square import read_facts, read_notification
from aislewatch_plugins.pos.teller import Teller as PosTeller
from aislewatch_plugins.pos.told import Counts
from aislewatch_plugins.scale.generic import LinesConfig
from aislewatch_plugins.scale.protocols import ProtocolName, decoder_of
from aislewatch_plugins.scale.reading import Reading
from aislewatch_plugins.scale.settling import Patience, Settling
from aislewatch_sim.badge import frame
from aislewatch_sim.camera import words
from aislewatch_sim.camera.scene import Scene
from aislewatch_sim.camera.words import Words
from aislewatch_sim.demo.day import make_day
from aislewatch_sim.llrp import wire
from aislewatch_sim.pos import json_words, poslog_words, receipt_words, square_words
from aislewatch_sim.pos.till import Till, shift
from aislewatch_sim.scale.pan import Build, Pan
from aislewatch_sim.scale.twin import VOICES
from aislewatch_sim.tags import sgtin96

_START_US: Final = 1_768_208_400_000_000
_SECRET: Final = b"a secret of thirty-two bytes, ok"
_CHUNK: Final = 4096
"""Bytes of one read from a busy line."""

_STAY_S: Final = 40
"""How long those who walk by are in view."""

_REGISTRY: Final = Registry()


class Answer(NamedTuple):
    """What came of a job.

    Attributes:
        units: how many of the job's units were understood.
        events: how many events were told.
    """

    units: int
    events: int


class Job(NamedTuple):
    """Bytes of one kind of device, and what its plugin makes of them.

    Attributes:
        name: of the plugin, and of the protocol where it has several.
        unit: what is counted.
        units: how many of them the bytes hold.
        size: how many bytes there are.
        busy: units a second that a busy device of this kind sends.
        work: does the plugin's part; may be called again, and begins anew.
    """

    name: str
    unit: str
    units: int
    size: int
    busy: float
    work: Callable[[], Answer]


class _Clock:
    def __init__(self, now_us: int) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us


def jobs(scale: int) -> Iterator[Job]:
    """Give the job of each plugin.

    Args:
        scale: how much there is of everything; 1 is next to nothing, 100 is for figures.
    """
    yield _gate(200 * scale)
    for spoken, protocol, voice, asked in _SCALES:
        yield _scale(spoken, protocol, voice, asked, 100 * scale)
    yield _badges(50 * scale)
    till = shift(Random(1), baskets=4 * scale)
    yield _signed_json(till)
    yield _webhooks(till)
    for version in ("2.2", "6"):
        yield _poslog(till, version)
    yield _paper(till)
    yield from _cameras(50 * scale)
    yield _rows(max(1, scale // 4))


def _gate(reads: int) -> Job:
    content = wire.Content.of(0xFFFF, fine_rssi=False)
    raw = b"".join(
        wire.message(
            61,
            n,
            wire.tag(
                bytes.fromhex(sgtin96("05012345000015", n % 400)),
                content,
                antenna=1 + n % 2,
                rssi_dbm=-50.0,
                seen_us=_START_US + 1_000 * n,
                utc=True,
            ),
        )
        for n in range(reads)
    )
    antennas: Any = {1: {"side": "inside"}, 2: {"side": "outside"}}
    config = LlrpConfig.model_validate({"address": "gate", "antennas": antennas, "repeat": "0s"})

    def work() -> Answer:
        splitter, teller = Splitter(), Teller(config, context_at(_START_US))
        events = 0
        for chunk in _chunks(raw):
            now_us = _START_US + 1_000 * events
            for came in splitter.feed(chunk):
                events += sum(isinstance(one, Event) for one in teller.tell(came, now_us))
            events += sum(isinstance(one, RfidCrossing) for one in teller.advance(now_us))
        return Answer(events - teller.refused, events)

    return Job("llrp", "reads", reads, len(raw), 1_000, work)


_LINES: Final = LinesConfig.model_validate(
    {"lines": r"WT +(?P<weight>-?[0-9,]+) (?P<unit>g)|WT (?P<state>!)", "overload": ["!"]}
)
_SCALES: Final[Sequence[tuple[str, ProtocolName | LinesConfig, str, bytes]]] = (
    ("mt-sics", "mt-sics", "mt-sics", b"SI\r\n"),
    ("toledo-8217", "toledo-8217", "toledo-8217", b"W"),
    ("nci", "nci", "nci", b"W\r"),
    ("stream, CAS", "stream", "cas", b""),
    ("stream, A&D", "stream", "and", b""),
    ("a pattern", _LINES, "lines", b""),
)
"""Name, protocol, the twin's voice, and what it is asked with."""


def _scale(
    spoken: str, protocol: ProtocolName | LinesConfig, voice: str, asked: bytes, samples: int
) -> Job:
    pan = Pan(Build(), Random(1))
    said = VOICES[voice](pan)
    frames: list[tuple[float, bytes]] = []
    for n in range(samples):
        at_s = n / 10
        if n % 50 == 0:  # Something is laid down every five seconds, or all is taken off.
            pan.put(at_s, 345_000 if pan.lies_mg < 10_000_000 else -pan.lies_mg)
        told = said.hear(asked, at_s) if asked else said.look(at_s)
        frames.append((at_s, b"".join(told)))

    def work() -> Answer:
        decoder, settling = decoder_of(protocol, None), Settling(Patience())
        understood = events = 0
        for at_s, data in frames:
            for one in decoder.feed(data):
                understood += 1
                if isinstance(one, Reading):
                    events += settling.take(round(at_s * 1_000_000), one) is not None
                else:
                    settling.interrupt()
        return Answer(understood, events)

    # NCI gives a frame with the weight and one with its status in one answer; some answers of a
    # scale that moves hold its status alone.
    units = work().units
    return Job(f"scale, {spoken}", "samples", units, sum(len(f) for _, f in frames), 10, work)


def _badges(frames: int) -> Job:
    raw = b"".join(frame(f"62E3{n % 300:06X}") for n in range(frames))
    config = BadgeConfig(port="/dev/null", key_file="key")

    def work() -> Answer:
        splitter, teller = BadgeSplitter(), BadgeTeller(config, context_at(_START_US), _SECRET)
        now_us, events = _START_US, 0
        for chunk in _chunks(raw):
            for came in splitter.feed(chunk):
                now_us += 100_000
                events += sum(isinstance(one, Event) for one in teller.tell(came, now_us))
        return Answer(teller.badges, events)

    return Job("badge", "frames", frames, len(raw), 10, work)


def _signed_json(till: Till) -> Job:
    rows = json_words.events(till)
    sent_s = int(till.now.timestamp())
    bodies = [json_words.body(rows[at : at + 20]) for at in range(0, len(rows), 20)]
    requests = [
        ({n.lower(): v for n, v in json_words.headers(_SECRET, sent_s, body).items()}, body)
        for body in bodies
    ]
    now_us = sent_s * 1_000_000

    def work() -> Answer:
        counts = Counts()
        teller = PosTeller(context_at(now_us), PosConfig(), counts)
        for headers, body in requests:
            check(
                [_SECRET],
                headers[TIMESTAMP],
                headers[SIGNATURE],
                body,
                now_us=now_us,
                window_us=300_000_000,
            )
            teller.tell(list(read_events(read_body(body), _REGISTRY)))
        return Answer(len(rows) - counts.refusals, counts.events)

    return Job("pos-json", "rows", len(rows), sum(map(len, bodies)), 2, work)


def _webhooks(till: Till) -> Job:
    url = "https://shop.example/hooks"
    bodies = [square_words.body(one) for one in square_words.notifications(till)]
    signed = [
        ({n.lower(): v for n, v in square_words.headers(_SECRET, url, body).items()}, body)
        for body in bodies
    ]
    now_us = int(till.now.timestamp()) * 1_000_000

    def work() -> Answer:
        counts = Counts()
        teller = PosTeller(context_at(now_us), PosConfig(), counts)
        for headers, body in signed:
            check_square([_SECRET], url, headers[SQUARE], body)
            teller.tell(read_facts(read_notification(body), "GBP"))
        return Answer(len(bodies) - counts.refusals, counts.events)

    return Job("pos-square", "webhooks", len(bodies), sum(map(len, bodies)), 0.2, work)


def _poslog(till: Till, version: str) -> Job:
    logs = poslog_words.transactions(till, version)
    data = poslog_words.document(logs, version)
    now_us = int(till.now.timestamp()) * 1_000_000

    def work() -> Answer:
        counts = Counts()
        teller = PosTeller(context_at(now_us), PosConfig(), counts)
        reader = PosLogReader(DIALECTS["arts"], zone="UTC", currency="GBP")
        read = 0
        for transaction in transactions(data):
            read += 1
            teller.tell(reader.read(transaction, "log.xml") or [])
        return Answer(read - counts.refusals, counts.events)

    return Job(f"pos-poslog {version}", "receipts", len(logs), len(data), 0.1, work)


def _paper(till: Till) -> Job:
    receipts = receipt_words.receipts(till)
    document = LocatedYaml.parse(receipt_words.PATTERNS, "till.patterns.yml")
    patterns = Patterns(document, _REGISTRY, "GBP")
    now_us = int(till.now.timestamp()) * 1_000_000

    def work() -> Answer:
        counts = Counts()
        teller = PosTeller(context_at(now_us), PosConfig(), counts)
        reader = Receipts(patterns, name="b", idle_us=1, near_us=1, lone_kick=True, counts=counts)
        for receipt in receipts:
            teller.tell(reader.feed(receipt, now_us))
        return Answer(len(receipts) - counts.refusals, counts.events)

    size = sum(map(len, receipts))
    return Job("pos-printer", "receipts", len(receipts), size, 0.1, work)


def _cameras(steps: int) -> Iterator[Job]:
    any_: dict[str, Any] = {"broker": "broker", "key_file": "key"}
    meraki = MerakiConfig.model_validate({**any_, "serial": "Q2", "tracks": True})
    frigate = FrigateConfig.model_validate({**any_, "camera": "c", "zones": {"desk": "desk"}})
    axis = AxisConfig.model_validate({**any_, "topic": "frames"})
    yield _camera("meraki", meraki, lambda: Meraki(meraki), steps)
    yield _camera("frigate", frigate, lambda: Frigate(frigate), steps)
    yield _camera("axis", axis, lambda: Axis(axis), steps)


def _camera(vendor: str, config: CameraConfig, decoder: Callable[[], Decoder], steps: int) -> Job:
    said = [(at_s, one) for at_s in range(steps) for one in _seen(vendor, at_s)]
    start_s = _START_US // 1_000_000

    def work() -> Answer:
        teller = CameraTeller(config, context_at(_START_US), decoder(), _SECRET, _START_US)
        events = 0
        for at_s, one in said:
            now_us = (start_s + at_s) * 1_000_000
            told = [*teller.tell(one.topic, one.payload, now_us), *teller.advance(now_us)]
            events += sum(isinstance(event, Event) for event in told)
        return Answer(teller.frames, events)

    size = sum(len(one.payload) for _, one in said)
    return Job(f"camera-{vendor}", "messages", len(said), size, 10, work)


def _seen(vendor: str, at_s: int) -> Sequence[Words]:
    """Give what a camera says in a second; four people walk by together, and then the next four."""
    group, walked_s = divmod(at_s, _STAY_S)
    scene = Scene({"desk": (0.0, 0.0, 0.5, 1.0)})
    now_s = _START_US / 1_000_000 + at_s
    for n in range(1, 5):
        there = scene.enter(0.2 * n, 0.5 + walked_s / 100, now_s - walked_s)
        there.number += 4 * group
    if vendor == "meraki":
        return words.meraki("/merakimv/Q2", scene, now_s)
    if vendor == "axis":
        gone = () if walked_s else tuple(number - 4 for number in _numbers(scene))
        return [words.axis_frame("frames", scene, now_s, gone)]
    change: words.Change = "update" if 0 < walked_s < _STAY_S - 1 else "end" if walked_s else "new"
    return [
        words.frigate_event("frigate", "c", scene, one, change, now_s)
        for one in scene.visitors.values()
    ]


def _numbers(scene: Scene) -> Iterator[int]:
    return (one.number for one in scene.visitors.values())


def _rows(days: int) -> Job:
    lines = [line.data for line in make_day(1).lines["kiosk"]] * days
    raw = b"".join(line + b"\n" for line in lines)
    mapping = Path(str(files("aislewatch_sim.demo") / "shop" / "kiosk.mapping.yml"))
    plan = load_mapping(mapping.read_text(encoding="utf-8"), mapping.name, _REGISTRY).plan({}, {})

    def work() -> Answer:
        mapper = Mapper(plan, feed="kiosk", store="s1", session="b1", simulated=True)
        splitter = LineSplitter()
        number = events = 0
        for chunk in _chunks(raw):
            for line, _ in splitter.feed(chunk):
                number += 1
                value, error = decode_json(line)
                told = mapper.tell(mapper.place(RawRow(value, line, number, error=error)))
                events += sum(isinstance(one, Event) for one in told)
        return Answer(number - mapper.counts.refusals, events)

    return Job("feed", "rows", len(lines), len(raw), 50, work)


def context_at(now_us: int) -> SensorContext:
    """Give what a host gives, at a time in microseconds since 1970."""
    return SensorContext(
        "s1", "d1", "b1", _Clock(now_us), Random(1), _REGISTRY, ".", simulated=True
    )


def _chunks(raw: bytes) -> Iterator[bytes]:
    return (raw[at : at + _CHUNK] for at in range(0, len(raw), _CHUNK))
