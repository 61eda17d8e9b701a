"""The kinds of event: one frozen envelope, and for each kind the fields that its devices tell.

A kind is declared once, here (or in a plugin, for kinds of its own). The codec, the rule type
checker, the editor's schema and the documentation all read this declaration, see
:mod:`aislewatch.events.registry`.

On the wire an event is one flat JSON object: the envelope's fields, ``type``, and the kind's own.
A field's name ends in its unit. ``path`` is the name that rules use for it, where it differs.
Every field but those that make the kind what it is may be absent; what is absent is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct


def _field(description: str, **extra: Any) -> Meta:
    return Meta(description=description, extra=extra)


Name = Annotated[str, Meta(min_length=1, max_length=200)]
Time = Annotated[int, Meta(ge=0, le=253_402_300_800_000_000)]
"""Microseconds since 1970-01-01 UTC, up to the end of the year 9999."""

Key = Annotated[str, Meta(min_length=1, max_length=200, extra={"key": True})]
"""An identifier that clauses may join on."""

Mass = Annotated[int, Meta(ge=-(10**12), le=10**12, extra={"dimension": "mass"})]
Weighed = Annotated[int, Meta(ge=0, le=10**12, extra={"dimension": "mass"})]
"""What goods weigh: a scale's zero may drift below nothing, goods do not."""
Money = Annotated[int, Meta(ge=0, le=10**15, extra={"dimension": "money"})]
Level = Annotated[float, Meta(ge=-200, le=60, extra={"dimension": "level"})]
Ratio = Annotated[float, Meta(ge=0, le=1, extra={"dimension": "ratio"})]
Count = Annotated[int, Meta(ge=0, le=10**9)]
Duration = Annotated[int, Meta(ge=0, extra={"dimension": "duration"})]
Epc = Annotated[str, Meta(min_length=1, max_length=128, extra={"key": True})]
"""A tag's code in hexadecimal, as read; one that does not decode is still a tag.

The codec refuses other digits: a pattern here would double the time that an event takes to decode.
"""

ZoneKind = Literal[
    "shelf",
    "sales-floor",
    "fitting-room",
    "service-desk",
    "checkout",
    "scan",
    "bagging",
    "staging",
    "entrance",
    "exit",
    "stockroom",
    "restricted",
]
ScaleKind = Literal["bagging", "checkout", "shelf"]
Role = Literal["customer", "staff"]
DeviceStateName = Literal["starting", "online", "degraded", "offline", "failed", "stopped"]
TimedBy = Literal["arrival", "corrected"]
Tender = Literal["cash", "card", "gift-card", "voucher", "mobile", "other"]


class Event(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="type",
    forbid_unknown_fields=True,
    gc=False,
):
    """The envelope.

    Attributes:
        id: the source's own, ``device/boot/seq``; a resend keeps it.
        store: whose event it is.
        device: which device saw it.
        time: event time, when it happened by the device's clock.
        seq: the device's own counter; orders events of one device at one time.
        simulated: told by a simulator, never by a real device.
        timed_by: where ``time`` is from, unless it is the device's own clock: ``arrival`` is when
            the host heard of it, ``corrected`` the device's time put on the host's clock.
    """

    id: Name
    store: Name
    device: Name
    time: Time
    seq: Annotated[int, Meta(ge=0)] = 0
    simulated: bool = False
    timed_by: Annotated[
        TimedBy | None, _field("where the time is from, unless the device's clock")
    ] = None


class Placed(Event, frozen=True, kw_only=True):
    """An event that happens somewhere; the store model fills in what the device did not say."""

    zone_id: Annotated[Key | None, _field("zone of the shop", path="zone.id")] = None
    zone_kind: Annotated[ZoneKind | None, _field("what the zone is for", path="zone.kind")] = None
    lane: Annotated[Key | None, _field("checkout lane or kiosk")] = None


class Product(Placed, frozen=True, kw_only=True):
    """An event that concerns a product; the catalogue fills in what the device did not say."""

    sku: Annotated[Key | None, _field("the shop's own product number")] = None
    gtin: Annotated[Key | None, _field("GTIN-14, with its check digit")] = None
    product_class: Annotated[Key | None, _field("class that vision tells apart")] = None
    price_minor: Annotated[Money | None, _field("price of one unit")] = None


class Tagged(Product, frozen=True, kw_only=True):
    """An event that a radio tag caused."""

    epc: Annotated[Epc, _field("the tag's code, hexadecimal")]
    serial: Annotated[str | None, _field("serial number that the tag's code holds")] = None
    unknown_tag: Annotated[bool | None, _field("the code does not decode as a GTIN")] = None
    person: Annotated[Key | None, _field("who carried it, as a pseudonym")] = None
    rssi_dbm: Annotated[Level | None, _field("signal strength", path="rssi")] = None


