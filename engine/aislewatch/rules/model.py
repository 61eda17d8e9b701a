"""The shape of a rule file: keys and containers, before names, units and sense are checked.

Expressions, windows and figures are texts here; :mod:`aislewatch.rules.load` reads them, so that a
mistake of shape does not hide one inside an expression.
"""

from __future__ import annotations

import difflib
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    Tag,
)

from aislewatch.events.model_mistakes import is_mapping
from aislewatch.rules.backtest import Backtest
from aislewatch.rules.incident_model import IncidentShape
from aislewatch.rules.vocabulary import (
    Amount,
    Condition,
    Entity,
    EventLines,
    Expression,
    Figure,
    Identifier,
    KeyField,
    Points,
    Requirement,
    Same,
    Shape,
    Target,
    Types,
    Window,
    meanings,
)

SAME = "Fields that must be equal to the anchor's. Without it, any event in the window counts."
WINDOW = "The stretch of time to look at, both ends included."
NAMED = "What it is called in later clauses and in the incident."


class WhenShape(Shape):
    """The anchor."""

    event: Types = Field(description="The rule is judged once for each event of this type.")
    as_: Identifier = Field("anchor", alias="as", description="What the anchor is called below.")
    where: Condition | None = Field(None, description="Only events for which this is true.")


class _Clause(Shape):
    points: Points | None = Field(None, description="Points added where this clause holds.")


class EvidenceShape(_Clause):
    """What all clauses have that look for events in a window."""

    where: Condition | None = Field(None, description="Only events for which this is true.")
    same: Same = Field(default_factory=list[str], description=SAME)
    window: Window = Field(description=WINDOW)


class SeenShape(EvidenceShape):
    """Such an event is in the window."""

    seen: Types = Field(description="Holds when such an event is in the window.")
    as_: Identifier | None = Field(None, alias="as", description=NAMED)
    pick: Literal["nearest", "first", "last"] = Field(
        "nearest",
        description="Which event is meant where there are several.",
        json_schema_extra=meanings("to the anchor", "in the window", "in the window"),
    )
    optional: bool = Field(False, description="The clause holds without such an event, too.")


class NotSeenShape(EvidenceShape):
    """No such event is in the window."""

    not_seen: Types = Field(
        description="Holds when no such event is in the window, and the devices that would have "
        "seen it were in working order all the time; otherwise nothing is decided."
    )


class _Aggregate(EvidenceShape):
    as_: Identifier | None = Field(None, alias="as", description=NAMED)
    at_least: Expression | None = Field(None, description="Holds from this figure on.")
    at_most: Expression | None = Field(None, description="Holds up to this figure.")
    more_than: Expression | None = Field(None, description="Holds above this figure.")
    less_than: Expression | None = Field(None, description="Holds below this figure.")
    exactly: Expression | None = Field(None, description="Holds at this figure alone.")


class CountShape(_Aggregate):
    """How many such events are in the window."""

    count: Types = Field(description="How many such events are in the window; may be 0.")


class SumShape(_Aggregate):
    """A field of the events in the window, added up."""

    sum: Amount = Field(description="This field of the events in the window, added up.")


class MaxShape(_Aggregate):
    """The largest of a field in the window."""

    max: Figure = Field(description="The largest of this field in the window.")


class MinShape(_Aggregate):
    """The smallest of a field in the window."""

    min: Figure = Field(description="The smallest of this field in the window.")


class AvgShape(_Aggregate):
    """The mean of a field in the window."""

    avg: Amount = Field(description="The mean of this field in the window.")


class DistinctShape(_Aggregate):
    """How many different values a field has in the window."""

    distinct: Target = Field(description="How many different values this field has in the window.")


class SidesShape(Shape):
    """The two kinds that are paired off."""

    left: Types = Field(description="One side of the pairs.")
    right: Types = Field(description="The other side of the pairs.")


class UnmatchedShape(_Clause):
    """What is left over when two kinds are paired off."""

    unmatched: SidesShape = Field(
        description="Pairs off two types of event, one to one, and holds when something is left "
        "over. Where the anchor is on a side, it must be left over itself; 'partner' is then what "
        "is left over opposite to it, if anything is."
    )
    same: Same = Field(default_factory=list[str], description=SAME)
    by: list[KeyField] = Field(
        default_factory=list[str], description="Fields that must be equal within a pair."
    )
    window: Window = Field(description=WINDOW)
    where_left: Condition | None = Field(None, description="Only such events on the left.")
    where_right: Condition | None = Field(None, description="Only such events on the right.")


class CheckShape(_Clause):
    """A condition over everything bound."""

    check: Expression = Field(description="Holds when this is true of what is bound above.")
    as_: Identifier | None = Field(None, alias="as", description="What it is called in the trace.")


class AnyOfShape(_Clause):
    """At least ``at_least`` of the nested clauses hold."""

    any_of: list[Clause] = Field(
        min_length=1, description="Holds when one of these clauses does, or 'at_least' so many."
    )
    at_least: int = Field(1, ge=1, description="How many of the clauses must hold.")
    as_: Identifier | None = Field(None, alias="as", description="What it is called in the trace.")


