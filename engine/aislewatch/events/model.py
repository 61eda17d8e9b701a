"""The store model: what a shop is made of, and what that adds to an event.

Enrichment is a pure function of event and model: the same event and the same model always give the
same enriched event. What a device said itself is never overwritten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
from msgspec.structs import force_setattr, replace

from aislewatch.events.epc import SGTIN_HEADERS, decode_epc
from aislewatch.events.kinds import Event, Placed, PosLine, Product, Tagged


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the shop.

    Attributes:
        id: its name in events.
        kind: one of the zone kinds of :mod:`aislewatch.events.kinds`.
        name: for people.
    """

    id: str
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """A device, as far as detection needs to know it.

    Attributes:
        id: its name in events.
        zone: id of the zone it looks at; None where events say it themselves.
        lane: the lane it belongs to; None where it serves the whole shop or events say it.
        sees: types of event that it would send if they happened; absence rests on them.
    """

    id: str
    zone: str | None = None
    lane: str | None = None
    sees: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CatalogueProduct:
    """A product of the catalogue.

    Attributes:
        sku: the shop's own number.
        gtin: fourteen digits, where known.
        name: for people.
        weight_mg: nominal weight of one unit.
        weight_min_mg: least plausible weight of one unit, rounded down.
        weight_max_mg: greatest plausible weight of one unit, rounded up.
        price_minor: price of one unit.
        product_class: the class that vision tells apart.
    """

    sku: str
    gtin: str | None = None
    name: str = ""
    weight_mg: int | None = None
    weight_min_mg: int | None = None
    weight_max_mg: int | None = None
    price_minor: int | None = None
    product_class: str | None = None