class Till(Placed, frozen=True, kw_only=True):
    """An event that a point of sale tells."""

    receipt: Annotated[Key | None, _field("receipt number")] = None
    basket: Annotated[Key | None, _field("basket before it has a receipt")] = None
    cashier: Annotated[Key | None, _field("who is signed on, as a pseudonym")] = None
    shift_id: Annotated[Key | None, _field("the cashier's shift")] = None
    customer: Annotated[Key | None, _field("loyalty number, as a pseudonym")] = None


class DeviceState(Placed, frozen=True, kw_only=True, tag="device.state"):
    """A device's health changed, or it reported a fault that did not change it.

    ``failed``, ``offline``, ``starting`` and ``stopped`` cannot see; what they would have seen is
    unknown for as long. ``degraded`` still sees: a single read error is no state of health.
    """

    state: Annotated[DeviceStateName, _field("the state it is in from now on")]
    reason: Annotated[str | None, _field("why, in one word: system-crash, read-error...")] = None
    detail: Annotated[str | None, _field("why, in a sentence")] = None


class ClockTick(Event, frozen=True, kw_only=True, tag="clock.tick"):
    """The runtime's clock has reached this time; moves silence along."""

    final: Annotated[bool | None, _field("the recording has ended: everything is due")] = None


class ListChanged(Event, frozen=True, kw_only=True, tag="list.changed"):
    """Somebody put a text on a named list, or took it off; rules read lists as of event time.

    Of a text without any change the store file says whether it is on the list.
    """

    list_name: Annotated[Key, _field("which list", path="list")]
    member: Annotated[Key, _field("what is put on it or taken off")]
    change: Annotated[Literal["add", "remove"], _field("which of the two")]
    until_us: Annotated[
        Time | None, _field("when an addition ends by itself", path="until", dimension="instant")
    ] = None
    reason: Annotated[str | None, _field("why, in a sentence")] = None
    by: Annotated[Key | None, _field("who did it, as a pseudonym")] = None


class StoreReloaded(Event, frozen=True, kw_only=True, tag="store.reloaded"):
    """The engine was given the store file and its rules anew; behind this in the log they decide.

    What they are is kept with the run; see :mod:`aislewatch.runtime.setup_shelf`. The engine acts
    on it where it stands in the log, and gives it to no rule.
    """

    meaning: Annotated[
        str,
        Meta(pattern="^[0-9a-f]{64}$"),
        _field("SHA-256 of all in them that changes what is decided, hexadecimal"),
    ]
    by: Annotated[Key | None, _field("who asked for it, as a pseudonym")] = None


class RfidRead(Tagged, frozen=True, kw_only=True, tag="rfid.read"):
    """An antenna heard a tag."""

    antenna: Annotated[Count | None, _field("antenna port")] = None


class RfidCrossing(Tagged, frozen=True, kw_only=True, tag="rfid.crossing"):
    """A tag passed a gate: once for each passage, however often it was read."""

    direction: Annotated[
        Literal["in", "out"] | None, _field("which way; absent where the gate cannot tell")
    ] = None
    alarm: Annotated[bool | None, _field("the gate itself judged the tag unpaid")] = None
    reads: Annotated[Count | None, _field("how often it was heard")] = None
    confidence: Annotated[Ratio | None, _field("of the direction")] = None


class ScaleWeight(Placed, frozen=True, kw_only=True, tag="scale.weight"):
    """A scale's reading: all that lies on it."""

    weight_mg: Annotated[Mass, _field("what lies on the scale")]
    quantum_mg: Annotated[Mass | None, _field("the scale's smallest step")] = None
    stable: Annotated[bool | None, _field("the scale says it has settled")] = None
    scale_kind: Annotated[ScaleKind | None, _field("what it weighs", path="scale.kind")] = None


class ScaleChanged(Placed, frozen=True, kw_only=True, tag="scale.changed"):
    """A settled step between two readings."""

    delta_mg: Annotated[Mass, _field("after minus before")]
    weight_mg: Annotated[Mass | None, _field("what lies on the scale after it")] = None
    quantum_mg: Annotated[Mass | None, _field("the scale's smallest step")] = None
    scale_kind: Annotated[ScaleKind | None, _field("what it weighs", path="scale.kind")] = None


class ShelfEvent(Product, frozen=True, kw_only=True):
    """Units left or came back to a shelf."""

    shelf: Annotated[Key, _field("which shelf")]
    units: Annotated[Count, _field("how many")]
    person: Annotated[Key | None, _field("who, as a pseudonym")] = None
    ambiguous: Annotated[bool | None, _field("several products explain the weight")] = None


class ShelfRemoved(ShelfEvent, frozen=True, kw_only=True, tag="shelf.removed"):
    """Units were taken from a shelf."""


