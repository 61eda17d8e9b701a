"""What the values of a rule file may be: a JSON Schema for every word of the vocabulary.

They list what this installation and this site know: types of event, fields that can be joined on or
added up, rules to build upon. What is inside an expression is beyond a JSON Schema.

Editors look at a schema in other ways than validators do. Completion never looks behind ``if``, so
what is proposed stands before it. Of several descriptions of one value the innermost is shown. An
``enum`` is shown whole over each of its values, so it stands only where none of them was chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aislewatch.events.registry import FieldSpec, KindSpec, Registry
from aislewatch.events.units import Dimension
from aislewatch.rules import schema_help as help_
from aislewatch.rules.dimensions import FIGURES
from aislewatch.rules.schema_help import Site
from aislewatch.rules.windows import FORMS

Json = dict[str, Any]

DEFINITIONS = "#/definitions/"

UNLIKE: Json = {"properties": {}}
"""Tells an alternative from its neighbours where an editor compares them by what they show."""

_DURATION = r"(\d+(\.\d+)?(us|ms|s|m|h|d))+"
_SPAN = rf"(params\.\S+|{_DURATION})"
_SIDE = rf"{_SPAN}\s+(before|after)\s+\S+"
_WINDOW = rf"(between\s+\S+\s+and\s+\S+|{_SPAN}\s+around\s+\S+|{_SIDE}(\s+to\s+{_SIDE})?)"

_SIGNAL = r"signal\.[a-z][a-z0-9-]*"
"""Any rule's: one may be newer than the schema."""


_FLAGS = ("true", "True", "TRUE", "false", "False", "FALSE")
"""What YAML takes for true and false and not for a text."""


def text(**limits: Any) -> Json:
    """Give the schema of a text, which YAML may take for a number or for true and false.

    Args:
        limits: what else must be true of it: ``minLength``, ``errorMessage``, or a ``pattern``,
            which no figure matches.
    """
    message = "a text is needed here"
    pattern = limits.get("pattern")
    types = ["string", "number"] if pattern is None else ["string"]
    flags = [_unsaid("boolean", message)]
    if pattern is not None and not any(re.search(pattern, flag) for flag in _FLAGS):
        flags = []
    return {"anyOf": [{"type": types, "errorMessage": message, **limits}, *flags]}


