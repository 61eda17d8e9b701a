"""One opening of a feed: bytes taken from a source, told by the mapper, handed to the host."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aislewatch.devices.clock import ClockWatch
from aislewatch.devices.telling import Told, hand_over
from aislewatch.events.sensor import ClockSkew, Emit, SensorContext
from aislewatch_plugins.feed.compiler import FeedMapping
from aislewatch_plugins.feed.config import FeedConfig
from aislewatch_plugins.feed.driver import Answer, Line
from aislewatch_plugins.feed.mapper import ABSURD_US, Mapper
from aislewatch_plugins.feed.rows import RawRow, row_of_line, rows_of_body


class Session:
    """Takes what a source reads.

    Attributes:
        mapping: what rows mean.
        mapper: tells what they mean.
        emit: where it goes; set before the source runs.
    """

    emit: Emit

    def __init__(
        self, config: FeedConfig, context: SensorContext, mapping: FeedMapping, mapper: Mapper
    ) -> None:
        self.mapping = mapping
        self.mapper = mapper
        self._config = config
        self._device = context.device
        self._clock = context.clock
        self._clocks = ClockWatch(config.skew, prompt=False)
        # Connections and requests take turns: the mapper is one, and order is what it gives.
        self._turn = asyncio.Lock()
        self._rows = 0
        self._lines: dict[str, int] = {}

    @property
    def skew(self) -> ClockSkew | None:
        """How far the clock that is furthest ahead is off; None where rows tell no time of now."""
        return self._clocks.skew

    async def lines(self, lines: list[Line], link: str) -> None:
        """Take the next lines of a connection; returns once they cannot be lost."""
        async with self._turn:
            told: list[Told] = []
            for line, error in lines:
                self._lines[link] = self._lines.get(link, 0) + 1
                row = RawRow(None, line, 0, error=error) if error else row_of_line(line, 0)
                told += self._tell(row, self._lines[link], link)
            await self.hand_over(told)

    async def body(self, body: bytes, link: str) -> Answer:
        """Take the body of a request; returns once it cannot be lost."""
        async with self._turn:
            counts = self.mapper.counts
            rows, refused, refusals = counts.rows, counts.refused, counts.refusals
            told: list[Told] = []
            readable = False
            self.mapper.begin(link)  # Sent again, it must give the same ids.
            for row in rows_of_body(body, self.mapping.file):
                readable = readable or not row.error
                told += self._tell(row, 0, link)  # A request has no banner.
            await self.hand_over(told)
            accepted = (counts.rows - rows) - (counts.refused - refused)
            return Answer(accepted, counts.refusals - refusals, readable)

    async def gone(self, link: str) -> None:
        """Tell that the devices of a connection are offline."""
        async with self._turn:
            self._lines.pop(link, None)
            await self.hand_over(self.mapper.lost(link, self._clock.now_us()))

    async def hand_over(self, told: Iterable[Told]) -> None:
        """Give the host what was told, in order; returns once it cannot be lost."""
        await hand_over(told, self.emit, self._device)

    def _tell(self, row: RawRow, line: int, link: str) -> list[Told]:
        self._rows += 1
        row.number = self._rows
        row.line = line
        placed = self.mapper.place(row)
        if self._config.recording:
            return self.mapper.tell(placed, latest_us=ABSURD_US, link=link)
        now_us = self._clock.now_us()
        latest_us = now_us + self._config.future_tolerance
        told = self.mapper.tell(placed, latest_us=latest_us, link=link)
        if placed.time_us is not None and placed.device:
            self._clocks.take(placed.time_us, now_us, placed.device)
        return told
