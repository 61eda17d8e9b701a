"""YAML read into nodes that keep their place, with no guessing and none of YAML's tricks.

YAML's own typing turns the GTIN ``00012345600012`` into another number and ``NO`` into false, so
every scalar stays raw text here and the model that reads it decides. Tags, anchors, aliases, merge
keys and duplicate keys are mistakes: in a rule file they are accidents of an expression that was
not quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # pragma: no cover - PyYAML built without libyaml
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

DEEPEST = 40
"""Nothing that people write is nested deeper; a deeper file is garbage or an attack."""

_REFUSED = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.1 does not take: control characters and halves of surrogate pairs."""

_QUOTE_IT = "put the expression in quotes, or in a block: '|' and then the text on the next line"

_MISFIT = "this does not fit what stands above or before it"
_MISFIT_HINT = (
    "look at the indentation; a value that begins with a quote or a bracket ends with it, "
    "so such an expression goes into a block: '|' and then the text on the next line"
)

_PLAIN_WORDS = (
    ("mapping values are not allowed", "a ':' cannot stand here: YAML reads it as one more key",
     _QUOTE_IT),
    ("cannot start any token", "a value or a line cannot begin with this character", _QUOTE_IT),
    ("expected ',' or ']'", "this list is not closed, or a comma is missing", "close it with ']'"),
    ("expected ',' or '}'", "this mapping is not closed, or a comma is missing",
     "close it with '}'; text that holds a comma, a brace or ': ' needs quotes"),
    ("alphabetic or numeric character", "'*' and '&' have a meaning of their own in YAML at the "
     "start of a value", _QUOTE_IT),
    ("expected comment or line break", "'>' and '|' have a meaning of their own in YAML at the "
     "start of a value", _QUOTE_IT),
    ("unexpected end of stream", "a quote is opened and never closed", "close the quote"),
    ("expected key", _MISFIT, _MISFIT_HINT),
    ("expected '-' indicator", _MISFIT, "every line of this list begins with '- '"),
    ("could not find expected ':'", "a key without ':' behind it", "write 'key: value'"),
    ("block sequence entries are not allowed", "a '- ' cannot stand here", "begin a new line"),
    ("unknown escape", "unknown escape in double quotes", "write '\\\\' for a backslash"),
)  # fmt: skip
"""What YAML's own complaints mean to somebody who writes a rule: first that fits, wins."""


@dataclass(slots=True)
class Node:
    """One value of the file.

    Attributes:
        value: the text, the items, or the members; None for nothing, ``~`` and ``null``.
        start: where it begins, in characters from the start of the file.
        end: where it ends.
        style: of a scalar: ``|``, ``>``, ``'``, ``"``, empty for plain.
        keys: of a mapping, the node of each key.
    """

    value: str | list[Node] | dict[str, Node] | None
    start: int
    end: int
    style: str = ""
    keys: dict[str, Node] = field(default_factory=dict[str, "Node"])

    @property
    def data(self) -> Any:
        """The value without places: None, text, lists and dicts."""
        if isinstance(self.value, list):
            return [item.data for item in self.value]
        if isinstance(self.value, dict):
            return {key: item.data for key, item in self.value.items()}
        return self.value


@dataclass(frozen=True, slots=True)
class Flaw:
    """A mistake at a place of the text, before it has a file and a line."""

    start: int
    length: int
    message: str
    hint: str = ""


class _Marked(Protocol):
    @property
    def index(self) -> int: ...


def _index(mark: _Marked | None) -> int:
    assert mark is not None, "events of a text always have marks"
    return mark.index


class _Unreadable(Exception):
    """Nothing more can be read after this flaw."""

    def __init__(self, flaw: Flaw) -> None:
        self.flaw = flaw
        super().__init__(flaw.message)


def read_nodes(text: str) -> tuple[Node | None, list[Flaw]]:
    """Read one YAML document.

    Returns:
        The root, None where the text cannot be read at all, and everything that is wrong with it.
    """
    flaws: list[Flaw] = []
    try:
        _check_characters(text)
        return _document(text, flaws), flaws
    except _Unreadable as stop:
        flaws.append(stop.flaw)
    except yaml.MarkedYAMLError as error:
        flaws.append(_translate(error, text))
    except yaml.reader.ReaderError as error:  # pragma: no cover - what the check above let through
        flaws.append(Flaw(0, 1, f"this is not text that YAML takes: {error.reason}"))
    return None, flaws


