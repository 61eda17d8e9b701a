"""Where the parts that run for long are run: the port, and the host that runs them in this process.

A *life* is one run of such a part, a device with its plugin or a ledger's engine, from its start to
its end. It is made from plain data, so that it can be made in another process, and it ends with an
:class:`Outcome` however it ends. Nothing here restarts anything: see
:mod:`aislewatch.runtime.supervision`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

import msgspec

from aislewatch.events.sensor import ClockSkew

CLOCK_SKEW: Final = "clock-skew"
"""Reason of a state: the device's clock is further off than it may be."""

BEAT_S = 1.0
"""How often a life counts its heartbeat."""

Ending = Literal["ended", "stopped", "not-ready", "misconfigured", "broke", "died", "hung"]


class Status(msgspec.Struct, frozen=True):
    """How a life is doing; counts are since it began.

    Attributes:
        pid: of the process that it runs in.
        beats: its heartbeat's count; one that stands still is a hang.
        proved: something was decoded, by a device or of the event stream.
        connected: its link to the device, or to NATS, stands.
        events: handed on (a device) or taken in (an engine).
        refused: what was no event.
        spooled: events on disk that wait for NATS.
        dropped: events that the spool had no room for since its file was made.
        stores: by store: the newest event time that was handed on (a device), or the sequence
            number up to which the stream is committed (an engine).
        detail: what there is to say, in a sentence.
        clock: how far the device's clock is off; None where that is not known.
    """

    pid: int
    beats: int = 0
    proved: bool = False
    connected: bool = False
    events: int = 0
    refused: int = 0
    spooled: int = 0
    dropped: int = 0
    stores: dict[str, int] = {}
    detail: str = ""
    clock: ClockSkew | None = None

    @property
    def strain(self) -> tuple[str, str] | None:
        """What a device that is there has less than it should, in a word and in a sentence."""
        if not self.connected:
            return "link", self.detail
        if self.clock is not None and self.clock.wrong:
            return CLOCK_SKEW, str(self.clock)
        return None


class Outcome(msgspec.Struct, frozen=True):
    """How a life ended.

    Attributes:
        ending: ``ended``: its source has ended for good. ``stopped``: it was asked to. Otherwise it
            failed: ``not-ready`` and ``misconfigured`` as the error of that name says, ``broke``
            by any other exception, ``died`` with its process, ``hung`` until it was killed.
        detail: in a sentence.
        last: how it was doing at its end; None where it cannot tell any more.
    """

    ending: Ending
    detail: str = ""
    last: Status | None = None

    @property
    def failed(self) -> bool:
        """Whether nobody asked for it and the source had more to give."""
        return self.ending not in {"ended", "stopped"}


class Life(Protocol):
    """What a host runs. Made, run once, and thrown away."""

    async def run(self) -> Outcome:
        """Live until the end. Never raises for a fault of the device; says it in the outcome."""
        ...

    def ask_to_stop(self) -> None:
        """Ask it to end soon and in order; `run` then returns. May be called twice."""
        ...

    def status(self) -> Status:
        """Say how it is doing, without waiting for anything; may be called from any thread."""
        ...

    async def diagnostics(self) -> Mapping[str, Any]:
        """Give what helps a person who looks for a fault, without secrets; from any event loop."""
        ...


class LifeSpec(Protocol):
    """Plain data that a life is made from; crosses processes as JSON."""

    @property
    def name(self) -> str:
        """What to call the life: of a device or of a ledger's engine."""
        ...

    def make(self) -> Life:
        """Make the life; does no I/O."""
        ...


class HostedLife(Protocol):
    """A life in a host."""

    async def outcome(self) -> Outcome:
        """Wait until it has ended, however it ends."""
        ...

    async def status(self) -> Status | None:
        """Ask how it is doing; None where no answer came in time."""
        ...

    async def diagnostics(self) -> Mapping[str, Any] | None:
        """Ask for what helps to find a fault; None where no answer came in time."""
        ...

    async def stop(self) -> None:
        """Ask it to end; returns at once."""
        ...

    async def kill(self) -> None:
        """End it by force: nothing in it gets to run any more."""
        ...


class PluginHost(Protocol):
    """Runs lives somewhere."""

    async def start(self, spec: LifeSpec) -> HostedLife:
        """Begin a life; may wait for others that begin. Cancelled, it leaves none behind."""
        ...

    async def close(self) -> None:
        """Let go of everything that the host itself holds; all lives have ended before."""
        ...


class InlineHost:
    """Runs lives as tasks of this event loop.

    For tests, replays of recordings and very small boxes: it saves 450 MiB and seconds of start. A
    plugin that blocks stops everything here, and one that crashes the process takes all with it.
    """

    async def start(self, spec: LifeSpec) -> InlineLife:
        """Begin a life."""
        return InlineLife(spec.make(), spec.name)

    async def close(self) -> None:
        """Do nothing: the tasks have ended."""


class InlineLife:
    """A life in this event loop."""

    def __init__(self, life: Life, name: str) -> None:
        self._life = life
        self._task = asyncio.create_task(life.run(), name=name)

    async def outcome(self) -> Outcome:
        """Wait until it has ended."""
        await asyncio.wait([self._task])
        if self._task.cancelled():
            return Outcome("died", "it was killed")
        error = self._task.exception()
        return Outcome("broke", described(error)) if error is not None else self._task.result()

    async def status(self) -> Status | None:
        """Ask how it is doing."""
        return self._life.status()

    async def diagnostics(self) -> Mapping[str, Any] | None:
        """Ask for what helps to find a fault."""
        return await self._life.diagnostics()

    async def stop(self) -> None:
        """Ask it to end."""
        self._life.ask_to_stop()

    async def kill(self) -> None:
        """Cancel it."""
        self._task.cancel()
        await asyncio.wait([self._task])


class Heart:
    """Counts beats for as long as the event loop turns.

    Args:
        at_each_beat: called at each, in the loop.

    Attributes:
        beats: how many there were.
    """

    def __init__(self, at_each_beat: Callable[[], None]) -> None:
        self.beats = 0
        self._at_each_beat = at_each_beat

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            self.beats += 1
            self._at_each_beat()
            await asyncio.sleep(BEAT_S)


def described(error: BaseException) -> str:
    """Give an error as a sentence: its own text, or its type where it has none."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
