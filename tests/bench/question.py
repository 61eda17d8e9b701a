"""The question that is put to the engine and its peers: variants of one rule, and the answer.

A variant is *an item was seen on a shelf, then leaves, and was not sold in between*, of one zone,
with a window and limits of its own. What is right is found by brute force.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from stream import WINDOW_US, Step

MINUTE_US = 60_000_000
RSSI_DBM = -50.0
"""What every tag of the stream is read with."""


class Variant(NamedTuple):
    """One rule.

    Attributes:
        id: the rule's.
        zone: of the shelf ``shelf-<zone>`` and the exit ``exit-<zone>``.
        window_us: how long before the exit the shelf counts.
        exit_over_dbm: reads at the exit count that are stronger.
        shelf_over_dbm: reads at the shelf count that are stronger.
    """

    id: str
    zone: int = 1
    window_us: int = WINDOW_US
    exit_over_dbm: int = -60
    shelf_over_dbm: int = -90


class Alarm(NamedTuple):
    """What a rule found: which tag left, and when."""

    rule: str
    epc: str
    time: int


class Contestant(Protocol):
    """Something that answers the question, ready to begin."""

    def take(self, raws: Sequence[bytes], clock: Sequence[int]) -> None:
        """Take a whole stream; this is what is timed."""
        ...

    def alarms(self) -> list[Alarm]:
        """Tell what was found; more than once where it was raised more than once."""
        ...


class Verdict(NamedTuple):
    """An answer beside the truth.

    Attributes:
        false: alarms that are wrong.
        missing: alarms that were not raised.
        repeated: right alarms that were raised again.
    """

    false: int
    missing: int
    repeated: int

    @property
    def exact(self) -> bool:
        """Every exit is judged rightly."""
        return not self.false and not self.missing

    def __str__(self) -> str:
        said = "exact" if self.exact else f"{self.false:,} false, {self.missing:,} missing"
        return said + (f", {self.repeated:,} repeated" if self.repeated else "")


def of_zones(number: int) -> list[Variant]:
    """Give rules of a zone each, so that an event concerns one of them, or a sale all."""
    return [Variant(f"zone-{zone}", zone) for zone in range(1, number + 1)]


def overlapping(number: int, *, own_shelf: bool) -> list[Variant]:
    """Give rules of one zone that every event concerns, each with its own window and limit.

    Args:
        number: of rules; at most 100.
        own_shelf: each has its own condition for the shelf, too, so that they share no evidence.
    """
    return [
        Variant(
            f"overlap-{n}",
            window_us=WINDOW_US - n * 7 * MINUTE_US,
            exit_over_dbm=-60 - n,
            shelf_over_dbm=-60 - n if own_shelf else -90,
        )
        for n in range(number)
    ]


def brute_force(steps: Sequence[Step], variants: Sequence[Variant]) -> set[Alarm]:
    """Compare every exit of a tag with all that became of the tag before."""
    visits: dict[str, list[Step]] = {}
    for step in steps:
        visits.setdefault(step.epc, []).append(step)
    of_zone: dict[int, list[Variant]] = {}
    for variant in variants:
        of_zone.setdefault(variant.zone, []).append(variant)
    return {
        Alarm(variant.id, exit_.epc, exit_.time)
        for seen in visits.values()
        for exit_ in seen
        if exit_.place == "exit"
        for variant in of_zone.get(exit_.zone, ())
        if _unpaid(exit_, seen, variant)
    }


def _unpaid(exit_: Step, seen: Sequence[Step], variant: Variant) -> bool:
    shelves = [
        step.time
        for step in seen
        if step.place == "shelf"
        and step.zone == variant.zone
        and variant.shelf_over_dbm < RSSI_DBM
        and exit_.time - variant.window_us <= step.time <= exit_.time
    ]
    strong = variant.exit_over_dbm < RSSI_DBM
    return bool(shelves and strong) and not any(
        step.place == "counter" and max(shelves) <= step.time <= exit_.time for step in seen
    )


def judge(alarms: Sequence[Alarm], truth: set[Alarm]) -> Verdict:
    """Compare an answer with the truth."""
    found = set(alarms)
    return Verdict(len(found - truth), len(truth - found), len(alarms) - len(found))
