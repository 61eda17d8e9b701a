"""LLRP as bytes: golden vectors, what the table promises, and bytes that are none."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import chain
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aislewatch_plugins.llrp.codec import Element, Message, decode, encode, read_header
from aislewatch_plugins.llrp.fields import Bits, LlrpError, Value
from aislewatch_plugins.llrp.framing import LOST_BYTES_MAX, Nonsense, Splitter
from aislewatch_plugins.llrp.schema import (
    MESSAGE_TABLE,
    PARAMETER_TABLE,
    Definition,
    Field,
    Part,
)

PARAMETERS = {definition.name: definition for definition in PARAMETER_TABLE}
PLACED = {name for row in (*PARAMETER_TABLE, *MESSAGE_TABLE) for p in row.parts for name in p.names}
VENDORS = sorted(set(PARAMETERS) - PLACED)
"""Vendors' parameters, which stand wherever ``Custom`` may."""


def element(name: str, *parts: Element, **fields: Value) -> Element:
    return Element(name, fields, parts)


KEEPALIVE = Message(element("KEEPALIVE"), 7)
REPORT = Message(
    element(
        "RO_ACCESS_REPORT",
        element(
            "TagReportData",
            element("EPC_96", EPC=bytes.fromhex("3000abcdef00000000000003")),
            element("AntennaID", AntennaID=1),
            element("PeakRSSI", PeakRSSI=-48),
            element("FirstSeenTimestampUTC", Microseconds=1_594_174_805_140_192),
        ),
    )
)

GOLDEN: dict[str, tuple[str, Message]] = {
    # 000|001|0000111110: reserved, version 1, type 62; ten bytes in all; id 7.
    "keepalive": ("043e 0000000a 00000007", KEEPALIVE),
    # Captured from a reader: type 61; TagReportData (240, 31 bytes) with EPC-96 (0x80|13),
    # AntennaID (0x80|1) 1, PeakRSSI (0x80|6) 0xd0 = -48 and FirstSeenTimestampUTC (0x80|2).
    "report": (
        "043d 00000029 00000000"
        "00f0 001f 8d 3000abcdef00000000000003 81 0001 86 d0 82 0005a9e4bef862e0",
        REPORT,
    ),
    # Captured from a reader: type 63; ReaderEventNotificationData (246) with UTCTimestamp (128)
    # and ConnectionCloseEvent (257).
    "close": (
        "043f 0000001e 00000000 00f6 0014 0080 000c 0005ac35bd20d1da 0101 0004",
        Message(
            element(
                "READER_EVENT_NOTIFICATION",
                element(
                    "ReaderEventNotificationData",
                    element("UTCTimestamp", Microseconds=1_596_721_689_842_138),
                    element("ConnectionCloseEvent"),
                ),
            )
        ),
    ),
    # A code of 198 bits is told with its length (0x00c6), in 25 bytes, the last two bits unused.
    "sgtin-198": (
        "043d 0000002d 00000001 00f0 0023 00f1 001f 00c6" + "36" + "00" * 23 + "fc",
        Message(
            element(
                "RO_ACCESS_REPORT",
                element(
                    "TagReportData",
                    element("EPCData", EPC=Bits(198, b"\x36" + bytes(23) + b"\xfc")),
                ),
            ),
            1,
        ),
    ),
    # 1|0000000: reset; KeepaliveSpec (220, 9 bytes): periodic (1), 5000 ms.
    "settings": (
        "0403 00000014 00000003 80 00dc 0009 01 00001388",
        Message(
            element(
                "SET_READER_CONFIG",
                element("KeepaliveSpec", KeepaliveTriggerType=1, PeriodicTriggerValue=5000),
                ResetToFactoryDefault=1,
            ),
            3,
        ),
    ),
    # 000|10110|11|000000: antenna, RSSI, first and last seen are bits 3, 5, 6 and 7; count is 8.
    "rospec": (
        "0414 0000003e 00000004 00b1 0034 00000001 00 00"
        "00b2 0012 00b3 0005 01 00b6 0009 00 00000000"
        "00b7 0018 0001 0001 00b8 0009 00 00000000 00ba 0007 0001 01",
        Message(
            element(
                "ADD_ROSPEC",
                element(
                    "ROSpec",
                    element(
                        "ROBoundarySpec",
                        element("ROSpecStartTrigger", ROSpecStartTriggerType=1),
                        element(
                            "ROSpecStopTrigger", ROSpecStopTriggerType=0, DurationTriggerValue=0
                        ),
                    ),
                    element(
                        "AISpec",
                        element("AISpecStopTrigger", AISpecStopTriggerType=0, DurationTrigger=0),
                        element("InventoryParameterSpec", InventoryParameterSpecID=1, ProtocolID=1),
                        AntennaIDs=(1,),
                    ),
                    ROSpecID=1,
                    Priority=0,
                    CurrentState=0,
                ),
            ),
            4,
        ),
    ),
    # Custom (1023) of vendor 25882 = 0x651a, subtype 57: -48.52 dBm in hundredths, 0xed0c.
    "impinj": (
        "043d 0000002b 00000000 00f0 0021 8d"
        + "00" * 12
        + "86 cf 03ff 000e 0000651a 00000039 ed0c",
        Message(
            element(
                "RO_ACCESS_REPORT",
                element(
                    "TagReportData",
                    element("EPC_96", EPC=bytes(12)),
                    element("PeakRSSI", PeakRSSI=-49),
                    element("ImpinjPeakRSSI", RSSI=-4852),
                ),
            )
        ),
    ),
    # CUSTOM_MESSAGE (1023): vendor, subtype 21 in one byte, 32 reserved bits.
    "extensions": (
        "07ff 00000013 00000005 0000651a 15 00000000",
        Message(element("IMPINJ_ENABLE_EXTENSIONS"), 5),
    ),
}


