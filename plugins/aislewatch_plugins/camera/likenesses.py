"""Faces compared with the shop's watchlist, where it keeps one; dropped and counted where not."""

from __future__ import annotations

from typing import Final

from aislewatch.events.likeness import Comparer, Likeness
from aislewatch_plugins.camera.seen import Face

_REMEMBERED: Final = 4_096


class Likenesses:
    """Asks the watchlist, and says a likeness of one track once in a while.

    Args:
        watchlist: the host's; None where the shop has not opted in.
        again_us: after so long a likeness is told again.

    Attributes:
        faces: how many came.
        dropped: how many of them were dropped because nobody compares.
        alike: how many were like an entry.
    """

    def __init__(self, watchlist: Comparer | None, again_us: int) -> None:
        self.faces = self.dropped = self.alike = 0
        self._watchlist = watchlist
        self._again_us = again_us
        self._told_us: dict[tuple[str, str], int] = {}

    @property
    def comparing(self) -> bool:
        """Whether the shop keeps a watchlist."""
        return self._watchlist is not None

    def told(self, seen: Face) -> Likeness | None:
        """Give what is to be told of a face; its embedding goes no further.

        Raises:
            ValueError: it is no embedding; a sentence without any of its figures.
        """
        self.faces += 1
        if self._watchlist is None:
            self.dropped += 1
            return None
        found = self._watchlist.compare(
            seen.embedding, model=seen.model, quality=seen.quality, time_us=seen.time_us
        )
        if found is None:
            return None
        self.alike += 1
        key = (seen.track, found.entry)
        told_us = self._told_us.get(key)
        if told_us is not None and 0 <= seen.time_us - told_us < self._again_us:
            return None
        self._told_us.pop(key, None)
        self._told_us[key] = seen.time_us
        if len(self._told_us) > _REMEMBERED:
            del self._told_us[next(iter(self._told_us))]
        return found
