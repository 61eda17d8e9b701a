"""What is done with an event that comes in order: one generated function for each type of event.

It puts the event into the indexes that ask for it, and hands it to the rules that are anchored in
it. What asks for one value of a field (``zone.id == 'Z17'``) stands behind that value in a table,
so that a thousand rules of a thousand zones cost an event no more than the one that names its zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aislewatch.detect.evidence import Index
from aislewatch.rules import emit
from aislewatch.rules.compiling import compile_event_later, define
from aislewatch.rules.rule import Expr
from aislewatch.rules.tree import All, Compare, Constant, Field, OneOf, Term

_FEW = 4
"""Up to so many values are compared one by one, which is quicker than a table and a call."""


@dataclass(frozen=True)
class Put:
    """Which events go into an index.

    Attributes:
        index: where to.
        types: the kinds of event.
        where: which of them; all where None.
        maybe: also those of which it is unknown whether they are meant.
    """

    index: Index
    types: frozenset[str]
    where: Expr | None
    maybe: bool

    def compile(self, lists: Mapping[str, frozenset[str]]) -> Callable[[Any], bool]:
        """Give the function that says of an event of the types whether it goes in."""
        term = self.where.term if self.where is not None else None
        return compile_event_later(self.source(term), lists)

    def source(self, term: Term | None) -> str:
        """Give the test of an event ``e`` by a condition, or by what is left of it."""
        if term is None:
            return "True"
        names = {"": "e"}
        return f"not {emit.fails(term, names)}" if self.maybe else emit.holds(term, names)


@dataclass(frozen=True)
class Hand:
    """Which events a rule is judged for.

    Attributes:
        where: which of them; all where None.
        anchors: where those are kept that may be judged anew.
        take: what is called with each.
        due: instead of a call, what ``(plan, event)`` is put behind: for rules judged at once.
        plan: the rule's plan.
    """

    where: Expr | None
    anchors: Index
    take: Callable[[Any, Any], None]
    due: list[Any] | None
    plan: object


Task = Put | Hand


def compile_intake(
    tasks: Sequence[Task], lists: Mapping[str, frozenset[str]]
) -> Callable[[Any], None]:
    """Generate the function that does its tasks with an event of one type."""
    gates = [_gates(task) for task in tasks]
    values: dict[str, set[str | None]] = {}
    for gate in gates:
        for attr, wanted in gate.items():
            values.setdefault(attr, set()).update(wanted)
    behind: dict[str, dict[str | None, list[Task]]] = {}
    writer = _Writer()
    for task, gate in zip(tasks, gates, strict=True):
        # The field that tells most of the rules apart.
        best = max(gate, key=lambda attr: (len(values[attr]), attr), default=None)
        if best is None:
            writer.lines += writer.task(task, None)
            continue
        for value in sorted(gate[best], key=str):
            behind.setdefault(best, {}).setdefault(value, []).append(task)
    for attr, tasks_of in behind.items():
        if len(tasks_of) <= _FEW:
            writer.chain(attr, tasks_of)
        else:
            writer.table(attr, tasks_of, lists)
    return writer.function(lists)


class _Writer:
    """Writes one function of an event ``e``; what it names is handed to it.

    Attributes:
        lines: of the function's body.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._given: dict[str, Any] = {}

    def function(self, lists: Mapping[str, frozenset[str]]) -> Callable[[Any], None]:
        body = "\n    ".join([*self.lines, "return None"])
        made: Callable[[Any], None] = define(f"def intake(e):\n    {body}", self._given, lists)
        return made

    def chain(self, attr: str, tasks_of: Mapping[str | None, Sequence[Task]]) -> None:
        """Write a comparison for each value of a field."""
        self.lines.append(f"g = e.{attr}")
        word = "if"
        for value, tasks in tasks_of.items():
            asked = f"{word} g is None:" if value is None else f"{word} g == {value!r}:"
            self.lines += [asked, *_indented(self._tasks(tasks, attr, value))]
            word = "elif"

    def table(
        self,
        attr: str,
        tasks_of: Mapping[str | None, Sequence[Task]],
        lists: Mapping[str, frozenset[str]],
    ) -> None:
        """Write a look-up of a field's value in a table of functions."""
        table: dict[str | None, Callable[[Any], None]] = {}
        for value, tasks in tasks_of.items():
            writer = _Writer()
            writer.lines += writer._tasks(tasks, attr, value)
            table[value] = writer.function(lists)
        self.lines += [f"f = {self._name(table)}.get(e.{attr})", "if f is not None: f(e)"]

    def _tasks(self, tasks: Iterable[Task], attr: str, value: str | None) -> list[str]:
        return [line for task in tasks for line in self.task(task, attr if value else None)]

    def task(self, task: Task, known: str | None) -> Iterator[str]:
        """Give the lines of a task, where the field of a gate is known to have its value."""
        term = task.where.term if task.where is not None else None
        if term is not None and known is not None:
            term = _without(term, known)
        if isinstance(task, Put):
            yield from self._put(task, term)
            return
        yield f"if {'True' if term is None else emit.holds(term, {'': 'e'})}:"
        # Several rules may be anchored in one event; it is kept once.
        yield f"    c = {self._name(task.anchors)}.current"
        yield "    s = c.setdefault((), e)"
        yield "    if s.__class__ is list:"
        yield "        if s[-1] is not e: s.append(e)"
        yield "    elif s is not e: c[()] = [s, e]"
        plan = self._name(task.plan)
        if task.due is not None:
            yield f"    {self._name(task.due)}.append(({plan}, e))"
        else:
            yield f"    {self._name(task.take)}({plan}, e)"

    def _put(self, put: Put, term: Term | None) -> Iterator[str]:
        attrs = put.index.attrs
        key = ", ".join(f"e.{attr}" for attr in attrs)
        yield f"k = {key if len(attrs) == 1 else f'({key})'}"
        known = "True" if not attrs else "k is not None" if len(attrs) == 1 else "None not in k"
        yield f"if {known} and {put.source(term)}:"
        yield from _indented(_put_in(self._name(put.index) + ".current", "k"))

    def _name(self, value: object) -> str:
        for name, known in self._given.items():
            if known is value:
                return name
        name = f"v{len(self._given)}"
        self._given[name] = value
        return name


