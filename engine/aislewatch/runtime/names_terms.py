"""On what terms names of people are kept: the store file's ``personal_data``.

The ledger forgets nothing, and a cashier's or a customer's number in it would stand there for ever.
Where the file says so, such numbers are exchanged for pseudonyms drawn by lot before an event
leaves its device's process, and which pseudonym is whose is kept in a file of its own::

    personal_data:
      pseudonyms: yes
      retention: 400d       # who was not heard of for so long is forgotten
      file: names.db

Whoever is erased from that file is nobody in the ledger, the archive and the stream: the pseudonym
stays, all records stay sound, and nothing leads from one to the other any more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from aislewatch.events.quantities import DurationUs

_DAY_US: Final = 86_400_000_000


class PersonalDataPart(BaseModel):
    """The section as written.

    Attributes:
        pseudonyms: numbers of people are exchanged for pseudonyms; otherwise they go as devices
            tell them.
        retention: who was not heard of for so long is forgotten; longer than any rule looks back.
        file: where it is kept whose a pseudonym is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pseudonyms: bool = False
    retention: Annotated[DurationUs, Field(ge=_DAY_US)] = 400 * _DAY_US
    file: Annotated[str, Field(min_length=1)] = "names.db"

    def terms(self, store: str, folder: Path) -> NamesTerms | None:
        """Give what holds; None where numbers go as they are told.

        Args:
            store: whose people they are.
            folder: that relative paths begin from.
        """
        return self.kept(store, folder) if self.pseudonyms else None

    def kept(self, store: str, folder: Path) -> NamesTerms:
        """Give on what terms names lie there, also after pseudonyms were switched off."""
        return NamesTerms(store=store, file=str(folder / self.file), retention_us=self.retention)


class NamesTerms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms that hold, as plain data.

    Attributes:
        store: whose people they are.
        file: absolute path of the file of names.
        retention_us: who was not heard of for so long is forgotten.
    """

    store: str
    file: str
    retention_us: int

    @property
    def log(self) -> Path:
        """The ledger of who had to do with the names; beside them."""
        file = Path(self.file)
        return file.with_name(f"{file.stem}-access.db")
