"""Figures as a store's people read them: times on the shop's wall, money, weights, likelihoods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from aislewatch.events.units import minor_per_major

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

ENVELOPE: Final = frozenset(
    {"type", "id", "store", "device", "time", "seq", "simulated", "timed_by"}
)
"""Fields that every event has; the others are what it tells."""

_UNITS: Final = {"_mg": (1_000, " g"), "_us": (1_000_000, " s"), "_dbm": (1, " dBm")}

LEVEL_STYLES: Final = {
    "noted": "",
    "even-odds": "yellow",
    "likely": "bold yellow",
    "near-certain": "bold red",
}
"""How a level is coloured on a terminal."""


@dataclass(frozen=True, slots=True)
class Local:
    """What a place calls its times and amounts.

    Attributes:
        zone: IANA name of the time zone.
        currency: ISO 4217 code; empty where it is not known.
    """

    zone: str = "UTC"
    currency: str = ""

    def moment(self, time_us: int) -> datetime:
        """Give a time in the place's zone."""
        return (_EPOCH + timedelta(microseconds=time_us)).astimezone(ZoneInfo(self.zone))

    def day(self, time_us: int) -> str:
        """Give the day and the time: ``2026-01-12 09:03:16``."""
        return f"{self.moment(time_us):%Y-%m-%d %H:%M:%S}"

    def clock(self, time_us: int) -> str:
        """Give the time of day alone: ``09:03:16``."""
        return f"{self.moment(time_us):%H:%M:%S}"

    def between(self, from_us: int, to_us: int) -> str:
        """Give a span of time, with its days where they are two.

        >>> Local().between(0, 5_000_000), Local().between(0, 86_400_000_000)
        ('00:00:00 to 00:00:05', '1970-01-01 00:00:00 to 1970-01-02 00:00:00')
        """
        begins, ends = self.day(from_us), self.day(to_us)
        if begins[:10] == ends[:10]:
            begins, ends = begins[11:], ends[11:]
        return f"{begins} to {ends}"

    def money(self, minor: int | None) -> str:
        """Give an amount: ``GBP 42.00``; empty for none.

        >>> Local(currency="GBP").money(4200), Local(currency="JPY").money(4200)
        ('GBP 42.00', 'JPY 4,200')
        """
        if minor is None:
            return ""
        per = minor_per_major(self.currency)
        digits = len(str(per)) - 1
        return f"{self.currency} {Decimal(minor) / per:,.{digits}f}".lstrip()

    def facts(self, event: Mapping[str, Any]) -> str:
        """Give what an event tells besides its envelope: ``epc=... weight=512 g``.

        Of the envelope it is said where a time is the device's, but put on another clock.
        """
        told = {name: value for name, value in event.items() if name not in ENVELOPE}
        if told.get("unknown_tag") is False:
            del told["unknown_tag"]  # Its article stands beside it and says as much.
        facts = [self._fact(name, value) for name, value in told.items()]
        if event.get("timed_by") == "corrected":
            facts.append("(its clock was put right)")
        return "  ".join(facts)

    def _fact(self, name: str, value: Any) -> str:
        if name.endswith("_minor"):
            return f"{name.removesuffix('_minor')}={self.money(value)}"
        for ending, (per, unit) in _UNITS.items():
            if name.endswith(ending):
                return f"{name.removesuffix(ending)}={plain(Decimal(str(value)) / per)}{unit}"
        if isinstance(value, bool):
            value = "yes" if value else "no"
        return f"{name.replace('_', '.') if name in _DOTTED else name}={value}"


_DOTTED: Final = frozenset({"zone_id", "zone_kind", "scale_kind"})
"""Fields that rules call by a name with a point."""


def plain(value: Decimal) -> str:
    """Give a figure without trailing noughts.

    >>> plain(Decimal("512.500")), plain(Decimal(30))
    ('512.5', '30')
    """
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def chance(ppm: int) -> str:
    """Give a probability in parts per million as a percentage that promises no certainty.

    >>> chance(90_909), chance(400), chance(999_800)
    ('9.1 %', '< 0.1 %', '> 99.9 %')
    """
    if ppm < 1_000:
        return "< 0.1 %"
    if ppm > 999_000:
        return "> 99.9 %"
    return f"{ppm / 10_000:.1f} %"


def points(centibans: int, *, sign: bool = True) -> str:
    """Give a weight of evidence in the decibans that authors write.

    >>> points(220), points(-300), points(5)
    ('+22.0', '-30.0', '+0.5')
    """
    tenths = (Decimal(centibans) / 10).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
    return f"{tenths:+}" if sign else f"{tenths}"


def span(us: int) -> str:
    """Give a duration in the two largest of its units.

    >>> span(43_200_000_000), span(5_400_000_000), span(2_500_000), span(0)
    ('12h', '1h 30m', '2.5s', '0s')
    """
    seconds = Decimal(us) / 1_000_000
    if abs(seconds) < 60:
        # Nobody looks at the thousandths of most of a minute.
        return f"{plain(round(seconds, 3 if abs(seconds) < 10 else 0))}s"
    whole, parts = int(seconds), list[str]()
    for name, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{name}")
    return " ".join(parts[:2])


def count(number: int, one: str, many: str = "") -> str:
    """Give a number with its noun: ``1 signal``, ``13,578 incidents``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def fact_text(value: object) -> str:
    """Say a fact that a plugin tells of itself as a person would write it.

    >>> fact_text({"gate": True, "shelves": [1, 2]})
    'gate yes, shelves 1 2'
    """
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Mapping():
            facts = cast("Mapping[object, object]", value)
            return ", ".join(f"{name} {fact_text(one)}" for name, one in facts.items())
        case list() | tuple():
            return " ".join(map(fact_text, cast("Sequence[object]", value)))
        case _:
            return str(value)
