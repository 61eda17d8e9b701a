"""Tags around a gate, and what its antennas hear of them.

The gate stands at 0 m; outside is beyond it. Its antennas look inward and outward from 0.6 m to
either side. What comes back of a tag falls with the fourth power of the distance, by 12 dB more
behind an antenna, is hidden by whoever carries it, and is strengthened or all but put out by a
reflection, anew every 16 cm. The antennas take turns.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple, Protocol

Way = Literal["out", "in", "turn"]

INSIDE_ANTENNA, OUTSIDE_ANTENNA = 1, 2

_PLACES_M = {INSIDE_ANTENNA: -0.6, OUTSIDE_ANTENNA: 0.6}
_LOOKS = {INSIDE_ANTENNA: -1, OUTSIDE_ANTENNA: 1}
_ASIDE_M = 1.1
"""How far from the antennas people walk by."""

_TURN_S = 0.1
_ROUND_S = 0.03
_AT_ONE_METRE_DBM = -47.0
_WAVELENGTH_M = 0.33
_SENSITIVITY_DBM = -72.0
_FAR_M = 4.0


class Heard(NamedTuple):
    """One read.

    Attributes:
        at_s: seconds since the scene began.
        antenna: port number.
        epc: the tag's code, hexadecimal.
        rssi_dbm: how strongly.
    """

    at_s: float
    antenna: int
    epc: str
    rssi_dbm: float


class Tag(Protocol):
    """A tag in the scene."""

    @property
    def epc(self) -> str:
        """Its code, hexadecimal."""
        ...

    @property
    def begins_s(self) -> float:
        """When it comes near."""
        ...

    @property
    def ends_s(self) -> float:
        """When it is near no more."""
        ...

    def place_m(self, at_s: float) -> float:
        """Give where it is at a time; outside is positive."""
        ...


@dataclass(frozen=True, slots=True)
class Walk:
    """Somebody carries a tag by.

    Attributes:
        epc: the tag's code.
        begins_s: when they set out.
        way: through the gate, or (``turn``) up to it and back.
        speed_m_s: how fast.
        waits_s: how long they stand in the gate.
    """

    epc: str
    begins_s: float = 0.0
    way: Way = "out"
    speed_m_s: float = 1.2
    waits_s: float = 0.0

    @property
    def ends_s(self) -> float:
        """When they are gone."""
        return self.begins_s + 2 * _FAR_M / self.speed_m_s + self.waits_s

    def place_m(self, at_s: float) -> float:
        """Give where they are."""
        gone_s = at_s - self.begins_s
        middle_s = _FAR_M / self.speed_m_s
        walked_s = min(gone_s, middle_s) + max(0.0, gone_s - middle_s - self.waits_s)
        along_m = walked_s * self.speed_m_s - _FAR_M
        if self.way == "turn":
            return -0.8 - abs(along_m)
        return along_m if self.way == "out" else -along_m


@dataclass(frozen=True, slots=True)
class Lies:
    """A tag that lies near the gate.

    Attributes:
        epc: the tag's code.
        at_m: where.
        begins_s: from when.
        ends_s: until when.
    """

    epc: str
    at_m: float
    begins_s: float
    ends_s: float

    def place_m(self, at_s: float) -> float:
        """Give where it lies; people who pass shift reflections by some centimetres."""
        return self.at_m + 0.03 * math.sin(at_s / 1.7)


def heard(tags: Sequence[Tag], dice: Random) -> list[Heard]:
    """Give all reads of a scene in order of time."""
    reads = [read for tag in tags for read in _reads_of(tag, dice)]
    return sorted(reads)


def _reads_of(tag: Tag, dice: Random) -> Iterator[Heard]:
    hidden = {antenna: dice.choice((0.0, 0.0, 8.0)) for antenna in _PLACES_M}
    phases = {antenna: dice.uniform(0, 2 * math.pi) for antenna in _PLACES_M}
    bounce = dice.uniform(0.2, 0.7)
    at_s = tag.begins_s + dice.uniform(0, _ROUND_S)
    while at_s < tag.ends_s:
        antenna = INSIDE_ANTENNA if int(at_s / _TURN_S) % 2 == 0 else OUTSIDE_ANTENNA
        along_m = tag.place_m(at_s) - _PLACES_M[antenna]
        level_dbm = _level(along_m, _LOOKS[antenna], bounce, phases[antenna]) - hidden[antenna]
        level_dbm += dice.gauss(0, 1.5)
        if level_dbm > _SENSITIVITY_DBM + dice.gauss(0, 1):
            yield Heard(round(at_s, 6), antenna, tag.epc, round(level_dbm, 2))
        at_s += _ROUND_S * dice.uniform(0.8, 1.6)


def _level(along_m: float, looks: int, bounce: float, phase: float) -> float:
    """Give what comes back of a tag, in dBm."""
    away_m = math.hypot(along_m, _ASIDE_M)
    behind = (1 - looks * along_m / away_m) / 2
    wave = 4 * math.pi * along_m / _WAVELENGTH_M + phase
    standing = abs(1 + bounce * cmath.exp(1j * wave))
    return _AT_ONE_METRE_DBM - 40 * math.log10(away_m) - 12 * behind + 20 * math.log10(standing)
