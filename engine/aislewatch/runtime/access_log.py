"""Who did what with personal data that is kept apart from the ledger, and why: a ledger beside it.

Every look at such a file and every change of it is a record in a hash chain, so that its keeper can
show who had access and cannot take a look back. The chain is verified like any ledger. It is not
the shop's ledger: that one is written by the engine alone, and comes out the same in a replay.
A record says the action, by whom, what for and which entry. What the entry says of a person is
never in it, so that it stays sound and says nothing of anybody when an entry is erased.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec

from aislewatch.errors import LedgerError, UsageError
from aislewatch.events.record import Record, canonical_json
from aislewatch.events.sensor import Clock
from aislewatch.ledger import Ledger, LedgerReader

Action = Literal[
    "enrolled",
    "approved",
    "removed",
    "erased",
    "expired",
    "shown",
    "compared",
    "reviewed",
    "held",
    "released",
]
"""``compared``: a device's process took the list up; ``reviewed``: somebody read this log;
``held``: an entry is kept for a while, whatever its terms are; ``released``: no more."""

_NO_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_/-]{0,39}")
_ATTEMPTS: Final = 100
_PAUSE_S: Final = 0.05


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done.

    Attributes:
        time_us: when.
        action: what.
        by: pseudonym of who did it; ``device/<id>`` for a device's process.
        purpose: what the data was kept for at that time.
        entry: id of the entry; None where it was the whole.
        until_us: when the entry ends, where it was enrolled; until when it is held.
        reason: what an erasure was asked for by, such as a request's number; no name.
        state: of the entry where it was not as it should be: a picture ``changed``.
    """

    time_us: int
    action: Action
    by: str
    purpose: str
    entry: str | None = None
    until_us: int | None = None
    reason: str | None = None
    state: str | None = None


class Tell(Protocol):
    """Writes into the log that something was done now; durable when it returns."""

    def __call__(
        self,
        action: Action,
        by: str,
        *,
        entry: str | None = None,
        until_us: int | None = None,
        reason: str | None = None,
    ) -> None:
        """Write it; see `Access` for the meanings."""
        ...


class AccessLog:
    """The log beside one file.

    Args:
        path: of the log.
        chain: whose data it is, a store's id.
        what: the data is, in a word; records' types begin with it.
        purpose: what it is kept for.
        clock: the time.
    """

    def __init__(self, path: Path, chain: str, what: str, purpose: str, clock: Clock) -> None:
        self._path = path
        self._chain = chain
        self._what = what
        self._purpose = purpose
        self._clock = clock

    @contextmanager
    def telling(self) -> Generator[Tell]:
        """Have the log open for writing; gives what writes into it.

        Raises:
            LedgerError: somebody else has been writing it for seconds.
        """
        ledger = self._opened()
        try:

            def tell(
                action: Action,
                by: str,
                *,
                entry: str | None = None,
                until_us: int | None = None,
                reason: str | None = None,
            ) -> None:
                now_us = self._clock.now_us()
                access = self._access(now_us, action, by, entry, reason, until_us=until_us)
                ledger.append(self._chain, [self._record(access)], recorded_us=now_us)

            yield tell
        finally:
            ledger.close()

    def tell_all(
        self,
        action: Action,
        by: str,
        entries: Iterable[str],
        *,
        reason: str | None = None,
        state: str | None = None,
        until_us: int | None = None,
    ) -> None:
        """Write that the same was done with many entries, a record each, all of them or none.

        Raises:
            LedgerError: somebody else has been writing it for seconds.
        """
        now_us = self._clock.now_us()
        records = [
            self._record(
                self._access(now_us, action, by, entry, reason, until_us=until_us, state=state)
            )
            for entry in entries
        ]
        with closing(self._opened()) as ledger:
            ledger.append(self._chain, records, recorded_us=now_us)

    def reviewed(self, by: str) -> list[Access]:
        """Give what was done, the oldest first; that somebody looked is told, and comes last."""
        with self.telling() as tell:
            tell("reviewed", by)
        with Ledger.read(self._path) as reader:
            return list(accesses_in(reader, self._chain))

    def _access(
        self,
        time_us: int,
        action: Action,
        by: str,
        entry: str | None,
        reason: str | None,
        *,
        until_us: int | None = None,
        state: str | None = None,
    ) -> Access:
        return Access(
            time_us=time_us,
            action=action,
            by=by,
            purpose=self._purpose,
            entry=entry,
            until_us=until_us,
            reason=reason,
            state=state,
        )

    def _record(self, access: Access) -> Record:
        content: dict[str, Any] = {
            name: value
            for name, value in msgspec.to_builtins(access).items()
            if value is not None and name != "time_us"
        }
        return Record(
            store=self._chain,
            stream=f"{self._what}/{access.entry or '*'}",
            type=f"{self._what}.{access.action}",
            time=access.time_us,
            payload=canonical_json(content),
        )

    def _opened(self) -> Ledger:
        """Open the log as its one writer; others hold it for a moment only."""
        for _ in range(_ATTEMPTS):
            try:
                return Ledger.open(self._path)
            except LedgerError:
                time.sleep(_PAUSE_S)
        return Ledger.open(self._path)


def accesses_in(
    reader: LedgerReader, chain: str, types: Collection[str] | None = None
) -> Iterator[Access]:
    """Give what a log says was done, the oldest first.

    Args:
        reader: of the log.
        chain: whose data.
        types: only records of these types, as ``name.erased``.
    """
    for record in reader.records(chain, types=types):
        told = {**msgspec.json.decode(record.payload), "time_us": record.time}
        yield msgspec.convert(told, Access)


def no_name(text: str, what: str = "a pseudonym") -> str:
    """Give a text that may stand in a log for ever, as a pseudonym may.

    Raises:
        UsageError: it looks like a name or an address.
    """
    if _NO_NAME.fullmatch(text) is None:
        message = f"{text!r} is not {what}; write letters, digits, - and /, as in lp-7: no names"
        raise UsageError(message)
    return text