GOLDEN_BYTES = [bytes.fromhex(hexadecimal) for hexadecimal, _ in GOLDEN.values()]


@pytest.mark.parametrize(("hexadecimal", "message"), GOLDEN.values(), ids=GOLDEN)
def test_golden_bytes_are_read_and_written(hexadecimal: str, message: Message) -> None:
    data = bytes.fromhex(hexadecimal)
    assert decode(data) == message._replace(raw=data)
    assert encode(message) == data


def test_the_flags_of_a_report_s_content_stand_from_the_highest_bit_on() -> None:
    flags = {
        "EnableROSpecID": 0,
        "EnableSpecIndex": 0,
        "EnableInventoryParameterSpecID": 0,
        "EnableAntennaID": 1,
        "EnableChannelIndex": 0,
        "EnablePeakRSSI": 1,
        "EnableFirstSeenTimestamp": 1,
        "EnableLastSeenTimestamp": 1,
        "EnableTagSeenCount": 1,
        "EnableAccessSpecID": 0,
    }
    report = element(
        "ROReportSpec", Element("TagReportContentSelector", flags), ROReportTrigger=1, N=1
    )
    data = encode(Message(element("SET_READER_CONFIG", report, ResetToFactoryDefault=0)))
    # 0001 0111 | 1000 0000 behind the head of TagReportContentSelector (238 = 0xee).
    assert data.endswith(bytes.fromhex("00ee 0006 1780"))


def test_each_number_and_each_name_stands_in_the_table_once() -> None:
    for table in (PARAMETER_TABLE, MESSAGE_TABLE):
        assert len({(row.vendor, row.type) for row in table}) == len(table)
        assert len({row.name for row in table}) == len(table)


def test_every_parameter_stands_somewhere_or_is_a_vendor_s() -> None:
    assert set(PARAMETERS) >= PLACED
    assert all(PARAMETERS[name].vendor is not None for name in VENDORS)


# What the table promises -------------------------------------------------------------------------


