"""What a store file says of every point of sale, whatever it speaks."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aislewatch.devices.address import pathless, with_path
from aislewatch.devices.secret import SecretPart
from aislewatch.events.conversion import known_zone
from aislewatch.events.quantities import DurationUs


def _currency(code: str) -> str:
    if not re.fullmatch("[A-Z]{3}", code):
        message = f"{code!r} is not a currency code; write e.g. EUR"
        raise ValueError(message)
    return code


Name = Annotated[str, Field(min_length=1, max_length=200)]
Address = Annotated[str, AfterValidator(pathless)]
HttpAddress = Annotated[str, AfterValidator(with_path)]
ZoneName = Annotated[str, AfterValidator(known_zone)]
Currency = Annotated[str, AfterValidator(_currency)]
Positive = Annotated[DurationUs, Field(gt=0)]


class Part(BaseModel):
    """A part of a configuration: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TillPart(Part):
    """One till of a feed that carries several.

    Attributes:
        device: id of the store's device; the feed's own if not said.
        lane: its lane; what the feed calls the till if not said.
    """

    device: Name | None = None
    lane: Name | None = None


class PosConfig(Part):
    """What every point of sale can be told.

    Attributes:
        tills: by what the feed calls them. If any are named, what comes of others is refused.
        future_tolerance: what claims to be later than this from now is refused.
        skew: how far a till's clock may be off before the feed counts as degraded. That one is
            behind can be told only of tills that sign what they post.
        card_keys: what pseudonyms of payment cards are made with, the newest first; the one before
            stays for as long as cards that were flagged under it shall be known. Without any, no
            event names a card.
    """

    tills: dict[Name, TillPart] = Field(default_factory=dict[str, TillPart])
    future_tolerance: DurationUs = 600_000_000
    skew: Positive = 30_000_000
    card_keys: Annotated[list[SecretPart], Field(max_length=2)] = Field(
        default_factory=list[SecretPart]
    )
