"""How long pictures are kept as evidence: the store file's ``pictures``.

A picture of a till at work shows people who did nothing, so most are deleted within days, and only
what an incident names stays long enough to be made something of::

    pictures:
      retention: 72h            # of a picture that no incident names
      incident_retention: 92d   # of one that an incident names

Both count from when a picture was taken. Where the file says nothing:

- 72 hours, beyond which the European Data Protection Board asks for the more reasons the longer
  pictures are kept (Guidelines 3/2019 on video devices, version 2.0, paragraph 121);
- 92 days, which are three months: for so long after the thief is known a theft that is prosecuted
  on complaint alone can be reported (Germany, section 77b StGB; Switzerland, article 31 StGB; the
  Netherlands, article 66 Sr).

A shorter retention than a rule waits for would delete what an incident is about to name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, NamedTuple, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aislewatch.events.quantities import DurationUs

_HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _HOUR_US


class PictureTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms that hold, as plain data.

    Attributes:
        retention_us: how long a picture is kept that no incident names.
        incident_retention_us: how long one is kept that an incident names; never shorter.
    """

    retention_us: int = 72 * _HOUR_US
    incident_retention_us: int = 92 * _DAY_US


class PicturesPart(BaseModel):
    """The section as written; see the module for the meanings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    retention: Annotated[DurationUs, Field(ge=_HOUR_US)] = PictureTerms().retention_us
    incident_retention: Annotated[DurationUs, Field(ge=_HOUR_US)] | None = None

    @model_validator(mode="after")
    def _longer(self) -> Self:
        if self.incident_retention is not None and self.incident_retention < self.retention:
            message = "incident_retention is shorter than retention: an incident's are kept longer"
            raise ValueError(message)
        return self

    @property
    def terms(self) -> PictureTerms:
        """The terms that hold."""
        longer = max(PictureTerms().incident_retention_us, self.retention)
        return PictureTerms(
            retention_us=self.retention, incident_retention_us=self.incident_retention or longer
        )


class StoreTerms(NamedTuple):
    """The terms of one store file.

    Attributes:
        stores: whose pictures; none: every store's.
        terms: for how long they are kept.
    """

    stores: tuple[str, ...]
    terms: PictureTerms


def terms_of(store: str, known: Iterable[StoreTerms]) -> PictureTerms | None:
    """Give the terms of one store; None where no file says any: then nothing of it is deleted."""
    return next((one.terms for one in known if not one.stores or store in one.stores), None)