def _put_in(bucket: str, key: str) -> Iterator[str]:
    """Give source that puts ``e`` behind what is in a bucket under a key."""
    yield f"c = {bucket}"
    yield f"s = c.setdefault({key}, e)"
    yield "if s is not e:"
    yield "    if s.__class__ is list: s.append(e)"
    yield f"    else: c[{key}] = [s, e]"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _gates(task: Task) -> dict[str, set[str | None]]:
    """Give fields, with the values that an event must have to be meant."""
    gates: dict[str, set[str | None]] = {}
    if task.where is None:
        return gates
    term = task.where.term
    for part in term.terms if isinstance(term, All) else (term,):
        gate = _gate(part)
        if gate is not None and gate[0] not in gates:
            attr, values = gate
            gates[attr] = set(values)
            if isinstance(task, Put) and task.maybe:
                gates[attr].add(None)  # Where the field is unknown, so is whether it is meant.
    return gates


def _gate(term: Term) -> tuple[str, tuple[str, ...]] | None:
    if isinstance(term, OneOf) and isinstance(term.term, Field):
        return term.term.attr, term.values
    if not isinstance(term, Compare) or term.op != "==":
        return None
    for field, constant in ((term.left, term.right), (term.right, term.left)):
        if (
            isinstance(field, Field)
            and isinstance(constant, Constant)
            and isinstance(constant.value, str)
        ):
            return field.attr, (constant.value,)
    return None


def _without(term: Term, attr: str) -> Term | None:
    """Give what is left to test of a condition where its gate on a field holds."""
    terms = list(term.terms if isinstance(term, All) else (term,))
    for part in terms:
        gate = _gate(part)
        if gate is not None and gate[0] == attr:
            terms.remove(part)
            break
    if len(terms) > 1:
        assert isinstance(term, All)
        return replace(term, terms=tuple(terms))
    return terms[0] if terms else None
