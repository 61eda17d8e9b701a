"""Generated source made into functions; source that is equal is compiled once.

What differs between rules of one form (their indexes, texts, lists) is handed in, so that a
thousand rules of a thousand zones share one piece of code: it loads quickly, and runs quickly,
because Python adapts code to what it sees by running it often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

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


def define(source: str, given: Mapping[str, Any], lists: Lists) -> Any:
    """Make a function of generated source.

    Args:
        source: one ``def`` statement, generated from checked trees: never an author's text.
        given: values by the name that the source has for them.
        lists: the named lists.
    """
    names: dict[str, Any] = {
        LIST_PREFIX + name: list_ if callable(list_) else _always(list_)
        for name, list_ in lists.items()
    }
    names |= given
    return _maker(source, tuple(names))(*names.values())


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
    _maker.cache_clear()


@lru_cache(maxsize=4096)
def _maker(source: str, names: tuple[str, ...]) -> Callable[..., Any]:
    name = source[len("def ") : source.index("(")]
    body = source.replace("\n", "\n    ")
    text = f"def make({', '.join(names)}):\n    {body}\n    return {name}"
    scope = dict(_GLOBALS)
    exec(compile(text, "<rules>", "exec"), scope)
    made: Callable[..., Any] = scope["make"]
    return made
