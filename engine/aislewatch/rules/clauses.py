"""Clauses read in the order of the file, each seeing the names that those before it bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, cast

from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.registry import KindSpec
from aislewatch.events.units import Dimension
from aislewatch.rules import model, rule
from aislewatch.rules.desk import near_types
from aislewatch.rules.dimensions import fits, mismatch, type_of_field
from aislewatch.rules.evidence import Path
from aislewatch.rules.peers import PeersReader
from aislewatch.rules.rule import Clause, Expr
from aislewatch.rules.scope import Binding, Scope, field_of, unknown_field
from aislewatch.rules.tree import FLAG, NUMBER, All, Compare, CompareOp, Figure, Term, Type
from aislewatch.rules.windows import reach_of

_LIMITS: dict[str, CompareOp] = {
    "at_least": ">=", "at_most": "<=", "more_than": ">", "less_than": "<", "exactly": "=="
}  # fmt: skip


class ClauseReader(PeersReader):
    """Reads the clauses of one rule; see :class:`.EvidenceReader` for what it remembers."""

    def read(self, shape: model.Clause, path: Path) -> Clause | None:
        """Read one clause and bind its names; None where it has a mistake, which is recorded."""
        before = len(self._desk.mistakes)
        clause = self._read(shape, path)
        names = names_bound(shape)
        later = {name: where for name, where in self.scope.later.items() if name not in names}
        self.scope = replace(self.scope, later=later)
        if clause is None or len(self._desk.mistakes) > before:
            self._break(names)
            return None
        return clause

    def let(self, name: str, shape: object, path: Path) -> Clause | None:
        """Read one figure of ``let``."""
        if isinstance(shape, str):
            expr = self._desk.expr(path, shape, self.scope, None)
            if expr is None or not self._free(name, path):
                self._break([name])
                return None
            self.scope = self.scope.with_figure(name, expr.type, optional=True)
            made = rule.Let(
                label=name, points=None, line=self._desk.line(path), name=name, expr=expr
            )
            self._made[name] = made
            return made
        if isinstance(shape, model.StatsOfShape):
            shape = shape.model_copy(update={"as_": shape.as_ or name})
        clause = self.read(cast("model.Clause", shape), path)
        if clause is None:
            self._break([name])
            return None
        if isinstance(clause, rule.StatsOf):
            return clause
        assert isinstance(clause, rule.Aggregate)
        if clause.holds is not None or clause.label == clause.name:
            message = "a figure under 'let' is called by its key and has no limits"
            self._desk.wrong(path, message, "put the limit into a 'check'", on_key=True)
            return None
        if not self._free(name, path):
            return None
        kind, optional = self.scope.figures[clause.name]
        self.scope = self.scope.with_figure(name, kind, optional=optional)
        self._made[name] = replace(clause, name=name, label=name)
        return self._made[name]

    def _read(self, shape: model.Clause, path: Path) -> Clause | None:
        if isinstance(shape, model.SeenShape):
            return self._seen(shape, path)
        if isinstance(shape, model.NotSeenShape):
            return self._not_seen(shape, path)
        if isinstance(shape, model.CheckShape):
            expr = self._desk.expr((*path, "check"), shape.check, self.scope)
            if expr is None:
                return None
            line = self._desk.line(path)
            return rule.Check(label=shape.as_ or "check", points=shape.points, line=line, expr=expr)
        if isinstance(shape, model.UnmatchedShape):
            return self._unmatched(shape, path)
        if isinstance(shape, (model.AnyOfShape, model.AllOfShape)):
            return self._some_of(shape, path)
        if isinstance(shape, model.StatsOfShape):
            return self._stats_of(shape, path)
        return self._aggregate(shape, path)

    # Evidence

    def _seen(self, shape: model.SeenShape, path: Path) -> Clause | None:
        kinds = self._desk.kinds((*path, "seen"), shape.seen)
        parts = self._parts(shape, kinds, path)
        if kinds is None or parts is None:
            return None
        where, same, window = parts
        if shape.as_ is not None and self._free(shape.as_, (*path, "as")):
            self.scope = self.scope.with_binding(shape.as_, Binding(kinds, shape.optional))
            self._reaches[shape.as_] = reach_of(window, self._reaches)
        return rule.Seen(
            label=shape.as_ or "seen " + "|".join(shape.seen),
            points=shape.points,
            line=self._desk.line(path),
            types=tuple(shape.seen),
            where=where,
            same=same,
            window=window,
            name=shape.as_,
            pick=shape.pick,
            optional=shape.optional,
        )

    def _not_seen(self, shape: model.NotSeenShape, path: Path) -> Clause | None:
        kinds = self._desk.kinds((*path, "not_seen"), shape.not_seen)
        parts = self._parts(shape, kinds, path)
        if parts is None:
            return None
        where, same, window = parts
        return rule.NotSeen(
            label="not_seen " + "|".join(shape.not_seen),
            points=shape.points,
            line=self._desk.line(path),
            types=tuple(shape.not_seen),
            where=where,
            same=same,
            window=window,
        )

    # Figures

    def _aggregate(self, shape: model.AggregateClause, path: Path) -> Clause | None:
        op = _op_of(shape)
        if isinstance(shape, model.CountShape):
            types, field = tuple(shape.count), ""
            kinds = self._desk.kinds((*path, op), shape.count)
        else:
            text = str(getattr(shape, op))
            types, field = self._split_field((*path, op), text)
            kinds = self._desk.kinds((*path, op), types) if types else None
        measured = self._measured((*path, op), op, kinds, field) if kinds else None
        parts = self._parts(shape, kinds, path)
        if measured is None or parts is None:
            return None
        attr, kind, optional = measured
        where, same, window = parts
        self._figures += 1
        name = shape.as_ or f"_{op}{self._figures}"
        if shape.as_ is not None and not self._free(name, (*path, "as")):
            return None
        figure = Figure(name=name, optional=optional, type=kind)
        holds = self._limits(shape, path, figure)
        self.scope = self.scope.with_figure(name, kind, optional=optional)
        made = rule.Aggregate(
            label=shape.as_ or f"{op} " + "|".join(types),
            points=shape.points,
            line=self._desk.line(path),
            types=types,
            where=where,
            same=same,
            window=window,
            name=name,
            op=op,
            attr=attr,
            type=kind,
            holds=holds,
        )
        # Of peers the figure alone is made: a limit may name what they do not have.
        self._made[name] = replace(made, holds=None)
        return made

    def _split_field(self, path: Path, text: str) -> tuple[tuple[str, ...], str]:
        """Split ``shelf.removed.units`` into type and field; the type is empty where unknown."""
        known = self._desk.registry.kinds
        words = text.split(".")
        for size in range(len(words), 0, -1):
            name = ".".join(words[:size])
            if name in known:
                return (name,), ".".join(words[size:])
        guess = ".".join(words[:2])
        near = near_types(guess, self._desk.registry.for_rules)
        hint = did_you_mean(guess, near, label="near")
        self._desk.wrong(path, f"unknown type of event {guess!r}", hint)
        return (), ""

    def _measured(
        self, path: Path, op: rule.AggregateOp, kinds: tuple[KindSpec, ...], field: str
    ) -> tuple[str | None, Type, bool] | None:
        """Give the attribute that a figure is made of, its type, and whether it may be unknown.

        Every figure may: what it joins on can be unknown, and so can a part of a sum.
        """
        if op == "count":
            return None, NUMBER, True
        types = "|".join(kind.type for kind in kinds)
        spec = field_of(kinds, field) if field else None
        if spec is None:
            message, hint = unknown_field(kinds, field) if field else (
                f"{op} needs a field", f"write e.g. {types}.units")  # fmt: skip
            self._desk.wrong(path, message, hint)
            return None
        if op == "distinct":
            return spec.attr, NUMBER, True
        kind = type_of_field(spec)
        dimension = kind.dimension
        added_up = op in {"sum", "avg"}
        if dimension in {Dimension.TEXT, Dimension.FLAG} or (
            added_up and dimension is Dimension.INSTANT
        ):
            self._desk.wrong(path, f"there is no {op} of {spec.path}: it is a {dimension}")
            return None
        if op == "avg":
            kind = Type(dimension, exact=False)
        return spec.attr, kind, True

    def _limits(self, shape: model.AggregateClause, path: Path, figure: Figure) -> Expr | None:
        terms: list[Term] = []
        shown: list[str] = []
        for key, op in _LIMITS.items():
            text = getattr(shape, key)
            if text is None:
                continue
            place = (*path, key)
            limit = self._desk.expr(place, text, self.scope, None)
            if limit is None:
                continue
            if not fits(figure.type.dimension, limit.type.dimension):
                message, hint = mismatch(figure, limit.term, "compare")
                self._desk.wrong(place, message, hint)
                continue
            terms.append(Compare(op=op, left=figure, right=limit.term, type=FLAG))
            shown.append(f"{figure.name} {op} {text}")
        if not terms:
            return None
        term = terms[0] if len(terms) == 1 else All(terms=tuple(terms), type=FLAG)
        return self._desk.made(path, " and ".join(shown), term)

    # Pairing and groups

    def _unmatched(self, shape: model.UnmatchedShape, path: Path) -> Clause | None:
        desk, sides = self._desk, (*path, "unmatched")
        left = desk.kinds((*sides, "left"), shape.unmatched.left)
        right = desk.kinds((*sides, "right"), shape.unmatched.right)
        window = self._window((*path, "window"), shape.window)
        names = [name for name in ("left", "right") if not self._free(name, sides)]
        if left is None or right is None:
            return None
        wheres = (
            self._where((*path, "where_left"), shape.where_left, left),
            self._where((*path, "where_right"), shape.where_right, right),
        )
        same_left = self._same((*path, "same"), shape.same, left)
        same_right = self._same((*path, "same"), shape.same, right)
        by: list[tuple[str | None, str | None]] = []
        for index, name in enumerate(shape.by):
            place = (*path, "by", index)
            by.append((self._key(place, name, left), self._key(place, name, right)))
        side = self._anchor_side(left, right, sides)
        pairs = [(one, two) for one, two in by if one is not None and two is not None]
        if window is None or same_left is None or same_right is None or names:
            return None
        if side is not None and self._free("partner", sides):
            opposite = right if side == "left" else left
            self.scope = self.scope.with_binding("partner", Binding(opposite, unbound=True))
            self._reaches["partner"] = reach_of(window, self._reaches)
        leftovers = {**self.scope.leftovers, "left": left, "right": right}
        self.scope = replace(self.scope, leftovers=leftovers)
        return rule.Unmatched(
            label="unmatched",
            points=shape.points,
            line=desk.line(path),
            left=rule.Side(tuple(shape.unmatched.left), wheres[0]),
            right=rule.Side(tuple(shape.unmatched.right), wheres[1]),
            same=(same_left, same_right),
            by=tuple(pairs),
            window=window,
            anchor_side=side,
        )

    def _anchor_side(
        self, left: tuple[KindSpec, ...], right: tuple[KindSpec, ...], path: Path
    ) -> Literal["left", "right"] | None:
        lefts, rights = {kind.type for kind in left}, {kind.type for kind in right}
        if lefts & rights:
            shared = ", ".join(sorted(lefts & rights))
            self._desk.wrong(path, f"{shared} stands on both sides; it would pair with itself")
            return None
        bound = self.scope.bindings.get(self._anchor)
        if bound is None:  # Its type is a mistake already, and nobody knows its side.
            self._break(["partner"])
            return None
        anchor = {kind.type for kind in bound.kinds}
        if anchor & (lefts | rights) and not (anchor <= lefts or anchor <= rights):
            self._desk.wrong(path, "the anchor is only sometimes of these kinds",
                             "write one rule for each kind of anchor")  # fmt: skip
            return None
        return "left" if anchor <= lefts else "right" if anchor <= rights else None

    def _some_of(self, shape: model.AnyOfShape | model.AllOfShape, path: Path) -> Clause | None:
        key = "any_of" if isinstance(shape, model.AnyOfShape) else "all_of"
        nested = shape.any_of if isinstance(shape, model.AnyOfShape) else shape.all_of
        at_least = shape.at_least if isinstance(shape, model.AnyOfShape) else len(nested)
        if at_least > len(nested):
            message = f"at_least is {at_least}, but there are {len(nested)} clauses"
            self._desk.wrong((*path, "at_least"), message)
        before = self.scope
        clauses: list[Clause | None] = []
        bound: dict[str, Binding] = {}
        for index, inner in enumerate(nested):
            known = self.scope.bindings
            clauses.append(self.read(inner, (*path, key, index)))
            bound |= {n: one for n, one in self.scope.bindings.items() if n not in known}
            # All of them are looked at, whatever those before them came to.
            self._loosen(before)
        if at_least >= len(nested):
            for name, binding in bound.items():
                self.scope = self.scope.with_binding(name, binding)
        found = tuple(clause for clause in clauses if clause is not None)
        if len(found) < len(nested):
            return None
        return rule.SomeOf(
            label=shape.as_ or key,
            points=shape.points,
            line=self._desk.line(path),
            clauses=found,
            at_least=at_least,
        )

    def _loosen(self, before: Scope) -> None:
        """What a clause bound that need not hold may be absent behind it."""
        for name, binding in self.scope.bindings.items():
            if name not in before.bindings:
                self.scope = self.scope.with_binding(name, Binding(binding.kinds, unbound=True))
        for name, (kind, _) in self.scope.figures.items():
            if name not in before.figures:
                self.scope = self.scope.with_figure(name, kind, optional=True)


def _op_of(shape: model.AggregateClause) -> rule.AggregateOp:
    ops: Mapping[type, rule.AggregateOp] = {
        model.CountShape: "count",
        model.SumShape: "sum",
        model.MaxShape: "max",
        model.MinShape: "min",
        model.AvgShape: "avg",
        model.DistinctShape: "distinct",
    }
    return ops[type(shape)]


def names_bound(shape: model.Clause) -> list[str]:
    """Give the names that a clause binds, and those of the clauses in it."""
    if isinstance(shape, model.AnyOfShape):
        return [name for inner in shape.any_of for name in names_bound(inner)]
    if isinstance(shape, model.AllOfShape):
        return [name for inner in shape.all_of for name in names_bound(inner)]
    if isinstance(shape, model.UnmatchedShape):
        return ["left", "right", "partner"]
    if isinstance(shape, (model.NotSeenShape, model.CheckShape)):
        return []
    return [shape.as_] if shape.as_ is not None else []
