"""What is answered to why a rule said nothing: judgements, what nearly was one, what else is known.

Plain values that go into JSON as they are, like the judgements in them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from aislewatch.detect.explain_terms import Condition
from aislewatch.detect.explain_values import Judgement
from aislewatch.events.kinds import Event

Fate = Literal["raised", "silenced", "undecided", "nothing", "not yet"]
"""What the core made of a judgement. ``not yet``: the events end before its last window closed."""


class Answered(Struct, frozen=True):
    """A judgement, and what became of it.

    Attributes:
        judgement: explained.
        fate: what the core said.
        silenced_by: the signal whose ``quiet`` silenced it; empty for none.
        silent_until_us: how long that lasts; 0 for none.
    """

    judgement: Judgement
    fate: Fate
    silenced_by: str = ""
    silent_until_us: int = 0


class Passed(Struct, frozen=True):
    """An event of the anchor's kind that is no anchor.

    Attributes:
        event: the event.
        condition: the anchor's condition, and what it saw.
    """

    event: Event
    condition: Condition


class Answer(Struct, frozen=True):
    """All that is known.

    Attributes:
        judged: in order of time.
        passed: events that would have been judged but for the anchor's condition.
        nearest: where there are neither: other events about whom is asked, the nearest in time.
        others: where there are neither: anchors near the time that are about others.
        idle: why the rule judges nothing in this shop; empty where it does.
        unheard: rules whose signals it looks for and of which none can come, each with why not.
        events: how many events were read.
        refused: how much that was read is no event.
        from_us: the first event's time; None where there was none.
        to_us: the last event's.
    """

    judged: list[Answered]
    passed: list[Passed]
    nearest: list[Event]
    others: list[Event]
    idle: str
    unheard: dict[str, str]
    events: int
    refused: int
    from_us: int | None
    to_us: int | None
