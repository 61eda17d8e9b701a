"""Where a rule file lies while it is read: its text, what is declared, what is wrong so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aislewatch.errors import Mistake
from aislewatch.events.located import LocatedYaml, Path
from aislewatch.events.model_mistakes import did_you_mean
from aislewatch.events.registry import KindSpec, Registry
from aislewatch.events.units import Dimension
from aislewatch.rules.checker import Checker
from aislewatch.rules.lexer import Problem, Refused
from aislewatch.rules.macros import told_once
from aislewatch.rules.parser import parse
from aislewatch.rules.rule import Expr
from aislewatch.rules.scope import Scope
from aislewatch.rules.signals import PREFIX, mentioned, with_signals
from aislewatch.rules.tree import Bound as BoundTerm
from aislewatch.rules.tree import Constant, Field, Figure, InList, Leftovers, Term, parts
from aislewatch.rules.windows import Window, parse_window

_CUT_SHORT = ("==", "!=", "<=", ">=", "&&", "||")
_JOINTS = ("and ", "or ", "not ", "in ", "of ", "+ ", "- ", "* ", "/ ", "< ", "> ")


class Desk:
    """Reads the texts of one file and collects every mistake in them, each with its place.

    Attributes:
        document: the file.
        registry: the kinds of event that are declared, signals of rules among them.
        hears: rules of whose signals the file speaks, with what those are about.
        mistakes: everything found so far.
    """

    def __init__(
        self,
        document: LocatedYaml,
        registry: Registry,
        rules: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.document = document
        self._rules = rules or {}
        named = mentioned(document.text)
        self.hears = {rule: about for rule, about in self._rules.items() if rule in named}
        self.registry = with_signals(registry, self.hears)
        self.mistakes: list[Mistake] = []
        self._positions: dict[str | int, list[int]] = {}
        self._written: dict[tuple[str | int, ...], str | int] = {}

    def dropped(self, key: str, index: int, size: int) -> None:
        """Note that an item of the list under a key was taken out, so those behind it moved up.

        Args:
            key: of the file's top level.
            index: of the item, as it was before.
            size: of the list before.
        """
        del self._positions.setdefault(key, list(range(size)))[index]

    def renamed(self, path: Path, meant: str) -> None:
        """Note that a key is read as another: what is told of that one stands under it.

        Args:
            path: to the key as it is written, in what is left of the file.
            meant: the key that it is read as.
        """
        there = self.there(path)
        self._written[*there[:-1], meant] = there[-1]

    def there(self, path: Path) -> tuple[str | int, ...]:
        """Give the path in the file for one in what was left of it."""
        there: list[str | int] = []
        for part in path:
            if len(there) == 1 and isinstance(part, int) and path[0] in self._positions:
                there.append(self._positions[path[0]][part])
            else:
                there.append(self._written.get((*there, part), part))
        return tuple(there)

    def wrong(self, path: Path, message: str, hint: str = "", **place: Any) -> None:
        """Record a mistake; ``place`` as in :meth:`LocatedYaml.mistake`."""
        there = self.there(path)
        self.mistakes.append(self.document.mistake(there, message, hint=hint, **place))

    def problem(self, path: Path, problem: Problem, base: int = 0) -> None:
        """Record a problem of a text that begins ``base`` characters into the value."""
        self.wrong(
            path,
            problem.message,
            problem.hint,
            offset=base + problem.offset,
            length=problem.length,
        )

    def line(self, path: Path, offset: int = 0) -> int:
        """Give the line in which a value begins, or a character of it stands."""
        return self.document.mistake(self.there(path), "", offset=offset).line

    def expr(
        self,
        path: Path,
        text: str,
        scope: Scope,
        expected: Dimension | None = Dimension.FLAG,
        *,
        base: int = 0,
        whole: bool = True,
    ) -> Expr | None:
        """Read an expression.

        Args:
            path: where it stands.
            text: the expression.
            scope: what names mean there.
            expected: what it must be; anything where None.
            base: where in the value it begins.
            whole: it is all of the value, so that a comment behind it may be a part cut off.

        Returns:
            None where it has a mistake, which is recorded.
        """
        if whole:
            self._cut_short(path)
        try:
            tree = parse(text)
        except Refused as refused:
            self.problem(path, refused.problem, base)
            return None
        checker = Checker(scope)
        term = checker.check(tree, expected)
        for problem in checker.problems:
            self.problem(path, problem, base)
        self._told_inside(checker, path, base)
        if term is None:
            return None
        return replace(self.made(path, text, term, base), plain=scope.macros.written_out(text))

    def _told_inside(self, checker: Checker, path: Path, base: int) -> None:
        """Record what is wrong with macros, at their places, and from where it was seen."""
        found = [macro.mistake(problem) for macro, problem in checker.inside]
        for mistake in (*checker.flaws, *found):
            user = f"used in {self.document.file}:{self.line(path, base)}"
            told = replace(mistake, hint=f"{mistake.hint} ({user})" if mistake.hint else user)
            self.mistakes = told_once([*self.mistakes, told])

    def made(self, path: Path, text: str, term: Term, base: int = 0) -> Expr:
        """Wrap a checked tree with its place."""
        place = self.document.mistake(self.there(path), "", offset=base)
        return Expr(text, place.line, place.column, term, names_in(term))

    def constant(self, path: Path, text: str) -> Constant | None:
        """Read a value without names, such as a parameter's."""
        found = self.expr(path, text, Scope(), None)
        if found is not None and not isinstance(found.term, Constant):
            self.wrong(path, f"{text!r} is not a value", "write e.g. 30s, 250g, 5 or 'text'")
            return None
        return found.term if found is not None and isinstance(found.term, Constant) else None

    def kinds(self, path: Path, types: Sequence[str]) -> tuple[KindSpec, ...] | None:
        """Look up types of event; None where one is unknown, or one that no rule sees."""
        known = self.registry.for_rules
        found: list[KindSpec] = []
        for index, name in enumerate(types):
            if name in known:
                found.append(known[name])
                continue
            place = (*path, index)
            if name in self.registry.kinds:
                self.wrong(place, no_rule_sees(name), self.registry.kinds[name].instead)
            elif name.startswith(PREFIX):
                rule = name.removeprefix(PREFIX)
                hint = did_you_mean(rule, self._rules, label="rules beside it")
                self.wrong(place, f"there is no rule {rule!r} beside this one", hint)
            else:
                hint = did_you_mean(name, near_types(name, known), label="near")
                self.wrong(place, f"unknown type of event {name!r}", hint)
        return tuple(found) if len(found) == len(types) else None

    def window(self, path: Path, text: str, scope: Scope) -> Window | None:
        """Read a window; None where it has a mistake, which is recorded."""
        window, problems = parse_window(text, frozenset(scope.bindings), scope.params)
        for problem, name in problems:
            if name in scope.broken:
                continue
            if not name:
                self.problem(path, problem)
                continue
            message, hint = _not_an_event(name, scope)
            self.wrong(path, message, hint, offset=problem.offset, length=problem.length)
        return window

    def _cut_short(self, path: Path) -> None:
        behind = self.document.comment_behind(self.there(path))
        if behind is None:
            return
        index, text = behind
        if text.startswith(_JOINTS) or any(sign in text for sign in _CUT_SHORT):
            self.mistakes.append(
                self.document.mistake_at(
                    index,
                    len(text) + 2,
                    "everything behind '#' is a comment and no part of the expression",
                    hint="put the expression in quotes if it belongs to it, or the comment on a "
                    "line of its own",
                )
            )


