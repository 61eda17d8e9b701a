"""The shape of a rule file: keys and containers, before names, units and sense are checked.

Expressions, windows and figures are texts here; :mod:`aislewatch.rules.load` reads them, so that a
mistake of shape does not hide one inside an expression.
"""

from __future__ import annotations

import difflib
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
)

from aislewatch.events.model_mistakes import is_mapping
from aislewatch.events.quantities import DurationUs


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _some_time(value: int) -> int:
    if value <= 0:
        message = "points cannot halve in no time; leave half_life out where they do not fade"
        raise ValueError(message)
    return value


Types = Annotated[list[str], BeforeValidator(_one_or_many), Field(min_length=1)]
"""One type of event, or a list of them."""

Same = list[str] | dict[str, str]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Points = Annotated[int, Field(ge=-1000, le=1000)]
"""Decibans: +10 is ten times the odds."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WhenShape(_Shape):
    """The anchor."""

    event: Types
    as_: Identifier = Field("anchor", alias="as")
    where: str | None = None


class _Clause(_Shape):
    points: Points | None = None


class EvidenceShape(_Clause):
    """What all clauses have that look for events in a window."""

    where: str | None = None
    same: Same = Field(default_factory=list[str])
    window: str


class SeenShape(EvidenceShape):
    """Such an event is in the window."""

    seen: Types
    as_: Identifier | None = Field(None, alias="as")
    pick: Literal["nearest", "first", "last"] = "nearest"
    optional: bool = False


class NotSeenShape(EvidenceShape):
    """No such event is in the window."""

    not_seen: Types


class _Aggregate(EvidenceShape):
    as_: Identifier | None = Field(None, alias="as")
    at_least: str | None = None
    at_most: str | None = None
    more_than: str | None = None
    less_than: str | None = None
    exactly: str | None = None


class CountShape(_Aggregate):
    """How many such events are in the window."""

    count: Types


class SumShape(_Aggregate):
    """A field of the events in the window, added up."""

    sum: str


class MaxShape(_Aggregate):
    """The largest of a field in the window."""

    max: str


class MinShape(_Aggregate):
    """The smallest of a field in the window."""

    min: str


class AvgShape(_Aggregate):
    """The mean of a field in the window."""

    avg: str


class DistinctShape(_Aggregate):
    """How many different values a field has in the window."""

    distinct: str


class SidesShape(_Shape):
    """The two kinds that are paired off."""

    left: Types
    right: Types


class UnmatchedShape(_Clause):
    """What is left over when two kinds are paired off."""

    unmatched: SidesShape
    same: Same = Field(default_factory=list[str])
    by: list[str] = Field(default_factory=list[str])
    window: str
    where_left: str | None = None
    where_right: str | None = None


class CheckShape(_Clause):
    """A condition over everything bound."""

    check: str
    as_: Identifier | None = Field(None, alias="as")


class AnyOfShape(_Clause):
    """At least ``at_least`` of the nested clauses hold."""

    any_of: Annotated[list[Clause], Field(min_length=1)]
    at_least: Annotated[int, Field(ge=1)] = 1
    as_: Identifier | None = Field(None, alias="as")


class AllOfShape(_Clause):
    """All of the nested clauses hold."""

    all_of: Annotated[list[Clause], Field(min_length=1)]
    as_: Identifier | None = Field(None, alias="as")


class StatsOfShape(_Clause):
    """The same figure over peers."""

    stats_of: str
    others: list[str] = Field(default_factory=list[str])
    same: Same = Field(default_factory=list[str])
    window: str
    as_: Identifier | None = Field(None, alias="as")


AggregateClause = CountShape | SumShape | MaxShape | MinShape | AvgShape | DistinctShape
"""Every clause that makes a figure of events."""

CLAUSES = (
    "seen", "not_seen", "count", "sum", "max", "min", "avg", "distinct", "unmatched", "check",
    "any_of", "all_of", "stats_of",
)  # fmt: skip
"""The keys that say which clause it is."""


def _clause_of(value: Any) -> str | None:
    """Tell which clause a mapping is; a misspelt one is taken for the nearest."""
    if not is_mapping(value):
        return "<check>" if isinstance(value, (str, list)) else None
    keys = list(value)
    for clause in CLAUSES:
        if clause in keys:
            return f"<{clause}>"
    for key in keys:
        near = difflib.get_close_matches(key, CLAUSES, n=1, cutoff=0.7)
        if near:
            return f"<{near[0]}>"
    return None


Clause = Annotated[
    Annotated[SeenShape, Tag("<seen>")]
    | Annotated[NotSeenShape, Tag("<not_seen>")]
    | Annotated[CountShape, Tag("<count>")]
    | Annotated[SumShape, Tag("<sum>")]
    | Annotated[MaxShape, Tag("<max>")]
    | Annotated[MinShape, Tag("<min>")]
    | Annotated[AvgShape, Tag("<avg>")]
    | Annotated[DistinctShape, Tag("<distinct>")]
    | Annotated[UnmatchedShape, Tag("<unmatched>")]
    | Annotated[CheckShape, Tag("<check>")]
    | Annotated[AnyOfShape, Tag("<any_of>")]
    | Annotated[AllOfShape, Tag("<all_of>")]
    | Annotated[StatsOfShape, Tag("<stats_of>")],
    Discriminator(
        _clause_of,
        custom_error_type="needs_clause",
        custom_error_message="a clause needs one of " + ", ".join(CLAUSES),
    ),
]


def _let_of(value: Any) -> str | None:
    return "<expression>" if isinstance(value, str) else _clause_of(value)


Let = Annotated[
    Annotated[str, Tag("<expression>")]
    | Annotated[CountShape, Tag("<count>")]
    | Annotated[SumShape, Tag("<sum>")]
    | Annotated[MaxShape, Tag("<max>")]
    | Annotated[MinShape, Tag("<min>")]
    | Annotated[AvgShape, Tag("<avg>")]
    | Annotated[DistinctShape, Tag("<distinct>")]
    | Annotated[StatsOfShape, Tag("<stats_of>")],
    Discriminator(
        _let_of,
        custom_error_type="needs_figure",
        custom_error_message="'let' names an expression, or a figure: count, sum, max, min, avg, "
        "distinct, stats_of",
    ),
]


class ExceptShape(_Shape):
    """What excuses a signal, for how long, and who answers for it."""

    name: str
    where: str
    reason: Annotated[str, Field(min_length=1)]
    owner: Annotated[str, Field(min_length=1)]
    until: date


class GroupShape(_Shape):
    """Signals that become one sliding incident."""

    same: Annotated[list[str], Field(min_length=1)]
    gap: DurationUs


class IncidentShape(_Shape):
    """What a signal says and how much it counts."""

    type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$")]
    about: Annotated[dict[Identifier, str], Field(min_length=1)]
    points: Points = 0
    half_life: Annotated[DurationUs, AfterValidator(_some_time)] | None = None
    quiet: str | None = None
    family: str | None = None
    group: GroupShape | None = None
    because: str
    value: str | None = None


class ExpectShape(_Shape):
    """What an inline test expects."""

    fires: Annotated[int, Field(ge=0)]
    at: str | None = None
    about: dict[str, str] = Field(default_factory=dict[str, str])
    points: int | None = None
    because_not: str | None = None


class TestShape(_Shape):
    """An inline test: events, one a line, and what they must lead to."""

    __test__ = False

    name: str
    events: str
    expect: ExpectShape


class ParamShape(_Shape):
    """A figure or text that a site may set."""

    default: str
    doc: str = ""


class RuleShape(_Shape):
    """A rule file."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    title: Annotated[str, Field(min_length=1)]
    status: Literal["draft", "shadow", "live", "retired"] = "draft"
    owner: str | None = None
    severity: Literal["info", "low", "medium", "high"] = "medium"
    params: dict[Identifier, str | ParamShape] = Field(default_factory=dict[str, str | ParamShape])
    when: WhenShape
    let: dict[Identifier, Let] = Field(default_factory=dict[str, Any])
    match: list[Clause] = Field(default_factory=list[Any])
    requires: list[str] = Field(default_factory=list[str])
    except_: list[ExceptShape] = Field(default_factory=list[ExceptShape], alias="except")
    incident: IncidentShape
    known_false_alarms: list[str] = Field(default_factory=list[str])
    runbook: str = ""
    tests: list[TestShape] = Field(default_factory=list[TestShape])
    backtest: dict[str, Any] = Field(default_factory=dict[str, Any])
