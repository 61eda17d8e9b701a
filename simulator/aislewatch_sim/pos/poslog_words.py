"""A till's acts as POSLog XML, of version 2.2 or 6.

Transactions are written as their tills write them: whole, when they are over. Version 2.2 states no
times of lines and takes a line back by a second, negative one; version 6 states them, and marks the
line itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from aislewatch_sim.pos.till import Act, Till

_NAMESPACE = "http://www.nrf-arts.org/IXRetail/namespace/"
_CONTROLS = {"no-sale": "NoSale", "sign-on": "OperatorSignOn", "sign-off": "OperatorSignOff"}


def document(transactions: Sequence[str], version: str) -> bytes:
    """Give a whole document of these transactions."""
    inner = "\n".join(transactions)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    versioned = f' MajorVersion="{version[0]}"' if version.startswith("6") else ""
    return f'{head}<POSLog xmlns="{_NAMESPACE}"{versioned}>\n{inner}\n</POSLog>\n'.encode()


def transactions(till: Till, version: str, *, store: str = "9") -> list[str]:
    """Give a till's transactions as elements, in the order in which they ended.

    Args:
        till: what was done at it.
        version: ``2.2`` or ``6``.
        store: number of the shop.
    """
    told: list[str] = []
    controls = 10_000  # Numbers of their own, so that receipts keep theirs.
    for number, group in groupby(till.acts, key=lambda act: act.number):
        acts = list(group)
        if number:
            told.append(_Writer(till, version, store).retail(number, acts))
            continue
        for act in acts:
            controls += 1
            told.append(_Writer(till, version, store).control(controls, act))
    return told


class _Writer:
    def __init__(self, till: Till, version: str, store: str) -> None:
        self._till = till
        self._new = version.startswith("6")
        self._store = store

    def control(self, number: int, act: Act) -> str:
        name = _CONTROLS[act.what]
        at = _local(act.at)
        inside = f"<{name}>{at}</{name}>" if act.what == "no-sale" else f"<{name}/>"
        content = f"<ControlTransaction>{inside}</ControlTransaction>"
        return self._transaction(number, act.at, act.at, content)

    def retail(self, number: int, acts: list[Act]) -> str:
        first, last = acts[0], acts[-1]
        status = links = ""
        if any(act.what == "suspend" for act in acts):
            status = ' TransactionStatus="Suspended"'
        if first.what == "post-void":
            status = ' TransactionStatus="PostVoided"'
            links = self._link(first.refers, "Voided", first.at)
        if first.what == "resume":
            links = self._link(first.refers, "Resume", first.at)
        lines = "".join(self._lines(acts))
        total = next((act.pence for act in acts if act.what in {"end", "post-void"}), 0)
        grand = f'<Total TotalType="TransactionGrandAmount">{_amount(total)}</Total>'
        content = f"<RetailTransaction{status}>{lines}{grand}{links}</RetailTransaction>"
        return self._transaction(number, first.at, last.at, content)

    def _transaction(self, number: int, begins: datetime, ends: datetime, content: str) -> str:
        if self._new:
            shop = f"<BusinessUnit><UnitID>{self._store}</UnitID></BusinessUnit>"
        else:
            shop = f"<RetailStoreID>{self._store}</RetailStoreID>"
        return (
            f'<Transaction CancelFlag="false" TrainingModeFlag="false">{shop}'
            f"<WorkstationID>{escape(self._till.name)}</WorkstationID>"
            f"<SequenceNumber>{number}</SequenceNumber>"
            f"<BusinessDayDate>{begins:%Y-%m-%d}</BusinessDayDate>"
            f"<BeginDateTime>{_local(begins)}</BeginDateTime>"
            f"<EndDateTime>{_local(ends)}</EndDateTime>"
            f'<OperatorID OperatorName="Jo Doe">{self._till.cashier}</OperatorID>'
            f"<CurrencyCode>GBP</CurrencyCode>{content}</Transaction>"
        )

    def _lines(self, acts: list[Act]) -> Iterator[str]:
        voided = {act.line for act in acts if act.what == "void-line"}
        changes = {act.line: act for act in acts if act.what in {"price", "discount"}}
        for sequence, act in enumerate(acts, start=1):
            match act.what:
                case "line":
                    marked = self._new and act.line in voided
                    yield self._line(sequence, act, self._goods(act, changes.get(act.line)), marked)
                case "void-line" if not self._new:
                    yield self._line(sequence, act, self._goods(act, None, sign=-1), voided=True)
                case "return":
                    yield self._line(sequence, act, self._return(act))
                case "age":
                    inside = f'<AgeRestriction Verified="true">{act.years}</AgeRestriction>'
                    yield self._line(sequence, act, inside)
                case "unknown":
                    inside = f"<ItemNotFound>{self._article(act)}</ItemNotFound>"
                    yield self._line(sequence, act, inside)
                case "pay":
                    yield self._line(sequence, act, self._tender(act))
                case _:
                    continue

    def _line(self, sequence: int, act: Act, inside: str, voided: bool = False) -> str:
        flag = ' VoidFlag="true"' if voided else ""
        at = f"<BeginDateTime>{_local(act.at)}</BeginDateTime>" if self._new else ""
        number = f"<SequenceNumber>{sequence}</SequenceNumber>"
        return f'<LineItem EntryMethod="Scanned"{flag}>{number}{at}{inside}</LineItem>'

    def _article(self, act: Act) -> str:
        assert act.article is not None
        code = act.article.code
        if self._new:
            return f'<ItemID Type="EAN13">{code}</ItemID>'
        padded = code.zfill(14)
        return (
            f'<POSIdentity POSIDType="GTIN"><POSItemID>{padded}</POSItemID></POSIdentity>'
            f"<ItemID>{padded}</ItemID>"
        )

    def _goods(self, act: Act, change: Act | None, sign: int = 1) -> str:
        assert act.article is not None
        regular, units = act.article.pence, act.units
        actual, modifier, off = regular, "", 0
        if change is not None and change.what == "price":
            actual = change.pence
            modifier = _modifier("PriceOverride", (regular - actual) * units)
        elif change is not None:
            off = change.pence
            modifier = _modifier("Manual", off)
        extended = sign * (actual * units - off)
        fields = [
            f"<Description>{escape(act.article.name)}</Description>",
            f"<RegularSalesUnitPrice>{_amount(regular)}</RegularSalesUnitPrice>",
            f"<ActualSalesUnitPrice>{_amount(actual)}</ActualSalesUnitPrice>",
            f"<ExtendedAmount>{_amount(extended)}</ExtendedAmount>",
            f"<DiscountAmount>{_amount(off)}</DiscountAmount>",
            f"<Quantity>{sign * units}</Quantity>",
            modifier if self._new else "",
        ]
        return f'<Sale ItemType="Stock">{self._article(act)}{"".join(fields)}</Sale>'

    def _return(self, act: Act) -> str:
        link = self._link(act.refers, "Return", act.at) if act.refers else ""
        amount = _amount(-act.pence)
        return (
            f'<Return ItemType="Stock">{self._article(act)}'
            f"<RegularSalesUnitPrice>{_amount(act.pence)}</RegularSalesUnitPrice>"
            f"<ExtendedAmount>{amount}</ExtendedAmount><Quantity>-1</Quantity>{link}</Return>"
        )

    def _tender(self, act: Act) -> str:
        type_ = "Cash" if act.method == "cash" else "CreditDebit"
        code = "Sale" if act.pence >= 0 else "Refund"
        # What no till should write, and some do: the whole number of the card.
        card = ""
        if act.method == "card":
            card = "<CreditDebit><PrimaryAccountNumber>4111111111111111</PrimaryAccountNumber>"
            card += (
                f"<Token>{escape(act.card)}</Token></CreditDebit>" if act.card else "</CreditDebit>"
            )
        amount = f"<Amount>{_amount(abs(act.pence))}</Amount>"
        return f'<Tender TenderType="{type_}" TypeCode="{code}">{amount}{card}</Tender>'

    def _link(self, number: int, reason: str, at: datetime) -> str:
        return (
            f"<TransactionLink ReasonCode={quoteattr(reason)}>"
            f"<WorkstationID>{escape(self._till.name)}</WorkstationID>"
            f"<BusinessDayDate>{at:%Y-%m-%d}</BusinessDayDate>"
            f"<SequenceNumber>{number}</SequenceNumber></TransactionLink>"
        )


def _modifier(method: str, pence: int) -> str:
    amount = f'<Amount Action="Subtract">{_amount(pence)}</Amount>'
    number = "<SequenceNumber>1</SequenceNumber>"
    return f'<RetailPriceModifier MethodCode="{method}">{number}{amount}</RetailPriceModifier>'


def _amount(pence: int) -> str:
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02d}"


def _local(at: datetime) -> str:
    """Give a time as tills write it: the shop's wall clock, and no zone."""
    return at.strftime("%Y-%m-%dT%H:%M:%S")
