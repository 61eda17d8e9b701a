"""The lines of a POSLog transaction: what each tells of goods, prices, money and ages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element

from aislewatch.events.conversion import exact, gtin14, instant_us, mass_mg, money_minor
from aislewatch_plugins.pos.card_names import CARD_TOKEN
from aislewatch_plugins.pos.dialect import Dialect, plain

_GOODS = (
    "Sale",
    "SaleForDelivery",
    "SaleForPickup",
    "SaleForLayaway",
    "PrepaidCard",
)
_BACK = ("Return", "ReturnForDelivery", "ReturnForPickup")
_GREATEST_AGE = 150


@dataclass(frozen=True, slots=True)
class Line:
    """Something that a line tells.

    Attributes:
        type: of the event.
        time_us: when.
        fields: of the event.
    """

    type: str
    time_us: int
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Setting:
    """What lines are read by.

    Attributes:
        dialect: of the tills.
        currency: of the amounts.
        zone: of times that state none.
        ends_us: when the transaction ended; lines seldom say their own time.
        sale: the receipt that the whole transaction gives back from; None where it says none.
    """

    dialect: Dialect
    currency: str
    zone: str
    ends_us: int
    sale: str | None


class Lines:
    """Reads the lines of one transaction, in order."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._means = setting.dialect.spoken
        self._standing: list[Line] = []

    def read(self, element: Element, linked: Callable[[Element], str]) -> Iterator[Line]:
        """Read one line.

        Args:
            element: the ``LineItem``.
            linked: gives the receipt that a ``TransactionLink`` means.

        Raises:
            ValueError: a figure in it cannot be read; the text is a sentence.
        """
        time_us = self._time_us(element)
        voided = element.get("VoidFlag", "").lower() == "true"
        for part in element:
            if part.tag in _GOODS or part.tag in _BACK:
                yield from self._goods(element, part, time_us, linked, voided=voided)
            elif part.tag == "Tender" and not voided:
                yield from self._tender(part, time_us)
            elif part.tag == "Discount" and not voided:
                amount = self._amount(part, "Amount", "DiscountAmount")
                yield Line("pos.discount", time_us, {"amount_minor": amount})
            elif part.tag == "AgeRestriction":
                yield Line("pos.age_check", time_us, _age(part))
            elif part.tag == "ItemNotFound":
                yield Line("pos.not_found", time_us, _article(part))
            elif part.tag.lower() in self._means["override_lines"]:
                yield Line("pos.override", time_us)

    def taken_back(self, time_us: int) -> list[Line]:
        """Give a void for each line that is still sold: the transaction was given up."""
        back: list[Line] = []
        for line in self._standing:
            fields = dict(line.fields)
            price = fields.get("price_minor")
            amount = price * fields.get("units", 1) if price is not None else None
            back.append(
                Line("pos.void", time_us, fields | {"post_void": False, "amount_minor": amount})
            )
        self._standing.clear()
        return back

    def _goods(
        self,
        element: Element,
        part: Element,
        time_us: int,
        linked: Callable[[Element], str],
        *,
        voided: bool,
    ) -> Iterator[Line]:
        quantity = _figure(part, "Quantity")
        extended = _figure(part, "ExtendedAmount")
        goods = self._priced(element, part, quantity, extended)
        amount = self._minor(extended) if extended is not None else None
        if voided:
            if (quantity or 0) >= 0 and (extended or 0) >= 0:
                # The line itself is marked: it was sold first. Otherwise another line was, before.
                yield Line("pos.item", time_us, goods)
            else:
                self._forget(goods)
            fields = goods | {"post_void": False, "amount_minor": amount}
            yield Line("pos.void", time_us, fields)
            return
        type_ = plain(part.get("ItemType", ""))
        negative = extended is not None and extended < 0
        if part.tag in _BACK or type_ in self._means["refund_items"] or negative:
            link = child(part, "TransactionLink")
            sale = linked(link) if link is not None else self._setting.sale
            yield Line(
                "pos.refund", time_us, goods | {"amount_minor": amount, "original_receipt": sale}
            )
            return
        item = Line("pos.item", time_us, goods)
        self._standing.append(item)
        yield item
        yield from self._price_changes(element, part, time_us, goods)

    def _price_changes(
        self, element: Element, part: Element, time_us: int, goods: Mapping[str, Any]
    ) -> Iterator[Line]:
        modifiers = part.findall("RetailPriceModifier")
        overridden = False
        for modifier in modifiers:
            tags = {below.tag.lower() for below in modifier}
            if tags & self._means["promotions"]:
                continue
            method = plain(modifier.get("MethodCode", ""))
            amount = self._amount(modifier, "Amount")
            if method in self._means["override_methods"]:
                overridden = True
                price = self._amount(modifier, "NewPrice") or self._amount(
                    part, "ActualSalesUnitPrice"
                )
                yield Line("pos.override", time_us, {**goods, "amount_minor": price})
            elif amount:
                yield Line("pos.discount", time_us, {**goods, "amount_minor": amount})
        actual = self._amount(part, "ActualSalesUnitPrice")
        regular = goods.get("price_minor")
        flagged = any(
            name.lower() in self._means["override_flags"] and value.lower() == "true"
            for name, value in element.attrib.items()
        )
        differs = actual is not None and regular is not None and actual != regular
        if not overridden and (flagged or (differs and not modifiers)):
            yield Line("pos.override", time_us, {**goods, "amount_minor": actual})
        elif not modifiers:
            amount = self._amount(part, "ExtendedDiscountAmount") or self._amount(
                part, "DiscountAmount"
            )
            if amount:
                yield Line("pos.discount", time_us, {**goods, "amount_minor": amount})

    def _priced(
        self, element: Element, part: Element, quantity: Decimal | None, extended: Decimal | None
    ) -> dict[str, Any]:
        """Give article, units, price of one and weight."""
        dialect = self._setting.dialect
        goods = _article(part)
        code = part.find("Quantity")
        unit = code.get("UnitOfMeasureCode", "").upper() if code is not None else ""
        weighed = any(
            name.lower() in self._means["weighed_flags"] and value.lower() == "true"
            for name, value in element.attrib.items()
        )
        mass = dialect.weight_units.get(unit) or (dialect.weight_unit if weighed else None)
        regular = _figure(part, "RegularSalesUnitPrice")
        if weighed or mass is not None:
            goods["units"] = 1
            if mass is not None and quantity is not None:
                goods["weight_mg"] = mass_mg(abs(quantity), mass)
            # The unit price is that of a kilogram or a pound; what was asked is the article's.
            regular = extended
        elif quantity is not None:
            if quantity != quantity.to_integral_value():
                message = f"a quantity of {quantity} that is no weight"
                raise ValueError(message)
            goods["units"] = abs(int(quantity))
        if regular is not None:
            goods["price_minor"] = self._minor(regular)
        return goods

    def _tender(self, part: Element, time_us: int) -> Iterator[Line]:
        if plain(part.get("TypeCode", "Sale")) in {"refund", "change", "void"}:
            return  # Money that goes out is what the refund's own lines tell.
        type_ = plain(part.get("TenderType", ""))
        method = self._setting.dialect.methods.get(type_, "other")
        amount = _figure(part, "Amount")
        if amount is not None and amount < 0:
            return
        minor = self._minor(amount) if amount is not None else None
        fields = {"method": method, "amount_minor": minor, CARD_TOKEN: self._card_token(part)}
        yield Line("pos.tender", time_us, fields)

    def _card_token(self, part: Element) -> str | None:
        names = self._means["card_tokens"]
        found = next((one for one in part.iter() if plain(one.tag) in names), None)
        return ((found.text or "").strip() or None) if found is not None else None

    def _forget(self, goods: Mapping[str, Any]) -> None:
        """Take the last line of such goods off what is still sold."""
        same = ("sku", "gtin", "units", "weight_mg")
        for index in range(len(self._standing) - 1, -1, -1):
            fields = self._standing[index].fields
            if all(fields.get(name) == goods.get(name) for name in same):
                del self._standing[index]
                return

    def _time_us(self, element: Element) -> int:
        written = text_of(element, "EndDateTime") or text_of(element, "BeginDateTime")
        return instant_us(written, zone=self._setting.zone) if written else self._setting.ends_us

    def _amount(self, part: Element, *names: str) -> int | None:
        for name in names:
            figure = _figure(part, name)
            if figure is not None:
                return self._minor(figure)
        return None

    def _minor(self, figure: Decimal) -> int:
        # The kind of event says which way money goes; unit prices may have more digits than coins.
        return money_minor(abs(figure), self._setting.currency, "nearest")


