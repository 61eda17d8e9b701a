"""The shoplifting stream: tags go from a shelf past a counter, or not, to an exit.

About one event a second. Of the tags that leave, most were paid; some never were (theft), some are
only ever seen on a shelf or at an exit, some leave after more than half a day, and some were paid
before they were put on the shelf.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

START_US = 1_700_000_000_000_000
SECOND = 1_000_000
HOUR = 3600 * SECOND
WINDOW_US = 12 * HOUR
LATENESS_US = 2 * SECOND


class Step(NamedTuple):
    """One event, before it is written.

    Attributes:
        time: microseconds.
        place: ``shelf``, ``counter`` or ``exit``.
        epc: of the tag.
        zone: which shelf or exit, counted from 1.
    """

    time: int
    place: str
    epc: str
    zone: int = 1


class Stream(NamedTuple):
    """Events as they arrive.

    Attributes:
        raws: raw bytes, in the order of arrival.
        clock: when each arrives, microseconds; rises.
        lateness_us: how long the last of them was under way, at the most.
    """

    raws: Sequence[bytes]
    clock: Sequence[int]
    lateness_us: int


def shoplifting(events: int, random: Random) -> list[Step]:
    """Make a stream of about so many events, in order of time."""
    steps: list[Step] = []
    tag = 0
    while len(steps) < events:
        tag += 1
        epc = f"E28011{tag:010X}{random.getrandbits(32):08X}"
        # 2.67 events a visit and one event a second.
        begin = START_US + int(tag * 2.67 * SECOND) + random.randrange(SECOND)
        dwell = random.randrange(5 * 60, 90 * 60) * SECOND + random.randrange(SECOND)
        kind = random.random()
        if kind < 0.644:
            paid = begin + dwell * 9 // 10
            steps += [Step(begin, "shelf", epc), Step(paid, "counter", epc)]
            steps.append(Step(begin + dwell, "exit", epc))
        elif kind < 0.880:
            steps += [Step(begin, "shelf", epc), Step(begin + dwell, "exit", epc)]
        elif kind < 0.920:
            steps.append(Step(begin, "shelf", epc))
        elif kind < 0.950:
            steps.append(Step(begin, "exit", epc))
        elif kind < 0.980:
            late = begin + random.randrange(13 * 3600, 20 * 3600) * SECOND
            steps += [Step(begin, "shelf", epc), Step(late, "exit", epc)]
        else:
            steps += [Step(begin, "counter", epc), Step(begin + SECOND, "shelf", epc)]
            steps.append(Step(begin + dwell, "exit", epc))
    return sorted(steps)[:events]


def zoned(steps: Sequence[Step], zones: int) -> list[Step]:
    """Give each tag a zone of its own; one in twenty leaves by the exit of another."""
    given: list[Step] = []
    for step in steps:
        tag = int(step.epc[6:16], 16)
        away = step.place == "exit" and tag % 20 == 0
        given.append(step._replace(zone=(tag + away) % zones + 1))
    return given


def dirty(steps: Sequence[Step], random: Random) -> list[Step]:
    """Read tags at shelves and exits up to four times, a second or so apart."""
    read = list(steps)
    for step in steps:
        if step.place != "counter":
            # Always some microseconds on: no two reads are one.
            later = [step.time + n * SECOND + random.randrange(SECOND) for n in range(1, 4)]
            read += [step._replace(time=time) for time in later[: random.randrange(4)]]
    return sorted(read)


def in_order(steps: Sequence[Step]) -> Stream:
    """Let events arrive when they happen."""
    return Stream(as_json(steps), [step.time for step in steps], LATENESS_US)


def shuffled(steps: Sequence[Step], random: Random, lateness_us: int) -> Stream:
    """Let each event arrive at any time within the lateness."""
    on_way = [step.time + random.randrange(lateness_us) for step in steps]
    arriving = sorted(zip(on_way, as_json(steps), strict=True))
    return Stream([raw for _, raw in arriving], [time for time, _ in arriving], lateness_us)


def as_json(steps: Sequence[Step], *, first: int = 0) -> list[bytes]:
    """Write the steps as events of three devices, raw bytes as a bus delivers them.

    Args:
        steps: in order of time.
        first: the sequence number of the first.
    """
    raws: list[bytes] = []
    for seq, (time, place, epc, zone) in enumerate(steps, first):
        if place == "counter":
            kind = f'"type":"pos.item","id":"till/1/{seq}","device":"till"'
        else:
            kind = (
                f'"type":"rfid.read","id":"{place}/1/{seq}","device":"{place}","rssi_dbm":-50.0,'
                f'"zone_id":"{place}-{zone}","zone_kind":"{place}"'
            )
        raw = f'{{{kind},"store":"1","time":{time},"seq":{seq},"epc":"{epc}"}}'
        raws.append(raw.encode())
    return raws
