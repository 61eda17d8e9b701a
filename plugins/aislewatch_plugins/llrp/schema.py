"""The table of LLRP read into definitions, from which the codec is generated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aislewatch_plugins.llrp.table import MESSAGES, PARAMETERS

CUSTOM: Final = 1023
"""Type of messages and parameters that a vendor has made up."""

SIZES: Final[Mapping[str, int]] = {
    "u8": 1,
    "u16": 2,
    "u32": 4,
    "u64": 8,
    "s8": 1,
    "s16": 2,
    "raw12": 12,
}
"""Bytes of the kinds that always have as many; bit fields make whole bytes together."""

_ROW = re.compile(r"(?:(?P<vendor>\d+)\.)?(?P<type>\d+) (?P<name>\w+)(?P<fields>[^|]*)(?P<rest>.*)")
_MOST: Final = {"": 1, "?": 1, "*": None, "+": None}


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        name: the standard's; ``-`` for reserved bits.
        kind: as the table has it.
    """

    name: str
    kind: str

    @property
    def bits(self) -> int:
        """How many bits it has, if it is a bit field; else 0."""
        return int(self.kind[1:]) if self.kind[0] == "b" and self.kind[1:].isdigit() else 0


@dataclass(frozen=True, slots=True)
class Part:
    """Parameters that may stand inside something.

    Attributes:
        names: one of these.
        least: how often at least, 0 or 1.
        most: how often at most; None for any number.
    """

    names: tuple[str, ...]
    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Definition:
    """One message or parameter.

    Attributes:
        name: the standard's.
        type: its number; a vendor's own number where there is a vendor.
        vendor: IANA enterprise number of who made it up; None for the standard's own.
        fields: in order.
        parts: what may follow them.
    """

    name: str
    type: int
    vendor: int | None
    fields: tuple[Field, ...]
    parts: tuple[Part, ...]

    def part_of(self, name: str) -> Part | None:
        """Give the part that a parameter of this name belongs to."""
        return next((part for part in self.parts if name in part.names), None)


def _read(table: str) -> Iterator[Definition]:
    for row in re.sub(r"\n +", " ", table).split("\n"):
        if not row:
            continue
        match = _ROW.fullmatch(row)
        assert match is not None, row
        yield Definition(
            name=match["name"],
            type=int(match["type"]),
            vendor=int(match["vendor"]) if match["vendor"] else None,
            fields=tuple(_field(word) for word in match["fields"].split()),
            parts=tuple(_part(word) for word in match["rest"].removeprefix("|").split()),
        )


def _field(word: str) -> Field:
    name, _, kind = word.partition(":")
    return Field(name, kind)


def _part(word: str) -> Part:
    names = word.rstrip("?*+")
    often = word.removeprefix(names)
    return Part(tuple(names.split("/")), int(often in {"", "+"}), _MOST[often])


PARAMETER_TABLE: Final[tuple[Definition, ...]] = tuple(_read(PARAMETERS))
MESSAGE_TABLE: Final[tuple[Definition, ...]] = tuple(_read(MESSAGES))
