"""Every decoder as a target of fuzzing: any bytes in, and what must hold whatever they are.

A target must not raise. What it feeds is cut in pieces whose size the first byte decides, because
lines know no frames. Where a protocol has frames, good ones follow the bytes, and one must be read
after no more than one was swallowed: `within one frame` is the law of resynchronisation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from random import Random
from typing import Any, Final, NamedTuple

from aislewatch.events.codec import Codec
from aislewatch.events.kinds import Event, QueueLevel
from aislewatch.events.located import LocatedYaml
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.badge.config import BadgeConfig
from aislewatch_plugins.badge.frames import Badge
from aislewatch_plugins.badge.frames import Splitter as BadgeSplitter
from aislewatch_plugins.badge.telling import Teller as BadgeTeller
from aislewatch_plugins.camera.axis import Axis
from aislewatch_plugins.camera.config import AxisConfig, CameraConfig, FrigateConfig, MerakiConfig
from aislewatch_plugins.camera.frigate import Frigate
from aislewatch_plugins.camera.meraki import Meraki
from aislewatch_plugins.camera.seen import Decoder as CameraDecoder
from aislewatch_plugins.camera.telling import Teller as CameraTeller
from aislewatch_plugins.feed.compiler import load_mapping
from aislewatch_plugins.feed.mapper import Mapper
from aislewatch_plugins.feed.mapping import MappingFile
from aislewatch_plugins.feed.rows import LineSplitter, row_of_line, rows_of_body, rows_of_document
from aislewatch_plugins.llrp.codec import Message
from aislewatch_plugins.llrp.config import LlrpConfig
from aislewatch_plugins.llrp.framing import Splitter
from aislewatch_plugins.llrp.telling import Teller
from aislewatch_plugins.pos.bodies import Unreadable
from aislewatch_plugins.pos.config import PosConfig
from aislewatch_plugins.pos.dialect import DIALECTS
from aislewatch_plugins.pos.json_feed import read_body, read_events
from aislewatch_plugins.pos.patterns import Patterns
from aislewatch_plugins.pos.poslog import PosLogReader
from aislewatch_plugins.pos.poslog_xml import Broken, transactions
from aislewatch_plugins.pos.receipts import Receipts
from aislewatch_plugins.pos.square import read_facts, read_notification
from aislewatch_plugins.pos.teller import Teller as PosTeller
from aislewatch_plugins.pos.told import Counts, Fact, Found
from aislewatch_plugins.scale.generic import LinesConfig
from aislewatch_plugins.scale.protocols import ProtocolName, decoder_of
from aislewatch_plugins.scale.reading import Reading, Refused
from aislewatch_plugins.vision.mjpeg import Jpeg
from aislewatch_plugins.vision.mjpeg import Splitter as PictureSplitter
from aislewatch_sim.badge import frame
from aislewatch_sim.camera import words
from aislewatch_sim.camera.scene import Scene
from aislewatch_sim.llrp import wire
from aislewatch_sim.pos import json_words, poslog_words, receipt_words, square_words
from aislewatch_sim.pos.till import ARTICLES, OPENS, Till, shift

NOW_US: Final = int(OPENS.timestamp()) * 1_000_000
LONGEST: Final = 4_096
"""Bytes of one input: longer than any frame, so that what is too long is tried, too."""

_SECRET: Final = b"a secret of thirty-two bytes, ok"
_REGISTRY: Final = Registry()
_CODEC: Final = Codec(_REGISTRY)


class Target(NamedTuple):
    """One decoder.

    Attributes:
        name: of its plugin, and of the protocol where it has several.
        run: takes any bytes; raises only where something is wrong with the decoder.
        seeds: good inputs, from which others are made.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Sequence[bytes]


class _Clock:
    def now_us(self) -> int:
        return NOW_US


