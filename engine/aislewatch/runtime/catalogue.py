"""A product catalogue, read from whatever file the shop exports.

The store file says which column means what, in the readings of
:mod:`aislewatch.events.reading`; every row that cannot be read is a located mistake in the
catalogue itself, all of them at once.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from aislewatch.errors import Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model import CatalogueProduct, prepacked_tolerance_mg
from aislewatch.events.reading import (
    Read,
    ReadingMistake,
    Setting,
    Target,
    compile_path,
    compile_reading,
)
from aislewatch.events.units import Dimension
from aislewatch.runtime.storefile_model import ProductsPart

_TARGETS = {
    "sku": Target("sku"),
    "gtin": Target("gtin"),
    "name": Target("name"),
    "class": Target("class"),
    "weight": Target("weight", Dimension.MASS),
    "weight_min": Target("weight_min", Dimension.MASS, rounding="down"),
    "weight_max": Target("weight_max", Dimension.MASS, rounding="up"),
    "price": Target("price", Dimension.MONEY),
}
_SHOWN_MAX = 20
"""Mistakes of one catalogue that are told; a wrong column makes one in every row."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row with its place: the line it begins on, 0 where that is unknown; None is no object."""

    number: int
    line: int
    text: str
    value: dict[str, Any] | None


def read_catalogue(
    part: ProductsPart, path: Path, document: LocatedYaml, currency: str | None
) -> tuple[tuple[CatalogueProduct, ...], list[Mistake]]:
    """Read a store's catalogue.

    Args:
        part: what the store file says of it.
        path: where the file is.
        document: the store file, to locate mistakes in it.
        currency: of amounts that state none.

    Returns:
        The products in the catalogue's order, and every mistake; with mistakes, some are missing.
    """
    readers, mistakes = _readers(part, document, Setting(currency=currency, names=frozenset()))
    try:
        rows = list(_rows(path, part))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"catalogue {path} cannot be read: {reason}"
        hint = "another folder for $data: --data DIR" if part.file.startswith("$data") else ""
        return (), [*mistakes, document.mistake(("products", "file"), message, hint=hint)]
    if mistakes:
        return (), mistakes
    reader = _RowReader(part, str(path), readers)
    products = [product for row in rows if (product := reader.read(row)) is not None]
    return tuple(products), _cut(reader.mistakes)


def _readers(
    part: ProductsPart, document: LocatedYaml, setting: Setting
) -> tuple[dict[str, Read], list[Mistake]]:
    readers: dict[str, Read] = {}
    mistakes: list[Mistake] = []
    for name, target in _TARGETS.items():
        spec = getattr(part, "product_class" if name == "class" else name)
        if spec is None:
            continue
        try:
            readers[name] = compile_reading(spec, target, setting)
        except ReadingMistake as mistake:
            place = ("products", name, *mistake.path)
            mistakes.append(document.mistake(place, str(mistake), hint=mistake.hint))
    if (part.weight_min is None) != (part.weight_max is None):
        said = "weight_min" if part.weight_max is None else "weight_max"
        message = "a range of weights has two ends: say 'weight_min' and 'weight_max'"
        mistakes.append(document.mistake(("products", said), message, on_key=True))
    if part.tolerance is not None and (part.weight is None or part.weight_min is not None):
        message = "a tolerance belongs to a 'weight' without 'weight_min' and 'weight_max'"
        mistakes.append(document.mistake(("products", "tolerance"), message, on_key=True))
    return readers, mistakes


