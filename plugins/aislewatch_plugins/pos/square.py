"""What Square's webhooks say: payments, refunds and finished orders.

A cloud till tells what is over: no voided line, no opened drawer. Each object is told once it is
final, at the time that the object itself states, so that the same object in another notification
gives the same events. Amounts are in minor units already. Of card details only the fingerprint is
looked at, Square's own token for a card; names and notes never are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from aislewatch.events.conversion import exact, gtin14, instant_us, show
from aislewatch.events.paths import is_array, is_object
from aislewatch_plugins.pos.bodies import Unreadable, decoded
from aislewatch_plugins.pos.card_names import CARD_TOKEN
from aislewatch_plugins.pos.told import Fact, Flaw, Found

_METHODS = {
    "CARD": "card",
    "CASH": "cash",
    "SQUARE_GIFT_CARD": "gift-card",
    "WALLET": "mobile",
    "BUY_NOW_PAY_LATER": "other",
}
Object = Mapping[str, Any]


def read_notification(body: bytes) -> dict[str, Any]:
    """Read a notification's envelope.

    Raises:
        Unreadable: it is none.
    """
    document = decoded(body)
    if not is_object(document):
        message = "a notification is an object"
        raise Unreadable(message)
    for name in ("event_id", "type", "created_at"):
        if not isinstance(document.get(name), str):
            message = f"the notification's {name} is missing"
            raise Unreadable(message)
    return document


def order_to_fetch(notification: Object) -> str | None:
    """Give the id of a finished order that the notification names and does not hold."""
    found = _inside(notification)
    for name in ("order_created", "order_updated"):
        part = found.get(name)
        if is_object(part) and part.get("state") == "COMPLETED":
            number = part.get("order_id")
            return number if isinstance(number, str) else None
    return None


def read_facts(notification: Object, currency: str) -> list[Found]:
    """Give what a notification tells; nothing where its object is not final yet.

    Args:
        notification: as :func:`read_notification` gives it.
        currency: of the shop; amounts in another are refused.
    """
    reader = _Reader(currency)
    found = _inside(notification)
    try:
        if is_object(found.get("payment")):
            return list(reader.payment(found["payment"]))
        if is_object(found.get("refund")):
            return list(reader.refund(found["refund"]))
        if is_object(found.get("order")):
            return list(reader.order(found["order"]))
    except ValueError as error:
        raw = msgspec.json.encode(notification)
        return [Flaw(raw, str(error), str(notification.get("type")))]
    return []


class _Reader:
    def __init__(self, currency: str) -> None:
        self._currency = currency

    def payment(self, payment: Object) -> Iterator[Found]:
        if payment.get("status") != "COMPLETED":
            return
        order = _text(payment, "order_id")
        yield Fact(
            "pos.tender",
            _time_us(payment, "created_at"),
            f"payment/{_id(payment)}",
            till=_till(payment),
            fields={
                "receipt": order,
                "basket": order,
                "cashier": _text(payment, "team_member_id"),
                "customer": _text(payment, "customer_id"),
                "method": _METHODS.get(str(payment.get("source_type")), "other"),
                "amount_minor": self._minor(payment, "amount_money"),
                CARD_TOKEN: _fingerprint(payment),
            },
        )

    def refund(self, refund: Object) -> Iterator[Found]:
        if refund.get("status") != "COMPLETED":
            return
        number = _id(refund)
        yield Fact(
            "pos.refund",
            _time_us(refund, "created_at"),
            f"refund/{number}",
            till=_till(refund),
            fields={
                "receipt": number,
                "basket": number,
                "original_receipt": _text(refund, "order_id"),
                "cashier": _text(refund, "team_member_id"),
                "amount_minor": self._minor(refund, "amount_money"),
                CARD_TOKEN: _fingerprint(refund.get("destination_details")),
            },
        )

    def order(self, order: Object) -> Iterator[Found]:
        if _text(order, "state") not in {"COMPLETED", "CANCELED"}:
            return
        number = _id(order)
        closed_us = _time_us(order, "closed_at" if order.get("closed_at") else "updated_at")
        opened_us = min(_time_us(order, "created_at"), closed_us)
        names = {"receipt": number, "basket": number, "customer": _text(order, "customer_id")}
        till = _till(order)
        lines = order.get("line_items")
        items: list[Any] = lines if is_array(lines) else []
        yield Fact("pos.basket_open", opened_us, f"order/{number}/open", 0, till, names)
        seq = 0
        for seq, line in enumerate(items, start=1):
            yield from self._line(line, number, opened_us, seq, till, names)
            if order["state"] == "CANCELED":
                # Given up: the goods stay here, so nothing of it may count as sold and unpaid.
                yield from self._line(line, number, closed_us, seq, till, names, "pos.void")
        yield Fact("pos.basket_close", closed_us, f"order/{number}/close", seq + 1, till, names)

    def _line(
        self,
        line: Any,
        number: str,
        time_us: int,
        seq: int,
        till: str,
        names: Object,
        type_: str = "pos.item",
    ) -> Iterator[Found]:
        key = f"order/{number}/{seq}/{type_.removeprefix('pos.')}"
        try:
            if not is_object(line):
                message = "a line is no object"
                raise ValueError(message)
            goods = self._goods(line)
            fields = {**names, **goods}
            if type_ == "pos.void":
                fields |= {"post_void": False, "amount_minor": self._minor(line, "total_money")}
            yield Fact(type_, time_us, key, seq, till, fields)
            off = self._minor(line, "total_discount_money")
            if off and type_ == "pos.item":
                discount = {**fields, "amount_minor": off}
                yield Fact("pos.discount", time_us, f"{key}/discount", seq, till, discount)
        except ValueError as error:
            yield Flaw(msgspec.json.encode(line), str(error), f"line {seq}", till, time_us)

    def _goods(self, line: Object) -> dict[str, Any]:
        goods: dict[str, Any] = {"sku": _text(line, "catalog_object_id")}
        code = _text(line, "gtin") or _text(line, "sku")
        gtin = gtin14(code) if code else None
        if gtin is not None:
            goods["gtin"] = gtin
        elif code:
            goods["sku"] = code
        quantity: Decimal = exact(line.get("quantity", "1"))
        if quantity == quantity.to_integral_value() and 0 <= quantity < 10**6:
            goods["units"] = int(quantity)
        elif quantity > 0:
            goods["units"] = 1  # So much of a measure: its unit stands in the catalogue alone.
        else:
            message = f"a quantity of {show(line.get('quantity'))}"
            raise ValueError(message)
        goods["price_minor"] = self._minor(line, "base_price_money")
        return goods

    def _minor(self, part: Object, name: str) -> int | None:
        money = part.get(name)
        if money is None:
            return None
        amount = money.get("amount") if is_object(money) else None
        if not isinstance(amount, int) or isinstance(amount, bool) or not is_object(money):
            message = f"{name} is no amount"
            raise ValueError(message)
        if money.get("currency") != self._currency:
            told = show(money.get("currency"))
            message = f"{name} is in {told}, the shop's amounts are in {self._currency}"
            raise ValueError(message)
        return abs(amount)


def _inside(notification: Object) -> Object:
    data = notification.get("data")
    found = data.get("object") if is_object(data) else None
    return found if is_object(found) else {}


def _till(part: Object) -> str:
    """Name the till: a device where one is told, or else the location."""
    details = part.get("device_details")
    device = _text(details, "device_id") if is_object(details) else None
    return device or _text(part, "location_id") or ""


def _fingerprint(part: Any) -> str | None:
    """Give Square's token for the card of a payment, or that a refund goes to."""
    details = part.get("card_details") if is_object(part) else None
    card = details.get("card") if is_object(details) else None
    found = card.get("fingerprint") if is_object(card) else None
    return found if isinstance(found, str) and found else None


def _id(part: Object) -> str:
    found = _text(part, "id")
    if not found:
        message = "its id is missing"
        raise ValueError(message)
    return found


def _text(part: Object, name: str) -> str | None:
    value = part.get(name)
    return value[:120] if isinstance(value, str) and value else None


def _time_us(part: Object, name: str) -> int:
    value = part.get(name)
    if not isinstance(value, str):
        message = f"{name} is missing"
        raise ValueError(message)
    return instant_us(value, zone="UTC")
