"""What lies on a shelf: said in the store file, or read from the shop's planogram as it exports it.

A planogram is a CSV file with a header; readings, as in mapping files, say which of its columns
mean what. Every mistake in it is told at once, with its line.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aislewatch.errors import FileMistakes, Mistake, UsageError
from aislewatch.events.model import prepacked_tolerance_mg
from aislewatch.events.paths import Read, ReadingMistake, Setting
from aislewatch.events.quantities import MassMg
from aislewatch.events.reading import Reading, Target, compile_reading
from aislewatch.events.units import Dimension
from aislewatch_plugins.scale.quantising import Article

_TARGETS = {
    "shelf": Target("shelf"),
    "sku": Target("sku"),
    "weight": Target("weight", Dimension.MASS),
    "weight_min": Target("weight_min", Dimension.MASS, rounding="down"),
    "weight_max": Target("weight_max", Dimension.MASS, rounding="up"),
}


class HeldConfig(BaseModel):
    """An article on a shelf.

    Attributes:
        sku: the shop's own number.
        weight: of one unit.
        weight_min, weight_max: the least and greatest plausible; what a pre-packed product may
            weigh by law where not said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sku: str = Field(min_length=1, max_length=200)
    weight: MassMg = Field(gt=0)
    weight_min: MassMg | None = None
    weight_max: MassMg | None = None

    @model_validator(mode="after")
    def _range(self) -> Self:
        article_of(self.sku, self.weight, self.weight_min, self.weight_max)
        return self


class PlanogramConfig(BaseModel):
    """The shop's planogram.

    Attributes:
        file: path of the CSV file, from the store file's folder.
        delimiter: between its cells.
        shelf, sku, weight, weight_min, weight_max: how each is read from a row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    shelf: Reading
    sku: Reading
    weight: Reading
    weight_min: Reading | None = None
    weight_max: Reading | None = None

    @model_validator(mode="after")
    def _readings(self) -> Self:
        self.readers()
        return self

    def readers(self) -> dict[str, Read]:
        """Give what reads each column.

        Raises:
            ValueError: a reading means nothing; a sentence.
        """
        readers: dict[str, Read] = {}
        for name, target in _TARGETS.items():
            spec = getattr(self, name)
            if spec is None:
                continue
            try:
                readers[name] = compile_reading(spec, target, Setting(names=frozenset()))
            except ReadingMistake as mistake:
                hint = f"; {mistake.hint}" if mistake.hint else ""
                message = f"{'.'.join((name, *mistake.path))}: {mistake}{hint}"
                raise ValueError(message) from None
        return readers


def article_of(sku: str, weight_mg: int, least_mg: int | None, greatest_mg: int | None) -> Article:
    """Make an article of its weight and what is said of its range.

    Raises:
        ValueError: they do not go together; a sentence.
    """
    if weight_mg <= 0:
        message = f"{sku} weighs nothing"
        raise ValueError(message)
    if (least_mg is None) != (greatest_mg is None):
        message = f"a range of weights has two ends: say weight_min and weight_max of {sku}"
        raise ValueError(message)
    if least_mg is None or greatest_mg is None:
        return Article(sku, weight_mg, prepacked_tolerance_mg(weight_mg))
    if not 0 < least_mg <= weight_mg <= greatest_mg:
        message = f"the weight of {sku} does not lie between its weight_min and weight_max"
        raise ValueError(message)
    return Article(sku, weight_mg, max(greatest_mg - weight_mg, weight_mg - least_mg))


def read_planogram(config: PlanogramConfig, folder: Path, shelf: str) -> list[Article]:
    """Read what lies on a shelf.

    Args:
        config: where the planogram is.
        folder: that a relative path starts from.
        shelf: as the planogram calls it.

    Raises:
        UsageError: the file cannot be read, or knows no such shelf.
        FileMistakes: everything that is wrong in the shelf's rows.
    """
    path = folder / config.file
    readers = config.readers()
    articles: dict[str, Article] = {}
    mistakes: list[Mistake] = []
    for line, text, row in _rows(path, config.delimiter):
        try:
            if readers["shelf"](row, {}) != shelf:
                continue
            article = _article(row, readers)
            # One article may have several facings.
            if articles.setdefault(article.sku, article) != article:
                message = f"{article.sku} has another weight in an earlier line"
                raise ValueError(message)
        except ValueError as error:
            mistakes.append(Mistake(str(path), line, 1, str(error), max(1, len(text)), text))
    if mistakes:
        raise FileMistakes(mistakes)
    if not articles:
        message = f"planogram {path} has nothing on shelf {shelf!r}"
        raise UsageError(message)
    return list(articles.values())


def lightest_mg(articles: Sequence[Article]) -> int:
    """Give the least that a unit of any of the articles weighs."""
    return min(article.weight_mg - article.spread_mg for article in articles)


def _article(row: dict[str, str], readers: dict[str, Read]) -> Article:
    values: dict[str, Any] = {name: read(row, {}) for name, read in readers.items()}
    for name in ("sku", "weight"):
        if values[name] is None:
            message = f"the row has no {name}"
            raise ValueError(message)
    least, greatest = values.get("weight_min"), values.get("weight_max")
    return article_of(values["sku"], values["weight"], least, greatest)


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, str, dict[str, str]]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
        header: list[str] = []
        for cells in reader:
            if not header:
                header = [cell.strip() for cell in cells]
            elif any(cell.strip() for cell in cells):
                row = dict(zip(header, cells, strict=False))
                yield reader.line_num, lines[reader.line_num - 1], row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"planogram {path} cannot be read: {reason}"
        raise UsageError(message) from None
