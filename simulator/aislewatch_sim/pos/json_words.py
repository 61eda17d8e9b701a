"""A till's acts in the words of signed JSON over HTTP."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from aislewatch_sim.pos.till import Act, Till

_KINDS = {
    "open": "basket_open",
    "line": "sale",
    "void-line": "line_void",
    "price": "override",
    "discount": "discount",
    "age": "age_check",
    "unknown": "not_found",
    "total": "payment_start",
    "pay": "tender",
    "end": "basket_close",
    "suspend": "suspend",
    "resume": "resume",
    "return": "refund",
    "post-void": "post_void",
    "no-sale": "no_sale",
    "drawer": "drawer_open",
    "sign-on": "sign_on",
    "sign-off": "sign_off",
}


def events(till: Till) -> list[dict[str, Any]]:
    """Give an object for each act that this till tells."""
    baskets: dict[int, int] = {}
    told: list[dict[str, Any]] = []
    for index, act in enumerate(till.acts, start=1):
        if act.what == "resume":
            baskets[act.number] = act.refers
        if act.what == "pay" and act.pence < 0:
            continue
        row: dict[str, Any] = {
            "id": f"{till.name}/{act.at:%Y-%m-%d}/{act.number}/{index}",
            "kind": _KINDS[act.what],
            "at": act.at.isoformat(timespec="milliseconds"),
            "seq": index,
            "till": till.name,
            "cashier": till.cashier,
        }
        if act.number:
            row["receipt"] = str(act.number)
            row["basket"] = str(baskets.get(act.number, act.number))
        told.append(row | _more(act))
    return told


def _more(act: Act) -> dict[str, Any]:
    goods: dict[str, Any] = {}
    if act.article is not None:
        goods = {"gtin": act.article.code}
        if act.what != "unknown":
            goods |= {"units": act.units, "price_minor": act.article.pence}
    match act.what:
        case "return":
            refers = {"original_receipt": str(act.refers)} if act.refers else {}
            return {**goods, **refers, "amount_minor": act.pence}
        case "void-line":
            return {**goods, "amount_minor": act.pence * act.units}
        case "price" | "discount":
            return {**goods, "amount_minor": act.pence}
        case "post-void":
            back = str(act.refers)
            return {"receipt": back, "basket": back, "amount_minor": act.pence}
        case "pay":
            card = {"card_token": act.card} if act.card else {}
            return {"method": act.method, "amount_minor": act.pence, **card}
        case "age":
            return {"passed": True, "minimum_age": act.years}
        case _:
            return goods


def body(rows: Sequence[dict[str, Any]]) -> bytes:
    """Give the body of a request with these events."""
    return json.dumps({"events": list(rows)}).encode()


def headers(secret: bytes, sent_s: int, data: bytes) -> dict[str, str]:
    """Give the headers that sign a body.

    Args:
        secret: shared with whoever takes it.
        sent_s: seconds since 1970 UTC.
        data: the body.
    """
    signed = f"{sent_s}.".encode() + data
    digest = hmac.new(secret, signed, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "X-Aislewatch-Timestamp": str(sent_s),
        "X-Aislewatch-Signature": f"v1={digest}",
    }
