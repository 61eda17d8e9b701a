"""What was found in a camera's pictures as events, and whether the camera can see at all. Pure.

A track is known by a pseudonym that lasts for one opening: it is made with the shop's secret and
the opening's name, so that nobody can follow a person from day to day. Pictures never leave here,
not even broken ones: a refusal says how long it was and what was wrong.
"""

from __future__ import annotations

from typing import Final, TypedDict

from aislewatch.devices.pseudonym import pseudonym
from aislewatch.devices.telling import Envelope, Envelopes, Refusal, Told
from aislewatch.events.kinds import (
    DeviceState,
    Event,
    TimedBy,
    VisionAction,
    VisionCount,
    VisionItem,
    VisionPerson,
)
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.vision.config import VisionConfig
from aislewatch_plugins.vision.faults import DETAILS, News
from aislewatch_plugins.vision.findings import Count, Doing, Finding, Item, Person

UNREADABLE: Final = "unreadable"
"""Reason of a state: what comes is no picture any more."""

_UNREADABLE_US: Final = 2_000_000
_DECIMALS: Final = 3


class _Goods(TypedDict):
    gtin: str | None
    sku: str | None
    product_class: str | None


class Teller:
    """Tells what one camera's pictures show; one for each opening.

    Args:
        config: of the camera.
        context: of the opening.
        key: what pseudonyms are made with.
        recorded: its pictures have times of their own; else they are of when they came.

    Attributes:
        pictures: how many were whole.
        refused: how many were not.
        recorded: as given.
    """

    def __init__(
        self, config: VisionConfig, context: SensorContext, key: bytes, *, recorded: bool
    ) -> None:
        self.pictures = self.refused = 0
        self.recorded = recorded
        self._products = config.products
        self._context = context
        self._key = key
        self._timed_by: TimedBy | None = None if recorded else "arrival"
        self._envelopes = Envelopes(context)
        self._whole_us: int | None = None
        self._unreadable = False
        self._reason: str | None = None
        self._state_us = 0

    def whole(self, time_us: int) -> list[Told]:
        """Take that a picture is whole; the first shows that the camera is there."""
        first = self._whole_us is None
        self.pictures += 1
        self._whole_us = time_us
        if not (first or self._unreadable):
            return []
        self._unreadable = False
        return [self._state(time_us)]

    def refuse(self, size: int, reason: str, place: str, time_us: int) -> list[Told]:
        """Tell that something was no picture; when there has been none for a while, that, too."""
        self.refused += 1
        told: list[Told] = [Refusal(f"{size} bytes, not kept".encode(), reason, place)]
        if self._whole_us is None:
            self._whole_us = time_us
        if not self._unreadable and time_us - self._whole_us >= _UNREADABLE_US:
            self._unreadable = True
            told.append(self._state(self._whole_us))
        return told

    def sight(self, news: News) -> list[Told]:
        """Tell what keeps the camera from seeing, since when, or that it sees again."""
        self._reason = news.fault
        return [self._state(news.since_us)]

    def tell(self, found: Finding) -> Event:
        """Tell what was found."""
        match found:
            case Person():
                return VisionPerson(
                    **self._at(found.time_us),
                    person=self._name(found.track),
                    zone_id=found.zone,
                    role=found.role,
                    dwell_us=found.dwell_us,
                    confidence=round(found.confidence, _DECIMALS),
                )
            case Doing():
                return VisionAction(
                    **self._at(found.time_us),
                    action=found.action,
                    person=self._name(found.track),
                    zone_id=found.zone,
                    **self._goods(found.label),
                    confidence=round(found.confidence, _DECIMALS),
                )
            case Item():
                return VisionItem(
                    **self._at(found.time_us),
                    person=self._name(found.track),
                    zone_id=found.zone,
                    **self._goods(found.label),
                    units=1,
                    confidence=round(found.confidence, _DECIMALS),
                )
            case Count():
                return VisionCount(
                    **self._at(found.time_us),
                    zone_id=found.zone,
                    units=found.units,
                    what=found.what,
                )

    def _goods(self, label: str | None) -> _Goods:
        """Give which article a label is; without a class of its own the label is that."""
        if label is None:
            return {"gtin": None, "sku": None, "product_class": None}
        product = self._products[label]
        class_ = product.product_class or label
        return {"gtin": product.gtin, "sku": product.sku, "product_class": class_}

    def _name(self, track: int | None) -> str | None:
        if track is None:
            return None
        context = self._context
        named = "\0".join((context.device, context.boot, str(track)))
        return pseudonym("track", named.encode("utf-8", errors="surrogatepass"), self._key)

    def _at(self, time_us: int) -> Envelope:
        return self._envelopes.at(time_us, self._timed_by)

    def _state(self, time_us: int) -> DeviceState:
        """Give how the camera is since then; never before the state that was told last."""
        self._state_us = time_us = max(time_us, self._state_us)
        timed_by = self._timed_by
        if self._unreadable:
            detail = "what it sends is no picture any more"
            return self._envelopes.state(time_us, "failed", UNREADABLE, detail, timed_by)
        if self._reason is None:
            return self._envelopes.state(time_us, "online", timed_by=timed_by)
        detail = next(text for name, text in DETAILS.items() if name == self._reason)
        return self._envelopes.state(time_us, "failed", self._reason, detail, timed_by)
