"""Where a value stands in a foreign row: paths, templates and catalogues.

Names with a dollar stand for what is not in the row: parameters, and what the reader of the row
knows, such as ``$row``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from string import Formatter
from typing import Any, TypeGuard

from aislewatch.events import conversion

Names = Mapping[str, Any]

Read = Callable[[Any, Names], Any]
"""From a row, and the values of the names with a dollar, to the field's value; None is null."""


class ReadingMistake(ValueError):
    """A reading cannot mean anything for its target.

    Attributes:
        path: keys inside the reading.
        hint: how to mend it.
    """

    def __init__(self, message: str, *path: str, hint: str = "") -> None:
        self.path = path
        self.hint = hint
        super().__init__(message)


class Catalogue:
    """Rows that are looked up by any of their columns."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows
        self._by: dict[str, dict[str, Mapping[str, Any]]] = {}

    @cached_property
    def columns(self) -> frozenset[str]:
        """Every column that any row has."""
        return frozenset(name for row in self.rows for name in row)

    def find(self, column: str, value: str) -> Mapping[str, Any] | None:
        """Give the first row that has this text in this column."""
        index = self._by.get(column)
        if index is None:
            index = dict[str, Mapping[str, Any]]()
            for row in self.rows:
                if row.get(column) is not None:
                    index.setdefault(plain(row[column]), row)
            self._by[column] = index
        return index.get(value)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a file states for all of its readings.

    Attributes:
        zone: IANA time zone of times that state none.
        currency: ISO 4217 code of amounts that state none.
        names: the names with a dollar that may be used, without it; None where any may.
        catalogues: what may be looked up in.
    """

    zone: str | None = None
    currency: str | None = None
    names: frozenset[str] | None = None
    catalogues: Mapping[str, Catalogue] = field(default_factory=dict[str, Catalogue])


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Say whether a row's value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Say whether a row's value is a JSON array."""
    return isinstance(value, list)


def compile_path(path: str, setting: Setting = Setting()) -> Read:
    """Make the function that follows a path: ``data.lines.0.sku``, a column, ``$name``.

    A row's own key that holds points, as CSV columns may, is preferred to the path.
    """
    parts = path.split(".")
    if not all(parts):
        message = f"{path!r} is not a path; write names with points between, as in data.sku"
        raise ReadingMistake(message)
    if path.startswith("$"):
        name = parts[0][1:]
        if setting.names is not None and name not in setting.names:
            known = ", ".join(f"${n}" for n in sorted(setting.names))
            message = f"nothing is called ${name} here"
            raise ReadingMistake(message, hint=f"known are {known}; parameters are declared")
        rest = tuple(parts[1:])
        return lambda row, names: _walk(names.get(name), rest)
    if len(parts) == 1:
        return lambda row, names: row.get(path) if is_object(row) else None
    steps = tuple(parts)

    def read(row: Any, names: Names) -> Any:
        if is_object(row) and path in row:
            return row[path]
        return _walk(row, steps)

    return read


def compile_template(template: str, setting: Setting = Setting()) -> Read:
    """Make the function that fills a template; null where one of its parts is null."""
    pieces: list[tuple[str, Read | None, str]] = []
    try:
        parsed = list(Formatter().parse(template))
    except ValueError:
        message = f"{template!r} has a brace too many or too few; a brace itself is written twice"
        raise ReadingMistake(message) from None
    for literal, path, form, conversion_sign in parsed:
        if form or conversion_sign or path == "":
            message = f"{template!r}: between braces stands a path and nothing else"
            raise ReadingMistake(message)
        pieces.append((literal, compile_path(path, setting) if path else None, path or ""))

    def read(row: Any, names: Names) -> str | None:
        text = ""
        for literal, part, _ in pieces:
            text += literal
            if part is not None:
                value = part(row, names)
                if value is None or value == "":
                    return None
                text += conversion.text(value)
        return text

    return read


def plain(value: Any) -> str:
    """Give a row's value as the text that maps and conditions compare with.

    >>> plain(True), plain(7), plain("x ")
    ('true', '7', 'x')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strip() if isinstance(value, str) else str(value)


def _walk(value: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        if is_object(value):
            value = value.get(part)
        elif is_array(value) and part.isascii() and part.isdigit() and len(part) < 10:
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return None
    return value
