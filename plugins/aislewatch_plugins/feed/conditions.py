"""Conditions of a mapping file: which rows a case is for.

A condition is a list of paths and what must stand there; all of them must hold::

    when:
      device: POS                     # equals this text
      event: [scanned-item, item]     # one of these
      $stream: {like: "pos_*"}        # * and ? stand for anything
      data.epc: null                  # nothing there, or an object of nothing but nulls
      data.sku: {exists: yes}         # the key is there, whatever it holds
      status: {not: Training}         # anything else, or nothing
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from aislewatch.events.paths import (
    Names,
    ReadingMistake,
    Setting,
    compile_path,
    is_array,
    is_object,
    plain,
)

Written = Mapping[str, Any]
Condition = Callable[[Any, Names], bool]

_FORMS = "like, exists, not"


def compile_condition(written: Written, setting: Setting) -> Condition:
    """Make the function that says whether a row meets a condition.

    Raises:
        ReadingMistake: a path or a test is not one; its ``path`` starts inside the condition.
    """
    tests: list[Condition] = []
    for path, wanted in written.items():
        try:
            tests.append(_compile_test(path, wanted, setting))
        except ReadingMistake as mistake:
            raise ReadingMistake(str(mistake), path, *mistake.path, hint=mistake.hint) from None
    if len(tests) == 1:
        return tests[0]
    return lambda row, names: all(test(row, names) for test in tests)


def holds_nothing(value: Any) -> bool:
    """Say whether a value tells nothing: null, an empty text, or a container of only such.

    >>> holds_nothing({"epc": None, "sku": ""}), holds_nothing(0)
    (True, False)
    """
    if is_object(value):
        return all(holds_nothing(part) for part in value.values())
    if is_array(value):
        return all(holds_nothing(part) for part in value)
    return value is None or value == ""


def _compile_test(path: str, wanted: Any, setting: Setting) -> Condition:
    read = compile_path(path, setting)
    if is_object(wanted):
        return _compile_form(path, wanted, setting)
    words = wanted if is_array(wanted) else [wanted]
    for word in words:
        if word is not None and not isinstance(word, str):
            message = "a condition compares with a text or a list of texts"
            raise ReadingMistake(message)
    texts = frozenset(word for word in words if word is not None)
    or_nothing = None in words

    def test(row: Any, names: Names) -> bool:
        value = read(row, names)
        if value is None or is_object(value) or is_array(value):
            return or_nothing and holds_nothing(value)
        return plain(value) in texts or (or_nothing and value == "")

    return test


def _compile_form(path: str, wanted: Mapping[str, Any], setting: Setting) -> Condition:
    (form, value), *more = wanted.items() or (("", None),)
    if more or form not in {"like", "exists", "not"}:
        message = f"{form!r} is no test of a condition"
        raise ReadingMistake(message, form, hint=f"possible, one at a time: {_FORMS}")
    if form == "not":
        inner = _compile_test(path, value, setting)
        return lambda row, names: not inner(row, names)
    if form == "exists":
        return _compile_exists(path, value, setting)
    if not isinstance(value, str):
        message = "'like' takes a pattern, as in rfid_*"
        raise ReadingMistake(message, form)
    read = compile_path(path, setting)
    pattern = value

    def like(row: Any, names: Names) -> bool:
        found = read(row, names)
        return isinstance(found, (str, int)) and fnmatchcase(plain(found), pattern)

    return like


def _compile_exists(path: str, value: Any, setting: Setting) -> Condition:
    if value not in {"yes", "no", "true", "false"}:
        message = "'exists' takes yes or no"
        raise ReadingMistake(message, "exists")
    wanted = value in {"yes", "true"}
    parent, _, last = path.rpartition(".")
    read = compile_path(parent, setting) if parent else None

    def exists(row: Any, names: Names) -> bool:
        holder = read(row, names) if read is not None else row
        there = is_object(holder) and last in holder
        return (there or (is_object(row) and path in row)) is wanted

    return exists