class ShelfReturned(ShelfEvent, frozen=True, kw_only=True, tag="shelf.returned"):
    """Units were put back on a shelf."""


class VisionPerson(Placed, frozen=True, kw_only=True, tag="vision.person"):
    """A camera sees a person."""

    person: Annotated[Key | None, _field("pseudonym of the track")] = None
    role: Annotated[Role | None, _field("absent where the camera cannot tell")] = None
    dwell_us: Annotated[Duration | None, _field("how long in this zone")] = None
    confidence: Annotated[Ratio | None, _field("of the detection")] = None


class VisionItem(Product, frozen=True, kw_only=True, tag="vision.item"):
    """A camera recognises a product."""

    units: Annotated[Count | None, _field("how many of it")] = None
    confidence: Annotated[Ratio | None, _field("of the recognition")] = None
    person: Annotated[Key | None, _field("who holds it, as a pseudonym")] = None


class VisionAction(Product, frozen=True, kw_only=True, tag="vision.action"):
    """A camera sees somebody do something."""

    action: Annotated[Literal["pick", "return", "conceal", "loiter"], _field("what")]
    person: Annotated[Key | None, _field("who, as a pseudonym")] = None
    confidence: Annotated[Ratio | None, _field("of the recognition")] = None


class VisionCount(Placed, frozen=True, kw_only=True, tag="vision.count"):
    """A camera counts what is in its view."""

    units: Annotated[Count, _field("how many")]
    what: Annotated[Literal["people", "items"] | None, _field("what it counts")] = None


class VisionSnapshot(Placed, frozen=True, kw_only=True, tag="vision.snapshot"):
    """A camera's picture of a moment was kept: by its hash, never the picture itself."""

    picture: Annotated[
        str,
        Meta(pattern="^[0-9a-f]{64}$", extra={"key": True}),
        _field("SHA-256 of its file, hexadecimal"),
    ]
    size_bytes: Annotated[Count, _field("of its file")]
    taken_us: Annotated[Time, _field("when it was taken", path="taken", dimension="instant")]
    cause: Annotated[Key | None, _field("id of the event that it was asked for")] = None
    receipt: Annotated[Key | None, _field("of the sale that it was asked for")] = None
    cashier: Annotated[Key | None, _field("who sold then, as a pseudonym")] = None
    customer: Annotated[Key | None, _field("who bought then, as a pseudonym")] = None


class PersonMatch(Placed, frozen=True, kw_only=True, tag="person.match"):
    """A person resembles an entry of a list; sent only where the shop has opted in.

    Told by a system that compares for itself, which says how sure it is, or by a device whose faces
    are compared here, of which the entry and the similarity are known. Never holds an embedding.
    """

    person: Annotated[Key, _field("pseudonym of the track")]
    watchlist: Annotated[Key, _field("which list")]
    confidence: Annotated[Ratio | None, _field("of the match")] = None
    entry: Annotated[Key | None, _field("id of the entry; means nothing outside the list")] = None
    similarity: Annotated[Ratio | None, _field("cosine of the two embeddings")] = None


class BadgeRead(Placed, frozen=True, kw_only=True, tag="badge.read"):
    """Somebody held a badge before a reader: once for each time, however often it was read."""

    badge: Annotated[Key, _field("whose badge, as a pseudonym")]
    role: Annotated[Role | None, _field("whom badges of this reader are given to")] = None


class PosBasketOpen(Till, frozen=True, kw_only=True, tag="pos.basket_open"):
    """A basket begins."""


class PosLine(Till, frozen=True, kw_only=True):
    """A line of a basket or receipt: a till event that concerns a product."""

    sku: Annotated[Key | None, _field("the shop's own product number")] = None
    gtin: Annotated[Key | None, _field("GTIN-14, with its check digit")] = None
    product_class: Annotated[Key | None, _field("class that vision tells apart")] = None
    price_minor: Annotated[Money | None, _field("price of one unit")] = None
    units: Annotated[Count | None, _field("how many; one where the till does not say")] = None
    epc: Annotated[Epc | None, _field("the tag's code, where the till reads it")] = None
    weight_mg: Annotated[Weighed | None, _field("as weighed at the till")] = None
    expected_weight_mg: Annotated[Mass | None, _field("by the catalogue, all units")] = None
    expected_weight_min_mg: Annotated[Mass | None, _field("least plausible, all units")] = None
    expected_weight_max_mg: Annotated[Mass | None, _field("greatest plausible, all units")] = None


class PosItem(PosLine, frozen=True, kw_only=True, tag="pos.item"):
    """A line was scanned or keyed in."""


class PosVoid(PosLine, frozen=True, kw_only=True, tag="pos.void"):
    """A line, or a whole receipt after it was paid, was taken back at the till."""

    amount_minor: Annotated[Money | None, _field("what was taken back")] = None
    post_void: Annotated[bool | None, _field("after the receipt was paid")] = None


