"""A store file as written: what it may say, before anything in it is looked up.

See :mod:`aislewatch.runtime.storefile` for the file as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from aislewatch.detect.settings import Settings
from aislewatch.events.kinds import ZoneKind
from aislewatch.events.quantities import DurationUs, parse_mass_mg
from aislewatch.events.reading import Reading
from aislewatch.events.subjects import CLOCK_DEVICE
from aislewatch.runtime.names_terms import PersonalDataPart
from aislewatch.runtime.picture_terms import PicturesPart
from aislewatch.runtime.watchlist_terms import KnownOffendersPart

_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")
_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_DAY_US = 1440 * _MINUTE_US

EVERY_STORE = "*"
"""Stands for every store that the events name."""

PRIORS = {"theft": -30, "fraud": -30, "stock": -10, "operations": 0}
"""Decibans before any evidence, where the file says nothing: one suspicion in a thousand is right
about theft or fraud, one in ten about stock, and an operational finding speaks for itself."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a product's weight may lie from its nominal one.

    Attributes:
        share: of the nominal weight.
        fixed_mg: whatever the nominal weight.
    """

    share: Decimal = Decimal(0)
    fixed_mg: int = 0

    def of(self, nominal_mg: int) -> int:
        """Give it for a weight, milligrams, rounded up."""
        share = (self.share * abs(nominal_mg)).to_integral_value(ROUND_CEILING)
        return int(share) + self.fixed_mg


def _tolerance(written: Any) -> Any:
    if not isinstance(written, str):
        return written
    percent = _PERCENT.fullmatch(written.strip())
    if percent is not None:
        return Tolerance(share=Decimal(percent[1]) / 100)
    try:
        fixed_mg = parse_mass_mg(written)
    except ValueError:
        message = f"{written!r} is no tolerance; write a share or a mass, as in 3% or 5g"
        raise ValueError(message) from None
    if fixed_mg < 0:
        message = f"{written!r} is negative"
        raise ValueError(message)
    return Tolerance(fixed_mg=fixed_mg)


def _one_or_many(written: Any) -> Any:
    return [written] if isinstance(written, str) else written


def _clock(written: Any) -> Any:
    if isinstance(written, str):
        if written != "system":
            message = f"{written!r} is no clock; write system, or recording: <feed>"
            raise ValueError(message)
        return {}
    return written


def _zone_name(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        message = f"{name!r} is no time zone; write e.g. Europe/Amsterdam"
        raise ValueError(message) from None
    return name


def _device_name(name: str) -> str:
    if name == CLOCK_DEVICE:
        message = f"{name!r} is the store's own clock; choose another name"
        raise ValueError(message)
    return name


def _centibans(decibans: Decimal) -> Decimal:
    if decibans * 10 != int(decibans * 10):
        message = f"{decibans} has more than one digit behind the point"
        raise ValueError(message)
    return decibans


def _distinct(names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"{twice[0]!r} stands here twice"
        raise ValueError(message)
    return names


Name = Annotated[str, Field(min_length=1, max_length=200)]
DeviceName = Annotated[Name, AfterValidator(_device_name)]
Positive = Annotated[DurationUs, Field(gt=0)]
Decibans = Annotated[Decimal, Field(ge=-100, le=100), AfterValidator(_centibans)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class ClockPart(_Part):
    """What winds the store's clock on.

    Attributes:
        recording: the feed whose events do; not said: the machine's clock.
        tick: the interval.
    """

    recording: str | None = None
    tick: Positive = _SECOND_US


class LimitsPart(_Part):
    """What may be kept.

    Attributes:
        evidence: events that rules asking the same may keep; of more, the oldest go, and the
            ledger says so.
    """

    evidence: int = Field(default=Settings("").evidence, ge=1)


class ZonePart(_Part):
    """A zone; see :class:`aislewatch.events.model.Zone`."""

    kind: ZoneKind
    name: str = ""


class DevicePart(_Part):
    """A device; see :class:`aislewatch.events.model.Device`."""

    zone: str | None = None
    lane: Name | None = None
    sees: list[str] = Field(default_factory=list[str])


class ProductsPart(_Part):
    """The catalogue: its file, and which of its columns mean what.

    Attributes:
        file: CSV, JSON or JSON Lines, by the ending of its name.
        rows: path of the array of rows in a JSON document; the document itself if not said.
        delimiter: of a CSV file.
        tolerance: how far a product may weigh from its nominal weight, as ``3%`` or ``5g``; not
            said: what a pre-packed product may by law.
        sku, gtin, name, weight, weight_min, weight_max, price, product_class: how each is read
            from a row; see :class:`aislewatch.events.model.CatalogueProduct`.
    """

    file: str
    rows: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    tolerance: Annotated[Tolerance | None, BeforeValidator(_tolerance)] = None
    sku: Reading
    gtin: Reading | None = None
    name: Reading | None = None
    weight: Reading | None = None
    weight_min: Reading | None = None
    weight_max: Reading | None = None
    price: Reading | None = None
    product_class: Reading | None = Field(default=None, alias="class")


class FeedPart(_Part):
    """One plugin instance.

    Attributes:
        plugin: name of its entry point.
        config: what the plugin asks for.
    """

    plugin: str
    config: dict[str, Any] = Field(default_factory=dict[str, Any])


class StoreFile(_Part):
    """A store file as written; see :mod:`aislewatch.runtime.storefile` for an example.

    Attributes:
        store: id of the store, or of several that are alike, or ``*``.
        name: for people.
        simulator: stands behind all of the shop's devices, by its name in `aislewatch sim list`;
            `aislewatch run --simulated` starts it. Not said: whoever runs the shop sees to that.
        timezone: IANA name; people are shown times in it.
        currency: ISO 4217 code of every amount.
        clock: what winds the clock on.
        lateness: how long an event may be under way without being late.
        horizon: how late an event may come and still change what was decided.
        ahead: how far ahead of the clock an event may lie.
        merge_window: how far apart signals about one thing are still one incident.
        span: the longest an incident may grow.
        limits: what may be kept.
        rules: files, or folders of which every ``*.yml`` counts.
        priors: decibans before any evidence, by incident type or its first word.
        params: the site's values for rules' parameters, by rule.
        lists: named lists that rules read.
        zones: parts of the shop.
        devices: what sees.
        data: folder that ``$data`` stands for at the beginning of a path.
        products: the catalogue.
        feeds: plugin instances, by device id.
        known_offenders: on what terms faces are compared with a watchlist; off where not said.
        personal_data: on what terms people's numbers are exchanged for pseudonyms.
        pictures: for how long pictures are kept as evidence.
    """

    store: Annotated[
        list[Name],
        Field(min_length=1),
        BeforeValidator(_one_or_many),
        AfterValidator(_distinct),
    ]
    name: str = ""
    simulator: Name | None = None
    timezone: Annotated[str, AfterValidator(_zone_name)] = "UTC"
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    clock: Annotated[ClockPart, BeforeValidator(_clock)] = ClockPart()
    lateness: DurationUs = 2 * _SECOND_US
    horizon: DurationUs = 15 * _MINUTE_US
    ahead: DurationUs = 5 * _MINUTE_US
    merge_window: DurationUs = 30 * _MINUTE_US
    span: Positive = _DAY_US
    limits: LimitsPart = LimitsPart()
    rules: list[str] = Field(default_factory=list[str])
    priors: dict[str, Decibans] = Field(default_factory=dict[str, Decimal])
    params: dict[str, dict[str, str]] = Field(default_factory=dict[str, dict[str, str]])
    lists: dict[str, list[str]] = Field(default_factory=dict[str, list[str]])
    zones: dict[Name, ZonePart] = Field(default_factory=dict[str, ZonePart])
    devices: dict[DeviceName, DevicePart] = Field(default_factory=dict[str, DevicePart])
    data: str | None = None
    products: ProductsPart | None = None
    feeds: dict[DeviceName, FeedPart] = Field(default_factory=dict[str, FeedPart])
    known_offenders: KnownOffendersPart = KnownOffendersPart()
    personal_data: PersonalDataPart = PersonalDataPart()
    pictures: PicturesPart = PicturesPart()
