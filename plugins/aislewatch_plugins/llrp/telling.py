"""What a reader's messages and the gate's findings are as events.

Pure but for the count that makes ids: messages and times go in, events and refusals come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from aislewatch.devices.telling import REFUSED_ROW, Envelopes, Refusal, Told
from aislewatch.events.kinds import RfidCrossing, RfidRead, TimedBy
from aislewatch.events.sensor import SensorContext
from aislewatch_plugins.llrp.clock import ReaderClock
from aislewatch_plugins.llrp.codec import Element, Message
from aislewatch_plugins.llrp.config import LlrpConfig
from aislewatch_plugins.llrp.framing import Nonsense
from aislewatch_plugins.llrp.gate import Crossing, Finding, Gate
from aislewatch_plugins.llrp.passage import INSIDE, MIDDLE, OUTSIDE, Sighting
from aislewatch_plugins.llrp.reads import BadTag, TagRead, reads_of, time_of
from aislewatch_plugins.llrp.standing import (
    ANTENNA_LOST,
    CLOCK_SKEW,
    READER_FAULT,
    STRAY_TAG,
    Standing,
)

_SIDES: Final = {"inside": INSIDE, "middle": MIDDLE, "outside": OUTSIDE}
_SECOND_US: Final = 1_000_000
_STRONGER_DB: Final = 3.0
"""By how much a repeated read must be stronger to be told at once."""

_TOLD_MAX: Final = 4096
_ROSPEC_ENDED, _PREEMPTED = 1, 2


class Teller:
    """Tells what a reader says; one for each opening.

    Args:
        config: of the reader.
        context: of the opening.

    Attributes:
        gate: the filter.
        clock: puts the reader's times right.
        refused: how much was no event.
        over: why the reader reads no more, as it says itself; empty while it does.
    """

    def __init__(self, config: LlrpConfig, context: SensorContext) -> None:
        sides = {
            number: _SIDES[antenna.side]
            for number, antenna in config.antennas.items()
            if antenna.side is not None
        }
        self.gate = Gate(config.gate, frozenset(sides.values()))
        self.clock = ReaderClock(config.clock_tolerance)
        self.refused = 0
        self.over = ""
        self._sides = sides
        self._config = config
        self._envelopes = Envelopes(context)
        self._standing = Standing()
        self._lost: set[int] = set()
        self._last: dict[tuple[str, int], tuple[int, float]] = {}

    def tell(self, came: Message | Nonsense, now_us: int) -> Iterator[Told]:
        """Tell one thing that came."""
        if isinstance(came, Nonsense):
            yield from self._refuse(came.data, came.reason, "the byte stream", now_us)
            return
        self._standing.clear(REFUSED_ROW)
        match came.name:
            case "RO_ACCESS_REPORT":
                self._standing.clear(READER_FAULT)  # Whatever it was, it reads again.
                yield from self._report(came, now_us)
            case "READER_EVENT_NOTIFICATION":
                yield from self._notice(came, now_us)
            case _:
                reason = f"{came.name} was not asked for"
                yield from self._refuse(came.raw, reason, came.name, now_us)
        yield from self._state(now_us)

    def advance(self, now_us: int) -> Iterator[Told]:
        """Tell what is known by now because nothing more came."""
        yield from self._found(self.gate.advance(now_us), now_us)
        yield from self._state(now_us)

    def close(self, now_us: int) -> Iterator[Told]:
        """Tell what the reads so far say, because no more will come."""
        yield from self._found(self.gate.close(), now_us)

    def _report(self, report: Message, now_us: int) -> Iterator[Told]:
        for read in reads_of(report):
            if isinstance(read, BadTag):
                place = f"{report.name}, tag {read.number}"
                yield from self._refuse(report.raw, read.reason, place, now_us)
            else:
                yield from self._read(read, now_us)

    def _read(self, read: TagRead, now_us: int) -> Iterator[Told]:
        time_us, timed_by = self._time_of(read, now_us)
        side = self._sides.get(read.antenna)
        if side is not None:
            sighting = Sighting(time_us, side, read.rssi_dbm, read.reads, timed_by)
            self.gate.heard(read.epc, sighting, now_us)
        if not self._is_news(read, time_us):
            return
        antenna = self._config.antennas.get(read.antenna)
        yield RfidRead(
            **self._envelopes.at(time_us, timed_by),
            epc=read.epc,
            rssi_dbm=read.rssi_dbm,
            antenna=read.antenna or None,
            zone_id=antenna.zone if antenna is not None else None,
        )

    def _time_of(self, read: TagRead, now_us: int) -> tuple[int, TimedBy | None]:
        return (now_us, "arrival") if read.at is None else self.clock.on_host(read.at, now_us)

    def _is_news(self, read: TagRead, time_us: int) -> bool:
        """Say whether a read is told: the first, a stronger one, or one after a while."""
        key = (read.epc, read.antenna)
        level = -1000.0 if read.rssi_dbm is None else read.rssi_dbm
        told_us, told = self._last.get(key, (time_us - self._config.repeat, level))
        repeats = abs(time_us - told_us) < self._config.repeat
        if repeats and level < told + _STRONGER_DB:
            return False
        self._last.pop(key, None)
        self._last[key] = (told_us if repeats else time_us, level)
        if len(self._last) > _TOLD_MAX:
            del self._last[next(iter(self._last))]
        return True

    def _notice(self, notice: Message, now_us: int) -> Iterator[Told]:
        data = notice.content.part("ReaderEventNotificationData")
        if data is None:
            yield from self._refuse(notice.raw, "it holds no event", notice.name, now_us)
            return
        at = time_of(data)
        if at is not None:
            self.clock.on_host(at, now_us)
        for event in data.parts:
            yield from self._reader_event(event, now_us)

    def _reader_event(self, event: Element, now_us: int) -> Iterator[Told]:
        match event.name:
            case "AntennaEvent":
                self._antenna(event.number("AntennaID"), connected=bool(event.number("EventType")))
            case "ReaderExceptionEvent":
                said = event.text("Message") or "it does not say what"
                self._standing.set(READER_FAULT, f"the reader reports a fault: {said}")
            case "ReportBufferOverflowErrorEvent":
                self._standing.set(REFUSED_ROW, "the reader's buffer overflowed: reads are lost")
                yield from self._state(now_us)
                self._standing.clear(REFUSED_ROW)
            case "ConnectionCloseEvent":
                self.over = "the reader says that it closes the connection"
            case "ROSpecEvent" if event.number("EventType") in {_ROSPEC_ENDED, _PREEMPTED}:
                self.over = "the reader has stopped to read tags"
            case _:
                pass  # Hops, warnings, its own time: nothing that anybody must act upon.

    def _antenna(self, number: int, *, connected: bool) -> None:
        if connected:
            self._lost.discard(number)
        elif number in self._config.antennas:
            self._lost.add(number)
        if self._lost:
            ports = ", ".join(map(str, sorted(self._lost)))
            self._standing.set(ANTENNA_LOST, f"antenna {ports} is not connected")
        else:
            self._standing.clear(ANTENNA_LOST)

    def _found(self, findings: Iterable[Finding], now_us: int) -> Iterator[Told]:
        for found in findings:
            if isinstance(found, Crossing):
                yield RfidCrossing(
                    **self._envelopes.at(found.time_us, found.timed_by),
                    epc=found.epc,
                    direction=found.direction,
                    reads=found.reads,
                    rssi_dbm=found.best_dbm,
                    confidence=found.confidence,
                )
        strays = self.gate.strays
        if strays:
            others = f" and {len(strays) - 1} more" if len(strays) > 1 else ""
            minutes = self._config.gate.stray_after / (60 * _SECOND_US)
            detail = f"tag {strays[0]}{others} has stayed at the gate for {minutes:g} minutes"
            self._standing.set(STRAY_TAG, detail)
        else:
            self._standing.clear(STRAY_TAG)

    def _refuse(self, raw: bytes, reason: str, place: str, now_us: int) -> Iterator[Told]:
        self.refused += 1
        yield Refusal(raw, reason, place)
        self._standing.set(REFUSED_ROW, reason)
        yield from self._state(now_us)

    def _state(self, now_us: int) -> Iterator[Told]:
        skew = self.clock.skew
        if skew is not None and skew.wrong:
            self._standing.set(CLOCK_SKEW, f"{skew}; its times are put right")
        else:
            self._standing.clear(CLOCK_SKEW)
        if not self._standing.news():
            return
        worst = self._standing.worst
        if worst is None:
            yield self._envelopes.state(now_us, "online")
        else:
            yield self._envelopes.state(now_us, "degraded", *worst)
