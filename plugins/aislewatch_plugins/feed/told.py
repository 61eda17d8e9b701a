"""What becomes of a row on its way to events, and the count of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aislewatch.errors import EventRefused
from aislewatch_plugins.feed.plan import PlannedCase
from aislewatch_plugins.feed.rows import RawRow


@dataclass(slots=True)
class Counts:
    """What became of the rows; ``rows`` is the sum of the next five."""

    rows: int = 0
    told: int = 0
    heartbeats: int = 0
    banners: int = 0
    repeats: int = 0
    refused: int = 0
    events: int = 0
    refusals: int = 0


@dataclass(slots=True)
class Placed:
    """A row whose case and time are known, or what refused it.

    Attributes:
        row: the row, out of its frame.
        raw: as it came.
        names: values of the dollar names.
        case: the case it fits.
        time_us: when it happened.
        refused: why it is none of these; the mapping's line with it.
        banner: it belongs to the wire, not to a device.
        device: which device it is from, once that is known.
        store: whose device that is, likewise.
        counted: only we have counted it: neither a file nor its frame says which row it is.
    """

    row: Any
    raw: RawRow
    names: dict[str, Any]
    case: PlannedCase | None = None
    time_us: int | None = None
    refused: EventRefused | None = None
    banner: bool = False
    device: str = ""
    store: str = ""
    counted: bool = False
