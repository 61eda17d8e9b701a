"""What pydantic finds wrong, said in words for people who do not know pydantic.

Each complaint names the path in the *file*: pydantic's own paths hold the tags of unions, which
stand nowhere in it.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

_STRANGE_KEYS: Final = 3
"""Fewer unknown keys are mistakes in a file of the right kind."""

_KEYS_SHOWN: Final = 4


class Misread(ValueError):
    """Raised by a model's validator for a mistake whose place inside the value is known.

    Attributes:
        hint: how to mend it.
        offset: where in the value's text.
        length: how many characters of it; None for the rest.
    """

    def __init__(
        self, message: str, *, hint: str = "", offset: int = 0, length: int | None = None
    ) -> None:
        self.hint = hint
        self.offset = offset
        self.length = length
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Complaint:
    """One mistake: where in the file's values, and what to say.

    Where ``final``, the file is meant for something else, and nothing more is worth saying.
    """

    path: tuple[str | int, ...]
    message: str
    hint: str = ""
    on_key: bool = False
    offset: int = 0
    length: int | None = None
    final: bool = False


def did_you_mean(word: str, known: Iterable[str], *, label: str = "possible") -> str:
    """Give a hint that names the nearest known word, and the others where they are few.

    >>> did_you_mean("hi", ["low", "high"])
    "did you mean 'high'? possible: high, low"
    """
    words = sorted(set(known))
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    parts = [f"did you mean {near[0]!r}?"] if near else []
    if words and len(words) <= (12 if near else 20):  # What is near matters more than the rest.
        parts.append(f"{label}: {', '.join(words)}")
    return " ".join(parts)


def explain(error: ValidationError, model: type[BaseModel], data: Any) -> list[Complaint]:
    """Turn everything that pydantic found into complaints about the file.

    Args:
        error: what validation raised.
        model: what was validated.
        data: the raw values that were validated.
    """
    if (other := _something_else(model, data)) is not None:
        return [other]
    complaints = [_complaint(details, model, data) for details in error.errors(include_url=False)]
    # A key that is missing and stands there misspelt is one mistake, not two.
    meant = {(c.path[:-1], meant_key(c)) for c in complaints if meant_key(c)}
    seen: set[Complaint] = set()
    kept: list[Complaint] = []
    for complaint, details in zip(complaints, error.errors(include_url=False), strict=True):
        twice = complaint in seen
        misspelt = details["type"] == "missing" and (complaint.path, details["loc"][-1]) in meant
        if not twice and not misspelt:
            kept.append(complaint)
        seen.add(complaint)
    return kept


def meant_key(complaint: Complaint) -> str:
    """Give the key that a misspelt one was meant to be; empty where it is none or nobody knows."""
    near = complaint.on_key and complaint.hint.startswith("did you mean '")
    return complaint.hint.split("'")[1] if near else ""


def _complaint(details: ErrorDetails, model: type[BaseModel], data: Any) -> Complaint:
    loc, kind, given = details["loc"], details["type"], details["input"]
    context: dict[str, Any] = details.get("ctx", {})
    if kind == "missing":
        where = _file_path(loc[:-1], data, mapping=True)
        return Complaint(where, f"{loc[-1]!r} is missing", on_key=True)
    path = _file_path(loc, data, mapping=False)
    if kind == "extra_forbidden":
        known = [name for part in _models_at(model, loc[:-1]) for name in _keys(part)]
        hint = did_you_mean(str(loc[-1]), known, label="known")
        return Complaint(path, f"unknown key {str(loc[-1])!r}", hint, on_key=True)
    inner = context.get("error")
    if isinstance(inner, Misread):
        return Complaint(path, str(inner), inner.hint, offset=inner.offset, length=inner.length)
    on_key = bool(loc) and loc[-1] == "[key]"
    if kind in {"literal_error", "enum"}:
        words = [word for part in _types_at(model, loc) for word in _literals(part)]
        shown = ", ".join(words) or str(context.get("expected", ""))
        near = difflib.get_close_matches(str(given), words, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else ""
        return Complaint(path, f"{_shown(given)} is not one of {shown}", hint, on_key)
    return Complaint(path, _sentence(kind, given, context, details["msg"]), on_key=on_key)


def _something_else(model: type[BaseModel], data: Any) -> Complaint | None:
    """Say it once where this is another kind of file: a mistake for each key would hide that."""
    needed = [info.alias or name for name, info in model.model_fields.items() if info.is_required()]
    if not is_mapping(data) or not needed:
        return None
    given = [str(key) for key in data]
    strange = [key for key in given if key not in set(_keys(model))]
    misspelt = any(difflib.get_close_matches(key, needed, n=1, cutoff=0.75) for key in strange)
    meant = len(set(given) & set(needed)) * 3 > len(needed)
    if misspelt or meant or len(strange) < max(_STRANGE_KEYS, len(given) / 2):
        return None
    missing = _listed([name for name in needed if name not in given])
    message = (
        f"this seems to be meant for something else: it says {_listed(strange)}, which "
        f"nothing here knows, and lacks {missing}"
    )
    return Complaint((), message, final=True)


def _listed(words: Sequence[str]) -> str:
    shown = [repr(word) for word in words[:_KEYS_SHOWN]]
    return ", ".join([*shown, "..."] if len(words) > len(shown) else shown)


_NEEDED = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "decimal_parsing": "a number",
    "bool_parsing": "true or false",
    "date_from_datetime_parsing": "a date such as 2026-12-31",
    "date_parsing": "a date such as 2026-12-31",
    "date_type": "a date such as 2026-12-31",
}
_LIMITS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length} of them, there are {actual_length}",
    "too_long": "takes at most {max_length} of them, there are {actual_length}",
    "string_too_short": "must not be shorter than {min_length}",
    "string_too_long": "must not be longer than {max_length}",
    "string_pattern_mismatch": "must look like {pattern}",
}
_PATTERNS = {
    r"^[a-z][a-z0-9-]*$": "is no name here: small letters, digits and hyphens, a letter first",
    r"^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$": "is no type of incident; write e.g. theft.exit",
    r"^(\d{1,2}:\d{2}:\d{2}(\.\d{1,6})?|.*[{].*[}].*)$": "is no time of day; write e.g. 10:00:03",
    "^[A-Z]{3}$": "is no currency; write three capital letters, e.g. EUR",
}
"""What a pattern says, for those who do not read patterns."""


def _sentence(kind: str, given: Any, context: dict[str, Any], message: str) -> str:
    if kind == "value_error":
        return str(context["error"])
    if kind in _NEEDED:
        if given is None:
            return f"a value is missing here: {_NEEDED[kind]} is needed"
        if isinstance(given, (list, dict)) or kind.endswith("_type"):
            return f"{_NEEDED[kind]} is needed here, not {_shown(given)}"
        return f"{_shown(given)} is not {_NEEDED[kind]}"
    if context.get("pattern") in _PATTERNS:
        return f"{_shown(given)} {_PATTERNS[context['pattern']]}"
    if kind in _LIMITS:
        return f"{_shown(given)} {_LIMITS[kind].format(**context)}"
    if kind.startswith("needs_"):
        return message
    return f"{_shown(given)}: {message}"


def _shown(given: Any) -> str:
    if isinstance(given, dict):
        return "a mapping"
    if isinstance(given, list):
        return "a list"
    if given is None:
        return "nothing"
    text = str(given)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _file_path(loc: Sequence[str | int], data: Any, *, mapping: bool) -> tuple[str | int, ...]:
    """Find the path in the file that pydantic's path stands for, tags of unions left out.

    A tag may be spelt like a key that is there too, so both readings are tried: the one that
    reaches the last part wins, then the longer one.
    """

    def walk(at: Any, index: int) -> Iterator[tuple[bool, tuple[str | int, ...]]]:
        if index == len(loc):
            yield isinstance(at, dict) or not mapping, ()
            return
        part = loc[index]
        for below in _inside(at, part):
            for good, rest in walk(below, index + 1):
                yield good, (part, *rest)
        # A tag is never the last part of a path to a value: leaving that out is second best.
        for good, rest in walk(at, index + 1):
            yield good and (mapping or index + 1 < len(loc)), rest

    return max(walk(data, 0), key=lambda found: (found[0], len(found[1])))[1]


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Tell whether a raw value of a file is a list."""
    return isinstance(value, list)


