"""What the demo's shop sells."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

from aislewatch_sim.tags import sgtin96


@dataclass(frozen=True, slots=True)
class Article:
    """One article.

    Attributes:
        number: the shop's own.
        gtin: fourteen digits.
        pence: price of one.
        grams: what one weighs on average.
        tagged: each unit wears a radio tag.
    """

    number: str
    gtin: str
    pence: int
    grams: int
    tagged: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of an article.

    Attributes:
        article: of what.
        grams: what this one weighs.
        epc: its tag's code; empty without a tag.
    """

    article: Article
    grams: float
    epc: str


def read_articles() -> dict[str, Article]:
    """Give the shop's articles by number."""
    with (files("aislewatch_sim.demo") / "shop" / "products.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        row["article"]: Article(
            number=row["article"],
            gtin=row["barcode"],
            pence=round(float(row["price"]) * 100),
            grams=int(row["weight_g"]),
            tagged=row["tagged"] == "yes",
        )
        for row in rows
    }


def make_unit(article: Article, serial: int, share: float) -> Unit:
    """Make one piece.

    Args:
        article: of what.
        serial: of its tag.
        share: how much heavier than average it is, as a part of the average.
    """
    epc = sgtin96(article.gtin, serial) if article.tagged else ""
    return Unit(article, article.grams * (1 + share), epc)
