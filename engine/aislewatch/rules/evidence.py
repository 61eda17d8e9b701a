"""What all clauses have that look for events: which, joined on what, in which window.

The reader remembers what the clauses before bound, and how far from the anchor each of it can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aislewatch.events.registry import KindSpec
from aislewatch.events.units import Dimension
from aislewatch.rules import model
from aislewatch.rules.desk import Desk
from aislewatch.rules.dimensions import type_of_field
from aislewatch.rules.rule import Expr, Join
from aislewatch.rules.scope import Scope, field_of, unknown_field
from aislewatch.rules.tree import Field, Term
from aislewatch.rules.vocabulary import Same
from aislewatch.rules.windows import Reach, Window, reach_of

Path = tuple[str | int, ...]

RESERVED = frozenset({"and", "or", "not", "in", "of", "true", "false", "params", "lists"})
"""Words of the language, which nothing can be called."""


class EvidenceReader:
    """Reads evidence, and keeps the names and windows of one rule.

    Attributes:
        scope: the names bound so far.
        reach: how far from the anchor the windows read so far can look.
    """

    def __init__(self, desk: Desk, scope: Scope, anchor: str) -> None:
        self._desk = desk
        self._anchor = anchor
        self._reaches: dict[str, Reach] = {anchor: Reach(0, 0)}
        self._figures = 0
        self.scope = scope
        self.reach = Reach(0, 0)

    def _parts(
        self, shape: model.EvidenceShape, kinds: tuple[KindSpec, ...] | None, path: Path
    ) -> tuple[Expr | None, tuple[Join, ...], Window] | None:
        """Read what all evidence has; None where any of it has a mistake."""
        window = self._window((*path, "window"), shape.window)
        if kinds is None:
            return None
        where = self._where((*path, "where"), shape.where, kinds)
        same = self._same((*path, "same"), shape.same, kinds)
        if window is None or same is None or (shape.where is not None and where is None):
            return None
        return where, same, window

    def _window(self, path: Path, text: str) -> Window | None:
        window = self._desk.window(path, text, self.scope)
        if window is not None:
            reach = reach_of(window, self._reaches)
            self.reach = Reach(
                min(self.reach.earliest_us, reach.earliest_us),
                max(self.reach.latest_us, reach.latest_us),
            )
        return window

    def _where(self, path: Path, text: str | None, kinds: tuple[KindSpec, ...]) -> Expr | None:
        if text is None:
            return None
        return self._desk.expr(path, text, self.scope.for_event(kinds))

    def _same(
        self, path: Path, shape: Same, kinds: tuple[KindSpec, ...]
    ) -> tuple[Join, ...] | None:
        joins: list[Join] = []
        good = True
        if isinstance(shape, dict):
            for name, text in shape.items():
                attr = self._key((*path, name), name, kinds, on_key=True)
                expr = self._desk.expr((*path, name), text, self.scope, Dimension.TEXT)
                good = good and attr is not None and expr is not None
                if attr is not None and expr is not None:
                    joins.append(Join(attr, expr))
            return tuple(joins) if good else None
        for index, name in enumerate(shape):
            place = (*path, index)
            attr = self._key(place, name, kinds)
            term = self._of_anchor(place, name) if attr is not None else None
            good = good and attr is not None and term is not None
            if attr is not None and term is not None:
                text = f"{self._anchor}.{name}"
                joins.append(Join(attr, self._desk.made(place, text, term)))
        return tuple(joins) if good else None

    def _key(
        self, path: Path, name: str, kinds: tuple[KindSpec, ...], *, on_key: bool = False
    ) -> str | None:
        """Look up a field to join on; None where it is none, which is recorded."""
        spec = field_of(kinds, name)
        if spec is None:
            message, hint = unknown_field(kinds, name)
            self._desk.wrong(path, message, hint, on_key=on_key)
            return None
        if not spec.key:
            keys = sorted(key for key, one in kinds[0].fields.items() if one.key)
            hint = f"known keys: {', '.join(keys)}"
            self._desk.wrong(path, f"{name!r} is no key to join on", hint, on_key=on_key)
            return None
        return spec.attr

    def _of_anchor(self, path: Path, name: str) -> Term | None:
        anchor = self.scope.bindings.get(self._anchor)
        if anchor is None:
            return None
        spec = field_of(anchor.kinds, name)
        if spec is None:
            message, _ = unknown_field(anchor.kinds, name, self._anchor)
            hint = f"write same: {{{name}: <what it equals>}}"
            self._desk.wrong(path, message, hint)
            return None
        return Field(
            binding=self._anchor,
            attr=spec.attr,
            path=spec.path,
            optional=not spec.required,
            unbound=False,
            type=type_of_field(spec),
        )

    def _free(self, name: str, path: Path) -> bool:
        if name in RESERVED:
            self._desk.wrong(path, f"{name!r} is a word of the language", "choose another name")
            return False
        if name in self.scope.names:
            self._desk.wrong(path, f"{name!r} is bound already", "choose another name")
            return False
        return True

    def _break(self, names: Sequence[str]) -> None:
        self.scope = replace(self.scope, broken=self.scope.broken | frozenset(names))
