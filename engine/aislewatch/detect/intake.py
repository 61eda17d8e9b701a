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
        only: values of the last join field that are asked for, each by itself; any where None.
    """

    index: Index
    types: frozenset[str]
    where: Expr | None
    maybe: bool
    only: Mapping[str, str] | None = None

    def compile(self, lists: Mapping[str, frozenset[str]]) -> Callable[[Any], bool]:
        """Give the function that says of an event of the types whether it goes in."""
        return compile_event_later(self.source(None) or "True", lists)

    def source(self, known: str | None) -> str:
        """Give the test of an event ``e``, of which a field may be known to be as is asked for.

        Empty where there is nothing to test.
        """
        term, names = self.where.term if self.where is not None else None, {"": "e"}
        asked: list[str] = []
        if self.only is not None and self._attr != known:
            asked.append(f"e.{self._attr} in {{{', '.join(map(repr, self.only))}}}")
        elif self.only is None and term is not None and known is not None:
            term = without(term, known)
        if term is not None:
            fits = f"not {emit.fails(term, names)}" if self.maybe else emit.holds(term, names)
            asked.append(fits)
        return " and ".join(asked)

    def gates(self) -> dict[str, set[str | None]]:
        """Give fields, with the values that an event must have to go in."""
        gates = _gates(self.where, maybe=self.maybe)
        if self.only is not None:
            gates[self._attr] = set(self.only)
        return gates

    @property
    def _attr(self) -> str:
        return self.index.attrs[-1]


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

    def source(self, known: str | None) -> str:
        """Give the test of an event ``e``, of which a field may be known to be as is asked for."""
        term = self.rest(known)
        return "True" if term is None else emit.holds(term, {"": "e"})

    def rest(self, known: str | None) -> Term | None:
        """Give what there is to test where a field is known to be as is asked for."""
        if self.where is None or known is None:
            return self.where.term if self.where is not None else None
        return without(self.where.term, known)

    def gates(self) -> dict[str, set[str | None]]:
        """Give fields, with the values that an event must have to be handed over."""
        return _gates(self.where, maybe=False)


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
    gates = [task.gates() for task in tasks]
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


class _Group(NamedTuple):
    """What is done for those values of a field that a table has.

    Attributes:
        name: of the variable for what the table has for the value of an event.
        lines: what is done then.
        table: by value.
    """

    name: str
    lines: Sequence[str]
    table: Mapping[Any, Any]


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
        """Write a look-up of a field's value in a table of what is done with such events."""
        groups: list[_Group] = []
        hands, puts, rest = _alike(attr, tasks_of)
        for those in hands:
            plans = {value: tuple(hand.plan for hand in some) for value, some in those.items()}
            any_hand = next(iter(those.values()))[0]
            name = f"p{len(groups)}"
            groups.append(_Group(name, [*self._hand(any_hand, attr, name)], plans))
        for put, values in puts:
            name = f"z{len(groups)}"
            groups.append(_Group(name, [*self._put(put, attr, name)], values))
        if rest:
            table: dict[str | None, Any] = {}
            for value, some in rest.items():
                writer = _Writer()
                writer.lines += [
                    line for put in some for line in writer._put(put, attr if value else None)
                ]
                table[value] = writer.function(lists)
            groups.append(_Group("f", ["f(e)"], table))
        self.places += len(hands)
        self._look_up(attr, groups)

    def _look_up(self, attr: str, groups: Sequence[_Group]) -> None:
        """Write one look-up of a value, and what is done for each group that asks for it."""
        if len(groups) == 1:
            name, lines, table = groups[0]
            self.lines.append(f"{name} = {self._name(table)}.get(e.{attr})")
            self.lines += [f"if {name} is not None:", *_indented(lines)]
            return
        values = dict.fromkeys(value for group in groups for value in group.table)
        all_of = {value: tuple(group.table.get(value) for group in groups) for value in values}
        self.lines.append(f"w = {self._name(all_of)}.get(e.{attr})")
        self.lines.append("if w is not None:")
        self.lines.append(f"    {', '.join(group.name for group in groups)} = w")
        for group in groups:
            self.lines += [f"    if {group.name} is not None:", *_indented(_indented(group.lines))]

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
        yield from self._put(task, known) if isinstance(task, Put) else self._hand(task, known)

    def _hand(self, hand: Hand, known: str | None, plans: str | None = None) -> Iterator[str]:
        """Give the lines that hand an event to a rule, or to those that a variable names."""
        yield f"if {hand.source(known)}:"
        yield from _indented(self._keep(hand.anchors))
        indent, plan = "    ", plans
        if plans is None:
            plan = self._name(hand.plan)
        else:
            yield f"    for p in {plans}:"
            indent, plan = "        ", "p"
        if hand.due is not None:
            yield f"{indent}{self._name(hand.due)}.append(({plan}, e))"
        else:
            yield f"{indent}{self._name(hand.take)}({plan}, e)"

    def _put(self, put: Put, known: str | None, value: str | None = None) -> Iterator[str]:
        """Give the lines that put an event in; a variable may have the value that is known."""
        attrs = put.index.attrs
        parts = ["k"] if len(attrs) == 1 else [f"k{at}" for at in range(len(attrs))]
        doubtful: list[str] = []
        for at, attr in enumerate(attrs):
            if value is not None and attr == known:
                # The rules' own text, which all that look have in hand.
                parts[at] = value
            else:
                yield f"{parts[at]} = e.{attr}"
                doubtful.append(f"{parts[at]} is not None")
        tests = [test for test in (*doubtful, put.source(known)) if test]
        yield f"if {' and '.join(tests) or 'True'}:"
        if len(attrs) != 1:
            yield f"    k = ({', '.join(parts)})"
        key = parts[0] if len(attrs) == 1 else "k"
        yield from _indented(_put_in(self._name(put.index) + ".current", key))

    def _name(self, value: object) -> str:
        for name, known in self._given.items():
            if known is value:
                return name
        name = f"v{len(self._given)}"
        self._given[name] = value
        return name