def names_in(term: Term) -> frozenset[str]:
    """Give the bindings, figures and leftovers that a tree uses."""
    names: set[str] = set()
    for part in parts(term):
        if isinstance(part, (Figure, BoundTerm, Leftovers)):
            names.add(part.name)
        elif isinstance(part, Field) and part.binding:
            names.add(part.binding)
        elif isinstance(part, InList) and part.at:
            names.add(part.at)
    return frozenset(names)


def no_rule_sees(type_: str) -> str:
    """Say that a type of event is none that a rule can speak of."""
    return f"no rule ever sees a {type_!r}: the engine keeps it to itself"


def near_types(name: str, known: Iterable[str]) -> list[str]:
    """Give the types worth naming in a hint: those of the same family, or all."""
    family = name.split(".", maxsplit=1)[0] + "."
    same = [one for one in known if one.startswith(family)]
    return same or list(known)


def _not_an_event(name: str, scope: Scope) -> tuple[str, str]:
    if name in scope.figures or name in scope.leftovers:
        return f"{name!r} is no event with a time", "name the anchor or what a 'seen' binds"
    if name in scope.later:
        return f"{name!r} is bound only by a later clause", "move that clause up"
    return f"unknown name {name!r}", did_you_mean(name, scope.bindings, label="bound here")
