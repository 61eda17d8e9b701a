"""Names of people as their keepers use them: looked up, erased, forgotten in time; all recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from aislewatch.errors import UsageError
from aislewatch.events.sensor import Clock
from aislewatch.runtime.access_log import Access, AccessLog, no_name
from aislewatch.runtime.names_store import USED_US, NamesFile
from aislewatch.runtime.names_terms import NamesTerms

_PURPOSE: Final = "pseudonyms"


class Names:
    """A shop's names of people.

    Args:
        terms: on which they are kept.
        clock: the time.
    """

    def __init__(self, terms: NamesTerms, clock: Clock) -> None:
        self._terms = terms
        self._clock = clock
        self._log = AccessLog(terms.log, terms.store, "name", _PURPOSE, clock)

    def find(self, kind: str, text: str, by: str) -> str:
        """Give somebody's pseudonym; the look is recorded.

        Raises:
            UsageError: nobody of that number was heard of, or they were erased.
        """
        with self._log.telling() as tell, self._file() as file:
            found = _found(file, kind, text)
            tell("shown", by, entry=found)
        return found

    def erase(self, kind: str, text: str, by: str, request: str | None = None) -> str:
        """Forget whose a pseudonym is; gives the pseudonym, which is nobody's from now on.

        Raises:
            UsageError: as for `find`; or the request's number looks like a name.
        """
        if request is not None:
            no_name(request, "a request's number")
        with self._log.telling() as tell, self._file() as file:
            with file.change():
                found = _found(file, kind, text)
                file.erase(found)
                tell("erased", by, entry=found, reason=request)
            file.tidy()
        return found

    def purge(self, by: str) -> list[str]:
        """Forget everybody who was not heard of for as long as the terms allow."""
        before_us = self._clock.now_us() - self._terms.retention_us - USED_US
        with self._file() as file:
            if not file.unused_since(before_us):
                return []
        with self._log.telling() as tell, self._file() as file:
            with file.change():
                over = file.unused_since(before_us)
                for pseudonym in over:
                    file.erase(pseudonym)
                    tell("expired", by, entry=pseudonym)
            file.tidy()
        return over

    def accesses(self, by: str) -> list[Access]:
        """Give who had to do with the names; this look is recorded, too, and comes last."""
        return self._log.reviewed(by)

    def _file(self) -> NamesFile:
        return NamesFile(Path(self._terms.file))


def _found(file: NamesFile, kind: str, text: str) -> str:
    found = file.find(kind, text)
    if found is None:
        message = f"no {kind} {text!r} is known: nobody heard of them, or they were erased"
        raise UsageError(message)
    return found
