"""The first step of a row: out of its frame, to its case and its time.

Rows come in the order of the file, because a time may be told as a wait since the row before.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aislewatch.errors import EventRefused
from aislewatch.events.paths import is_object
from aislewatch_plugins.feed.building import reading
from aislewatch_plugins.feed.cards import holds_card
from aislewatch_plugins.feed.plan import Plan, PlannedCase
from aislewatch_plugins.feed.refusing import outline
from aislewatch_plugins.feed.rows import RawRow
from aislewatch_plugins.feed.told import Placed


class Placer:
    """Finds cases and times by one mapping."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._waited: dict[str, int] = {}

    def place(self, raw: RawRow) -> Placed:
        """Find a row's case and time. Call in the order of the file; never raises."""
        names: dict[str, Any] = {
            **self._plan.params,
            "file": raw.file,
            "stream": raw.stream,
            "row": raw.number,
        }
        placed = Placed(raw.value, raw, names, counted=not raw.file)
        try:
            if raw.error:
                raise EventRefused(raw.error)
            self._place(placed)
        except EventRefused as refused:
            placed.refused = refused
        except RecursionError:
            placed.refused = EventRefused("the row is nested too deeply")
        frames = self._plan.frames
        if placed.refused is not None and frames is not None and placed.row is raw.value:
            # Only what would be refused is passed over: a wire without a banner loses no row.
            placed.banner = 0 < raw.line <= frames.banner_lines
        return placed

    def _place(self, placed: Placed) -> None:
        plan, names = self._plan, placed.names
        self._unwrap(placed)
        if plan.wait is not None:
            placed.time_us = self._wait(placed)
        row = placed.row
        if not is_object(row):
            message = "the row is no JSON object"
            raise EventRefused(message)
        case = self._case(row, names)
        if case is None:
            self._stray(placed)
            message = f"no case of the mapping fits a row with {outline(row)}"
            raise EventRefused(message, f"{plan.name} cases")
        placed.case = case
        names["case"] = case.name
        if case.time is not None:
            placed.time_us = reading(case.time, row, names, case.time_place)
        if placed.time_us is None:
            message = "the row does not say when it happened"
            raise EventRefused(message, case.time_place)

    def _stray(self, placed: Placed) -> None:
        """Find what the top of the file says of a row that fits no case, for its refusal."""
        placed.case = other = self._plan.other
        if other is not None:
            placed.names["case"] = other.name
            if other.time is not None:
                with suppress(ValueError):
                    placed.time_us = other.time(placed.row, placed.names)

    def _unwrap(self, placed: Placed) -> None:
        frames = self._plan.frames
        if frames is None:
            return
        frame, names = placed.row, placed.names
        row = frames.row(frame, names)
        if not is_object(row):
            return  # A file of the same rows has no frames.
        stream = frames.stream(frame, names) if frames.stream is not None else None
        number = frames.number(frame, names) if frames.number is not None else None
        placed.row = row
        if isinstance(stream, str):
            names["stream"] = stream
        if (
            isinstance(number, int)
            and not isinstance(number, bool)
            and 0 <= number < 2**62
            and not holds_card(str(number))
        ):
            names["row"] = number
            placed.counted = False

    def _case(self, row: Any, names: Mapping[str, Any]) -> PlannedCase | None:
        plan = self._plan
        for case in plan.cases:
            if case.when is None or case.when(row, names):
                return case
        if plan.heartbeat is not None and plan.heartbeat(row, names):
            return plan.other
        return None

    def _wait(self, placed: Placed) -> int:
        wait = self._plan.wait
        assert wait is not None
        key = placed.raw.file or placed.names["stream"]
        before = self._waited.get(key, wait.start_us)
        try:
            waited = wait.read(placed.row, placed.names)
        except ValueError as error:
            raise EventRefused(str(error), f"{self._plan.name} time") from None
        if waited is None:
            message = "the row does not say how long it waits for the row before"
            raise EventRefused(message, f"{self._plan.name} time")
        self._waited[key] = before + waited
        return before + waited
