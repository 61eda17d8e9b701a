"""A till's acts as the webhooks of a cloud: finished orders, payments and refunds.

A cloud till tells nothing of voided lines, drawers or cashiers who sign on. Orders may only be
named in their notifications; whoever wants them asks :class:`Orders` for them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from datetime import datetime
from itertools import groupby
from typing import Any

from aislewatch_sim.ports import Link
from aislewatch_sim.pos.till import Act, Till

LOCATION = "L8GQ2SHOP"


def notifications(till: Till, *, whole: bool = True) -> list[dict[str, Any]]:
    """Give the notifications that a cloud sends for this till, in order.

    Args:
        till: what was done at it.
        whole: orders are in their notifications; otherwise they are only named.
    """
    told: list[dict[str, Any]] = []
    for number, group in groupby(till.acts, key=lambda act: act.number):
        acts = list(group)
        if not number or not any(act.what == "end" for act in acts):
            continue
        if any(act.what == "return" for act in acts):
            told += [_told("refund.updated", act.at, _refund(act)) for act in acts if act.pence]
            continue
        order = order_of(number, acts)
        named = {"order_updated": {"order_id": order["id"], "state": "COMPLETED", "version": 4}}
        content = {"order": order} if whole else named
        told.append(_told("order.updated", acts[-1].at, content))
        told += [
            _told("payment.updated", act.at, _payment(order["id"], act))
            for act in acts
            if act.what == "pay"
        ]
    for index, one in enumerate(told):
        one["event_id"] = f"e{index:04}-{hashlib.sha256(json.dumps(one).encode()).hexdigest()[:12]}"
    return told


def orders(till: Till) -> dict[str, dict[str, Any]]:
    """Give the orders of a till by their ids, with their lines."""
    found: dict[str, dict[str, Any]] = {}
    for number, group in groupby(till.acts, key=lambda act: act.number):
        acts = list(group)
        if number and any(act.what == "end" for act in acts):
            order = order_of(number, acts)
            found[order["id"]] = order
    return found


def order_of(number: int, acts: list[Act]) -> dict[str, Any]:
    """Give a receipt as an order: what was voided is not in it."""
    voided = {act.line for act in acts if act.what == "void-line"}
    off = {act.line: act.pence for act in acts if act.what == "discount"}
    lines = [
        {
            "uid": f"u{act.line}",
            "name": act.article.name,
            "quantity": str(act.units),
            "catalog_object_id": f"CAT{act.article.code[-5:]}",
            "gtin": act.article.code,
            "base_price_money": _money(act.pence),
            "total_discount_money": _money(off.get(act.line, 0)),
            "total_money": _money(act.pence * act.units - off.get(act.line, 0)),
        }
        for act in acts
        if act.what == "line" and act.article is not None and act.line not in voided
    ]
    return {
        "id": f"ORDER-{number}",
        "location_id": LOCATION,
        "state": "COMPLETED",
        "created_at": _at(acts[0].at),
        "updated_at": _at(acts[-1].at),
        "closed_at": _at(acts[-1].at),
        "line_items": lines,
    }


def body(notification: dict[str, Any]) -> bytes:
    """Give the body of a request with a notification."""
    return json.dumps(notification).encode()


def headers(key: bytes, url: str, data: bytes) -> dict[str, str]:
    """Give the headers that sign a body.

    Args:
        key: of the subscription.
        url: that the subscription names.
        data: the body.
    """
    digest = hmac.new(key, url.encode() + data, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-Square-HmacSha256-Signature": base64.b64encode(digest).decode(),
    }


class Orders:
    """The part of the cloud that one can ask for orders.

    Args:
        found: orders by their ids.
        token: that has to be shown.
        late: how often an order is asked for before it has its lines.
    """

    def __init__(self, found: dict[str, dict[str, Any]], token: str, *, late: int = 0) -> None:
        self._found = found
        self._token = token
        self._late = late
        self.asked = 0

    async def serve(self, link: Link) -> None:
        """Answer one request after the other."""
        rest = b""
        while data := await link.read():
            *heads, rest = (rest + data).split(b"\r\n\r\n")
            for head in heads:
                await link.write(self._answered(head.decode("latin-1")))
                await asyncio.sleep(0)

    def _answered(self, head: str) -> bytes:
        line, *fields = head.split("\r\n")
        number = line.split(" ")[1].removeprefix("/v2/orders/")
        self.asked += 1
        if f"Authorization: Bearer {self._token}" not in fields:
            return _http("401 Unauthorized", {})
        order = self._found.get(number)
        if order is None:
            return _http("404 Not Found", {})
        if self.asked <= self._late:
            order = {name: value for name, value in order.items() if name != "line_items"}
        return _http("200 OK", {"order": order})


def _http(status: str, content: dict[str, Any]) -> bytes:
    data = json.dumps(content).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def _told(type_: str, at: datetime, content: dict[str, Any]) -> dict[str, Any]:
    name, found = next(iter(content.items()))
    return {
        "merchant_id": "M6R5SHOP",
        "type": type_,
        "created_at": _at(at),
        "data": {"type": name, "id": str(found.get("id", "")), "object": content},
    }


def _payment(order: str, act: Act) -> dict[str, Any]:
    payment: dict[str, Any] = {
        "id": f"PAY-{act.number}",
        "order_id": order,
        "location_id": LOCATION,
        "status": "COMPLETED",
        "source_type": "CASH" if act.method == "cash" else "CARD",
        "amount_money": _money(act.pence),
        "created_at": _at(act.at),
    }
    if act.method == "card":
        # What no cloud should send: the whole number.
        card = {"pan": "5555555555554444", "last_4": "4444"}
        payment["card_details"] = {"card": {**card, "fingerprint": act.card} if act.card else card}
    return {"payment": payment}


def _refund(act: Act) -> dict[str, Any]:
    return {
        "refund": {
            "id": f"REF-{act.number}-{act.what}",
            "order_id": f"ORDER-{act.refers}",
            "location_id": LOCATION,
            "status": "COMPLETED" if act.what == "return" else "PENDING",
            "amount_money": _money(abs(act.pence)),
            "created_at": _at(act.at),
        }
    }


def _money(pence: int) -> dict[str, Any]:
    return {"amount": pence, "currency": "GBP"}


def _at(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
