"""The JSON Schema of a rule file, for editors: what may stand where, what it means, what is next.

It is made of the model of a rule file, which has the shape and what each key means, and of the
words of :mod:`aislewatch.rules.schema_words`. It refuses nothing that `rules check` takes: scalars
of a rule file are texts that the model types, whatever YAML takes them for. It is JSON Schema
draft 7 with the additions of yaml-language-server (``markdownDescription``, ``enumDescriptions``,
``defaultSnippets``, ``errorMessage``), which validators pass over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aislewatch.events.model_mistakes import is_list, is_mapping
from aislewatch.events.registry import Registry
from aislewatch.rules import schema_snippets as snippets
from aislewatch.rules.model import CLAUSES, RuleShape
from aislewatch.rules.schema_help import Site
from aislewatch.rules.schema_words import DEFINITIONS, UNLIKE, Json, or_nothing, text, words
from aislewatch.rules.vocabulary import WORD

_YES_OR_NO = "^([Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF|[TtFfYyNn01])$"
_WHOLE = r"^\s*[+-]?\d+(_\d+)*(\.0*)?\s*$"
_DATE = r"^\s*\d{4}-\d{2}-\d{2}"

_REFERRED = frozenset({"type", "types", "field", "figure", "amount", "key", "same", "about"})
"""Words that are long or name each other, and so are written once and referred to."""

_CHOSEN = frozenset({"types", "field", "figure", "amount"})
"""Words whose values have descriptions of their own, which editors show in place of the key's."""

_CLAUSE = "clause"

_BEGUN: Mapping[str, Sequence[Json]] = {
    "RuleShape": [snippets.RULE],
    "TestShape": [snippets.TEST],
    "ExceptShape": [snippets.EXCEPTION],
}
"""What a mapping is begun with, by shape."""


def rule_schema(registry: Registry, site: Site | None = None) -> Json:
    """Give the JSON Schema of a rule file.

    Args:
        registry: the kinds of event that rules may name.
        site: what else an editor is told; only what is true everywhere where None.
    """
    return _Writer(words(registry, site or Site())).rule()


