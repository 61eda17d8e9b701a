"""The part of a judge's source that looks evidence up: which index, which key, which window.

Every look leaves what it found in a variable, in the total order and trimmed to the window's edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aislewatch.detect.evidence import Sifted
from aislewatch.detect.judgement import Blind, Indexes
from aislewatch.rules.compiling import Lists, compile_event
from aislewatch.rules.needs import Sight
from aislewatch.rules.rule import Evidence, Expr, Join, Rule, Seen
from aislewatch.rules.windows import Bound


@dataclass
class Looking:
    """Source in the making, of a function of an anchor ``a``.

    Attributes:
        rule: what is judged by.
        indexes: where indexes come from.
        blind: says why something might have gone unseen.
        lists: the named lists.
        traced: the function says which clause failed.
        lines: of the function's body.
        looks: source of what each clause looked at, for the record.
        names: the rule's names, with the variables that stand for them.
        types: of names that stand for events.
        constants: what the source names, by name.
        certain: variables that are never None where they are read.
        depth: of indentation.
        made: how many variables there are.
    """

    rule: Rule
    indexes: Indexes
    blind: Blind
    lists: Lists
    traced: bool = False
    lines: list[str] = field(default_factory=list[str])
    looks: list[str] = field(default_factory=list[str])
    names: dict[str, str] = field(default_factory=dict[str, str])
    types: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    constants: dict[str, Any] = field(default_factory=dict[str, Any])
    certain: set[str] = field(default_factory=set[str])
    depth: int = 1
    made: int = 0

    def _found(
        self,
        clause: Evidence,
        *,
        maybe: bool,
        unknown_key: str = "()",
        keep_anchor: bool = False,
    ) -> str:
        """Look; give the variable of what was found, or of ``unknown_key`` without a key."""
        index, values = self._index(clause, maybe=maybe)
        key, start, end = self._where_to_look(clause, values)
        found = self._variable()
        unknown = self._unknown(key, start, end)
        if unknown:
            self._line(f"{found} = {unknown_key}")
            self._line(f"if not ({unknown}):")
            self.depth += 1
        self._between(
            clause, index, key, start, end, into=found, maybe=maybe, keep_anchor=keep_anchor
        )
        self.looks.append(f"{clause.label!r}, {start}, {end}, {found} or ()")
        if unknown:
            self.depth -= 1
        return found

    def _unknown(self, *variables: str) -> str:
        """Give source that says whether any of some variables is None; empty where none can be."""
        doubtful = [one for one in variables if one not in self.certain]
        return " or ".join(f"{one} is None" for one in doubtful)

    def _index(self, clause: Evidence, *, maybe: bool) -> tuple[str, tuple[str, ...]]:
        """Give the variable of an index, and those of what it is asked with besides the joins."""
        attrs = tuple(join.attr for join in clause.same)
        index, values = self.indexes.keyed_index(clause.types, clause.where, attrs, maybe=maybe)
        return self._constant(index), tuple(map(self._constant, values))

    def _where_to_look(self, clause: Evidence, values: Sequence[str]) -> tuple[str, str, str]:
        window = clause.window
        return self._key(clause.same, values), self._bound(window.start), self._bound(window.end)

    def _between(
        self,
        clause: Evidence,
        index: str,
        key: str,
        start: str,
        end: str,
        *,
        into: str,
        maybe: bool,
        keep_anchor: bool = False,
    ) -> None:
        found = into
        # What the index's own ``between`` does, in place: the call would cost as much as the look.
        self._line(f"{found} = {index}.current.get({key})")
        self._line(f"if {start} < {index}.since:")
        self._line(f"    older = {index}.previous.get({key})")
        self._line("    if older is not None:")
        self._line(f"        {found} = older if {found} is None else both(older, {found})")
        self._line(f"if {found} is None: {found} = ()")
        self._line(f"elif {found}.__class__ is list: {found} = within({found}, {start}, {end})")
        self._line(f"else: {found} = ({found},) if {start} <= {found}.time <= {end} else ()")
        sift = self._sift(clause.where, maybe=maybe)
        if sift is not None:
            self._line(f"if {found}: {found} = [e for e in {found} if {sift}(e)]")
        self._trim(clause, found, keep_anchor=keep_anchor)

    def _trim(self, clause: Evidence, found: str, *, keep_anchor: bool = False) -> None:
        """Leave out what stands outside a window by the total order alone."""
        window, anchor = clause.window, self.rule.anchor
        trimmed_at_anchor = False
        for bound, trim, edge, reaches in (
            (window.start, "not_before", 0, "<="),
            (window.end, "not_after", -1, ">="),
        ):
            # Among events of the type of the one that the window is measured from, the total order
            # says what is before and what is after; for all others equal times are inside.
            if bound.offset_us == 0 and set(self.types[bound.ref]) & set(clause.types):
                keep = keep_anchor and bound.ref == anchor.name
                ref = self.names[bound.ref]
                types = tuple(sorted(self.types[bound.ref]))
                self._line(
                    f"if {found} and {found}[{edge}].time {reaches} {ref}.time: "
                    f"{found} = {trim}({found}, {ref}, {types!r}, {keep})"
                )
                trimmed_at_anchor |= bound.ref == anchor.name
        if not keep_anchor and not trimmed_at_anchor and set(anchor.types) & set(clause.types):
            self._line(f"if {found}: {found} = [e for e in {found} if e is not a]")

    def _picked(self, clause: Seen, found: str) -> str:
        if clause.pick == "nearest":
            window, anchor = clause.window, self.rule.anchor
            at = Bound(anchor.name, 0)
            # At the anchor's own time, events of other types stand on both sides of it.
            if at not in (window.start, window.end):
                return f"nearest({found}, a)"
            edge = f"{found}[{-1 if window.end == at else 0}]"
            if set(clause.types) <= set(anchor.types):
                return edge
            return f"({edge} if {edge}.time != a.time else nearest({found}, a))"
        return f"{found}[0]" if clause.pick == "first" else f"{found}[-1]"

    def _key(self, same: Sequence[Join], values: Sequence[str] = ()) -> str:
        """Give the variable of a join key with constants behind it; None where it is unknown."""
        if not same and not values:
            key = self._set("()")
            self.certain.add(key)
            return key
        parts = [self._set(join.expr.bound_source(self.names)) for join in same]
        if len(parts) + len(values) == 1:
            return [*parts, *values][0]
        unknown = " or ".join(f"{part} is None" for part in parts) or "False"
        return self._set(f"None if {unknown} else ({', '.join([*parts, *values])})")

    def _unseen_source(self, sights: Iterable[Sight], start: str, end: str, label: str) -> str:
        """Give source for why something may have gone unseen; None where it could not have."""
        asked: list[str] = []
        for types, *place in sights:
            lane, zone = (
                "None" if where is None else where.bound_source(self.names) for where in place
            )
            asked.append(f"_unseen(_blind, {types!r}, {lane}, {start}, {end}, {label!r}, {zone})")
        return " or ".join(asked)

    def _bound(self, bound: Bound) -> str:
        ref = self.names[bound.ref]
        offset = f" + {bound.offset_us}" if bound.offset_us else ""
        if ref != "a" and ref not in self.certain:
            return self._set(f"None if {ref} is None else {ref}.time{offset}")
        time = self._set(f"{ref}.time{offset}")
        self.certain.add(time)
        return time

    # Lines and names ------------------------------------------------------------------------------

    def _line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def _variable(self) -> str:
        self.made += 1
        return f"v{self.made}"

    def _set(self, source: str) -> str:
        variable = self._variable()
        self._line(f"{variable} = {source}")
        return variable

    def _constant(self, value: object) -> str:
        for name, known in self.constants.items():
            if known is value:
                return name
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name

    def _sift(self, where: Expr | None, *, maybe: bool) -> str | None:
        """Give the variable of what tests the part of a condition that no index can."""
        if where is None or not where.lists:
            return None
        names = {"": "e"}
        source = f"not {where.fails_source(names)}" if maybe else where.holds_source(names)
        return self._constant(compile_event(source, self.lists))

    def _sifted(self, index: str, where: Expr | None) -> str:
        """Give the variable of an index in which lists have been asked, too."""
        sift = self._sift(where, maybe=False)
        if sift is None:
            return index
        return self._constant(Sifted(self.constants[index], self.constants[sift]))

    def _constant_function(self, where: Expr) -> str:
        source = where.holds_source({"": "e"})
        return self._constant(compile_event(source, self.lists))