def targets() -> Iterator[Target]:
    """Give every decoder that reads what somebody else has written."""
    yield Target("llrp", _llrp, [bytes([40]) + _REPORT * 2, bytes([3]) + _REPORT])
    for name, (protocol, good) in _SCALES.items():
        yield Target(f"scale-{name}", _scale(protocol, good), [bytes([5]) + good * 3])
    yield Target("badge", _badge, [bytes([4]) + _BADGE * 2, bytes([4]) + frame("62E3086CED", "16")])
    yield Target("pos-printer", _printer, [bytes([60]) + _receipt(100)])
    yield Target("pos-json", _json, [json_words.body(json_words.events(_TILL)[:4])])
    for version in ("2.2", "6"):
        log = poslog_words.document(poslog_words.transactions(_TILL, version)[:2], version)
        yield Target(f"pos-poslog-{version}", _poslog, [log])
    notified = square_words.notifications(_TILL)
    yield Target("pos-square", _square, [square_words.body(one) for one in notified[:4]])
    for vendor, (config, decoder, topics) in _CAMERAS.items():
        yield Target(f"camera-{vendor}", _camera(config, decoder, topics), _seen(vendor))
    yield Target("feed-lines", _lines, [bytes([9]) + _ROW % 7 + _ROW % 8])
    yield Target("feed-documents", _documents, [b'\0[{"at": 1}]', b"\x01at,n\n1,2\n", b"\x02{}"])
    yield Target("vision-mjpeg", _mjpeg, [bytes([30]) + _PART * 2])


# Frames that follow any bytes -----------------------------------------------------------------

_REPORT: Final = wire.message(
    61,
    0,
    wire.tag(
        bytes.fromhex("3000abcdef00000000000003"),
        wire.Content.of(0xFFFF, fine_rssi=False),
        antenna=1,
        rssi_dbm=-48.0,
        seen_us=NOW_US,
        utc=True,
    ),
)
_BADGE: Final = frame("62E3086CED")
_ROW: Final = b'{"at": "2026-01-12T09:00:00Z", "d": "x", "n": %d}\n'
_JPEG: Final = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
_PART: Final = (
    b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 17\r\n\r\n" + _JPEG + b"\r\n"
)
_TILL: Final = shift(Random(1), baskets=1)


def _receipt(number: int) -> bytes:
    till = Till("3", first=number)
    till.open()
    till.scan(ARTICLES[0])
    till.pay("card")
    return b"".join(receipt_words.receipts(till))


_NUMBER: Final = 7_419_258
_RECEIPT: Final = _receipt(_NUMBER)
_LINES: Final = LinesConfig.model_validate(
    {"lines": r"WT +(?P<weight>-?[0-9,]+) (?P<unit>g)|WT (?P<state>!)", "overload": ["!"]}
)
_SCALES: Final[Mapping[str, tuple[ProtocolName | LinesConfig, bytes]]] = {
    "mt-sics": ("mt-sics", b"S S     100.00 g\r\n"),
    "toledo-8217": ("toledo-8217", b"\x0201.234\r"),
    "nci": ("nci", b"\n01.234KG\r\nS00\r\x03"),
    "stream": ("stream", b"ST,GS,+  4.876kg\r\n"),
    "lines": (_LINES, b"WT     250,0 g\r\n"),
}


def _pieces(data: bytes) -> Iterator[bytes]:
    size = 1 + (data[0] % 64 if data else 0)
    return (data[at : at + size] for at in range(1, len(data), size))


def _sound(told: object) -> None:
    """See that an event is one that the bus takes, and comes back as it was."""
    if isinstance(told, Event):
        assert _CODEC.decode(Codec.encode(told)) == told


def _llrp(data: bytes) -> None:
    teller = Teller(_GATE, _context())
    splitter = Splitter()
    came = list(chain.from_iterable(map(splitter.feed, _pieces(data))))
    size = sum(len(one.raw if isinstance(one, Message) else one.data) for one in came)
    left = splitter.end()
    assert size + (len(left.data) if left is not None else 0) == max(0, len(data) - 1)
    for one in came:
        for told in teller.tell(one, NOW_US):
            _sound(told)
    again = Splitter()
    list(chain.from_iterable(map(again.feed, _pieces(data))))
    # A message of which all bytes have come is one, whatever stands in it: it may end in the
    # middle of the first report, and what is left of that may begin another.
    reports = [one for _ in range(4) for one in again.feed(_REPORT)]
    assert any(isinstance(one, Message) and one.raw == _REPORT for one in reports), "deaf"


