"""Places of a rule that could be written otherwise, and the rules that they would make of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple, TypeGuard

from aislewatch.authoring.swapping import with_part
from aislewatch.errors import Mistake
from aislewatch.events.located import LocatedYaml, Path
from aislewatch.events.units import Dimension
from aislewatch.rules.rule import Rule

Kind = Literal["literal", "comparison", "window", "join", "clause", "points"]

SMALL = 20
"""Whole numbers up to this are counts, of which one more or less must be noticed."""

_NUMBER = re.compile(r"(-?)(\d[\d_]*(?:\.\d+)?)(\s*[^\d\s]*)")

_ONE = {Dimension.DURATION: 1_000_000, Dimension.MASS: 1_000, Dimension.MONEY: 100}
"""One of what people write, in base units; 1 for all others."""


@dataclass(frozen=True)
class Mutant:
    """One way in which a rule could have been written instead.

    Attributes:
        change: what is done to it: ``changing 12h to 24h``.
        rule: the rule that results; what it says of its file and its meaning is the original's.
    """

    change: str
    rule: Rule


@dataclass(frozen=True)
class Site:
    """A place of a rule, and ways to write it otherwise, each of which some test should notice.

    Attributes:
        kind: what is there.
        shown: what is there, as written.
        place: where; its message is empty.
        mutants: at least one.
    """

    kind: Kind
    shown: str
    place: Mistake
    mutants: tuple[Mutant, ...]


class Change(NamedTuple):
    """A mutant before it is made: one part of the rule in another form."""

    change: str
    old: object
    new: object | None


class Draft:
    """A rule beside its file, from which sites are made.

    Attributes:
        rule: the rule.
        document: its file.
    """

    def __init__(self, rule: Rule, text: str) -> None:
        self.rule = rule
        self.document = LocatedYaml.parse(text, rule.file)

    def site(
        self,
        kind: Kind,
        shown: str,
        path: Path,
        changes: Sequence[Change],
        *,
        span: tuple[int, int] | None = None,
        on_key: bool = False,
    ) -> Site:
        """Make a site.

        Args:
            kind: see :class:`Site`.
            shown: likewise.
            path: where it stands in the file.
            changes: to the rule.
            span: offset and length in the text that stands there; all of it where None.
            on_key: its key is meant.
        """
        made = [Mutant(c.change, with_part(self.rule, c.old, c.new)) for c in changes]
        return self.made(kind, shown, path, made, span=span, on_key=on_key)

    def made(
        self,
        kind: Kind,
        shown: str,
        path: Path,
        mutants: Sequence[Mutant],
        *,
        span: tuple[int, int] | None = None,
        on_key: bool = False,
    ) -> Site:
        """Make a site of mutants that are there already; arguments as those of :meth:`site`."""
        offset, length = span if span is not None else (0, None)
        place = self.document.mistake(path, "", offset=offset, length=length, on_key=on_key)
        return Site(kind, shown, place, tuple(mutants))

    def written(self, path: Path) -> Any:
        """Give what stands in the file, as raw YAML; None where nothing does."""
        value: Any = self.document.data
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def keys(self, path: Path) -> list[str]:
        """Give the keys of a mapping of the file, in its order; none where no mapping stands."""
        value = self.written(path)
        return list(value) if _is_mapping(value) else []


def _is_mapping(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def steps(value: Fraction, dimension: Dimension, written: str) -> list[tuple[str, Fraction]]:
    """Give the figures that one is tried as, up and down, each as people would write it.

    >>> [shown for shown, _ in steps(Fraction(5), Dimension.NUMBER, "5")]
    ['6', '4']
    >>> [shown for shown, _ in steps(Fraction(-60), Dimension.LEVEL, "-60dBm")]
    ['-120dBm', '-30dBm']
    """
    if value == 0:
        one = _ONE.get(dimension, 1)
        return [
            (f"1 more than {written}", Fraction(one)),
            (f"1 less than {written}", -Fraction(one)),
        ]
    counted = value.denominator == 1 and abs(value) <= SMALL and dimension is Dimension.NUMBER
    if counted and re.fullmatch(r"-?\d+", written):
        return [(str(value + 1), value + 1), (str(value - 1), value - 1)]
    return [
        (scaled(written, Fraction(2), "doubled"), value * 2),
        (scaled(written, Fraction(1, 2), "halved"), value / 2),
    ]


def scaled(written: str, factor: Fraction, otherwise: str) -> str:
    """Give a written figure a number of times; a name of one is followed by a word instead.

    >>> scaled("12h", Fraction(1, 2), "halved"), scaled("params.back", Fraction(2), "doubled")
    ('6h', 'params.back doubled')
    """
    found = _NUMBER.fullmatch(written)
    if found is None:
        return f"{written} {otherwise}"
    figure = Fraction(found[2].replace("_", "")) * factor
    shown = f"{float(figure):.6f}".rstrip("0").rstrip(".")
    return f"{found[1]}{shown}{found[3]}"