def a_value(field: Field) -> st.SearchStrategy[Value]:
    kind = field.kind
    if field.bits:
        return st.integers(0, (1 << field.bits) - 1)
    if kind[0] in "us":
        bits = int(kind[1:])
        low = -(1 << (bits - 1)) if kind[0] == "s" else 0
        return st.integers(low, low + (1 << bits) - 1)
    return {
        "text": st.text(st.characters(codec="utf-8"), max_size=8),
        "bits": st.integers(0, 40).flatmap(a_bit_string),
        "bytes": st.binary(max_size=8),
        "words": st.lists(st.integers(0, 0xFFFF), max_size=4).map(tuple),
        "longs": st.lists(st.integers(0, 0xFFFFFFFF), max_size=4).map(tuple),
        "raw12": st.binary(min_size=12, max_size=12),
        "rest": st.binary(max_size=8),
    }[kind]


def a_bit_string(length: int) -> st.SearchStrategy[Value]:
    size = -(-length // 8)
    return st.binary(min_size=size, max_size=size).map(lambda data: Bits(length, data))


def an_element(definition: Definition, depth: int = 0) -> st.SearchStrategy[Element]:
    fields: dict[str, st.SearchStrategy[Value]] = {
        field.name: a_value(field) for field in definition.fields if field.name != "-"
    }
    if definition.name in {"Custom", "CUSTOM_MESSAGE"}:
        fields["VendorIdentifier"] = st.integers(0, 1000)  # Of nobody whom the table knows.
    parts = [some_of(part, depth) for part in definition.parts]

    def made(values: dict[str, Value], inner: tuple[list[Element], ...]) -> Element:
        return Element(definition.name, values, tuple(chain.from_iterable(inner)))

    return st.builds(made, st.fixed_dictionaries(fields), st.tuples(*parts))


def some_of(part: Part, depth: int) -> st.SearchStrategy[list[Element]]:
    # Two of a kind show that they are told apart; deeper down the trees would grow too large.
    most = part.least if depth > 1 else min(2 - depth, part.most or 2)
    names = list(part.names)
    if names == ["Custom"] and most:
        names += VENDORS
    one = st.sampled_from(names).flatmap(lambda name: an_element(PARAMETERS[name], depth + 1))
    return st.lists(one, min_size=part.least, max_size=max(part.least, most))


@pytest.mark.parametrize("definition", MESSAGE_TABLE, ids=lambda definition: definition.name)
def test_what_the_table_allows_is_written_and_read_again(definition: Definition) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(an_element(definition), st.integers(0, 0xFFFFFFFF), st.sampled_from([1, 2]))
    def holds(content: Element, id_: int, version: int) -> None:
        data = encode(Message(content, id_, version))
        read = decode(data)
        assert read == Message(content, id_, version, data)
        assert encode(read) == data

    holds()


def test_a_parameter_that_the_table_does_not_have_is_kept_with_its_bytes() -> None:
    data = bytes.fromhex("043d 00000016 00000000 00f0 000c 03e7 0008 01020304")
    (tag,) = decode(data).content.parts
    assert tag.parts == (element("Unknown", Type=999, Data=b"\x01\x02\x03\x04"),)


# Bytes that are none -----------------------------------------------------------------------------


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200))
@example(b"")
@example(bytes.fromhex("043d 0000000e 00000000 00f0 0003"))
def test_arbitrary_bytes_are_a_message_or_an_error_and_nothing_else(data: bytes) -> None:
    framed = bytes.fromhex("043d") + (10 + len(data)).to_bytes(4) + bytes(4) + data
    for attempt in (data, framed):
        with contextlib.suppress(LlrpError):
            assert decode(attempt).raw == attempt


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 8 * 40 - 1), st.data())
def test_no_turned_bit_crashes_the_reading(bit: int, data: st.DataObject) -> None:
    golden = data.draw(st.sampled_from(GOLDEN_BYTES))
    damaged = bytearray(golden)
    damaged[bit // 8 % len(golden)] ^= 1 << bit % 8
    came = list(Splitter().feed(bytes(damaged) + encode(KEEPALIVE) * 2))
    assert came
    assert isinstance(came[-1], Message)
    assert came[-1].content == KEEPALIVE.content


def test_parameters_nested_without_end_are_refused_and_not_followed() -> None:
    body = b""
    for _ in range(5000):
        body = (289).to_bytes(2) + (len(body) + 8).to_bytes(2) + bytes(4) + body
    data = (1 << 10 | 100).to_bytes(2) + (10 + len(body)).to_bytes(4) + bytes(4) + body
    with pytest.raises(LlrpError, match="deeper"):
        decode(data)


def split(chunks: Sequence[bytes]) -> list[Message | Nonsense]:
    splitter = Splitter()
    came = [one for chunk in chunks for one in splitter.feed(chunk)]
    left = splitter.end()
    return came if left is None else [*came, left]


def all_bytes(came: Sequence[Message | Nonsense]) -> bytes:
    return b"".join(one.raw if isinstance(one, Message) else one.data for one in came)


ONLY_BEGUN = [b"\x04", bytes.fromhex("043d00000029"), bytes.fromhex("043e0000ffff00000000")]
STREAMS = st.lists(
    st.sampled_from(GOLDEN_BYTES) | st.binary(max_size=30) | st.sampled_from(ONLY_BEGUN),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(STREAMS, st.randoms(use_true_random=False))
def test_every_byte_is_part_of_a_message_or_of_a_refusal(pieces: list[bytes], dice: Random) -> None:
    stream = b"".join(pieces)
    cuts = sorted(dice.randrange(len(stream) + 1) for _ in range(dice.randrange(6)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert all_bytes(split(chunks)) == stream


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
def test_the_first_whole_message_after_nonsense_is_found(nonsense: bytes) -> None:
    at = read_header(nonsense + bytes(10)) if nonsense else None
    # Nonsense that looks like a head is believed until two messages follow each other.
    follows = [encode(REPORT)] * (1 if at is None else 2)
    came = [one for one in split([nonsense, *follows]) if isinstance(one, Message)]
    assert [one.content for one in came[-len(follows) :]] == [REPORT.content] * len(follows)


def test_a_stream_cut_at_every_byte_gives_the_same_messages() -> None:
    stream = b"".join(GOLDEN_BYTES)
    came = split([stream[at : at + 1] for at in range(len(stream))])
    assert [one.raw for one in came if isinstance(one, Message)] == GOLDEN_BYTES
    assert len(came) == len(GOLDEN_BYTES)


def test_half_a_message_at_the_end_is_refused_with_its_bytes() -> None:
    data = encode(REPORT)
    assert split([data[:20]]) == [
        Nonsense(data[:20], "the connection ended in the middle of a message")
    ]


def test_a_message_that_lost_bytes_in_its_middle_costs_no_other() -> None:
    data = encode(REPORT)
    came = split([encode(KEEPALIVE), data[:15], data[25:], encode(KEEPALIVE), data])
    assert [one.content.name for one in came if isinstance(one, Message)] == [
        "KEEPALIVE",
        "KEEPALIVE",
        "RO_ACCESS_REPORT",
    ]


def test_a_damaged_length_is_not_waited_for() -> None:
    splitter = Splitter()
    damaged = bytes.fromhex("043e 000fffff 00000000")
    assert list(splitter.feed(damaged)) == []
    came = list(splitter.feed(encode(REPORT) + encode(KEEPALIVE)))
    assert [type(one) for one in came] == [Nonsense, Message, Message]
    assert isinstance(came[0], Nonsense)
    assert came[0].data == damaged


def test_nonsense_without_end_is_given_back_and_not_piled_up() -> None:
    splitter = Splitter()
    dice = Random(5)
    given = [dice.randbytes(LOST_BYTES_MAX) for _ in range(3)]
    came = [one for chunk in given for one in splitter.feed(b"\xff" + chunk)]
    assert sum(len(one.data) for one in came if isinstance(one, Nonsense)) >= 2 * LOST_BYTES_MAX
