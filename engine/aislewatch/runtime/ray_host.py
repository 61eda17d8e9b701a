"""The host that runs each life in a Ray actor: a process of its own, which harms no other."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from aislewatch.runtime.hosting import LifeSpec, Outcome, Status, described
from aislewatch.runtime.ray_setup import LocalRay, import_ray

ANSWER_S: Final = 5.0
"""How long an actor may take to say how it is doing."""

_AT_ONCE: Final = max(2, os.cpu_count() or 2)
"""How many lives may start at once: beginning takes a core for seconds, and a dozen that share two
would all take so long that none is there in time."""

_START_S: Final = 30.0
"""For so long the others wait for one that starts."""

_LOOK_S: Final = 0.1

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


class RayHost:
    """Runs lives in actors of a local Ray.

    Args:
        ray: entered; left when the host is closed.
    """

    def __init__(self, ray: LocalRay) -> None:
        self._ray = ray
        self._starting = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    async def open(cls, *, token: str, workers: int = 1) -> RayHost:
        """Start Ray and give a host on it; arguments and errors are those of `LocalRay`."""
        ray = LocalRay(token=token, workers=workers)
        await ray.__aenter__()
        return cls(ray)

    async def start(self, spec: LifeSpec) -> RayLife:
        """Begin a life; returns when its heart beats, so that only a few begin at once."""
        from aislewatch.runtime.ray_actor import Actor  # noqa: PLC0415  # It imports Ray.

        async with self._starting:
            life = RayLife(Actor.options(name=None).remote(msgspec.json.encode(spec)))
            try:
                await life.begun(_START_S)
            except BaseException:
                await life.kill()
                await life.outcome()
                raise
        return life

    async def require_loopback(self) -> None:
        """Look again at every listener; see `LocalRay.require_loopback`."""
        await self._ray.require_loopback()

    async def close(self) -> None:
        """Stop Ray."""
        await self._ray.__aexit__()


class RayLife:
    """A life in an actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._errors = import_ray().exceptions
        self._run: asyncio.Future[bytes] = asyncio.wrap_future(actor.run.remote().future())

    async def begun(self, limit_s: float) -> None:
        """Wait until its heart has begun to beat, it has ended, or so long."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + limit_s
        while not self._run.done() and loop.time() < until_s:
            status = await self.status()
            if status is not None and status.beats:
                return
            await asyncio.wait([self._run], timeout=_LOOK_S)

    async def outcome(self) -> Outcome:
        """Wait until it has ended; its process then ends too."""
        await asyncio.wait([self._run])
        try:
            return msgspec.json.decode(self._run.result(), type=Outcome)
        except self._errors.RayActorError as error:
            if error.actor_init_failed:
                return Outcome("broke", _cause(error))
            return Outcome("died", _first_line(error))
        except Exception as error:  # Of Ray.
            return Outcome("broke", described(error))
        finally:
            self._end()

    async def status(self) -> Status | None:
        """Ask how it is doing."""
        answer = await _answer(self._actor.status)
        return None if answer is None else msgspec.json.decode(answer, type=Status)

    async def diagnostics(self) -> Mapping[str, Any] | None:
        """Ask for what helps to find a fault."""
        answer = await _answer(self._actor.diagnostics)
        return None if answer is None else msgspec.json.decode(answer, type=dict[str, Any])

    async def stop(self) -> None:
        """Ask it to end."""
        self._actor.stop.remote()

    async def kill(self) -> None:
        """End its process."""
        self._end()
        await asyncio.wait([self._run])

    def _end(self) -> None:
        import_ray().kill(self._actor, no_restart=True)


async def _answer(method: Any) -> bytes | None:
    """Call an actor's method; None where no answer comes in time."""
    answer: asyncio.Future[bytes] = asyncio.wrap_future(method.remote().future())
    try:
        await asyncio.wait([answer], timeout=ANSWER_S)
    finally:
        answer.cancel()  # Nothing, where it is there.
    if answer.cancelled() or answer.exception() is not None:
        return None
    return answer.result()


def _cause(error: Exception) -> str:
    """Give why an actor could not be made: Ray hands over a coloured traceback, the cause last."""
    return _lines(error)[-1]


def _first_line(error: Exception) -> str:
    lines = _lines(error)
    return f"its process ended: {lines[0]}" if lines else "its process ended"


def _lines(error: Exception) -> list[str]:
    lines = [line.strip() for line in _COLOUR.sub("", str(error)).splitlines()]
    return [line for line in lines if line]