def or_nothing(schema: Json) -> Json:
    """Give a schema that takes nothing (``null``), too, without proposing it."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], _unsaid("null")]}
    shown = ("title", "description", "markdownDescription", "examples", "defaultSnippets")
    outside = {key: schema[key] for key in shown if key in schema}
    inside = {key: value for key, value in schema.items() if key not in shown}
    return {**outside, "anyOf": [inside, _unsaid("null")]}


def _unsaid(kind: str, message: str = "") -> Json:
    """Give the schema of a type that is accepted and never proposed."""
    accepted = {"type": [kind], **({"errorMessage": message} if message else {})}
    return {"if": {}, "then": accepted, **UNLIKE}


def words(registry: Registry, site: Site) -> dict[str, Json]:
    """Give the schema of every word of the vocabulary.

    Args:
        registry: the kinds of event.
        site: what else is known.
    """
    kinds = list(registry.for_rules.values())
    keys = _keys(kinds)
    one_type = {"$ref": DEFINITIONS + "type"}
    expressions = help_.about_expressions(site)
    return {
        "type": _type(kinds, site),
        "types": {
            "anyOf": [
                one_type,
                {"type": "array", "items": one_type, "minItems": 1, **UNLIKE},
            ]
        },
        "field": _field(kinds, lambda spec: True),
        "figure": _field(kinds, lambda spec: spec.dimension in FIGURES),
        "amount": _field(kinds, lambda spec: spec.dimension in FIGURES - {Dimension.INSTANT}),
        "key": _chosen(keys, "field", "events cannot be joined on this"),
        "entity": {**text(), "defaultSnippets": _values(*keys)},
        "expression": {**text(), "markdownDescription": expressions},
        "condition": {
            **text(),
            "markdownDescription": expressions,
            "defaultSnippets": _values(*help_.conditions(site)),
        },
        "same": _same(keys),
        "about": _about(keys, site),
        "window": {
            **_pattern(_WINDOW, f"not a window; write e.g. {FORMS}"),
            "markdownDescription": help_.WINDOW,
            "defaultSnippets": _values(
                "${1:30s} before ${2:anchor}",
                "${1:10m} after ${2:anchor}",
                "${1:3s} around ${2:anchor}",
                "${1:60s} before ${2:anchor} to ${3:10s} after ${4:anchor}",
                "between ${1:shelf} and ${2:anchor}",
            ),
        },
        "quiet": {
            **_pattern(rf"{_SPAN}\s+per\s+\S+", "not a silence; write e.g. 30m per epc"),
            "defaultSnippets": _values("${1:30m} per ${2:epc}"),
        },
        "requirement": {
            **_pattern(
                r"\S+(\s+on\s+\S+)?\s+healthy",
                "not a requirement; write e.g. vision.person on refund.zone.id healthy",
            ),
            "defaultSnippets": _values(*_requirements(site)),
        },
        "duration": {
            **_pattern(_DURATION, "not a duration; write e.g. 30s, 5m, 12h, 1h30m"),
            "defaultSnippets": _values("30s", "5m", "1h30m", "12h", "14d"),
        },
        "events": {**text(), "markdownDescription": help_.EVENTS},
        "sentence": {**text(), "markdownDescription": help_.BECAUSE},
    }


def _values(*bodies: str) -> list[Json]:
    """Give values to begin with; ``${1:text}`` is where the cursor goes."""
    return [{"label": re.sub(r"\$\{\d+:(.*?)\}", r"\1", body), "body": body} for body in bodies]


def _exactly(value: str) -> str:
    """Give a pattern that a name alone matches; JavaScript takes no needless backslashes."""
    return value.replace(".", r"\.")


def _pattern(pattern: str, message: str) -> Json:
    return {"type": "string", "pattern": rf"^\s*({pattern})\s*$", "errorMessage": message}


def _chosen(docs: Mapping[str, str], what: str, message: str, also: Iterable[str] = ()) -> Json:
    """Give the schema of a choice of texts.

    Args:
        docs: what to say of each.
        what: what a choice is called where none was made.
        message: likewise, as a complaint.
        also: patterns of texts that will do and are not proposed.
    """
    known = "|".join([*map(_exactly, docs), *also])
    return {
        "defaultSnippets": [
            {"label": value, "body": value, "markdownDescription": doc}
            for value, doc in docs.items()
        ],
        "if": {"type": "string", "pattern": rf"^\s*({known})\s*$"},
        "then": {
            "anyOf": [
                *({"const": value, "markdownDescription": doc} for value, doc in docs.items()),
                {},
            ]
        },
        # An editor's quick fix takes the values from here.
        "else": {"title": what, "enum": list(docs), "errorMessage": message},
    }


def _type(kinds: Iterable[KindSpec], site: Site) -> Json:
    docs = {kind.type: help_.about_kind(kind, site) for kind in kinds}
    for rule, title in site.signals.items():
        docs[f"signal.{rule}"] = f"**signal.{rule}**: the rule {rule} holds.\n\n{title}"
    return _chosen(docs, "type of event", "unknown type of event", [_SIGNAL])


def _keys(kinds: Iterable[KindSpec]) -> dict[str, str]:
    """Give what to say of every field that clauses may join on, with the kinds that have it."""
    found: dict[str, tuple[FieldSpec, list[str]]] = {}
    for kind in kinds:
        for path, spec in kind.fields.items():
            if spec.key:
                found.setdefault(path, (spec, []))[1].append(kind.type)
    every = max((len(types) for _, types in found.values()), default=0)
    # What signals are about, where no field of an event is called so.
    signals = {"zone": "**zone**: the zone that a signal is about\n\nOf signals"}
    return signals | {
        path: f"**{path}**: {help_.about_field(spec)}\n\nOf "
        + ("every event" if len(types) == every else ", ".join(types))
        for path, (spec, types) in sorted(found.items())
    }


def _field(kinds: Iterable[KindSpec], fits: Callable[[FieldSpec], bool]) -> Json:
    docs: dict[str, str] = {}
    also: list[str] = []
    for kind in kinds:
        own = help_.fields_of(kind)
        for path, spec in kind.fields.items():
            if fits(spec) and path in own:
                doc = f"**{path}** of {kind.type}: {help_.about_field(spec)}"
                docs[f"{kind.type}.{path}"] = doc
            elif fits(spec):
                also.append(_exactly(f"{kind.type}.{path}"))
    also.append(_SIGNAL + r"\.[a-z][a-z0-9_-]*")
    message = "not a field that this can be made of; write e.g. shelf.removed.units"
    return _chosen(docs, "field", message, also)


def _same(keys: Mapping[str, str]) -> Json:
    return {
        "if": {"type": "object"},
        "then": {
            "properties": {
                key: {**text(), "title": key, "markdownDescription": doc}
                for key, doc in keys.items()
            },
            "additionalProperties": False,
        },
        "else": {
            "type": "array",
            "items": {"$ref": DEFINITIONS + "key"},
            "errorMessage": "a list of fields, as in [epc], or what each equals: {epc: exit.epc}",
        },
        "defaultSnippets": [
            {"label": "[field]", "description": "fields of the same name", "body": "^[${1:epc}]"},
            {
                "label": "{field: value}",
                "description": "a field, and what it must equal",
                "body": "^{${1:epc}: ${2:anchor.epc}}",
            },
        ],
    }


def _about(keys: Mapping[str, str], site: Site) -> Json:
    strong = "One such thing in common is enough to bring signals into one incident."
    weak = "Brings signals into one incident only together with another thing in common."
    entities = sorted(site.strong | {"zone", *(key for key in keys if "." not in key)})
    return {
        "type": "object",
        "properties": {
            entity: {
                **text(),
                "title": entity,
                "description": strong if entity in site.strong else weak,
            }
            for entity in entities
        },
        "patternProperties": {r"^[A-Za-z_][A-Za-z0-9_]*$": {**text(), "description": weak}},
        "additionalProperties": False,
        "minProperties": 1,
    }


def _requirements(site: Site) -> list[str]:
    seen = sorted({type_ for types in site.sees.values() for type_ in types})
    return [f"{type_} healthy" for type_ in seen] or ["vision.person on refund.zone.id healthy"]