def _document(text: str, flaws: list[Flaw]) -> Node | None:
    events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=_Loader))
    root: Node | None = None
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            if root is not None:
                start = _index(event.start_mark)
                raise _Unreadable(Flaw(start, 3, "one file holds one document", "remove '---'"))
            if event.tags or event.version:
                flaws.append(Flaw(0, 1, "YAML directives ('%') are not used here"))
            root = _node(next(events), events, flaws, text, 0)
    if root is None:
        raise _Unreadable(Flaw(0, 1, "the file is empty"))
    return root


def _node(
    event: yaml.Event, events: Iterator[yaml.Event], flaws: list[Flaw], text: str, depth: int
) -> Node:
    start, end = _index(event.start_mark), _index(event.end_mark)
    if isinstance(event, yaml.AliasEvent):
        flaws.append(Flaw(start, end - start, "'*' at the start of a value is a YAML alias, and "
                          "aliases are not used here", _QUOTE_IT))  # fmt: skip
        return Node(None, start, end)
    assert isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent))
    _check_properties(event, flaws, text)
    if depth > DEEPEST:
        raise _Unreadable(Flaw(start, 1, f"nested more than {DEEPEST} levels deep"))
    if isinstance(event, yaml.ScalarEvent):
        style = event.style or ""
        empty = not style and event.value in {"", "~", "null", "Null", "NULL"}
        return Node(None if empty else event.value, start, end, style)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Node] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(_node(event, events, flaws, text, depth + 1))
        return Node(items, start, _index(event.end_mark))
    members: dict[str, Node] = {}
    keys: dict[str, Node] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        key = _node(event, events, flaws, text, depth + 1)
        value = _node(next(events), events, flaws, text, depth + 1)
        name = _key_name(key, flaws, text)
        if name is None:
            continue
        if name in members:
            line = text.count("\n", 0, keys[name].start) + 1
            flaws.append(Flaw(key.start, key.end - key.start, f"the key {name!r} stands here a "
                              f"second time; the first is in line {line}"))  # fmt: skip
            continue
        members[name], keys[name] = value, key
    return Node(members, start, _index(event.end_mark), keys=keys)


def _key_name(key: Node, flaws: list[Flaw], text: str) -> str | None:
    raw = text[key.start : key.end]
    if isinstance(key.value, (list, dict)):
        flaws.append(Flaw(key.start, 1, "a key is one word, not a list or a mapping"))
        return None
    if key.style == "" and key.value == "<<":
        flaws.append(Flaw(key.start, 2, "merge keys ('<<') are not used here", "write it out"))
        return None
    return key.value if key.value is not None else raw


def _check_properties(
    event: yaml.ScalarEvent | yaml.CollectionStartEvent, flaws: list[Flaw], text: str
) -> None:
    start = _index(event.start_mark)
    word = (text[start:].split(maxsplit=1) or [""])[0]
    if event.anchor is not None:
        flaws.append(Flaw(start, len(word), "'&' at the start of a value is a YAML anchor, and "
                          "anchors are not used here", _QUOTE_IT))  # fmt: skip
    if event.tag is not None:
        hint = f"write 'not {word[1:]}'; or {_QUOTE_IT}" if word[1:2].isalpha() else _QUOTE_IT
        flaws.append(Flaw(start, len(word), "'!' at the start of a value is a YAML tag, and tags "
                          "are not used here", hint))  # fmt: skip


def _translate(error: yaml.MarkedYAMLError, text: str) -> Flaw:
    mark = error.problem_mark or error.context_mark
    start = min(mark.index, len(text)) if mark is not None else 0
    problem = f"{error.problem or ''} ({error.context or ''})"
    if "cannot start any token" in problem and text[start : start + 1] == "\t":
        return Flaw(start, 1, "a tab stands where YAML wants spaces", "indent with spaces")
    for words, message, hint in _PLAIN_WORDS:
        if words in problem:
            if "never closed" in message and error.context_mark is not None:
                start = error.context_mark.index
            return Flaw(start, 1, message, hint)
    return Flaw(start, 1, f"this is not YAML: {error.problem or error.context}", _QUOTE_IT)


def _check_characters(text: str) -> None:
    """Name the character that YAML refuses; its own complaint counts bytes in one build of it."""
    found = _REFUSED.search(text)
    if found is not None:
        code = ord(found[0])
        flaw = Flaw(found.start(), 1, f"the character U+{code:04X} cannot stand in a file")
        raise _Unreadable(flaw)