class _RowReader:
    """Reads rows into products; keeps the mistakes."""

    def __init__(self, part: ProductsPart, file: str, readers: Mapping[str, Read]) -> None:
        self.mistakes: list[Mistake] = []
        self._part = part
        self._file = file
        self._readers = readers
        self._numbers: dict[str, int] = {}

    def read(self, row: _Row) -> CatalogueProduct | None:
        before = len(self.mistakes)
        if row.value is None:
            self._mistake(row, "the row is no object")
            return None
        values: dict[str, Any] = {}
        for name, read in self._readers.items():
            try:
                values[name] = read(row.value, {})
            except ValueError as error:
                self._mistake(row, str(error), name)
        sku = values.get("sku")
        if sku is None and "sku" in values:
            self._mistake(row, "the product has no sku", "sku")
        first = self._numbers.setdefault(str(sku), row.line or row.number)
        if first != (row.line or row.number):
            what = "line" if row.line else "row"
            self._mistake(row, f"sku {sku!r} stands in {what} {first} already", "sku")
        least, greatest = self._range(row, values)
        if len(self.mistakes) > before:
            return None
        return CatalogueProduct(
            sku=str(sku),
            gtin=values.get("gtin"),
            name=values.get("name") or "",
            weight_mg=values.get("weight"),
            weight_min_mg=least,
            weight_max_mg=greatest,
            price_minor=values.get("price"),
            product_class=values.get("class"),
        )

    def _range(self, row: _Row, values: Mapping[str, Any]) -> tuple[int | None, int | None]:
        for name in ("weight", "weight_min", "weight_max"):
            if (values.get(name) or 0) < 0:
                self._mistake(row, f"{name} is negative", name)
        least, greatest = values.get("weight_min"), values.get("weight_max")
        if least is not None and greatest is not None and least > greatest:
            self._mistake(row, "weight_min is more than weight_max", "weight_min")
        weight = values.get("weight")
        if weight is None or self._part.weight_min is not None:
            return least, greatest
        tolerance = self._part.tolerance
        margin = tolerance.of(weight) if tolerance is not None else prepacked_tolerance_mg(weight)
        return max(0, weight - margin), weight + margin

    def _mistake(self, row: _Row, message: str, name: str = "") -> None:
        if not row.line:
            message = f"row {row.number}: {message}"
        column, length = self._cell(row, name)
        self.mistakes.append(
            Mistake(self._file, row.line, column, message, length=length, source=row.text)
        )

    def _cell(self, row: _Row, name: str) -> tuple[int, int]:
        """Find where a field's value stands in its line; the whole line where it does not."""
        spec = getattr(self._part, "product_class" if name == "class" else name, None)
        cells = row.value or {}
        value = cells.get(spec.source) if spec is not None and row.line else None
        at = row.text.find(value) if isinstance(value, str) and value else -1
        if at < 0:
            return (1, max(1, len(row.text))) if row.line else (0, 1)
        return at + 1, len(str(value))


def _rows(path: Path, part: ProductsPart) -> Iterator[_Row]:
    text = path.read_text(encoding="utf-8-sig")
    form: dict[str, Callable[[str, ProductsPart], Iterator[_Row]]] = {
        ".csv": _csv_rows,
        ".json": _json_rows,
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
    }
    read = form.get(path.suffix.lower())
    if read is None:
        message = f"its name ends in {path.suffix or 'nothing'}; known are {', '.join(form)}"
        raise ValueError(message)
    return read(text, part)


def _csv_rows(text: str, part: ProductsPart) -> Iterator[_Row]:
    lines = text.splitlines()
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=part.delimiter, strict=True)
    header: list[str] = []
    begins = 1
    number = 0
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue  # Exports begin with blank lines, or end with one.
            if not header:
                header = [cell.strip() for cell in cells]
                continue
            number += 1
            if len(cells) > len(header):
                message = f"line {line} has {len(cells)} cells, its header {len(header)}"
                raise ValueError(message)
            value = dict(zip(header, cells, strict=False))
            yield _Row(number, line, lines[line - 1], value)
    except csv.Error as error:
        message = f"line {reader.line_num}: {error}"
        raise ValueError(message) from None


def _json_rows(text: str, part: ProductsPart) -> Iterator[_Row]:
    value = json.loads(text, parse_float=Decimal)
    if part.rows is not None:
        value = compile_path(part.rows)(value, {})
    if not isinstance(value, list):
        message = f"there is no array at {part.rows!r}" if part.rows else "it is no JSON array"
        raise ValueError(message)
    for number, row in enumerate(cast("Iterable[Any]", value), start=1):
        yield _Row(number, 0, "", _object(row))


def _json_lines(text: str, part: ProductsPart) -> Iterator[_Row]:
    for line, written in enumerate(text.split("\n"), start=1):
        if written.strip():
            try:
                value = json.loads(written, parse_float=Decimal)
            except ValueError as error:
                message = f"line {line}: {error}"
                raise ValueError(message) from None
            yield _Row(line, line, written, _object(value))


def _object(value: Any) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _cut(mistakes: list[Mistake]) -> list[Mistake]:
    if len(mistakes) <= _SHOWN_MAX:
        return mistakes
    more = f"{len(mistakes) - _SHOWN_MAX} more mistakes like these, from here on"
    return [*mistakes[:_SHOWN_MAX], replace(mistakes[_SHOWN_MAX], message=more)]
