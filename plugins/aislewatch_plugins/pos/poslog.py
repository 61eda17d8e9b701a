"""One POSLog transaction, of either generation: what it tells.

Versions 2.x and 6 differ in their header (``RetailStoreID`` or ``BusinessUnit/UnitID``) and in
where a line says its time; the rest is the same but for makers' words, see
:mod:`aislewatch_plugins.pos.dialect`. A transaction is told when it is whole: what it tells is
minutes old.

A receipt is called ``till/day/number`` here, because numbers begin anew. Names, dates of birth,
signatures and card data are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, tostring

from aislewatch.events.conversion import exact, instant_us, money_minor
from aislewatch_plugins.pos.dialect import Dialect, plain
from aislewatch_plugins.pos.poslog_lines import Line, Lines, Setting, child, text_of
from aislewatch_plugins.pos.told import Fact, Flaw, Found

_SEQ_STEP = 10_000
"""Room for what one transaction tells, so that those of one second keep their order."""

_SPEAKS = {"OperatorSignOn": "pos.sign_on", "OperatorSignOff": "pos.sign_off"}


class _Elsewhere(ValueError):
    """A transaction of another shop: it is missing nowhere here."""


@dataclass(frozen=True, slots=True)
class Header:
    """What identifies a transaction.

    Attributes:
        till: its workstation.
        day: its business day.
        number: its sequence number.
        begins_us: when it began.
        ends_us: when it ended.
        cashier: number of who was signed on; None where it is not said.
        currency: of its amounts.
    """

    till: str
    day: str
    number: str
    begins_us: int
    ends_us: int
    cashier: str | None
    currency: str

    @property
    def name(self) -> str:
        """What its receipt is called."""
        return f"{self.till}/{self.day}/{self.number}"


class PosLogReader:
    """Reads transactions.

    Args:
        dialect: of the tills.
        zone: IANA name, for times that state none.
        currency: of the shop; amounts in another are refused.
        store: number that the tills know the shop by; others' transactions are refused. None takes
            all.
    """

    def __init__(
        self, dialect: Dialect, *, zone: str, currency: str, store: str | None = None
    ) -> None:
        self._dialect = dialect
        self._zone = zone
        self._currency = currency
        self._store = store

    def read(self, transaction: Element, place: str) -> list[Found] | None:
        """Read one transaction.

        Args:
            transaction: as :func:`~aislewatch_plugins.pos.poslog_xml.transactions` gives it.
            place: for what is refused.

        Returns:
            What it tells, in order; None for one that was made for practice.
        """
        if transaction.get("TrainingModeFlag", "").lower() == "true":
            return None
        try:
            header = self._header(transaction)
        except ValueError as error:
            return [
                Flaw(
                    self._raw(transaction), str(error), place, text_of(transaction, "WorkstationID")
                )
            ]
        place = f"{place}, transaction {header.name}"
        found: list[Found] = []
        told = self._told(transaction, header, place)
        for n, one in enumerate(told, start=1):
            if isinstance(one, Flaw):
                found.append(one)
                continue
            seq = int(header.number) * _SEQ_STEP + n if header.number.isdecimal() else n
            fields = {"receipt": header.name, "basket": header.name, **one.fields}
            fields.setdefault("cashier", header.cashier)
            key = f"{header.name}/{n}"
            found.append(Fact(one.type, one.time_us, key, seq, header.till, fields))
        return found

    def _header(self, transaction: Element) -> Header:
        store = text_of(transaction, "RetailStoreID") or text_of(
            transaction, "BusinessUnit", "UnitID"
        )
        if self._store is not None and store != self._store:
            message = f"it is of store {store or 'unknown'}, not of {self._store}"
            raise _Elsewhere(message)
        ends = text_of(transaction, "EndDateTime") or text_of(transaction, "POSLogDateTime")
        begins = text_of(transaction, "BeginDateTime") or ends
        till = text_of(transaction, "WorkstationID")
        number = text_of(transaction, "SequenceNumber") or text_of(transaction, "TransactionID")
        day = text_of(transaction, "BusinessDayDate")[:10]
        for what, value in (("WorkstationID", till), ("SequenceNumber", number)):
            if not value or len(value) > 40:
                message = f"its {what} is missing, or longer than 40 characters"
                raise ValueError(message)
        ends_us = instant_us(ends or begins, zone=self._zone)
        currency = text_of(transaction, "CurrencyCode") or self._currency
        if currency != self._currency:
            message = f"its amounts are in {currency[:10]}, the shop's in {self._currency}"
            raise ValueError(message)
        return Header(
            till=till,
            day=day or (ends or begins)[:10],
            number=number,
            begins_us=min(instant_us(begins, zone=self._zone), ends_us),
            ends_us=ends_us,
            cashier=text_of(transaction, "OperatorID")[:200] or None,
            currency=currency,
        )

    def _told(self, transaction: Element, header: Header, place: str) -> Iterator[Found]:
        retail = child(transaction, "RetailTransaction")
        if retail is not None:
            yield from self._retail(transaction, retail, header, place)
        for control in transaction.iter("ControlTransaction"):
            if child(control, "NoSale") is not None:
                # Outside of a receipt: what rules join on must not be a receipt that never was.
                yield _fact("pos.no_sale", header.ends_us, receipt=None, basket=None)
            for name, type_ in _SPEAKS.items():
                if child(control, name) is not None:
                    yield _fact(type_, header.ends_us, receipt=None, basket=None)

    def _retail(
        self, transaction: Element, retail: Element, header: Header, place: str
    ) -> Iterator[Found]:
        means = self._dialect.spoken
        status = plain(retail.get("TransactionStatus", ""))
        links = {
            plain(link.get("ReasonCode", "")): self._linked(link, header)
            for link in retail.findall("TransactionLink")
        }
        voids = next((name for why, name in links.items() if why in means["post_voided"]), None)
        if voids is not None or status in means["post_voided"]:
            yield self._post_void(retail, header, voids or header.name, place)
            return
        resumed = next((name for why, name in links.items() if why in means["resumed"]), None)
        basket = resumed or header.name
        opened = "pos.resume" if resumed or status in means["resumed"] else "pos.basket_open"
        yield _fact(opened, header.begins_us, basket=basket)
        sale = next((name for why, name in links.items() if why in means["returns"]), None)
        setting = Setting(self._dialect, header.currency, self._zone, header.ends_us, sale)
        lines = Lines(setting)
        for element in retail.findall("LineItem"):
            try:
                told = list(lines.read(element, lambda link: self._linked(link, header)))
            except ValueError as error:
                number = text_of(element, "SequenceNumber") or "?"
                where = f"{place}, line {number[:20]}"
                yield Flaw(self._raw(element), str(error), where, header.till, header.ends_us)
                continue
            yield from (_of(line, basket) for line in told)
        cancelled = transaction.get("CancelFlag", retail.get("CancelFlag", "")).lower() == "true"
        if status in means["suspended"]:
            yield _fact("pos.suspend", header.ends_us, basket=basket)
            return
        if cancelled or status in means["cancelled"]:
            # Given up: the goods stay here, so nothing of it may count as sold and unpaid.
            yield from (_of(line, basket) for line in lines.taken_back(header.ends_us))
        yield _fact("pos.basket_close", header.ends_us, basket=basket)

    def _post_void(self, retail: Element, header: Header, name: str, place: str) -> Found:
        amount: int | None = None
        totals = {total.get("TotalType", ""): total.text for total in retail.findall("Total")}
        written = totals.get("TransactionGrandAmount") or totals.get("TransactionNetAmount")
        try:
            if written:
                amount = money_minor(abs(exact(written)), header.currency)
        except ValueError as error:
            return Flaw(self._raw(retail), str(error), place, header.till, header.ends_us)
        return _fact(
            *("pos.void", header.ends_us),
            receipt=name,
            basket=name,
            post_void=True,
            amount_minor=amount,
        )

    def _raw(self, element: Element) -> bytes:
        """Give what cannot be read, without the tokens of cards, whatever the tills call them."""
        names = self._dialect.spoken["card_tokens"]
        for one in element.iter():
            if plain(one.tag) in names:
                one.text = "***"
        raw: bytes = tostring(element, encoding="utf-8")
        return raw

    def _linked(self, link: Element, header: Header) -> str:
        till = text_of(link, "WorkstationID") or header.till
        day = text_of(link, "BusinessDayDate")[:10] or header.day
        number = text_of(link, "SequenceNumber") or text_of(link, "TransactionID")
        return f"{till}/{day}/{number}"[:200]


def _fact(type_: str, time_us: int, **fields: object) -> Fact:
    return Fact(type_, time_us, "", fields=fields)


def _of(line: Line, basket: str) -> Fact:
    return Fact(line.type, line.time_us, "", fields={"basket": basket, **line.fields})
