"""Macros: conditions and figures that several rules share, written once in a file beside them.

::

    at_exit: zone.kind == 'exit'
    near_exit:
      expression: macros.at_exit and rssi > -60dBm
      description: A tag that the gate hears well.
      for: [rfid.read]

``macros.near_exit`` in a rule stands for the checked expression, as if it were written there in
brackets; what a rule means does not tell whether it was. A macro is checked against the event that
it is used for, may use other macros and sees no parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, fields, replace
from graphlib import TopologicalSorter
from typing import Annotated, Any, TypeGuard

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.events.model_mistakes import did_you_mean, explain, is_mapping
from aislewatch.rules.lexer import Problem, Refused
from aislewatch.rules.parser import DEEPEST, Binary, Name, Syntax, chain, parse

MACROS_NAME = "macros.yml"
"""What the file is called that holds the macros of a folder of rules."""

PREFIX = "macros."
"""Before the name of a macro in an expression."""

LARGEST = 500
"""Parts of one macro with all macros in it written out. Macros of macros grow by powers."""

MACRO = re.compile(r"macros\.[A-Za-z_][A-Za-z0-9_]*")
"""The use of a macro."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USE = re.compile(r"'[^']*'|\"[^\"]*\"|\bmacros\.([A-Za-z_][A-Za-z0-9_]*)")


def _one_or_many(written: Any) -> Any:
    return [written] if isinstance(written, str) else written


class MacroShape(BaseModel):
    """A macro as written.

    Attributes:
        expression: what it stands for.
        description: for people.
        for_: the kinds of event that it looks at; those that it is used for where empty.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    expression: str
    description: str = ""
    for_: Annotated[list[str], Field(alias="for"), BeforeValidator(_one_or_many)] = []


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro, read and not yet checked: that is done for each event it is used for.

    Attributes:
        name: behind ``macros.``.
        text: what it stands for, as written.
        description: for people; empty where nothing is said.
        kinds: types of event that it is for; empty for any.
        tree: as parsed; None where it has a flaw.
        flaws: what is wrong with it, or with what it uses, whatever event it is used for.
        depth: levels of the tree, with those of macros in it.
        size: parts of the tree, likewise.
        document: the file.
        path: to the expression in it.
    """

    name: str
    text: str
    description: str
    kinds: tuple[str, ...]
    tree: Syntax | None
    flaws: tuple[Mistake, ...]
    depth: int
    size: int
    document: LocatedYaml
    path: tuple[str, ...]

    def mistake(self, problem: Problem) -> Mistake:
        """Give the place of a problem in the file of macros."""
        return self.document.mistake(
            self.path,
            problem.message,
            hint=problem.hint,
            offset=problem.offset,
            length=problem.length,
        )


@dataclass(frozen=True, slots=True)
class Macros:
    """The macros of a folder of rules.

    Attributes:
        known: by name, those with flaws among them.
        mistakes: everything that is wrong whatever they are used for; in the order of the file.
        unreadable: the file as a whole is, so that nobody knows what it would hold.
    """

    known: Mapping[str, Macro]
    mistakes: tuple[Mistake, ...] = ()
    unreadable: bool = False

    @property
    def texts(self) -> str:
        """All expressions, for those who look for names in them."""
        return "\n".join(macro.text for macro in self.known.values())

    def written_out(self, text: str) -> str:
        """Give a text with every macro in it written out, in brackets; as people read it."""

        def out(found: re.Match[str]) -> str:
            macro = self.known.get(found[1] or "")
            if macro is None or macro.flaws:
                return found[0]
            return f"({self.written_out(' '.join(macro.text.split()))})"

        return _USE.sub(out, text) if PREFIX in text else text


NO_MACROS = Macros({})
"""Of a folder without a file of macros."""


def read_macros(text: str | bytes, file: str) -> Macros:
    """Read a file of macros; what is wrong with it is kept with them.

    Args:
        text: the file.
        file: its path, for messages.
    """
    try:
        shown = text if isinstance(text, str) else text.decode("utf-8")
        document = LocatedYaml.parse(shown, file)
    except UnicodeDecodeError as error:
        message = f"this is not UTF-8 text (byte {error.start + 1} of the file)"
        return Macros({}, (Mistake(file, 0, 0, message),), unreadable=True)
    except FileMistakes as found:
        return Macros({}, tuple(found.mistakes), unreadable=True)
    if document.data is None:
        return NO_MACROS
    if not is_mapping(document.data):
        hint = "write e.g. at_exit: zone.kind == 'exit'"
        message = "a file of macros is a mapping (name: expression)"
        mistake = document.mistake((), message, hint=hint)
        return Macros({}, (mistake,), unreadable=True)
    return _linked([_read(document, str(name)) for name in document.data])