class PosRefund(PosLine, frozen=True, kw_only=True, tag="pos.refund"):
    """Money was given back for goods."""

    amount_minor: Annotated[Money | None, _field("what was given back")] = None
    original_receipt: Annotated[Key | None, _field("the sale it refers to")] = None
    card: Annotated[Key | None, _field("the card that gets it, as a keyed pseudonym")] = None
    card_before: Annotated[Key | None, _field("the same under the site's key before")] = None


class PosOverride(PosLine, frozen=True, kw_only=True, tag="pos.override"):
    """A price was overridden by hand."""

    amount_minor: Annotated[Money | None, _field("the new price of one unit")] = None


class PosDiscount(PosLine, frozen=True, kw_only=True, tag="pos.discount"):
    """A discount was given."""

    amount_minor: Annotated[Money | None, _field("how much less")] = None


class PosNoSale(Till, frozen=True, kw_only=True, tag="pos.no_sale"):
    """The drawer was opened without a sale."""


class PosDrawer(Till, frozen=True, kw_only=True, tag="pos.drawer"):
    """The drawer opened or closed."""

    open: Annotated[bool | None, _field("open from now on")] = None


class PosSuspend(Till, frozen=True, kw_only=True, tag="pos.suspend"):
    """A basket was set aside."""


class PosResume(Till, frozen=True, kw_only=True, tag="pos.resume"):
    """A basket that was set aside goes on."""


class PosPaymentStart(Till, frozen=True, kw_only=True, tag="pos.payment_start"):
    """The customer begins to pay: from now on the basket is what they say it is."""


class PosTender(Till, frozen=True, kw_only=True, tag="pos.tender"):
    """A payment was made. Never holds a card number."""

    method: Annotated[Tender | None, _field("how it was paid")] = None
    amount_minor: Annotated[Money | None, _field("how much")] = None
    card: Annotated[Key | None, _field("the card that paid, as a keyed pseudonym")] = None
    card_before: Annotated[Key | None, _field("the same under the site's key before")] = None


class PosBasketClose(Till, frozen=True, kw_only=True, tag="pos.basket_close"):
    """A basket ends."""


class PosSignOn(Till, frozen=True, kw_only=True, tag="pos.sign_on"):
    """A cashier signed on."""


class PosSignOff(Till, frozen=True, kw_only=True, tag="pos.sign_off"):
    """A cashier signed off."""


class PosAgeCheck(PosLine, frozen=True, kw_only=True, tag="pos.age_check"):
    """The till asked for a customer's age. The date of birth never comes in."""

    passed: Annotated[bool | None, _field("old enough, as the cashier or the till says")] = None
    minimum_age: Annotated[Count | None, _field("in years; what the article asks for")] = None


class PosNotFound(PosLine, frozen=True, kw_only=True, tag="pos.not_found"):
    """A code was scanned or keyed that the till knows no article for."""


class QueueLevel(Placed, frozen=True, kw_only=True, tag="queue.level"):
    """How many wait at a lane."""

    customers: Annotated[Count, _field("how many wait")]
    dwell_us: Annotated[Duration | None, _field("how long they have waited on average")] = None


class StockCount(Product, frozen=True, kw_only=True, tag="stock.count"):
    """How many units of a product the shop believes it has."""

    units: Annotated[int, _field("how many")]


class ShiftClosed(Till, frozen=True, kw_only=True, tag="shift.closed"):
    """A cashier's shift was closed."""


BUILT_IN: tuple[type[Event], ...] = (
    DeviceState,
    ClockTick,
    ListChanged,
    StoreReloaded,
    RfidRead,
    RfidCrossing,
    ScaleWeight,
    ScaleChanged,
    ShelfRemoved,
    ShelfReturned,
    VisionPerson,
    VisionItem,
    VisionAction,
    VisionCount,
    VisionSnapshot,
    PersonMatch,
    BadgeRead,
    PosBasketOpen,
    PosItem,
    PosVoid,
    PosRefund,
    PosOverride,
    PosDiscount,
    PosNoSale,
    PosDrawer,
    PosSuspend,
    PosResume,
    PosPaymentStart,
    PosTender,
    PosBasketClose,
    PosSignOn,
    PosSignOff,
    PosAgeCheck,
    PosNotFound,
    QueueLevel,
    StockCount,
    ShiftClosed,
)
"""Every kind that Aislewatch itself declares."""

NO_RULE_SEES: Mapping[type[Event], str] = {
    ClockTick: "time passes for rules by windows: look for an absence with 'not_seen'",
    StoreReloaded: "the ledger tells a reload, as 'store.configured'",
}
"""Kinds that the engine itself acts on and gives to no rule, with what an author can do instead."""