def is_mapping(value: Any) -> TypeGuard[dict[str, Any]]:
    """Tell whether a raw value of a file is a mapping."""
    return isinstance(value, dict)


def _inside(at: Any, part: str | int) -> list[Any]:
    """Give the value under a key or at a position, or nothing."""
    if is_mapping(at):
        return [at[str(part)]] if part in at else []
    if is_list(at) and isinstance(part, int):
        return at[part : part + 1]
    return []


def _models_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[type[BaseModel]]:
    found = _types_at(model, loc)
    return [part for part in found if isinstance(part, type) and issubclass(part, BaseModel)]


def _types_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[Any]:
    """Give the types that the model allows at a path, unions spread out."""
    here: list[tuple[Any, str]] = [(model, "")]
    for part in loc:
        tagged = [(kind, "") for kind, tag in here if tag == part]
        if tagged:
            here = tagged
            continue
        inner = [below for kind, _ in here for below in _below(kind, part)]
        here = inner or here
    return [kind for kind, _ in here]


def _below(kind: Any, part: str | int) -> Iterator[tuple[Any, str]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            if part in {name, info.alias}:
                yield from _spread(info.annotation)
    origin, args = get_origin(kind), get_args(kind)
    if origin in {list, tuple, set, frozenset} and isinstance(part, int) and args:
        yield from _spread(args[0])
    elif origin is dict:
        yield from _spread(args[0] if part == "[key]" else args[1])


def _spread(kind: Any, tag: str = "") -> Iterator[tuple[Any, str]]:
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *extra = get_args(kind)
        tags = [one.tag for one in extra if isinstance(one, Tag)]
        yield from _spread(inner, tags[0] if tags else tag)
    elif origin in {Union, types.UnionType}:
        for one in get_args(kind):
            yield from _spread(one, tag)
    else:
        yield kind, tag


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield info.alias or name


def _literals(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    members = getattr(kind, "__members__", None)
    return [str(member.value) for member in members.values()] if members else []