def _alike(
    attr: str, tasks_of: Mapping[str | None, Sequence[Task]]
) -> tuple[
    list[dict[str | None, list[Hand]]],
    list[tuple[Put, dict[str, str]]],
    dict[str | None, list[Put]],
]:
    """Part the tasks behind values of a field.

    Returns:
        The rules that differ in the value alone, by form; what goes into one index for each of
        several values; and the rest.
    """
    forms: dict[str, dict[str | None, list[Hand]]] = {}
    rest: dict[str | None, list[Put]] = {}
    shared: dict[int, tuple[Put, dict[str, str]]] = {}
    for value, tasks in tasks_of.items():
        for task in tasks:
            if isinstance(task, Hand):
                form = form_of(task.rest(attr), id(task.anchors), id(task.due))
                forms.setdefault(form, {}).setdefault(value, []).append(task)
            elif task.only is not None and value is not None and value in task.only:
                shared.setdefault(id(task), (task, {}))[1][value] = task.only[value]
            else:
                rest.setdefault(value, []).append(task)
    return list(forms.values()), list(shared.values()), rest


def _put_in(bucket: str, key: str) -> Iterator[str]:
    """Give source that puts ``e`` behind what is in a bucket under a key."""
    yield f"c = {bucket}"
    yield f"s = c.setdefault({key}, e)"
    yield "if s is not e:"
    yield "    if s.__class__ is list: s.append(e)"
    yield f"    else: c[{key}] = [s, e]"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _gates(where: Expr | None, *, maybe: bool) -> dict[str, set[str | None]]:
    """Give fields, with the values that an event must have to hold (``maybe``, not to fail)."""
    gates: dict[str, set[str | None]] = {}
    for part in terms_of(where.term) if where is not None else ():
        gate = gate_of(part)
        if gate is not None and gate[0] not in gates:
            attr, values = gate
            gates[attr] = set(values)
            if maybe:
                gates[attr].add(None)  # Where the field is unknown, so is whether it is meant.
    return gates
