"""The gate's filter and what is told of reads: passages, ways, strays, clocks, states."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aislewatch.devices.telling import Refusal, Told
from aislewatch.events.codec import Codec
from aislewatch.events.kinds import DeviceState, Event, RfidCrossing, RfidRead
from aislewatch.events.registry import Registry
from aislewatch.events.sensor import ClockSkew, SensorContext
from aislewatch_plugins import llrp
from aislewatch_plugins.llrp.clock import ReaderClock
from aislewatch_plugins.llrp.codec import Element, Message
from aislewatch_plugins.llrp.config import GatePart, LlrpConfig, reader_address
from aislewatch_plugins.llrp.fields import Bits, Value
from aislewatch_plugins.llrp.framing import Nonsense, Splitter
from aislewatch_plugins.llrp.gate import Crossing, Finding, Gate, Stray
from aislewatch_plugins.llrp.passage import INSIDE, MIDDLE, OUTSIDE, Sighting, judge
from aislewatch_plugins.llrp.reads import BadTag, ReaderTime, TagRead, reads_of
from aislewatch_plugins.llrp.requests import Abilities
from aislewatch_plugins.llrp.telling import Teller
from aislewatch_sim.llrp import wire
from aislewatch_sim.llrp.scene import INSIDE_ANTENNA, Heard, Lies, Tag, Walk, heard
from aislewatch_sim.llrp.wire import Content

SECOND = 1_000_000
NOW = 1_772_438_400 * SECOND
EPC = "3034257BF7194E4000001A85"


def at_gate(*tags: Tag, seed: int = 1, **given: Any) -> list[Finding]:
    gate = Gate(GatePart(**given), frozenset({INSIDE, OUTSIDE}))
    found: list[Finding] = []
    last_us = 0
    for one in heard(tags, Random(seed)):
        last_us = round(one.at_s * SECOND)
        found += gate.advance(last_us)
        gate.heard(one.epc, sighting(one), last_us)
    return found + gate.advance(last_us + 3600 * SECOND)


def sighting(one: Heard) -> Sighting:
    side = INSIDE if one.antenna == INSIDE_ANTENNA else OUTSIDE
    return Sighting(round(one.at_s * SECOND), side, float(round(one.rssi_dbm)))


def crossings(found: list[Finding]) -> list[Crossing]:
    return [one for one in found if isinstance(one, Crossing)]


# Passages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["out", "in"])
@pytest.mark.parametrize("seed", range(12))
def test_who_walks_through_crosses_once_and_the_right_way(way: Any, seed: int) -> None:
    speed = Random(seed).uniform(0.7, 2.5)
    (crossing,) = crossings(at_gate(Walk(EPC, way=way, speed_m_s=speed), seed=seed))
    assert crossing.direction == way
    assert crossing.confidence is not None
    assert 0.6 <= crossing.confidence < 1
    assert crossing.reads >= 4
    assert crossing.best_dbm is not None
    assert -70 <= crossing.best_dbm <= -30


@pytest.mark.parametrize("seed", range(6))
def test_who_stands_in_the_gate_for_long_still_leaves_the_right_way(seed: int) -> None:
    (crossing,) = crossings(at_gate(Walk(EPC, waits_s=25), seed=seed))
    assert crossing.direction == "out"


@pytest.mark.parametrize("seed", range(12))
def test_who_turns_round_at_the_gate_has_gone_no_way(seed: int) -> None:
    found = crossings(at_gate(Walk(EPC, way="turn", waits_s=2), seed=seed))
    assert [one.direction for one in found] in ([], [None])


def test_two_tags_in_one_bag_are_two_crossings() -> None:
    other = "3034257BF7194E4000001A86"
    found = crossings(at_gate(Walk(EPC), Walk(other)))
    assert {(one.epc, one.direction) for one in found} == {(EPC, "out"), (other, "out")}


def test_out_and_in_again_are_two_passages() -> None:
    found = crossings(at_gate(Walk(EPC), Walk(EPC, begins_s=20, way="in")))
    assert [one.direction for one in found] == ["out", "in"]


def test_too_few_reads_are_no_passage_and_one_more_is() -> None:
    for count, expected in ((3, 0), (4, 1)):
        gate = Gate(GatePart(min_reads=4), frozenset({INSIDE, OUTSIDE}))
        for number in range(count):
            gate.heard(EPC, Sighting(number, OUTSIDE if number else INSIDE, -50), number)
        assert len(gate.advance(10 * SECOND)) == expected
        assert gate.undecided == 1 - expected


def test_weak_reads_are_no_evidence_and_are_counted() -> None:
    gate = Gate(GatePart(floor_dbm=-65), frozenset({INSIDE, OUTSIDE}))
    for number in range(8):
        gate.heard(EPC, Sighting(number, number % 2 * OUTSIDE, -65.1), number)
    assert gate.advance(10 * SECOND) == []
    assert gate.weak == 8


def test_what_only_one_side_hears_has_not_passed_a_gate_with_two() -> None:
    for sides, expected in ((frozenset({INSIDE, OUTSIDE}), 0), (frozenset({INSIDE}), 1)):
        gate = Gate(GatePart(), sides)
        for number in range(8):
            gate.heard(EPC, Sighting(number, INSIDE, -50), number)
        found = crossings(gate.advance(10 * SECOND))
        assert [(one.direction, one.confidence) for one in found] == [(None, None)] * expected


def test_reads_that_are_told_all_at_once_and_late_are_parted_by_their_own_times() -> None:
    gate = Gate(GatePart(), frozenset({INSIDE, OUTSIDE}))
    for begins in (0, 60 * SECOND):
        for number in range(8):
            side = INSIDE if number < 4 else OUTSIDE
            gate.heard(EPC, Sighting(begins + number * 100_000, side, -50), 100 * SECOND)
    assert len(gate.advance(100 * SECOND)) == 1, "the second may go on"
    assert len(gate.advance(102 * SECOND)) == 1


def test_a_connection_that_ends_loses_no_passage() -> None:
    gate = Gate(GatePart(), frozenset({INSIDE, OUTSIDE}))
    for one in heard([Walk(EPC)], Random(1)):
        gate.heard(EPC, sighting(one), round(one.at_s * SECOND))
    (crossing,) = gate.close()
    assert isinstance(crossing, Crossing)
    assert gate.close() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("walk", "ways"),
    [
        ({"way": "out"}, {"out"}),
        ({"way": "in"}, {"in"}),
        ({"speed_m_s": 3.0}, {"out"}),
        ({"waits_s": 20.0}, {"out"}),
        ({"way": "turn", "waits_s": 4.0}, {None}),
    ],
    ids=["out", "in", "run", "wait", "turn"],
)
def test_three_hundred_people_go_the_way_that_they_are_said_to(
    walk: dict[str, Any], ways: set[str | None]
) -> None:
    found = [crossings(at_gate(Walk(EPC, **walk), seed=seed)) for seed in range(300)]
    assert {one.direction for each in found for one in each} <= ways
    if ways != {None}:
        assert all(len(each) == 1 for each in found)


@pytest.mark.slow
def test_of_sixty_strays_that_are_carried_out_most_are_noticed() -> None:
    for at_m, least in ((-2.5, 58), (-1.2, 50)):
        noticed = 0
        for seed in range(60):
            found = at_gate(Lies(EPC, at_m, 0, 400), Walk(EPC, begins_s=398), seed=seed)
            noticed += "out" in [one.direction for one in crossings(found)]
        assert noticed >= least, at_m


# Which way ---------------------------------------------------------------------------------------

SIGHTINGS = st.lists(
    st.builds(
        Sighting,
        st.integers(0, 50),
        st.sampled_from([INSIDE, MIDDLE, OUTSIDE]),
        st.none() | st.integers(-90, -20).map(float),
        st.integers(1, 4),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(SIGHTINGS)
def test_the_way_back_is_judged_as_the_way_there(sightings: list[Sighting]) -> None:
    there = judge(sightings, -70)
    back = judge([one._replace(time_us=-one.time_us) for one in sightings], -70)
    assert back.confidence == pytest.approx(there.confidence, abs=0.002)
    if there.confidence > 0.01:
        assert {there.direction, back.direction} == {"in", "out"}


@settings(deadline=None)
@given(SIGHTINGS, st.randoms(use_true_random=False))
def test_the_order_in_which_reads_come_says_nothing(
    sightings: list[Sighting], dice: Random
) -> None:
    shuffled = dice.sample(sightings, len(sightings))
    assert judge(shuffled, -70) == judge(sightings, -70)


@settings(deadline=None)
@given(SIGHTINGS)
def test_confidence_lies_between_0_and_1_and_grows_with_reads(sightings: list[Sighting]) -> None:
    once = judge(sightings, -70)
    more = judge([one._replace(reads=2 * one.reads) for one in sightings], -70)
    assert 0 <= once.confidence < 1
    assert more.confidence >= once.confidence


def test_confidence_is_the_balance_of_pairs_shrunk_by_the_side_heard_least() -> None:
    # Inside at 0 and 2, outside at 1 and 3, all alike: of four pairs three say out.
    reads = [Sighting(time, side) for time, side in enumerate([INSIDE, OUTSIDE] * 2)]
    assert judge(reads, -70) == ("out", round((3 - 1) / 4 * 2 / 3, 3))


# Strays ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_m", [-2.5, -1.2])
def test_a_tag_that_lies_by_the_gate_is_a_stray_and_no_theft(at_m: float) -> None:
    found = at_gate(Lies(EPC, at_m, 0, 600), stray_after="5m")
    assert [type(one) for one in found] == [Stray, Stray]
    came, gone = found
    assert isinstance(came, Stray)
    assert isinstance(gone, Stray)
    assert 300 * SECOND <= came.time_us < 310 * SECOND
    assert (came.gone, gone.gone) == (False, True)


def test_a_stray_that_is_carried_out_passes() -> None:
    found = at_gate(Lies(EPC, -2.5, 0, 400), Walk(EPC, begins_s=398))
    assert [one.direction for one in crossings(found)] == ["out"]
    assert any(isinstance(one, Stray) for one in found)


def test_who_comes_back_after_a_while_is_no_stray() -> None:
    walks = [Walk(EPC, begins_s=120.0 * number) for number in range(6)]
    assert not any(isinstance(one, Stray) for one in at_gate(*walks, stray_after="5m"))


# A reader's clock --------------------------------------------------------------------------------


def test_a_clock_within_the_tolerance_is_left_alone() -> None:
    clock = ReaderClock(2 * SECOND)
    assert clock.on_host(ReaderTime(NOW - SECOND, uptime=False), NOW) == (NOW - SECOND, None)
    assert clock.skew == ClockSkew(-SECOND, 2 * SECOND, told=True)


@pytest.mark.parametrize("behind_s", [3 * 3600, -3 * 3600, 1_700_000_000])
def test_a_wrong_clock_is_put_right_and_delays_stay_delays(behind_s: int) -> None:
    clock = ReaderClock(2 * SECOND)
    behind_us = behind_s * SECOND
    assert clock.on_host(ReaderTime(NOW - behind_us, uptime=False), NOW) == (NOW, "corrected")
    late = ReaderTime(NOW - behind_us + SECOND, uptime=False)
    assert clock.on_host(late, NOW + 4 * SECOND) == (NOW + SECOND, "corrected")
    assert clock.skew is not None
    assert clock.skew.ahead_us == -behind_us
    assert clock.skew.wrong


def test_an_uptime_becomes_a_time() -> None:
    clock = ReaderClock(2 * SECOND)
    assert clock.on_host(ReaderTime(5 * SECOND, uptime=True), NOW) == (NOW, "corrected")
    later_us = NOW + 2 * SECOND
    later = ReaderTime(7 * SECOND, uptime=True)
    assert clock.on_host(later, later_us) == (later_us, "corrected")
    assert clock.skew is None


@pytest.mark.parametrize("absurd_us", [0, 1 << 63, NOW + 3600 * SECOND])
def test_one_absurd_time_moves_nothing(absurd_us: int) -> None:
    clock = ReaderClock(2 * SECOND)
    clock.on_host(ReaderTime(NOW, uptime=False), NOW)
    later_us = NOW + SECOND
    assert clock.on_host(ReaderTime(absurd_us, uptime=False), later_us) == (later_us, "arrival")
    assert clock.on_host(ReaderTime(later_us, uptime=False), later_us) == (later_us, None)
    assert clock.skew == ClockSkew(0, 2 * SECOND, told=True)


def test_a_clock_that_jumps_is_believed_after_five_witnesses() -> None:
    clock = ReaderClock(2 * SECOND)
    clock.on_host(ReaderTime(NOW, uptime=False), NOW)
    for number in range(1, 7):
        now_us = NOW + number * SECOND
        ahead = ReaderTime(now_us + 3600 * SECOND, uptime=False)
        assert clock.on_host(ahead, now_us)[0] == now_us
    assert clock.skew == ClockSkew(3600 * SECOND, 2 * SECOND, told=True)


# Reports and states ------------------------------------------------------------------------------


def element(name: str, *parts: Element, **fields: Value) -> Element:
    return Element(name, fields, parts)


def report(*tags: Element) -> Message:
    return Message(Element("RO_ACCESS_REPORT", {}, tags), raw=b"the report")


def tag(
    epc: str = EPC, antenna: int = 1, rssi: int = -50, us: int = NOW, **more: Element
) -> Element:
    return element(
        "TagReportData",
        element("EPC_96", EPC=bytes.fromhex(epc)),
        element("AntennaID", AntennaID=antenna),
        element("PeakRSSI", PeakRSSI=rssi),
        element("LastSeenTimestampUTC", Microseconds=us),
        *more.values(),
    )


def notice(*events: Element) -> Message:
    data = element(
        "ReaderEventNotificationData", element("UTCTimestamp", Microseconds=NOW), *events
    )
    return Message(Element("READER_EVENT_NOTIFICATION", {}, (data,)), raw=b"the notice")


def teller(**given: Any) -> Teller:
    written: dict[str, Any] = {
        "address": "gate",
        "antennas": {1: {"side": "inside"}, 2: {"side": "outside"}, 3: {"zone": "shelf-a"}},
    }
    config = LlrpConfig.model_validate(written | given)
    context = SensorContext("s", "gate-1", "b", FixedClock(), Random(1), Registry(), "/", True)
    return Teller(config, context)


class FixedClock:
    def now_us(self) -> int:
        return NOW


def states(told: list[Told]) -> list[tuple[str, str | None]]:
    return [(one.state, one.reason) for one in told if isinstance(one, DeviceState)]


def test_a_report_s_tags_are_taken_apart() -> None:
    long = element("TagReportData", element("EPCData", EPC=Bits(198, b"\x36" + bytes(24))))
    fine = tag(more=element("ImpinjPeakRSSI", RSSI=-4852))
    reads = list(reads_of(report(tag(), long, fine)))
    assert reads[0] == TagRead(EPC, 1, -50.0, ReaderTime(NOW, uptime=False), 1)
    assert reads[1] == TagRead("36" + "00" * 24, 0, None, None, 1)
    assert isinstance(reads[2], TagRead)
    assert reads[2].rssi_dbm == -48.52


def test_tags_without_a_code_are_refused_and_the_others_told() -> None:
    nameless = element("TagReportData", element("AntennaID", AntennaID=1))
    empty = element("TagReportData", element("EPCData", EPC=Bits(0, b"")))
    endless = element("TagReportData", element("EPCData", EPC=Bits(520, bytes(65))))
    assert [type(one) for one in reads_of(report(nameless, empty, endless, tag()))] == [
        *[BadTag] * 3,
        TagRead,
    ]
    told = list(teller().tell(report(nameless, tag()), NOW))
    assert [type(one) for one in told] == [Refusal, DeviceState, RfidRead]
    assert told[0] == Refusal(
        b"the report", "a tag is reported without its code", "RO_ACCESS_REPORT, tag 1"
    )


def test_a_read_says_which_antenna_and_zone_and_that_it_is_simulated() -> None:
    (read,) = teller().tell(report(tag(antenna=3)), NOW)
    assert isinstance(read, RfidRead)
    assert (read.id, read.device, read.store, read.seq) == ("gate-1/b/1", "gate-1", "s", 1)
    assert (read.epc, read.antenna, read.zone_id, read.rssi_dbm) == (EPC, 3, "shelf-a", -50.0)
    assert (read.time, read.simulated) == (NOW, True)


def test_a_tag_that_stays_is_told_once_a_second_or_when_it_comes_nearer() -> None:
    one = teller(repeat="1s")
    told: list[Told] = []
    for number, rssi in enumerate([-60, -60, -58, -57, -60, -54, -60, -60, -60, -60, -60]):
        us = NOW + number * 100_000
        told += one.tell(report(tag(rssi=rssi, us=us)), us)
    assert [(e.time - NOW, e.rssi_dbm) for e in told if isinstance(e, RfidRead)] == [
        (0, -60),
        (300_000, -57),
        (500_000, -54),
        (1_000_000, -60),
    ]
    every = teller(repeat="0s")
    assert len(list(every.tell(report(tag(), tag(), tag()), NOW))) == 3


def test_what_cannot_be_read_is_refused_blurs_the_device_and_is_over_at_the_next_message() -> None:
    one = teller()
    told = list(one.tell(Nonsense(b"\xff\xff", "no LLRP message begins here"), NOW))
    told += one.tell(Message(element("GET_REPORT"), raw=b"raw"), NOW)
    told += one.tell(report(tag()), NOW)
    assert [one for one in told if isinstance(one, Refusal)] == [
        Refusal(b"\xff\xff", "no LLRP message begins here", "the byte stream"),
        Refusal(b"raw", "GET_REPORT was not asked for", "GET_REPORT"),
    ]
    assert states(told)[0] == ("degraded", "refused-row")
    assert states(told)[-1] == ("online", None)
    assert one.refused == 2


def test_an_unplugged_antenna_is_told_until_it_is_back() -> None:
    one = teller()
    told: list[Told] = []
    for number, connected in ((2, 0), (9, 0), (1, 0), (2, 1), (1, 1)):
        told += one.tell(
            notice(element("AntennaEvent", EventType=connected, AntennaID=number)), NOW
        )
    assert states(told) == [("degraded", "antenna-lost"), ("online", None)]


def test_lost_reads_blur_one_instant() -> None:
    told = list(teller().tell(notice(element("ReportBufferOverflowErrorEvent")), NOW))
    assert states(told) == [("degraded", "refused-row"), ("online", None)]


def test_a_reader_s_own_fault_is_told_and_over_when_it_reads() -> None:
    one = teller()
    told = list(one.tell(notice(element("ReaderExceptionEvent", Message="too hot")), NOW))
    assert states(told) == [("degraded", "reader-fault")]
    assert isinstance(told[0], DeviceState)
    assert told[0].detail == "the reader reports a fault: too hot"
    assert states(list(one.tell(report(tag()), NOW))) == [("online", None)]


@pytest.mark.parametrize(
    "event",
    [
        element("ConnectionCloseEvent"),
        element("ROSpecEvent", EventType=1, ROSpecID=1, PreemptingROSpecID=0),
    ],
    ids=lambda event: event.name,
)
def test_a_reader_that_says_it_stops_is_over(event: Element) -> None:
    one = teller()
    assert list(one.tell(notice(event), NOW)) == []
    assert one.over


def test_a_stray_is_maintenance_and_told_once() -> None:
    one = teller(gate={"stray_after": "2m"})
    told: list[Told] = []
    for number in range(200):
        us = NOW + number * SECOND
        told += one.tell(report(tag(us=us)), us)
        told += one.advance(us)
    assert not [e for e in told if isinstance(e, RfidCrossing)]
    assert states(told) == [("degraded", "stray-tag")]
    told = list(one.advance(NOW + 300 * SECOND))
    assert states(told) == [("online", None)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 7)), max_size=6), st.binary(max_size=9)
)
def test_whatever_comes_is_told_as_events_that_anybody_can_read(
    turned: list[tuple[int, int]], noise: bytes
) -> None:
    content = Content(fine_rssi=True)
    code = bytes.fromhex(EPC)
    told_of = wire.tag(code, content, antenna=1, rssi_dbm=-50.5, seen_us=NOW, utc=True)
    stream = bytearray(wire.message(61, 0, told_of) + noise + wire.notice(b"", wire.OVERFLOW))
    for byte, bit in turned:
        stream[byte % len(stream)] ^= 1 << bit
    one, splitter, codec = teller(), Splitter(), Codec(Registry())
    told: list[Told] = []
    for came in splitter.feed(bytes(stream)):
        told += one.tell(came, NOW)
    told += one.close(NOW)
    for event in told:
        if isinstance(event, Event):
            assert codec.decode(codec.encode(event)) == event


def test_a_signal_that_cannot_be_is_unknown() -> None:
    for level, expected in ((31, None), (30, 30.0), (-128, -128.0)):
        (read,) = reads_of(report(tag(rssi=level)))
        assert isinstance(read, TagRead)
        assert read.rssi_dbm == expected


def test_ids_are_never_given_twice() -> None:
    one = teller()
    told: list[Told] = []
    for number, read in enumerate(heard([Walk(EPC), Lies("AB", -1, 0, 20)], Random(1))):
        us = NOW + round(read.at_s * SECOND)
        told += one.tell(report(tag(read.epc.ljust(24, "0"), read.antenna, us=us)), us)
        told += one.advance(us) if number % 5 == 0 else ()
    told += one.advance(NOW + 3600 * SECOND)
    ids = [e.id for e in told if isinstance(e, Event)]
    assert len(ids) == len(set(ids)) > 20
    assert sum(isinstance(e, RfidCrossing) and e.epc == EPC for e in told) == 1


# Configuration -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"antennas": {}}, "antennas"),
        ({"antennas": {0: {}}}, "antennas"),
        ({"antennas": {1: {"side": "left"}}}, "side"),
        ({"address": "http://gate"}, "address"),
        ({"address": "gate:99999"}, "address"),
        ({"session": 4}, "session"),
        ({"gate": {"gap": "2m"}}, "gate"),
        ({"gate": {"flor_dbm": -70}}, "flor_dbm"),
    ],
)
def test_mistakes_in_the_configuration_name_their_place(given: dict[str, Any], where: str) -> None:
    with pytest.raises(ValidationError) as error:
        LlrpConfig.model_validate({"address": "gate", "antennas": {1: {}}} | given)
    assert any(where in str(part) for found in error.value.errors() for part in found["loc"])


def test_addresses() -> None:
    assert str(reader_address("10.0.0.7")) == "10.0.0.7:5084"
    assert str(reader_address("[fe80::1]")) == "[fe80::1]:5084"


def test_power_is_rounded_down_to_what_the_reader_can_send() -> None:
    able = Abilities(powers=((1, 1000), (2, 2000), (3, 3000)))
    assert [able.power_index(dbm) for dbm in (5, 10, 29.9, 30, 40)] == [1, 1, 2, 3, 3]


def test_the_readme_s_example_is_a_configuration() -> None:
    readme = Path(str(llrp.__file__)).with_name("README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    config = yaml.safe_load(block)["feeds"]["gate-1"]["config"]
    assert set(LlrpConfig.model_validate(config).antennas) == {1, 2, 3}
