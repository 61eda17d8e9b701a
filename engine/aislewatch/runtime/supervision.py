"""Keeping one long-running part alive: one life after another, as its supervisor decides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from aislewatch.events.sensor import Clock
from aislewatch.runtime.hosting import HostedLife, LifeSpec, Outcome, PluginHost, Status, described
from aislewatch.runtime.supervisor import Change, Supervisor

POLL_S: Final = 0.5
"""How often a life is asked how it is doing."""

STOP_S: Final = 30.0
"""How long a device may take to stop, with its flush, before it is ended by force."""

_NOTHING: Final = Status(pid=0)


class Watch:
    """One long-running part, watched through all its lives.

    Args:
        host: where its lives are run.
        make_spec: gives what the next life is made from; is given this watch.
        supervisor: decides.
        clock: for the supervisor.
        on_change: called with each new state, in order; waited for.
        stop_s: how long it may take to stop; None: as long as it needs.

    Attributes:
        supervisor: the one given.
        status: how the current life is doing, or how the last one was at its end.
        outcome: of the last life that ended; None before.
        events, refused: as in `Status`, of all lives.
    """

    def __init__(
        self,
        host: PluginHost,
        make_spec: Callable[[Watch], LifeSpec],
        supervisor: Supervisor,
        clock: Clock,
        on_change: Callable[[Watch, Change], Awaitable[None]],
        *,
        stop_s: float | None = STOP_S,
    ) -> None:
        self.supervisor = supervisor
        self.status = _NOTHING
        self.outcome: Outcome | None = None
        self._host = host
        self._make_spec = make_spec
        self._clock = clock
        self._on_change = on_change
        self._stop_s = stop_s
        self._stop = asyncio.Event()
        self._past = _NOTHING
        self._life: HostedLife | None = None

    @property
    def events(self) -> int:
        """How many events all lives handed on."""
        return self._past.events + self.status.events

    @property
    def refused(self) -> int:
        """How much was refused in all lives."""
        return self._past.refused + self.status.refused

    async def diagnostics(self) -> Mapping[str, Any] | None:
        """Ask the current life for what helps to find a fault; None where there is no answer."""
        return None if self._life is None else await self._life.diagnostics()

    def ask_to_stop(self) -> None:
        """Ask the current life to stop, and begin no other; unless one that must stop fails."""
        self._stop.set()

    async def run(self) -> None:
        """Begin one life after another until it is to stop, its source ends, or none would help."""
        await self._on_change(self, self.supervisor.current)
        while not self.supervisor.ended:
            if not await self._wait_for_the_next():
                break
            outcome = await self._live()
            if outcome.last is not None:
                self.status = outcome.last
            self.outcome = outcome
            self._keep_counts()
            await self._judge(outcome)
        if self._stop.is_set():
            await self._tell(self.supervisor.stop("stopped"))

    async def _wait_for_the_next(self) -> bool:
        """Wait out the pause; False where it was asked to stop instead."""
        retry_at_us = self.supervisor.retry_at_us
        while retry_at_us is not None and not self._stop.is_set():
            left_us = retry_at_us - self._clock.now_us()
            if left_us <= 0:
                break
            await self._stopped_within(left_us / 1_000_000)
        return not self._stop.is_set()

    async def _live(self) -> Outcome:
        self.supervisor.begin(self._clock.now_us())
        self.status = _NOTHING
        try:
            life = await self._start(self._make_spec(self))
        except Exception as error:  # A host that cannot start a life is a failure like any other.
            return Outcome("broke", described(error))
        if life is None:
            return Outcome("stopped")
        self.supervisor.beat(0, self._clock.now_us())
        ending = asyncio.create_task(life.outcome())
        self._life = life
        try:
            return await self._follow(life, ending)
        finally:
            self._life = None
            if not ending.done():
                await life.kill()
                await ending

    async def _start(self, spec: LifeSpec) -> HostedLife | None:
        """Have a life begun, which may wait for others; None where it is to stop before that."""
        starting = asyncio.create_task(self._host.start(spec))
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.wait([starting])
        finally:
            starting.cancel()
            stop.cancel()
        return None if starting.cancelled() else starting.result()

    async def _follow(self, life: HostedLife, ending: asyncio.Task[Outcome]) -> Outcome:
        stop = asyncio.create_task(self._stop.wait())
        try:
            while not stop.done():
                await asyncio.wait(
                    {ending, stop}, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED
                )
                if ending.done():
                    return ending.result()
                await self._look(life)
                if self.supervisor.hangs(self._clock.now_us()):
                    await life.kill()
                    await ending
                    return Outcome("hung", "its heartbeat stood still; it was ended by force")
        finally:
            stop.cancel()
        await life.stop()
        return await self._await_stop(life, ending)

    async def _await_stop(self, life: HostedLife, ending: asyncio.Task[Outcome]) -> Outcome:
        loop = asyncio.get_running_loop()
        deadline = None if self._stop_s is None else loop.time() + self._stop_s
        while deadline is None or loop.time() < deadline:
            await asyncio.wait({ending}, timeout=POLL_S)
            if ending.done():
                return ending.result()
            await self._look(life)
            if self.supervisor.hangs(self._clock.now_us()):
                break
        await life.kill()
        await ending
        return Outcome("hung", "it did not stop when asked; it was ended by force")

    async def _look(self, life: HostedLife) -> None:
        status = await life.status()
        if status is None:
            return
        self.status = status
        self.supervisor.beat(status.beats, self._clock.now_us())
        if not status.proved:
            return
        strain = status.strain
        if strain is None or self.supervisor.state != "degraded":
            await self._tell(self.supervisor.proved())
        if strain is not None:
            await self._tell(self.supervisor.strained(*strain))

    async def _judge(self, outcome: Outcome) -> None:
        supervisor = self.supervisor
        if outcome.last is not None and outcome.last.proved:
            await self._tell(supervisor.proved())
        if outcome.failed and not self._stop.is_set():
            final = outcome.ending == "misconfigured"
            now_us = self._clock.now_us()
            await self._tell(supervisor.fail(now_us, outcome.ending, outcome.detail, final=final))
        else:
            await self._tell(supervisor.stop(outcome.ending, outcome.detail))

    async def _tell(self, change: Change | None) -> None:
        if change is not None:
            await self._on_change(self, change)

    async def _stopped_within(self, seconds: float) -> None:
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({stop}, timeout=seconds)
        finally:
            stop.cancel()

    def _keep_counts(self) -> None:
        """Put the ended life's counts aside."""
        past, status = self._past, self.status
        self._past = replace(
            past, events=past.events + status.events, refused=past.refused + status.refused
        )
        self.status = replace(status, events=0, refused=0, connected=False, pid=0)
