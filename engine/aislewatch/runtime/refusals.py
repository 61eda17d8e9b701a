"""What was refused, in groups: one line of a mapping that is wrong refuses a whole day of rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

GROUPS_MAX: Final = 200
"""Groups that are kept apart; nobody reads more, and a recording may hold any number of faults."""

_ROW = re.compile(r"(?:(?P<place>.*), )?row (?P<row>.+:\d+)", re.DOTALL)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True, slots=True)
class RefusalGroup:
    """Everything that one place refused for one reason.

    Attributes:
        place: what refused it, as a mapping file's line; empty where it is the whole.
        reason: of the first; those of the others differ in what they quote.
        row: the first, ``file:number``; empty where there are no rows.
        count: how many.
    """

    place: str
    reason: str
    row: str
    count: int

    @property
    def sentence(self) -> str:
        """Say what was refused where and why, without the count."""
        first = f"; the first is row {self.row}" if self.row else ""
        return f"{f'{self.place}: ' if self.place else ''}{self.reason}{first}"


@dataclass
class Refusals:
    """Gathers what is refused.

    Attributes:
        total: how much it is.
    """

    total: int = 0

    def __post_init__(self) -> None:
        self._groups: dict[tuple[str, str], RefusalGroup] = {}

    def add(self, place: str, reason: str) -> None:
        """Take the next one.

        >>> refusals = Refusals()
        >>> refusals.add("m.yml:9, row a.csv:2", "'x' is not hexadecimal")
        >>> refusals.add("m.yml:9, row a.csv:7", "'y' is not hexadecimal")
        >>> refusals.groups()[0].sentence, refusals.groups()[0].count
        ("m.yml:9: 'x' is not hexadecimal; the first is row a.csv:2", 2)
        """
        self.total += 1
        told = _ROW.fullmatch(place)
        row = told["row"] if told is not None else ""
        place = (told["place"] or "") if told is not None else place
        key = place, _QUOTED.sub("'...'", reason)
        if key not in self._groups and len(self._groups) >= GROUPS_MAX:
            key, place, reason = ("", "..."), "", "for other reasons"
        group = self._groups.get(key) or RefusalGroup(place, reason, row, 0)
        self._groups[key] = replace(group, count=group.count + 1)

    def groups(self) -> list[RefusalGroup]:
        """Give the groups, the largest first."""
        return sorted(self._groups.values(), key=lambda group: -group.count)
