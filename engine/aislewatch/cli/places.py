"""What the stores of a ledger call their times and amounts."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from aislewatch.cli.wording import Local
from aislewatch.ledger import LedgerReader, StoredRecord

_CONFIGURED = "store.configured"


class _Configured(msgspec.Struct, frozen=True):
    timezone: str = "UTC"
    currency: str = ""


_read = msgspec.json.Decoder(_Configured).decode


class Places:
    """Says how a store's times and amounts are shown: as its ledger was told last.

    Args:
        instead: what a store file says that is to be followed, for all stores; None for none.
    """

    def __init__(self, instead: Local | None = None) -> None:
        self._instead = instead
        self._known: dict[str, Local] = {}

    @classmethod
    def of(cls, reader: LedgerReader, instead: Local | None = None) -> Places:
        """Read the latest configuration of every store of a ledger."""
        places = cls(instead)
        for store in reader.stores() if instead is None else ():
            for record in reader.records(store, types=[_CONFIGURED]):
                places.take(record)
        return places

    def take(self, record: StoredRecord) -> None:
        """Take the next record: it may be a configuration."""
        if record.type == _CONFIGURED:
            configured = _read(record.payload)
            self._known[record.store] = Local(configured.timezone, configured.currency)

    def __call__(self, store: str) -> Local:
        """Give what a store calls its times and amounts; UTC where nothing is known of it."""
        return self._instead or self._known.get(store) or Local()

    def zones(self, stores: Iterable[str]) -> str:
        """Say which zones the times of some stores are in: ``Europe/London``."""
        zones = dict.fromkeys(self(store).zone for store in stores)
        return f"each shop's own, {' or '.join(zones)}" if len(zones) > 1 else "".join(zones)
