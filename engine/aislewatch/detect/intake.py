"""What is done with an event that comes in order: one generated function for each type of event.

It puts the event into the indexes that ask for it, and hands it to the rules that are anchored in
it. What asks for one value of a field (``zone.id == 'Z17'``) stands behind that value in a table,
so that a thousand rules of a thousand zones cost an event no more than the one that names its zone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aislewatch.detect.evidence import Index
from aislewatch.detect.forms import form_of, gate_of, terms_of, without
from aislewatch.rules import emit
from aislewatch.rules.compiling import compile_event_later, define
from aislewatch.rules.rule import Expr
from aislewatch.rules.tree import Term

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


class Intake(NamedTuple):
    """What is done with events of one type.

    Attributes:
        take: does it with one.
        orderly: an event is handed to rules in the order of the tasks.
    """

    take: Callable[[Any], None]
    orderly: bool


def compile_intake(tasks: Sequence[Task], lists: Mapping[str, frozenset[str]]) -> Intake:
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
            writer.places += isinstance(task, Hand)
            continue
        for value in sorted(gate[best], key=str):
            behind.setdefault(best, {}).setdefault(value, []).append(task)
    for attr, tasks_of in behind.items():
        if len(tasks_of) <= _FEW:
            writer.chain(attr, tasks_of)
        else:
            writer.table(attr, tasks_of, lists)
    return Intake(writer.function(lists), orderly=writer.places <= 1)


class _Writer:
    """Writes one function of an event ``e``; what it names is handed to it.

    Attributes:
        lines: of the function's body.
        places: in it at which an event is handed to rules, one after the other.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.places = 0
        self._given: dict[str, Any] = {}

    def function(self, lists: Mapping[str, frozenset[str]]) -> Callable[[Any], None]:
        body = "\n    ".join([*self.lines, "return None"])
        made: Callable[[Any], None] = define(f"def intake(e):\n    {body}", self._given, lists)
        return made

    def chain(self, attr: str, tasks_of: Mapping[str | None, Sequence[Task]]) -> None:
        """Write a comparison for each value of a field."""
        self.places += 1
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
        alike, tasks_of = _alike(attr, tasks_of)
        for hands in alike:
            self._hands(attr, hands)
        self.places += len(alike)
        if not tasks_of:
            return
        for value, tasks in tasks_of.items():
            writer = _Writer()
            writer.lines += writer._tasks(tasks, attr, value)
            table[value] = writer.function(lists)
        self.lines += [f"f = {self._name(table)}.get(e.{attr})", "if f is not None: f(e)"]

    def _hands(self, attr: str, hands: Mapping[str | None, Sequence[Hand]]) -> None:
        """Write the handing over of an event to rules that differ in one value alone."""
        any_hand = next(iter(hands.values()))[0]
        term = without(any_hand.where.term, attr) if any_hand.where is not None else None
        plans = {value: tuple(hand.plan for hand in those) for value, those in hands.items()}
        self.lines += [
            f"if {'True' if term is None else emit.holds(term, {'': 'e'})}:",
            f"    ps = {self._name(plans)}.get(e.{attr})",
            "    if ps is not None:",
            *_indented(_indented(self._keep(any_hand.anchors))),
            "        for p in ps:",
        ]
        if any_hand.due is not None:
            self.lines.append(f"            {self._name(any_hand.due)}.append((p, e))")
        else:
            self.lines.append(f"            {self._name(any_hand.take)}(p, e)")

    def _keep(self, anchors: Index) -> Iterator[str]:
        # Several rules may be anchored in one event; it is kept once.
        yield f"c = {self._name(anchors)}.current"
        yield "s = c.setdefault((), e)"
        yield "if s.__class__ is list:"
        yield "    if s[-1] is not e: s.append(e)"
        yield "elif s is not e: c[()] = [s, e]"

    def _tasks(self, tasks: Iterable[Task], attr: str, value: str | None) -> list[str]:
        return [line for task in tasks for line in self.task(task, attr if value else None)]

    def task(self, task: Task, known: str | None) -> Iterator[str]:
        """Give the lines of a task, where the field of a gate is known to have its value."""
        term = task.where.term if task.where is not None else None
        if term is not None and known is not None:
            term = without(term, known)
        if isinstance(task, Put):
            yield from self._put(task, term)
            return
        yield f"if {'True' if term is None else emit.holds(term, {'': 'e'})}:"
        yield from _indented(self._keep(task.anchors))
        plan = self._name(task.plan)
        if task.due is not None:
            yield f"    {self._name(task.due)}.append(({plan}, e))"
        else:
            yield f"    {self._name(task.take)}({plan}, e)"

    def _put(self, put: Put, term: Term | None) -> Iterator[str]:
        attrs = put.index.attrs
        parts = ["k"] if len(attrs) == 1 else [f"k{at}" for at in range(len(attrs))]
        for part, attr in zip(parts, attrs, strict=True):
            yield f"{part} = e.{attr}"
        known = [f"{part} is not None" for part in parts]
        yield f"if {' and '.join([*known, put.source(term)])}:"
        if len(attrs) != 1:
            yield f"    k = ({', '.join(parts)})"
        yield from _indented(_put_in(self._name(put.index) + ".current", "k"))

    def _name(self, value: object) -> str:
        for name, known in self._given.items():
            if known is value:
                return name
        name = f"v{len(self._given)}"
        self._given[name] = value
        return name


def _alike(
    attr: str, tasks_of: Mapping[str | None, Sequence[Task]]
) -> tuple[list[dict[str | None, list[Hand]]], dict[str | None, list[Task]]]:
    """Part the rules that differ in the field's value alone, by form, from all other tasks."""
    forms: dict[str, dict[str | None, list[Hand]]] = {}
    rest: dict[str | None, list[Task]] = {}
    for value, tasks in tasks_of.items():
        for task in tasks:
            if isinstance(task, Put):
                rest.setdefault(value, []).append(task)
                continue
            term = without(task.where.term, attr) if task.where is not None else None
            form = form_of(term, id(task.anchors), id(task.due))
            forms.setdefault(form, {}).setdefault(value, []).append(task)
    return list(forms.values()), rest


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
    for part in terms_of(task.where.term):
        gate = gate_of(part)
        if gate is not None and gate[0] not in gates:
            attr, values = gate
            gates[attr] = set(values)
            if isinstance(task, Put) and task.maybe:
                gates[attr].add(None)  # Where the field is unknown, so is whether it is meant.
    return gates
