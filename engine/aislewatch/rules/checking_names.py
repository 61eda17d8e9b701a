"""Names in an expression: fields of events, figures, parameters, statistics and macros."""

from __future__ import annotations

from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.rules.checking import Checking, WrongPartError
from aislewatch.rules.dimensions import type_of_field
from aislewatch.rules.macros import LARGEST
from aislewatch.rules.parser import DEEPEST, Name
from aislewatch.rules.scope import field_of, unknown_field
from aislewatch.rules.tree import (
    FIRST,
    TEXT,
    Bound,
    Constant,
    Field,
    Figure,
    Leftovers,
    Term,
    standing_at,
)


class NameChecking(Checking):
    """Types names by what they mean in the scope."""

    def _name(self, tree: Name, span: tuple[int, int]) -> Term:
        scope = self._scope
        head, _, rest = tree.path.partition(".")
        if head in {"params", "macros"}:
            return (self._param if head == "params" else self._macro)(tree, rest, span)
        if head == "lists":
            self._refuse(tree, "a named list stands only behind 'in'", "write x in lists.name")
        if scope.event:
            return self._field(tree, "", tree.path, unbound=False)
        if head in scope.bindings:
            binding = scope.bindings[head]
            if not rest:
                return Bound(name=head, unbound=binding.unbound, type=TEXT, span=span)
            return self._field(tree, head, rest, unbound=binding.unbound)
        if head in scope.figures and not rest:
            kind, optional = scope.figures[head]
            return Figure(name=head, optional=optional, type=kind, span=span)
        if head in scope.stats:
            return self._statistic(tree, head, rest, span)
        if head in scope.leftovers:
            if not rest:
                return Leftovers(name=head, type=TEXT, span=span)
            return self._field(tree, FIRST + head, rest, unbound=True)
        if head in scope.broken:
            raise WrongPartError
        if head in scope.later:
            self._refuse(tree, f"{head!r} is bound only by a later clause", "move that clause up")
        if head in scope.names:
            self._refuse(tree, f"{head!r} has no fields")
        broken = [name for name in scope.broken if "." not in name]
        known = [*scope.names, *broken, *(["params"] if scope.params else [])]
        self._refuse(tree, f"unknown name {head!r}", did_you_mean(head, known, label="bound here"))

    def _statistic(self, tree: Name, name: str, figure: str, span: tuple[int, int]) -> Term:
        kinds = self._scope.stats[name]
        if figure not in kinds:
            message = f"unknown figure {figure!r} of {name!r}" if figure else f"{name!r} is several"
            hint = did_you_mean(figure, kinds, label="known") if figure else ""
            self._refuse(tree, message, hint or f"write e.g. {name}.mean")
        return Figure(name=tree.path, optional=True, type=kinds[figure], span=span)

    def _param(self, tree: Name, name: str, span: tuple[int, int]) -> Term:
        params = self._scope.params
        if name in self._scope.list_params:
            self._refuse(tree, "a named list stands only behind 'in'", f"write x in params.{name}")
        if name in params:
            return Constant(value=params[name].value, type=params[name].type, span=span)
        if tree.path in self._scope.broken:
            raise WrongPartError
        hint = did_you_mean(name, params, label="declared")
        self._refuse(tree, f"unknown parameter {name!r}", hint or "declare it under 'params'")

    def _macro(self, tree: Name, name: str, span: tuple[int, int]) -> Term:
        """Check what a macro stands for as if it stood here; its parts then stand here, too."""
        macros = self._scope.macros
        macro = macros.known.get(name)
        if macro is None and not macros.unreadable:
            hint = did_you_mean(name, macros.known, label="macros") or "no macros are defined here"
            self._refuse(tree, f"unknown macro {name!r}", hint)
        if macro is None or macro.tree is None or macro.flaws:
            self.flaws += macro.flaws if macro is not None else macros.mistakes
            raise WrongPartError
        self._grown += macro.size
        if self._depth + macro.depth > DEEPEST or self._grown > LARGEST:
            message = "with what macros stand for, this is too large"
            self._refuse(tree, message, "use several clauses")
        types = [kind.type for kind in self._scope.event]
        strange = [type_ for type_ in types if macro.kinds and type_ not in macro.kinds]
        if macro.kinds and (strange or not types):
            meant = f"this macro is for {', '.join(macro.kinds)}"
            hint = "" if strange else "only a 'where' looks at such an event"
            instead = ", ".join(strange) or "events that are bound"
            self._refuse(tree, f"{meant} and not for {instead}", hint)
        inner = type(self)(self._scope.for_macro())
        inner._depth, inner._products = self._depth, self._products
        try:
            term = inner._term(macro.tree)
        except WrongPartError:
            self.inside += [*inner.inside, *((macro, problem) for problem in inner.problems)]
            self.flaws += inner.flaws
            raise
        self._products = inner._products
        return standing_at(term, span)

    def _field(self, tree: Name, binding: str, path: str, *, unbound: bool) -> Term:
        scope = self._scope
        if binding.startswith(FIRST):
            kinds = scope.leftovers[binding.removeprefix(FIRST)]
        else:
            kinds = scope.bindings[binding].kinds if binding else scope.event
        spec = field_of(kinds, path)
        if spec is None:
            message, hint = unknown_field(kinds, path, binding.removeprefix(FIRST))
            other = path.partition(".")[0]
            if not binding and other in scope.beside:
                message = f"a 'where' speaks of its own event alone, and not of {other!r}"
                hint = "name the event with 'as', and compare the two in a check: below it"
            self._refuse(tree, message, hint)
        return Field(
            binding=binding,
            attr=spec.attr,
            path=spec.path,
            optional=not spec.required,
            unbound=unbound,
            type=type_of_field(spec),
            span=(tree.offset, tree.end - tree.offset),
        )
