"""Who did what with a watchlist, and why: a ledger of its own beside it.

Every look at the list and every change of it is a record in a hash chain, so that the list's keeper
can show who had access and cannot take a look back. The chain is verified like any ledger. It is
not the shop's ledger: that one is written by the engine alone, and comes out the same in a replay.
A record says the action, by whom, what for and which entry; an entry's reason and its embeddings
are never in it, so that it stays sound and says nothing of a person when an entry is erased.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from aislewatch.errors import LedgerError
from aislewatch.events.record import Record, canonical_json
from aislewatch.ledger import Ledger
from aislewatch.runtime.watchlist_terms import Terms

Action = Literal[
    "enrolled", "approved", "removed", "erased", "expired", "shown", "compared", "reviewed"
]
"""``compared``: a device's process took the list up; ``reviewed``: somebody read this log."""

_ATTEMPTS: Final = 100
_PAUSE_S: Final = 0.05


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done with the list.

    Attributes:
        time_us: when.
        action: what.
        by: pseudonym of who did it; ``device/<id>`` for a device's process.
        purpose: of the list at that time.
        entry: id of the entry; None where it was the whole list.
        until_us: when the entry ends, where it was enrolled.
        reason: what an erasure was asked for by, such as a request's number; no name.
    """

    time_us: int
    action: Action
    by: str
    purpose: str
    entry: str | None = None
    until_us: int | None = None
    reason: str | None = None


Tell = Callable[[Access], None]


@contextmanager
def telling(terms: Terms) -> Generator[Tell]:
    """Have the log open for writing; gives what writes into it, durably, before it returns.

    Raises:
        LedgerError: somebody else has been writing it for seconds.
    """
    ledger = _opened(terms.log)
    try:

        def tell(access: Access) -> None:
            ledger.append(terms.store, [_record(terms.store, access)], recorded_us=access.time_us)

        yield tell
    finally:
        ledger.close()


def accesses(terms: Terms) -> list[Access]:
    """Give what was done with the list, the oldest first; nothing where there is no log yet."""
    if not terms.log.exists():
        return []
    with Ledger.read(terms.log) as reader:
        return [_access(record.payload, record.time) for record in reader.records(terms.store)]


def _record(store: str, access: Access) -> Record:
    content: dict[str, Any] = {
        name: value
        for name, value in msgspec.to_builtins(access).items()
        if value is not None and name not in {"time_us", "action"}
    }
    return Record(
        store=store,
        stream=f"watchlist/{access.entry or '*'}",
        type=f"watchlist.{access.action}",
        time=access.time_us,
        payload=canonical_json({**content, "action": access.action}),
    )


def _access(payload: bytes, time_us: int) -> Access:
    return msgspec.convert({**msgspec.json.decode(payload), "time_us": time_us}, Access)


def _opened(path: Path) -> Ledger:
    """Open the log as its one writer; others hold it for a moment only."""
    for _ in range(_ATTEMPTS):
        try:
            return Ledger.open(path)
        except LedgerError:
            time.sleep(_PAUSE_S)
    return Ledger.open(path)
