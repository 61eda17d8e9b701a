"""Asking a run that is under way for something, over its own NATS: to reload, how a device is.

A request and its answer are JSON on a subject that nobody can guess and that the run leaves in its
folder (see :mod:`aislewatch.runtime.handover`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

import msgspec

from aislewatch.errors import AislewatchError, UsageError
from aislewatch.runtime.diagnosing import Diagnosed, DiagnosticsRequest
from aislewatch.runtime.handover import Reach
from aislewatch.runtime.live_reload import COMMITTED_S, RECORDED_S, Reloaded, Reloading
from aislewatch.runtime.nats_link import BusAway, Delivery, Link

_ANSWER_S: Final = COMMITTED_S + RECORDED_S + 30.0
"""How long an answer may take: a large catalogue is read meanwhile."""

_DIAGNOSED_S: Final = 15.0

_CONNECT_S: Final = 5.0
_LOOK_S: Final = 0.25

_MISTAKES_MAX: Final = 500
"""Mistakes in an answer, so that a message can hold them."""


_Answer = TypeVar("_Answer")


class ReloadRequest(msgspec.Struct, frozen=True, tag="reload"):
    """Read the store files and rules again.

    Attributes:
        by: who asks, as a pseudonym.
    """

    by: str = ""


async def ask_reload(reach: Reach, by: str) -> Reloaded:
    """Have a run reload.

    Raises:
        BusError: it cannot be reached, or does not answer.
        UsageError: it has refused the request.
    """
    return await _ask(reach, ReloadRequest(by), Reloaded, _ANSWER_S)


async def ask_diagnostics(reach: Reach, device: str = "", store: str = "") -> list[Diagnosed]:
    """Have a run say what helps to find a fault in a device; without one, which there are.

    Raises:
        BusError: it cannot be reached, or does not answer.
        UsageError: its answer is none, as of another version.
    """
    request = DiagnosticsRequest(device, store)
    return await _ask(reach, request, list[Diagnosed], _DIAGNOSED_S)


async def _ask(
    reach: Reach, request: msgspec.Struct, type_: type[_Answer], within_s: float
) -> _Answer:
    link = Link(reach.url, name="aislewatch, asking", credentials=reach.credentials)
    link.start()
    try:
        await link.ready(_CONNECT_S)
        payload = msgspec.json.encode(request)
        answer = await link.request(reach.control, payload, timeout_s=within_s)
    finally:
        await link.close()
    try:
        return msgspec.json.decode(answer.payload, type=type_)
    except msgspec.MsgspecError:
        message = f"the run gave an answer that is none: {answer.payload[:80]!r}"
        raise UsageError(message) from None


class ControlDesk:
    """Takes requests from wherever they come, and tells what became of each reload.

    Args:
        reloading: reloads.
        on_reloaded: told of each reload.
        diagnose: says what helps to find a fault.
    """

    def __init__(
        self,
        reloading: Reloading,
        on_reloaded: Callable[[Reloaded], None] | None,
        diagnose: Callable[[DiagnosticsRequest], Awaitable[list[Diagnosed]]],
    ) -> None:
        self._reloading = reloading
        self._on_reloaded = on_reloaded
        self._diagnose = diagnose
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self, link: Link, subject: str) -> AsyncGenerator[None]:
        """Take requests that come on a subject, too, for a while; who waits then is let go."""
        self._begin(self._serve(link, subject))
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def begin(self) -> None:
        """Reload, for somebody who waits for no answer."""
        self._begin(self._unasked())

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name="control")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, link: Link, subject: str) -> None:
        """Listen, and listen again on each new connection."""

        def take(delivery: Delivery) -> None:
            self._begin(self._answer(link, delivery))

        stop: Callable[[], Awaitable[None]] | None = None
        epoch = -1
        while True:
            if link.connected and link.epoch != epoch:
                if stop is not None:
                    await stop()
                now = link.epoch
                with suppress(BusAway):
                    stop = await link.listen(subject, take)
                    epoch = now
            await asyncio.sleep(_LOOK_S)

    async def _answer(self, link: Link, delivery: Delivery) -> None:
        answer = await self._answered(delivery.payload)
        if delivery.reply:
            with suppress(BusAway):
                await link.publish(delivery.reply, msgspec.json.encode(answer))

    async def _answered(self, payload: bytes) -> Reloaded | list[Diagnosed]:
        try:
            request = msgspec.json.decode(payload, type=ReloadRequest | DiagnosticsRequest)
        except msgspec.MsgspecError as error:
            return Reloaded(refused=f"this run does not know what is asked of it: {error}")
        if isinstance(request, DiagnosticsRequest):
            return await self._diagnose(request)
        reloaded = await self._reload(request.by)
        few = reloaded.mistakes[:_MISTAKES_MAX]
        return msgspec.structs.replace(reloaded, mistakes=few)

    async def _unasked(self) -> None:
        await self._reload("")

    async def _reload(self, by: str) -> Reloaded:
        try:
            reloaded = await self._reloading.reload(by)
        except AislewatchError as error:
            reloaded = Reloaded(refused=str(error))
        if self._on_reloaded is not None:
            self._on_reloaded(reloaded)
        return reloaded
