"""What the values of a rule file can be: types of event, joins, names, windows, expressions.

All of them are texts, or lists and mappings of texts; what is inside them is read by
:mod:`aislewatch.rules.load`. The word that each carries tells the editor's schema what to offer.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from aislewatch.events.quantities import DurationUs


class Shape(BaseModel):
    """A mapping of a rule file: what it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


WORD = "word"
"""The key under which a value's word stands in its JSON Schema."""


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _word(word: str) -> Any:
    return Field(json_schema_extra={WORD: word})


def meanings(*each: str) -> dict[str, Any]:
    """Give what an editor says of the values of a ``Literal``, in their order."""
    return {"enumDescriptions": list(each)}


Types = Annotated[
    list[str], BeforeValidator(_one_or_many), Field(min_length=1), _word("types")
]  # fmt: skip
"""One type of event, or a list of them."""

Target = Annotated[str, _word("field")]
"""A field of a type of event, such as ``shelf.removed.units``."""

Figure = Annotated[str, _word("figure")]
"""A field that can be compared."""

Amount = Annotated[str, _word("amount")]
"""A field that can be added up."""

KeyField = Annotated[str, _word("key")]
"""A field that clauses may join on."""

Expression = Annotated[str, _word("expression")]
"""A condition or a figure."""

Condition = Annotated[str, _word("condition")]
"""A condition on the event at hand, whose fields are named bare."""

Window = Annotated[str, _word("window")]
"""The stretch of time that a clause looks at."""

Quiet = Annotated[str, _word("quiet")]
"""How long a rule stays silent about one thing."""

Requirement = Annotated[str, _word("requirement")]
"""What must have been in working order."""

Entity = Annotated[str, _word("entity")]
"""What a signal is about, or a key of the anchor."""

Duration = Annotated[DurationUs, WithJsonSchema({WORD: "duration"})]
"""A stretch of time; microseconds once read."""

Sentence = Annotated[str, _word("sentence")]
"""Text with expressions in braces."""

EventLines = Annotated[str, _word("events")]
"""Events, one a line."""

Same = Annotated[list[KeyField] | dict[str, Expression], _word("same")]
"""Fields that must be equal, by the name they share or with what each must equal."""

Identifier = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        json_schema_extra={"errorMessage": "a name is letters, digits and _, no digit first"},
    ),
]
"""A name that expressions can use."""

About = Annotated[dict[Identifier, Expression], Field(min_length=1), _word("about")]
"""What a signal is about, by entity."""

Points = Annotated[int, Field(ge=-1000, le=1000)]
"""Decibans: +10 is ten times the odds."""