def _scale(protocol: ProtocolName | LinesConfig, good: bytes) -> Callable[[bytes], None]:
    (wanted,) = [one for one in decoder_of(protocol, None).feed(good) if isinstance(one, Reading)]

    def run(data: bytes) -> None:
        decoder = decoder_of(protocol, None)
        said = list(chain.from_iterable(map(decoder.feed, _pieces(data))))
        assert all(one.reason and one.raw for one in said if isinstance(one, Refused))
        after = [*decoder.feed(good), *decoder.feed(good)]
        assert wanted in after, "the second good frame was not read"
        decoder.expire()
        assert wanted in decoder.feed(good), "a good frame was not read after a pause"

    return run


def _badge(data: bytes) -> None:
    splitter, teller = (
        BadgeSplitter(),
        BadgeTeller(BadgeConfig(port="p", key_file="k"), _context(), _SECRET),
    )
    for came in chain.from_iterable(map(splitter.feed, _pieces(data))):
        for told in teller.tell(came, NOW_US):
            _sound(told)
    assert Badge(bytes.fromhex("62E3086CED")) in list(splitter.feed(_BADGE)), "deaf"


def _printer(data: bytes) -> None:
    counts = Counts()
    teller = _tills(counts)
    for calm in (False, True):
        receipts = Receipts(
            _PATTERNS, name="b", idle_us=1, near_us=1, lone_kick=True, counts=counts
        )
        _tell(teller, chain.from_iterable(receipts.feed(one, NOW_US) for one in _pieces(data)))
        if calm:
            _tell(teller, receipts.silence(NOW_US))
        else:
            receipts.feed(_receipt(_NUMBER - 1), NOW_US)
        told = [one for one in receipts.feed(_RECEIPT, NOW_US) if isinstance(one, Fact)]
        mine = [one.type for one in told if one.fields.get("receipt") == str(_NUMBER)]
        assert {"pos.item", "pos.tender"} <= set(mine), f"a good receipt was not told: {mine}"


def _json(data: bytes) -> None:
    try:
        rows = read_body(data)
    except Unreadable:
        return
    _tell(_tills(Counts()), read_events(rows, _REGISTRY))


def _poslog(data: bytes) -> None:
    reader = PosLogReader(DIALECTS["arts"], zone="UTC", currency="GBP")
    teller = _tills(Counts())
    try:
        for transaction in transactions(data):
            _tell(teller, reader.read(transaction, "x.xml") or [])
    except Broken:
        return


def _square(data: bytes) -> None:
    try:
        notification = read_notification(data)
    except Unreadable:
        return
    _tell(_tills(Counts()), read_facts(notification, "GBP"))


def _camera(
    config: CameraConfig, decoder: Callable[[], CameraDecoder], topics: Sequence[str]
) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        teller = CameraTeller(config, _context(), decoder(), _SECRET, NOW_US)
        topic = topics[data[0] % len(topics)] if data else topics[0]
        later_us = NOW_US + 60_000_000
        for told in chain(teller.tell(topic, data[1:], NOW_US), teller.advance(later_us)):
            _sound(told)

    return run


def _lines(data: bytes) -> None:
    splitter = LineSplitter()
    mapper = Mapper(_PLAN, feed="f", store="s", session="b1", simulated=True)
    pieces = [*_pieces(data), _ROW % (_NUMBER - 1), _ROW % _NUMBER]
    lines = list(chain.from_iterable(map(splitter.feed, pieces)))
    told: list[object] = []
    for number, (line, error) in enumerate(lines, start=1):
        row = row_of_line(line, number, "x.jsonl", "x")
        if error:
            row.error = error
        told += mapper.tell(mapper.place(row))
    for one in told:
        _sound(one)
    counted = [one.customers for one in told if isinstance(one, QueueLevel)]
    assert _NUMBER in counted, "the second good row was not told"


def _documents(data: bytes) -> None:
    shape = _SHAPES[data[0] % len(_SHAPES)] if data else _SHAPES[0]
    mapper = Mapper(_PLAN, feed="f", store="s", session="b1", simulated=True)
    rows = [*rows_of_document(data[1:], shape, "x", "x"), *rows_of_body(data[1:], shape)]
    for row in rows:
        for told in mapper.tell(mapper.place(row)):
            _sound(told)


