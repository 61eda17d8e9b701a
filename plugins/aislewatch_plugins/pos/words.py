"""The words for what a till does, one vocabulary for every wire that has none of its own.

Our JSON uses them, and so do the patterns of a printer. Each stands for a type of event and what
that word alone already says of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aislewatch.events.registry import ENVELOPE, Registry
from aislewatch_plugins.pos.card_names import CARD_TOKEN, FIELDS

_OURS = frozenset(
    {
        "zone_id",
        "zone_kind",
        "expected_weight_mg",
        "expected_weight_min_mg",
        "expected_weight_max_mg",
        *FIELDS,
    }
)
"""Fields that the store model or the plugin fills in; no till knows them."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a word stands for.

    Attributes:
        type: of the event.
        says: fields that follow from the word.
    """

    type: str
    says: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def fields(self, registry: Registry) -> frozenset[str]:
        """Give the fields that a till can add."""
        known = frozenset(registry.kinds[self.type].struct.__struct_fields__)
        token = {CARD_TOKEN} if known.issuperset(FIELDS) else frozenset[str]()
        return (known | token) - ENVELOPE - _OURS - self.says.keys()


WORDS: Mapping[str, Word] = {
    "basket_open": Word("pos.basket_open"),
    "sale": Word("pos.item"),
    "line_void": Word("pos.void", {"post_void": False}),
    "post_void": Word("pos.void", {"post_void": True}),
    "refund": Word("pos.refund"),
    "override": Word("pos.override"),
    "discount": Word("pos.discount"),
    "no_sale": Word("pos.no_sale"),
    "drawer_open": Word("pos.drawer", {"open": True}),
    "drawer_closed": Word("pos.drawer", {"open": False}),
    "suspend": Word("pos.suspend"),
    "resume": Word("pos.resume"),
    "payment_start": Word("pos.payment_start"),
    "tender": Word("pos.tender"),
    "basket_close": Word("pos.basket_close"),
    "sign_on": Word("pos.sign_on"),
    "sign_off": Word("pos.sign_off"),
    "age_check": Word("pos.age_check"),
    "not_found": Word("pos.not_found"),
    "shift_closed": Word("shift.closed"),
}
"""Every word, and what it stands for."""
