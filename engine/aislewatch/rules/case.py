"""An inline test of a rule: what happens, and what must come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestCase:
    """An inline test.

    Attributes:
        events: its events, with values of parameters filled in.
        line: where they begin in the file, for mistakes in them.
        written: the events as the file has them.
    """

    __test__ = False

    name: str
    events: str
    line: int
    fires: int
    at: str | None
    about: Mapping[str, str]
    points: int | None
    because_not: str | None
    written: str = ""
