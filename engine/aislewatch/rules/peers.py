"""``stats_of``: a figure's statistics over peers, read and tied to what makes the figure.

A figure can be made for a peer only if it hangs on the anchor alone: the clauses behind it are
kept, and computed again with each peer in the anchor's place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.units import Dimension
from aislewatch.rules import model, rule
from aislewatch.rules.desk import Desk
from aislewatch.rules.evidence import EvidenceReader, Path
from aislewatch.rules.rule import Clause, Expr
from aislewatch.rules.scope import Scope
from aislewatch.rules.tree import NUMBER, Type
from aislewatch.rules.windows import Reach, reach_of

NO_FIGURES = frozenset({Dimension.TEXT, Dimension.FLAG, Dimension.INSTANT})
"""Of these there is no mean."""


class PeersReader(EvidenceReader):
    """Reads ``stats_of``; remembers which clause made which figure."""

    def __init__(self, desk: Desk, scope: Scope, anchor: str, where: Expr | None) -> None:
        super().__init__(desk, scope, anchor)
        self._anchor_where = where
        self._made: dict[str, Clause] = {}

    def _stats_of(self, shape: model.StatsOfShape, path: Path) -> Clause | None:
        desk, name = self._desk, shape.as_
        anchor = self.scope.bindings.get(self._anchor)
        if name is None:
            desk.wrong(path, "statistics need a name", "add 'as: peers', or put them under 'let'")
            return None
        made_by = self._made_by(shape.stats_of, (*path, "stats_of"))
        kind = self.scope.figures.get(shape.stats_of)
        window = self._window((*path, "window"), shape.window)
        if anchor is None or made_by is None or kind is None or window is None:
            return None
        same = self._same((*path, "same"), shape.same, anchor.kinds)
        others = self._same((*path, "others"), shape.others, anchor.kinds)
        if {window.start.ref, window.end.ref} != {self._anchor}:
            message = f"peers are looked for around {self._anchor!r} alone"
            desk.wrong((*path, "window"), message)
        if kind[0].dimension in NO_FIGURES:
            desk.wrong((*path, "stats_of"), f"there is no mean of a {kind[0].dimension}")
        if same is None or others is None or not self._free(name, (*path, "as")):
            return None
        exact = kind[0]
        self.scope = self.scope.with_stats(name, types_of_statistics(exact))
        made = rule.StatsOf(
            label=name,
            points=shape.points,
            line=desk.line(path),
            types=tuple(kind.type for kind in anchor.kinds),
            where=self._anchor_where,
            same=same,
            window=window,
            name=name,
            figure=shape.stats_of,
            type=exact,
            made_by=made_by,
            others=others,
        )
        for _, reach in evidence_of_peers(made, self._anchor):
            self.reach = Reach(
                min(self.reach.earliest_us, reach.earliest_us),
                max(self.reach.latest_us, reach.latest_us),
            )
        return made

    def _made_by(self, name: str, path: Path) -> tuple[Clause, ...] | None:
        """Give what computes a figure from the anchor alone; None with a mistake where nothing."""
        needed: dict[str, Clause] = {}
        asked = [name]
        while asked:
            one = asked.pop()
            clause = self._made.get(one)
            if clause is None:
                if one not in self.scope.broken:
                    self._no_figure(one, name, path)
                return None
            needed[one] = clause
            asked += uses(clause) - {self._anchor} - needed.keys()
        return tuple(clause for made, clause in self._made.items() if made in needed)

    def _no_figure(self, name: str, asked: str, path: Path) -> None:
        if name != asked:
            message = f"{asked!r} hangs on {name!r}, which peers do not have"
            self._desk.wrong(path, message, f"make it of {self._anchor!r} alone")
        elif name in self.scope.names:
            self._desk.wrong(path, f"{name!r} is no figure", "name a count, sum, ... above it")
        else:
            # Figures that nobody named have names that nobody can write.
            known = [made for made in self._made if not made.startswith("_")]
            hint = did_you_mean(name, known, label="named above")
            self._desk.wrong(path, f"unknown figure {name!r}", hint)


def types_of_statistics(figure: Type) -> dict[str, Type]:
    """Give the statistics of a figure, with what each of them is."""
    rounded = replace(figure, exact=False)
    return {"n": NUMBER, "mean": figure, "stdev": rounded, "median": figure, "mad": figure}


def evidence_of_peers(clause: rule.StatsOf, anchor: str) -> Iterator[tuple[rule.Aggregate, Reach]]:
    """Give what peers' figures are made of, and how far from the anchor that can be."""
    peers = reach_of(clause.window, {anchor: Reach(0, 0)})
    for made_by in clause.made_by:
        if isinstance(made_by, rule.Aggregate):
            around = reach_of(made_by.window, {anchor: Reach(0, 0)})
            earliest = peers.earliest_us + around.earliest_us
            yield made_by, Reach(earliest, max(earliest, peers.latest_us + around.latest_us))


def uses(clause: Clause) -> set[str]:
    """Give the names that a figure's clause hangs on."""
    if isinstance(clause, rule.Let):
        return set(clause.expr.names)
    assert isinstance(clause, rule.Aggregate)
    names = {clause.window.start.ref, clause.window.end.ref}
    return names.union(*(join.expr.names for join in clause.same))