def prepacked_tolerance_mg(nominal_mg: int) -> int:
    """Give how far a pre-packed product may plausibly weigh from its nominal weight.

    Twice the tolerable negative error of Directive 76/211/EEC, annex I, 2.4: a package that is
    lighter than that may not be sold at all, and packers stay as near above nominal as they can.
    Rounded up; below 5 g, where the directive says nothing, as for 5 g upwards.

    >>> prepacked_tolerance_mg(100_000), prepacked_tolerance_mg(1_500_000)
    (9000, 45000)
    """
    nominal = abs(nominal_mg)
    for limit_mg, permille, fixed_mg in _TOLERABLE_NEGATIVE_ERROR:
        if nominal <= limit_mg:
            return 2 * fixed_mg or -(-2 * nominal * permille // 1000)
    return -(-2 * nominal * 15 // 1000)


_TOLERABLE_NEGATIVE_ERROR = (
    # up to (mg), permille of nominal, or a fixed error (mg)
    (50_000, 90, 0),
    (100_000, 0, 4_500),
    (200_000, 45, 0),
    (300_000, 0, 9_000),
    (500_000, 30, 0),
    (1_000_000, 0, 15_000),
    (10_000_000, 15, 0),
)


@dataclass(frozen=True)
class StoreModel:
    """All that enrichment and detection know of a shop.

    Attributes:
        currency: ISO 4217 code of every amount; empty where no amounts come.
        zones: by id.
        devices: by id; empty means "not told", and absence is then taken at its word.
        products: in the catalogue's order.
        lists: named lists that rules read.
    """

    currency: str = ""
    zones: Mapping[str, Zone] = field(default_factory=dict[str, Zone])
    devices: Mapping[str, Device] = field(default_factory=dict[str, Device])
    products: tuple[CatalogueProduct, ...] = ()
    lists: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the model's content, hexadecimal; signals carry it."""
        content = {
            "currency": self.currency,
            "zones": sorted(self.zones.values(), key=lambda z: z.id),
            "devices": [
                [d.id, d.zone, d.lane, sorted(d.sees)]
                for d in sorted(self.devices.values(), key=lambda d: d.id)
            ],
            "products": self.products,
            "lists": {name: sorted(values) for name, values in self.lists.items()},
        }
        return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()

    @cached_property
    def _by_sku(self) -> dict[str, CatalogueProduct]:
        return {product.sku: product for product in self.products}

    @cached_property
    def _by_gtin(self) -> dict[str, CatalogueProduct]:
        return {product.gtin: product for product in self.products if product.gtin}

    def product(self, sku: str | None, gtin: str | None) -> CatalogueProduct | None:
        """Find a product by its number, or else by its GTIN."""
        found = self._by_sku.get(sku) if sku is not None else None
        if found is None and gtin is not None:
            found = self._by_gtin.get(gtin)
        return found

    def watchers(self, type_: str, lane: str | None, zone: str | None = None) -> list[str]:
        """Give the devices that would have sent an event of a type.

        Args:
            type_: the type of event.
            lane: those of this lane and of none; of any where None.
            zone: those that look at this zone and at none in particular; likewise.
        """
        return [
            device.id
            for device in self.devices.values()
            if type_ in device.sees
            and (lane is None or device.lane in (None, lane))
            and (zone is None or device.zone in (None, zone))
        ]

    def enrich(self, event: Event) -> Event:
        """Add what the model knows of an event: its place, its product, its expected weight."""
        return self._enrich(event) if isinstance(event, Placed) else event

    @cached_property
    def enrichers(self) -> Mapping[type[Event], Callable[[Any], Event]]:
        """By class of event, what :meth:`enrich` does; for whoever enriches very many.

        The events must be the caller's own: what is so in any shop is written into them.
        """
        return _Enrichers(self)

    def _enrich(self, event: Placed) -> Event:
        known: dict[str, Any] = {}
        self._place(event, known)
        if isinstance(event, Tagged):
            self._tag(event, known)
        elif isinstance(event, Product | PosLine):
            self._product(event, event.sku, event.gtin, known)
        return replace(event, **known) if known else event

    def _enrich_bare_tag(self, event: Tagged) -> Event:
        """Enrich a tag in a shop that told nothing of itself: every event of a busy antenna."""
        if event.unknown_tag is not None:
            return event
        tag = decode_epc(event.epc) if event.epc[:2] in SGTIN_HEADERS else None
        if tag is None:
            # A copy of each, of which most come to nothing, costs as much as all else here.
            force_setattr(event, "unknown_tag", True)
            return event
        return replace(event, unknown_tag=False, serial=tag.serial, gtin=event.gtin or tag.gtin)

    def _enrich_bare_line(self, event: PosLine) -> Event:
        """Enrich a till's line in such a shop."""
        if event.units is None:
            force_setattr(event, "units", 1)
        return event

    def _place(self, event: Placed, known: dict[str, Any]) -> None:
        zone_id = event.zone_id
        device = self.devices.get(event.device)
        if device is not None:
            if zone_id is None and event.zone_kind is None and device.zone is not None:
                known["zone_id"] = zone_id = device.zone
            if event.lane is None and device.lane is not None:
                known["lane"] = device.lane
        if zone_id is not None and event.zone_kind is None:
            zone = self.zones.get(zone_id)
            if zone is not None:
                known["zone_kind"] = zone.kind

    def _tag(self, event: Tagged, known: dict[str, Any]) -> None:
        gtin = event.gtin
        if event.unknown_tag is None:
            tag = decode_epc(event.epc)
            known["unknown_tag"] = tag is None
            if tag is not None:
                known["serial"] = tag.serial
                if gtin is None:
                    known["gtin"] = gtin = tag.gtin
        self._product(event, event.sku, gtin, known)

    def _product(
        self, event: Product | PosLine, sku: str | None, gtin: str | None, known: dict[str, Any]
    ) -> None:
        if isinstance(event, PosLine) and event.units is None:
            known["units"] = 1
        product = self.product(sku, gtin)
        if product is None:
            return
        for attr in ("sku", "gtin", "product_class", "price_minor"):
            if getattr(event, attr) is None and getattr(product, attr) is not None:
                known[attr] = getattr(product, attr)
        if isinstance(event, PosLine):
            units = 1 if event.units is None else event.units
            for attr in ("weight_mg", "weight_min_mg", "weight_max_mg"):
                one = getattr(product, attr)
                if one is not None and getattr(event, f"expected_{attr}") is None:
                    known[f"expected_{attr}"] = one * units


class _Enrichers(dict[type[Event], Callable[[Any], Event]]):
    """By class of event, the quickest way to enrich it; made when first asked for."""

    def __init__(self, model: StoreModel) -> None:
        super().__init__()
        self._model = model

    def __missing__(self, cls: type[Event]) -> Callable[[Any], Event]:
        model = self._model
        bare = not (model.devices or model.zones or model.products)
        way: Callable[[Any], Event] = model._enrich  # pyright: ignore[reportPrivateUsage]
        if not issubclass(cls, Placed) or (
            bare and not issubclass(cls, Tagged) and not issubclass(cls, PosLine)
        ):
            way = _as_it_is
        elif bare and issubclass(cls, Tagged):
            way = model._enrich_bare_tag  # pyright: ignore[reportPrivateUsage]
        elif bare:
            way = model._enrich_bare_line  # pyright: ignore[reportPrivateUsage]
        self[cls] = way
        return way


def _as_it_is(event: Event) -> Event:
    return event