class AllOfShape(_Clause):
    """All of the nested clauses hold."""

    all_of: list[Clause] = Field(min_length=1, description="Holds when all of these clauses do.")
    as_: Identifier | None = Field(None, alias="as", description="What it is called in the trace.")


class StatsOfShape(_Clause):
    """The same figure over peers."""

    stats_of: str = Field(
        description="A figure named above, made again for each of the peers: gives n, mean, stdev, "
        "median and mad of theirs, without this one's."
    )
    others: list[Entity] = Field(
        default_factory=list[str], description="Fields in which peers differ from this one."
    )
    same: Same = Field(
        default_factory=list[str], description="Fields in which peers are equal to this one."
    )
    window: Window = Field(description=WINDOW)
    as_: Identifier | None = Field(None, alias="as", description=NAMED)


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


class ExceptShape(Shape):
    """What excuses a signal, for how long, and who answers for it."""

    name: str = Field(description="What the exception is called where it excuses something.")
    where: Expression = Field(description="Excuses signals for which this is true.")
    reason: str = Field(min_length=1, description="Why this is no loss.")
    owner: str = Field(min_length=1, description="Who answers for it.")
    until: date = Field(
        description="Its last day, in the time zone of the shop; from the next on it is a mistake."
    )


class ExpectShape(Shape):
    """What an inline test expects."""

    fires: int = Field(ge=0, description="How many signals there must be.")
    at: str | None = Field(
        None,
        # What stands in braces is filled in later.
        pattern=r"^(\d{1,2}:\d{2}:\d{2}(\.\d{1,6})?|.*[{].*[}].*)$",
        description="When the first of them is made, as in 10:00:03.",
    )
    about: dict[str, str] = Field(
        default_factory=dict[str, str], description="What it must be about."
    )
    points: int | None = Field(None, description="The points it must carry.")
    because_not: str | None = Field(
        None,
        description="The clause that must be the first to fail: 'when', its 'as', or as 'not_seen "
        "pos.item'.",
    )


class TestShape(Shape):
    """An inline test: events, one a line, and what they must lead to."""

    __test__ = False

    name: str = Field(description="What is tested, as a sentence.")
    events: EventLines = Field(description="What happens, an event a line.")
    expect: ExpectShape = Field(description="What must come of it.")


class ParamShape(Shape):
    """A figure, a text or a name that a site may set; see :mod:`aislewatch.rules.params`."""

    default: Expression = Field(description="Its value where a site sets none.")
    doc: str = Field("", description="What it means, and where the figure comes from.")
    min: Expression | None = Field(None, description="The least that a site may set.")
    max: Expression | None = Field(None, description="The greatest that a site may set.")
    one_of: list[Expression] | None = Field(
        None, min_length=1, description="The only values that a site may set."
    )
    select: Literal["zone", "zone-kind", "lane", "device", "list", "product-class"] | None = Field(
        None,
        description="It is the name of such a thing of the site, written without quotes.",
    )


def _param_of(value: Any) -> str:
    return "<declared>" if is_mapping(value) else "<value>"


Param = Annotated[
    Annotated[Expression, Tag("<value>")] | Annotated[ParamShape, Tag("<declared>")],
    Discriminator(_param_of),
]


class RuleShape(Shape):
    """A rule file."""

    id: str = Field(
        pattern=r"^[a-z][a-z0-9-]*$",
        description="The rule's name in incidents, parameters and other rules; never changed.",
    )
    title: str = Field(min_length=1, description="What the rule finds, in a few words.")
    status: Literal["draft", "shadow", "live", "retired"] = Field(
        "draft",
        description="How far the rule has come.",
        json_schema_extra=meanings(
            "only tested", "runs and writes signals, never an incident", "counts", "kept, not run"
        ),
    )
    owner: str | None = Field(None, description="Who answers for the rule.")
    severity: Literal["info", "low", "medium", "high"] = Field(
        "medium", description="How bad it is if true; says nothing of how likely."
    )
    params: dict[Identifier, Param] = Field(
        default_factory=dict[str, Any],
        description="Figures and texts that a site may set otherwise; used as params.name.",
    )
    when: WhenShape = Field(description="The anchor: the event that the rule starts from.")
    let: dict[Identifier, Let] = Field(
        default_factory=dict[str, Any], description="Names for figures that later clauses use."
    )
    match: list[Clause] = Field(
        default_factory=list[Any], description="The clauses, all of which must hold, in order."
    )
    requires: list[Requirement] = Field(
        default_factory=list[str],
        description="What must have been able to see, and where; otherwise nothing is decided.",
    )
    except_: list[ExceptShape] = Field(
        default_factory=list[ExceptShape], alias="except", description="What excuses a signal."
    )
    incident: IncidentShape = Field(description="What a signal says, and how much it counts.")
    known_false_alarms: list[str] = Field(
        default_factory=list[str], description="Harmless ways in which this comes about."
    )
    runbook: str = Field("", description="What to do first; shown with the incident.")
    tests: list[TestShape] = Field(
        default_factory=list[TestShape], description="Small stories, and what must come of them."
    )
    backtest: Backtest = Field(
        default_factory=Backtest, description="What a run over past days must keep to."
    )
