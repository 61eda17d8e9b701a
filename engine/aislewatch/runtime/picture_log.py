"""What was done with kept pictures, when and why: a ledger beside them that nobody can take back.

It lies beside the folder of the pictures, with a chain for each store whose pictures they are.
A deletion is written down before the file is deleted, so that a picture that is missing without a
word in it was taken away by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from aislewatch.events.sensor import Clock
from aislewatch.ledger import Ledger
from aislewatch.runtime.access_log import Access, AccessLog, Action, accesses_in, no_name

_WHAT: Final = "picture"
_PURPOSE: Final = "evidence"


def pictures_beside(ledger: Path) -> Path:
    """Give the folder of the pictures that a ledger names.

    >>> pictures_beside(Path("shop.db")).name
    'shop.pictures'
    """
    return ledger.with_suffix(".pictures")


def log_beside(pictures: Path) -> Path:
    """Give the ledger of what was done with the pictures in a folder.

    >>> log_beside(Path("shop.pictures")).name
    'shop.pictures-access.db'
    """
    return pictures.with_name(f"{pictures.name}-access.db")


class PictureLog:
    """What was done with the pictures of one store.

    Args:
        pictures: their folder.
        store: whose.
        clock: the machine's.
    """

    def __init__(self, pictures: Path, store: str, clock: Clock) -> None:
        self._log = AccessLog(log_beside(pictures), store, _WHAT, _PURPOSE, clock)

    def expired(self, by: str, pictures: Iterable[str], *, changed: bool) -> None:
        """Write down that pictures are deleted because their time is over.

        Args:
            by: who sees to it.
            pictures: their hashes.
            changed: their files are not what was kept.
        """
        self._log.tell_all("expired", by, pictures, state=_state(changed))

    def erased(self, by: str, pictures: Iterable[str], request: str, *, changed: bool) -> None:
        """Write down that pictures are deleted because somebody asked for it; see `expired`.

        Args:
            by: who deletes them.
            pictures: their hashes.
            request: its number; empty for none.
            changed: their files are not what was kept.

        Raises:
            UsageError: the request's number looks like a name.
        """
        self._log.tell_all("erased", by, pictures, reason=_said(request), state=_state(changed))

    def held(self, by: str, pictures: Iterable[str], until_us: int, request: str) -> None:
        """Write down that pictures are not to be deleted for a while, for a case; see `erased`.

        Args:
            by: who wants it.
            pictures: their hashes.
            until_us: how long.
            request: number of the case; empty for none.
        """
        self._log.tell_all("held", by, pictures, reason=_said(request), until_us=until_us)

    def released(self, by: str, pictures: Iterable[str], request: str) -> None:
        """Write down that pictures go by their terms again; see `held`."""
        self._log.tell_all("released", by, pictures, reason=_said(request))

    def shown(self, by: str, pictures: Iterable[str], request: str = "") -> None:
        """Write down that somebody was told which pictures there are; see `erased`."""
        self._log.tell_all("shown", by, pictures, reason=_said(request))

    def reviewed(self, by: str) -> list[Access]:
        """Give all that was done; this look is written down, too, and comes last."""
        return self._log.reviewed(by)


def deletions(pictures: Path, store: str) -> Mapping[str, Access]:
    """Give the last deletion of each picture of a store that was deleted, by its hash.

    Args:
        pictures: their folder.
        store: whose.

    Raises:
        LedgerError: the log cannot be read.
    """
    return _last(pictures, store, "erased", "expired")


def holds(pictures: Path, store: str, now_us: int) -> Mapping[str, int]:
    """Give until when pictures of a store are held, by their hashes; only those that still are.

    Args:
        pictures: their folder.
        store: whose.
        now_us: the time.

    Raises:
        LedgerError: the log cannot be read.
    """
    found = _last(pictures, store, "held", "released").items()
    return {
        entry: one.until_us
        for entry, one in found
        if one.action == "held" and one.until_us is not None and one.until_us > now_us
    }


def _last(pictures: Path, store: str, *actions: Action) -> dict[str, Access]:
    """Give the last of some actions on each picture, by its hash."""
    log = log_beside(pictures)
    if not log.exists():
        return {}
    types = [f"{_WHAT}.{action}" for action in actions]
    with Ledger.read(log) as reader:
        found = accesses_in(reader, store, types)
        return {one.entry: one for one in found if one.entry is not None}


def _said(request: str) -> str | None:
    return no_name(request, "a request's number") if request else None


def _state(changed: bool) -> str | None:
    return "changed" if changed else None
