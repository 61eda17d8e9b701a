"""What was found in a camera's pictures: people, articles, what is done with them, and counts.

Tracks are numbers here, zones those of the store file, labels those of the detector. None of it is
an event yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aislewatch.events.kinds import Role

Action = Literal["pick", "return", "conceal", "loiter"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody is there.

    Attributes:
        time_us: of the picture.
        track: who.
        zone: where; None where the picture has no zones.
        dwell_us: how long in this zone, or in view.
        confidence: mean score of the detections, 0 to 1.
        role: None where the detector cannot tell.
    """

    time_us: int
    track: int
    zone: str | None
    dwell_us: int
    confidence: float
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Doing:
    """Somebody did something, as far as it can be seen.

    Attributes:
        time_us: when it was done, which is before it was understood.
        action: what.
        track: who; None where only a hand was seen.
        zone: where; None where the picture has no zone there.
        label: with which article; None where with none.
        confidence: how well what was seen fits, 0 to 1; of use to compare, and no probability.
    """

    time_us: int
    action: Action
    track: int | None
    zone: str | None
    label: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class Item:
    """An article was recognised at a kiosk.

    Attributes:
        time_us: of the picture.
        label: which article.
        zone: of the kiosk.
        confidence: mean score of the detections, 0 to 1.
        track: who holds it; None where nobody is seen to.
    """

    time_us: int
    label: str
    zone: str
    confidence: float
    track: int | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """So many are in a zone.

    Attributes:
        time_us: of the picture.
        zone: where; None where the picture has no zones.
        units: how many.
        what: of what.
    """

    time_us: int
    zone: str | None
    units: int
    what: Literal["people", "items"]


Finding = Person | Doing | Item | Count