class _Writer:
    """Writes the model's own schema over, for files as they are written and editors as they read.

    Args:
        words: the schema of every word of the vocabulary.
    """

    def __init__(self, words: Mapping[str, Json]) -> None:
        self._words = words
        self._shapes: Json = {}
        self._definitions: Json = {word: words[word] for word in _REFERRED}

    def rule(self) -> Json:
        """Give the schema of a whole file."""
        model = RuleShape.model_json_schema(by_alias=True)
        self._shapes = model.pop("$defs")
        rule = self._mapping(model)
        return {
            "$schema": "http://json-schema.org/draft-07/schema#",
            **rule,
            "title": "rule",
            "description": "An anchor event, and what must be around it.",
            "definitions": dict(sorted(self._definitions.items())),
        }

    def _under(self, key: str, node: Json) -> Json:
        """Write over the schema of what stands under a key, with what an editor says of it."""
        made = self._value(node)
        title, doc, default = key, str(node.get("description", "")), node.get("default")
        if isinstance(default, (str, int)) and not isinstance(default, bool) and default != "":
            doc = f"{doc} If not said: {default}."
        if node.get(WORD) in _CHOSEN:
            title = f"{key}: {doc[:1].lower()}{doc[1:].rstrip('.')}"
        if "markdownDescription" in made:
            made["markdownDescription"] = f"{doc}\n\n{made['markdownDescription']}"
        for inner in _within(made):
            inner.setdefault("description", doc)
        examples = {"examples": node["examples"]} if "examples" in node else {}
        return {"title": title, "description": doc, **examples, **made}

    def _value(self, node: Json) -> Json:
        kind = node.get("type")
        if WORD in node:
            word = str(node[WORD])
            return {"$ref": DEFINITIONS + word} if word in _REFERRED else dict(self._words[word])
        if "$ref" in node:
            return self._shape(_name(node))
        for choice in ("oneOf", "anyOf"):
            if choice in node:
                return self._either(node[choice])
        if kind == "object":
            return self._mapping(node)
        if kind == "array":
            return self._list(node)
        return _scalar(node)

    def _list(self, node: Json) -> Json:
        items = self._value(node["items"])
        made: Json = {"type": "array", "items": items, "errorMessage": "a list is needed here"}
        if "minItems" in node:
            made["minItems"] = node["minItems"]
        if items == {"$ref": DEFINITIONS + _CLAUSE}:
            made["defaultSnippets"] = snippets.CLAUSES
        return made

    def _either(self, alternatives: Sequence[Json]) -> Json:
        """Write over a choice: of clauses, of a mapping or a text, of a value or nothing."""
        mappings = [_name(one) for one in alternatives if "$ref" in one]
        plain = [
            self._value(one)
            for one in alternatives
            if "$ref" not in one and one.get("type") != "null"
        ]
        if mappings:
            mapping = self._clause(mappings) if len(mappings) > 1 else self._shape(mappings[0])
            plain = [_if_mapping(mapping, plain[0]) if plain else mapping]
        (either,) = plain
        return or_nothing(either) if {"type": "null"} in alternatives else either

    # Mappings

    def _shape(self, name: str) -> Json:
        key = name.removesuffix("Shape").lower()
        if key not in self._definitions:
            self._definitions[key] = {}  # Clauses hold clauses.
            self._definitions[key] = self._mapping(self._shapes[name])
        return {"$ref": DEFINITIONS + key}

    def _mapping(self, node: Json) -> Json:
        made: Json = {"type": "object"}
        begun = _BEGUN.get(str(node.get("title")))
        if begun is not None:
            made["defaultSnippets"] = begun
        if "properties" in node:
            made["properties"] = {
                key: self._under(key, inner) for key, inner in node["properties"].items()
            }
        if "patternProperties" in node:
            patterns = node["patternProperties"]
            made["patternProperties"] = {key: self._value(one) for key, one in patterns.items()}
        for limit in ("required", "minProperties"):
            if limit in node:
                made[limit] = node[limit]
        more = node.get("additionalProperties", "patternProperties" not in node)
        made["additionalProperties"] = more if isinstance(more, bool) else self._value(more)
        return made

    # Clauses

    def _clause(self, shapes: Sequence[str]) -> Json:
        """Write over a choice of clauses: which it is, its own key says.

        A chain of ``if`` and not ``oneOf``, so that a mistake in a clause is told of that clause
        alone, and only its keys are offered in it.
        """
        by_key = {self._key_of(shape): shape for shape in shapes}
        name = _CLAUSE if by_key.keys() == set(CLAUSES) else "named figure"
        if name not in self._definitions:
            self._definitions[name] = {}  # Clauses hold clauses.
            chain = self._begun(by_key)
            for key, shape in reversed(by_key.items()):
                asked = {"type": "object", "required": [key]}
                chain = {"if": asked, "then": self._shape(shape), "else": chain}
            self._definitions[name] = {"title": name, "type": "object", **chain}
        return {"$ref": DEFINITIONS + name}

    def _key_of(self, shape: str) -> str:
        (key,) = (key for key in CLAUSES if key in self._shapes[shape]["required"])
        return key

    def _begun(self, shapes: Mapping[str, str]) -> Json:
        """Give the schema of a clause that does not say yet what it is."""
        others = {key for shape in shapes.values() for key in self._shapes[shape]["properties"]}
        return {
            "properties": {
                key: self._under(key, self._shapes[shape]["properties"][key])
                for key, shape in shapes.items()
            },
            "patternProperties": {f"^({'|'.join(sorted(others - set(shapes)))})$": {}},
            "additionalProperties": False,
            "allOf": [
                {
                    "required": list(shapes)[:1],
                    "errorMessage": "a clause needs one of " + ", ".join(shapes),
                }
            ],
            "defaultSnippets": [
                snippet
                for snippet in snippets.CLAUSES
                if not shapes.keys().isdisjoint(snippet["body"])
            ],
        }


def _within(made: Json) -> list[Json]:
    """Give the schemas of what a list or a mapping of no fixed keys holds, where they are its own.

    What is referred to speaks for itself.
    """
    inner = [*made.get("patternProperties", {}).values(), made.get("additionalProperties")]
    return [one for one in (*inner, made.get("items")) if is_mapping(one) and "$ref" not in one]


def _name(node: Json) -> str:
    return str(node["$ref"]).rpartition("/")[2]


def _if_mapping(mapping: Json, plain: Json) -> Json:
    return {"if": {"type": "object", **UNLIKE}, "then": mapping, "else": plain}


def _scalar(node: Json) -> Json:
    """Write over a scalar: the model reads it from its text, whatever YAML takes it for."""
    limits: Json = {
        limit: node[limit]
        for limit in ("pattern", "minLength", "minimum", "maximum", "errorMessage")
        if limit in node
    }
    kind = node.get("type")
    if is_list(kind):  # A figure with a unit, which the model reads itself.
        return {"type": kind, "errorMessage": "a figure is needed here"}
    if "enum" in node:
        said = {"enumDescriptions": node["enumDescriptions"]} if "enumDescriptions" in node else {}
        return {"type": "string", "enum": node["enum"], **said}
    if kind == "boolean":
        # One and zero are whole numbers to YAML.
        limits |= {"pattern": _YES_OR_NO, "minimum": 0, "maximum": 1}
        return {"type": ["boolean", "string", "integer"], **limits, "errorMessage": "true or false"}
    if kind == "integer":
        message = "a whole number is needed here"
        return {"type": ["integer", "string"], "pattern": _WHOLE, "errorMessage": message, **limits}
    if node.get("format") == "date":
        limits = {"pattern": _DATE, "errorMessage": "not a date; write e.g. 2026-12-31"}
    return text(**limits) if kind == "string" else dict[str, Any]()
