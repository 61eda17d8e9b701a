"""Equal rows, told apart: two cans of one product scanned in one second are two rows, not one.

A row's content names it; of equal rows of one stream over one connection the second is ``#2``. So
the same rows give the same names whenever they are sent from the start. Where rows have ids of
their own, equal rows under one id are one row that was sent again.
"""

from __future__ import annotations

KEPT_ROWS = 65_536
"""Rows of a connection that are remembered. Equal rows have equal times, so they come close."""


class Repeats:
    """Counts equal rows, for each connection and stream, in bounded memory."""

    def __init__(self, kept: int = KEPT_ROWS) -> None:
        self._kept = kept
        self._links: dict[str, dict[tuple[str, str], int]] = {}

    def name(self, link: str, stream: str, digest: str) -> str:
        """Give the name of the next row of some content.

        >>> repeats = Repeats()
        >>> [repeats.name("till", "pos", digest) for digest in ("a", "b", "a")]
        ['a', 'b', 'a#2']
        """
        seen = self._links.setdefault(link, {})
        count = seen.pop((stream, digest), 0) + 1
        seen[stream, digest] = count
        if len(seen) > self._kept:
            del seen[next(iter(seen))]
        return digest if count == 1 else f"{digest}#{count}"

    def forget(self, link: str) -> None:
        """Begin a connection anew."""
        self._links.pop(link, None)


class Resends:
    """Knows again rows that have ids of their own, over all connections, in bounded memory."""

    def __init__(self, kept: int = KEPT_ROWS) -> None:
        self._kept = kept
        self._seen: dict[tuple[str, str], None] = {}

    def again(self, row_id: str, digest: str) -> bool:
        """Say whether a row of this id and content has come before, and take note that it has now.

        >>> resends = Resends()
        >>> [resends.again("7", content) for content in ("a", "a", "b")]
        [False, True, False]
        """
        if (row_id, digest) in self._seen:
            return True
        self._seen[row_id, digest] = None
        if len(self._seen) > self._kept:
            del self._seen[next(iter(self._seen))]
        return False
