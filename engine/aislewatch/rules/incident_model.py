"""The shape of a rule file's ``incident``: what a signal says, and how much it counts."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from aislewatch.rules.vocabulary import (
    About,
    Duration,
    Entity,
    Expression,
    Points,
    Quiet,
    Sentence,
    Shape,
)


def _some_time(value: int) -> int:
    if value <= 0:
        message = "points cannot halve in no time; leave half_life out where they do not fade"
        raise ValueError(message)
    return value


class GroupShape(Shape):
    """Signals that become one sliding incident."""

    same: list[Entity] = Field(min_length=1, description="What such signals share.")
    gap: Duration = Field(description="A longer pause than this begins a new incident.")


class IncidentShape(Shape):
    """What a signal says and how much it counts."""

    type: str = Field(
        pattern=r"^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$",
        description="What it may be, the general word first; the store's prior goes by it.",
        examples=["theft.exit", "fraud.refund", "stock.loss", "operations.queue"],
    )
    about: About = Field(description="What to look at; signals that share it join one incident.")
    points: Points = Field(0, description="Decibans: +10 is ten times as likely, -10 a tenth.")
    half_life: Annotated[Duration, AfterValidator(_some_time)] | None = Field(
        None, description="The time in which the points fade to a half; without it they stay."
    )
    quiet: Quiet | None = Field(
        None, description="After a signal, none about the same thing for so long."
    )
    family: str | None = Field(
        None, description="Rules of one family see the same deed: only the most points count."
    )
    group: GroupShape | None = Field(
        None, description="Puts signals with short pauses between them into one incident."
    )
    because: Sentence = Field(
        description="The reason in a sentence, shown with the incident; {expressions} are filled "
        "in. It says what to look at and accuses nobody."
    )
    value: Expression | None = Field(None, description="The money that is at stake.")