def child(element: Element, name: str) -> Element | None:
    """Give the first child of a name."""
    return element.find(name)


def text_of(element: Element, *path: str) -> str:
    """Give the text at a path of names; empty where there is none."""
    found = element.find("/".join(path))
    return (found.text or "").strip() if found is not None else ""


def _figure(part: Element, name: str) -> Decimal | None:
    written = text_of(part, name)
    if not written:
        return None
    try:
        return exact(written)
    except ValueError as error:
        message = f"{name}: {error}"
        raise ValueError(message) from None


def _article(part: Element) -> dict[str, Any]:
    """Give the article's barcode, and the shop's own number where that is another."""
    code = text_of(part, "POSIdentity", "POSItemID")
    number = text_of(part, "ItemID")
    found: dict[str, Any] = {}
    gtin = gtin14(code) or gtin14(number)
    if gtin is not None:
        found["gtin"] = gtin
    own = number or code
    if own and gtin14(own) is None:
        found["sku"] = own[:200]
    return found


def _age(part: Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    years = (part.text or "").strip() or part.get("MinimumAge", "")
    if years.isdecimal() and int(years) <= _GREATEST_AGE:
        found["minimum_age"] = int(years)
    verified = part.get("Verified", part.get("VerifiedFlag", "")).lower()
    if verified in {"true", "false"}:
        found["passed"] = verified == "true"
    return found