def _mjpeg(data: bytes) -> None:
    splitter = PictureSplitter(b"--frame")
    for piece in _pieces(data):
        list(splitter.feed(piece))
    # A picture is over where the next one's boundary stands.
    after = list(splitter.feed(_PART * 3 + b"--frame\r\n"))
    assert Jpeg(_JPEG) in after, "deaf"


_GATE: Final = LlrpConfig.model_validate(
    {"address": "gate", "antennas": {1: {"side": "inside"}, 2: {"side": "outside"}}}
)
_PATTERNS: Final = Patterns(
    LocatedYaml.parse(receipt_words.PATTERNS, "till.patterns.yml"), _REGISTRY, "GBP"
)
_PLAN: Final = load_mapping(
    """\
mapping: fuzzed
zone: Europe/London
time: at
id: "{n}/{$case}"
device: "{d}"
cases:
  - name: count
    when: {n: {exists: yes}}
    type: queue.level
    fields: {customers: n, dwell: {from: w, unit: s}}
  - name: till
    when: {lines: {exists: yes}}
    events:
      - {type: pos.item, each: lines, fields: {sku: $item.sku, weight: {from: $item.g, unit: g}}}
      - {type: pos.tender, fields: {receipt: r}}
""",
    "fuzzed.mapping.yml",
    _REGISTRY,
).plan({}, {})
_SHAPES: Final = [
    MappingFile.model_validate({"mapping": "m", "cases": [{"name": "row"}], **more})
    for more in ({"format": "json"}, {"format": "csv"}, {"format": "jsonl"})
]
_ANY: Final[dict[str, Any]] = {"broker": "b", "key_file": "k"}
_MERAKI: Final = MerakiConfig.model_validate({**_ANY, "serial": "Q2", "tracks": True})
_FRIGATE: Final = FrigateConfig.model_validate(
    {**_ANY, "camera": "c", "zones": {"z": "desk"}, "loiter": ["z"]}
)
_AXIS: Final = AxisConfig.model_validate(
    {**_ANY, "topic": "frames", "events": "events", "zones": {"desk": [[0, 0], [1, 0], [1, 1]]}}
)
_CAMERAS: Final[Mapping[str, tuple[CameraConfig, Callable[[], CameraDecoder], Sequence[str]]]] = {
    "meraki": (
        _MERAKI,
        lambda: Meraki(_MERAKI),
        [f"/merakimv/Q2/{part}" for part in ("0", "raw_detections", "light", "9")],
    ),
    "frigate": (
        _FRIGATE,
        lambda: Frigate(_FRIGATE),
        ["frigate/events", "frigate/stats", "frigate/available", "frigate/c/person"],
    ),
    "axis": (_AXIS, lambda: Axis(_AXIS), ["frames", "events/tns:axis/VideoSource/Tampering"]),
}


def _seen(vendor: str) -> Sequence[bytes]:
    """Give what a camera says, each behind the number of its topic."""
    scene, now_s = Scene({"z": (0.0, 0.0, 1.0, 1.0)}), NOW_US / 1_000_000
    who = scene.enter(0.5, 0.8, now_s)
    if vendor == "meraki":
        count, _, raw, light = words.meraki("/merakimv/Q2", scene, now_s)
        return [b"\0" + count.payload, b"\x01" + raw.payload, b"\x02" + light.payload]
    if vendor == "axis":
        tampered = words.axis_tampering("events", "T", now_s, active=True)
        frames = words.axis_frame("frames", scene, now_s)
        return [b"\0" + frames.payload, b"\x01" + tampered.payload]
    event = words.frigate_event("frigate", "c", scene, who, "new", now_s)
    return [
        b"\0" + event.payload,
        b"\x01" + words.frigate_stats("frigate", "c", 5.0).payload,
        b"\x02online",
        b"\x031",
    ]


def _context() -> SensorContext:
    return SensorContext("s", "d", "b1", _Clock(), Random(1), _REGISTRY, ".", simulated=True)


def _tills(counts: Counts) -> PosTeller:
    return PosTeller(_context(), PosConfig(), counts)


def _tell(teller: PosTeller, found: Any) -> None:
    facts: list[Found] = list(found)
    for told in teller.tell(facts):
        _sound(told)
