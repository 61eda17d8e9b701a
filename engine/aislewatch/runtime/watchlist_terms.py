"""On what terms a shop compares faces with a watchlist: the store file's ``known_offenders``.

Off unless the file says otherwise. Who switches it on says what for, for how long at most an entry
may stay, how alike is alike, and how often the maker of the embeddings says that this is wrong::

    known_offenders:
      enabled: yes
      purpose: prevention of repeated theft, assessment DPIA-2026-04
      retention: 180d            # no entry stays longer
      threshold: 0.62            # cosine from which two embeddings are alike
      false_match_rate: 0.0001%  # of two strangers, at that threshold, as the maker measured it
      quality: 0.5               # of a face's picture; what is worse is not compared
      visitors: 2000             # a day; for the figures that are shown
      four_eyes: yes             # an entry counts when a second person has approved it
      file: watchlist.db
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Final, Self

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from aislewatch.events.quantities import DurationUs

_PERCENT: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")
_DAY_US: Final = 86_400_000_000
RETENTION_DAYS_MOST: Final = 1_096
"""Three years: nobody stays on such a list for longer, whatever the file says."""

_NEEDED: Final = ("purpose", "retention", "threshold", "false_match_rate")


def _share(written: Any) -> Any:
    percent = _PERCENT.fullmatch(written.strip()) if isinstance(written, str) else None
    return float(percent[1]) / 100 if percent is not None else written


class KnownOffendersPart(BaseModel):
    """The section as written; see the module for the meanings.

    Attributes:
        enabled: faces are compared; otherwise embeddings are dropped where they come in.
        name: of the list, as events and incidents call it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = False
    name: Annotated[str, Field(min_length=1, max_length=80)] = "known-offenders"
    purpose: Annotated[str, Field(min_length=10, max_length=400)] | None = None
    retention: Annotated[DurationUs, Field(gt=0, le=RETENTION_DAYS_MOST * _DAY_US)] | None = None
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    false_match_rate: Annotated[float, BeforeValidator(_share), Field(gt=0, le=0.01)] | None = None
    quality: Annotated[float, Field(gt=0, le=1)] = 0.5
    visitors: Annotated[int, Field(gt=0, le=10**6)] | None = None
    four_eyes: bool = True
    file: Annotated[str, Field(min_length=1)] = "watchlist.db"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [name for name in _NEEDED if getattr(self, name) is None]
        if self.enabled and missing:
            message = (
                f"faces may be compared only where {_listed(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} said"
            )
            raise ValueError(message)
        return self

    def terms(self, store: str, folder: Path) -> Terms | None:
        """Give what holds, with paths made absolute; None where faces are not compared.

        Args:
            store: whose list it is.
            folder: that relative paths begin from.
        """
        return self.kept(store, folder) if self.enabled else None

    def kept(self, store: str, folder: Path) -> Terms:
        """Give on what terms a list lies there, also where nobody is compared with it any more.

        What is kept has to be shown and erased also after it was switched off.
        """
        return Terms(
            store=store,
            file=str(folder / self.file),
            name=self.name,
            purpose=self.purpose or "none: switched off",
            retention_us=self.retention or RETENTION_DAYS_MOST * _DAY_US,
            threshold=self.threshold or 1.0,
            false_match_rate=self.false_match_rate or 0.0,
            quality=self.quality,
            visitors=self.visitors,
            four_eyes=self.four_eyes,
        )


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms that hold, as plain data.

    Attributes:
        store: whose list it is.
        file: absolute path of the list.
        name: of the list.
        purpose: what for.
        retention_us: no entry stays longer.
        threshold: cosine from which two embeddings are alike.
        false_match_rate: how often the embeddings of two strangers are that alike.
        quality: a face's picture must be at least so good.
        visitors: a day; None where nobody said.
        four_eyes: an entry counts when a second person has approved it.
    """

    store: str
    file: str
    name: str
    purpose: str
    retention_us: int
    threshold: float
    false_match_rate: float
    quality: float
    visitors: int | None
    four_eyes: bool

    @property
    def log(self) -> Path:
        """The ledger of who did what with the list; beside it."""
        file = Path(self.file)
        return file.with_name(f"{file.stem}-access.db")


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
