"""A test put into a rule's file, behind those that it has; every other byte stays as it is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from aislewatch.authoring.capture import Captured
from aislewatch.errors import FileMistakes, Mistake
from aislewatch.events.located import LocatedYaml
from aislewatch.events.yaml_nodes import Node, read_nodes

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*")
"""Texts that YAML takes for themselves wherever they stand."""

_EMPTY = frozenset({"null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a file a test goes.

    Attributes:
        offset: in characters.
        indent: columns before the dash.
        step: columns from the dash to the first key.
        head: a line that must come before it.
    """

    offset: int
    indent: int
    step: int
    head: str = ""


def as_yaml(test: Captured, *, indent: int = 2, step: int = 2) -> str:
    """Give a test as a rule file has it.

    Args:
        test: the test.
        indent: columns before the dash.
        step: columns from the dash to the first key.
    """
    before = " " * (indent + step)
    about = ", ".join(f"{kind}: {_quoted(value)}" for kind, value in test.about.items())
    expected = [f"fires: {test.fires}", f'at: "{test.at}"']
    expected += [f"about: {{{about}}}"] if about else []
    expected.append(f"points: {test.points}")
    lines = [
        f"{' ' * indent}-{' ' * (step - 1)}name: {_quoted(test.name)}",
        f"{before}events: |",
        *(f"{before}  {line}" for line in test.lines.splitlines()),
        f"{before}expect: {{{', '.join(expected)}}}",
    ]
    return "".join(f"{line}\n" for line in lines)


def with_test(text: str, test: Captured, file: str) -> str:
    """Give the text of a rule file with one more test, at the end of its list of tests.

    Args:
        text: the file, as it is.
        test: the test.
        file: its path, for messages.

    Raises:
        FileMistakes: it is not YAML, or its tests are written in brackets.
    """
    # Offsets are of the text without the mark that some editors put in front of it.
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    body = text.removeprefix(mark)
    place = _place(body, file)
    before, behind = body[: place.offset], body[place.offset :]
    made = place.head + as_yaml(test, indent=place.indent, step=place.step)
    if before and not before.endswith(("\n", "\r")):
        made = f"\n{made}"
    if "\r\n" in body:
        made = made.replace("\n", "\r\n")
    return mark + before + made + behind


def _place(text: str, file: str) -> _Place:
    document = LocatedYaml.parse(text, file)
    root, _ = read_nodes(text)
    assert root is not None, "it was parsed just before"
    if not isinstance(root.value, dict) or _is_flow(root, text):
        message = "the rule is not written as lines of keys, so no test can be put behind it"
        raise FileMistakes([Mistake(file, 1, 1, message)])
    tests = root.value.get("tests")
    if tests is None:
        return _Place(len(text), 2, 2, "\ntests:\n")
    if not isinstance(tests.value, list) or not tests.value or _is_flow(tests, text):
        message = "the tests are written in brackets; write each on lines of its own behind a dash"
        raise FileMistakes([document.mistake(["tests"], message)])
    last = tests.value[-1]
    dash = _column(text, text.rfind("-", 0, last.start))
    return _Place(_line_end(text, _end(last, text)), dash, max(2, _column(text, last.start) - dash))


def _column(text: str, offset: int) -> int:
    return offset - (text.rfind("\n", 0, offset) + 1)


def _is_flow(node: Node, text: str) -> bool:
    return text[node.start : node.start + 1] in {"{", "["}


def _end(node: Node, text: str) -> int:
    """Give where the last thing that a value says ends; YAML itself puts comments in, too."""
    inner = node.value
    if isinstance(inner, str) or not inner or _is_flow(node, text):
        return node.end
    if isinstance(inner, list):
        return _end(inner[-1], text)
    name = list(inner)[-1]
    return max(_end(inner[name], text), node.keys[name].end)


def _line_end(text: str, offset: int) -> int:
    """Give where the next line begins; an offset at which one begins stays."""
    if offset and text[offset - 1] == "\n":
        return offset
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def _quoted(text: str) -> str:
    """Give a text as YAML takes it, in quotes where it must be."""
    if text not in _EMPTY and all(map(_PLAIN.fullmatch, text.split(" "))):
        return text
    return json.dumps(text, ensure_ascii=False)
