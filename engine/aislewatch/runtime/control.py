"""Asking a run that is under way for something, over its own NATS: so far, to reload.

A request and its answer are JSON on a subject that nobody can guess and that the run leaves in its
folder (see :mod:`aislewatch.runtime.handover`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec

from aislewatch.errors import AislewatchError, UsageError
from aislewatch.runtime.handover import Reach
from aislewatch.runtime.live_reload import COMMITTED_S, RECORDED_S, Reloaded, Reloading
from aislewatch.runtime.nats_link import BusAway, Delivery, Link

_ANSWER_S: Final = COMMITTED_S + RECORDED_S + 30.0
"""How long an answer may take: a large catalogue is read meanwhile."""

_CONNECT_S: Final = 5.0
_LOOK_S: Final = 0.25

_MISTAKES_MAX: Final = 500
"""Mistakes in an answer, so that a message can hold them."""


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
    link = Link(reach.url, name="aislewatch reload", credentials=reach.credentials)
    link.start()
    try:
        await link.ready(_CONNECT_S)
        request = msgspec.json.encode(ReloadRequest(by))
        answer = await link.request(reach.control, request, timeout_s=_ANSWER_S)
    finally:
        await link.close()
    try:
        return msgspec.json.decode(answer.payload, type=Reloaded)
    except msgspec.MsgspecError:
        message = f"the run gave an answer that is none: {answer.payload[:80]!r}"
        raise UsageError(message) from None


class ReloadDesk:
    """Takes requests to reload from wherever they come, and tells what became of each.

    Args:
        reloading: does it.
        on_reloaded: told of each.
    """

    def __init__(
        self, reloading: Reloading, on_reloaded: Callable[[Reloaded], None] | None
    ) -> None:
        self._reloading = reloading
        self._on_reloaded = on_reloaded
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
        try:
            request = msgspec.json.decode(delivery.payload, type=ReloadRequest)
        except msgspec.MsgspecError as error:
            reloaded = Reloaded(refused=f"this run does not know what is asked of it: {error}")
        else:
            reloaded = await self._reload(request.by)
        few = reloaded.mistakes[:_MISTAKES_MAX]
        answer = msgspec.json.encode(msgspec.structs.replace(reloaded, mistakes=few))
        if delivery.reply:
            with suppress(BusAway):
                await link.publish(delivery.reply, answer)

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
