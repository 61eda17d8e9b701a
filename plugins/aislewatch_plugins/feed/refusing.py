"""Refusals: what came, why it is no event and where that is said, all without card numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aislewatch.devices.telling import Refusal
from aislewatch.errors import EventRefused
from aislewatch_plugins.feed.cards import mask_cards, mask_figures, mask_text
from aislewatch_plugins.feed.told import Placed


def refusal(placed: Placed, refused: EventRefused, feed: str) -> Refusal:
    """Refuse a row, or a part of it.

    Args:
        placed: the row; its device if that is known.
        refused: why.
        feed: id of the feed, in place of a device that is not known.
    """
    raw = placed.raw
    wire = f"{placed.names['stream'] or feed}:{raw.number}"
    source = f"row {raw.source if raw.file else wire}"
    place = f"{refused.place}, {source}" if refused.place else source
    masked, reason = mask_cards(raw.raw), mask_text(refused.reason)
    if masked != raw.raw:
        # A reason quotes no more than the beginning of a text, perhaps half of the number.
        reason = mask_figures(reason)
    return Refusal(masked, reason, mask_text(place), mask_text(placed.device or feed))


def outline(row: Mapping[str, Any]) -> str:
    """Give a row's keys: enough to see what it is, nothing of whom it is about."""
    keys = sorted(mask_text(str(key)) for key in row)
    return ", ".join(keys[:12])[:200] or "no keys"
