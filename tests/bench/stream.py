"""The shoplifting stream: tags go from a shelf past a counter, or not, to an exit.

About one event a second. Of the tags that leave, most were paid; some never were (theft), some are
only ever seen on a shelf or at an exit, some leave after more than half a day, and some were paid
before they were put on the shelf.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

START_US = 1_700_000_000_000_000
SECOND = 1_000_000
HOUR = 3600 * SECOND
WINDOW_US = 12 * HOUR


class Step(NamedTuple):
    """One event, before it is written."""

    time: int
    place: str
    epc: str


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


def as_json(steps: list[Step], *, first: int = 0) -> list[bytes]:
    """Write the steps as events of three devices, raw bytes as a bus delivers them.

    Args:
        steps: in order of time.
        first: the sequence number of the first.
    """
    raws: list[bytes] = []
    for seq, (time, place, epc) in enumerate(steps, first):
        if place == "counter":
            kind = f'"type":"pos.item","id":"till/1/{seq}","device":"till"'
        else:
            kind = (
                f'"type":"rfid.read","id":"{place}/1/{seq}","device":"{place}","rssi_dbm":-50.0,'
                f'"zone_id":"{place}-1","zone_kind":"{place}"'
            )
        raw = f'{{{kind},"store":"1","time":{time},"seq":{seq},"epc":"{epc}"}}'
        raws.append(raw.encode())
    return raws


def truth(steps: list[Step]) -> set[tuple[str, int]]:
    """Find by brute force who left in time after the last shelf read and never paid since."""
    found: set[tuple[str, int]] = set()
    by_tag: dict[str, list[Step]] = {}
    for step in steps:
        by_tag.setdefault(step.epc, []).append(step)
    for epc, visits in by_tag.items():
        for exit_ in (v for v in visits if v.place == "exit"):
            shelves = [
                v.time
                for v in visits
                if v.place == "shelf" and exit_.time - WINDOW_US <= v.time <= exit_.time
            ]
            if shelves and not any(
                v.place == "counter" and shelves[-1] <= v.time <= exit_.time for v in visits
            ):
                found.add((epc, exit_.time))
    return found
