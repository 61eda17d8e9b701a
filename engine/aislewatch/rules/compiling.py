"""Generated source made into functions; source that is equal is compiled once.

What differs between rules of one form (their indexes, texts, lists) is handed in, bound to the one
function that a thousand rules of a thousand zones share: it loads quickly, and it runs quickly. For
Python adapts code to what it sees by running it often, and a call costs half where it calls the
function that it called before: not one like it, with the same code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from types import FunctionType, MethodType
from typing import Any

_words = re.compile(r"\w+").findall

LIST_PREFIX = "_list_"
"""Before the name of a named list in generated source."""

Lists = Mapping[str, frozenset[str] | Callable[[str, int], bool]]
"""Named lists: members that never change, or what says whether a text is on a list at a time."""

_GLOBALS: dict[str, Any] = {
    "__builtins__": {},
    "_fraction": Fraction,
    "abs": abs,
    "any": any,
    "float": float,
    "len": len,
    "list": list,
    "max": max,
    "min": min,
    "round": round,
    "set": set,
    "str": str,
    "sum": sum,
    "tuple": tuple,
}
"""Everything that generated source can name besides what is handed in."""

Shared = tuple[tuple[str, Any], ...]
"""Names of generated source that stand for the same in every function made of it."""


def define(source: str, given: Mapping[str, Any], lists: Lists, shared: Shared = ()) -> Any:
    """Make a function of generated source.

    Args:
        source: one ``def`` statement, generated from checked trees: never an author's text.
        given: values by the name that the source has for them.
        lists: the named lists.
        shared: what is given to every function of its kind.
    """
    function, names = _compiled(source, shared, tuple(lists), tuple(given))
    if not names:
        return function
    values = tuple(
        given[name] if name in given else _asked(lists[name.removeprefix(LIST_PREFIX)])
        for name in names
    )
    return MethodType(function, values)


def _asked(list_: frozenset[str] | Callable[[str, int], bool]) -> Callable[[str, int], bool]:
    return list_ if callable(list_) else _always(list_)


def _always(members: frozenset[str]) -> Callable[[str, int], bool]:
    return lambda text, _: text in members


def compile_event(source: str, lists: Lists) -> Callable[[Any], Any]:
    """Compile source over one event, named ``e``, into a function of it."""
    made: Callable[[Any], Any] = define(f"def f(e):\n    return {source}", {}, lists)
    return made


def compile_event_later(source: str, lists: Lists) -> Callable[[Any], Any]:
    """Give what :func:`compile_event` gives, compiled when it is first called: for rare use."""
    made: list[Callable[[Any], Any]] = []

    def call(event: Any) -> Any:
        if not made:
            made.append(compile_event(source, lists))
        return made[0](event)

    return call


def compile_bindings(source: str, lists: Lists) -> Callable[[Mapping[str, Any]], Any]:
    """Compile source over :func:`binding_items` into a function of a mapping of bindings."""
    made: Callable[[Mapping[str, Any]], Any] = define(f"def f(b):\n    return {source}", {}, lists)
    return made


def binding_items(names: frozenset[str]) -> dict[str, str]:
    """Give the variables of :func:`compile_bindings`: items of one mapping ``b``."""
    return {name: f"b[{name!r}]" for name in names}


def forget_compiled() -> None:
    """Compile anew what is asked for next, as in a new process."""
    _compiled.cache_clear()


@lru_cache(maxsize=4096)
def _compiled(
    source: str, shared: Shared, lists: tuple[str, ...], given: tuple[str, ...]
) -> tuple[FunctionType, tuple[str, ...]]:
    """Compile a function; gives with it the names whose values it takes, in front of all else."""
    used = set(_words(source))
    names = tuple(
        name for name in (*given, *(LIST_PREFIX + list_ for list_ in lists)) if name in used
    )
    if names:
        head, _, body = source.partition("\n")
        source = f"{head.replace('(', '(own, ', 1)}\n    {', '.join(names)}, = own\n{body}"
    scope = {**_GLOBALS, **dict(shared)}
    exec(compile(source, "<rules>", "exec"), scope)
    made: FunctionType = scope.pop(source[len("def ") : source.index("(")])
    return made, names
