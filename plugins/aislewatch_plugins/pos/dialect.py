"""Dialects of POSLog: the words in which makers of tills say the same things differently.

The standard leaves many words open and every maker adds some. A dialect lists them; the ones below
ship, and a YAML file with the same keys makes another: what it does not say is as in ``arts``.
Words are compared without their prefix and without regard to case.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, Field

from aislewatch.events.kinds import Tender
from aislewatch.events.units import UNITS, Dimension
from aislewatch_plugins.pos.config import Part

Words = Annotated[tuple[str, ...], Field(max_length=200)]


_WEIGHT_UNITS: Mapping[str, str] = {
    "KGM": "kg",
    "KG": "kg",
    "GRM": "g",
    "LBR": "lb",
    "LB": "lb",
    "ONZ": "oz",
    "OZ": "oz",
}

_TENDERS: Mapping[str, Tender] = {
    "Cash": "cash",
    "CreditDebit": "card",
    "Credit": "card",
    "Debit": "card",
    "CreditCard": "card",
    "DebitCard": "card",
    "GiftCard": "gift-card",
    "GiftCertificate": "gift-card",
    "StoredValue": "gift-card",
    "Voucher": "voucher",
    "Coupon": "voucher",
    "ManufacturerCoupon": "voucher",
    "CreditNote": "voucher",
    "Mobile": "mobile",
    "MobilePayment": "mobile",
}


def _mass(symbol: str) -> str:
    if symbol not in UNITS or UNITS[symbol].dimension is not Dimension.MASS:
        message = f"{symbol!r} is no unit of mass; write kg, g, lb or oz"
        raise ValueError(message)
    return symbol


MassUnit = Annotated[str, AfterValidator(_mass)]


def plain(word: str) -> str:
    """Give a word as it is compared: without its prefix, in small letters.

    >>> plain("acs:NegativeItem")
    'negativeitem'
    """
    return word.rpartition(":")[2].lower()


class Dialect(Part):
    """What a maker's words mean.

    Attributes:
        suspended: status of a transaction that was set aside.
        resumed: status of one, or reason of its link to another, that goes on with what was set
            aside.
        post_voided: status of a transaction, or reason of its link, that takes a paid one back.
        cancelled: status of a transaction that was given up before it was paid.
        returns: reason of a link to the sale that goods come back from.
        refund_items: item types of a sale line that gives money back.
        override_methods: method codes of a price modifier that is a price set by hand.
        override_flags: attributes of a line that say so.
        override_lines: elements of a line that stand for an override of which no more is said.
        promotions: elements of a price modifier that nobody gave by hand.
        weighed_flags: attributes of a line whose quantity is a weight.
        weight_unit: in which it is, where the line does not say.
        weight_units: what codes for units of mass mean.
        tenders: what types of tender mean; others are ``other``.
        card_tokens: elements of a tender that hold the payment provider's token for the card. The
            standard has none; tills and their switches add one.
    """

    suspended: Words = ("Suspended",)
    resumed: Words = ("Resume", "Resumed", "SuspendedRetrieved", "Retrieved")
    post_voided: Words = ("PostVoided", "PostVoid", "Voided", "Void")
    cancelled: Words = ("Canceled", "Cancelled", "CancelOrphaned", "SuspendedCancelled")
    returns: Words = ("Return", "Returned", "ReturnExchange", "Refund")
    refund_items: Words = ("Return", "DepositRefund")
    override_methods: Words = ("PriceOverride", "Override", "ManualPrice")
    override_flags: Words = ()
    override_lines: Words = ("PriceModification",)
    promotions: Words = (
        "PromotionID",
        "PriceDerivationRule",
        "PromotionPriceDerivationRuleReference",
    )
    weighed_flags: Words = ("weightItem", "WeightItemFlag")
    card_tokens: Words = ("Token", "TokenID", "CardToken", "PaymentAccountReference")
    weight_unit: MassUnit | None = None
    weight_units: dict[str, MassUnit] = Field(default_factory=lambda: dict(_WEIGHT_UNITS))
    tenders: dict[str, Tender] = Field(default_factory=lambda: dict(_TENDERS))

    @cached_property
    def spoken(self) -> Mapping[str, frozenset[str]]:
        """The lists of words by their names, made ready to be compared with."""
        lists: dict[str, tuple[str, ...]] = {name: getattr(self, name) for name in _LISTS}
        return {name: frozenset(map(plain, words)) for name, words in lists.items()}

    @cached_property
    def methods(self) -> Mapping[str, Tender]:
        """The types of tender, made ready to be looked up."""
        return {plain(word): method for word, method in self.tenders.items()}


_LISTS = tuple(
    name for name, part in Dialect.model_fields.items() if isinstance(part.default, tuple)
)

DIALECTS: Mapping[str, Dialect] = {
    "arts": Dialect(),
    "ncr-acs": Dialect(
        refund_items=("Return", "DepositRefund", "NegativeItem"),
        override_flags=("OperatorOverride",),
        override_lines=("PriceModification", "SupervisorOverride"),
        weight_unit="lb",
    ),
    "xstore": Dialect(
        override_methods=("PriceOverride", "PRICE_OVERRIDE", "CHANGE_PRICE"),
        promotions=(
            "PromotionID",
            "PriceDerivationRule",
            "PromotionPriceDerivationRuleReference",
            "DealID",
        ),
    ),
}
"""The dialects that ship: the standard's own words, and those of two makers."""