def told_once(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Leave out what is told already: several rules may stumble over one macro."""
    first: dict[tuple[str, int, int, str], Mistake] = {}
    for mistake in mistakes:
        first.setdefault((mistake.file, mistake.line, mistake.column, mistake.message), mistake)
    return list(first.values())


def _read(document: LocatedYaml, name: str) -> Macro:
    """Read one macro by itself."""
    data: Any = document.data[name]
    flaws: list[Mistake] = []
    if _NAME.fullmatch(name) is None:
        message = f"{name!r} cannot be the name of a macro"
        hint = "write letters, digits and _, as in at_exit"
        flaws.append(document.mistake((name,), message, hint=hint, on_key=True))
    written = is_mapping(data)
    path = (name, "expression") if written else (name,)
    shape: MacroShape | None = None
    try:
        shape = MacroShape.model_validate(data if written else {"expression": data})
    except ValidationError as error:
        for c in explain(error, MacroShape, data):
            place = (name, *c.path) if written else (name,)
            flaw = document.mistake(
                place,
                c.message,
                hint=c.hint,
                offset=c.offset,
                length=c.length,
                on_key=c.on_key and written,
            )
            flaws.append(flaw)
    text = shape.expression if shape is not None else ""
    made = Macro(
        name=name,
        text=text,
        description=shape.description if shape is not None else "",
        kinds=tuple(shape.for_) if shape is not None else (),
        tree=None,
        flaws=tuple(flaws),
        depth=0,
        size=0,
        document=document,
        path=path,
    )
    if flaws:
        return made
    try:
        return replace(made, tree=parse(text))
    except Refused as refused:
        return replace(made, flaws=(made.mistake(refused.problem),))


def _linked(macros: list[Macro]) -> Macros:
    """Hold macros against those that they use; each then has what is wrong with any of these."""
    known = {macro.name: macro for macro in macros}
    own = {name: [*macro.flaws, *_strangers(macro, known)] for name, macro in known.items()}
    used = {name: _used(macro) & known.keys() for name, macro in known.items()}
    for name, way in _cycles(used).items():
        hint = "let one of them say what it means without the others"
        path = " -> ".join(way)
        macro = known[name]
        at = next(n for n in _names(macro.tree) if n.path == PREFIX + way[1])
        message = f"this macro is made of itself: {path}"
        own[name].append(macro.mistake(Problem(message, at.offset, at.end - at.offset, hint)))
        used[name] = frozenset()
    for name in TopologicalSorter(used).static_order():
        macro = known[name]
        if not own[name] and macro.tree is not None:
            depth, size = _measured(macro.tree, known)
            macro = replace(macro, depth=depth, size=size)
            if depth > DEEPEST or size > LARGEST:
                message = "with the macros in it written out, this is too large"
                problem = Problem(message, 0, len(macro.text), "use several clauses")
                own[name].append(macro.mistake(problem))
        flaws = [*own[name], *(flaw for one in sorted(used[name]) for flaw in known[one].flaws)]
        known[name] = replace(macro, flaws=tuple(told_once(flaws)))
    return Macros(known, tuple(flaw for name in known for flaw in own[name]))


def _strangers(macro: Macro, known: Mapping[str, Macro]) -> Iterator[Mistake]:
    """Find names in a macro that nothing stands for, whatever it is used for."""
    for name in _names(macro.tree):
        head, _, rest = name.path.partition(".")
        length = name.end - name.offset
        if head == "params":
            hint = "compare with the parameter in the rule, or write the value"
            message = "a macro sees no parameters: rules with others share it"
            yield macro.mistake(Problem(message, name.offset, length, hint))
        elif head == "macros" and rest not in known:
            hint = did_you_mean(rest, known.keys() - {macro.name}, label="macros")
            yield macro.mistake(Problem(f"unknown macro {rest!r}", name.offset, length, hint))


def _used(macro: Macro) -> frozenset[str]:
    paths = (name.path for name in _names(macro.tree))
    return frozenset(path.removeprefix(PREFIX) for path in paths if path.startswith(PREFIX))


def _cycles(used: Mapping[str, Set[str]]) -> dict[str, list[str]]:
    """Give, for each macro that is made of itself, the shortest way back to it."""
    found: dict[str, list[str]] = {}
    for name in used:
        ways, seen = [[name]], set[str]()
        while ways and name not in found:
            way = ways.pop(0)
            for one in sorted(used[way[-1]]):
                if one == name:
                    found.setdefault(name, [*way, one])
                elif one not in seen:
                    seen.add(one)
                    ways.append([*way, one])
    return found


def _names(tree: Syntax | None) -> Iterator[Name]:
    waiting = [tree] if tree is not None else []
    while waiting:
        part = waiting.pop()
        if isinstance(part, Name):
            yield part
        waiting += reversed(_parts(part))


def _parts(tree: Syntax) -> list[Syntax]:
    """Give what an expression is made of directly; all links of a chain of 'and' or 'or'."""
    if isinstance(tree, Binary) and tree.op in {"and", "or"}:
        return list(chain(tree))
    found: list[Syntax] = []
    for one in fields(tree):
        value: Any = getattr(tree, one.name)
        inner: tuple[Any, ...] = value if _is_tuple(value) else (value,)
        found += [part for part in inner if isinstance(part, Syntax)]
    return found


def _measured(tree: Syntax, known: Mapping[str, Macro]) -> tuple[int, int]:
    """Give how deep and how large an expression is with the macros in it written out."""
    if isinstance(tree, Name) and tree.path.startswith(PREFIX):
        macro = known[tree.path.removeprefix(PREFIX)]
        return macro.depth + 1, macro.size + 1
    inner = [_measured(part, known) for part in _parts(tree)]
    return 1 + max((d for d, _ in inner), default=0), 1 + sum(s for _, s in inner)


def _is_tuple(value: Any) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)
