"""Which way a tag went, from when the antennas of a gate heard it, and how sure that is.

All pairs of reads on two different sides are looked at. A pair in which the read further out is the
later one speaks for *out*, the other way round for *in*; it counts as much as both reads are strong
(in dB above the floor). The balance of the pairs, from -1 (all say in) to +1 (all say out), is a
rank correlation (Kendall's tau) of side and time: it needs no model of walking speed or of how
power falls with distance, and a single reflection that is 20 dB too strong cannot turn it over.

The confidence is the size of the balance times ``k / (k + 1)``, where ``k`` is the number of reads
on the side that was heard least: one read on a side could be a reflection, and halves it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from aislewatch.events.kinds import TimedBy

Direction = Literal["in", "out"]

INSIDE, MIDDLE, OUTSIDE = 0, 1, 2
"""Sides of a gate, on the way out."""


class Sighting(NamedTuple):
    """One read of a tag at a gate.

    Attributes:
        time_us: when.
        side: `INSIDE`, `MIDDLE` or `OUTSIDE`.
        rssi_dbm: how strongly; None where the reader does not say.
        reads: how many reads the reader has put into this one.
        timed_by: where the time is from, unless it is the reader's own.
    """

    time_us: int
    side: int
    rssi_dbm: float | None = None
    reads: int = 1
    timed_by: TimedBy | None = None


class Judgement(NamedTuple):
    """Which way, and how sure.

    Attributes:
        direction: None where the reads balance out, or were all on one side.
        confidence: 0 to 1.
    """

    direction: Direction | None
    confidence: float


def judge(sightings: Iterable[Sighting], floor_dbm: float) -> Judgement:
    """Say which way a tag went.

    Args:
        sightings: of one passage, in any order.
        floor_dbm: the weakest that counts.

    >>> sides = [INSIDE, INSIDE, OUTSIDE, OUTSIDE]
    >>> judge([Sighting(time_us, side) for time_us, side in enumerate(sides)], -70)
    Judgement(direction='out', confidence=0.667)
    """
    # Not by time alone, so that sums of figures come out equal to the last bit.
    in_time = sorted(sightings, key=lambda s: (s.time_us, s.side, s.reads, s.rssi_dbm or 0.0))
    before = [0.0, 0.0, 0.0]
    outward = inward = 0.0
    for _, group in groupby(in_time, key=lambda s: s.time_us):
        now = list(group)  # Reads at one instant say nothing of each other.
        for sighting in now:
            weight = _weight(sighting, floor_dbm)
            outward += weight * sum(before[: sighting.side])
            inward += weight * sum(before[sighting.side + 1 :])
        for sighting in now:
            before[sighting.side] += _weight(sighting, floor_dbm)
    if not outward + inward:
        return Judgement(None, 0.0)
    balance = (outward - inward) / (outward + inward)
    least = _least_heard(in_time)
    confidence = round(abs(balance) * least / (least + 1), 3)
    if not confidence:
        return Judgement(None, 0.0)
    return Judgement("out" if balance > 0 else "in", confidence)


def _weight(sighting: Sighting, floor_dbm: float) -> float:
    if sighting.rssi_dbm is None:
        return float(sighting.reads)
    return sighting.reads * (1.0 + max(0.0, sighting.rssi_dbm - floor_dbm))


def _least_heard(sightings: Sequence[Sighting]) -> int:
    heard = [0, 0, 0]
    for sighting in sightings:
        heard[sighting.side] += sighting.reads
    return min(count for count in heard if count)
